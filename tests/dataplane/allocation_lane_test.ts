import { strict as assert } from "node:assert";
import { ENDPOINT_CONNECTION, parseEndpoint } from "../../src/base/endpoint.ts";
import { BROADCAST_NODE_ID } from "../../src/base/node_id.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { Reason } from "../../src/base/reason.ts";
import { pathWord } from "../../src/dataplane/path_word.ts";
import { L2FIB_ENTRIES, NO_ROW } from "../../src/dataplane/tables.ts";
import { replayReset } from "../../src/noise/replay.ts";
import { l2fibLearn } from "../../src/route/l2fib.ts";
import { makeParts } from "../reference/frame.ts";
import { makeSuperFrame, NO_OFFLOAD, slowSplit, type TapFrame } from "../reference/offload.ts";
import { allocatedPerCall } from "./allocation.ts";
import { contentOf, keyOf, sealMessage } from "./datagram.ts";
import { ReplayedBind, type ReplayedMessage, ReplayedTap } from "./replayed_io.ts";
import { packFrames } from "./tap_buffer.ts";
import { enterNeighbour, frameOf, localIndex, storeEndpoint, TestNode } from "./test_node.ts";

const SELF = 1;
/** Whatever is allocated has 12 bytes at least; V8 may put the time of a turn into such an object, once a burst. */
const BYTES_PER_PACKET_MAX = 1;

/** TCP from node 2 to us or from us to node 2: a super-frame of eight segments. */
function tcpSuperFrame(): TapFrame {
  const parts = makeParts({ payload: new Uint8Array(8 * 1000).fill(7), flags: 0x10 });
  parts.ethernet.set([2, 0, 0, 0, 0, 2]);
  return makeSuperFrame(parts, 1000);
}

/** Frames with their virtio headers. */
function headed(frames: TapFrame[]): Uint8Array[] {
  return frames.map((frame) => {
    const { octets, frames: [{ at }] } = packFrames([frame]);
    return octets.slice(at - 10);
  });
}

/** Node 1 with neighbours 2 and 3 in rows 0 and 1, on the given tap and binds. */
function createNode(tap: ReplayedTap, ...binds: ReplayedBind[]): TestNode {
  const node = new TestNode(SELF, { tap, makeBinds: () => binds });
  for (const row of [0, 1]) {
    enterNeighbour(node.tables, row, SELF, { nodeId: row + 2, endpoint: `192.0.2.${row + 2}:3001` });
    node.tables.nextHopPeer[row + 2] = row;
    // Nothing becomes too old while we measure, nor runs out of counters.
    node.tables.sessionCreatedMs[row] = Infinity;
  }
  node.tables.broadcastPeers[0] = 0b11;
  l2fibLearn(node.tables.l2fib, L2FIB_ENTRIES, 1, 0x02000000, 2, 2, 1);
  return node;
}

/** Measures turns of a node's lane, each of one burst; returns the bytes per turn. */
function measure(node: TestNode, turns = 10_000): number {
  // A number in a variable of its own would be an object once it is no small integer.
  const time = Float64Array.of(5000);
  return allocatedPerCall(() => node.lanes[0].step(time[0] += 0.25), turns);
}

Deno.test("Outbound allocates nothing per packet in ten thousand bursts", () => {
  const small = frameOf(SELF, 2, 46);
  const tap = new ReplayedTap([
    ...headed([tcpSuperFrame(), { offload: NO_OFFLOAD, frame: small.slice(10) }]),
    small,
    frameOf(SELF, BROADCAST_NODE_ID, 100),
  ]);
  const bind = new ReplayedBind([], () => {});
  using node = createNode(tap, bind);
  node.step();
  const packets = bind.datagramsSent;
  // Eight segments, two frames for node 2, one for both neighbours.
  assert.equal(packets, 12);
  assert.ok(measure(node) < BYTES_PER_PACKET_MAX * packets);
  assert.ok(bind.datagramsSent > 10_000 * packets);
  assert.ok(node.tables.dropped.every((count) => count === 0));
});

