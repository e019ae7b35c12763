/**
 * When an edge reports to its super node, and under which number.
 *
 * Every report bears a number greater than that of the last one, so that a recorded report is worth nothing; an attempt uses
 * its number up whatever comes of it. Source: `behaviour.md` §2.7; `http-api.md` §4.5.
 *
 * A report that failed is repeated before the next one is due, unlike in reference nodes: local addresses are told by reports
 * alone, and there may be no next one.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { RetryDelay } from "./retry_delay.ts";

/** Least time between two reports, ms. A super of ours takes two a second. */
export const REPORT_SPACING_MS = 1_000;
/** Longest wait after a failure, ms. */
const RETRY_MAX_MS = 60_000;

/** The reports of one edge. Does nothing by itself: the owner asks, and acts. */
export class ReportPlan {
  readonly #retry: RetryDelay;
  #intervalMs = 0;
  #count = 0;
  #dueMs = Infinity;
  #startedMs = -Infinity;
  #isRunning = false;
  /** Whether another report was asked for while one is running. */
  #isWanted = false;
  #mayReport = false;

  constructor(random: RandomSource) {
    this.#retry = new RetryDelay(random, RETRY_MAX_MS);
  }

  /**
   * Least number that may still arrive: that of the report that is running, else of the next one. A registration that names
   * more and overtakes the running report has the super refuse that.
   */
  get leastCount(): number {
    return this.#isRunning ? this.#count - 1 : this.#count;
  }

  /** When to begin a report, ms; `Infinity` while one is running or none is wanted. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** There are parameters of the super: reports may begin, the first at once. `intervalMs` 0: none by themselves. */
  setInterval(intervalMs: number, nowMs: number): void {
    this.#mayReport = true;
    this.#intervalMs = intervalMs;
    this.wantNow(nowMs);
  }

  /** There is something new to tell. Before the first parameters that has to wait. */
  wantNow(nowMs: number): void {
    if (!this.#mayReport) return;
    this.#isWanted = this.#isRunning;
    if (!this.#isRunning) this.#dueMs = Math.min(this.#dueMs, this.#spacedMs(nowMs));
  }

  /** Begins the report that is due. Returns its number. */
  begin(nowMs: number): number {
    this.#isRunning = true;
    this.#startedMs = nowMs;
    this.#dueMs = Infinity;
    return this.#count++;
  }

  /** There is no way to report now: not an attempt. */
  postpone(nowMs: number): void {
    this.#dueMs = nowMs + this.#retry.next();
  }

  /** Takes in whether the running report arrived. */
  finish(hasArrived: boolean, nowMs: number): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    if (hasArrived) this.#retry.reset();
    const regularMs = this.#intervalMs > 0 ? Math.max(this.#startedMs + this.#intervalMs, nowMs) : Infinity;
    this.#dueMs = hasArrived ? regularMs : Math.min(regularMs, nowMs + this.#retry.next());
    if (this.#isWanted) this.#dueMs = Math.min(this.#dueMs, this.#spacedMs(nowMs));
    this.#isWanted = false;
  }

  #spacedMs(nowMs: number): number {
    return Math.max(nowMs, this.#startedMs + REPORT_SPACING_MS);
  }
}
