/**
 * The flags with which the program is run, read from `run_flags.txt`.
 *
 * @module
 */

const LIST = new URL("./run_flags.txt", import.meta.url);

/**
 * Returns the flags, one an element.
 *
 * @param shim What to put for the path of the shim.
 */
export function readRunFlags(shim: string): string[] {
  return Deno.readTextFileSync(LIST).split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((flag) => flag.replaceAll("@SHIM@", shim));
}
