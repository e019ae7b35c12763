import { blake2s } from "@noble/hashes/blake2.js";
import { strict as assert } from "node:assert";
import { formatEndpoint, parseEndpoint } from "../../src/base/endpoint.ts";
import {
  BROADCAST_NODE_ID,
  INVALID_NODE_ID,
  type NodeId,
  SPREAD_NODE_ID,
  SUPER_NODE_ID,
} from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { EVENT_PAYLOAD_MAX, EVENT_SLOTS, EventKind } from "../../src/dataplane/events.ts";
import {
  droppedFor,
  L2FIB_ENTRIES,
  NO_ROW,
  PeerState,
  SessionState,
  Setting,
  sumOverLanes,
} from "../../src/dataplane/tables.ts";
import { l2fibLookup } from "../../src/route/l2fib.ts";
import { COOKIE_REPLY_LEN, INITIATION_LEN, mac1Offset, RESPONSE_LEN } from "../../src/wire/handshake_message.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { bodyOf, contentOf, keyOf, openMessage, sealMessage } from "./datagram.ts";
import { enterNeighbour, frameOf, localIndex, TestNode, written } from "./test_node.ts";

const SELF = 1;
/** Row of the super node; rows 0 to 2 are edges 2 to 4. */
const SUPER_ROW = 3;

/** What a neighbour sends. */
interface Sent {
  readonly type?: number;
  readonly ttl?: number;
  readonly destination?: NodeId;
  readonly source?: NodeId;
  readonly body?: Uint8Array;
  readonly from?: string;
}

/** Node 1 with neighbours, and what a test says to it in one line. */
class Bench implements Disposable {
  readonly node: TestNode;
  readonly tables: TestNode["tables"];
  readonly bind: TestNode["bind"];
  readonly tap: TestNode["tap"];
  readonly #counters = [0, 0, 0, 0];

  constructor(self: NodeId = SELF) {
    this.node = new TestNode(self);
    ({ tables: this.tables, bind: this.bind, tap: this.tap } = this.node);
    for (const row of [0, 1, 2]) {
      enterNeighbour(this.tables, row, SELF, { nodeId: row + 2, endpoint: addressOf(row) });
      this.tables.nextHopPeer[row + 2] = row;
    }
    enterNeighbour(this.tables, SUPER_ROW, SELF, {
      nodeId: SUPER_NODE_ID & 0xff,
      endpoint: addressOf(SUPER_ROW),
      role: PeerState.SUPER,
    });
  }

  step(): void {
    this.node.step();
  }

  /** Queues a message of the neighbour in a row. */
  put(row: number, { type = 4, ttl = 9, destination = SELF, source = row + 2, body = BODY, from }: Sent = {}): void {
    const octets = sealMessage(keyOf(this.tables.peerNodeId[row]), {
      type,
      ttl,
      index: localIndex(row),
      counter: this.#counters[row]++,
      content: body.length === 0 ? body : contentOf(destination, source, body),
    });
    this.bind.put({ octets, endpoint: parseEndpoint(from ?? addressOf(row))! });
  }

  /** Receives one message and tells what became of it. */
  receive(row: number, sent: Sent = {}): Outcome {
    this.put(row, sent);
    this.step();
    return this.takeOutcome();
  }

  takeOutcome(): Outcome {
    const drops = Object.entries(Reason).flatMap(([name, reason]) => {
      const count = droppedFor(this.tables, reason);
      return count > 0 ? [count === 1 ? name : `${name} × ${count}`] : [];
    });
    this.tables.dropped.fill(0);
    return {
      frames: this.tap.written.splice(0).length,
      relayed: this.bind.sent.splice(0).map(({ octets, endpoint }) => {
        const { ttl, content } = openMessage(keyOf(SELF), octets);
        return [endpoint[2] >>> 24, (content[0] << 8) | content[1], ttl];
      }),
      events: this.node.takeEvents().map(({ kind }) => kind),
      drops,
    };
  }

  [Symbol.dispose](): void {
    this.node[Symbol.dispose]();
  }
}

/** What became of a message. */
interface Outcome {
  readonly frames: number;
  /** Neighbour (last octet of its address), inner destination, TTL of each datagram sent. */
  readonly relayed: number[][];
  /** Kinds of events. */
  readonly events: number[];
  /** Reasons counted. */
  readonly drops: string[];
}

