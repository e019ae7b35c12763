import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import { FrameMerger } from "../../src/dataplane/merge.ts";
import { PieceList, splitFrame } from "../../src/dataplane/split.ts";
import { WriteList } from "../../src/dataplane/write_list.ts";
import { assemblePieces, gatherFrames, packFrames, packPlainFrames } from "../dataplane/tap_buffer.ts";
import { makeParts } from "../reference/frame.ts";
import { makeSuperFrame, type Offload, slowSplit, type TapFrame } from "../reference/offload.ts";
import {
  anyOffload,
  applyDamage,
  damage,
  disturb,
  flowSpec,
  fuzzOptions,
  garbage,
  payload,
  startSpec,
} from "./frame_arbitrary.ts";

/** A super-frame that stands for 1 to 64 frames; `flags` of TCP are ACK with PSH and FIN at choice. */
function superFrame(flags: fc.Arbitrary<number>): fc.Arbitrary<TapFrame> {
  return fc.tuple(flowSpec, startSpec, payload, flags, fc.double({ min: 0, max: 1, noNaN: true })).map(
    ([flow, start, octets, chosen, fraction]) => {
      const least = Math.ceil(octets.length / 64);
      const gsoSize = least + Math.floor(fraction * (octets.length - least));
      return makeSuperFrame(makeParts({ ...flow, ...start, flags: chosen, payload: octets }), gsoSize);
    },
  );
}

const dataFlags = fc.constantFrom(0x10, 0x18, 0x11, 0x19);

/** Splits a frame whose surroundings have a given value. Returns the result and the frames. */
function split(tapFrame: TapFrame, filler: number): { result: number; frames: Uint8Array[] } {
  const buffer = packFrames([tapFrame], filler);
  const before = Uint8Array.from(buffer.octets);
  const list = new PieceList(128);
  const [{ at, length }] = buffer.frames;
  const result = splitFrame(buffer.octets, buffer.view, at, length, list);
  assert.deepEqual(buffer.octets, before);
  return { result, frames: assemblePieces(buffer, list) };
}

Deno.test("splitFrame() cuts every super-frame as its slow twin does", () => {
  fc.assert(
    fc.property(superFrame(fc.integer({ min: 0, max: 255 })), (tapFrame) => {
      const { result, frames } = split(tapFrame, 0);
      assert.equal(result, frames.length);
      assert.deepEqual(frames, slowSplit(tapFrame));
    }),
    fuzzOptions(300),
  );
});

Deno.test("FrameMerger puts together again whatever splitFrame() has cut", () => {
  fc.assert(
    fc.property(superFrame(dataFlags), fc.integer({ min: 0, max: 15 }), (tapFrame, padding) => {
      const { frames } = split(tapFrame, 0);
      const buffer = packPlainFrames(frames.map((frame) => Uint8Array.of(...frame, ...new Uint8Array(padding))));
      const list = new WriteList(frames.length);
      const merger = new FrameMerger(buffer.octets, list, { mergeUdp: true });
      for (const { at, length, sum } of buffer.frames) merger.push(at, length, sum);
      merger.flush();
      const output = gatherFrames(buffer, list);
      if (frames.length > 1 && tapFrame.offload.hdrLen <= 246) assert.deepEqual(output, [tapFrame]);
      else assert.equal(output.length, frames.length);
    }),
    fuzzOptions(300),
  );
});

Deno.test("splitFrame() never throws and reads nothing outside, whatever the frame and its virtio header are", () => {
  const anyFrame = fc.oneof(
    fc.record({ offload: anyOffload, frame: garbage }),
    fc.tuple(superFrame(dataFlags), damage).map(([{ offload, frame }, damaged]) => ({
      offload,
      frame: applyDamage(frame, damaged),
    })),
    fc.tuple(
      superFrame(dataFlags),
      fc.constantFrom<keyof Offload>("flags", "gsoType", "hdrLen", "gsoSize", "csumStart", "csumOffset"),
      fc.integer({ min: 0, max: 255 }),
    ).map(([{ offload, frame }, key, value]) => ({ offload: disturb(offload, key, value), frame })),
  );
  fc.assert(
    fc.property(anyFrame, (tapFrame) => {
      // The buffer ends with the frame, so that a read behind it would throw; what lies in front of it must not matter.
      const one = split(tapFrame, 0x00);
      assert.deepEqual(split(tapFrame, 0xff), one);
      if (one.result < 0) {
        assert.ok([-Reason.FRAME_OFFLOAD, -Reason.FRAME_TRUNCATED].includes(one.result));
        assert.equal(one.frames.length, 0);
        return;
      }
      assert.equal(one.result, one.frames.length);
      assert.deepEqual(one.frames, slowSplit(tapFrame));
    }),
    fuzzOptions(600),
  );
});
