/**
 * Which path to go to, when, and why. Pure: looks at what is known of all paths to a peer, and changes nothing.
 *
 * @module
 */

import { Transport, transportOf } from "../base/path_kind.ts";
import type { SwitchReason } from "./path_event.ts";
import type { PathHold } from "./path_hold.ts";
import { comparePaths, gradeOf, isPreferred, PathGrade, qualityOf } from "./path_score.ts";
import type { Path } from "./path.ts";

/** What a choice is made from. */
export interface PathChoices {
  /** Usable paths only. */
  readonly paths: readonly Path[];
  /** Kinds of `PathKind`, most preferred first. */
  readonly order: readonly number[];
  readonly hold: PathHold;
  /** When the current path came into doubt, ms; `Infinity` if it isn't. */
  readonly doubtedMs: number;
  readonly nowMs: number;
}

/** Replies within a clean stretch without which its length says nothing: few probes are sent while there is no traffic. */
const RETURN_MIN_ANSWERED = 3;
/** How much longer we wait for a still better path that works again, rather than change twice. */
const RETURN_PATIENCE_MS = 2_500;

/** Returns the paths, best first. */
export function bestFirst({ paths, order }: PathChoices): Path[] {
  return [...paths].sort((a, b) => comparePaths(a, b, order));
}

/**
 * Tells whether traffic should go from the current path, which isn't dead, to another one, and why.
 *
 * To be asked of the best path first.
 */
export function reasonToSwitch(current: Path, path: Path, choices: PathChoices): SwitchReason | undefined {
  if (path === current) return undefined;
  const isBetterPlaced = isPreferred(path.kind, current.kind, choices.order);
  if (current.state === "unknown" || current.state === "probing") {
    // It is decided within a second whether the current path works; until then everything is mirrored.
    return isBetterPlaced && !current.wasHeard() && path.state !== "dead" ? "preferred" : undefined;
  }
  if (path.state !== "alive") return undefined;
  if (qualityOf(path) > qualityOf(current)) {
    if (current.isSmallOnly && path.lastLongAnsweredSentMs >= choices.doubtedMs) return "small only";
    // What is silent right now is dead in a moment, or it isn't: that is another matter than loss.
    if (current.isLossy && current.state === "alive" && !path.isSmallOnly && isCleanest(path, choices)) return "loss";
  }
  return isBetterPlaced && isReturnDue(current, path, choices) ? "recovered" : undefined;
}

/**
 * Returns the best path but the current one. What answered a probe that was sent after the doubts began comes first, and of
 * that what answered all of them: whatever took the current path may be taking others with it, which don't show it yet.
 *
 * @param current Kind of the current path, −1 for none.
 */
export function bestRefuge(current: number, choices: PathChoices): Path | undefined {
  const { doubtedMs } = choices;
  const others = bestFirst(choices).filter((path) => path.kind !== current);
  const proven = others.filter((path) => path.state === "alive" && path.lastAnsweredSentMs >= doubtedMs);
  return proven.find((path) => path.missedSince(doubtedMs) === 0) ?? proven[0] ?? others[0];
}

/**
 * Chooses where to mirror: the best path of the other transport and the best other one of the same, as a set of kinds. Two,
 * because what takes a path often takes its whole transport, and sometimes its whole family.
 */
export function backupMask(current: Path, choices: PathChoices): number {
  const others = bestFirst(choices).filter((path) => path !== current);
  const alive = others.filter((path) => path.state === "alive" && !path.isSmallOnly);
  let mask = 0;
  for (const transport of Object.values(Transport)) {
    const best = (alive.length > 0 ? alive : others).find((path) => transportOf(path.kind) === transport);
    if (best !== undefined) mask |= 1 << best.kind;
  }
  return mask;
}

/**
 * Tells whether traffic on the current path should be mirrored.
 *
 * A bad path is in doubt only if another one is better, or may turn out to be: on paths that are all full, sending twice
 * makes it worse.
 */
export function isInDoubt(current: Path, { paths, nowMs }: PathChoices): boolean {
  if (current.isInDoubt() || current.state === "dead") return true;
  return qualityOf(current) < PathGrade.GOOD &&
    paths.some((path) => gradeOf(path) === PathGrade.GOOD && (path.isClean(nowMs) || !path.isJudged(nowMs)));
}

/** Tells whether a path is clean, and no better placed one may turn out to be so in a moment. */
function isCleanest(path: Path, { paths, order, nowMs }: PathChoices): boolean {
  return path.isClean(nowMs) &&
    !paths.some((other) =>
      other.state === "alive" && isPreferred(other.kind, path.kind, order) &&
      qualityOf(other) === qualityOf(path) && !other.isJudged(nowMs)
    );
}

function isReturnDue(current: Path, path: Path, choices: PathChoices): boolean {
  const sinceMs = path.cleanSinceMs;
  if (choices.nowMs < sinceMs + choices.hold.holdMs(current.kind, path.kind)) return false;
  if (path.isSmallOnly || path.isLossy || path.isHasty()) return false;
  if (path.lastLongAnsweredSentMs < sinceMs || path.cleanAnswered < RETURN_MIN_ANSWERED) return false;
  return !choices.paths.some((other) => isWorthWaitingFor(other, path, current, choices));
}

function isWorthWaitingFor(other: Path, path: Path, current: Path, { order, hold, nowMs }: PathChoices): boolean {
  if (!isPreferred(other.kind, path.kind, order) || gradeOf(other) !== PathGrade.GOOD) return false;
  return other.cleanSinceMs + hold.holdMs(current.kind, other.kind) <= nowMs + RETURN_PATIENCE_MS;
}
