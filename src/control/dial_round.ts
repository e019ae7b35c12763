/**
 * One round of dials to one peer: all addresses that are known, until one answers.
 *
 * ```text
 *   0 ms          500 ms                                  6.5 s
 *   ├─ 1st address ──┼── 2nd address … one after another ────┤        round over, a pause follows (`dial_plan.ts`)
 *                    └── punches, one of each family ─────────┴─ ─ ─ ─ still open for a peer that begins later
 * ```
 *
 * Both sides of a punch have to dial at about the same time. So it doesn't wait for what comes before: it begins at a fixed
 * time after the round, and the rounds of both sides begin by the same event, the word of the super node. A peer that can be
 * dialled in the ordinary way mostly answers before.
 *
 * @module
 */

import { DialWay } from "../base/dial_way.ts";
import type { DialTarget } from "./dial_targets.ts";

/** How long after the beginning of a round punches begin, ms. */
export const PUNCH_DELAY_MS = 500;
/** How long the end of a round waits for a punch, ms: as long as SYNs go out fast (`faketcp/constants.ts`). */
export const PUNCH_MS = 6_000;
/** How long one address is dialled if there are others, ms: long enough for three SYNs. */
export const ATTEMPT_MS = 4_000;

/** The dials of one round. Rows are those of connections. */
export class DialRound {
  /** Not dialled yet. */
  #waiting: readonly DialTarget[];
  #punches: readonly DialTarget[];
  readonly #attemptMs: number;
  readonly #punchMs: number;
  /** The one that is dialled in the ordinary way. */
  #attempt: { readonly row: number; readonly target: DialTarget; readonly untilMs: number } | undefined;
  /** Punches under way, by row. */
  readonly #punching = new Map<number, DialTarget>();
  /** Until when punches keep the round from being over. */
  #patientUntilMs: number;

  /**
   * @param ordinary Dialled one after another.
   * @param punches Dialled all at once.
   */
  constructor(ordinary: readonly DialTarget[], punches: readonly DialTarget[], nowMs: number) {
    this.#waiting = ordinary;
    this.#punches = punches;
    this.#attemptMs = ordinary.length + punches.length > 1 ? ATTEMPT_MS : Infinity;
    this.#punchMs = nowMs + PUNCH_DELAY_MS;
    this.#patientUntilMs = punches.length === 0 ? nowMs : this.#punchMs + PUNCH_MS;
  }

  /** Takes out the target that is to be dialled now, if any; {@linkcode DialRound.begin} must follow. */
  next(nowMs: number): DialTarget | undefined {
    if (this.#punches.length > 0 && nowMs >= this.#punchMs) {
      const [punch, ...others] = this.#punches;
      this.#punches = others;
      return punch;
    }
    if (this.#attempt !== undefined || this.#waiting.length === 0) return undefined;
    const [target, ...others] = this.#waiting;
    this.#waiting = others;
    return target;
  }

  /** A target is being dialled. */
  begin(target: DialTarget, row: number, nowMs: number): void {
    if (target.way === DialWay.PUNCH) this.#punching.set(row, target);
    else this.#attempt = { row, target, untilMs: nowMs + this.#attemptMs };
  }

  /** Returns what is being dialled on a row, if anything. */
  targetOf(row: number): DialTarget | undefined {
    return this.#attempt?.row === row ? this.#attempt.target : this.#punching.get(row);
  }

  /** A dial is over, for better or worse. */
  end(row: number): void {
    if (this.#attempt?.row === row) this.#attempt = undefined;
    this.#punching.delete(row);
  }

  /** Returns the row of a dial that has taken too long and is to be given up, −1 if there is none. */
  overdueRow(nowMs: number): number {
    return this.#attempt !== undefined && nowMs >= this.#attempt.untilMs ? this.#attempt.row : -1;
  }

  /** Begins no further dial. Those under way go on. */
  stop(): void {
    this.#waiting = [];
    this.#punches = [];
    this.#patientUntilMs = -Infinity;
  }

  /** Tells whether nothing is to be hoped for any more, unless the peer begins by itself. */
  isOver(nowMs: number): boolean {
    return this.#attempt === undefined && this.#waiting.length + this.#punches.length === 0 &&
      nowMs >= this.#patientUntilMs;
  }

  /** Rows of all dials under way. */
  rows(): number[] {
    return [...this.#attempt === undefined ? [] : [this.#attempt.row], ...this.#punching.keys()];
  }

  /** Returns when there is something to do next, ms; −∞ for at once. */
  dueMs(): number {
    if (this.#attempt === undefined && this.#waiting.length > 0) return -Infinity;
    const punchMs = this.#punches.length > 0 ? this.#punchMs : Infinity;
    return Math.min(punchMs, this.#attempt === undefined ? this.#patientUntilMs : this.#attempt.untilMs);
  }
}
