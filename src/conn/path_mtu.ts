/**
 * How long datagrams may be on one path: a search with probes, after RFC 8899.
 *
 * Read RFC 8899 §5 before editing. There a path begins with a length that always works and grows. Here it begins with the
 * greatest length that its interface and transport allow, because nearly all paths carry it and every frame is spared the
 * wait; probes of full and of least length go out in turn, and show it when only the short ones get through:
 *
 * ```
 *             three long ones in a row missed,            a length was answered,
 *             short ones between them answered            or three rounds were in vain
 *   SETTLED ────────────────────────────────► SEARCHING ─────────────────────────────► SETTLED
 *      │  two of them: the path is in doubt        ▲
 *      └───────────────────────────────────────────┘
 *              limited, and a minute has passed: is there room for more by now?
 * ```
 *
 * A search tries all lengths of a ladder at once, and again in a second and third round those above the longest answered: it
 * takes no more than three timeouts, and a probe lost by chance doesn't lower the limit.
 *
 * A path that carries less than {@linkcode BULK_MIN_LEN} is *small-only*: good for nothing but small talk, until a long
 * datagram gets through again.
 *
 * @module
 */

import { EG_HEADER_LEN } from "../wire/eg_header.ts";
import { PATH_PROBE_LEN } from "../wire/path_message.ts";
import { TRANSPORT_OVERHEAD_LEN } from "../wire/transport_message.ts";
import type { SentProbe } from "./path_probes.ts";

/** Length of the datagram of the shortest probe, in octets. */
export const SMALL_PROBE_LEN = TRANSPORT_OVERHEAD_LEN + EG_HEADER_LEN + PATH_PROBE_LEN;

/** What every path on the Internet should carry, in octets: the least datagram of QUIC (RFC 9000 §14.1). */
export const BULK_MIN_LEN = 1200;

/**
 * Lengths to be tried below the path's own, in octets. Close together where links and tunnels in use are: a step wastes 4 %
 * at most. The last is what a host must take over IPv4 in any case (RFC 1122 §3.3.2: 576, less headers).
 */
const LADDER = [8900, 4400, 2000, 1472, 1452, 1432, 1412, 1392, 1352, 1312, 1252, BULK_MIN_LEN, 1000, 536];

/** Long probes in a row that must be unanswered before a search begins (RFC 8899 §5.1.2, MAX_PROBES). */
const MAX_PROBES = 3;
/** From so many on the path is in doubt. */
const DOUBTED_PROBES = 2;
const SEARCH_ROUNDS = 3;
/** How long a limited path is left in peace (RFC 8899 §5.1.1 has 600 s; a path of ours changes more easily). */
const RAISE_INTERVAL_MS = 60_000;

/** The length limit of one path. */
export class PathMtu {
  /** What interface and transport allow. */
  #ceiling = 0;
  #limit = 0;
  /** Long probes missed since a long one was answered, and short ones answered since then. */
  #longMissed = 0;
  #smallAnswered = 0;
  #raiseAtMs = Infinity;

  /** Rounds left of the search; 0 when settled. */
  #rounds = 0;
  /** Whether the search is for more than the limit, which holds meanwhile. */
  #isRaising = false;
  /** Lengths of this round yet to be sent, then those without an outcome. */
  readonly #toSend: number[] = [];
  #open = 0;
  /** Longest that was answered in this search. */
  #found = 0;

  /** Longest datagram that the path carries as far as we know, in octets. */
  get limit(): number {
    return this.#limit;
  }

  /** Whether the path carries small datagrams only. */
  isSmallOnly(): boolean {
    return this.#limit < BULK_MIN_LEN && this.#limit < this.#ceiling;
  }

