import { strict as assert } from "node:assert";
import fc from "fast-check";
import { FrameMerger } from "../../src/dataplane/merge.ts";
import { WriteList } from "../../src/dataplane/write_list.ts";
import { gatherFrames, packPlainFrames } from "../dataplane/tap_buffer.ts";
import { type FrameSpec, makeFrame, makeParts, readWord, takeApart } from "../reference/frame.ts";
import { makeSuperFrame, slowMerge, slowSplit, type TapFrame } from "../reference/offload.ts";
import { applyDamage, damage, flowSpec, fuzzOptions, garbage, startSpec } from "./frame_arbitrary.ts";

/** Frames of one flow as a sender might give them out: runs of segments, with other segments in between. */
const flow: fc.Arbitrary<Uint8Array[]> = fc.tuple(
  flowSpec,
  startSpec,
  fc.array(
    fc.record({
      length: fc.integer({ min: 0, max: 600 }),
      size: fc.integer({ min: 20, max: 300 }),
      flags: fc.constantFrom(0x10, 0x10, 0x10, 0x18, 0x11, 0x14, 0x12, 0x50),
      skip: fc.constantFrom(0, 0, 0, 0, 1, -1),
      ttl: fc.constantFrom(64, 64, 64, 63),
    }),
    { minLength: 1, maxLength: 6 },
  ),
).map(([spec, start, runs]) => {
  const frames: Uint8Array[] = [];
  let { seq = 0, identification = 0 } = start;
  for (const { length, size, flags, skip, ttl } of runs) {
    seq = (seq + skip + 2 ** 32) % 2 ** 32;
    const run: FrameSpec = { ...spec, seq, identification, flags, ttl, payload: new Uint8Array(length).fill(length) };
    const made = length === 0 ? [makeFrame(run)] : slowSplit(makeSuperFrame(makeParts(run), size));
    frames.push(...made);
    seq = (seq + length) % 2 ** 32;
    identification = (identification + made.length) % 65536;
  }
  return frames;
});

/** A burst: frames of several flows in any order, each flow in its own, some damaged, and garbage between. */
const burst: fc.Arbitrary<Uint8Array[]> = fc.tuple(
  fc.array(flow, { minLength: 1, maxLength: 4 }),
  fc.array(garbage, { maxLength: 3 }),
  fc.infiniteStream(fc.nat()),
  fc.array(fc.tuple(fc.nat(), damage), { maxLength: 3 }),
).map(([flows, others, choices, damages]) => {
  const queues = [...flows, others].map((frames) => [...frames]).filter((frames) => frames.length > 0);
  const frames: Uint8Array[] = [];
  while (queues.length > 0) {
    const chosen = choices.next().value! % queues.length;
    frames.push(queues[chosen].shift()!);
    if (queues[chosen].length === 0) queues.splice(chosen, 1);
  }
  for (const [which, change] of damages) {
    const at = which % frames.length;
    frames[at] = applyDamage(frames[at], change);
  }
  return frames;
});

function merge(frames: Uint8Array[], mergeUdp: boolean, filler: number): TapFrame[] {
  const buffer = packPlainFrames(frames, filler);
  const before = Uint8Array.from(buffer.octets);
  const list = new WriteList(frames.length);
  const merger = new FrameMerger(buffer.octets, list, { mergeUdp });
  for (const { at, length, sum } of buffer.frames) assert.ok(merger.push(at, length, sum));
  merger.flush();
  assert.deepEqual(buffer.octets, before);
  return gatherFrames(buffer, list);
}

/** Returns a name of the flow that a frame belongs to, or `""` for all that has none. */
function flowOf(frame: Uint8Array): string {
  const parts = frame.length < 14 ? undefined : takeApart(frame);
  if (parts === undefined) return "";
  const addresses = parts.ip[0] >> 4 === 4 ? parts.ip.subarray(12, 20) : parts.ip.subarray(8, 40);
  return [parts.protocol, ...addresses, ...parts.transport.subarray(0, 4)].join();
}

/** Cuts off the padding, which a super-frame doesn't keep. */
function withoutPadding(frame: Uint8Array): Uint8Array {
  const parts = frame.length < 14 ? undefined : takeApart(frame);
  if (parts === undefined) return frame;
  const length = parts.ip[0] >> 4 === 4 ? readWord(parts.ip, 2) : 40 + readWord(parts.ip, 4);
  return frame.subarray(0, parts.ethernet.length + length);
}

function groupByFlow(frames: Uint8Array[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const frame of frames) {
    const key = flowOf(frame);
    groups.set(key, [...groups.get(key) ?? [], withoutPadding(frame).join()]);
  }
  return groups;
}

Deno.test("FrameMerger gives for any burst what its slow twin gives, and reads nothing outside the frames", () => {
  fc.assert(
    fc.property(burst, fc.boolean(), (frames, mergeUdp) => {
      const output = merge(frames, mergeUdp, 0x00);
      assert.deepEqual(output, slowMerge(frames, { mergeUdp }));
      assert.deepEqual(merge(frames, mergeUdp, 0xff), output);
    }),
    fuzzOptions(500),
  );
});

Deno.test("FrameMerger loses, adds, changes and reorders no frame of any flow", () => {
  fc.assert(
    fc.property(burst, (frames) => {
      const cutAgain = merge(frames, true, 0x00).flatMap((output) =>
        output.offload.gsoType === 0 ? [output.frame] : slowSplit(output)
      );
      assert.deepEqual(groupByFlow(cutAgain), groupByFlow(frames));
    }),
    fuzzOptions(500),
  );
});

Deno.test("FrameMerger never throws on garbage, and passes it octet for octet", () => {
  fc.assert(
    fc.property(fc.array(garbage, { minLength: 1, maxLength: 20 }), (frames) => {
      assert.deepEqual(merge(frames, true, 0xa5).map(({ frame }) => frame), frames);
    }),
    fuzzOptions(500),
  );
});
