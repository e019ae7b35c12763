/**
 * What every tap does; each implementation's tests run it.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { Errno } from "../../src/ffi/errno.ts";
import { createFrameBurst, FRAME_BURST_MAX, FRAME_HEADROOM, type TapDevice } from "../../src/tap/device.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";

/** A tap, and somebody on the other side of its interface. */
export interface JoinedTap extends Disposable {
  readonly tap: TapDevice;
  /** Sends frames, each without a virtio header, which can be read from the tap when this returns. */
  send(frames: readonly Uint8Array[]): void;
  /** Takes the next `count` frames that were written to the tap, without virtio headers. */
  take(count: number): Uint8Array[];
}

/** EtherType for local experiments (IEEE 802): tells our frames from those that a kernel sends by itself. */
const TEST_ETHER_TYPE = 0x88b5;
const NO_FRAMES = -Errno.EAGAIN;

/** Makes a broadcast frame that no other call makes. */
export function makeTestFrame(length: number, seed: number): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, index) => index * 7 + seed);
  frame.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 1, seed & 0xff, TEST_ETHER_TYPE >> 8, TEST_ETHER_TYPE & 0xff]);
  return frame;
}

/** Tells whether {@linkcode makeTestFrame} made a frame. */
export function isTestFrame(frame: Uint8Array): boolean {
  return frame.length >= 14 && ((frame[12] << 8) | frame[13]) === TEST_ETHER_TYPE;
}

/** Reads until the tap has nothing more; checks how the frames lie, and returns ours without virtio headers. */
export function readFrames(tap: TapDevice): Uint8Array[] {
  const burst = createFrameBurst();
  const frames: Uint8Array[] = [];
  for (let count = tap.readBurst(burst); count !== NO_FRAMES; count = tap.readBurst(burst)) {
    assert.ok(count > 0 && count <= FRAME_BURST_MAX, `readBurst() gave ${count}`);
    let free = 0;
    for (let index = 0; index < count; index++) {
      const [at, length] = burst.frames.subarray(index * 2, index * 2 + 2);
      const start = at - VIRTIO_NET_HDR_LEN - FRAME_HEADROOM;
      assert.ok(start >= free && start % 16 === 0 && at + length <= burst.octets.length);
      free = at + length;
      frames.push(burst.octets.slice(at, at + length));
    }
  }
  return frames.filter(isTestFrame);
}

/** Writes frames whole, each behind an empty virtio header; returns the results. */
function write(tap: TapDevice, frames: readonly Uint8Array[]): number[] {
  const body = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  const rows: number[] = [];
  const pieces: number[] = [];
  let at = 0;
  frames.forEach((frame, index) => {
    body.set(frame, at);
    rows.push(0, VIRTIO_NET_HDR_LEN, index, 1);
    pieces.push(at, frame.length);
    at += frame.length;
  });
  const results = new Int32Array(frames.length);
  const heads = new Uint8Array(VIRTIO_NET_HDR_LEN);
  const words = [Uint32Array.from(rows), Uint32Array.from(pieces)];
  const written = tap.writeBurst(heads, body, words[0], words[1], frames.length, results);
  assert.equal(written, results.filter((result) => result >= 0).length);
  return [...results];
}

/**
 * Registers the tests of the contract for one implementation.
 *
 * @param join Makes a tap with somebody on the other side.
 */
export function testTapContract(name: string, join: () => JoinedTap): void {
  Deno.test(`${name}.readBurst() answers -EAGAIN when nothing waits`, () => {
    using joined = join();
    // A kernel has something to say itself now and then, such as which multicast groups it is in.
    let answer = 0;
    for (let tries = 0; tries < 100 && answer >= 0; tries++) answer = joined.tap.readBurst(createFrameBurst());
    assert.equal(answer, NO_FRAMES);
  });

  Deno.test(`${name}.readBurst() reads frames of any length, in order`, () => {
    using joined = join();
    const frames = [60, 61, 1514, 14, 1000].map((length, index) => makeTestFrame(length, index));
    joined.send(frames);
    assert.deepEqual(readFrames(joined.tap), frames);
  });

  Deno.test(`${name}.readBurst() leaves what exceeds a burst to the next`, () => {
    using joined = join();
    const frames = Array.from({ length: 2 * FRAME_BURST_MAX + 5 }, (_, index) => makeTestFrame(100 + index, index));
    joined.send(frames);
    assert.deepEqual(readFrames(joined.tap), frames);
  });

  Deno.test(`${name}.writeBurst() writes frames of any length, in order, and reports their octets`, () => {
    using joined = join();
    const frames = [60, 61, 1514, 14, 1000].map((length, index) => makeTestFrame(length, index));
    assert.deepEqual(write(joined.tap, frames), frames.map((frame) => VIRTIO_NET_HDR_LEN + frame.length));
    assert.deepEqual(joined.take(frames.length), frames);
  });

  Deno.test(`${name}.writeBurst() gathers a frame from a head and pieces in any order`, () => {
    using joined = join();
    const heads = new Uint8Array(100);
    heads.set(makeTestFrame(14, 3), 30);
    const body = Uint8Array.from({ length: 300 }, (_, index) => index);
    const results = new Int32Array(1);
    const frames = Uint32Array.of(20, VIRTIO_NET_HDR_LEN + 14, 1, 3);
    const pieces = Uint32Array.of(0, 0, 200, 50, 10, 7, 100, 30);
    assert.equal(joined.tap.writeBurst(heads, body, frames, pieces, 1, results), 1);
    assert.equal(results[0], VIRTIO_NET_HDR_LEN + 14 + 87);
    const expected = [...makeTestFrame(14, 3), ...body.slice(200, 250), ...body.slice(10, 17), ...body.slice(100, 130)];
    assert.deepEqual(joined.take(1), [Uint8Array.from(expected)]);
  });

  Deno.test(`${name}.writeBurst() writes nothing when told so`, () => {
    using joined = join();
    assert.deepEqual(write(joined.tap, []), []);
  });
}