  /** Whether long datagrams may be getting lost, right now. */
  isDoubtful(): boolean {
    if (this.#rounds > 0) return !this.#isRaising;
    return this.#longMissed >= DOUBTED_PROBES && this.#smallAnswered > 0;
  }

  /** Whether the next probes should follow soon, because a long one was missed. */
  isHasty(): boolean {
    return this.#longMissed > 0;
  }

  /** Begins anew with what interface and transport allow. */
  reset(ceiling: number): void {
    this.#ceiling = ceiling;
    this.#settle(ceiling, Infinity);
  }

  /** Takes another length that interface and transport allow: more to be tried soon, or less from now on. */
  setCeiling(ceiling: number, nowMs: number): void {
    if (ceiling === this.#ceiling) return;
    const wasUnlimited = this.#limit === this.#ceiling;
    this.#ceiling = ceiling;
    if (wasUnlimited || ceiling < this.#limit) this.#settle(ceiling, Infinity);
    else this.#raiseAtMs = nowMs;
  }

  /** Returns the length of the next long probe. */
  longProbeLen(): number {
    // Of a path that is good for nothing we want to know whether it is good for everything again.
    return Math.max(this.isSmallOnly() ? this.#ceiling : this.#limit, SMALL_PROBE_LEN);
  }

  /** Tells whether {@linkcode takeSearchLen} has a length to be sent at once. */
  hasSearchLen(): boolean {
    return this.#toSend.length > 0;
  }

  /** Returns the length of the next probe of a search, 0 if none is wanted. */
  takeSearchLen(): number {
    const length = this.#toSend.shift() ?? 0;
    if (length > 0) this.#open++;
    return length;
  }

  /** To be called when a regular long probe goes out: a limited path may be worth another search by now. */
  maybeRaise(nowMs: number): void {
    if (this.#rounds > 0 || nowMs < this.#raiseAtMs) return;
    this.#raiseAtMs = nowMs + RAISE_INTERVAL_MS;
    this.#isRaising = true;
    this.#search(1, this.#limit);
  }

  /** To be called when a probe was answered, and its datagram came in at this length. */
  handleAnswered(probe: SentProbe, length: number, nowMs: number): void {
    if (!probe.isRegular) {
      this.#found = Math.max(this.#found, length);
      if (!probe.isLate) this.#endOfSearchProbe(nowMs);
    } else if (length <= SMALL_PROBE_LEN) {
      if (this.#longMissed > 0) this.#smallAnswered++;
      this.#maybeSearch();
    } else if (probe.length >= this.#limit) {
      // Padding may have made it a little shorter than it was to be.
      this.#longMissed = 0;
      this.#smallAnswered = 0;
    }
    if (length <= this.#limit || this.#rounds > 0) return;
    this.#settle(Math.min(length, this.#ceiling), nowMs + RAISE_INTERVAL_MS);
  }

  /** To be called when a probe is missed. */
  handleMissed({ length, isRegular }: SentProbe, nowMs: number): void {
    if (!isRegular) return this.#endOfSearchProbe(nowMs);
    if (length <= SMALL_PROBE_LEN) {
      // It isn't the length then.
      this.#longMissed = 0;
      this.#smallAnswered = 0;
    } else if (length === this.#limit && this.#rounds === 0) {
      this.#longMissed++;
      this.#maybeSearch();
    }
  }

  #maybeSearch(): void {
    if (this.#rounds > 0 || this.#longMissed < MAX_PROBES || this.#smallAnswered < MAX_PROBES) return;
    this.#isRaising = false;
    this.#search(SEARCH_ROUNDS, 0);
  }

  #search(rounds: number, found: number): void {
    this.#rounds = rounds;
    this.#found = found;
    this.#open = 0;
    this.#beginRound();
  }

  #beginRound(): void {
    const rungs = [this.#ceiling, ...LADDER.filter((length) => length < this.#ceiling)];
    this.#toSend.push(...rungs.filter((length) => length > this.#found));
  }

  #endOfSearchProbe(nowMs: number): void {
    if (this.#rounds === 0) return;
    this.#open--;
    if (this.#open > 0 || this.#toSend.length > 0) return;
    this.#rounds--;
    if (this.#rounds > 0 && this.#found < this.#ceiling) return this.#beginRound();
    const limit = this.#found > 0 ? this.#found : Math.min(LADDER[LADDER.length - 1], this.#ceiling);
    this.#settle(limit, nowMs + RAISE_INTERVAL_MS);
  }

  #settle(limit: number, raiseAtMs: number): void {
    this.#limit = limit;
    this.#raiseAtMs = limit < this.#ceiling ? raiseAtMs : Infinity;
    this.#rounds = 0;
    this.#toSend.length = 0;
    this.#open = 0;
    this.#longMissed = 0;
    this.#smallAnswered = 0;
  }
}
