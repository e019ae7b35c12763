import { strict as assert } from "node:assert";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { BROADCAST_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { EVENT_SLOTS, EventKind, putPlainEvent, takeEvent } from "../../src/dataplane/events.ts";
import {
  droppedFor,
  KEY_LEN,
  L2FIB_ENTRIES,
  NO_ROW,
  PeerState,
  SessionState,
  Setting,
} from "../../src/dataplane/tables.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { l2fibLearn, l2fibLookup } from "../../src/route/l2fib.ts";
import { frameOf, pair, shim, TestNode, written } from "./test_node.ts";

Deno.test("Lane carries a frame of any length from tap to tap unchanged", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  for (const length of [0, 1, 46, 577, 1389, 1390, 1404]) {
    const frame = frameOf(1, 2, length);
    one.tap.put(frame);
    one.step();
    assert.equal(one.deliverTo(two), 1);
    two.step();
    assert.deepEqual(written(two, 14 + length), [frame.subarray(10)]);
  }
});

Deno.test("Lane learns where an address lives and then answers to that node only", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  one.tap.put(frameOf(1, BROADCAST_NODE_ID, 46));
  one.step();
  one.deliverTo(two);
  two.step();
  two.tables.broadcastPeers[0] = 0;
  two.tap.put(frameOf(2, 1, 46));
  two.step();
  assert.equal(two.deliverTo(one), 1);
});

Deno.test("Lane relays by the next-hop table and takes one from the TTL", () => {
  const [one, two, three] = [1, 2, 3].map((id) => new TestNode(id));
  using _one = one, _two = two, _three = three;
  one.connect(0, two, [2, 3], 0);
  two.connect(0, one, [1], 0);
  two.connect(1, three, [3], 0);
  three.connect(0, two, [1, 2], 1);
  // Node 2 passes broadcasts of 1 on to 3 (row 1), and of 3 on to 1 (row 0).
  two.tables.relaySlot[1] = 0;
  two.tables.relaySlot[3] = 1;
  two.tables.relayPeers[0] = 0b10;
  two.tables.relayPeers[1] = 0b01;

  one.tap.put(frameOf(1, BROADCAST_NODE_ID, 100));
  one.step();
  one.deliverTo(two);
  two.step();
  assert.equal(written(two, 114).length, 1);
  assert.equal(two.bind.sent[0].octets[1], 199);
  assert.equal(two.deliverTo(one, three), 1);
  three.step();
  assert.equal(written(three, 114).length, 1);

  three.tap.put(frameOf(3, 1, 100));
  three.step();
  three.deliverTo(two);
  two.step();
  assert.equal(written(two, 114).length, 0);
  assert.equal(two.deliverTo(one, three), 1);
  one.step();
  assert.deepEqual(written(one, 114), [frameOf(3, 1, 100).subarray(10)]);

  two.tables.settings[Setting.DISABLE_RELAY] = 1;
  three.tap.put(frameOf(3, 1, 100));
  three.step();
  three.deliverTo(two);
  two.step();
  assert.equal(two.bind.sent.length, 0);
  assert.equal(droppedFor(two.tables, Reason.RELAY_DISABLED), 1);
});

Deno.test("Lane drops a replayed datagram, a forged one, and one that claims our own NodeId, each under its name", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  one.tap.put(frameOf(1, BROADCAST_NODE_ID, 100));
  one.step();
  const [{ octets, endpoint }] = one.bind.sent;
  const source = one.endpoint;
  assert.equal(endpoint[2], two.endpoint[2]);
  const forged = octets.slice();
  forged[40] ^= 1;
  for (const datagram of [forged, octets, octets]) two.bind.put({ octets: datagram, endpoint: source });
  two.step();
  assert.equal(written(two, 114).length, 1);
  assert.equal(droppedFor(two.tables, Reason.AEAD_FAILED), 1);
  assert.equal(droppedFor(two.tables, Reason.REPLAY), 1);

  const three = new TestNode(2);
  using _three = three;
  three.connect(0, one, [1], 0);
  three.tables.sessionReceiveKey.fill(2, 0, KEY_LEN);
  three.tables.sessionRemoteIndex[0] = 0xabcd00 * 128;
  three.tap.put(frameOf(2, BROADCAST_NODE_ID, 100));
  three.step();
  const own = three.bind.sent[0].octets;
  three.bind.put({ octets: own, endpoint: source });
  three.step();
  assert.equal(droppedFor(three.tables, Reason.OWN_SOURCE), 1);
});

