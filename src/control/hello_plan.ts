/**
 * When a peer is asked what it understands of path messages, and told what we do.
 *
 * A hello may get lost, and so may its acknowledgement. Then any other path message still shows that the peer knows of paths,
 * but not what it is capable of. So to such a peer the hello is repeated until its own was heard. One that has shown nothing
 * may be a reference node, which will never answer: it gets one hello a session, or a few where the question matters more,
 * between an edge and its super node.
 *
 * @module
 */

/** Waits before each further hello to a peer that knows path messages, ms; the last one is the period from then on. */
const REPEAT_MS: readonly number[] = [500, 1_000, 2_000, 4_000, 8_000];

/** The hellos to one peer. Does nothing by itself: the owner asks, and acts. */
export class HelloPlan {
  readonly #hellosToStranger: number;
  #isHeard = false;
  #isKnown = false;
  #sent = 0;
  #dueMs = Infinity;

  /** @param hellosToStranger How many a session has for a peer that shows no knowledge of paths. */
  constructor(hellosToStranger = 1) {
    this.#hellosToStranger = hellosToStranger;
  }

  /** When the next hello is due, ms; `Infinity` for never. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** There is a new session: the first hello is due at once, unless the peer's was heard. */
  begin(nowMs: number): void {
    if (this.#isHeard) return;
    this.#sent = 0;
    this.#dueMs = nowMs;
  }

  /** The peer knows path messages. */
  onKnown(nowMs: number): void {
    // The repetitions go on by themselves.
    if (this.#isHeard || this.#isKnown) return;
    this.#isKnown = true;
    this.#dueMs = Math.min(this.#dueMs, nowMs + REPEAT_MS[0]);
  }

  /** The peer's hello, or its acknowledgement of ours, has arrived. */
  onHeard(): void {
    this.#isHeard = true;
    this.#dueMs = Infinity;
  }

  /** Tells, once, that a hello is due: it goes out now. */
  poll(nowMs: number): boolean {
    if (nowMs < this.#dueMs) return false;
    const waitMs = REPEAT_MS[Math.min(this.#sent++, REPEAT_MS.length - 1)];
    this.#dueMs = this.#isKnown || this.#sent < this.#hellosToStranger ? nowMs + waitMs : Infinity;
    return true;
  }
}
