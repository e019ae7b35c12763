import { strict as assert } from "node:assert";
import fc from "fast-check";
import { ENDPOINT_CONNECTION, ENDPOINT_WORDS, sameEndpoint } from "../../src/base/endpoint.ts";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { ACCEPTANCE_WINDOW } from "../../src/faketcp/acceptance.ts";
import { RECEIVED_AT, RECEIVED_ENDPOINT } from "../../src/ffi/symbols.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import {
  ADDRESSES,
  CLOSED,
  completeOffload,
  createPair,
  createSide,
  deliver,
  HALF_OPEN,
  sendRun,
  type Side,
  TIMESTAMPS,
  WINDOW_SCALE,
} from "./connection.ts";
import { type CraftedSegment, craftSegment } from "./crafted_segment.ts";

const burst = createDatagramBurst();
const [FROM, TO] = ADDRESSES[4];
/** What fits the connection of {@linkcode createSide}(1) at time 0; the timestamp of ours that it echoes was sent then. */
const FITTING = { from: FROM, to: TO, seq: 1001, ack: 2001, tsVal: 0x80000005, tsEcr: 0x80000000 };
const PAYLOAD = Uint8Array.from({ length: 999 }, (_, index) => index * 3);

/** The receiving side of a connection. */
function createReceiver(options = {}): Side {
  return createSide(1, 4, { iss: 2000, irs: 1000, ...options });
}

function receive(side: Side, ...packets: Uint8Array[]): number {
  for (const packet of packets) side.queue.put(packet);
  return side.bind.receiveBurst(burst);
}

/** The columns that a segment may move. */
function columnsOf({ table }: Side): number[] {
  return [table.rcvNxt[0], table.sndUna[0], table.sndWnd[0], table.tsRecent[0], table.lastReceivedMs[0]];
}

for (const family of [4, 6] as const) {
  Deno.test(`receiveBurst() reports a super-segment as one message over IPv${family}, with where it lies`, () => {
    const [sender, receiver] = createPair(family);
    const octets = Uint8Array.from({ length: 4300 }, (_, index) => index * 7);
    sendRun(sender, 4300, 1000, octets);
    sendRun(sender, 700, 0, octets);
    deliver(sender, receiver);
    receiver.bind.service(7);
    assert.equal(receiver.bind.receiveBurst(burst), 2);
    const [length, segment, truncated, at] = burst.received;
    assert.deepEqual([length, segment, truncated], [4300, 1000, 0]);
    assert.deepEqual(burst.octets.slice(at, at + length), octets);
    assert.deepEqual([...burst.received.slice(16, 18)], [700, 700]);
    assert.ok(sameEndpoint(burst.received, RECEIVED_ENDPOINT, receiver.peer, 0));
    assert.equal(receiver.table.rcvNxt[0], 1001 + 5000);
    assert.equal(receiver.table.lastReceivedMs[0], 7);
    assert.deepEqual(receiver.sink.takeDropped(), {});
  });
}

Deno.test("receiveBurst() lets an IP header begin at a multiple of four", () => {
  const [sender, receiver] = createPair(4, { flags: WINDOW_SCALE });
  for (const length of [1, 2, 3, 5]) sendRun(sender, length);
  deliver(sender, receiver);
  assert.equal(receiver.bind.receiveBurst(burst), 4);
  for (let word = 0; word < 64; word += 16) assert.equal(burst.received[word + RECEIVED_AT] % 4, 0);
});

Deno.test("receiveBurst() notes acknowledgment, window and timestamp, and when they moved", () => {
  const side = createReceiver();
  side.table.sndNxt[0] = 9001;
  side.bind.service(50);
  const ack = { ...FITTING, ack: 5001, window: 1000, tsVal: 0x80000010 };
  assert.equal(receive(side, craftSegment(ack)), 0);
  assert.deepEqual(columnsOf(side), [1001, 5001, 1000 << 7, 0x80000010, 50]);
  assert.equal(side.table.lastAckedMs[0], 50);
  // What was overtaken moves nothing back.
  side.bind.service(60);
  assert.equal(receive(side, craftSegment({ ...ack, ack: 4001, window: 7, tsVal: 0x8000000f })), 0);
  assert.deepEqual(columnsOf(side), [1001, 5001, 1000 << 7, 0x80000010, 60]);
  assert.equal(side.table.lastAckedMs[0], 50);
});

