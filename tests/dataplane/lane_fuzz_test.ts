import { blake2s } from "@noble/hashes/blake2.js";
import fc from "fast-check";
import { strict as assert } from "node:assert";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { DATAGRAM_SLOT_LEN } from "../../src/conn/bind.ts";
import { EVENT_SLOTS, EventKind } from "../../src/dataplane/events.ts";
import { PeerState, sumOverLanes } from "../../src/dataplane/tables.ts";
import { INITIATION_LEN, mac1Offset, RESPONSE_LEN } from "../../src/wire/handshake_message.ts";
import { contentOf, keyOf, sealMessage } from "./datagram.ts";
import { enterNeighbour, frameOf, localIndex, TestNode } from "./test_node.ts";

const SELF = 1;
const SUPER_ROW = 3;
const ENDPOINT = parseEndpoint("192.0.2.2:3001")!;

/** Node 1 between neighbours 2 to 4, and with a super node; what node 77 broadcasts is passed on to all. */
function createNode(): TestNode {
  const node = new TestNode(SELF);
  for (const row of [0, 1, 2, SUPER_ROW]) {
    const role = row === SUPER_ROW ? PeerState.SUPER : PeerState.EDGE;
    enterNeighbour(node.tables, row, SELF, { nodeId: row + 2, endpoint: `192.0.2.${row + 2}:3001`, role });
    node.tables.nextHopPeer[row + 2] = row;
  }
  node.tables.broadcastPeers[0] = 0b111;
  node.tables.relaySlot[77] = 0;
  node.tables.relayPeers[0] = 0b111;
  return node;
}

/** What came of a turn, in counts. */
interface Outcome {
  readonly drops: number;
  readonly authenticated: number;
  readonly handshakes: number;
  /** Frames written, datagrams sent, messages handed to the control thread. */
  readonly effects: number;
}

/** Lets the lane take a turn and counts what came of it. */
function step(node: TestNode): Outcome {
  const { tables } = node;
  const received = () => [0, 1, 2, 3].reduce((sum, row) => sum + sumOverLanes(tables, tables.receivedPackets, row), 0);
  const before = received();
  tables.dropped.fill(0);
  node.step();
  const events = node.takeEvents();
  assert.ok(events.length <= EVENT_SLOTS);
  const messages = events.filter(({ kind }) => kind === EventKind.MESSAGE).length;
  return {
    drops: tables.dropped.reduce((sum, count) => sum + count),
    authenticated: received() - before,
    handshakes: events.filter(({ kind }) => kind === EventKind.HANDSHAKE).length,
    effects: node.tap.written.splice(0).length + node.bind.sent.splice(0).length + messages,
  };
}

/** Octets of lengths at which something changes, and of any other; the first octet is a type of ours more often than not. */
const anyDatagram = fc.tuple(
  fc.oneof(
    fc.constantFrom(0, 1, 29, 30, 31, 32, 61, 89, 145, 146, 1438, DATAGRAM_SLOT_LEN, DATAGRAM_SLOT_LEN + 1),
    fc.integer({ min: 0, max: 2000 }),
    fc.integer({ min: 0, max: 70_000 }),
  ),
  fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 255 })),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
).map(([length, type, filler]) => {
  const octets = Uint8Array.from({ length }, (_, index) => filler[index % 32]);
  if (length > 0) octets[0] = type;
  return octets;
});

/** Octets that a known session sealed, with whatever inside. */
const sealedDatagram = fc.record({
  row: fc.constantFrom(0, 1, 2, SUPER_ROW),
  type: fc.oneof(fc.integer({ min: 3, max: 12 }), fc.integer({ min: 3, max: 255 })),
  ttl: fc.constantFrom(0, 1, 200, 255),
  destination: fc.oneof(fc.constantFrom(SELF, 2, 3, 4, 99, 0xfffc, 0xfffd, 0xfffe, 0xffff), fc.nat(0xffff)),
  source: fc.oneof(fc.constantFrom(SELF, 2, 77, 0xfffd), fc.nat(0xffff)),
  counter: fc.oneof(fc.nat(10_000), fc.maxSafeNat()),
  content: fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((body) => ({ body, isWhole: true })),
    fc.uint8Array({ maxLength: 6 }).map((body) => ({ body, isWhole: false })),
    fc.constantFrom(14, 60, 1418, 9000, 60_000).map((length) => ({
      body: frameOf(2, SELF, length - 14).slice(10),
      isWhole: true,
    })),
  ),
}).map(({ row, type, ttl, destination, source, counter, content: { body, isWhole } }) =>
  sealMessage(keyOf(row + 2), {
    type,
    ttl,
    index: localIndex(row),
    counter,
    content: isWhole ? contentOf(destination, source, body) : body,
  })
);

