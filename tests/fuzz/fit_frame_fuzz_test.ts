import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import { FrameFitter } from "../../src/dataplane/fit_frame.ts";
import { PieceList } from "../../src/dataplane/split.ts";
import { ANSWER_FRAME_AT } from "../../src/dataplane/too_big.ts";
import { assemblePieces, packFrames } from "../dataplane/tap_buffer.ts";
import { concat, slowChecksum } from "../reference/checksum.ts";
import { type Fragment, joinFragments, readFragment } from "../reference/fragments.ts";
import { makeParts, pseudoHeader, takeApart } from "../reference/frame.ts";
import { makeSuperFrame, NO_OFFLOAD, type Offload, slowSplit, type TapFrame } from "../reference/offload.ts";
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

const IDENTIFICATION = 0x01020304;

/** A limit that leaves room for payload behind the longest headers that the generators make. */
const limit = fc.integer({ min: 400, max: 3000 });
const dataFlags = fc.constantFrom(0x10, 0x18, 0x11, 0x19);

/** An ordinary frame of the local host, its checksum open. */
const openFrame: fc.Arbitrary<TapFrame> = fc.tuple(flowSpec, startSpec, payload, dataFlags).map(
  ([flow, start, octets, flags]) => {
    const spec = { ...flow, ...start, flags, payload: octets };
    const { offload, frame } = makeSuperFrame(makeParts(spec), 1);
    return { offload: { ...offload, gsoType: 0, gsoSize: 0, hdrLen: 0 }, frame };
  },
);

/** The same with its checksum, as it comes from elsewhere. */
const completeFrame: fc.Arbitrary<TapFrame> = openFrame.map((tapFrame) => {
  return { offload: NO_OFFLOAD, frame: slowSplit(tapFrame)[0] };
});

/** A super-frame of at most 64 segments. */
const superFrame: fc.Arbitrary<TapFrame> = fc.tuple(flowSpec, startSpec, payload, dataFlags, limit).map(
  ([flow, start, octets, flags, size]) => {
    const gsoSize = Math.max(size, Math.ceil(octets.length / 64));
    return makeSuperFrame(makeParts({ ...flow, ...start, flags, payload: octets }), gsoSize);
  },
);

interface Fitted {
  readonly result: number;
  readonly frames: Uint8Array[];
  readonly answer: Uint8Array;
}

/** Fits one frame in a buffer that ends with it; what lies in front of it has a given value. */
function fit(tapFrame: TapFrame, maxFrameLen: number, filler = 0): Fitted {
  const buffer = packFrames([tapFrame], filler);
  const fitter = new FrameFitter(IDENTIFICATION - 1);
  const list = new PieceList(1024);
  const [{ at, length }] = buffer.frames;
  const result = fitter.fitTapFrame(buffer.octets, buffer.view, at, length, maxFrameLen, list);
  const { octets, length: answerLen } = fitter.answer;
  return {
    result,
    frames: assemblePieces(buffer, list),
    answer: octets.slice(ANSWER_FRAME_AT, ANSWER_FRAME_AT + answerLen),
  };
}

function fitPlain(frame: Uint8Array, maxFrameLen: number): Fitted {
  const octets = Uint8Array.from(frame);
  const view = new DataView(octets.buffer);
  const fitter = new FrameFitter(IDENTIFICATION - 1);
  const list = new PieceList(1024);
  const result = fitter.fitPlainFrame(octets, view, 0, frame.length, maxFrameLen, list);
  const { octets: answer, length } = fitter.answer;
  return {
    result,
    frames: assemblePieces({ octets, view, frames: [] }, list),
    answer: answer.slice(ANSWER_FRAME_AT, ANSWER_FRAME_AT + length),
  };
}

/** Returns what fragments of a packet must join to; an IPv6 packet gets its identification only when it is cut. */
function wholeOf(frame: Uint8Array): Fragment {
  const whole = readFragment(frame);
  return whole.repeated[0] >> 4 === 6 ? { ...whole, identification: IDENTIFICATION } : whole;
}

/** Checks that an answer has right checksums, tells a length that helps, and quotes the frame. */
function assertAnswers(answer: Uint8Array, frame: Uint8Array, maxFrameLen: number): void {
  const { ethernet, repeated, options, protocol, data } = readFragment(answer);
  const network = ethernet.length;
  assert.deepEqual(ethernet, concat(frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12, network)));
  const isIpv4 = repeated[0] >> 4 === 4;
  const pseudo = isIpv4 ? new Uint8Array() : pseudoHeader(repeated, 58, data.length);
  assert.equal(slowChecksum(pseudo, data), 0);
  assert.deepEqual([protocol, data[0], data[1]], isIpv4 ? [1, 3, 4] : [58, 2, 0]);
  assert.equal(options.length, 0);
  const mtu = new DataView(data.buffer).getUint32(4);
  assert.equal(mtu, isIpv4 ? maxFrameLen - network : Math.max(1280, maxFrameLen - network));
  assert.deepEqual(data.subarray(8), frame.subarray(network, network + data.length - 8));
}

