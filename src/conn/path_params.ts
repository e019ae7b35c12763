/**
 * The times and limits by which paths are probed and chosen, with their defaults and reasons.
 *
 * @module
 */

/** What a configuration may set. Times in ms. */
export interface PathParams {
  /** Period of probes on the current path while there is traffic. */
  readonly activeProbeIntervalMs: number;
  /** The same while the path is in doubt. */
  readonly suspectProbeIntervalMs: number;
  /** Period of probes on a better path that has failed, while there is traffic. */
  readonly recoveryProbeIntervalMs: number;
  /** Period of probes on a path that has failed, else (`DualStack.ProbeInterval`). */
  readonly idleProbeIntervalMs: number;
  /** Period of probes on a path that works and carries nothing (`DualStack.BackupKeepalive`). */
  readonly standbyProbeIntervalMs: number;
  /** How long a better transport must have worked without a gap before traffic returns to it. */
  readonly holdMs: number;
  /** The same for the better family of one transport (`DualStack.FailbackDelay`); `Infinity`: until this one fails. */
  readonly failbackMs: number;
  /** How long a path is in doubt before it counts as dead. */
  readonly decideMs: number;
  /** Probes in a row that must be unanswered before a path counts as dead. */
  readonly minMissedProbes: number;
  /** Share of lost probes above which a path is lossy: worse than one that isn't. */
  readonly lossWorse: number;
  /** Share of lost probes up to which a path is clean: worth leaving a lossy one for. */
  readonly lossGood: number;
  /** There is traffic if something was sent within this. */
  readonly activityMs: number;
  /** Bounds of the time after which a probe counts as unanswered, and its value before anything was measured. */
  readonly probeTimeoutMinMs: number;
  readonly probeTimeoutMaxMs: number;
  readonly probeTimeoutInitialMs: number;
  /** Whether everything goes over other paths as well while the current one is in doubt. */
  readonly mirrors: boolean;
}

/**
 * The defaults. What they add up to while there is traffic and the round trip is short:
 *
 * - A silent path is in doubt, and mirrored, after 220 ms at most: up to 100 until the first probe that gets lost, 60 until
 *   it is overdue, the next one goes at once, and 60 until that is overdue. It is dead 400 ms later.
 * - 400 ms hold eight probes of 50 ms. On a path that loses half of all probes at random they are all lost once in 256
 *   times, so such a path is left for its loss, which is judged over many probes, rather than declared dead.
 * - A path that works again is noticed within 1 s and taken after 5 s more.
 * - 20 % is far above what congestion does to a path for long, 5 % about what a bad but usable radio link loses. The
 *   gap between them keeps a path from being left and taken again for the same loss.
 */
export const DEFAULT_PATH_PARAMS: PathParams = {
  activeProbeIntervalMs: 100,
  suspectProbeIntervalMs: 50,
  recoveryProbeIntervalMs: 1_000,
  idleProbeIntervalMs: 10_000,
  standbyProbeIntervalMs: 30_000,
  holdMs: 5_000,
  failbackMs: 30_000,
  decideMs: 400,
  minMissedProbes: 3,
  lossWorse: 0.2,
  lossGood: 0.05,
  activityMs: 1_000,
  probeTimeoutMinMs: 60,
  probeTimeoutMaxMs: 600,
  probeTimeoutInitialMs: 300,
  mirrors: true,
};
