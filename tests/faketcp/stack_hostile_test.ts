import { strict as assert } from "node:assert";
import fc from "fast-check";
import { writeEndpoint } from "../../src/base/endpoint.ts";
import { seededRandom } from "../../src/base/random.ts";
import { ConnectionState, REMOTE_WORDS } from "../../src/faketcp/connection_table.ts";
import { LINUX } from "../../src/faketcp/fingerprint.ts";
import {
  completeChecksum,
  createLocalHost,
  SEGMENT_HEADER_MAX,
  writeReset,
  writeSegment,
  writeSyn,
} from "../../src/faketcp/packet.ts";
import { REPLY_MAX } from "../../src/faketcp/reply_queue.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { connect, exchange, PORT, readSegment, SoftHost } from "./soft_host.ts";

const { FIN, SYN, RST, ACK } = TcpFlag;

/** A tuple as the attacked host's peer has it. */
function tupleTo(host: SoftHost, localPort: number): Uint32Array {
  const tuple = new Uint32Array(12);
  writeEndpoint(tuple, 0, host.address, PORT);
  const words = tuple.slice(0, REMOTE_WORDS);
  words[REMOTE_WORDS - 1] = localPort;
  return words;
}

/** Writes SYNs of made-up senders. */
function spoofedSyn(target: SoftHost, number: number): Uint8Array {
  const sender = createLocalHost(
    Uint8Array.of(10, (number >> 16) & 255, (number >> 8) & 255, number & 255),
    undefined,
    64,
  );
  const view = new DataView(new ArrayBuffer(100));
  const tuple = tupleTo(target, 1024 + number % 60_000);
  const { synOptions } = LINUX;
  const length = writeSyn(view, 0, tuple, 0, sender, 1, SYN, number * 7919, 0, 64240, synOptions, 1460, 7, 1, 0);
  completeChecksum(view, 0, length);
  return new Uint8Array(view.buffer, 0, length);
}

Deno.test("a million forged RSTs and FINs, random and in window, leave a connection open and memory as it was", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  const random = seededRandom(3);
  const packet = new Uint8Array(SEGMENT_HEADER_MAX);
  const view = new DataView(packet.buffer);
  const tuple = tupleTo(b, a.table.remote[rowA * REMOTE_WORDS + REMOTE_WORDS - 1]);
  const rcvNxt = b.table.rcvNxt[rowB];
  let answers = 0;
  for (let count = 0; count < 1_000_000; count++) {
    const seq = ((count & 1) === 0 ? random.uint32() : rcvNxt + (count % 5000)) >>> 0;
    const ack = b.table.sndNxt[rowB];
    const nowMs = count / 1000;
    let length = packet.length;
    if ((count & 2) === 0) {
      writeReset(view, 0, tuple, 0, a.local, RST | (count & 4 ? ACK : 0), seq, ack);
    } else {
      // As somebody forges them who reads the flow.
      length = writeSegment(view, 0, a.table, rowA, a.local, FIN | ACK, seq, ack, nowMs, 0, 1);
    }
    b.stack.handlePacket(packet, length, nowMs);
    if ((count & 1023) === 0) answers += b.transmit().length;
  }
  assert.equal(b.table.state[rowB], ConnectionState.OPEN);
  assert.ok(answers <= 3, `${answers} answers`);
  b.transmit();
  const names = b.eventNames();
  assert.deepEqual([...new Set(names)].sort(), ["doubted: FIN", "doubted: RST", "opened"]);
  assert.ok(names.length <= 5, `${names.length} events`);
  b.receive(a.segment(rowA, Uint8Array.of(1), 2000), 2000);
  assert.deepEqual(b.received, [Uint8Array.of(1)]);
});

Deno.test("a flood of SYNs takes no more than the half-open limit; others connect by cookies, old connections live on", () => {
  const halfOpenMax = 16;
  const a = new SoftHost(1);
  const c = new SoftHost(3);
  const b = new SoftHost(2, { halfOpenMax, capacity: 64 });
  const [rowA, rowB] = connect(a, b, 0);
  for (let count = 0; count < 20_000; count++) {
    b.receive(spoofedSyn(b, count), count / 100);
    if (count % 50 === 0) assert.ok(b.transmit().length <= halfOpenMax + REPLY_MAX);
  }
  b.transmit();
  assert.equal(b.table.state.filter((state) => state === ConnectionState.HALF_OPEN).length, halfOpenMax);

  const row = c.stack.dial(b.endpoint(), 200);
  exchange(c, b, 200);
  assert.deepEqual(c.eventNames(), ["opened"]);
  assert.equal(b.openCount(), 2);
  assert.equal(c.table.flags[row], 0, "a cookie remembers no options");
  assert.equal(c.table.maxDatagramLen[row], 1460);
  const rowC = b.events.findLast((event) => event.kind === "opened")!.row;
  assert.equal(b.table.rcvNxt[rowC], c.table.sndNxt[row]);
  c.receive(b.segment(rowC, Uint8Array.of(5), 201), 201);
  b.receive(c.segment(row, Uint8Array.of(6), 201), 201);
  b.receive(a.segment(rowA, Uint8Array.of(7), 201), 201);
  assert.deepEqual(c.received, [Uint8Array.of(5)]);
  assert.deepEqual(b.received, [Uint8Array.of(6), Uint8Array.of(7)]);
  assert.equal(b.table.state[rowB], ConnectionState.OPEN);
});

