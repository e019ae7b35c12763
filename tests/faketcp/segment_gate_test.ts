import { strict as assert } from "node:assert";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { SINK_PACKET_MAX } from "../../src/faketcp/segment_gate.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { ADDRESSES, CLOSED, createSide, readWritten, type Side } from "./connection.ts";
import { type CraftedSegment, craftSegment } from "./crafted_segment.ts";

const { SYN, ACK, RST, FIN } = TcpFlag;
const burst = createDatagramBurst();
const [KNOWN, TO] = ADDRESSES[4];
const STRANGER = "203.0.113.9:50000";

/** Lets a side receive one packet `count` times. Returns how many reached the control thread. */
function receive(side: Side, packet: Uint8Array, count = 1): number {
  for (let index = 0; index < count; index++) side.queue.put(packet);
  while (side.bind.receiveBurst(burst) >= 0);
  return side.sink.taken.splice(0).length;
}

function segment(change: Partial<CraftedSegment>): Uint8Array<ArrayBuffer> {
  return craftSegment({ from: STRANGER, to: TO, seq: 1001, ack: 2001, ...change });
}

/** Each kind: what may pass in one burst. */
const RATES: [name: string, change: Partial<CraftedSegment>, burst: number][] = [
  ["SYNs to a port nobody listens on", { flags: SYN, ack: 0, to: TO.replace("3000", "3001") }, 1000],
  ["SYN-ACKs of strangers", { flags: SYN | ACK }, 100],
  ["acknowledgments of strangers", { flags: ACK }, 100],
  ["FINs of strangers", { flags: FIN | ACK }, 100],
  ["resets on an open connection", { from: KNOWN, flags: RST }, 100],
  ["FINs on an open connection", { from: KNOWN, flags: FIN | ACK }, 100],
  ["SYNs on an open connection", { from: KNOWN, flags: SYN }, 100],
];
for (const [name, change, allowed] of RATES) {
  Deno.test(`SegmentGate limits ${name} to ${allowed} a second`, () => {
    const side = createSide(1);
    assert.equal(receive(side, segment(change), allowed + 50), allowed);
    assert.deepEqual(side.sink.takeDropped(), { "segment-rate": 50 });
    side.bind.service(500);
    assert.equal(receive(side, segment(change), allowed), allowed / 2);
  });
}

Deno.test("SegmentGate lets the handshake of a known connection pass whatever strangers do", () => {
  const side = createSide(1, 4, { state: CLOSED });
  receive(side, segment({ flags: SYN, ack: 0, to: TO.replace("3000", "3001") }), 2000);
  receive(side, segment({}), 2000);
  assert.equal(receive(side, segment({ from: KNOWN, flags: SYN | ACK }), 10), 10);
  assert.equal(receive(side, segment({ from: KNOWN, flags: RST | ACK }), 10), 10);
});

Deno.test("SegmentGate is silent about resets of strangers", () => {
  const side = createSide(1);
  assert.equal(receive(side, segment({ flags: RST }), 10), 0);
  assert.equal(receive(side, segment({ flags: RST | ACK }), 10), 0);
  assert.deepEqual(side.sink.takeDropped(), { "segment-unknown": 20 });
});

Deno.test("SegmentGate answers a flood of SYNs with cookies, whose acknowledgments pass", () => {
  const side = createSide(1);
  const syn = segment({ flags: SYN, seq: 5000, ack: 0 });
  assert.equal(receive(side, syn, 1500), 1000);
  assert.deepEqual(side.sink.takeDropped(), {});
  const answers = side.queue.written.splice(0);
  assert.equal(answers.length, 500);
  const stranger = createSide(0);
  const answer = readWritten(answers[0], { ...stranger.local, addressV4: addressWord(STRANGER) });
  assert.ok(answer.isIntact);
  assert.deepEqual([answer.flags, answer.ack, answer.mss, answer.window], [SYN | ACK, 5001, 1460, 64240]);

  // Nothing is left for strangers, but a cookie isn't strange.
  receive(side, segment({}), 200);
  side.sink.takeDropped();
  const acknowledgment = segment({ seq: 5001, ack: answer.seq + 1 });
  assert.equal(receive(side, acknowledgment, 3), 3);
  assert.equal(receive(side, segment({ seq: 5001, ack: answer.seq + 0x100 }), 3), 0);
  assert.deepEqual(side.sink.takeDropped(), { "segment-rate": 3 });
});

function addressWord(endpoint: string): number {
  const octets = Uint8Array.from(endpoint.split(":")[0].split("."), Number);
  return new Uint32Array(octets.buffer)[0];
}

/** An ICMP error or question, IPv4 or IPv6, behind an empty virtio header. */
function icmp(family: 4 | 6, type: number, length = 100): Uint8Array<ArrayBuffer> {
  const packet = craftSegment({
    from: ADDRESSES[family][0],
    to: ADDRESSES[family][1],
    payload: new Uint8Array(length),
  });
  packet[VIRTIO_NET_HDR_LEN + (family === 4 ? 9 : 6)] = family === 4 ? 1 : 58;
  packet[VIRTIO_NET_HDR_LEN + (family === 4 ? 20 : 40)] = type;
  return packet;
}

Deno.test("SegmentGate passes ICMP errors whole, 100 a second", () => {
  for (const [family, types] of [[4, [3]], [6, [1, 2]]] as const) {
    const side = createSide(1, family);
    for (const type of types) {
      side.queue.put(icmp(family, type));
      assert.equal(side.bind.receiveBurst(burst), 0);
      assert.deepEqual(side.sink.taken.splice(0), [icmp(family, type).subarray(VIRTIO_NET_HDR_LEN)]);
    }
    assert.equal(receive(side, icmp(family, types[0]), 150), 100 - types.length);
    assert.deepEqual(side.sink.takeDropped(), { "segment-rate": 50 + types.length });
  }
});

Deno.test("SegmentGate drops what is neither TCP nor an ICMP error", () => {
  const side = createSide(1);
  const udp = icmp(4, 3);
  udp[VIRTIO_NET_HDR_LEN + 9] = 17;
  const strange = [icmp(4, 8), icmp(6, 128), icmp(6, 135), icmp(4, 3, SINK_PACKET_MAX), udp];
  for (const packet of strange) assert.equal(receive(side, packet), 0);
  assert.deepEqual(side.sink.takeDropped(), { "segment-foreign": strange.length });
});

Deno.test("SegmentGate counts what the control thread has no room for", () => {
  const side = createSide(1);
  side.sink.hasRoom = false;
  assert.equal(receive(side, segment({ flags: SYN, ack: 0 }), 5), 0);
  assert.deepEqual(side.sink.takeDropped(), { "event-overflow": 5 });
});
