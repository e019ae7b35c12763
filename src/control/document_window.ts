/**
 * How much may be on its way to one peer, and how long an acknowledgement may take: shared by all its transfers.
 *
 * Read RFC 5681 (slow start, congestion avoidance), RFC 6298 (retransmission timeout), RFC 6675 (one reduction for the losses
 * of one round trip) and RFC 8985 (what the acknowledgement of a retransmission proves) before editing. It counts fragments
 * where they count octets: ours are all about as long.
 *
 * Each transmission has a number. A fragment is lost when {@linkcode LOSS_DISTANCE} transmissions after its own have
 * arrived, whichever transfer they belong to, or when nothing at all arrived until the timeout.
 *
 * @module
 */

/** Most fragments on their way: a quarter of a lane's ring of events, through which they all pass at the other end. */
export const WINDOW_MAX = 64;
/** Fragments on their way before anything is known of the path; RFC 6928. */
export const WINDOW_INITIAL = 10;
/** Later transmissions that arrived before one is lost; DupThresh of RFC 6675. */
export const LOSS_DISTANCE = 3;
/** Least window: with less, each loss would have to wait for the timeout, and a path that loses much for nothing else. */
export const WINDOW_MIN = LOSS_DISTANCE + 1;
/** Timeout before there is a measurement, ms; RFC 6298 §2.1. */
export const RTO_INITIAL_MS = 1_000;
/** Least timeout, ms. RFC 6298 asks for a second for the sake of long delayed acknowledgements; ours are short. */
export const RTO_MIN_MS = 200;
/**
 * What doubling stops at, ms, though never below the timeout that was measured. With four losses in ten each way a minute
 * without progress would else be likely.
 */
export const RTO_BACKOFF_MAX_MS = 3_000;

/** What one acknowledgement showed. */
export interface AckEvidence {
  /** Fragments that it newly acknowledged. */
  count: number;
  /** Of these, the latest transmission: its number, −1 without any; when it was; and whether the only one of its fragment. */
  number: number;
  sentMs: number;
  isOnly: boolean;
}

/** Congestion window and timeout towards one peer. */
export class DocumentWindow {
  #size = WINDOW_INITIAL;
  #threshold = Infinity;
  #inFlight = 0;
  #nextNumber = 0;
  #arrivedNumber = -1;
  /** Transmissions before this one belong to a round trip in which the window was made smaller already. */
  #recoveryEnd = 0;
  #smoothedMs = 0;
  #variationMs = 0;
  #leastMs = Infinity;
  #backoff = 0;
  /** When the timeout began to run. */
  #startedMs = 0;
  #sentMs = -Infinity;

  /** Fragments that may be on their way. */
  get size(): number {
    return Math.floor(this.#size);
  }

  /** Fragments that are. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether one more may be sent. */
  get hasRoom(): boolean {
    return this.#inFlight < this.size;
  }

  /** How long to wait for an acknowledgement, ms. */
  get timeoutMs(): number {
    if (this.#leastMs === Infinity) return Math.min(RTO_INITIAL_MS * 2 ** this.#backoff, RTO_BACKOFF_MAX_MS);
    const measuredMs = Math.max(RTO_MIN_MS, this.#smoothedMs + 4 * this.#variationMs);
    return Math.max(measuredMs, Math.min(measuredMs * 2 ** this.#backoff, RTO_BACKOFF_MAX_MS));
  }

  /** When what is on its way counts as lost, ms; `Infinity` if nothing is. */
  get deadlineMs(): number {
    return this.#inFlight === 0 ? Infinity : this.#startedMs + this.timeoutMs;
  }

  /** A fragment goes out. Returns the number of its transmission. */
  onSent(nowMs: number): number {
    if (this.#inFlight === 0) {
      // After a pause the window says nothing about the path any more; RFC 5681 §4.1.
      if (nowMs - this.#sentMs > this.timeoutMs) this.#size = Math.min(this.#size, WINDOW_INITIAL);
      this.#startedMs = nowMs;
    }
    this.#inFlight++;
    this.#sentMs = nowMs;
    return this.#nextNumber++;
  }

  /** A fragment is on its way no more: it arrived, was lost, or doesn't matter any more. */
  onLeft(): void {
    this.#inFlight--;
  }

  /** An acknowledgement brought something new. */
  onAcknowledged(evidence: AckEvidence, nowMs: number): void {
    this.#startedMs = nowMs;
    this.#backoff = 0;
    const elapsedMs = nowMs - evidence.sentMs;
    if (evidence.isOnly) this.#measure(elapsedMs);
    // What comes back sooner than anything ever did acknowledges an earlier transmission; RFC 8985 §6.2, step 2.
    if (evidence.isOnly || elapsedMs >= this.#leastMs) {
      this.#arrivedNumber = Math.max(this.#arrivedNumber, evidence.number);
    }
    if (evidence.number < this.#recoveryEnd) return;
    const growth = this.#size < this.#threshold ? evidence.count : evidence.count / this.#size;
    this.#size = Math.min(this.#size + growth, WINDOW_MAX);
  }

  /** Tells whether a transmission is lost, as far as what arrived can tell. */
  isLost(number: number): boolean {
    return this.#arrivedNumber - number >= LOSS_DISTANCE;
  }

  /** A transmission was lost: the window is halved, once a round trip. */
  onLost(number: number): void {
    if (number < this.#recoveryEnd) return;
    this.#reduce();
    this.#size = this.#threshold;
  }

  /** Nothing arrived in time: all that was on its way is lost, and the path is found out anew. */
  onTimeout(nowMs: number): void {
    // A timeout that comes again tells nothing new of what the path takes; RFC 5681 §3.1.
    if (this.#backoff === 0) this.#reduce();
    this.#size = WINDOW_MIN;
    this.#recoveryEnd = this.#nextNumber;
    this.#startedMs = nowMs;
    this.#backoff++;
  }

  #reduce(): void {
    this.#threshold = Math.max(this.#size / 2, WINDOW_MIN);
    this.#recoveryEnd = this.#nextNumber;
  }

  /** RFC 6298 §2. */
  #measure(elapsedMs: number): void {
    if (this.#leastMs === Infinity) {
      this.#smoothedMs = elapsedMs;
      this.#variationMs = elapsedMs / 2;
    } else {
      this.#variationMs = (3 * this.#variationMs + Math.abs(this.#smoothedMs - elapsedMs)) / 4;
      this.#smoothedMs = (7 * this.#smoothedMs + elapsedMs) / 8;
    }
    this.#leastMs = Math.min(this.#leastMs, elapsedMs);
  }
}
