/**
 * The FakeTCP connections of a node, shared by the control thread and the lanes.
 *
 * The control thread opens and closes connections (`stack.ts`); lanes send and receive on them, any lane on any
 * connection. A structure of typed arrays over one `SharedArrayBuffer`, a row a connection, as in `dataplane/tables.ts`:
 * a column has one writer, or is touched by `Atomics` and says so.
 *
 * How they meet:
 * - a row is published by storing `state` last, and withdrawn by clearing it first; `generation` changes with each use of
 *   the row. Who holds a row number holds the generation too, and compares (see {@linkcode isOpen});
 * - rows are found by a chained hash of remote address, remote port and local port. Only the control thread changes the
 *   chains; a row is not given out again before {@linkcode ROW_REST_MS} have passed since it was taken out of its chain, so
 *   that no reader stands on it any more;
 * - a segment takes its sequence numbers by an atomic add on `sndNxt`. `rcvNxt` only moves forward;
 * - lanes read sequence numbers as they stand. Such a read never tears (ECMA-262, memory model: integers of 32 bits are
 *   tear-free), while V8 makes an object of what `Atomics` return if it is 2^30 or more.
 *
 * @module
 */

import { type RandomSource } from "../base/random.ts";
import { seqAfter, seqDistance } from "../wire/sequence.ts";

/** What may be done on a connection; RFC 9293 §3.3.2 has more states, which only the control thread tells apart. */
export const ConnectionState = {
  /** Free, or resting, or in a state in which no datagram may pass (SYN-SENT, CLOSING, TIME-WAIT, …). */
  CLOSED: 0,
  /** SYN-RECEIVED: an acknowledgment of our SYN opens it, and what comes with it may be received at once. */
  HALF_OPEN: 1,
  /** ESTABLISHED, and what else may carry data: datagrams go both ways. */
  OPEN: 2,
} as const;

/** How a connection is written and read; bits of `flags`. */
export const ConnectionFlag = {
  /** Both sides sent the timestamps option (RFC 7323 §3.2). */
  TIMESTAMPS: 1,
  /** Both sides sent the window scale option (RFC 7323 §2.2): the peer keeps to the rules of a window. */
  WINDOW_SCALE: 2,
  /** One datagram a segment, each with PSH: somebody on the way re-cuts super-segments. Set at any time. */
  SINGLES: 4,
} as const;

/** "No row". */
export const NO_CONNECTION = -1;
/** Least time between two uses of a row, ms. */
export const ROW_REST_MS = 1000;
/** Words of `remote`: as the remote part of an endpoint record (family, port, address, scope), then the local port. */
export const REMOTE_WORDS = 8;

const SETTING_WORDS = 16;
const SEED = 0;
const CAPACITY = 1;
const COOKIE_KEY = 4;
/** Words of {@linkcode ConnectionTable.cookieKey}. */
const COOKIE_KEY_WORDS = 4;

/** All shared columns, by row. */
export interface ConnectionTable {
  /** The memory behind every column; what a worker is given. */
  readonly buffer: SharedArrayBuffer;
  /** Rows; a power of two. */
  readonly capacity: number;
  /** Key of the hash, random. */
  readonly seed: number;
  /** Key of SYN cookies and initial sequence numbers, four random words: any lane answers a SYN, any other its answer. */
  readonly cookieKey: Uint32Array;

  // Writer: control.
  /** A {@linkcode ConnectionState}; atomic. */
  readonly state: Int32Array;
  /** Odd or even doesn't matter; grows with each use of the row. Atomic. */
  readonly generation: Int32Array;
  /** Width {@linkcode REMOTE_WORDS}. */
  readonly remote: Uint32Array;
  /** First row of each chain, by hash; atomic. */
  readonly bucket: Int32Array;
  /** Next row of the chain; atomic. */
  readonly next: Int32Array;
  /** Bits of {@linkcode ConnectionFlag}; atomic. */
  readonly flags: Int32Array;
  /** Our initial sequence number. */
  readonly iss: Uint32Array;
  /** The peer's initial sequence number. */
  readonly irs: Uint32Array;
  /** Shift of the windows that the peer sends, 0 to 14. */
  readonly sndScale: Uint8Array;
  /** Shift of the windows that we send, 0 to 14. */
  readonly rcvScale: Uint8Array;
  /** Window that we send, in octets, unscaled on the wire only in SYNs. */
  readonly rcvWnd: Uint32Array;
  /** Added to the time in ms, it is the timestamp that we send (RFC 7323 §5.4). */
  readonly tsOffset: Uint32Array;
  /** Longest datagram that one segment may carry, in octets; falls when the path turns out to carry less. Atomic. */
  readonly maxDatagramLen: Int32Array;
  /** By how many octets acknowledgments may run ahead of `sndNxt`, see {@linkcode rewindSeq}. Atomic. */
  readonly sndLag: Int32Array;

