/**
 * When FakeTCP connections are dialled: one for each peer, not all at once, and not by both sides.
 *
 * A connection that both sides dialled would exist twice. So the node with the lower NodeId dials, and the other only if no
 * connection came in time: the first may not know where its peer is, or a firewall may let nobody in there. A handshake
 * without an answer doesn't wait for that.
 *
 * A peer that is met by simultaneous open is different: there both sides have to dial, and at the same time. So neither waits
 * for the other, and pauses after failures are the same on both sides.
 *
 * Dials keep a distance from each other whatever their number, so that a node with a thousand peers sends no storm of SYNs.
 *
 * @module
 */

/** Distance between any two dials of a node, ms: a thousand peers take twenty seconds. */
export const DIAL_SPACING_MS = 20;
/** How long the node with the lower NodeId waits: the other may have dialled for the handshake, ms. */
export const DIAL_WARM_MS = 250;
/** How long the node with the higher NodeId waits for the other one to dial, ms. */
export const DIAL_PATIENCE_MS = 3_000;
/** How long a handshake may be unanswered before FakeTCP is dialled for it, ms. */
export const DIAL_HANDSHAKE_MS = 300;
/** First and longest wait after a dial that failed, ms; doubled each time. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A connection that lasted so long was a good one: the next dial is a first one again, ms. */
const LASTING_MS = 30_000;

/** When a peer is dialled. */
export class DialPlan {
  /** Whether both sides are to dial at the same time. */
  isMutual = false;
  readonly #dialsFirst: boolean;
  #dueMs = Infinity;
  #notBeforeMs = -Infinity;
  /** Part of that which no news shortens. */
  #postponedMs = -Infinity;
  #retryMs = RETRY_MIN_MS;
  /** Whether there is still a use for a connection after a dial that failed. */
  #isWanted = false;
  /** `Infinity` while there is no connection. */
  #openedMs = Infinity;

  /** @param dialsFirst Whether our NodeId is the lower one. */
  constructor(dialsFirst: boolean) {
    this.#dialsFirst = dialsFirst;
  }

  /** When to dial, ms; `Infinity` for not at all. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** The peer has a session with us, and a FakeTCP of its own: a connection is to be there before it is needed. */
  wantWarm(nowMs: number): void {
    this.#isWanted = true;
    this.#bringForward(nowMs + (this.#isPatient() ? DIAL_PATIENCE_MS : DIAL_WARM_MS));
  }

  /** A handshake was begun, and there is no session. */
  wantForHandshake(nowMs: number): void {
    this.#isWanted = true;
    this.#bringForward(nowMs + DIAL_HANDSHAKE_MS);
  }

  /** A dial was begun: nothing is due while it goes on. */
  onDial(): void {
    this.#dueMs = Infinity;
  }

  /** There is a connection, whoever dialled it. */
  onOpened(nowMs: number): void {
    this.#dueMs = Infinity;
    this.#openedMs = nowMs;
  }

  /** A dial failed, or the connection is gone. One that there was is worth another dial even if nobody asked for it. */
  onClosed(nowMs: number): void {
    if (nowMs - this.#openedMs >= LASTING_MS) this.#retryMs = RETRY_MIN_MS;
    this.#notBeforeMs = nowMs + this.#retryMs + (this.#isPatient() ? DIAL_PATIENCE_MS : 0);
    this.#dueMs = this.#isWanted || this.#openedMs < Infinity ? this.#notBeforeMs : Infinity;
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
    this.#openedMs = Infinity;
  }

  /** There are other addresses to dial: failures so far tell nothing about them. */
  restart(nowMs: number): void {
    this.#retryMs = RETRY_MIN_MS;
    this.#notBeforeMs = this.#postponedMs;
    if (!this.#isWanted) return;
    this.#dueMs = Infinity;
    this.#bringForward(nowMs + DIAL_HANDSHAKE_MS);
  }

  /** The peer can't be dialled, or need not. */
  cancel(): void {
    this.#isWanted = false;
    this.#dueMs = Infinity;
  }

  /** Dialling is of no use before a time. */
  postpone(untilMs: number): void {
    this.#dueMs = untilMs;
    this.#notBeforeMs = untilMs;
    this.#postponedMs = untilMs;
  }

  #isPatient(): boolean {
    return !this.#dialsFirst && !this.isMutual;
  }

  #bringForward(timeMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, Math.max(timeMs, this.#notBeforeMs));
  }
}