/** Octets with a good MAC1 and nothing else that is good. */
const authenticHandshake = fc.tuple(fc.constantFrom(0, 1), fc.uint8Array({ minLength: 145, maxLength: 145 })).map(
  ([type, filler]) => {
    const octets = filler.slice(0, type === 0 ? INITIATION_LEN : RESPONSE_LEN);
    octets[0] = type;
    const at = mac1Offset(type);
    octets.set(blake2s(octets.subarray(0, at), { key: new Uint8Array(32), dkLen: 16 }), at);
    return octets;
  },
);

const whole = fc.oneof(anyDatagram, sealedDatagram, authenticHandshake);
/** Of all these, some with an octet changed, cut short, or made longer. */
const datagram = fc.oneof(
  whole,
  fc.tuple(whole, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([octets, at, difference]) => {
    const changed = octets.slice();
    if (changed.length > 0) changed[at % changed.length] ^= difference;
    return changed;
  }),
  fc.tuple(whole, fc.nat()).map(([octets, at]) => octets.slice(0, at % (octets.length + 1))),
  fc.tuple(whole, fc.uint8Array({ maxLength: 40 })).map(([octets, more]) => Uint8Array.from([...octets, ...more])),
);

Deno.test("Lane does one thing with every datagram: takes it, or counts one reason", () => {
  using node = createNode();
  fc.assert(
    fc.property(datagram, (octets) => {
      node.bind.put({ octets, endpoint: ENDPOINT });
      const { drops, authenticated, handshakes, effects } = step(node);
      if (authenticated === 0) {
        assert.deepEqual([drops + handshakes, effects], [1, 0]);
      } else {
        assert.equal(authenticated, 1);
        // A broadcast whose relays are used up is counted, and delivered.
        assert.ok(drops <= 1 && handshakes === 0);
        assert.ok(drops + effects >= 1 || octets.length === 30);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("Lane takes a message apart at any length that the system may claim for its datagrams", () => {
  using node = createNode();
  fc.assert(
    fc.property(anyDatagram, fc.oneof(fc.nat(100), fc.nat(0xffff)), (octets, segment) => {
      fc.pre(octets.length <= DATAGRAM_SLOT_LEN);
      node.bind.put({ octets, endpoint: ENDPOINT, segment });
      const datagrams = octets.length === 0 ? 1 : Math.ceil(octets.length / (segment || octets.length));
      const { drops, handshakes, authenticated, effects } = step(node);
      // Some may look like a cookie reply, which nothing but its length and type announces.
      assert.deepEqual([drops + handshakes, authenticated, effects], [datagrams, 0, 0]);
    }),
    { numRuns: 200 },
  );
});

Deno.test("Lane goes on as before after whatever was sent to it", () => {
  using node = createNode();
  fc.assert(
    fc.property(fc.array(datagram, { maxLength: 200 }), (burst) => {
      for (const octets of burst) node.bind.put({ octets, endpoint: ENDPOINT });
      while (node.bind.waiting > 0) step(node);
      // A counter near the limit may have come: the window begins anew.
      node.tables.sessionReplay.fill(0);
      const content = contentOf(SELF, 2, frameOf(2, SELF, 46).slice(10));
      const octets = sealMessage(keyOf(2), { type: 4, ttl: 1, index: localIndex(0), counter: 0, content });
      node.bind.put({ octets, endpoint: ENDPOINT });
      assert.deepEqual(step(node), { drops: 0, authenticated: 1, handshakes: 0, effects: 1 });
    }),
    { numRuns: 30 },
  );
});

Deno.test("Lane sends or drops every frame, whatever its virtio header claims", () => {
  using node = createNode();
  const frame = fc.tuple(
    fc.uint8Array({ minLength: 10, maxLength: 10 }),
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.constantFrom(60, 1418, 9000, 65_000).map((length) => frameOf(1, 2, length).slice(10)),
    ),
  ).map(([header, octets]) => Uint8Array.from([...header, ...octets]));
  fc.assert(
    fc.property(frame, fc.nat(6), (octets, gsoType) => {
      octets[1] = gsoType;
      node.tap.put(octets);
      const { drops, effects } = step(node);
      assert.ok(drops === 1 ? effects === 0 : drops === 0 && effects >= 1, `${drops} ${effects}`);
    }),
    { numRuns: 500 },
  );
});
