// No allocation per packet in this file.
/**
 * What all parts of one lane share: the tables, the time of this turn, and what the lane has copied out of the tables.
 *
 * @module
 */

import { ENDPOINT_WORDS, sameEndpoint } from "../base/endpoint.ts";
import { type NodeId } from "../base/node_id.ts";
import { REASON_COUNT } from "../base/reason.ts";
import { type Ring } from "../base/ring.ts";
import { EventKind, putEvent, putPlainEvent } from "./events.ts";
import { NO_ROW, SessionState, Setting, type Tables } from "./tables.ts";

/**
 * Counters that one session may use for sending.
 *
 * The counter column has 32 bits, because a 64-bit atomic would be a BigInt. A session lives three minutes, and 2^32
 * messages in that time are 24 million a second; the margin covers runs that lanes take at the same moment.
 */
const SEND_COUNTER_LIMIT = 2 ** 32 - 2 ** 16;
/** Least time between two reports of the same kind about one peer, so that no peer can fill the event ring. */
const REPORT_INTERVAL_MS = 100;

/** State of one lane that its parts share. */
export class LaneContext {
  readonly tables: Tables;
  readonly lane: number;
  readonly selfNodeId: NodeId;
  readonly events: Ring;
  /** Time of this turn, ms; set by the lane once a turn. */
  nowMs = 0;
  /** The same in whole seconds from 1, for the L2 FIB. */
  nowSeconds = 1;
  /** Endpoint records by peer row, as last copied. */
  readonly endpoints: Uint32Array<ArrayBuffer>;
  /** Added to a peer row it is this lane's index in the activity columns. */
  readonly activityAt: number;
  readonly #rejectAfterMs: number;
  readonly #endpointVersion: Int32Array;
  readonly #roamReportedMs: Float64Array;
  readonly #failureReportedMs: Float64Array;
  readonly #reasonsAt: number;

  constructor(tables: Tables, lane: number, selfNodeId: NodeId, events: Ring, rejectAfterMs: number) {
    const peers = tables.shape.peerCapacity;
    this.tables = tables;
    this.lane = lane;
    this.selfNodeId = selfNodeId;
    this.events = events;
    this.endpoints = new Uint32Array(peers * ENDPOINT_WORDS);
    this.activityAt = lane * peers;
    this.#rejectAfterMs = rejectAfterMs;
    this.#endpointVersion = new Int32Array(peers).fill(-1);
    this.#roamReportedMs = new Float64Array(peers);
    this.#failureReportedMs = new Float64Array(peers);
    this.#reasonsAt = lane * REASON_COUNT;
  }

  /** Counts something dropped. */
  drop(reason: number, count = 1): void {
    this.tables.dropped[this.#reasonsAt + reason] += count;
  }

  /** Tells whether the keys of a session are young enough to be used. */
  isFresh(sessionRow: number): boolean {
    return this.nowMs - this.tables.sessionCreatedMs[sessionRow] < this.#rejectAfterMs;
  }

  /**
   * Returns the row of the session to send to a peer with, or −1 after asking the control thread for one.
   */
  sessionToSend(peerRow: number): number {
    const { tables } = this;
    const session = Atomics.load(tables.peerCurrentSession, peerRow);
    if (
      session !== NO_ROW && Atomics.load(tables.sessionState, session) === SessionState.LIVE && this.isFresh(session) &&
      tables.sessionSendCounter[session] < SEND_COUNTER_LIMIT
    ) {
      return session;
    }
    if (Atomics.exchange(tables.peerWantsSession, peerRow, 1) === 0) {
      if (!this.#notify(EventKind.SESSION_WANTED, peerRow, session, 0)) tables.peerWantsSession[peerRow] = 0;
    }
    return NO_ROW;
  }

  /**
   * Copies the peer's endpoint from the table if it has changed.
   *
   * @returns Its address family, 4 or 6, or 0 if the peer has none.
   */
  refreshEndpoint(peerRow: number): number {
    const at = peerRow * ENDPOINT_WORDS;
    const { peerEndpointVersion, peerEndpoint } = this.tables;
    let version = Atomics.load(peerEndpointVersion, peerRow);
    while (version !== this.#endpointVersion[peerRow]) {
      for (let word = 0; word < ENDPOINT_WORDS; word++) this.endpoints[at + word] = peerEndpoint[at + word];
      const after = Atomics.load(peerEndpointVersion, peerRow);
      // An odd version is being written; what was copied under it may be torn.
      if (after === version && (version & 1) === 0) this.#endpointVersion[peerRow] = version;
      version = after;
    }
    return this.endpoints[at];
  }

  /** Reports that something authentic of the peer came from `endpoint`, unless that is the recorded one. */
  noteSource(peerRow: number, sessionRow: number, endpoint: Uint32Array, endpointAt: number): void {
    this.refreshEndpoint(peerRow);
    if (sameEndpoint(this.endpoints, peerRow * ENDPOINT_WORDS, endpoint, endpointAt)) return;
    if (this.nowMs - this.#roamReportedMs[peerRow] < REPORT_INTERVAL_MS) return;
    this.#roamReportedMs[peerRow] = this.nowMs;
    this.notifyWith(EventKind.ROAMED, peerRow, sessionRow, 0, endpoint, endpointAt, EMPTY, 0, 0);
  }

  /** Reports that a datagram to the peer couldn't be sent. */
  noteSendFailure(peerRow: number, errno: number): void {
    if (this.nowMs - this.#failureReportedMs[peerRow] < REPORT_INTERVAL_MS) return;
    this.#failureReportedMs[peerRow] = this.nowMs;
    this.#notify(EventKind.SEND_FAILED, peerRow, NO_ROW, errno);
  }

  /** Reports the first message under a session's keys. Returns whether the report was taken. */
  noteConfirmed(peerRow: number, sessionRow: number): boolean {
    return this.#notify(EventKind.CONFIRMED, peerRow, sessionRow, 0);
  }

  /** Reports that a descriptor of this lane failed; `which` is its position in the lane's poll set. */
  noteLaneFailure(which: number, errno: number): void {
    this.#notify(EventKind.LANE_FAILED, which, NO_ROW, errno);
  }

  /** Puts an event with endpoint and payload, see {@linkcode putEvent}, and rings. Returns whether there was room. */
  notifyWith(
    kind: number,
    peerRow: number,
    sessionRow: number,
    number: number,
    endpoint: Uint32Array,
    endpointAt: number,
    payload: Uint8Array,
    payloadAt: number,
    payloadLen: number,
  ): boolean {
    const taken = putEvent(
      this.events,
      kind,
      peerRow,
      sessionRow,
      this.nowMs,
      number,
      endpoint,
      endpointAt,
      payload,
      payloadAt,
      payloadLen,
    );
    this.#ring();
    return taken;
  }

  #notify(kind: number, peerRow: number, sessionRow: number, number: number): boolean {
    const taken = putPlainEvent(this.events, kind, peerRow, sessionRow, this.nowMs, number);
    this.#ring();
    return taken;
  }

  #ring(): void {
    Atomics.add(this.tables.settings, Setting.DOORBELL, 1);
    Atomics.notify(this.tables.settings, Setting.DOORBELL);
  }
}

const EMPTY = new Uint8Array(0);