Deno.test("connections that others opened leave a quarter of the rows to our own", () => {
  const b = new SoftHost(2, { capacity: 16, halfOpenMax: 1000 });
  for (let count = 0; count < 100; count++) b.receive(spoofedSyn(b, count), 0);
  let dialled = 0;
  while (b.stack.dial(new SoftHost(9).endpoint(), 0) >= 0) dialled++;
  assert.equal(dialled, 4);
});

Deno.test("a segment with wrong checksum, a fragment, and SYN+FIN get no answer", () => {
  const b = new SoftHost(2);
  const good = spoofedSyn(b, 1);
  const variants = [[36, 0xff], [6, 0x20], [33, SYN | FIN], [33, SYN | RST], [33, 0], [0, 0x46]];
  for (const [at, octet] of variants) {
    const bad = good.slice();
    bad[at] = octet;
    b.receive(bad, 0);
    assert.deepEqual(b.transmit(), [], `octet ${at}`);
  }
  b.receive(good, 0);
  assert.equal(b.transmit().length, 1);
});

Deno.test("whatever segments arrive in whatever order, nothing throws and the table stays in order", () => {
  const kinds = fc.constantFrom(SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK);
  /** Numbers near the ones that matter, or anywhere. */
  const offset = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -70_000, max: 70_000 }), fc.integer());
  const step = fc.oneof(
    fc.record({ do: fc.constant("segment"), flags: kinds, seq: offset, ack: offset, length: fc.nat(20) }),
    fc.record({ do: fc.constantFrom("dial", "close", "abort", "wait", "long wait", "own SYN") }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const peer = new SoftHost(1);
      const host = new SoftHost(2, { capacity: 8, dialPorts: [PORT, PORT] });
      let nowMs = 0;
      let row = host.stack.dial(peer.endpoint(), nowMs);
      for (const one of steps) {
        nowMs += 37;
        if (one.do === "segment") {
          host.receive(craft(peer, host, one as CraftedSegment), nowMs);
        } else if (one.do === "own SYN") {
          peer.stack.dial(host.endpoint(), nowMs);
          for (const packet of peer.transmit()) host.receive(packet, nowMs);
        } else if (one.do === "dial") {
          row = Math.max(host.stack.dial(peer.endpoint(), nowMs), row);
        } else if (one.do === "close") {
          host.stack.close(row, nowMs);
        } else if (one.do === "abort") {
          host.stack.abort(row, nowMs);
        } else {
          nowMs += one.do === "wait" ? 1000 : 70_000;
          host.handleTimeout(nowMs);
        }
        for (const packet of host.transmit()) readSegment(packet, peer.local);
        checkOrder(host);
      }
      host.stack.abort(row, nowMs);
      for (let round = 0; round < 20; round++) {
        nowMs += 64_000;
        for (let other = 0; other < 8; other++) host.stack.close(other, nowMs);
        host.handleTimeout(nowMs);
        host.transmit();
      }
      assert.equal(host.stack.pollTimeout(), Infinity, "everything comes to an end");
      assert.ok(host.table.bucket.every((first) => first === -1), "no row stays in a chain");
    }),
    { numRuns: 300 },
  );
});

interface CraftedSegment {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly length: number;
}

/** Makes a segment of `peer` whose numbers lie at a distance from what `host` expects in its first row. */
function craft(peer: SoftHost, host: SoftHost, { flags, seq, ack, length }: CraftedSegment): Uint8Array {
  const packet = new Uint8Array(40 + length);
  const view = new DataView(packet.buffer);
  const { rcvNxt, sndNxt } = host.table;
  const ports = tupleTo(host, PORT);
  writeReset(view, 0, ports, 0, peer.local, flags, (rcvNxt[0] + seq) >>> 0, (sndNxt[0] + ack) >>> 0);
  view.setUint16(2, packet.length);
  const ipSum = (~view.getUint16(10) & 0xffff) + length;
  view.setUint16(10, ~((ipSum & 0xffff) + (ipSum >>> 16)) & 0xffff);
  const tcpSum = view.getUint16(36) + length;
  view.setUint16(36, (tcpSum & 0xffff) + (tcpSum >>> 16));
  completeChecksum(view, 0, packet.length);
  return packet;
}

/** Every linked row is found once, and every row that may carry datagrams is linked. */
function checkOrder(host: SoftHost): void {
  const { table } = host;
  const linked = new Set<number>();
  for (const first of table.bucket) {
    for (let row = first; row !== -1; row = table.next[row]) {
      assert.ok(!linked.has(row), "a chain runs in a circle");
      linked.add(row);
    }
  }
  for (let row = 0; row < table.capacity; row++) {
    if (table.state[row] !== ConnectionState.CLOSED) assert.ok(linked.has(row), "an open row can't be found");
  }
}
