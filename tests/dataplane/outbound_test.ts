import { strict as assert } from "node:assert";
import { BROADCAST_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { EventKind } from "../../src/dataplane/events.ts";
import { droppedFor, L2FIB_ENTRIES, NO_ROW, Setting } from "../../src/dataplane/tables.ts";
import { l2fibLearn } from "../../src/route/l2fib.ts";
import { makeParts } from "../reference/frame.ts";
import { makeSuperFrame, slowSplit, type TapFrame } from "../reference/offload.ts";
import { bodyOf, keyOf, openMessage } from "./datagram.ts";
import { enterNeighbour, frameOf, TestNode, type TestNodeOptions } from "./test_node.ts";
import { packFrames } from "./tap_buffer.ts";

const SELF = 1;

/** Node 1 with neighbours 2, 3 and 4 in rows 0 to 2; node 9 is reached through 4. */
function createNode(options: TestNodeOptions = {}): TestNode {
  const node = new TestNode(SELF, options);
  for (const row of [0, 1, 2]) {
    enterNeighbour(node.tables, row, SELF, { nodeId: row + 2, endpoint: `192.0.2.${row + 2}:3001` });
    node.tables.nextHopPeer[row + 2] = row;
  }
  node.tables.nextHopPeer[9] = 2;
  node.tables.broadcastPeers[0] = 0b111;
  return node;
}

/** Enters the address 02:00:00:00:00:`node`, as {@linkcode frameOf} makes it. */
function learn(node: TestNode, at: number, nodeId = at): void {
  l2fibLearn(node.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, at, nodeId, 1);
}

/** Takes what was sent: who it went to (by the last octet of the address), its inner destination, TTL, and frame. */
function takeSent(node: TestNode): { to: number; destination: number; ttl: number; frame: Uint8Array }[] {
  return node.bind.sent.splice(0).map(({ octets, endpoint }) => {
    const message = openMessage(keyOf(SELF), octets);
    assert.equal(message.type, 4);
    assert.deepEqual([...message.content.subarray(2, 4)], [0, SELF]);
    const destination = (message.content[0] << 8) | message.content[1];
    return { to: endpoint[2] >>> 24, destination, ttl: message.ttl, frame: bodyOf(message) };
  });
}

function put(node: TestNode, { offload, frame }: TapFrame): void {
  const packed = packFrames([{ offload, frame }]);
  node.tap.put(packed.octets.slice(packed.frames[0].at - 10));
}

Deno.test("Outbound sends a frame for a known address to the next hop of its node only", () => {
  using node = createNode();
  learn(node, 3);
  learn(node, 9);
  node.tap.put(frameOf(SELF, 3, 46));
  node.tap.put(frameOf(SELF, 9, 46));
  node.step();
  const sent = takeSent(node).map(({ to, destination, ttl }) => [to, destination, ttl]);
  assert.deepEqual(sent, [[3, 3, 200], [4, 9, 200]]);
});

Deno.test("Outbound sends a frame for an unknown or a group address to every broadcast neighbour", () => {
  using node = createNode();
  const multicast = frameOf(SELF, 3, 46);
  multicast[10] |= 1;
  learn(node, 3);
  for (const frame of [frameOf(SELF, 8, 46), frameOf(SELF, BROADCAST_NODE_ID, 46), multicast]) {
    node.tap.put(frame);
    node.step();
    const sent = takeSent(node);
    assert.deepEqual(sent.map(({ to, destination }) => [to, destination]), [
      [2, BROADCAST_NODE_ID],
      [3, BROADCAST_NODE_ID],
      [4, BROADCAST_NODE_ID],
    ]);
    for (const { frame: body } of sent) assert.deepEqual(body.subarray(0, 60), frame.slice(10));
  }
});

Deno.test("Outbound reaches neighbours in every word of the bitmap, the highest bit included", () => {
  using node = createNode();
  node.tables.broadcastPeers[0] = 1 << 31 | 1 << 2;
  enterNeighbour(node.tables, 31, SELF, { nodeId: 33, endpoint: "192.0.2.33:3001" });
  node.tap.put(frameOf(SELF, BROADCAST_NODE_ID, 46));
  node.step();
  assert.deepEqual(takeSent(node).map(({ to }) => to), [4, 33]);
});

Deno.test("Outbound sends nowhere without neighbours, and drops nothing for that", () => {
  using node = createNode();
  node.tables.broadcastPeers[0] = 0;
  node.tap.put(frameOf(SELF, BROADCAST_NODE_ID, 46));
  node.step();
  assert.equal(takeSent(node).length, 0);
  assert.ok(node.tables.dropped.every((count) => count === 0));
});

const DROPPED: [name: string, reason: number, put: (node: TestNode) => void, count: number][] = [
  ["two addresses and nothing else", Reason.FRAME_TRUNCATED, (node) => node.tap.put(new Uint8Array(10 + 12)), 1],
  ["no whole Ethernet header", Reason.FRAME_TRUNCATED, (node) => node.tap.put(new Uint8Array(10 + 13)), 1],
  ["an address of a node without a route", Reason.NO_ROUTE, (node) => {
    learn(node, 77);
    node.tap.put(frameOf(SELF, 77, 46));
  }, 1],
  ["an address of a peer without an endpoint", Reason.NO_ENDPOINT, (node) => {
    enterNeighbour(node.tables, 0, SELF, { nodeId: 2 });
    learn(node, 2);
    node.tap.put(frameOf(SELF, 2, 46));
  }, 1],
  ["an impossible virtio header", Reason.FRAME_OFFLOAD, (node) => {
    const frame = frameOf(SELF, 2, 46);
    frame[1] = 0x77;
    node.tap.put(frame);
  }, 1],
];
for (const [name, reason, putFrame, count] of DROPPED) {
  Deno.test(`Outbound drops a frame with ${name}, and sends the one behind it`, () => {
    using node = createNode();
    learn(node, 4);
    putFrame(node);
    node.tap.put(frameOf(SELF, 4, 46));
    node.step();
    assert.deepEqual(takeSent(node).map(({ to }) => to), [4]);
    assert.equal(droppedFor(node.tables, reason), count);
  });
}

Deno.test("Outbound splits a super-frame as a network card would, and sends every piece with a counter of its own", () => {
  using node = createNode();
  learn(node, 3);
  const payload = Uint8Array.from({ length: 40_000 }, (_, index) => index * 13 + (index >> 8));
  const parts = makeParts({ payload, flags: 0x18, hosts: [SELF, 3] });
  parts.ethernet.set([2, 0, 0, 0, 0, 3]);
  const superFrame = makeSuperFrame(parts, 1360);
  put(node, superFrame);
  node.step();
  const counters = node.bind.sent.map(({ octets }) => openMessage(keyOf(SELF), octets).counter);
  assert.deepEqual(counters, Array.from({ length: 30 }, (_, index) => index));
  const expected = slowSplit(superFrame);
  const sent = takeSent(node).map(({ frame }, index) => frame.slice(0, expected[index].length));
  assert.deepEqual(sent, expected);
});

Deno.test("Outbound sends a super-frame whole to each of several neighbours", () => {
  using node = createNode();
  const superFrame = makeSuperFrame(makeParts({ payload: new Uint8Array(5000).fill(7) }), 1000);
  superFrame.frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  put(node, superFrame);
  node.step();
  const expected = slowSplit(superFrame);
  const sent = takeSent(node);
  for (const to of [2, 3, 4]) {
    const frames = sent.filter((one) => one.to === to).map(({ frame }) => frame);
    assert.deepEqual(frames.map((frame, index) => frame.slice(0, expected[index].length)), expected);
  }
});

Deno.test("Outbound handles more pieces in a burst than its list holds", () => {
  using node = createNode();
  learn(node, 3);
  const parts = makeParts({ payload: new Uint8Array(60_000).fill(7) });
  parts.ethernet.set([2, 0, 0, 0, 0, 3]);
  // 1,000 pieces each: the third doesn't fit behind two others.
  for (let count = 0; count < 4; count++) put(node, makeSuperFrame(parts, 60));
  node.step();
  assert.equal(takeSent(node).length, 4000);
});

Deno.test("Outbound keeps the pieces of a frame until there is a session, for each peer by itself", () => {
  using node = createNode();
  node.tables.peerCurrentSession[1] = NO_ROW;
  node.tap.put(frameOf(SELF, BROADCAST_NODE_ID, 46));
  node.step();
  assert.deepEqual(takeSent(node).map(({ to }) => to), [2, 4]);
  node.tables.peerCurrentSession[1] = 1;
  node.step();
  const [{ to, frame, destination }, ...others] = takeSent(node);
  assert.equal(others.length, 0);
  assert.deepEqual([to, destination], [3, BROADCAST_NODE_ID]);
  assert.deepEqual(frame.subarray(0, 60), frameOf(SELF, BROADCAST_NODE_ID, 46).slice(10));
});

Deno.test("Outbound takes the TTL of the moment", () => {
  using node = createNode();
  learn(node, 3);
  node.tables.settings[Setting.DEFAULT_TTL] = 3;
  node.tap.put(frameOf(SELF, 3, 46));
  node.step();
  assert.equal(takeSent(node)[0].ttl, 3);
});

Deno.test("Outbound leaves what a turn has no time for to the next", () => {
  using node = createNode();
  learn(node, 3);
  for (let count = 0; count < 1000; count++) node.tap.put(frameOf(SELF, 3, 46));
  node.step();
  const first = takeSent(node).length;
  assert.ok(first >= 64 && first < 1000, `${first}`);
  for (let turn = 0; turn < 10; turn++) node.step();
  assert.equal(first + takeSent(node).length, 1000);
});

Deno.test("Lane waits no longer for a tap that is gone, and says so", () => {
  using node = createNode({
    tap: { fd: -1, readBurst: () => -77, writeBurst: () => 0, [Symbol.dispose]() {} },
  });
  node.step();
  const event = node.takeEvents()[0];
  assert.deepEqual([event.kind, event.peerRow, event.number], [EventKind.LANE_FAILED, 0, 77]);
});
