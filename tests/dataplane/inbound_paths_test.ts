import { strict as assert } from "node:assert";
import { ENDPOINT_CONNECTION, formatEndpoint, parseEndpoint } from "../../src/base/endpoint.ts";
import { PATH_KIND_COUNT, PathKind } from "../../src/base/path_kind.ts";
import { Reason } from "../../src/base/reason.ts";
import type { DatagramBurst } from "../../src/conn/bind.ts";
import { MemoryBind } from "../../src/conn/memory_bind.ts";
import { BorderVerdict } from "../../src/dataplane/border_check.ts";
import { EventKind, type LaneEvent } from "../../src/dataplane/events.ts";
import { droppedFor, SessionState, type Tables } from "../../src/dataplane/tables.ts";
import { RECEIVED_AT, RECEIVED_WORDS } from "../../src/ffi/symbols.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { contentOf, keyOf, sealMessage } from "./datagram.ts";
import { enterNeighbour, frameOf, localIndex, pathOf, storeEndpoint, TestNode } from "./test_node.ts";

const SELF = 1;
const ROW = 2;
const PEER = 4;
const { UDP4, FAKETCP4 } = PathKind;
const UDP_ENDPOINT = "192.0.2.4:3001";
/** Row of the peer's connection. */
const CONNECTION = 6;

/** A bind whose messages don't begin where those of a socket do, as in one buffer with what a TUN device yields. */
class ScatteredBind extends MemoryBind {
  override receiveBurst(burst: DatagramBurst): number {
    const count = super.receiveBurst(burst);
    let at = 7;
    for (let index = 0; index < count; index++) {
      const word = index * RECEIVED_WORDS;
      const length = burst.received[word];
      burst.octets.copyWithin(at, burst.received[word + RECEIVED_AT], burst.received[word + RECEIVED_AT] + length);
      burst.received[word + RECEIVED_AT] = at;
      at += length + 66;
    }
    return count;
  }
}

/** Node 1 with the neighbour 4 in row 2, which it reaches by UDP and by FakeTCP. */
class Bench implements Disposable {
  readonly udp = new MemoryBind(UDP4);
  readonly fakeTcp = new ScatteredBind(FAKETCP4);
  readonly node = new TestNode(SELF, { makeBinds: () => [this.udp, this.fakeTcp] });
  readonly connection = connectionEndpoint(CONNECTION, 1);
  #counter = 0;

  constructor() {
    enterNeighbour(this.tables, ROW, SELF, { nodeId: PEER, endpoint: UDP_ENDPOINT });
    storeEndpoint(this.tables, ROW, FAKETCP4, this.connection);
  }

  get tables(): Tables {
    return this.node.tables;
  }

