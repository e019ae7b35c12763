/**
 * What is noise in a measured latency, and what is a change that routes should follow.
 *
 * Two filters, at two places. The receiver of pings takes the median of the last few (*damping*). Who computes routes does so
 * anew only if a latency has moved away from the value it was last used with by more than a tolerance. Source: `behaviour.md`
 * §6.4 and §6.6; reference node, `path/path.go` and `mtypes/filter.go`.
 *
 * @module
 */

import { BROADCAST_NODE_ID, type NodeId } from "../base/node_id.ts";

/** From this latency or cost on a link counts as no link. Source: reference node, `mtypes.Infinity` (99999 s). */
export const UNREACHABLE_MS = 99_999_000;

/** Most measurements to either side of the median; bounds what a peer's filter can hold. */
export const MAX_DAMPING_FILTER_RADIUS = 1000;

/** How a change is told from noise: `relative` is what a super does, `quantized` what an edge does. */
export interface JitterTolerance {
  readonly rule: "relative" | "quantized";
  /** Change that is taken for noise, in milliseconds; up to 0.001 every change counts. */
  readonly toleranceMs: number;
  /** Grows the tolerance with the latency; 1: not at all. */
  readonly multiplier: number;
}

/** `latencyMs[source][destination]`; 65535 stands for every node. */
export type ManualLatencies = ReadonlyMap<NodeId, ReadonlyMap<NodeId, number>>;

/** Below this tolerance there is none. Source: reference node, `path/path.go`. */
const LEAST_TOLERANCE_MS = 0.001;

/**
 * Tells whether a latency has changed so much that routes should be computed anew.
 *
 * Appearing and vanishing always counts.
 *
 * The reference super compares magnitudes, and has the relative tolerance grow with what the two clocks say: where they differ
 * by an hour, 1 % of that hides any change. So we take the difference as it is, and a scale that doesn't depend on clocks.
 *
 * @param usedMs What routes were last computed with; `Infinity` for no link.
 * @param currentMs What is known now.
 * @param scaleMs What the multiplier of the rule `relative` applies to; the greater of the two magnitudes if it isn't given.
 */
export function isSignificantChange(
  usedMs: number,
  currentMs: number,
  tolerance: JitterTolerance,
  scaleMs = Math.max(Math.abs(usedMs), Math.abs(currentMs)),
): boolean {
  const wasReachable = usedMs < UNREACHABLE_MS;
  const isReachable = currentMs < UNREACHABLE_MS;
  if (!wasReachable || !isReachable) return wasReachable !== isReachable;
  const { toleranceMs, multiplier } = tolerance;
  if (tolerance.rule === "quantized") {
    return quantize(Math.abs(usedMs), tolerance) !== quantize(Math.abs(currentMs), tolerance);
  }
  // The reference super without tolerance recalculates only when nothing changed; see `behaviour.md` §6.4.
  if (!(toleranceMs > LEAST_TOLERANCE_MS) || !(multiplier >= 1)) return usedMs !== currentMs;
  return Math.abs(currentMs - usedMs) > toleranceMs + scaleMs * (multiplier - 1);
}

/** Rounds up to a grid whose steps widen with the latency. */
function quantize(latencyMs: number, { toleranceMs, multiplier }: JitterTolerance): number {
  if (!(toleranceMs > LEAST_TOLERANCE_MS) || !(multiplier > 1)) return latencyMs;
  return Math.ceil((latencyMs / toleranceMs) ** (1 / multiplier)) ** multiplier * toleranceMs;
}

/** Returns the latency that the configuration puts in the place of any measured one; the most specific entry wins. */
export function manualLatencyMs(manual: ManualLatencies, source: NodeId, destination: NodeId): number | undefined {
  const ofSource = manual.get(source);
  const ofAll = manual.get(BROADCAST_NODE_ID);
  return ofSource?.get(destination) ?? ofSource?.get(BROADCAST_NODE_ID) ?? ofAll?.get(destination) ??
    ofAll?.get(BROADCAST_NODE_ID);
}

/** Median of a peer's last latencies. */
export class DampingFilter {
  #window: number;
  /** Oldest first. */
  readonly #samples: number[] = [];

  /** @param radius Measurements to either side of the median; 0: no filter. */
  constructor(radius: number) {
    this.#window = windowOf(radius);
  }

  /** Changes the radius; what was measured lately stays. */
  setRadius(radius: number): void {
    this.#window = windowOf(radius);
    this.#forgetOldest();
  }

  /** Forgets everything: the peer was away, and what was measured before says nothing about its path now. */
  reset(): void {
    this.#samples.length = 0;
  }

  /**
   * Takes a measurement in and returns the damped latency.
   *
   * @param latencyMs May be negative; what is no number or counts as unreachable is returned as it is and not kept.
   * @returns The median of the last measurements, of an odd count of them; with fewer than three, the latest.
   */
  filter(latencyMs: number): number {
    if (this.#window < 3 || !(Math.abs(latencyMs) < UNREACHABLE_MS)) return latencyMs;
    this.#samples.push(latencyMs);
    this.#forgetOldest();
    const count = this.#samples.length;
    const odd = count % 2 === 0 ? this.#samples.slice(1) : this.#samples.slice();
    if (odd.length < 3) return latencyMs;
    return odd.sort((a, b) => a - b)[odd.length >> 1];
  }

  #forgetOldest(): void {
    const excess = this.#samples.length - this.#window;
    if (excess > 0) this.#samples.splice(0, excess);
  }
}

function windowOf(radius: number): number {
  if (!(radius > 0)) return 1;
  return 2 * Math.min(Math.floor(radius), MAX_DAMPING_FILTER_RADIUS) + 1;
}