function addressOf(row: number): string {
  return `192.0.2.${row + 2}:3001`;
}

/** A frame from host 02:00:00:00:00:02. */
const BODY = frameOf(2, 3, 46).slice(10);
const NOTHING: Outcome = { frames: 0, relayed: [], events: [], drops: [] };
const DELIVERED: Outcome = { ...NOTHING, frames: 1 };

const TOLD: Outcome = { ...NOTHING, events: [EventKind.MESSAGE] };
const FORBIDDEN: Outcome = { ...NOTHING, drops: ["USAGE_FORBIDDEN"] };
/** What a super node is sent: all to it, of edge 2, unless said otherwise. */
const SUPER_OUTCOMES: [name: string, sent: Sent, outcome: Outcome][] = [
  ["tells the control thread of a registration", { type: MessageType.REGISTER }, TOLD],
  ["tells the control thread of a pong", { type: MessageType.PONG }, TOLD],
  ["tells the control thread of a document", { type: MessageType.DOCUMENT }, TOLD],
  ["tells the control thread of a path message", { type: MessageType.PATH }, TOLD],
  ["refuses a frame", { type: MessageType.NORMAL }, FORBIDDEN],
  ["refuses a ping", { type: MessageType.PING }, FORBIDDEN],
  ["refuses an update", { type: MessageType.SERVER_UPDATE }, FORBIDDEN],
  ["passes nothing on", { type: MessageType.PONG, destination: 3 }, FORBIDDEN],
  ["passes no broadcast on", { type: MessageType.NORMAL, destination: BROADCAST_NODE_ID }, FORBIDDEN],
  ["passes nothing on that spreads", { type: MessageType.PONG, destination: SPREAD_NODE_ID }, FORBIDDEN],
  ["refuses what bears its own id", { type: MessageType.REGISTER, source: SUPER_NODE_ID }, {
    ...NOTHING,
    drops: ["OWN_SOURCE"],
  }],
];

for (const [name, sent, outcome] of SUPER_OUTCOMES) {
  Deno.test(`Inbound of a super node ${name}`, () => {
    using bench = new Bench(SUPER_NODE_ID);
    assert.deepEqual(bench.receive(0, { destination: SUPER_NODE_ID, ...sent }), outcome);
  });
}