Deno.test("receiveBurst() takes data that is late, swapped, doubled or behind a gap, and never steps back", () => {
  const side = createReceiver();
  for (const seq of [1001, 1001, 50_001, 30_001, 1001 + ACCEPTANCE_WINDOW, 50_001]) {
    const before = side.table.rcvNxt[0];
    assert.equal(receive(side, craftSegment({ ...FITTING, seq, payload: PAYLOAD })), 1, `${seq}`);
    assert.equal(side.table.rcvNxt[0], Math.max(before, seq + PAYLOAD.length));
  }
});

const UNACCEPTABLE: [name: string, change: Partial<CraftedSegment>][] = [
  ["far before what is expected", { seq: 1001 - ACCEPTANCE_WINDOW - 1 }],
  ["that ends beyond the window", { seq: 1001 + ACCEPTANCE_WINDOW - PAYLOAD.length + 1 }],
  ["that acknowledges what was never sent", { ack: 2002 }],
  ["that acknowledges what is long gone", { ack: 2001 - 2 * ACCEPTANCE_WINDOW - 1 }],
  ["without timestamps", { tsVal: undefined }],
  ["with an old timestamp", { tsVal: 0x80000000 - 60_001 }],
  ["that echoes a timestamp of the future", { tsEcr: 0x80000000 + 5_001 }],
  ["that echoes a timestamp of an hour ago", { tsEcr: 0x80000000 - 3_600_001 }],
];
for (const [name, change] of UNACCEPTABLE) {
  Deno.test(`receiveBurst() refuses a segment ${name}, and moves nothing`, () => {
    for (const payload of [PAYLOAD, PAYLOAD.subarray(0, 0)]) {
      const side = createReceiver();
      // Without data the edge of the window is as far as the window itself.
      if (payload.length === 0 && name.includes("beyond")) continue;
      const before = columnsOf(side);
      assert.equal(receive(side, craftSegment({ ...FITTING, payload, ...change })), 0);
      assert.deepEqual(columnsOf(side), before);
      assert.deepEqual(side.sink.takeDropped(), { "segment-unacceptable": 1 });
      assert.deepEqual(side.sink.taken, []);
    }
  });
}

Deno.test("receiveBurst() asks for no timestamps where they weren't negotiated", () => {
  const side = createReceiver({ flags: WINDOW_SCALE });
  const packets = [undefined, 5].map((tsVal, index) =>
    craftSegment({ ...FITTING, seq: 1001 + index, payload: PAYLOAD, tsVal })
  );
  assert.equal(receive(side, ...packets), 2);
});

Deno.test("receiveBurst() drops a segment whose checksum is wrong, wherever it would go", () => {
  for (const flags of [TcpFlag.ACK, TcpFlag.SYN, TcpFlag.RST]) {
    const side = createReceiver();
    const packet = craftSegment({ ...FITTING, flags, payload: PAYLOAD });
    packet[packet.length - 1] ^= 1;
    assert.equal(receive(side, packet), 0);
    assert.deepEqual(side.sink.takeDropped(), { "segment-checksum": 1 });
    assert.deepEqual(side.sink.taken, []);
  }
  // What the kernel has looked at, or has still to compute, isn't looked at again.
  for (const flags of [1, 2]) {
    const packet = craftSegment({ ...FITTING, payload: PAYLOAD });
    packet[packet.length - 1] ^= 1;
    packet[0] = flags;
    assert.equal(receive(createReceiver(), packet), 1);
  }
});

Deno.test("receiveBurst() reads no further than the IP header says", () => {
  const packet = craftSegment({ ...FITTING, payload: PAYLOAD });
  const padded = new Uint8Array(packet.length + 6).fill(0xee);
  padded.set(packet);
  assert.equal(receive(createReceiver(), padded), 1);
  assert.equal(burst.received[0], PAYLOAD.length);
});

Deno.test("receiveBurst() takes data that comes with the acknowledgment of our SYN, and shows it to the control thread", () => {
  const side = createReceiver({ state: HALF_OPEN });
  side.table.sndUna[0] = 2000;
  const packet = craftSegment({ ...FITTING, payload: PAYLOAD });
  assert.equal(receive(side, packet), 1);
  assert.deepEqual(side.sink.taken, [packet.subarray(VIRTIO_NET_HDR_LEN)]);
  assert.equal(burst.received[RECEIVED_ENDPOINT + ENDPOINT_CONNECTION], 1);
  assert.equal(side.table.rcvNxt[0], 1001 + PAYLOAD.length);
  assert.equal(side.table.state[0], HALF_OPEN);
});

