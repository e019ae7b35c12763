// No allocation per packet in this file.
/**
 * What all parts of one lane share: the tables, the time of this turn, and what the lane has copied out of the tables.
 *
 * @module
 */

import { ENDPOINT_WORDS, sameEndpoint } from "../base/endpoint.ts";
import { type NodeId } from "../base/node_id.ts";
import { PATH_KIND_COUNT, pathKindOf } from "../base/path_kind.ts";
import { REASON_COUNT } from "../base/reason.ts";
import { type Ring } from "../base/ring.ts";
import { ERROR_ENDPOINT } from "../ffi/symbols.ts";
import { EventKind, putEvent, putPlainEvent } from "./events.ts";
import { currentPath, pathsInUse, standbyMask } from "./path_word.ts";
import { NO_ROW, SessionState, Setting, type Tables } from "./tables.ts";

/**
 * Counters that one session may use for sending.
 *
 * The counter column has 32 bits, because a 64-bit atomic would be a BigInt. A session lives three minutes, and 2^32
 * messages in that time are 24 million a second; the margin covers runs that lanes take at the same moment.
 */
const SEND_COUNTER_LIMIT = 2 ** 32 - 2 ** 16;
/** Least time between two reports of the same kind about one path, so that no peer can fill the event ring. */
const REPORT_INTERVAL_MS = 100;
const NO_PATH = -1;

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
  /** Endpoint records by path (peer row × PATH_KIND_COUNT + kind), as last copied. */
  readonly endpoints: Uint32Array<ArrayBuffer>;
  /** Set of kinds that datagrams to a peer go out on, by peer row; see {@linkcode LaneContext.refreshPaths}. */
  readonly paths: Uint8Array;
  /** Added to a peer row it is this lane's index in the activity columns. */
  readonly activityAt: number;
  /** Added to a path it is this lane's index in the columns of paths. */
  readonly pathActivityAt: number;
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
    const paths = tables.pathCount;
    this.endpoints = new Uint32Array(paths * ENDPOINT_WORDS);
    this.paths = new Uint8Array(peers);
    this.activityAt = lane * peers;
    this.pathActivityAt = lane * paths;
    this.#rejectAfterMs = rejectAfterMs;
    this.#endpointVersion = new Int32Array(paths).fill(-1);
    this.#roamReportedMs = new Float64Array(paths);
    this.#failureReportedMs = new Float64Array(paths);
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
      if (!this.#notify(EventKind.SESSION_WANTED, peerRow, session, 0, NO_PATH)) tables.peerWantsSession[peerRow] = 0;
    }
    return NO_ROW;
  }

  /**
   * Finds out on which paths datagrams to a peer go out now, and copies their endpoints from the table if they have changed.
   *
   * If the current path isn't confirmed any more, the control thread is asked to probe it.
   *
   * @returns The set of kinds, also kept in {@linkcode LaneContext.paths}; 0 if the peer has no path.
   */
  refreshPaths(peerRow: number): number {
    const { tables, nowMs } = this;
    const usable = this.#refreshEndpoints(peerRow, pathsInUse(tables, peerRow, nowMs));
    this.paths[peerRow] = usable;
    if (nowMs > tables.peerConfirmedUntilMs[peerRow] && usable !== 0) this.#wantProbe(peerRow);
    return usable;
  }

  /**
   * Returns the set of kinds on which a peer can be sent to instead of one that has just failed, and copies their endpoints:
   * those that stand by, and the current one, which may be another by now.
   */
  otherPaths(peerRow: number, failedKind: number): number {
    const word = Atomics.load(this.tables.peerPath, peerRow);
    return this.#refreshEndpoints(peerRow, (standbyMask(word) | (1 << currentPath(word))) & ~(1 << failedKind));
  }

  /** Reports that something authentic of the peer came from `endpoint`, unless that is the recorded one of this path. */
  noteSource(peerRow: number, kind: number, sessionRow: number, endpoint: Uint32Array, endpointAt: number): void {
    const path = peerRow * PATH_KIND_COUNT + kind;
    this.#refreshEndpoint(path);
    if (sameEndpoint(this.endpoints, path * ENDPOINT_WORDS, endpoint, endpointAt)) return;
    if (this.nowMs - this.#roamReportedMs[path] < REPORT_INTERVAL_MS) return;
    this.#roamReportedMs[path] = this.nowMs;
    this.notifyWith(EventKind.ROAMED, peerRow, sessionRow, 0, kind, endpoint, endpointAt, EMPTY, 0, 0);
  }

  /** Reports that a datagram couldn't be sent on a path (peer row × PATH_KIND_COUNT + kind). */
  noteSendFailure(path: number, errno: number): void {
    if (this.nowMs - this.#failureReportedMs[path] < REPORT_INTERVAL_MS) return;
    this.#failureReportedMs[path] = this.nowMs;
    const peerRow = Math.floor(path / PATH_KIND_COUNT);
    this.#notify(EventKind.SEND_FAILED, peerRow, NO_ROW, errno, path % PATH_KIND_COUNT);
  }

  /**
   * Reports that the network couldn't deliver a datagram.
   *
   * @param transport Of the bind that it was sent by.
   * @param error Words of the error at `errorAt`, see `Bind.readErrors`.
   */
  noteUnreachable(transport: number, error: Uint32Array, errorAt: number): void {
    const endpointAt = errorAt + ERROR_ENDPOINT;
    const kind = pathKindOf(transport, error[endpointAt]);
    this.notifyWith(EventKind.UNREACHABLE, NO_ROW, NO_ROW, error[errorAt], kind, error, endpointAt, EMPTY, 0, 0);
  }

  /** Reports the first message under a session's keys, and the path it came on. Returns whether the report was taken. */
  noteConfirmed(peerRow: number, sessionRow: number, path: number): boolean {
    return this.#notify(EventKind.CONFIRMED, peerRow, sessionRow, 0, path);
  }

  /** Reports that a descriptor of this lane, at `which` in its poll set, failed. Returns whether the report was taken. */
  noteLaneFailure(which: number, errno: number): boolean {
    return this.#notify(EventKind.LANE_FAILED, which, NO_ROW, errno, NO_PATH);
  }

  /** Puts an event with endpoint and payload, see {@linkcode putEvent}, and rings. Returns whether there was room. */
  notifyWith(
    kind: number,
    peerRow: number,
    sessionRow: number,
    number: number,
    path: number,
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
      path,
      endpoint,
      endpointAt,
      payload,
      payloadAt,
      payloadLen,
    );
    this.#ring();
    return taken;
  }

  /** Copies the endpoints of a set of kinds if they have changed. Returns those of the set that have one. */
  #refreshEndpoints(peerRow: number, mask: number): number {
    let usable = 0;
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      if ((mask & (1 << kind)) !== 0 && this.#refreshEndpoint(peerRow * PATH_KIND_COUNT + kind)) usable |= 1 << kind;
    }
    return usable;
  }

  /** Copies the endpoint of a path from the table if it has changed. Returns whether there is one. */
  #refreshEndpoint(path: number): boolean {
    const at = path * ENDPOINT_WORDS;
    const { pathEndpointVersion, pathEndpoint } = this.tables;
    let version = Atomics.load(pathEndpointVersion, path);
    while (version !== this.#endpointVersion[path]) {
      // Atomic: plain loads might come after that of the version below.
      for (let word = 0; word < ENDPOINT_WORDS; word++) {
        this.endpoints[at + word] = Atomics.load(pathEndpoint, at + word);
      }
      const after = Atomics.load(pathEndpointVersion, path);
      // An odd version is being written; what was copied under it may be torn.
      if (after === version && (version & 1) === 0) this.#endpointVersion[path] = version;
      version = after;
    }
    return this.endpoints[at] !== 0;
  }

  #wantProbe(peerRow: number): void {
    const { peerWantsProbe } = this.tables;
    if (peerWantsProbe[peerRow] !== 0 || Atomics.exchange(peerWantsProbe, peerRow, 1) !== 0) return;
    if (!this.#notify(EventKind.PROBE_WANTED, peerRow, NO_ROW, 0, NO_PATH)) Atomics.store(peerWantsProbe, peerRow, 0);
  }

  #notify(kind: number, peerRow: number, sessionRow: number, number: number, path: number): boolean {
    const taken = putPlainEvent(this.events, kind, peerRow, sessionRow, this.nowMs, number, path);
    this.#ring();
    return taken;
  }

  #ring(): void {
    Atomics.add(this.tables.settings, Setting.DOORBELL, 1);
    Atomics.notify(this.tables.settings, Setting.DOORBELL);
  }
}

const EMPTY = new Uint8Array(0);
