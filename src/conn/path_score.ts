/**
 * Which of two paths is better. Pure: policy that can be read, printed and tested alone.
 *
 * A path's grade decides first, then its place in the order of preference. What measurements change slowly (latency) has no
 * say: two paths that both work well would change places for ever. Hysteresis is kept out of the comparison: whether a path
 * is lossy has two thresholds (`path.ts`), and a better path is taken only after a hold time (`path_hold.ts`).
 *
 * @module
 */

/** What is known of a path: never answered; asked; answers; answered until lately; given up. */
export type PathState = "unknown" | "probing" | "alive" | "suspect" | "dead";

/** What the comparison looks at. */
export interface PathStanding {
  /** A kind of `PathKind`. */
  readonly kind: number;
  /** Whether datagrams can be sent on it at all: its endpoint is known, its connection open. */
  readonly isUsable: boolean;
  readonly state: PathState;
  /** Whether only small datagrams get through. */
  readonly isSmallOnly: boolean;
  /** Whether it loses more than is bearable. */
  readonly isLossy: boolean;
}

/** How good a path is: the greater, the better. */
export const PathGrade = {
  UNUSABLE: 0,
  DEAD: 1,
  /** It may work, but doesn't answer right now. */
  UNPROVEN: 2,
  /** Ping works and files hang: worse than loss, which TCP at least copes with. */
  SMALL_ONLY: 3,
  LOSSY: 4,
  GOOD: 5,
} as const;

/** Returns the grade of a path. */
export function gradeOf(path: PathStanding): number {
  if (!path.isUsable) return PathGrade.UNUSABLE;
  if (path.state === "dead") return PathGrade.DEAD;
  return path.state === "alive" ? qualityOf(path) : PathGrade.UNPROVEN;
}

/** Returns the grade of a path as if it answered: for the current one, whose doubts are settled in another way. */
export function qualityOf(path: PathStanding): number {
  if (path.isSmallOnly) return PathGrade.SMALL_ONLY;
  return path.isLossy ? PathGrade.LOSSY : PathGrade.GOOD;
}

/** Tells whether a kind stands before another in the order of preference; what isn't in it stands last. */
export function isPreferred(kind: number, other: number, order: readonly number[]): boolean {
  return placeOf(kind, order) < placeOf(other, order);
}

/**
 * Compares two paths of different kinds.
 *
 * @param order Kinds of `PathKind`, most preferred first.
 * @returns Below 0 if `a` is better, above 0 if `b` is; 0 only for the same path.
 */
export function comparePaths(a: PathStanding, b: PathStanding, order: readonly number[]): number {
  return gradeOf(b) - gradeOf(a) || placeOf(a.kind, order) - placeOf(b.kind, order) || a.kind - b.kind;
}

function placeOf(kind: number, order: readonly number[]): number {
  const place = order.indexOf(kind);
  return place < 0 ? order.length : place;
}
