import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { EventKind } from "../../src/dataplane/events.ts";
import type { LaneContext } from "../../src/dataplane/lane_context.ts";
import { droppedFor, L2FIB_ENTRIES } from "../../src/dataplane/tables.ts";
import { TapWriter } from "../../src/dataplane/tap_writer.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { l2fibLookup, l2fibPurgeNode } from "../../src/route/l2fib.ts";
import { MemoryTap } from "../../src/tap/memory.ts";
import { slowSum } from "../reference/checksum.ts";
import { makeFrame } from "../reference/frame.ts";
import { createTestContext, takeEvents } from "./test_node.ts";

const SEED = 7;

/** A tap writer over a buffer that a test fills. */
class Bench {
  readonly context: LaneContext = createTestContext();
  readonly tap = new MemoryTap();
  readonly octets = new Uint8Array(1 << 19);
  readonly writer: TapWriter;
  #used = 0;

  constructor(mergeUdp = true) {
    this.writer = new TapWriter(this.context, this.tap, this.octets, SEED, mergeUdp);
  }

  push(frame: Uint8Array, source: number): void {
    this.octets.set(frame, this.#used);
    this.writer.push(this.#used, frame.length, slowSum(frame), source);
    this.#used += frame.length;
  }

  /** The node behind the address 02:00:00:00:00:`last`, or −1. */
  lookUp(last: number): number {
    return l2fibLookup(this.context.tables.l2fib, L2FIB_ENTRIES, SEED, 0x02000000, last);
  }
}

/** A frame that nothing is merged with, from 02:00:00:00:00:`last`. */
function frameFrom(last: number, length = 60): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, index) => index);
  frame.set([2, 0, 0, 0, 0, 99, 2, 0, 0, 0, 0, last, 0x88, 0xb5]);
  return frame;
}

Deno.test("TapWriter writes frames in order, each behind an empty virtio header", () => {
  const bench = new Bench();
  const frames = [frameFrom(1), frameFrom(2, 14), frameFrom(3, 1500), frameFrom(4).slice(0, 13)];
  for (const frame of frames) bench.push(frame, 2);
  assert.equal(bench.tap.written.length, 0);
  bench.writer.flush();
  assert.deepEqual(bench.tap.written.map((written) => written.slice(10)), frames);
  assert.ok(bench.tap.written.every((written) => written.subarray(0, 10).every((octet) => octet === 0)));
  bench.writer.flush();
  assert.equal(bench.tap.written.length, frames.length);
});

Deno.test("TapWriter merges TCP, and UDP where the tap takes it", () => {
  const payload = new Uint8Array(1000).fill(5);
  for (const mergeUdp of [true, false]) {
    const bench = new Bench(mergeUdp);
    for (let index = 0; index < 3; index++) {
      bench.push(makeFrame({ protocol: "tcp", payload, seq: 7 + index * 1000, flags: 0x10, identification: index }), 2);
      bench.push(makeFrame({ protocol: "udp", payload, identification: index }), 2);
    }
    bench.writer.flush();
    assert.equal(bench.tap.written.length, mergeUdp ? 2 : 4);
  }
});

Deno.test("TapWriter learns which node an address lives behind, and follows when it moves", () => {
  const bench = new Bench();
  bench.push(frameFrom(1), 20);
  bench.push(frameFrom(2), 21);
  bench.push(frameFrom(1), 20);
  assert.deepEqual([bench.lookUp(1), bench.lookUp(2), bench.lookUp(3)], [20, 21, -1]);
  bench.push(frameFrom(1), 22);
  assert.equal(bench.lookUp(1), 22);
  bench.push(frameFrom(1), 20);
  assert.equal(bench.lookUp(1), 20);
});

Deno.test("TapWriter learns no group address", () => {
  const bench = new Bench();
  const frame = frameFrom(1);
  frame[6] = 3;
  bench.push(frame, 20);
  assert.ok(bench.context.tables.l2fib.every((word) => word === 0));
});

Deno.test("TapWriter learns again what the control thread has purged, within a second", () => {
  const bench = new Bench();
  bench.push(frameFrom(1), 20);
  l2fibPurgeNode(bench.context.tables.l2fib, L2FIB_ENTRIES, 20);
  bench.context.nowSeconds++;
  bench.push(frameFrom(1), 20);
  assert.equal(bench.lookUp(1), 20);
});

Deno.test("TapWriter gives back the lock of the table", () => {
  const bench = new Bench();
  for (let last = 0; last < 200; last++) bench.push(frameFrom(last), 20);
  assert.equal(bench.context.tables.settings[1], 0);
});

Deno.test("TapWriter writes what it has when a burst is longer than its list", () => {
  const bench = new Bench();
  for (let count = 0; count < 2500; count++) bench.push(frameFrom(count & 0xff, 20 + count % 5), 20);
  bench.writer.flush();
  assert.equal(bench.tap.written.length, 2500);
  bench.tap.written.forEach((written, count) => assert.equal(written[10 + 11], count & 0xff));
});

const FAILURES: [errno: number, reason: number, isReported: boolean][] = [
  [Errno.EAGAIN, Reason.SEND_NO_BUFFERS, false],
  [Errno.ENOBUFS, Reason.SEND_NO_BUFFERS, false],
  [Errno.EIO, Reason.TAP_WRITE, false],
  [Errno.EINVAL, Reason.TAP_WRITE, false],
  [Errno.EBADFD, Reason.TAP_WRITE, true],
];
for (const [errno, reason, isReported] of FAILURES) {
  Deno.test(`TapWriter counts frames that the tap refuses with error ${errno}`, () => {
    const bench = new Bench();
    bench.tap.refuse = (frame) => frame[10 + 11] === 2 ? errno : 0;
    for (const last of [1, 2, 3]) bench.push(frameFrom(last), 20);
    bench.writer.flush();
    assert.deepEqual(bench.tap.written.map((written) => written[10 + 11]), [1, 3]);
    assert.equal(droppedFor(bench.context.tables, reason), 1);
    const events = takeEvents(bench.context).map(({ kind, peerRow, number }) => [kind, peerRow, number]);
    assert.deepEqual(events, isReported ? [[EventKind.LANE_FAILED, 0, Errno.EBADFD]] : []);
  });
}
