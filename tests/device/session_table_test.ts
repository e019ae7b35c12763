import { strict as assert } from "node:assert";
import { seededRandom } from "../../src/base/random.ts";
import {
  createTables,
  KEY_LEN,
  NO_ROW,
  SESSIONS_PER_PEER,
  SessionState,
  type Tables,
} from "../../src/dataplane/tables.ts";
import { type ReservedSession, SessionTable } from "../../src/device/session_table.ts";
import { rowOfIndex } from "../../src/noise/index_table.ts";
import { acceptCounter, REPLAY_WORDS } from "../../src/noise/replay.ts";
import { watchStores } from "../dataplane/interleave.ts";

const ROWS = 32 * SESSIONS_PER_PEER;

function create(): { tables: Tables; sessions: SessionTable } {
  const tables = createTables({ peerCapacity: 32, sourceCapacity: 1, laneCount: 1 });
  return { tables, sessions: new SessionTable(tables, seededRandom(1)) };
}

function reserve(sessions: SessionTable, peerRow: number): ReservedSession {
  const reserved = sessions.reserve(peerRow);
  if (reserved === undefined) throw new RangeError("There is no free row");
  return reserved;
}

function publish(sessions: SessionTable, reserved: ReservedSession, state: number = SessionState.LIVE): void {
  sessions.publish(reserved, {
    peerRow: 5,
    remoteIndex: 0xdeadbeef,
    keys: { send: new Uint8Array(32).fill(1), receive: new Uint8Array(32).fill(2) },
    createdMs: 1_234,
    isInitiator: true,
    state,
  });
}

function keysOf(tables: Tables, row: number): number[] {
  const send = tables.sessionSendKey.subarray(row * KEY_LEN, (row + 1) * KEY_LEN);
  const receive = tables.sessionReceiveKey.subarray(row * KEY_LEN, (row + 1) * KEY_LEN);
  return [...new Set([...send, ...receive])];
}

Deno.test("reserve() hands out an index that names the row and its peer, and no session yet", () => {
  const { tables, sessions } = create();
  const reserved = reserve(sessions, 5);
  assert.equal(rowOfIndex(reserved.localIndex, tables.sessionRowBits), reserved.row);
  assert.equal(sessions.peerOfIndex(reserved.localIndex), 5);
  assert.equal(tables.sessionState[reserved.row], SessionState.NONE);
  assert.equal(tables.sessionLocalIndex[reserved.row], 0);
});

Deno.test("reserve() hands out each row once, and none when all are in use", () => {
  const { sessions } = create();
  const rows = new Set(Array.from({ length: ROWS }, () => reserve(sessions, 0).row));
  assert.equal(rows.size, ROWS);
  assert.equal(sessions.reserve(0), undefined);
  assert.equal(sessions.freeRows, 0);
});

Deno.test("publish() writes every column and begins with an empty window and counter 0", () => {
  const { tables, sessions } = create();
  const reserved = reserve(sessions, 5);
  const { row } = reserved;
  acceptCounter(tables.sessionReplay, row * REPLAY_WORDS, 77, 0);
  tables.sessionSendCounter[row] = 99;
  const generation = tables.sessionGeneration[row];
  publish(sessions, reserved);
  assert.equal(tables.sessionState[row], SessionState.LIVE);
  assert.equal(tables.sessionLocalIndex[row], reserved.localIndex);
  assert.equal(tables.sessionRemoteIndex[row], 0xdeadbeef);
  assert.equal(tables.sessionPeer[row], 5);
  assert.equal(tables.sessionGeneration[row], generation + 1);
  assert.deepEqual(keysOf(tables, row), [1, 2]);
  assert.equal(acceptCounter(tables.sessionReplay, row * REPLAY_WORDS, 0, 0), true);
  assert.deepEqual(sessions.age(row), { createdMs: 1_234, isInitiator: true, counter: 0 });
});

Deno.test("confirm() makes a session LIVE without another generation", () => {
  const { tables, sessions } = create();
  const reserved = reserve(sessions, 5);
  publish(sessions, reserved, SessionState.NEXT);
  assert.equal(tables.sessionState[reserved.row], SessionState.NEXT);
  const generation = tables.sessionGeneration[reserved.row];
  sessions.confirm(reserved.row);
  assert.equal(tables.sessionState[reserved.row], SessionState.LIVE);
  assert.equal(tables.sessionGeneration[reserved.row], generation);
});

Deno.test("release() withdraws a session: state, index, keys, peer, and a new generation", () => {
  const { tables, sessions } = create();
  const reserved = reserve(sessions, 5);
  publish(sessions, reserved);
  const generation = tables.sessionGeneration[reserved.row];
  sessions.release(reserved.row);
  assert.equal(tables.sessionState[reserved.row], SessionState.NONE);
  assert.equal(tables.sessionLocalIndex[reserved.row], 0);
  assert.equal(tables.sessionPeer[reserved.row], NO_ROW);
  assert.equal(tables.sessionGeneration[reserved.row], generation + 1);
  assert.deepEqual(keysOf(tables, reserved.row), [0]);
  assert.equal(sessions.peerOfIndex(reserved.localIndex), NO_ROW);
});

Deno.test("reserve() takes the row that is free for the longest time", () => {
  const { sessions } = create();
  const first = reserve(sessions, 0);
  sessions.release(first.row);
  const rows = Array.from({ length: ROWS }, () => reserve(sessions, 0).row);
  assert.equal(rows.at(-1), first.row);
});

Deno.test("reserve() gives a row another index each time", () => {
  const { tables, sessions } = create();
  const indices = new Set<number>();
  for (let count = 0; count < 20 * ROWS; count++) {
    const reserved = reserve(sessions, 0);
    if (reserved.row === 0) indices.add(reserved.localIndex);
    sessions.release(reserved.row);
  }
  assert.ok(indices.size >= 19);
  assert.equal(tables.sessionRowBits, Math.log2(ROWS));
});

Deno.test("release() writes no zeros before lanes can see that the session is withdrawn", () => {
  const { tables, sessions } = create();
  const reserved = reserve(sessions, 5);
  publish(sessions, reserved);
  const generation = tables.sessionGeneration[reserved.row];
  const look = () => {
    assert.equal(tables.sessionState[reserved.row], SessionState.NONE);
    assert.equal(tables.sessionGeneration[reserved.row], generation + 1);
  };
  assert.equal(watchStores(tables.sessionSendKey, look, () => sessions.release(reserved.row)), KEY_LEN);
  assert.deepEqual(keysOf(tables, reserved.row), [0]);
});