Deno.test("receiveBurst() takes no data on a half-open connection with another acknowledgment", () => {
  for (const ack of [2000, 2002, 7]) {
    const side = createReceiver({ state: HALF_OPEN });
    assert.equal(receive(side, craftSegment({ ...FITTING, ack, payload: PAYLOAD })), 0);
    assert.equal(side.sink.taken.length, 1);
    assert.equal(side.table.rcvNxt[0], 1001);
  }
});

Deno.test("receiveBurst() leaves SYN, FIN, RST and closed connections to the control thread", () => {
  const { SYN, FIN, RST, ACK } = TcpFlag;
  for (const flags of [SYN, SYN | ACK, FIN | ACK, RST, RST | ACK]) {
    const side = createReceiver();
    const before = columnsOf(side);
    assert.equal(receive(side, craftSegment({ ...FITTING, flags, payload: PAYLOAD })), 0);
    assert.equal(side.sink.taken.length, 1);
    assert.deepEqual(columnsOf(side), before);
  }
  const side = createReceiver({ state: CLOSED });
  assert.equal(receive(side, craftSegment({ ...FITTING, payload: PAYLOAD })), 0);
  assert.equal(side.sink.taken.length, 1);
});

Deno.test("receiveBurst() keeps two connections of one remote apart", () => {
  const [sender, receiver] = createPair();
  const other = craftSegment({ ...FITTING, to: TO.replace(":3000", ":3001"), payload: PAYLOAD });
  sendRun(sender, 10);
  receiver.queue.put(other);
  deliver(sender, receiver);
  assert.equal(receiver.bind.receiveBurst(burst), 1);
  assert.equal(receiver.sink.taken.length, 1);
});

Deno.test("receiveBurst() survives any packet, and lets none that isn't acceptable move a connection", () => {
  const mutation = fc.record({ at: fc.nat(70), value: fc.nat(255) });
  const property = fc.property(
    fc.constantFrom(4 as const, 6 as const),
    fc.array(mutation, { minLength: 1, maxLength: 6 }),
    fc.nat(120),
    fc.boolean(),
    (family, mutations, cut, isVerified) => {
      const side = createSide(1, family, { iss: 2000, irs: 1000 });
      const [from, to] = ADDRESSES[family];
      const whole = craftSegment({ ...FITTING, from, to, payload: PAYLOAD.subarray(0, 60) });
      for (const { at, value } of mutations) whole[VIRTIO_NET_HDR_LEN + at] ^= value;
      if (isVerified) whole[0] = 2;
      const messages = receive(side, whole.slice(0, Math.max(whole.length - cut, VIRTIO_NET_HDR_LEN)));
      assert.ok(messages === 0 || messages === 1);
      const { table } = side;
      const moved = (table.rcvNxt[0] - 1001) | 0;
      assert.ok(moved >= 0 && moved <= ACCEPTANCE_WINDOW);
      assert.equal(table.sndUna[0], 2001);
      const [length, segment, , at] = burst.received;
      if (messages === 1) assert.ok(length > 0 && segment <= length && at + length <= burst.octets.length);
    },
  );
  fc.assert(property, { numRuns: 600 });
});

Deno.test("a million forged segments move nothing but what a window's guess allows", () => {
  const side = createReceiver({ flags: TIMESTAMPS | WINDOW_SCALE });
  const packet = craftSegment({ ...FITTING, payload: PAYLOAD.subarray(0, 30) });
  packet[0] = 2;
  const view = new DataView(packet.buffer);
  let state = 12345;
  const random = () => state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  const forged = 1_000_000;
  let messages = 0;
  for (let count = 0; count < forged; count += 32) {
    for (let index = 0; index < 32; index++) {
      view.setUint32(34, random());
      view.setUint32(38, random());
      view.setUint32(52, random());
      view.setUint32(56, random());
      side.queue.put(packet.slice());
    }
    messages += Math.max(side.bind.receiveBurst(burst), 0);
  }
  assert.equal(messages, 0);
  assert.equal(side.table.rcvNxt[0], 1001);
});

Deno.test("receiveBurst() reads what a network card has finished like what it has not", () => {
  const [sender, receiver] = createPair(6);
  sendRun(sender, 1000, 0, PAYLOAD.length === 999 ? new Uint8Array(1000).fill(9) : PAYLOAD);
  const [packet] = sender.queue.written.splice(0);
  completeOffload(packet);
  packet.fill(0, 0, VIRTIO_NET_HDR_LEN);
  assert.equal(receive(receiver, packet), 1);
  assert.equal(burst.received.slice(0, ENDPOINT_WORDS)[0], 1000);
});