/** Checks what became of an ordinary frame whose checksum is complete by now. */
function assertFitted({ result, frames, answer }: Fitted, frame: Uint8Array, maxFrameLen: number): void {
  for (const { length } of frames) assert.ok(length <= maxFrameLen);
  if (result < 0) {
    assert.equal(result, -Reason.PATH_OVERSIZED);
    assert.ok(frame.length > maxFrameLen);
    assert.equal(frames.length, 0);
    return assertAnswers(answer, frame, maxFrameLen);
  }
  assert.equal(result, frames.length);
  assert.equal(answer.length, 0);
  if (frame.length <= maxFrameLen) return assert.deepEqual(frames, [frame]);
  assert.ok(frames.length > 1);
  assert.deepEqual(joinFragments(frames), wholeOf(frame));
}

Deno.test("FrameFitter fragments or answers every frame that comes complete and is too long", () => {
  fc.assert(
    fc.property(completeFrame, limit, (tapFrame, maxFrameLen) => {
      assertFitted(fit(tapFrame, maxFrameLen), tapFrame.frame, maxFrameLen);
      assertFitted(fitPlain(tapFrame.frame, maxFrameLen), tapFrame.frame, maxFrameLen);
    }),
    fuzzOptions(400),
  );
});

Deno.test("FrameFitter cuts TCP of the local host to what the path carries, and treats the rest as if it were complete", () => {
  fc.assert(
    fc.property(openFrame, limit, (tapFrame, maxFrameLen) => {
      const fitted = fit(tapFrame, maxFrameLen);
      const [frame] = slowSplit(tapFrame);
      const { protocol, payload: octets } = takeApart(frame)!;
      if (protocol !== 6 || frame.length <= maxFrameLen) return assertFitted(fitted, frame, maxFrameLen);
      const headerLen = frame.length - octets.length;
      assert.deepEqual(fitted.frames, slowSplit(makeSuperFrame(takeApart(frame)!, maxFrameLen - headerLen)));
    }),
    fuzzOptions(300),
  );
});

Deno.test("FrameFitter makes of a super-frame what it would make of its segments", () => {
  fc.assert(
    fc.property(superFrame, limit, (tapFrame, maxFrameLen) => {
      const fitted = fit(tapFrame, maxFrameLen);
      const parts = takeApart(tapFrame.frame)!;
      const headerLen = tapFrame.frame.length - parts.payload.length;
      if (headerLen > 256) return assert.equal(fitted.result, -Reason.FRAME_OFFLOAD);
      if (parts.protocol === 6) {
        const gsoSize = Math.min(tapFrame.offload.gsoSize, maxFrameLen - headerLen);
        return assert.deepEqual(fitted.frames, slowSplit(makeSuperFrame(parts, gsoSize)));
      }
      const datagrams = slowSplit(tapFrame);
      if (fitted.result < 0) return assertAnswers(fitted.answer, datagrams[0], maxFrameLen);
      let at = 0;
      for (const datagram of datagrams) {
        const single = fitPlain(datagram, maxFrameLen);
        const frames = fitted.frames.slice(at, at += single.frames.length);
        if (frames.length === 1) assert.deepEqual(frames, [datagram]);
        else assert.deepEqual(joinFragments(frames).data, readFragment(datagram).data);
      }
      assert.equal(at, fitted.frames.length);
    }),
    fuzzOptions(300),
  );
});

Deno.test("FrameFitter cuts fragments again, and they still join to the packet", () => {
  fc.assert(
    fc.property(completeFrame, limit, limit, (tapFrame, one, other) => {
      const once = fitPlain(tapFrame.frame, Math.max(one, other));
      if (once.frames.length < 2) return;
      const twice = once.frames.map((frame) => fitPlain(frame, Math.min(one, other)));
      // A first IPv6 fragment longer than 1280 octets is answered instead.
      if (twice.some(({ result }) => result < 0)) return;
      assert.deepEqual(joinFragments(twice.flatMap(({ frames }) => frames)), wholeOf(tapFrame.frame));
    }),
    fuzzOptions(300),
  );
});

Deno.test("FrameFitter never throws and reads nothing outside, whatever frame, virtio header and limit are", () => {
  const anyFrame: fc.Arbitrary<TapFrame> = fc.oneof(
    fc.record({ offload: anyOffload, frame: garbage }),
    fc.tuple(fc.oneof(openFrame, completeFrame, superFrame), damage).map(([{ offload, frame }, damaged]) => ({
      offload,
      frame: applyDamage(frame, damaged),
    })),
    fc.tuple(
      fc.oneof(openFrame, superFrame),
      fc.constantFrom<keyof Offload>("flags", "gsoType", "hdrLen", "gsoSize", "csumStart", "csumOffset"),
      fc.integer({ min: 0, max: 255 }),
    ).map(([{ offload, frame }, key, value]) => ({ offload: disturb(offload, key, value), frame })),
  );
  const anyLimit = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 3000 }));
  const reasons: number[] = [-Reason.FRAME_OFFLOAD, -Reason.FRAME_TRUNCATED, -Reason.PATH_OVERSIZED];
  fc.assert(
    fc.property(anyFrame, anyLimit, (tapFrame, maxFrameLen) => {
      // The buffer ends with the frame, so that a read behind it would throw; what lies in front of it must not matter.
      const one = fit(tapFrame, maxFrameLen, 0x00);
      assert.deepEqual(fit(tapFrame, maxFrameLen, 0xff), one);
      const plain = fitPlain(tapFrame.frame, maxFrameLen);
      for (const { result, frames } of [one, plain]) {
        for (const { length } of frames) assert.ok(length <= maxFrameLen);
        assert.ok(result > 0 || reasons.includes(result), `result ${result}`);
        assert.equal(frames.length, Math.max(0, result));
      }
    }),
    fuzzOptions(1000),
  );
});
