import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, parseEndpoint } from "../../src/base/endpoint.ts";
import { Reason } from "../../src/base/reason.ts";
import { MemoryBind, type MemoryRun } from "../../src/conn/memory_bind.ts";
import { EventKind } from "../../src/dataplane/events.ts";
import type { LaneContext } from "../../src/dataplane/lane_context.ts";
import { Sealer } from "../../src/dataplane/seal.ts";
import { droppedFor, KEY_LEN, SessionState, Setting } from "../../src/dataplane/tables.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { bodyOf, keyOf, openMessage } from "./datagram.ts";
import { createTestContext, enterNeighbour, localIndex, MTU, shim, storeEndpoint, takeEvents } from "./test_node.ts";

const SELF = 1;
/** Neighbours: rows 0 and 1 by IPv4, row 2 by IPv6, row 3 without an endpoint. */
const ENDPOINTS = ["192.0.2.2:3001", "192.0.2.3:3001", "[2001:db8::4]:3001", undefined];

/** A sealer with a bind for IPv4, and what a test says to it in one line. */
class Bench implements Disposable {
  readonly context: LaneContext = createTestContext(undefined, SELF);
  readonly bind = new MemoryBind(4);
  readonly sealer: Sealer;
  readonly source = Uint8Array.from({ length: 8192 }, (_, index) => index * 31 + (index >> 8));
  /** Runs as the bind was asked to send them: count and length of datagrams. */
  readonly runs: [datagrams: number, datagramLen: number][] = [];
  refuse: (run: MemoryRun) => number = () => 0;
  #counter = 0;

  constructor() {
    const { tables } = this.context;
    ENDPOINTS.forEach((endpoint, row) => enterNeighbour(tables, row, SELF, { nodeId: row + 2, endpoint }));
    this.sealer = new Sealer(this.context, [this.bind], shim);
    this.bind.refuse = (run) => {
      this.runs.push([run.datagrams, run.datagramLen]);
      return this.refuse(run);
    };
  }

