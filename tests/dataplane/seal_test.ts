import { strict as assert } from "node:assert";
import { ENDPOINT_CONNECTION, ENDPOINT_WORDS, parseEndpoint } from "../../src/base/endpoint.ts";
import { familyOf, PathKind } from "../../src/base/path_kind.ts";
import { Reason } from "../../src/base/reason.ts";
import { MemoryBind, type MemoryRun } from "../../src/conn/memory_bind.ts";
import { EventKind } from "../../src/dataplane/events.ts";
import type { LaneContext } from "../../src/dataplane/lane_context.ts";
import { pathWord } from "../../src/dataplane/path_word.ts";
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
  readonly bind = new MemoryBind();
  readonly sealer: Sealer;
  readonly source = Uint8Array.from({ length: 8192 }, (_, index) => index * 31 + (index >> 8));
  /** Runs as the bind was asked to send them: count and length of datagrams. */
  readonly runs: [datagrams: number, datagramLen: number][] = [];
  refuse: (run: MemoryRun) => number = () => 0;
  #counter = 0;

  /** @param otherBinds Of other kinds of paths. */
  constructor(...otherBinds: readonly MemoryBind[]) {
    const { tables } = this.context;
    ENDPOINTS.forEach((endpoint, row) => enterNeighbour(tables, row, SELF, { nodeId: row + 2, endpoint }));
    this.sealer = new Sealer(this.context, [this.bind, ...otherBinds], shim);
    this.bind.refuse = (run) => {
      this.runs.push([run.datagrams, run.datagramLen]);
      return this.refuse(run);
    };
  }

  /** Adds a frame of `length` octets for a peer. */
  add(peerRow: number, length: number): void {
    this.context.refreshPaths(peerRow);
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
  context.refreshPaths(1);
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
  context.refreshPaths(0);
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

Deno.test("Sealer drops a frame that no datagram holds, and goes on", () => {
  using bench = new Bench();
  bench.context.tables.settings[Setting.MTU] = 65_521;
  const source = new Uint8Array(70_000);
  const { sealer, context, bind } = bench;
  context.refreshPaths(0);
  sealer.begin(source, source);
  for (const length of [65_535, 65_501, 65_460, 46]) {
    sealer.add(0, 0, sealer.reserve(0, 1), 4, 200, 2, SELF, 0, 0, 0, length, 0, 0);
  }
  sealer.flush();
  assert.equal(bench.dropped(Reason.FRAME_OVERSIZED), 2);
  assert.deepEqual(bind.sent.map(({ octets }) => octets.length), [65_472 + 30, 64 + 30]);
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

Deno.test("Sealer uses the bind of the path's kind", () => {
  const context = createTestContext(undefined, SELF);
  ENDPOINTS.forEach((endpoint, row) => enterNeighbour(context.tables, row, SELF, { nodeId: row + 2, endpoint }));
  const binds = [new MemoryBind(PathKind.UDP6), new MemoryBind(PathKind.UDP4)];
  using sealer = new Sealer(context, binds, shim);
  const source = new Uint8Array(100);
  sealer.begin(source, source);
  for (const row of [0, 2, 1]) {
    context.refreshPaths(row);
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
    storeEndpoint(bench.context.tables, 0, PathKind.UDP4, endpoint);
    bench.refuse = (run) => run.endpoint[11] !== 0 ? errno : 0;
    // Several runs are on their way with the lost address: none of them may suffer.
    bench.send(0, 100, 200, 300, 300);
    assert.deepEqual(bench.takeCounters().sort(), [0, 1, 2, 3]);
    assert.equal(bench.dropped(Reason.SEND_FAILED), 0);
    const { endpoints } = bench.context;
    assert.deepEqual([...endpoints.subarray(7, ENDPOINT_WORDS)], [0, 0, 0, 0, 0]);
    assert.equal(bench.context.events.size, 0);
    // The path itself takes runs as before.
    bench.runs.length = 0;
    bench.send(0, 300, 300);
    assert.deepEqual(bench.runs, [[2, 334]]);
  });
}

// Mirroring: the same octets on several paths.

const { UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const FAKETCP_ENDPOINTS = ["[2001:db8::2]:443", "192.0.2.2:443"];

/** A sealer whose peer in row 0 has UDP over IPv4 as current path, and FakeTCP over both families. */
class MirrorBench extends Bench {
  readonly fakeTcp: MemoryBind;

  constructor(mirrorMask: number, standbyMask = 0) {
    const fakeTcp = new MemoryBind(FAKETCP6, FAKETCP4);
    super(fakeTcp);
    this.fakeTcp = fakeTcp;
    const { tables } = this.context;
    [FAKETCP6, FAKETCP4].forEach((kind, index) => {
      storeEndpoint(tables, 0, kind, parseEndpoint(FAKETCP_ENDPOINTS[index])!);
    });
    tables.peerPath[0] = pathWord(UDP4, mirrorMask, standbyMask);
  }

  /** What left by FakeTCP on one of its kinds, as hexadecimal digits. */
  sentOn(kind: number): string[] {
    return this.fakeTcp.sent.filter(({ endpoint }) => endpoint[0] === familyOf(kind)).map(({ octets }) =>
      octets.toHex()
    );
  }
}

Deno.test("Sealer sends the same octets on every path in use, and in runs on each", () => {
  using bench = new MirrorBench(1 << FAKETCP6 | 1 << FAKETCP4);
  const runs: number[] = [];
  bench.fakeTcp.refuse = ({ datagrams }) => (runs.push(datagrams), 0);
  bench.send(0, 500, 500, 500, 200);
  const sent = bench.bind.sent.map(({ octets }) => octets.toHex());
  assert.equal(sent.length, 4);
  assert.deepEqual(bench.sentOn(FAKETCP6), sent);
  assert.deepEqual(bench.sentOn(FAKETCP4), sent);
  assert.deepEqual([bench.runs, runs], [[[4, 542]], [4, 4]]);
  assert.deepEqual(bench.takeCounters(), [0, 1, 2, 3]);
});

Deno.test("Sealer mirrors as many datagrams as a flush holds, on two paths of one bind too", () => {
  using bench = new MirrorBench(1 << FAKETCP6 | 1 << FAKETCP4);
  // Alternating lengths keep most runs short.
  bench.sealer.begin(bench.source, bench.source);
  for (let count = 0; count < 1500; count++) bench.add(0, 30 + (count & 1) * 100);
  bench.sealer.flush();
  assert.equal(bench.bind.sent.length, 1500);
  assert.equal(bench.sentOn(FAKETCP6).length, 1500);
  assert.equal(bench.sentOn(FAKETCP4).length, 1500);
});

Deno.test("Sealer counts what it sends once for the peer, and once for each path", () => {
  using bench = new MirrorBench(1 << FAKETCP4);
  const { tables } = bench.context;
  bench.send(0, 12, 28);
  assert.deepEqual([tables.sentPackets[0], tables.sentOctets[0]], [2, 46 + 62]);
  const counted = Object.values(PathKind).map((kind) => [tables.pathSentPackets[kind], tables.pathSentOctets[kind]]);
  assert.deepEqual(counted, [[0, 0], [2, 108], [0, 0], [2, 108]]);
});

Deno.test("Sealer counts a failure beside the current path as no loss, and tells which path it was", () => {
  using bench = new MirrorBench(1 << FAKETCP4);
  bench.fakeTcp.refuse = () => Errno.ENOBUFS;
  bench.send(0, 100);
  assert.equal(bench.context.events.size, 0);
  bench.fakeTcp.refuse = () => Errno.EPERM;
  bench.send(0, 100);
  assert.equal(bench.bind.sent.length, 2);
  assert.ok(bench.context.tables.dropped.every((count) => count === 0));
  const events = takeEvents(bench.context).map(({ kind, peerRow, path, number }) => [kind, peerRow, path, number]);
  assert.deepEqual(events, [[EventKind.SEND_FAILED, 0, FAKETCP4, Errno.EPERM]]);
});

Deno.test("Sealer tells of a failure of the current path, and counts no loss where copies went out", () => {
  using bench = new MirrorBench(1 << FAKETCP4);
  bench.refuse = () => Errno.EPERM;
  bench.send(0, 100, 100);
  assert.equal(bench.sentOn(FAKETCP4).length, 2);
  assert.equal(bench.dropped(Reason.SEND_FAILED), 0);
  assert.deepEqual(takeEvents(bench.context).map(({ path }) => path), [UDP4]);
});

Deno.test("Sealer sends what the current path refuses on the paths that stand by, each datagram once", () => {
  using bench = new MirrorBench(0, 1 << FAKETCP4 | 1 << FAKETCP6);
  bench.refuse = () => Errno.EPERM;
  bench.send(0, 500, 500, 500, 200);
  assert.equal(bench.bind.sent.length, 0);
  for (const kind of [FAKETCP4, FAKETCP6]) {
    const sent = bench.fakeTcp.sent.filter(({ endpoint }) => endpoint[0] === familyOf(kind));
    assert.deepEqual(sent.map(({ octets }) => openMessage(keyOf(SELF), octets).counter), [0, 1, 2, 3]);
  }
  assert.ok(bench.context.tables.dropped.every((count) => count === 0));
  assert.deepEqual(takeEvents(bench.context).map(({ kind, path }) => [kind, path]), [[EventKind.SEND_FAILED, UDP4]]);
});

Deno.test("Sealer counts what neither the current path nor those that stand by take", () => {
  using bench = new MirrorBench(0, 1 << FAKETCP4);
  bench.refuse = () => Errno.EPERM;
  bench.fakeTcp.refuse = () => Errno.EPERM;
  bench.send(0, 500, 500);
  assert.equal(bench.dropped(Reason.SEND_FAILED), 2);
});

Deno.test("Sealer sends nothing elsewhere because a socket is full", () => {
  using bench = new MirrorBench(0, 1 << FAKETCP4);
  bench.refuse = () => Errno.ENOBUFS;
  bench.send(0, 500);
  assert.equal(bench.fakeTcp.sent.length, 0);
  assert.equal(bench.dropped(Reason.SEND_NO_BUFFERS), 1);
});

for (const errno of [Errno.EMSGSIZE, Errno.EINVAL, Errno.EIO]) {
  Deno.test(`Sealer sends a FakeTCP run that fails with error ${errno} no second time`, () => {
    using bench = new MirrorBench(0);
    bench.context.tables.peerPath[0] = pathWord(FAKETCP4, 0, 0);
    const runs: number[] = [];
    bench.fakeTcp.refuse = ({ datagrams }) => (runs.push(datagrams), errno);
    bench.send(0, 500, 500);
    bench.send(0, 500, 500);
    assert.deepEqual(runs, [2, 2]);
    assert.equal(bench.dropped(errno === Errno.EMSGSIZE ? Reason.SEND_OVERSIZED : Reason.SEND_FAILED), 4);
  });
}

Deno.test("Sealer forgets no part of a FakeTCP endpoint after an error: it names the connection", () => {
  using bench = new MirrorBench(0);
  const endpoint = parseEndpoint(FAKETCP_ENDPOINTS[1])!;
  endpoint.set([5, 77], ENDPOINT_CONNECTION);
  storeEndpoint(bench.context.tables, 0, FAKETCP4, endpoint);
  bench.context.tables.peerPath[0] = pathWord(FAKETCP4, 0, 0);
  bench.fakeTcp.refuse = () => Errno.ENETUNREACH;
  bench.send(0, 500);
  bench.fakeTcp.refuse = () => 0;
  bench.send(0, 500);
  assert.deepEqual(bench.fakeTcp.sent[0].endpoint, endpoint);
});

Deno.test("Sealer sends on standby paths as soon as the current one is unconfirmed", () => {
  using bench = new MirrorBench(0, 1 << FAKETCP4);
  bench.context.tables.peerConfirmedUntilMs[0] = bench.context.nowMs;
  bench.send(0, 100);
  assert.equal(bench.fakeTcp.sent.length, 0);
  bench.context.nowMs += 1;
  bench.send(0, 100);
  assert.deepEqual([bench.bind.sent.length, bench.sentOn(FAKETCP4).length], [2, 1]);
});

Deno.test("Sealer drops nothing while any path in use has a bind", () => {
  using bench = new MirrorBench(1 << FAKETCP4);
  storeEndpoint(bench.context.tables, 0, UDP4, new Uint32Array(ENDPOINT_WORDS));
  bench.send(0, 100);
  assert.deepEqual([bench.bind.sent.length, bench.sentOn(FAKETCP4).length], [0, 1]);
  assert.equal(bench.dropped(Reason.NO_ENDPOINT), 0);
});
