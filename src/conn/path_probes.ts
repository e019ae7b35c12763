/**
 * The last probes of one path, and what became of them.
 *
 * Probes are numbered as they are sent. One counts as missed when its time is over, and as answered if its reply still
 * comes later: a path that became slow isn't lossy.
 *
 * @module
 */

/** How many probes are remembered. */
export const PROBE_WINDOW = 64;

const Outcome = { NONE: 0, OUTSTANDING: 1, MISSED: 2, ANSWERED: 3 } as const;

/** A probe as it was sent. */
export interface SentProbe {
  readonly sentMs: number;
  /** Length of its datagram in octets. */
  readonly length: number;
  /** Whether it counts for the state of the path; not so the probes of a search for the path's length limit. */
  readonly isRegular: boolean;
  /** Whether it counted as missed before its reply came. */
  readonly isLate: boolean;
}

/** Outcomes of regular probes. */
export interface ProbeTally {
  readonly answered: number;
  readonly missed: number;
}

/** A ring of the last {@linkcode PROBE_WINDOW} probes. */
export class PathProbes {
  readonly #ids = new Uint32Array(PROBE_WINDOW);
  readonly #sentMs = new Float64Array(PROBE_WINDOW);
  readonly #lengths = new Uint32Array(PROBE_WINDOW);
  readonly #isRegular = new Uint8Array(PROBE_WINDOW);
  readonly #outcomes = new Uint8Array(PROBE_WINDOW);
  /** Number of the next probe. */
  #next = 0;
  /** No probe before this number is outstanding. */
  #firstOpen = 0;
  /** Number of the youngest regular probe that was answered. */
  #lastAnswered = -1;

  /** Remembers a probe that is being sent. */
  note(id: number, length: number, isRegular: boolean, nowMs: number): void {
    const slot = this.#next % PROBE_WINDOW;
    this.#ids[slot] = id;
    this.#sentMs[slot] = nowMs;
    this.#lengths[slot] = length;
    this.#isRegular[slot] = isRegular ? 1 : 0;
    this.#outcomes[slot] = Outcome.OUTSTANDING;
    this.#next++;
  }

  /** Takes a reply; returns its probe, or `undefined` if that is unknown, forgotten or was answered before. */
  answer(id: number): SentProbe | undefined {
    for (let number = this.#next - 1; number >= this.#first(); number--) {
      const slot = number % PROBE_WINDOW;
      if (this.#ids[slot] !== id) continue;
      if (this.#outcomes[slot] === Outcome.ANSWERED) return undefined;
      const probe = this.#probeAt(slot);
      this.#outcomes[slot] = Outcome.ANSWERED;
      if (probe.isRegular) this.#lastAnswered = Math.max(this.#lastAnswered, number);
      return probe;
    }
    return undefined;
  }

  /** Returns, oldest first, the probes that count as missed from now on. */
  expire(nowMs: number, timeoutMs: number): SentProbe[] {
    const missed: SentProbe[] = [];
    for (let number = this.#firstOutstanding(); number < this.#next; number++) {
      const slot = number % PROBE_WINDOW;
      if (nowMs < this.#sentMs[slot] + timeoutMs) break;
      if (this.#outcomes[slot] !== Outcome.OUTSTANDING) continue;
      this.#outcomes[slot] = Outcome.MISSED;
      missed.push(this.#probeAt(slot));
    }
    return missed;
  }

  /** Returns when the next probe counts as missed, `Infinity` if none is outstanding. */
  nextExpiryMs(timeoutMs: number): number {
    const number = this.#firstOutstanding();
    return number === this.#next ? Infinity : this.#sentMs[number % PROBE_WINDOW] + timeoutMs;
  }

  /** Counts the regular probes that were sent after the youngest answered one and are missed. */
  missedInRow(): number {
    let missed = 0;
    for (let number = Math.max(this.#lastAnswered + 1, this.#first()); number < this.#next; number++) {
      if (this.#isMissed(number % PROBE_WINDOW)) missed++;
    }
    return missed;
  }

  /** Returns when the first of those probes was sent, `Infinity` if there is none. */
  missedSinceMs(): number {
    for (let number = Math.max(this.#lastAnswered + 1, this.#first()); number < this.#next; number++) {
      if (this.#isMissed(number % PROBE_WINDOW)) return this.#sentMs[number % PROBE_WINDOW];
    }
    return Infinity;
  }

  /** Counts outcomes of regular probes sent at or after a time that were no longer than a length. */
  tally(sinceMs: number, maxLength: number): ProbeTally {
    let answered = 0;
    let missed = 0;
    for (let number = this.#next - 1; number >= this.#first(); number--) {
      const slot = number % PROBE_WINDOW;
      if (this.#sentMs[slot] < sinceMs) break;
      if (this.#isRegular[slot] === 0 || this.#lengths[slot] > maxLength) continue;
      if (this.#outcomes[slot] === Outcome.ANSWERED) answered++;
      else if (this.#outcomes[slot] === Outcome.MISSED) missed++;
    }
    return { answered, missed };
  }

  /** Forgets everything: replies to what was sent before are unknown. */
  reset(): void {
    this.#outcomes.fill(Outcome.NONE);
    this.#next = 0;
    this.#firstOpen = 0;
    this.#lastAnswered = -1;
  }

  #isMissed(slot: number): boolean {
    return this.#isRegular[slot] === 1 && this.#outcomes[slot] === Outcome.MISSED;
  }

  #probeAt(slot: number): SentProbe {
    return {
      sentMs: this.#sentMs[slot],
      length: this.#lengths[slot],
      isRegular: this.#isRegular[slot] === 1,
      isLate: this.#outcomes[slot] === Outcome.MISSED,
    };
  }

  /** Number of the oldest probe in the ring. */
  #first(): number {
    return Math.max(0, this.#next - PROBE_WINDOW);
  }

  #firstOutstanding(): number {
    this.#firstOpen = Math.max(this.#firstOpen, this.#first());
    while (this.#firstOpen < this.#next) {
      if (this.#outcomes[this.#firstOpen % PROBE_WINDOW] === Outcome.OUTSTANDING) break;
      this.#firstOpen++;
    }
    return this.#firstOpen;
  }
}
