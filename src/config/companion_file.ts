/**
 * Files that a configuration names: templates, certificates, keys.
 *
 * @module
 */

import { dirname, isAbsolute, join } from "node:path";

/** A file that was read. */
export interface CompanionFile {
  /** The path that it was found at. */
  readonly path: string;
  readonly text: string;
}

/** Longest such file in octets: none of their kinds comes near. */
const MAX_COMPANION_LEN = 1 << 20;

/**
 * Reads a text file. Never throws.
 *
 * @param written Path as the configuration has it; relative to the folder of the configuration.
 * @param configPath Path of the configuration.
 * @param isAlsoInWorkingDirectory Whether a file that isn't there is looked for in the working directory, which is
 *   where the reference node looks.
 * @returns The file, or why there is none.
 */
export function readCompanionFile(
  written: string,
  configPath: string,
  isAlsoInWorkingDirectory = false,
): CompanionFile | { readonly cause: string } {
  const beside = isAbsolute(written) ? written : join(dirname(configPath), written);
  const places = isAlsoInWorkingDirectory && beside !== written ? [beside, written] : [beside];
  for (const path of places) {
    try {
      return { path, text: readSmallFile(path) };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return { cause: `"${path}": ${(error as Error).message}` };
    }
  }
  return { cause: `no such file: ${places.map((path) => `"${path}"`).join(" or ")}` };
}

/** A device or a pipe in place of a file could be read for ever. */
function readSmallFile(path: string): string {
  const { isFile, size } = Deno.statSync(path);
  if (!isFile) throw new Error("not a file");
  if (size > MAX_COMPANION_LEN) throw new Error(`more than ${MAX_COMPANION_LEN} octets`);
  return Deno.readTextFileSync(path);
}
