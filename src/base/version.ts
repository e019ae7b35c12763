/**
 * The two versions this program has: its own, and the one it tells other nodes.
 *
 * @module
 */

/** Release of this program, as `--version` prints it. */
export const PROGRAM_VERSION = "0.1.0";

/**
 * Version text sent to other nodes.
 *
 * A super compares the part before the first `-` with its own and stops an edge on a difference, so that part is the
 * release of the reference node we speak with and not ours. Source: `config.md` §2.2; `behaviour.md` Q4.
 */
export const WIRE_VERSION = "v0.3.5-deno";