const OUTCOMES: [name: string, row: number, sent: Sent, outcome: Outcome][] = [
  ["writes a frame for us to the tap", 0, {}, DELIVERED],
  ["writes a frame from behind a neighbour to the tap", 0, { source: 77 }, DELIVERED],
  ["writes a broadcast to the tap", 0, { destination: BROADCAST_NODE_ID }, DELIVERED],
  ["writes a spread frame to the tap and tells the control thread", 0, { destination: SPREAD_NODE_ID }, {
    ...DELIVERED,
    events: [EventKind.MESSAGE],
  }],
  ["passes a frame for another node on", 0, { destination: 3 }, { ...NOTHING, relayed: [[3, 3, 8]] }],
  ["passes a control message for another node on", 0, { destination: 3, type: MessageType.PONG }, {
    ...NOTHING,
    relayed: [[3, 3, 8]],
  }],
  ["passes a frame on with its last relay", 0, { destination: 3, ttl: 1 }, { ...NOTHING, relayed: [[3, 3, 0]] }],
  ["drops a frame whose relays are used up", 0, { destination: 3, ttl: 0 }, { ...NOTHING, drops: ["TTL_EXPIRED"] }],
  ["delivers a frame for us whose relays are used up", 0, { ttl: 0 }, DELIVERED],
  ["drops a frame that would go back", 0, { destination: 2, source: 9 }, { ...NOTHING, drops: ["ROUTE_BACK"] }],
  ["drops a frame for nobody we know", 0, { destination: 99 }, { ...NOTHING, drops: ["NO_ROUTE"] }],
  ["drops a frame for the invalid node", 0, { destination: INVALID_NODE_ID }, { ...NOTHING, drops: ["NO_ROUTE"] }],
  ["drops a frame for the super node", 0, { destination: SUPER_NODE_ID }, { ...NOTHING, drops: ["USAGE_FORBIDDEN"] }],
  ["drops what claims to be from us", 0, { source: SELF }, { ...NOTHING, drops: ["OWN_SOURCE"] }],
  ["drops what claims to be from us and is for another", 0, { source: SELF, destination: 3 }, {
    ...NOTHING,
    drops: ["OWN_SOURCE"],
  }],
  ["drops two addresses and nothing else", 0, { body: new Uint8Array(12) }, { ...NOTHING, drops: ["FRAME_TRUNCATED"] }],
  ["relays no two addresses and nothing else", 0, { body: new Uint8Array(12), destination: 3 }, {
    ...NOTHING,
    drops: ["FRAME_TRUNCATED"],
  }],
  ["drops a usage without a meaning", 0, { type: 11 }, { ...NOTHING, drops: ["USAGE_UNKNOWN"] }],
  ["drops the greatest usage", 0, { type: 255 }, { ...NOTHING, drops: ["USAGE_UNKNOWN"] }],
  ["drops content under the type of a keepalive", 0, { type: 3 }, { ...NOTHING, drops: ["USAGE_UNKNOWN"] }],
  ["takes a keepalive", 0, { type: 3, body: new Uint8Array(0) }, NOTHING],
  ["takes a keepalive of a reference node", 0, { type: 0, body: new Uint8Array(0) }, NOTHING],
  ["tells the control thread of a ping", 0, { type: MessageType.PING, destination: SPREAD_NODE_ID }, {
    ...NOTHING,
    events: [EventKind.MESSAGE],
  }],
  ["tells the control thread of a pong for us", 0, { type: MessageType.PONG }, {
    ...NOTHING,
    events: [EventKind.MESSAGE],
  }],
  ["refuses a registration", 0, { type: MessageType.REGISTER }, { ...NOTHING, drops: ["USAGE_FORBIDDEN"] }],
  ["refuses an update of an edge", 0, { type: MessageType.SERVER_UPDATE }, { ...NOTHING, drops: ["USAGE_FORBIDDEN"] }],
  ["refuses an update of an edge for the super node", 0, {
    type: MessageType.SERVER_UPDATE,
    destination: SUPER_NODE_ID,
  }, { ...NOTHING, drops: ["USAGE_FORBIDDEN"] }],
  ["takes an update of the super node", SUPER_ROW, {
    type: MessageType.SERVER_UPDATE,
    destination: SUPER_NODE_ID,
    source: SUPER_NODE_ID,
  }, { ...NOTHING, events: [EventKind.MESSAGE] }],
];
for (const [name, row, sent, outcome] of OUTCOMES) {
  Deno.test(`Inbound ${name}`, () => {
    using bench = new Bench();
    assert.deepEqual(bench.receive(row, sent), outcome);
  });
}

Deno.test("Inbound drops every content too short for inner header and more", () => {
  using bench = new Bench();
  for (const length of [1, 2, 3, 4]) {
    const octets = sealMessage(keyOf(2), {
      type: 4,
      ttl: 9,
      index: localIndex(0),
      counter: length,
      content: new Uint8Array(length),
    });
    bench.bind.put({ octets, endpoint: parseEndpoint(addressOf(0))! });
    bench.step();
    assert.deepEqual(bench.takeOutcome(), { ...NOTHING, drops: ["CONTENT_TRUNCATED"] });
  }
});

Deno.test("Inbound passes a message on octet for octet, sealed for the next hop with a counter of its own", () => {
  using bench = new Bench();
  const body = Uint8Array.from({ length: 777 }, (_, index) => index * 3);
  bench.tables.sessionSendCounter[1] = 50;
  bench.put(0, { destination: 3, source: 88, type: 4, ttl: 200, body });
  bench.step();
  const { type, ttl, counter, content } = openMessage(keyOf(SELF), bench.bind.sent[0].octets);
  assert.deepEqual([type, ttl, counter], [4, 199, 50]);
  assert.deepEqual(content.subarray(0, 4 + 777), contentOf(3, 88, body));
  assert.ok(content.subarray(4 + 777).every((octet) => octet === 0));
});

Deno.test("Inbound passes a broadcast on to the neighbours that get it through us, and never back", () => {
  using bench = new Bench();
  const { tables } = bench;
  tables.relaySlot[77] = 2;
  tables.relayPeers[2] = 0b111;
  assert.deepEqual(bench.receive(0, { destination: BROADCAST_NODE_ID, source: 77 }), {
    ...DELIVERED,
    relayed: [[3, BROADCAST_NODE_ID, 8], [4, BROADCAST_NODE_ID, 8]],
  });
  assert.deepEqual(bench.receive(0, { destination: BROADCAST_NODE_ID, source: 78 }), DELIVERED);
  assert.deepEqual(bench.receive(1, { destination: BROADCAST_NODE_ID, source: 77, ttl: 0 }), {
    ...DELIVERED,
    drops: ["TTL_EXPIRED"],
  });
});

