/**
 * What a command was asked for, on standard output: an example, rules, a help text.
 *
 * @module
 */

import { ExitCode } from "./command.ts";

/**
 * Writes a text to standard output. Never throws.
 *
 * @returns The exit code: of a failure, which is shown on standard error, or of success. A reader that wants no more, such as
 *   `head`, is none.
 */
export async function writeOutput(text: string): Promise<number> {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return ExitCode.OK;
    console.error(`can't write to standard output: ${(error as Error).message}`);
    return ExitCode.FAILURE;
  }
  return ExitCode.OK;
}
