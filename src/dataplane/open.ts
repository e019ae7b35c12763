// No allocation per packet in this file.
/**
 * Opens transport messages in place, a burst with one call of the shim.
 *
 * A datagram is admitted if its receiver index names a session of ours that is young enough; it is accepted if its tag
 * verifies and its counter is new. Only then does anything else about it count (`wire.md` §3.3, §3.7).
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { type Shim } from "../ffi/shim.ts";
import { OPEN_VERIFIED, OPEN_WORDS } from "../ffi/symbols.ts";
import { acceptCounter, REPLAY_WORDS } from "../noise/replay.ts";
import {
  checkTransport,
  mayBeUntypedKeepalive,
  readCounterHigh,
  readCounterLow,
  readReceiverIndex,
  TRANSPORT_OVERHEAD_LEN,
} from "../wire/transport_message.ts";
import { KeyCache } from "./key_cache.ts";
import { type LaneContext } from "./lane_context.ts";
import { acquireLock, releaseLock } from "./lock.ts";
import { NO_ROW, SessionState } from "./tables.ts";

/** Result word of a datagram that verified and was seen before. */
const COPY = 1;
/** Datagrams that are opened with one call. */
export const OPEN_BURST_MAX = 1024;

/** Transport messages of a burst on their way through decryption. */
export class Opener implements Disposable {
  /** Admitted datagrams. */
  count = 0;
  /** Session row of each. */
  readonly sessions = new Int32Array(OPEN_BURST_MAX);
  /** Position of the received message that each was part of. */
  readonly messages = new Int32Array(OPEN_BURST_MAX);
  readonly #context: LaneContext;
  readonly #shim: Shim;
  readonly #keys: KeyCache;
  readonly #octets: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #items = new Uint32Array(OPEN_BURST_MAX * OPEN_WORDS);
  readonly #rowMask: number;

  /** @param octets The buffer that datagrams are received into. */
  constructor(context: LaneContext, octets: Uint8Array, view: DataView, shim: Shim) {
    this.#context = context;
    this.#shim = shim;
    this.#keys = new KeyCache(context.tables, "open");
    this.#octets = octets as Uint8Array<ArrayBuffer>;
    this.#view = view;
    this.#rowMask = (1 << context.tables.sessionRowBits) - 1;
  }

  /** Admits a datagram, or counts why not. There is room: see {@linkcode OPEN_BURST_MAX}. */
  admit(at: number, length: number, message: number): void {
    const context = this.#context;
    const { tables } = context;
    const reason = checkTransport(this.#view, at, length);
    if (reason !== Reason.NONE && !mayBeUntypedKeepalive(this.#view, at, length)) return context.drop(reason);
    const index = readReceiverIndex(this.#view, at);
    const session = index & this.#rowMask;
    if (
      Atomics.load(tables.sessionState, session) === SessionState.NONE ||
      tables.sessionLocalIndex[session] !== index
    ) {
      return context.drop(Reason.SESSION_UNKNOWN);
    }
    if (!context.isFresh(session)) return context.drop(Reason.SESSION_EXPIRED);
    if (!this.#keys.ensure(session)) return context.drop(Reason.SESSION_UNKNOWN);
    const item = this.count * OPEN_WORDS;
    this.#items[item] = session;
    this.#items[item + 1] = at;
    this.#items[item + 2] = length;
    this.sessions[this.count] = session;
    this.messages[this.count] = message;
    this.count++;
  }

  /** Decrypts what was admitted, and withdraws what doesn't verify or was seen before. */
  open(): void {
    const { symbols } = this.#shim;
    const opened = symbols.eg_aead_open(this.#keys.keys, this.#octets, this.#items, this.count);
    if (opened < this.count) this.#context.drop(Reason.AEAD_FAILED, this.count - opened);
    if (opened > 0) this.#checkReplay();
  }

  /** Tells whether datagram `index` is authentic, be it new or a copy. */
  isAuthentic(index: number): boolean {
    return this.#items[index * OPEN_WORDS + 3] !== 0;
  }

  /** Tells whether datagram `index` was accepted. */
  isAccepted(index: number): boolean {
    return (this.#items[index * OPEN_WORDS + 3] & OPEN_VERIFIED) !== 0;
  }

  /** Offset of datagram `index`. */
  at(index: number): number {
    return this.#items[index * OPEN_WORDS + 1];
  }

  /** Octets of opened content of datagram `index`, padding included. */
  contentLength(index: number): number {
    return this.#items[index * OPEN_WORDS + 2] - TRANSPORT_OVERHEAD_LEN;
  }

  /** One's complement sum of the frame in datagram `index`, computed while it was in the cache. */
  frameSum(index: number): number {
    return this.#items[index * OPEN_WORDS + 3] & 0xffff;
  }

  clear(): void {
    this.count = 0;
  }

  /** Zeroes keys whose sessions are gone. */
  sweep(): void {
    this.#keys.sweep();
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]();
  }

  /** Passes the counters through the windows; each window is locked once for a run of datagrams of its session. */
  #checkReplay(): void {
    const { sessionReplayLock } = this.#context.tables;
    let locked: number = NO_ROW;
    for (let index = 0; index < this.count; index++) {
      if (!this.isAccepted(index)) continue;
      const session = this.sessions[index];
      if (session !== locked) {
        if (locked !== NO_ROW) releaseLock(sessionReplayLock, locked);
        acquireLock(sessionReplayLock, session);
        locked = session;
      }
      const reason = this.#judgeCounter(session, this.at(index));
      if (reason === Reason.NONE) continue;
      this.#items[index * OPEN_WORDS + 3] = COPY;
      this.#context.drop(reason);
    }
    if (locked !== NO_ROW) releaseLock(sessionReplayLock, locked);
  }

  /** The caller holds the lock of the session's window. */
  #judgeCounter(session: number, at: number): number {
    // The row may have got new keys meanwhile: an old counter has no business in their window.
    if (!this.#keys.isCurrent(session)) return Reason.SESSION_UNKNOWN;
    const low = readCounterLow(this.#view, at);
    const high = readCounterHigh(this.#view, at);
    const isNew = acceptCounter(this.#context.tables.sessionReplay, session * REPLAY_WORDS, low, high);
    return isNew ? Reason.NONE : Reason.REPLAY;
  }
}