  // Both sides, atomic.
  /** Sequence number of the next segment to send: whoever sends adds its length. Control sets it back to `sndUna` after a loss. */
  readonly sndNxt: Uint32Array;
  /** Sequence number expected next: behind the furthest octet that arrived. Only moves forward. */
  readonly rcvNxt: Uint32Array;
  /** Acknowledgment number that was sent last. Only moves forward. */
  readonly ackSent: Uint32Array;
  /** Furthest acknowledgment number of the peer. Only moves forward. */
  readonly sndUna: Uint32Array;
  /** Identification of the next IPv4 packet, of which 16 bits count: whoever sends adds the number of segments. */
  readonly identification: Uint32Array;

  // Lanes; each word is valid by itself, the latest store wins.
  /** Window that the peer last offered, in octets, scaled. */
  readonly sndWnd: Uint32Array;
  /** Latest timestamp of the peer, to be echoed. */
  readonly tsRecent: Uint32Array;
  /** When anything acceptable arrived, ms. */
  readonly lastReceivedMs: Float64Array;
  /** When `sndUna` last moved, ms; control sets it when the connection opens. */
  readonly lastAckedMs: Float64Array;
  /** When data was last sent, ms. */
  readonly lastSentMs: Float64Array;
}

/**
 * Makes an empty table.
 *
 * @param capacity Rows, a power of two.
 * @throws {RangeError} If it isn't one.
 */
export function createConnectionTable(capacity: number, random: RandomSource): ConnectionTable {
  if (capacity < 1 || (capacity & (capacity - 1)) !== 0) {
    throw new RangeError(`Cannot make connection table: capacity is ${capacity}, must be a power of two`);
  }
  const buffer = new SharedArrayBuffer(layTable(undefined, capacity).length);
  const settings = new Uint32Array(buffer, 0, SETTING_WORDS);
  settings[SEED] = random.uint32();
  settings[CAPACITY] = capacity;
  for (let word = 0; word < COOKIE_KEY_WORDS; word++) settings[COOKIE_KEY + word] = random.uint32();
  const table = attachConnectionTable(buffer);
  table.bucket.fill(NO_CONNECTION);
  table.next.fill(NO_CONNECTION);
  return table;
}

/** Views the memory of a table that another thread made. */
export function attachConnectionTable(buffer: SharedArrayBuffer): ConnectionTable {
  const settings = new Uint32Array(buffer, 0, SETTING_WORDS);
  const capacity = settings[CAPACITY];
  return {
    ...layTable(buffer, capacity).columns,
    buffer,
    capacity,
    seed: settings[SEED],
    cookieKey: new Uint32Array(buffer, COOKIE_KEY * 4, COOKIE_KEY_WORDS),
  };
}

function layTable(buffer: SharedArrayBuffer | undefined, capacity: number) {
  let length = SETTING_WORDS * 4;

  /** Takes the next region, aligned to a cache line so that two writers share none. */
  function place(octets: number): [SharedArrayBuffer, number] {
    const at = (length + 63) & ~63;
    length = at + octets;
    return buffer === undefined ? [new SharedArrayBuffer(octets), 0] : [buffer, at];
  }
  const int32 = (count = capacity) => new Int32Array(...place(count * 4), count);
  const uint32 = (count = capacity) => new Uint32Array(...place(count * 4), count);
  const uint8 = () => new Uint8Array(...place(capacity), capacity);
  const float64 = () => new Float64Array(...place(capacity * 8), capacity);
  const columns = {
    state: int32(),
    generation: int32(),
    remote: uint32(capacity * REMOTE_WORDS),
    bucket: int32(),
    next: int32(),
    flags: int32(),
    iss: uint32(),
    irs: uint32(),
    sndScale: uint8(),
    rcvScale: uint8(),
    rcvWnd: uint32(),
    tsOffset: uint32(),
    maxDatagramLen: int32(),
    sndLag: int32(),
    sndNxt: uint32(),
    rcvNxt: uint32(),
    ackSent: uint32(),
    sndUna: uint32(),
    identification: uint32(),
    sndWnd: uint32(),
    tsRecent: uint32(),
    lastReceivedMs: float64(),
    lastAckedMs: float64(),
    lastSentMs: float64(),
  };
  return { columns, length };
}

