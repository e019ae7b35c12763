/**
 * The first measurements of a session, told as one: the least of a few.
 *
 * A node that has just started is slow at everything, and the other side may have started with it; but nothing makes a
 * message faster than the way that it takes.
 *
 * @module
 */

/** So many are waited for. */
const COUNT = 3;
/** For so long, ms: a reference node sends only one. */
const PATIENCE_MS = 1_000;

/** Collects the first measurements of one session. */
export class FirstMeasurements {
  #isCollecting = false;
  #count = 0;
  #untilMs = Infinity;
  #leastMs = Infinity;

  /** A session has begun. */
  begin(nowMs: number): void {
    this.#isCollecting = true;
    this.#count = 0;
    this.#untilMs = nowMs + PATIENCE_MS;
    this.#leastMs = Infinity;
  }

  /** Whether measurements are being collected. */
  get isCollecting(): boolean {
    return this.#isCollecting;
  }

  /** When {@linkcode FirstMeasurements.poll} has an answer, ms; `Infinity` for not by itself. */
  get dueMs(): number {
    return this.#isCollecting && this.#count > 0 ? this.#untilMs : Infinity;
  }

  /** Takes a measurement in, ms. */
  note(measuredMs: number): void {
    this.#leastMs = Math.min(this.#leastMs, measuredMs);
    if (++this.#count >= COUNT) this.#untilMs = -Infinity;
  }

  /** Returns the least once there are enough, or they took too long; `undefined` before and after that. */
  poll(nowMs: number): number | undefined {
    if (nowMs < this.dueMs) return undefined;
    this.#isCollecting = false;
    return this.#leastMs;
  }
}
