/**
 * How to start an edge that in one respect isn't ours.
 *
 * @module
 */

const PROGRAM = new URL("altered_edge.ts", import.meta.url).pathname;

/** Returns the words with which such an edge is started in place of the program; see `altered_edge.ts`. */
export function alteredProgram(): readonly string[] {
  return [Deno.execPath(), "run", "--quiet", "--allow-all", "--no-prompt", "--no-check", PROGRAM];
}