Deno.test("Inbound passes nothing on where relaying is switched off, and still delivers", () => {
  using bench = new Bench();
  bench.tables.settings[Setting.DISABLE_RELAY] = 1;
  bench.tables.relaySlot[77] = 0;
  bench.tables.relayPeers[0] = 0b110;
  assert.deepEqual(bench.receive(0, { destination: 3 }), { ...NOTHING, drops: ["RELAY_DISABLED"] });
  assert.deepEqual(bench.receive(0, { destination: BROADCAST_NODE_ID, source: 77 }), {
    ...DELIVERED,
    drops: ["RELAY_DISABLED"],
  });
  assert.deepEqual(bench.receive(0), DELIVERED);
});

Deno.test("Inbound keeps what it passes on until there is a session, and drops it without an endpoint", () => {
  using bench = new Bench();
  bench.tables.peerCurrentSession[1] = NO_ROW;
  assert.deepEqual(bench.receive(0, { destination: 3, ttl: 40 }), { ...NOTHING, events: [EventKind.SESSION_WANTED] });
  bench.tables.peerCurrentSession[1] = 1;
  bench.step();
  assert.deepEqual(bench.takeOutcome(), { ...NOTHING, relayed: [[3, 3, 39]] });
  enterNeighbour(bench.tables, 1, SELF, { nodeId: 3 });
  assert.deepEqual(bench.receive(0, { destination: 3 }), { ...NOTHING, drops: ["NO_ENDPOINT"] });
});

Deno.test("frames cross three relays in both directions and lose one from their TTL at each", () => {
  using stack = new DisposableStack();
  const nodes = [1, 2, 3, 4, 5].map((id) => stack.use(new TestNode(id)));
  const idsOf = (some: TestNode[]) => some.map(({ nodeId }) => nodeId);
  nodes.forEach((node, index) => {
    // Row 0 is the neighbour on the left, row 1 that on the right.
    if (index > 0) node.connect(0, nodes[index - 1], idsOf(nodes.slice(0, index)), 1);
    if (index < 4) node.connect(1, nodes[index + 1], idsOf(nodes.slice(index + 1)), 0);
    // A broadcast of node 5 goes on to the left.
    node.tables.relaySlot[5] = 0;
    node.tables.relayPeers[0] = 0b01;
  });

  const broadcast = frameOf(5, BROADCAST_NODE_ID, 333);
  nodes[4].tap.put(broadcast);
  for (let index = 4; index > 0; index--) {
    nodes[index].step();
    assert.deepEqual(nodes[index].bind.sent.map(({ octets }) => octets[1]), [196 + index]);
    nodes[index].deliverTo(nodes[index - 1]);
  }
  nodes[0].step();
  for (const node of nodes.slice(0, 4)) assert.deepEqual(written(node, 347), [broadcast.subarray(10)]);

  // Node 1 has learnt where the host is, and so only node 5 gets the answer.
  const answer = frameOf(1, 5, 333);
  nodes[0].tap.put(answer);
  for (let index = 0; index < 4; index++) {
    nodes[index].step();
    assert.deepEqual(nodes[index].bind.sent.map(({ octets }) => octets[1]), [200 - index]);
    nodes[index].deliverTo(nodes[index + 1]);
  }
  nodes[4].step();
  assert.deepEqual(nodes.map((node) => written(node, 347)), [[], [], [], [], [answer.subarray(10)]]);
});

// Whom the control thread hears of.

/** A handshake message of a length, with a MAC1 under the key of 32 zero octets. */
function handshake(type: number, length: number): Uint8Array {
  const message = new Uint8Array(length).fill(0x5a);
  message[0] = type;
  const at = mac1Offset(type);
  message.set(blake2s(message.subarray(0, at), { key: new Uint8Array(32), dkLen: 16 }), at);
  return message;
}