Deno.test("Outbound allocates nothing per packet while everything is mirrored and the path unconfirmed", () => {
  const tap = new ReplayedTap([...headed([tcpSuperFrame()]), frameOf(SELF, 2, 46), frameOf(SELF, 2, 46)]);
  const binds = [new ReplayedBind([], () => {}), new ReplayedBind([], () => {}, PathKind.FAKETCP4)];
  using node = createNode(tap, ...binds);
  const { tables } = node;
  storeEndpoint(tables, 0, PathKind.FAKETCP4, parseEndpoint("192.0.2.2:443")!);
  tables.peerPath[0] = pathWord(PathKind.UDP4, 0, 1 << PathKind.FAKETCP4);
  tables.peerConfirmedUntilMs[0] = 0;
  node.step();
  const packets = binds.map((bind) => bind.datagramsSent);
  assert.ok(packets[0] >= 10);
  assert.equal(packets[1], packets[0]);
  assert.ok(measure(node) < BYTES_PER_PACKET_MAX * 2 * packets[0]);
  assert.equal(binds[1].datagramsSent, binds[0].datagramsSent);
});

Deno.test("Outbound allocates nothing per packet while there is no session", () => {
  const frames = [...headed([tcpSuperFrame(), tcpSuperFrame()]), frameOf(SELF, 2, 46), frameOf(SELF, 2, 1400)];
  const bind = new ReplayedBind([], () => {});
  using node = createNode(new ReplayedTap(frames), bind);
  node.tables.peerCurrentSession[0] = NO_ROW;
  assert.ok(measure(node, 2_000) < BYTES_PER_PACKET_MAX * 18);
  assert.equal(bind.datagramsSent, 0);
  assert.ok(node.tables.dropped[Reason.STAGED_OVERFLOW] > 100_000);
});

/** One message with the given contents, each sealed by node 2 with the next counter. */
function message(firstCounter: number, contents: Uint8Array[], endpoint = "192.0.2.2:3001"): ReplayedMessage {
  const datagrams = contents.map((content, index) =>
    sealMessage(keyOf(2), { type: 4, ttl: 9, index: localIndex(0), counter: firstCounter + index, content })
  );
  return {
    octets: Uint8Array.from(datagrams.flatMap((datagram) => [...datagram])),
    segment: datagrams[0].length,
    endpoint: parseEndpoint(endpoint)!,
  };
}

Deno.test("Inbound allocates nothing per packet in ten thousand bursts", () => {
  const segments = slowSplit(tcpSuperFrame()).map((frame) => contentOf(SELF, 2, frame));
  const relayed = contentOf(3, 2, new Uint8Array(1000).fill(3));
  const small = contentOf(SELF, 2, frameOf(2, SELF, 46).slice(10));
  const keepalive = new Uint8Array(0);
  const messages = [
    message(0, segments),
    message(8, [relayed, relayed, relayed, relayed]),
    message(12, [small]),
    message(13, [keepalive]),
    // A counter that was seen: a replay.
    message(8, [relayed]),
  ];
  // What opens to nothing and what is no message are dropped as cheaply.
  messages.push({ ...messages[2], octets: messages[2].octets.map((octet, at) => at === 20 ? octet ^ 1 : octet) });
  messages.push({ ...messages[2], octets: new Uint8Array(145), segment: 145 });

  const tap = new ReplayedTap([]);
  const bind = new ReplayedBind(messages, () => replayReset(tables.sessionReplay, 0));
  using node = createNode(tap, bind);
  const { tables } = node;
  node.step();
  assert.deepEqual([tap.framesWritten, bind.datagramsSent], [2, 4]);
  assert.ok(measure(node) < BYTES_PER_PACKET_MAX * 17);
  const bursts = tap.framesWritten / 2;
  assert.ok(bursts > 10_000);
  const drops = [Reason.REPLAY, Reason.AEAD_FAILED, Reason.HANDSHAKE_MAC1].map((reason) => tables.dropped[reason]);
  assert.deepEqual(drops, [bursts, bursts, bursts]);
});

Deno.test("Inbound allocates nothing per packet that came on two paths", () => {
  const relayed = contentOf(3, 2, new Uint8Array(1000).fill(3));
  const contents = new Array(16).fill(relayed);
  const fakeTcp = message(0, contents, "192.0.2.2:443");
  fakeTcp.endpoint[ENDPOINT_CONNECTION] = 1;
  const binds = [
    new ReplayedBind([message(0, contents)], () => replayReset(node.tables.sessionReplay, 0)),
    new ReplayedBind([fakeTcp], () => {}, PathKind.FAKETCP4),
  ];
  using node: TestNode = createNode(new ReplayedTap([]), ...binds);
  storeEndpoint(node.tables, 0, PathKind.FAKETCP4, fakeTcp.endpoint);
  node.step();
  assert.equal(binds[0].datagramsSent, 16);
  assert.equal(node.tables.dropped[Reason.REPLAY], 16);
  assert.ok(measure(node) < BYTES_PER_PACKET_MAX * 32);
  assert.equal(node.tables.dropped[Reason.REPLAY], binds[0].datagramsSent);
});
