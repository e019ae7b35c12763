import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS } from "../../src/base/endpoint.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { Reason } from "../../src/base/reason.ts";
import { MemoryBind } from "../../src/conn/memory_bind.ts";
import type { LaneContext } from "../../src/dataplane/lane_context.ts";
import { Sealer } from "../../src/dataplane/seal.ts";
import { Staging } from "../../src/dataplane/staging.ts";
import { droppedFor, NO_ROW } from "../../src/dataplane/tables.ts";
import { bodyOf, keyOf, openMessage } from "./datagram.ts";
import { createTestContext, enterNeighbour, MTU, shim, storeEndpoint } from "./test_node.ts";

const SELF = 1;
const PEERS = 16;
const PER_PEER = 128;

/** A staging area whose peers have an endpoint, and a session as soon as `admit` is called. */
class Bench implements Disposable {
  readonly context: LaneContext = createTestContext(undefined, SELF);
  readonly bind = new MemoryBind();
  readonly sealer: Sealer;
  readonly staging: Staging;

  constructor(mtu = MTU) {
    const { tables } = this.context;
    for (let row = 0; row < PEERS; row++) {
      enterNeighbour(tables, row, SELF, { nodeId: row + 2, endpoint: `192.0.2.${row + 2}:3001` });
      tables.peerCurrentSession[row] = NO_ROW;
    }
    this.sealer = new Sealer(this.context, [this.bind], shim);
    this.staging = new Staging(this.context, mtu);
  }

  /** Stages a frame of 20 octets or more that begins with a number. */
  put(peerRow: number, number: number, length = 20): void {
    const frame = new Uint8Array(length);
    new DataView(frame.buffer).setUint32(0, number);
    this.staging.put(peerRow, 4, 200, peerRow + 2, SELF, frame, 0, 0, frame, 0, length, 0, 0);
  }

  admit(peerRow: number): void {
    this.context.tables.peerCurrentSession[peerRow] = peerRow;
  }

  /** Flushes; returns the numbers of the frames that left, in order. */
  flush(): number[] {
    this.staging.flush(this.sealer);
    return this.bind.sent.splice(0).map(({ octets }) => {
      const body = bodyOf(openMessage(keyOf(SELF), octets));
      return new DataView(body.buffer, body.byteOffset).getUint32(0);
    });
  }

  dropped(reason: number): number {
    return droppedFor(this.context.tables, reason);
  }