Deno.test("Lane drops truncated, oversized and unknown datagrams, each under its name", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  const cases: [Uint8Array, number][] = [
    [new Uint8Array(0), Reason.DATAGRAM_TRUNCATED],
    [new Uint8Array(29).fill(4), Reason.DATAGRAM_TRUNCATED],
    [new Uint8Array(70000).fill(4), Reason.DATAGRAM_OVERSIZED],
    [new Uint8Array(100).fill(4), Reason.COUNTER_LIMIT],
    [Uint8Array.of(4, 1, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(30)), Reason.SESSION_UNKNOWN],
    [new Uint8Array(32), Reason.STANDBY_PROBE],
    [new Uint8Array(146), Reason.HANDSHAKE_LENGTH],
    [new Uint8Array(145), Reason.HANDSHAKE_MAC1],
  ];
  for (const [octets, reason] of cases) {
    const before = droppedFor(two.tables, reason);
    two.bind.put({ octets, endpoint: one.endpoint });
    two.step();
    assert.equal(droppedFor(two.tables, reason), before + 1, `length ${octets.length}`);
  }
  assert.equal(takeEvent(two.events), undefined);
});

Deno.test("Lane keeps frames until there is a session, asks for one once, and sends them in order", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  one.tables.peerCurrentSession[0] = -1;
  for (const length of [50, 60, 70]) {
    one.tap.put(frameOf(1, 2, length));
    one.step();
  }
  assert.equal(one.bind.sent.length, 0);
  assert.equal(takeEvent(one.events)?.kind, EventKind.SESSION_WANTED);
  assert.equal(takeEvent(one.events), undefined);
  one.tables.peerCurrentSession[0] = 0;
  one.step();
  assert.equal(one.deliverTo(two), 3);
  two.step();
  const lengths = two.tap.written.map((frame) => frame.length - 24);
  assert.deepEqual(lengths.map((length) => length >= 50), [true, true, true]);
  assert.deepEqual([...lengths].sort((a, b) => a - b), lengths);
});

Deno.test("Lane keeps at most 128 frames a peer and drops the oldest", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  one.tables.peerCurrentSession[0] = -1;
  for (let count = 0; count < 130; count++) one.tap.put(frameOf(1, 2, 100 + count));
  one.step();
  assert.equal(droppedFor(one.tables, Reason.STAGED_OVERFLOW), 2);
  one.tables.peerCurrentSession[0] = 0;
  one.step();
  assert.equal(one.deliverTo(two), 128);
});

Deno.test("Lane reports a peer that sends from another address, and the first use of new keys", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  two.tables.sessionState[0] = SessionState.NEXT;
  one.tap.put(frameOf(1, 2, 100));
  one.step();
  two.bind.put({ octets: one.bind.sent[0].octets, endpoint: parseEndpoint("198.51.100.7:9999")! });
  two.step();
  const events = [takeEvent(two.events), takeEvent(two.events)];
  assert.deepEqual(events.map((event) => event?.kind), [EventKind.ROAMED, EventKind.CONFIRMED]);
  assert.equal(events[0]?.endpoint[1], 9999);
  assert.equal(two.tap.written.length, 1);
});

Deno.test("Lane says that a descriptor broke until there is room to say so, and then no more", () => {
  using node = new TestNode(1);
  const bind = node.bind;
  const receiveBurst = bind.receiveBurst.bind(bind);
  bind.receiveBurst = () => -Errno.EBADF;
  for (let count = 0; count < EVENT_SLOTS; count++) putPlainEvent(node.events, EventKind.CONFIRMED, 0, 0, 0, 0, NO_ROW);
  node.step();
  // From now on nothing is heard of the bind.
  bind.receiveBurst = receiveBurst;
  assert.ok(node.takeEvents().every(({ kind }) => kind === EventKind.CONFIRMED));
  const events = () => {
    node.nowMs += 1_000;
    node.step();
    return node.takeEvents().map(({ kind, peerRow, number }) => [kind, peerRow, number]);
  };
  assert.deepEqual(events(), [[EventKind.LANE_FAILED, 1, Errno.EBADF]]);
  assert.deepEqual(events(), []);
});

Deno.test("Lane sends the datagrams of a run singly when the path refuses runs", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  one.bind.refuse = ({ datagrams }) => datagrams > 1 ? Errno.EMSGSIZE : 0;
  for (let count = 0; count < 5; count++) one.tap.put(frameOf(1, 2, 1000));
  one.step();
  assert.equal(one.deliverTo(two), 5);
  two.step();
  assert.equal(written(two, 1014).length, 5);
});

