/**
 * How often a path is probed: by what it is for, and by what is known of it. Pure.
 *
 * | path | with traffic | without |
 * | --- | --- | --- |
 * | any, in doubt or just missed a probe | suspect | suspect |
 * | any, not answered yet | active | active |
 * | current, works | active | standby |
 * | other, works, current is in trouble | active until it has been judged, then recovery | same |
 * | better, works: on trial for the return | recovery; active for the trial's time once it answered twice | idle |
 * | worse, works | standby | standby |
 * | dead, and better or there is none that works | recovery | idle |
 * | dead, worse | idle | idle |
 *
 * The entries name the intervals of {@linkcode PathParams}. A path "not answered yet" is dead within a second, so that row
 * costs ten probes.
 *
 * @module
 */

import type { Path } from "./path.ts";
import type { PathParams } from "./path_params.ts";

/** What a path is for, right now. */
export interface PathRole {
  readonly isCurrent: boolean;
  /** Whether it stands before the current path in the order of preference. */
  readonly isPreferred: boolean;
  /** Whether something was sent to the peer lately. */
  readonly isActive: boolean;
  /** Whether the current path is a reason to look for another: silent, lossy, or small-only. */
  readonly isCurrentTroubled: boolean;
  /** How long the path is looked at closely before traffic returns to it, ms. */
  readonly trialMs: number;
}

/** Replies in a row after which a better path is worth being looked at closely. */
const TRIAL_MIN_ANSWERED = 2;

/** Returns the interval of probes on a path, ms. */
export function probeIntervalMs(path: Path, role: PathRole, params: PathParams, nowMs: number): number {
  if (path.isHasty()) return params.suspectProbeIntervalMs;
  switch (path.state) {
    case "unknown":
    case "probing":
    case "suspect":
      return params.activeProbeIntervalMs;
    case "dead":
      return role.isActive && (role.isPreferred || role.isCurrent || role.isCurrentTroubled)
        ? params.recoveryProbeIntervalMs
        : params.idleProbeIntervalMs;
    case "alive":
      return aliveIntervalMs(path, role, params, nowMs);
  }
}

function aliveIntervalMs(path: Path, role: PathRole, params: PathParams, nowMs: number): number {
  if (role.isCurrent) return role.isActive ? params.activeProbeIntervalMs : params.standbyProbeIntervalMs;
  if (role.isCurrentTroubled) {
    return path.isJudged(nowMs) ? params.recoveryProbeIntervalMs : params.activeProbeIntervalMs;
  }
  if (!role.isPreferred) return params.standbyProbeIntervalMs;
  if (!role.isActive) return params.idleProbeIntervalMs;
  const isOnTrial = nowMs < path.cleanSinceMs + role.trialMs && path.cleanAnswered >= TRIAL_MIN_ANSWERED;
  return isOnTrial ? params.activeProbeIntervalMs : params.recoveryProbeIntervalMs;
}