  /** Adds a frame of `length` octets for a peer. */
  add(peerRow: number, length: number): void {
    this.context.refreshEndpoint(peerRow);
    // One counter for all peers, so that a test can tell the order.
    assert.ok(this.sealer.reserve(peerRow, 1) >= 0);
    const counter = this.#counter++;
    this.sealer.add(peerRow, peerRow, counter, 4, 200, peerRow + 2, SELF, 0, 0, this.#counter, length, 0, 0);
  }

  /** Adds frames and sends them. */
  send(peerRow: number, ...lengths: number[]): void {
    this.sealer.begin(this.source, this.source);
    for (const length of lengths) this.add(peerRow, length);
    this.sealer.flush();
  }

  /** Opens what was sent; returns the counters. */
  takeCounters(): number[] {
    return this.bind.sent.splice(0).map(({ octets, endpoint }) => {
      const message = openMessage(keyOf(SELF), octets);
      // Frame n was gathered from octet n + 1 of the source on.
      const body = bodyOf(message);
      assert.deepEqual(body.subarray(0, 10), this.source.slice(message.counter + 1, message.counter + 11));
      assert.equal(message.content[1], (endpoint[2] >>> 24) || message.content[1]);
      return message.counter;
    });
  }

  dropped(reason: number): number {
    return droppedFor(this.context.tables, reason);
  }

  [Symbol.dispose](): void {
    this.sealer[Symbol.dispose]();
  }
}

Deno.test("Sealer.reserve() hands out each counter once, beyond 2^31 too", () => {
  using bench = new Bench();
  const { sealer, context } = bench;
  assert.deepEqual([sealer.reserve(0, 3), sealer.reserve(0, 1), sealer.reserve(0, 2)], [0, 3, 4]);
  context.tables.sessionSendCounter[0] = 0x7fffffff;
  assert.deepEqual([sealer.reserve(0, 2), sealer.reserve(0, 1)], [0x7fffffff, 0x80000001]);
});

Deno.test("Sealer.reserve() refuses a session that was withdrawn after the lane chose it", () => {
  using bench = new Bench();
  const { tables } = bench.context;
  assert.equal(bench.sealer.reserve(0, 1), 0);
  Atomics.store(tables.sessionState, 0, SessionState.NONE);
  tables.sessionSendKey.fill(0, 0, KEY_LEN);
  Atomics.add(tables.sessionGeneration, 0, 1);
  assert.equal(bench.sealer.reserve(0, 1), -1);
});

Deno.test("Sealer.reserve() sends what waits under a row's old keys before it takes the new ones", () => {
  using bench = new Bench();
  const { tables } = bench.context;
  bench.sealer.begin(bench.source, bench.source);
  bench.add(0, 100);
  const oldKey = keyOf(SELF);
  tables.sessionSendKey.fill(99, 0, KEY_LEN);
  tables.sessionSendCounter[0] = 0;
  Atomics.add(tables.sessionGeneration, 0, 1);
  assert.equal(bench.sealer.reserve(0, 1), 0);
  assert.equal(bench.bind.sent.length, 1);
  openMessage(oldKey, bench.bind.sent[0].octets);
});

Deno.test("Sealer writes header, inner header, gathered frame and padding, sealed with the peer's key", () => {
  using bench = new Bench();
  const headers = Uint8Array.from({ length: 100 }, (_, index) => 200 - index);
  const { sealer, source, bind, context } = bench;
  context.refreshEndpoint(1);
  sealer.begin(headers, source);
  context.tables.sessionSendCounter[1] = 2 ** 32 - 1;
  sealer.add(1, 1, sealer.reserve(1, 1), 7, 9, 0xfffe, 0x1234, 20, 54, 300, 33, 0, 0);
  sealer.flush();
  const { type, ttl, index, counter, content } = openMessage(keyOf(SELF), bind.sent[0].octets);
  assert.deepEqual([type, ttl, index, counter], [7, 9, localIndex(1), 2 ** 32 - 1]);
  // 4 + 54 + 33 octets, padded to 96.
  const expected = [0xff, 0xfe, 0x12, 0x34, ...headers.slice(20, 74), ...source.slice(300, 333), 0, 0, 0, 0, 0];
  assert.deepEqual([...content], expected);
  assert.deepEqual(bind.sent[0].endpoint, parseEndpoint("192.0.2.3:3001"));
});

Deno.test("Sealer completes an open checksum", () => {
  using bench = new Bench();
  const { sealer, bind, context } = bench;
  const frame = new Uint8Array(60);
  frame.set([0x12, 0x34], 40);
  context.refreshEndpoint(0);
  sealer.begin(frame, frame);
  sealer.add(0, 0, sealer.reserve(0, 1), 4, 1, 2, SELF, 0, 0, 0, 60, 34, 16);
  sealer.flush();
  const body = bodyOf(openMessage(keyOf(SELF), bind.sent[0].octets));
  assert.deepEqual([...body.subarray(50, 52)], [0xff - 0x12, 0xff - 0x34]);
});

Deno.test("Sealer pads by the MTU of the moment", () => {
  using bench = new Bench();
  bench.send(0, MTU + 14);
  assert.equal(bench.bind.sent[0].octets.length, 34 + MTU + 14);
  bench.context.tables.settings[Setting.MTU] = 9000;
  bench.send(0, MTU + 14);
  assert.equal(bench.bind.sent[1].octets.length, 30 + 1424);
});

Deno.test("Sealer notes what it sends in the peer's activity", () => {
  using bench = new Bench();
  const { tables } = bench.context;
  bench.context.nowMs = 5000;
  bench.send(1, 12, 28);
  assert.deepEqual(
    [tables.lastSentMs[1], tables.lastDataSentMs[1], tables.sentPackets[1], tables.sentOctets[1]],
    [5000, 5000, 2, 46 + 62],
  );
  assert.equal(tables.sentPackets[0], 0);
});

Deno.test("Sealer sends equal datagrams to one peer as a run, and keeps the order", () => {
  using bench = new Bench();
  bench.send(0, 1000, 1000, 1000, 500);
  bench.send(1, 500);
  assert.deepEqual(bench.runs, [[4, 1038], [1, 542]]);
  assert.deepEqual(bench.takeCounters(), [0, 1, 2, 3, 4]);
});

Deno.test("Sealer.begin() sends what was gathered from the buffers before", () => {
  using bench = new Bench();
  bench.sealer.begin(bench.source, bench.source);
  bench.add(0, 100);
  assert.equal(bench.bind.sent.length, 0);
  bench.sealer.begin(new Uint8Array(8), new Uint8Array(8));
  assert.deepEqual(bench.takeCounters(), [0]);
});

Deno.test("Sealer.add() flushes by itself when it has no room", () => {
  using bench = new Bench();
  bench.sealer.begin(bench.source, bench.source);
  for (let count = 0; count < 3000; count++) bench.add(count & 1, 30);
  for (let count = 0; count < 100; count++) bench.add(0, 8000 - 2 * count);
  bench.sealer.flush();
  assert.deepEqual(bench.takeCounters(), Array.from({ length: 3100 }, (_, counter) => counter));
});

Deno.test("Sealer drops what has no bind of its family, or no endpoint", () => {
  using bench = new Bench();
  bench.send(2, 100);
  bench.send(3, 100);
  assert.equal(bench.bind.sent.length, 0);
  assert.equal(bench.dropped(Reason.NO_ENDPOINT), 2);
});

Deno.test("Sealer uses the bind of the peer's family", () => {
  const context = createTestContext(undefined, SELF);
  ENDPOINTS.forEach((endpoint, row) => enterNeighbour(context.tables, row, SELF, { nodeId: row + 2, endpoint }));
  const binds = [new MemoryBind(6), new MemoryBind(4)];
  using sealer = new Sealer(context, binds, shim);
  const source = new Uint8Array(100);
  sealer.begin(source, source);
  for (const row of [0, 2, 1]) {
    context.refreshEndpoint(row);
    sealer.add(row, row, sealer.reserve(row, 1), 4, 1, 2, SELF, 0, 0, 0, 50, 0, 0);
  }
  sealer.flush();
  assert.deepEqual(binds.map(({ sent }) => sent.length), [1, 2]);
});

// What happens when the socket refuses.

Deno.test("Sealer waits once for a full socket, then sends the rest in order", () => {
  using bench = new Bench();
  let calls = 0;
  bench.refuse = () => ++calls === 3 ? Errno.EAGAIN : 0;
  bench.send(0, 100, 200, 300, 400, 500);
  assert.equal(bench.bind.waits, 1);
  assert.deepEqual(bench.takeCounters(), [0, 1, 2, 3, 4]);
  assert.equal(bench.dropped(Reason.SEND_NO_BUFFERS), 0);
});

Deno.test("Sealer drops what a socket still has no room for, and says nothing to the control thread", () => {
  using bench = new Bench();
  let calls = 0;
  bench.refuse = () => ++calls > 2 ? Errno.EAGAIN : 0;
  bench.send(0, 100, 200, 300, 400, 400, 400);
  assert.equal(bench.bind.waits, 1);
  assert.deepEqual(bench.takeCounters(), [0, 1]);
  assert.equal(bench.dropped(Reason.SEND_NO_BUFFERS), 4);
  assert.equal(bench.context.events.size, 0);
});

Deno.test("Sealer sends the datagrams of a run singly where the path refuses runs, and for half a minute no runs", () => {
  using bench = new Bench();
  for (const errno of [Errno.EMSGSIZE, Errno.EINVAL]) {
    bench.refuse = ({ datagrams }) => datagrams > 1 ? errno : 0;
    bench.send(0, 1000, 1000, 900);
    assert.equal(bench.takeCounters().length, 3);
    bench.runs.length = 0;
    bench.send(0, 1000, 1000);
    bench.send(1, 1000);
    assert.deepEqual(bench.runs, [[1, 1038], [1, 1038], [1, 1038]]);
    bench.context.nowMs += 29_999;
    bench.send(0, 1000, 1000);
    bench.context.nowMs += 1;
    bench.runs.length = 0;
    bench.refuse = () => 0;
    bench.send(0, 1000, 1000);
    assert.deepEqual(bench.runs, [[2, 1038]]);
    bench.bind.sent.length = 0;
    bench.runs.length = 0;
  }
  assert.equal(bench.dropped(Reason.SEND_OVERSIZED), 0);
});

Deno.test("Sealer refuses runs to one peer and keeps them for others", () => {
  using bench = new Bench();
  bench.refuse = ({ datagrams, endpoint }) => datagrams > 1 && endpoint[2] >>> 24 === 2 ? Errno.EMSGSIZE : 0;
  bench.send(0, 1000, 1000);
  bench.runs.length = 0;
  bench.send(1, 1000, 1000);
  assert.deepEqual(bench.runs, [[2, 1038]]);
});

Deno.test("Sealer never sends runs again on a socket that can't", () => {
  using bench = new Bench();
  bench.refuse = ({ datagrams }) => datagrams > 1 ? Errno.EIO : 0;
  bench.send(0, 1000, 1000, 1000);
  assert.deepEqual(bench.takeCounters(), [0, 1, 2]);
  bench.context.nowMs += 3_600_000;
  bench.runs.length = 0;
  bench.send(1, 1000, 1000);
  assert.deepEqual(bench.runs, [[1, 1038], [1, 1038]]);
});

Deno.test("Sealer counts datagrams that are too long even singly, each by itself", () => {
  using bench = new Bench();
  bench.refuse = ({ datagramLen }) => datagramLen > 1000 ? Errno.EMSGSIZE : 0;
  bench.send(0, 1000, 1000, 900);
  assert.deepEqual(bench.takeCounters(), [2]);
  assert.equal(bench.dropped(Reason.SEND_OVERSIZED), 2);
  assert.deepEqual(takeEvents(bench.context).map(({ kind, number }) => [kind, number]), [[
    EventKind.SEND_FAILED,
    Errno.EMSGSIZE,
  ]]);
});

const FAILURES: [errno: number, reason: number, isReported: boolean][] = [
  [Errno.ENOBUFS, Reason.SEND_NO_BUFFERS, false],
  [Errno.ENETUNREACH, Reason.SEND_FAILED, true],
  [Errno.EHOSTUNREACH, Reason.SEND_FAILED, true],
  [Errno.EPERM, Reason.SEND_FAILED, true],
  [Errno.ENETDOWN, Reason.SEND_FAILED, true],
];
for (const [errno, reason, isReported] of FAILURES) {
  Deno.test(`Sealer counts a run that fails with error ${errno} and sends the runs around it`, () => {
    using bench = new Bench();
    bench.refuse = ({ datagramLen }) => datagramLen === 542 ? errno : 0;
    bench.send(1, 100, 500, 500, 700);
    assert.deepEqual(bench.takeCounters(), [0, 3]);
    assert.equal(bench.dropped(reason), 2);
    const events = takeEvents(bench.context).map(({ kind, peerRow, number }) => [kind, peerRow, number]);
    assert.deepEqual(events, isReported ? [[EventKind.SEND_FAILED, 1, errno]] : []);
  });
}

for (const errno of [Errno.EINVAL, Errno.EADDRNOTAVAIL, Errno.ENETUNREACH]) {
  Deno.test(`Sealer lets the system choose a local address when the recorded one fails with error ${errno}`, () => {
    using bench = new Bench();
    const endpoint = parseEndpoint("192.0.2.2:3001")!;
    endpoint.set([0x0100000a, 0, 0, 0, 3], 7);
    storeEndpoint(bench.context.tables, 0, endpoint);
    bench.refuse = (run) => run.endpoint[11] !== 0 ? errno : 0;
    // Several runs are on their way with the lost address: none of them may suffer.
    bench.send(0, 100, 200, 300, 300);
    assert.deepEqual(bench.takeCounters().sort(), [0, 1, 2, 3]);
    assert.equal(bench.dropped(Reason.SEND_FAILED), 0);
    const { endpoints } = bench.context;
    assert.deepEqual([...endpoints.subarray(7, ENDPOINT_WORDS)], [0, 0, 0, 0, 0]);
    assert.deepEqual(takeEvents(bench.context).map(({ kind, number }) => [kind, number]), [[
      EventKind.SEND_FAILED,
      errno,
    ]]);
    // The path itself takes runs as before.
    bench.runs.length = 0;
    bench.send(0, 300, 300);
    assert.deepEqual(bench.runs, [[2, 334]]);
  });
}