Deno.test("Lanes of one node share sessions and their replay windows: a copy on another lane is dropped", () => {
  const [one, two] = pair({}, { lanes: 2 });
  using _one = one, _two = two;
  for (let count = 0; count < 3; count++) one.tap.put(frameOf(1, 2, 100 + count));
  one.step();
  const datagrams = one.bind.sent.splice(0).map(({ octets }) => ({ octets, endpoint: one.endpoint }));
  two.binds[0].put(datagrams[0]);
  two.binds[1].put(datagrams[0]);
  two.binds[1].put(datagrams[2]);
  two.step();
  two.binds[0].put(datagrams[2]);
  two.binds[0].put(datagrams[1]);
  two.binds[1].put(datagrams[1]);
  two.step();
  assert.equal(two.tap.written.length, 3);
  assert.equal(droppedFor(two.tables, Reason.REPLAY), 3);
  const { receivedPackets, shape } = two.tables;
  assert.deepEqual([receivedPackets[0], receivedPackets[shape.peerCapacity]], [2, 1]);
});

Deno.test("Lanes of one node send with counters of their own", () => {
  const [one, two] = pair({ lanes: 2 });
  using _one = one, _two = two;
  for (const lane of [0, 1, 1, 0]) {
    one.tap.put(frameOf(1, 2, 46));
    one.lanes[lane].step(one.nowMs);
  }
  assert.equal(one.deliverTo(two), 4);
  two.step();
  assert.equal(two.tap.written.length, 4);
  assert.equal(droppedFor(two.tables, Reason.REPLAY), 0);
});

Deno.test("Lane forgets addresses that were idle for longer than it is told", () => {
  const [one, two] = pair({}, { l2fibTimeoutSeconds: 10 });
  using _one = one, _two = two;
  const isKnown = () => l2fibLookup(two.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 1) === 1;
  const hear = () => {
    one.tap.put(frameOf(1, 2, 46));
    one.step();
    one.deliverTo(two);
    two.step();
  };
  hear();
  two.nowMs += 9_000;
  two.step();
  assert.ok(isKnown());
  hear();
  two.nowMs += 9_000;
  two.step();
  assert.ok(isKnown());
  two.nowMs += 3_000;
  two.step();
  assert.ok(!isKnown());
});

Deno.test("Lane forgets the addresses behind a peer that was removed, and no others", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  const isKnown = (low: number) => l2fibLookup(two.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, low) >= 0;
  one.tap.put(frameOf(1, 2, 46));
  one.step();
  one.deliverTo(two);
  two.step();
  l2fibLearn(two.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 9, 9, 1);
  two.nowMs += 1_000;
  two.step();
  assert.ok(isKnown(1) && isKnown(9));
  two.tables.peerState[0] = PeerState.FREE;
  two.nowMs += 1_000;
  two.step();
  assert.ok(!isKnown(1) && isKnown(9));
});

Deno.test("Lane forgets the addresses behind a peer whose row another one has got", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  two.step();
  l2fibLearn(two.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 1, 1, 1);
  two.tables.peerNodeId[0] = 7;
  two.nowMs += 1_000;
  two.step();
  assert.equal(l2fibLookup(two.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 1), -1);
});

Deno.test("Lane keeps addresses for ever where it is told so", () => {
  const [one, two] = pair();
  using _one = one, _two = two;
  one.tap.put(frameOf(1, 2, 46));
  one.step();
  one.deliverTo(two);
  two.step();
  two.nowMs += 1e9;
  two.step();
  assert.equal(l2fibLookup(two.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 1), 1);
});

Deno.test("Lane.turn() returns at once when it is woken, and sends what waited", () => {
  const wakeFd = shim.symbols.eg_eventfd_open();
  try {
    const [one, two] = pair({ wakeFd });
    using _one = one, _two = two;
    one.tables.sessionCreatedMs[0] = shim.nowMs();
    one.tables.peerCurrentSession[0] = NO_ROW;
    one.tap.put(frameOf(1, 2, 46));
    one.lanes[0].step(shim.nowMs());
    one.tables.peerCurrentSession[0] = 0;
    shim.symbols.eg_eventfd_signal(wakeFd);
    const startMs = shim.nowMs();
    one.lanes[0].turn();
    assert.ok(shim.nowMs() - startMs < 500);
    assert.equal(one.bind.sent.length, 1);
    // The wake-up was taken: another turn finds none.
    const [fds, revents] = [Int32Array.of(wakeFd), new Uint32Array(1)];
    assert.equal(shim.symbols.eg_poll(fds, revents, 1, 0, new Float64Array(1)), 0);
  } finally {
    shim.symbols.eg_close(wakeFd);
  }
});

Deno.test("Lane.isStopped tells that the control thread wants it to end", () => {
  using node = new TestNode(1);
  assert.ok(!node.lanes[0].isStopped);
  Atomics.store(node.tables.settings, Setting.STOP, 1);
  assert.ok(node.lanes[0].isStopped);
});