  /** Seals a datagram of the neighbour with the next counter. */
  seal(type: number = MessageType.NORMAL): Uint8Array {
    const content = contentOf(SELF, PEER, frameOf(PEER, SELF, 50).slice(10));
    return sealMessage(keyOf(PEER), { type, ttl: 9, index: localIndex(ROW), counter: this.#counter++, content });
  }

  /** Lets the lane receive messages by FakeTCP, each made of datagrams of one length; returns the events. */
  receive(...messages: Uint8Array[][]): LaneEvent[] {
    for (const datagrams of messages) {
      const octets = Uint8Array.from(datagrams.flatMap((datagram) => [...datagram]));
      this.fakeTcp.put({ octets, endpoint: this.connection, segment: datagrams[0].length });
    }
    this.node.step();
    return this.node.takeEvents();
  }

  [Symbol.dispose](): void {
    this.node[Symbol.dispose]();
  }
}

function connectionEndpoint(row: number, generation: number): Uint32Array {
  const endpoint = parseEndpoint("192.0.2.4:443")!;
  endpoint.set([row + 1, generation], ENDPOINT_CONNECTION);
  return endpoint;
}

/** Octets of a length that nobody sealed: to look at they are a frame's. */
function garbage(length = 100): Uint8Array {
  const octets = new Uint8Array(length).fill(MessageType.NORMAL);
  octets.fill(0, 2, 14);
  return octets;
}

Deno.test("Inbound notes what comes in under the path that it came on", () => {
  using bench = new Bench();
  const { tables, node } = bench;
  bench.udp.put({ octets: bench.seal(), endpoint: parseEndpoint(UDP_ENDPOINT)! });
  bench.receive([bench.seal(), bench.seal()]);
  const columns = [tables.pathReceivedMs, tables.pathReceivedPackets, tables.pathReceivedOctets];
  const noted = Array.from(
    { length: PATH_KIND_COUNT },
    (_, kind) => columns.map((column) => column[pathOf(ROW, kind)]),
  );
  // 68 octets of inner header and frame are padded to 80.
  assert.deepEqual(noted, [[0, 0, 0], [node.nowMs, 1, 98], [0, 0, 0], [node.nowMs, 2, 196]]);
});

Deno.test("Inbound takes a datagram that came on two paths once, and notes it under the first", () => {
  using bench = new Bench();
  const octets = bench.seal();
  bench.udp.put({ octets, endpoint: parseEndpoint(UDP_ENDPOINT)! });
  bench.receive([octets]);
  const { tables, node } = bench;
  assert.equal(node.tap.written.length, 1);
  assert.equal(droppedFor(tables, Reason.REPLAY), 1);
  const counts = [UDP4, FAKETCP4].map((kind) => tables.pathReceivedPackets[pathOf(ROW, kind)]);
  assert.deepEqual([counts, tables.receivedPackets[ROW]], [[1, 0], 1]);
});

Deno.test("Inbound finds messages where the bind says they lie", () => {
  using bench = new Bench();
  const messages = Array.from({ length: 5 }, () => [bench.seal(), bench.seal(), bench.seal()]);
  assert.deepEqual(bench.receive(...messages), []);
  assert.equal(bench.node.tap.written.length, 15);
  assert.ok(bench.tables.dropped.every((count) => count === 0));
});

Deno.test("Inbound reports another source with the path that it came on, and compares each path with its own", () => {
  using bench = new Bench();
  bench.udp.put({ octets: bench.seal(), endpoint: parseEndpoint("192.0.2.4:9")! });
  const [udp, ...others] = bench.receive([bench.seal()]);
  assert.deepEqual([others.length, udp.kind, udp.path, udp.peerRow], [0, EventKind.ROAMED, UDP4, ROW]);
  assert.equal(formatEndpoint(udp.endpoint, 0), "192.0.2.4:9");
});

Deno.test("Inbound reports another connection of the same remote", () => {
  using bench = new Bench();
  const other = connectionEndpoint(CONNECTION, 2);
  bench.fakeTcp.put({ octets: bench.seal(), endpoint: other });
  const [event] = bench.receive([bench.seal()]);
  assert.deepEqual([event.kind, event.path, event.peerRow], [EventKind.ROAMED, FAKETCP4, ROW]);
  assert.deepEqual(event.endpoint, other);
});

Deno.test("Inbound tells the control thread on which path a control message came", () => {
  using bench = new Bench();
  bench.udp.put({ octets: bench.seal(MessageType.PONG), endpoint: parseEndpoint(UDP_ENDPOINT)! });
  const events = bench.receive([bench.seal(MessageType.PATH)]);
  assert.deepEqual(events.map(({ kind, path }) => [kind, path]), [[EventKind.MESSAGE, UDP4], [
    EventKind.MESSAGE,
    FAKETCP4,
  ]]);
  assert.deepEqual(events[1].endpoint, bench.connection);
});

Deno.test("Inbound tells on which path a session was first used", () => {
  using bench = new Bench();
  bench.tables.sessionState[ROW] = SessionState.NEXT;
  const [event] = bench.receive([bench.seal()]);
  assert.deepEqual([event.kind, event.path, event.sessionRow], [EventKind.CONFIRMED, FAKETCP4, ROW]);
});

// Whether somebody re-cuts the stream.

const LOSS_CASES: [name: string, message: () => Uint8Array[], messages: number, verdict: number][] = [
  ["merged segments", () => [garbage(), garbage()], 4, BorderVerdict.MERGED],
  ["single segments", () => [garbage()], 16, BorderVerdict.ALL],
];
for (const [name, message, messages, verdict] of LOSS_CASES) {
  Deno.test(`Inbound reports that ${name} come with wrong borders, and on which connection`, () => {
    using bench = new Bench();
    for (let count = 1; count < messages; count++) assert.deepEqual(bench.receive(message()), []);
    const [event] = bench.receive(message());
    assert.deepEqual([event.kind, event.path, event.number], [EventKind.BORDER_LOSS, FAKETCP4, verdict]);
    assert.deepEqual(event.endpoint, bench.connection);
  });
}

Deno.test("Inbound finds no wrong borders in copies, which are authentic though they were seen", () => {
  using bench = new Bench();
  const message = [bench.seal(), bench.seal()];
  for (let count = 0; count < 20; count++) assert.deepEqual(bench.receive(message), []);
});

Deno.test("Inbound finds no wrong borders in UDP, whatever comes", () => {
  using bench = new Bench();
  const octets = Uint8Array.from([...garbage(), ...garbage()]);
  for (let count = 0; count < 50; count++) {
    bench.udp.put({ octets, endpoint: parseEndpoint(UDP_ENDPOINT)!, segment: 100 });
    bench.node.step();
  }
  assert.deepEqual(bench.node.takeEvents(), []);
});

Deno.test("Lane reports what the network couldn't deliver, with the kind of path", () => {
  using bench = new Bench();
  bench.udp.putError({ errno: 111, endpoint: parseEndpoint(UDP_ENDPOINT)! });
  bench.udp.putError({ errno: 90, endpoint: parseEndpoint("192.0.2.99:1")!, info: 1400 });
  bench.node.step();
  const events = bench.node.takeEvents();
  assert.deepEqual(
    events.map(({ kind, path, number, endpoint }) => [kind, path, number, formatEndpoint(endpoint, 0)]),
    [[EventKind.UNREACHABLE, UDP4, 111, UDP_ENDPOINT], [EventKind.UNREACHABLE, UDP4, 90, "192.0.2.99:1"]],
  );
});

Deno.test("Lane reads all errors that wait, also more than fit into one reading", () => {
  using bench = new Bench();
  for (let port = 1; port <= 40; port++) {
    bench.udp.putError({ errno: 111, endpoint: parseEndpoint(`192.0.2.99:${port}`)! });
  }
  for (let turn = 0; turn < 10; turn++) bench.node.step();
  assert.equal(bench.node.takeEvents().length, 40);
});

Deno.test("Lane tells every bind the time before anything else", () => {
  using bench = new Bench();
  bench.node.step();
  assert.deepEqual([bench.udp.nowMs, bench.fakeTcp.nowMs], [bench.node.nowMs, bench.node.nowMs]);
});