Deno.test("Inbound hands handshake messages with a good MAC1 to the control thread, whole", () => {
  using bench = new Bench();
  const endpoint = parseEndpoint("198.51.100.9:77")!;
  const messages = [handshake(0, INITIATION_LEN), handshake(1, RESPONSE_LEN)];
  for (const octets of messages) bench.bind.put({ octets, endpoint });
  bench.step();
  const events = bench.node.takeEvents();
  assert.deepEqual(events.map(({ kind }) => kind), [EventKind.HANDSHAKE, EventKind.HANDSHAKE]);
  assert.deepEqual(events.map(({ payload }) => payload), messages);
  assert.deepEqual(events.map((event) => formatEndpoint(event.endpoint, 0)), ["198.51.100.9:77", "198.51.100.9:77"]);
  assert.deepEqual(events.map(({ timeMs }) => timeMs), [bench.node.nowMs, bench.node.nowMs]);
});

Deno.test("Inbound drops a handshake message with any octet flipped that MAC1 covers, and MAC1 itself", () => {
  using bench = new Bench();
  const endpoint = parseEndpoint("198.51.100.9:77")!;
  const good = handshake(0, INITIATION_LEN);
  const covered = mac1Offset(0) + 16;
  for (let at = 1; at < covered; at++) {
    const octets = good.slice();
    octets[at] ^= 1;
    bench.bind.put({ octets, endpoint });
  }
  for (let turn = 0; turn < 4; turn++) bench.step();
  assert.deepEqual(bench.takeOutcome(), { ...NOTHING, drops: [`HANDSHAKE_MAC1 × ${covered - 1}`] });
});

Deno.test("Inbound lets 64 cookie replies a second through: anybody can make one", () => {
  using bench = new Bench();
  const octets = new Uint8Array(COOKIE_REPLY_LEN);
  octets[0] = 2;
  for (let second = 0; second < 2; second++) {
    bench.node.nowMs = (second + 5) * 1000;
    for (let count = 0; count < 200; count++) bench.bind.put({ octets, endpoint: parseEndpoint("198.51.100.9:77")! });
    while (bench.bind.waiting > 0) bench.step();
    const { events, drops } = bench.takeOutcome();
    assert.equal(events.length, 64);
    assert.deepEqual(drops, ["HANDSHAKE_RATE × 136"]);
  }
});

Deno.test("Inbound counts what finds no room in the ring of events", () => {
  using bench = new Bench();
  for (let count = 0; count < EVENT_SLOTS + 10; count++) bench.put(0, { type: MessageType.PONG });
  for (let turn = 0; turn < 4; turn++) bench.step();
  const octets = handshake(0, INITIATION_LEN);
  bench.bind.put({ octets, endpoint: parseEndpoint("198.51.100.9:77")! });
  bench.step();
  assert.deepEqual(bench.takeOutcome().drops, ["HANDSHAKE_OVERLOAD", "EVENT_OVERFLOW × 10"]);
});

Deno.test("Inbound leaves room in the ring of events for others than handshakes, however many of these come", () => {
  using bench = new Bench();
  const octets = handshake(0, INITIATION_LEN);
  for (let count = 0; count < EVENT_SLOTS + 10; count++) {
    bench.bind.put({ octets, endpoint: parseEndpoint("198.51.100.9:77")! });
  }
  while (bench.bind.waiting > 0) bench.step();
  const { events, drops } = bench.receive(0, { type: MessageType.PONG });
  assert.equal(events.filter((kind) => kind === EventKind.HANDSHAKE).length, 192);
  assert.equal(events.at(-1), EventKind.MESSAGE);
  assert.deepEqual(drops, ["HANDSHAKE_OVERLOAD × 74"]);
});

Deno.test("Inbound counts a control message that is too long for an event", () => {
  using bench = new Bench();
  const body = new Uint8Array(EVENT_PAYLOAD_MAX - 4);
  assert.deepEqual(bench.receive(0, { type: MessageType.PONG, body }).events, [EventKind.MESSAGE]);
  const longer = new Uint8Array(EVENT_PAYLOAD_MAX - 3);
  assert.deepEqual(bench.receive(0, { type: MessageType.PONG, body: longer }), {
    ...NOTHING,
    drops: ["EVENT_OVERFLOW"],
  });
});

Deno.test("Inbound tells the control thread what a message was, from whom, and from where", () => {
  using bench = new Bench();
  bench.put(1, { type: MessageType.PONG, ttl: 77, body: Uint8Array.of(1, 2, 3) });
  bench.step();
  const [event] = bench.node.takeEvents();
  assert.deepEqual([event.peerRow, event.sessionRow, event.number], [1, 1, MessageType.PONG | 77 << 8]);
  assert.deepEqual(event.payload, contentOf(SELF, 3, Uint8Array.of(1, 2, 3)));
  assert.equal(formatEndpoint(event.endpoint, 0), addressOf(1));
});

