/**
 * The only place that reads a clock. Everything else takes the time as a parameter, so that it can be simulated.
 *
 * @module
 */

/** Milliseconds since an arbitrary origin; never steps back. For deadlines and ages. */
export function monotonicMs(): number {
  return performance.now();
}

const NS_PER_MS = 1e6;

/**
 * Milliseconds since 1970-01-01T00:00:00Z, with microseconds behind the point; may step. For timestamps that others compare
 * with their own clock. Costs about a microsecond.
 */
export function wallClockMs(): number {
  return Number(Temporal.Now.instant().epochNanoseconds) / NS_PER_MS;
}
