/**
 * When an edge tells its super node that it is there, and whether the super has been heard since.
 *
 * A registration has no answer, and the first one is easily lost: it may meet a session that isn't ready. So for a while
 * after a session was made it is repeated soon, until anything comes from the super. Where both have the same state nothing
 * comes, and a few octets more every two minutes are the price. Source: `behaviour.md` §2.3, §2.4.
 *
 * @module
 */

/** Period while neither the file nor the super names one, ms. Source: `behaviour.md` §10. */
export const REGISTER_INTERVAL_MS = 8_000;
/** Waits after the first, second … registration to a new session, ms. */
const REPEAT_MS: readonly number[] = [1_000, 2_000, 4_000];
/** Least time between two registrations, ms: sessions of both families are often made at the same moment. */
const SPACING_MS = 250;

/** The registrations of one edge. Does nothing by itself: the owner asks, and acts. */
export class Registration {
  #intervalMs: number;
  #dueMs = -Infinity;
  #sentMs = -Infinity;
  /** Repetitions since a session was made; all of them if the super was heard. */
  #repeats = REPEAT_MS.length;

  /** @param intervalMs As the file says; 0: not. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs > 0 ? intervalMs : REGISTER_INTERVAL_MS;
  }

  /** When the next registration is to go out, ms. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Period, ms; above 0. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Changes the period to one that the super wants, above 0; a wait that has begun gets no longer. */
  setInterval(intervalMs: number, nowMs: number): void {
    this.#intervalMs = intervalMs;
    this.#dueMs = Math.min(this.#dueMs, nowMs + intervalMs);
  }

  /** A session with the super was made. */
  handleSession(nowMs: number): void {
    this.#repeats = 0;
    this.#dueMs = Math.min(this.#dueMs, Math.max(nowMs, this.#sentMs + SPACING_MS));
  }

  /** Something came from the super: it knows us. */
  handleSign(): void {
    if (this.#repeats === REPEAT_MS.length) return;
    this.#repeats = REPEAT_MS.length;
    // The registration that a session called for is still to go out.
    if (this.#dueMs > this.#sentMs + SPACING_MS) this.#dueMs = this.#sentMs + this.#intervalMs;
  }

  /** Tells, once, that a registration is due: it goes out now. */
  poll(nowMs: number): boolean {
    if (nowMs < this.#dueMs) return false;
    this.#sentMs = nowMs;
    const repeatMs = this.#repeats < REPEAT_MS.length ? REPEAT_MS[this.#repeats++] : Infinity;
    this.#dueMs = nowMs + Math.min(repeatMs, this.#intervalMs);
    return true;
  }
}