Deno.test("Inbound reports first use of a session and another source once a burst, and delivers all the same", () => {
  using bench = new Bench();
  bench.tables.sessionState[0] = SessionState.NEXT;
  for (let count = 0; count < 5; count++) bench.put(0, { from: "198.51.100.9:77" });
  bench.step();
  assert.deepEqual(bench.takeOutcome(), { ...NOTHING, frames: 5, events: [EventKind.ROAMED, EventKind.CONFIRMED] });
});

Deno.test("Inbound reports no forger's address", () => {
  using bench = new Bench();
  const octets = sealMessage(keyOf(9), { type: 4, ttl: 1, index: localIndex(0), counter: 0, content: BODY });
  bench.bind.put({ octets, endpoint: parseEndpoint("198.51.100.9:77")! });
  bench.step();
  assert.deepEqual(bench.takeOutcome(), { ...NOTHING, drops: ["AEAD_FAILED"] });
});

Deno.test("Inbound notes when and how much a peer sent", () => {
  using bench = new Bench();
  const { tables } = bench;
  bench.receive(0, { type: 3, body: new Uint8Array(0) });
  assert.deepEqual([tables.lastReceivedMs[0], tables.lastDataReceivedMs[0]], [bench.node.nowMs, 0]);
  bench.receive(0);
  assert.deepEqual([tables.lastReceivedMs[0], tables.lastDataReceivedMs[0]], [bench.node.nowMs, bench.node.nowMs]);
  assert.equal(sumOverLanes(tables, tables.receivedPackets, 0), 2);
  assert.equal(sumOverLanes(tables, tables.receivedOctets, 0), 30 + 34 + BODY.length);
  assert.equal(sumOverLanes(tables, tables.receivedPackets, 1), 0);
});

Deno.test("Inbound learns addresses of hosts from what it delivers, not from what it passes on", () => {
  using bench = new Bench();
  const lookUp = () => l2fibLookup(bench.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 2);
  bench.receive(0, { destination: 3, source: 77 });
  assert.equal(lookUp(), -1);
  bench.receive(0, { source: 77 });
  assert.equal(lookUp(), 77);
});

Deno.test("Inbound takes runs apart, the last datagram shorter", () => {
  using bench = new Bench();
  const datagrams = [100, 100, 100, 60].map((length, counter) =>
    sealMessage(keyOf(2), {
      type: 4,
      ttl: 9,
      index: localIndex(0),
      counter,
      content: contentOf(SELF, 2, new Uint8Array(length - 34).fill(2)),
    })
  );
  const octets = new Uint8Array(360);
  datagrams.forEach((datagram, index) => octets.set(datagram, index * 100));
  bench.bind.put({ octets, endpoint: parseEndpoint(addressOf(0))!, segment: 100 });
  bench.step();
  assert.deepEqual(bench.takeOutcome(), { ...NOTHING, frames: 4 });
});

Deno.test("Inbound handles more datagrams in a burst than are opened at a time, and passes the right octets on", () => {
  using bench = new Bench();
  const perRun = 100;
  const runs = 40;
  for (let run = 0; run < runs; run++) {
    const octets = new Uint8Array(perRun * 100);
    for (let index = 0; index < perRun; index++) {
      const counter = run * perRun + index;
      const body = new Uint8Array(66).fill(counter);
      body.set([counter >> 8, counter & 0xff]);
      // Every other one is for node 3, the rest for us.
      const content = contentOf(index & 1 ? 3 : SELF, 2, body);
      octets.set(sealMessage(keyOf(2), { type: 4, ttl: 9, index: localIndex(0), counter, content }), index * 100);
    }
    bench.bind.put({ octets, endpoint: parseEndpoint(addressOf(0))!, segment: 100 });
  }
  bench.step();
  assert.equal(bench.tap.written.length, runs * perRun / 2);
  const numbers = bench.bind.sent.map(({ octets }) => {
    const body = bodyOf(openMessage(keyOf(SELF), octets));
    assert.ok(body.subarray(2, 66).every((octet) => octet === body[1]));
    return (body[0] << 8) | body[1];
  });
  assert.deepEqual(numbers, Array.from({ length: runs * perRun / 2 }, (_, index) => 2 * index + 1));
});
