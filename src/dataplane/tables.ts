/**
 * Every column that the control thread and the lanes share, declared once, each with its one writer.
 *
 * The tables are a structure of typed arrays over one `SharedArrayBuffer`. Rows are named by small integers: a *peer row*,
 * a *session row*, a *lane*; a peer has a *path* of each kind of `base/path_kind.ts`. The control thread is one more lane (the
 * last) where it counts its own rare packets.
 *
 * How readers and writers meet:
 * - a column has one writer. What both sides write is only touched by `Atomics`, and says so;
 * - an endpoint has 12 words and can't be read at once: the writer makes `pathEndpointVersion` odd, writes, makes it even
 *   (a sequence lock). A lane keeps its own copy and the version it was taken at;
 * - a session is published by storing `sessionState` last, and withdrawn by clearing it first. `sessionGeneration` tells a
 *   lane that the cipher context it made from the keys is stale;
 * - the replay window of a session is guarded by `sessionReplayLock`, because two lanes may receive for one session;
 * - times are milliseconds of one clock (see `Shim.nowMs`) in `Float64Array`: an aligned 64-bit store can't tear on the
 *   64-bit systems that we run on.
 *
 * @module
 */

import { ENDPOINT_WORDS } from "../base/endpoint.ts";
import { NODE_ID_SPACE } from "../base/node_id.ts";
import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import { REASON_COUNT } from "../base/reason.ts";
import { REPLAY_WORDS } from "../noise/replay.ts";
import { L2FIB_ENTRY_WORDS } from "../route/l2fib.ts";

/** Rows that the tables have room for. */
export interface TableShape {
  /** Peers: the transport neighbours. A power of two, 32 to 16384. */
  readonly peerCapacity: number;
  /** Nodes whose broadcasts we may have to pass on: the sources in the next-hop table. */
  readonly sourceCapacity: number;
  /** Lanes that forward; one more row is added for the control thread. */
  readonly laneCount: number;
}

/** Session rows per peer: previous, current, next, and one in handshake. */
export const SESSIONS_PER_PEER = 4;
/** "No row", in columns of signed words. */
export const NO_ROW = -1;
/** "No row", in columns of 16 bits. */
export const NO_ROW_16 = 0xffff;
/** Octets of a transport key. */
export const KEY_LEN = 32;

/** Entries of the L2 FIB: buckets of eight, see `route/l2fib.ts`. */
export const L2FIB_ENTRIES = 16384;

/** What a peer row holds. */
export const PeerState = {
  FREE: 0,
  /** An ordinary edge. */
  EDGE: 1,
  /** A session with the super node: no frame, no flood goes there. */
  SUPER: 2,
} as const;

/** What a session row is good for. */
export const SessionState = {
  /** Free, or its index is reserved for a handshake in progress. */
  NONE: 0,
  /** Received with, but not yet sent with: the peer hasn't proved that it has the keys. */
  NEXT: 1,
  /** Received and sent with. */
  LIVE: 2,
} as const;

/** Words of {@linkcode Tables.settings}. */
export const Setting = {
  /** Not 0: the lanes end. Writer: control. */
  STOP: 0,
  /** Guards changes of the L2 FIB; see `lock.ts`. */
  L2FIB_LOCK: 1,
  /** Counts events of all lanes; the control thread waits on it. Writers: lanes, atomic. */
  DOORBELL: 2,
  /** MTU of the tap, in octets. Writer: control. */
  MTU: 3,
  /** Hop limit of frames that start here. Writer: control. */
  DEFAULT_TTL: 4,
  /** Not 0: nothing is forwarded for others. Writer: control. */
  DISABLE_RELAY: 5,
} as const;
const SETTING_COUNT = 16;

/** All shared columns. Indices are row × width of the column, unless the comment says otherwise. */
export interface Tables {
  readonly shape: TableShape;
  /** The memory behind every column; what a worker is given. */
  readonly buffer: SharedArrayBuffer;
  /** Bits of a local index that carry the session row. */
  readonly sessionRowBits: number;
  /** Words of one bitmap over peer rows. */
  readonly peerBitmapWords: number;
  /** Rows of the columns that have one entry a path. */
  readonly pathCount: number;

  /** Words indexed by {@linkcode Setting}. */
  readonly settings: Int32Array;

  // Peers. Writer: control.
  readonly peerState: Int32Array;
  readonly peerNodeId: Uint16Array;
  /** Which paths are in use: see `path_word.ts`. Atomic. */
  readonly peerPath: Int32Array;
  /** Until then the current path counts as working, ms; `Infinity` for a peer whose paths can't be probed. */
  readonly peerConfirmedUntilMs: Float64Array;
  /** Longest datagram that every path in use carries, in octets; 0 for no limit. */
  readonly peerMaxDatagramLen: Int32Array;
  /** Row of the session to send with, or {@linkcode NO_ROW}. */
  readonly peerCurrentSession: Int32Array;
  /** Grows when what waits for a session of this peer is to be dropped. */
  readonly peerStagedEpoch: Int32Array;
  /** Not 0: a lane has asked for a handshake. Lanes set it, control clears it; atomic. */
  readonly peerWantsSession: Int32Array;
  /** Not 0: a lane has sent on an unconfirmed path and asked for a probe. Lanes set it, control clears it; atomic. */
  readonly peerWantsProbe: Int32Array;