  [Symbol.dispose](): void {
    this.sealer[Symbol.dispose]();
  }
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

Deno.test("Staging keeps frames until their peer has a session, and sends them in order", () => {
  using bench = new Bench();
  for (const number of range(0, 10)) bench.put(number & 1, number);
  assert.deepEqual(bench.flush(), []);
  assert.equal(bench.staging.count, 10);
  bench.admit(1);
  assert.deepEqual(bench.flush(), [1, 3, 5, 7, 9]);
  assert.equal(bench.staging.count, 5);
  bench.admit(0);
  assert.deepEqual(bench.flush(), [0, 2, 4, 6, 8]);
  assert.deepEqual(bench.flush(), []);
  assert.equal(bench.staging.count, 0);
});

Deno.test("Staging takes a run of counters of the session", () => {
  using bench = new Bench();
  bench.context.tables.sessionSendCounter[0] = 40;
  for (const number of range(0, 3)) bench.put(0, number);
  bench.admit(0);
  bench.staging.flush(bench.sealer);
  const counters = bench.bind.sent.map(({ octets }) => openMessage(keyOf(SELF), octets).counter);
  assert.deepEqual(counters, [40, 41, 42]);
  assert.equal(bench.context.tables.sessionSendCounter[0], 43);
});

Deno.test("Staging keeps everything that sealing needs", () => {
  using bench = new Bench();
  const headers = Uint8Array.from({ length: 100 }, (_, index) => index);
  const octets = new Uint8Array(100).fill(0xee);
  // The checksum of 26 octets from 34 on, with the sum so far in its place.
  bench.staging.put(3, 9, 77, 0xfffe, 0x0102, headers, 10, 54, octets, 5, 6, 34, 6);
  headers.fill(0);
  octets.fill(0);
  bench.admit(3);
  bench.staging.flush(bench.sealer);
  const { type, ttl, content } = openMessage(keyOf(SELF), bench.bind.sent[0].octets);
  assert.deepEqual([type, ttl], [9, 77]);
  const frame = [...range(10, 54), ...new Array(6).fill(0xee)];
  let sum = 0;
  for (let at = 34; at < 60; at += 2) sum += (frame[at] << 8) | frame[at + 1];
  const checksum = 0xffff - (sum % 0xffff);
  frame.splice(40, 2, checksum >> 8, checksum & 0xff);
  assert.deepEqual([...content], [0xff, 0xfe, 1, 2, ...frame]);
});

Deno.test("Staging keeps 128 frames a peer, and the oldest gives way", () => {
  using bench = new Bench();
  for (const number of range(0, PER_PEER + 7)) bench.put(0, number);
  for (const number of range(1000, PER_PEER)) bench.put(1, number);
  assert.equal(bench.dropped(Reason.STAGED_OVERFLOW), 7);
  assert.equal(bench.staging.count, 2 * PER_PEER);
  bench.admit(0);
  bench.admit(1);
  assert.deepEqual(bench.flush(), [...range(7, PER_PEER), ...range(1000, PER_PEER)]);
});

Deno.test("Staging drops what waits when its peer was given up, and what comes after waits anew", () => {
  using bench = new Bench();
  for (const number of range(0, 5)) bench.put(0, number);
  bench.put(1, 50);
  bench.context.tables.peerStagedEpoch[0]++;
  assert.deepEqual(bench.flush(), []);
  assert.equal(bench.dropped(Reason.STAGED_EXPIRED), 5);
  bench.put(0, 5);
  bench.admit(0);
  bench.admit(1);
  assert.deepEqual(bench.flush(), [5, 50]);
});

Deno.test("Staging drops the old and keeps the new when a peer was given up between two frames", () => {
  using bench = new Bench();
  bench.put(0, 1);
  bench.context.tables.peerStagedEpoch[0]++;
  bench.put(0, 2);
  bench.admit(0);
  assert.deepEqual(bench.flush(), [2]);
  assert.equal(bench.dropped(Reason.STAGED_EXPIRED), 1);
});

Deno.test("Staging refuses frames when the pool of all peers is used up, and loses no slot", () => {
  // With jumbo frames the pool has room for less than two peers' share.
  using bench = new Bench(9000);
  const slots = Math.floor((2 << 20) / 9072);
  assert.ok(slots > PER_PEER && slots < 2 * PER_PEER);
  for (let round = 0; round < 3; round++) {
    const before = bench.dropped(Reason.STAGED_OVERFLOW);
    for (const number of range(0, PER_PEER)) {
      bench.put(0, number);
      bench.put(1, number);
    }
    assert.equal(bench.dropped(Reason.STAGED_OVERFLOW) - before, 2 * PER_PEER - slots);
    assert.equal(bench.staging.count, slots);
    if (round === 1) {
      for (const row of [0, 1]) bench.context.tables.peerStagedEpoch[row]++;
      assert.deepEqual(bench.flush(), []);
    } else {
      bench.admit(0);
      bench.admit(1);
      assert.equal(bench.flush().length, slots);
      bench.context.tables.peerCurrentSession.fill(NO_ROW);
    }
    assert.equal(bench.staging.count, 0);
  }
});

Deno.test("Staging has room for a frame of the MTU with two VLAN tags, and refuses much longer ones", () => {
  using bench = new Bench(1500);
  bench.put(0, 1, 1500 + 14 + 8);
  assert.equal(bench.dropped(Reason.FRAME_OVERSIZED), 0);
  bench.put(0, 2, 1500 + 100);
  assert.equal(bench.dropped(Reason.FRAME_OVERSIZED), 1);
  assert.equal(bench.staging.count, 1);
});

Deno.test("Staging keeps what waits for a peer without an endpoint or with a session that is of no use", () => {
  using bench = new Bench();
  const { tables } = bench.context;
  bench.put(0, 1);
  bench.put(1, 2);
  bench.admit(0);
  bench.admit(1);
  storeEndpoint(tables, 0, PathKind.UDP4, new Uint32Array(ENDPOINT_WORDS));
  tables.sessionCreatedMs[1] = -1e9;
  assert.deepEqual(bench.flush(), []);
  assert.equal(bench.staging.count, 2);
});
