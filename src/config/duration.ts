/**
 * Seconds of the file into milliseconds of the program.
 *
 * @module
 */

/** Intervals of at most this mean "off". Source: `config.md` §3.1, L2FIBTimeout and ResetEndPointInterval. */
const OFF_INTERVAL_S = 0.01;

/** Converts a duration; microseconds are the finest that is kept. `Infinity` stays. */
export function durationMs(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}

/** Converts an interval that may be off: 0 for 0.01 s and below, and for `Infinity`. */
export function intervalMs(seconds: number): number {
  return seconds > OFF_INTERVAL_S && seconds !== Infinity ? durationMs(seconds) : 0;
}