/** Tells whether a row still is the connection that a generation names, and carries datagrams. Allocates nothing. */
export function isOpen(table: ConnectionTable, row: number, generation: number): boolean {
  return Atomics.load(table.state, row) === ConnectionState.OPEN && Atomics.load(table.generation, row) === generation;
}

/**
 * Finds the row of a connection, whatever its state. Allocates nothing; takes no lock.
 *
 * @param remote Words of an endpoint record at `at`: family, port, address and scope name the remote side.
 * @returns The row, or {@linkcode NO_CONNECTION}.
 */
export function findConnection(table: ConnectionTable, remote: Uint32Array, at: number, localPort: number): number {
  let row = Atomics.load(table.bucket, bucketOf(table, remote, at, localPort));
  // A row that moves to another chain while we stand on it must not lead us around for ever.
  for (let steps = 0; row !== NO_CONNECTION && steps < table.capacity; steps++) {
    if (isRemote(table, row, remote, at, localPort)) return row;
    row = Atomics.load(table.next, row);
  }
  return NO_CONNECTION;
}

/** Writes the remote side of a row and enters it into its chain. Control thread only. */
export function linkConnection(
  table: ConnectionTable,
  row: number,
  remote: Uint32Array,
  at: number,
  localPort: number,
): void {
  const words = row * REMOTE_WORDS;
  for (let word = 0; word < REMOTE_WORDS - 1; word++) table.remote[words + word] = remote[at + word];
  table.remote[words + REMOTE_WORDS - 1] = localPort;
  const bucket = bucketOf(table, remote, at, localPort);
  Atomics.store(table.next, row, Atomics.load(table.bucket, bucket));
  Atomics.store(table.bucket, bucket, row);
}

/** Takes a row out of its chain. Its own `next` stays, for readers that stand on it. Control thread only. */
export function unlinkConnection(table: ConnectionTable, row: number): void {
  const words = row * REMOTE_WORDS;
  const bucket = bucketOf(table, table.remote, words, table.remote[words + REMOTE_WORDS - 1]);
  const after = Atomics.load(table.next, row);
  let at = Atomics.load(table.bucket, bucket);
  if (at === row) {
    Atomics.store(table.bucket, bucket, after);
    return;
  }
  while (at !== NO_CONNECTION) {
    const next = Atomics.load(table.next, at);
    if (next === row) {
      Atomics.store(table.next, at, after);
      return;
    }
    at = next;
  }
}

/** Moves a sequence number forward to `seq` unless it is there or further already. Allocates nothing. */
export function advanceSeq(column: Uint32Array, row: number, seq: number): boolean {
  let before = column[row];
  while (seqAfter(seq, before)) {
    const found = Atomics.compareExchange(column, row, before, seq);
    if (found === before) return true;
    before = found;
  }
  return false;
}

/**
 * Takes the sequence numbers that the peer hasn't acknowledged into use again. Control thread only.
 *
 * Nothing is ever retransmitted, so after a loss of many segments the numbers would run ahead of the peer's window, and
 * firewalls on the way would drop what comes after. New data under old numbers stays within it. What a lane takes at the same
 * moment is forgotten, which does as little harm.
 *
 * Perhaps only the acknowledgments were lost. The peer is then ahead of us, and `sndLag` lets its segments be accepted.
 */
export function rewindSeq(table: ConnectionTable, row: number): void {
  const sndUna = Atomics.load(table.sndUna, row);
  const lag = seqDistance(Atomics.load(table.sndNxt, row), sndUna);
  if (lag <= 0) return;
  Atomics.store(table.sndLag, row, Math.max(lag, Atomics.load(table.sndLag, row)));
  Atomics.store(table.sndNxt, row, sndUna);
}

function isRemote(
  table: ConnectionTable,
  row: number,
  remote: Uint32Array,
  at: number,
  localPort: number,
): boolean {
  const words = row * REMOTE_WORDS;
  for (let word = 0; word < REMOTE_WORDS - 1; word++) {
    if (table.remote[words + word] !== remote[at + word]) return false;
  }
  return table.remote[words + REMOTE_WORDS - 1] === localPort;
}

/** A keyed mix of the words that name a connection: multiply and fold, as MurmurHash3 does. */
function bucketOf(table: ConnectionTable, remote: Uint32Array, at: number, localPort: number): number {
  let hash = table.seed ^ Math.imul(localPort, 0x9e3779b1);
  for (let word = 1; word < 6; word++) {
    hash = Math.imul(hash ^ remote[at + word], 0xcc9e2d51);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x1b873593);
  return (hash ^ (hash >>> 13)) & (table.capacity - 1);
}