  // Paths. Index peer row × PATH_KIND_COUNT + kind. Writer: control.
  readonly pathEndpointVersion: Int32Array;
  /** Width {@linkcode ENDPOINT_WORDS}; see `base/endpoint.ts`. */
  readonly pathEndpoint: Uint32Array;

  // Traffic of paths, copies included. Index lane × pathCount + path. Writer: that lane.
  readonly pathReceivedMs: Float64Array;
  readonly pathReceivedPackets: Float64Array;
  readonly pathReceivedOctets: Float64Array;
  readonly pathSentPackets: Float64Array;
  readonly pathSentOctets: Float64Array;

  // Activity. Index lane × peerCapacity + peer row. Writer: that lane. Times in ms, 0 for never.
  /** Anything authenticated received, keepalives included. */
  readonly lastReceivedMs: Float64Array;
  /** Content received: more than a keepalive. */
  readonly lastDataReceivedMs: Float64Array;
  /** Any transport message sent. */
  readonly lastSentMs: Float64Array;
  /** Content sent. */
  readonly lastDataSentMs: Float64Array;
  readonly receivedPackets: Float64Array;
  readonly receivedOctets: Float64Array;
  readonly sentPackets: Float64Array;
  readonly sentOctets: Float64Array;

  // Sessions. Writer: control, but for the counter and the window.
  readonly sessionState: Int32Array;
  /** Index that the peer puts into its datagrams; 0 for none. */
  readonly sessionLocalIndex: Uint32Array;
  /** Index that we put into ours. */
  readonly sessionRemoteIndex: Uint32Array;
  readonly sessionPeer: Int32Array;
  readonly sessionGeneration: Int32Array;
  readonly sessionCreatedMs: Float64Array;
  /** Width {@linkcode KEY_LEN}. */
  readonly sessionSendKey: Uint8Array;
  /** Width {@linkcode KEY_LEN}. */
  readonly sessionReceiveKey: Uint8Array;
  /** Next counter to send with: whoever sends takes a run of them. Lanes and control, atomic. */
  readonly sessionSendCounter: Uint32Array;
  /** Mutex of the window; see `lock.ts`. */
  readonly sessionReplayLock: Int32Array;
  /** Width {@linkcode REPLAY_WORDS}; see `noise/replay.ts`. Lanes, under the lock. */
  readonly sessionReplay: Uint32Array;

  // Routes. Writer: control. Each word is valid by itself, as in any forwarding table that is updated in service.
  /** Index NodeId: peer row of the next hop, or {@linkcode NO_ROW_16}. */
  readonly nextHopPeer: Uint16Array;
  /** Bitmap over peer rows: where our own broadcasts go. */
  readonly broadcastPeers: Int32Array;
  /** Index NodeId: slot of that source in `relayPeers`, or {@linkcode NO_ROW_16}. */
  readonly relaySlot: Uint16Array;
  /** Width `peerBitmapWords`, index slot: to whom a broadcast of that source is passed on. */
  readonly relayPeers: Int32Array;

  /** L2 FIB, {@linkcode L2FIB_ENTRY_WORDS} words an entry. Lanes, under the lock. */
  readonly l2fib: Int32Array;

  /** Index lane × REASON_COUNT + reason. Writer: that lane. */
  readonly dropped: Float64Array;
}

/** Hands out consecutive regions of a buffer, each aligned to 64 octets so that two writers share no cache line. */
class Layout {
  readonly #buffer: SharedArrayBuffer | undefined;
  length = 0;

  constructor(buffer: SharedArrayBuffer | undefined) {
    this.#buffer = buffer;
  }

