/**
 * The control thread's hand on the session columns: reserve a row, publish its keys, withdraw it.
 *
 * ```
 *            reserve               publish                      confirm
 *   free ───────────▶ reserved ───────────────▶ NEXT or LIVE ───────────▶ LIVE
 *    ▲                    │                           │                     │
 *    └────────────────────┴───────── release ─────────┴─────────────────────┘
 * ```
 *
 * Lanes read these columns at any time. `sessionState` is stored last when a session appears and first when it goes, and
 * the generation grows both times, so that no lane goes on with a cipher context of keys that are gone. Rows are reused in
 * the order in which they became free: the longest possible time passes before a row has another meaning.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { KEY_LEN, NO_ROW, SessionState, type Tables } from "../dataplane/tables.ts";
import type { TransportKeys } from "../noise/handshake.ts";
import { makeIndex, rowOfIndex } from "../noise/index_table.ts";
import { REPLAY_WORDS, replayReset } from "../noise/replay.ts";
import type { SessionAge } from "./timers.ts";

const NO_KEY = new Uint8Array(KEY_LEN);

/** A row that a handshake holds, and the index by which the peer will address its session. */
export interface ReservedSession {
  readonly row: number;
  readonly localIndex: number;
}

/** What {@linkcode SessionTable.publish} writes. */
export interface SessionRecord {
  readonly peerRow: number;
  readonly remoteIndex: number;
  /** Copied. */
  readonly keys: TransportKeys;
  readonly createdMs: number;
  readonly isInitiator: boolean;
  /** One of {@linkcode SessionState}: `NEXT` or `LIVE`. */
  readonly state: number;
}

/** Owns the rows of the session columns. */
export class SessionTable {
  readonly #tables: Tables;
  readonly #random: RandomSource;
  /** A set keeps the order of insertion: the first is free for the longest time. */
  readonly #free: Set<number>;
  readonly #isInitiator: Uint8Array;

  constructor(tables: Tables, random: RandomSource) {
    const rows = tables.sessionState.length;
    this.#tables = tables;
    this.#random = random;
    this.#free = new Set(Array.from({ length: rows }, (_, row) => row));
    this.#isInitiator = new Uint8Array(rows);
  }

  /** Count of rows that are free. */
  get freeRows(): number {
    return this.#free.size;
  }

  /** Takes a row for a handshake with a peer; `undefined` if every row is in use. */
  reserve(peerRow: number): ReservedSession | undefined {
    const first = this.#free.values().next();
    if (first.done) return undefined;
    const row = first.value;
    this.#free.delete(row);
    this.#tables.sessionPeer[row] = peerRow;
    return { row, localIndex: makeIndex(row, this.#tables.sessionRowBits, this.#random.uint32()) };
  }

  /** Returns the peer row for which a handshake or a session holds the row that an index names, or `NO_ROW`. */
  peerOfIndex(localIndex: number): number {
    return this.#tables.sessionPeer[rowOfIndex(localIndex, this.#tables.sessionRowBits)];
  }

  /** Makes a reserved row a session that lanes can use. */
  publish(reserved: ReservedSession, record: SessionRecord): void {
    const tables = this.#tables;
    const { row } = reserved;
    this.#isInitiator[row] = record.isInitiator ? 1 : 0;
    tables.sessionPeer[row] = record.peerRow;
    tables.sessionRemoteIndex[row] = record.remoteIndex;
    tables.sessionCreatedMs[row] = record.createdMs;
    storeKey(tables.sessionSendKey, row, record.keys.send);
    storeKey(tables.sessionReceiveKey, row, record.keys.receive);
    Atomics.store(tables.sessionSendCounter, row, 0);
    replayReset(tables.sessionReplay, row * REPLAY_WORDS);
    Atomics.add(tables.sessionGeneration, row, 1);
    Atomics.store(tables.sessionLocalIndex, row, reserved.localIndex);
    Atomics.store(tables.sessionState, row, record.state);
  }

  /** Lets lanes send with a session: its peer has proved that it has the keys. */
  confirm(row: number): void {
    Atomics.store(this.#tables.sessionState, row, SessionState.LIVE);
  }

  /** Withdraws a session or a reservation, zeroes its keys and frees its row. */
  release(row: number): void {
    const tables = this.#tables;
    Atomics.store(tables.sessionState, row, SessionState.NONE);
    Atomics.store(tables.sessionLocalIndex, row, 0);
    Atomics.add(tables.sessionGeneration, row, 1);
    storeKey(tables.sessionSendKey, row, NO_KEY);
    storeKey(tables.sessionReceiveKey, row, NO_KEY);
    tables.sessionPeer[row] = NO_ROW;
    this.#free.add(row);
  }

  /** Returns what timers need to know of a published session. */
  age(row: number): SessionAge {
    return {
      createdMs: this.#tables.sessionCreatedMs[row],
      isInitiator: this.#isInitiator[row] === 1,
      counter: Atomics.load(this.#tables.sessionSendCounter, row),
    };
  }
}

/** Writes a key. Atomic: zeros must not be seen before the state and the generation that withdraw the session. */
function storeKey(column: Uint8Array, row: number, key: Uint8Array): void {
  for (let index = 0; index < KEY_LEN; index++) Atomics.store(column, row * KEY_LEN + index, key[index]);
}