  #region(octets: number): number {
    const at = this.length;
    this.length = (at + octets + 63) & ~63;
    return at;
  }

  #storage(at: number, octets: number): [SharedArrayBuffer, number] {
    return this.#buffer === undefined ? [new SharedArrayBuffer(octets), 0] : [this.#buffer, at];
  }

  int32(count: number): Int32Array {
    return new Int32Array(...this.#storage(this.#region(count * 4), count * 4), count);
  }

  uint32(count: number): Uint32Array {
    return new Uint32Array(...this.#storage(this.#region(count * 4), count * 4), count);
  }

  uint16(count: number): Uint16Array {
    return new Uint16Array(...this.#storage(this.#region(count * 2), count * 2), count);
  }

  uint8(count: number): Uint8Array {
    return new Uint8Array(...this.#storage(this.#region(count), count), count);
  }

  float64(count: number): Float64Array {
    return new Float64Array(...this.#storage(this.#region(count * 8), count * 8), count);
  }
}

function layTables(shape: TableShape, layout: Layout): Omit<Tables, "buffer"> {
  const peers = shape.peerCapacity;
  const sessions = peers * SESSIONS_PER_PEER;
  const lanes = shape.laneCount + 1;
  const peerBitmapWords = peers / 32;
  const paths = peers * PATH_KIND_COUNT;
  return {
    shape,
    sessionRowBits: Math.log2(sessions),
    peerBitmapWords,
    pathCount: paths,
    settings: layout.int32(SETTING_COUNT),
    peerState: layout.int32(peers),
    peerNodeId: layout.uint16(peers),
    peerPath: layout.int32(peers),
    peerConfirmedUntilMs: layout.float64(peers),
    peerMaxDatagramLen: layout.int32(peers),
    peerCurrentSession: layout.int32(peers),
    peerStagedEpoch: layout.int32(peers),
    peerWantsSession: layout.int32(peers),
    peerWantsProbe: layout.int32(peers),
    pathEndpointVersion: layout.int32(paths),
    pathEndpoint: layout.uint32(paths * ENDPOINT_WORDS),
    pathReceivedMs: layout.float64(lanes * paths),
    pathReceivedPackets: layout.float64(lanes * paths),
    pathReceivedOctets: layout.float64(lanes * paths),
    pathSentPackets: layout.float64(lanes * paths),
    pathSentOctets: layout.float64(lanes * paths),
    lastReceivedMs: layout.float64(lanes * peers),
    lastDataReceivedMs: layout.float64(lanes * peers),
    lastSentMs: layout.float64(lanes * peers),
    lastDataSentMs: layout.float64(lanes * peers),
    receivedPackets: layout.float64(lanes * peers),
    receivedOctets: layout.float64(lanes * peers),
    sentPackets: layout.float64(lanes * peers),
    sentOctets: layout.float64(lanes * peers),
    sessionState: layout.int32(sessions),
    sessionLocalIndex: layout.uint32(sessions),
    sessionRemoteIndex: layout.uint32(sessions),
    sessionPeer: layout.int32(sessions),
    sessionGeneration: layout.int32(sessions),
    sessionCreatedMs: layout.float64(sessions),
    sessionSendKey: layout.uint8(sessions * KEY_LEN),
    sessionReceiveKey: layout.uint8(sessions * KEY_LEN),
    sessionSendCounter: layout.uint32(sessions),
    sessionReplayLock: layout.int32(sessions),
    sessionReplay: layout.uint32(sessions * REPLAY_WORDS),
    nextHopPeer: layout.uint16(NODE_ID_SPACE),
    broadcastPeers: layout.int32(peerBitmapWords),
    relaySlot: layout.uint16(NODE_ID_SPACE),
    relayPeers: layout.int32(shape.sourceCapacity * peerBitmapWords),
    l2fib: layout.int32(L2FIB_ENTRIES * L2FIB_ENTRY_WORDS),
    dropped: layout.float64(lanes * REASON_COUNT),
  };
}

/**
 * Makes empty tables.
 *
 * @throws {RangeError} If `peerCapacity` is not a power of two from 32 to 16384.
 */
export function createTables(shape: TableShape): Tables {
  const { peerCapacity } = shape;
  if (peerCapacity < 32 || peerCapacity > 16384 || (peerCapacity & (peerCapacity - 1)) !== 0) {
    throw new RangeError(`Cannot make tables: peerCapacity is ${peerCapacity}, must be a power of two, 32 to 16384`);
  }
  const measure = new Layout(undefined);
  layTables(shape, measure);
  const tables = attachTables(shape, new SharedArrayBuffer(measure.length));
  tables.peerCurrentSession.fill(NO_ROW);
  tables.sessionPeer.fill(NO_ROW);
  tables.nextHopPeer.fill(NO_ROW_16);
  tables.relaySlot.fill(NO_ROW_16);
  return tables;
}

/** Views the memory of tables that another thread made with the same shape. */
export function attachTables(shape: TableShape, buffer: SharedArrayBuffer): Tables {
  return { ...layTables(shape, new Layout(buffer)), buffer };
}

/** Returns the least peer row whose bit is set in word `word` of a bitmap over peer rows; `bits` is that word, not 0. */
export function lowestPeer(word: number, bits: number): number {
  return word * 32 + 31 - Math.clz32(bits & -bits);
}

/** Sums a per-lane, per-peer column over all lanes, the control thread included. */
export function sumOverLanes(tables: Tables, column: Float64Array, peerRow: number): number {
  let sum = 0;
  for (let lane = 0; lane <= tables.shape.laneCount; lane++) sum += column[lane * tables.shape.peerCapacity + peerRow];
  return sum;
}

/** Greatest value of a per-lane, per-peer column over all lanes, the control thread included. */
export function latestOverLanes(tables: Tables, column: Float64Array, peerRow: number): number {
  let latest = 0;
  for (let lane = 0; lane <= tables.shape.laneCount; lane++) {
    const value = column[lane * tables.shape.peerCapacity + peerRow];
    if (value > latest) latest = value;
  }
  return latest;
}

/** Total of a drop counter over all lanes, the control thread included. */
export function droppedFor(tables: Tables, reason: number): number {
  let sum = 0;
  for (let lane = 0; lane <= tables.shape.laneCount; lane++) sum += tables.dropped[lane * REASON_COUNT + reason];
  return sum;
}
