import { strict as assert } from "node:assert";
import fc from "fast-check";
import { clampMss } from "../../src/dataplane/mss_clamp.ts";
import { applyDamage, damage, flowSpec, fuzzOptions, garbage } from "../fuzz/frame_arbitrary.ts";
import { slowSum } from "../reference/checksum.ts";
import { assemble, type FrameSpec, makeFrame, makeParts, readWord, takeApart } from "../reference/frame.ts";
import { completeChecksum, makeSuperFrame, NO_OFFLOAD } from "../reference/offload.ts";
import { allocatedPerCall } from "./allocation.ts";

const SYN = 0x02, ACK = 0x10;
const LIMIT = 1404;

/** TCP options of a Linux SYN, with an MSS. */
function options(mss: number): Uint8Array {
  return Uint8Array.of(2, 4, mss >> 8, mss & 0xff, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7);
}

/** The same with two NOPs pulled apart, so that the MSS has an odd offset. */
function oddOptions(mss: number): Uint8Array {
  return Uint8Array.of(1, 2, 4, mss >> 8, mss & 0xff, 1, 1, 1);
}

function clamp(frame: Uint8Array, limit = LIMIT, isOpen = false): { changed: boolean; frame: Uint8Array } {
  const octets = Uint8Array.of(0xa5, 0xa5, 0xa5, ...frame);
  const changed = clampMss(new DataView(octets.buffer), 3, frame.length, limit, isOpen);
  assert.deepEqual([...octets.subarray(0, 3)], [0xa5, 0xa5, 0xa5]);
  return { changed, frame: octets.slice(3) };
}

Deno.test("clampMss() lowers the MSS of a SYN to what a full segment may have, and mends the checksum", () => {
  const rows: { name: string; spec: FrameSpec; offered: number; expected: number; odd?: boolean }[] = [
    { name: "IPv4", spec: {}, offered: 1460, expected: LIMIT - 14 - 20 - 20 },
    { name: "IPv6", spec: { version: 6 }, offered: 1440, expected: LIMIT - 14 - 40 - 20 },
    { name: "one more than fits", spec: {}, offered: 1351, expected: 1350 },
    { name: "exactly what fits", spec: {}, offered: 1350, expected: 1350 },
    { name: "less than fits", spec: {}, offered: 536, expected: 536 },
    { name: "the greatest", spec: {}, offered: 65535, expected: 1350 },
    { name: "802.1Q", spec: { vlanTags: [[0x8100, 5]] }, offered: 1460, expected: 1346 },
    { name: "802.1ad", spec: { vlanTags: [[0x88a8, 5], [0x8100, 6]] }, offered: 1460, expected: 1342 },
    { name: "odd offset", spec: {}, offered: 1460, expected: 1350, odd: true },
    { name: "IPv4 options", spec: { ipOptions: Uint8Array.of(7, 4, 4, 0) }, offered: 1460, expected: 1350 },
    {
      name: "IPv6 extension headers",
      spec: { version: 6, extensions: [[0, Uint8Array.of(1, 4, 0, 0, 0, 0)], [60, new Uint8Array(14)]] },
      offered: 1440,
      expected: 1330,
    },
    { name: "SYN, ACK", spec: { flags: SYN | ACK }, offered: 1460, expected: 1350 },
    { name: "SYN with data", spec: { payload: new Uint8Array(777).fill(9) }, offered: 1460, expected: 1350 },
  ];
  for (const { name, spec, offered, expected, odd = false } of rows) {
    const make = odd ? oddOptions : options;
    const made = makeFrame({ flags: SYN, ...spec, tcpOptions: make(offered) });
    const clamped = clamp(made);
    assert.deepEqual(clamped.frame, makeFrame({ flags: SYN, ...spec, tcpOptions: make(expected) }), name);
    assert.equal(clamped.changed, offered !== expected, name);
    assert.equal(slowSum(clamped.frame), slowSum(made), `${name}: the frame's sum`);
  }
});

Deno.test("clampMss() leaves an open checksum to whoever completes it", () => {
  const { offload, frame } = makeSuperFrame(makeParts({ flags: SYN, tcpOptions: options(1460) }), 1000);
  const clamped = clamp(frame, LIMIT, true);
  const ordinary = { ...NO_OFFLOAD, csumStart: offload.csumStart, csumOffset: offload.csumOffset };
  assert.deepEqual(
    completeChecksum(ordinary, clamped.frame),
    makeFrame({ flags: SYN, tcpOptions: options(1350) }),
  );
});

Deno.test("clampMss() never writes less than Linux accepts", () => {
  const { frame } = clamp(makeFrame({ flags: SYN, tcpOptions: options(1460) }), 60);
  assert.deepEqual(frame, makeFrame({ flags: SYN, tcpOptions: options(48) }));
});

Deno.test("clampMss() leaves everything else alone", () => {
  const rows: { name: string; frame: Uint8Array }[] = [
    { name: "no SYN", frame: makeFrame({ flags: ACK, tcpOptions: options(1460) }) },
    { name: "no SYN, 802.1Q", frame: makeFrame({ flags: ACK, vlanTags: [[0x8100, 5]], tcpOptions: options(1460) }) },
    { name: "UDP", frame: makeFrame({ protocol: "udp", payload: new Uint8Array(60).fill(0xff) }) },
    {
      name: "UDP over IPv6",
      frame: makeFrame({ version: 6, protocol: "udp", payload: new Uint8Array(60).fill(0xff) }),
    },
    { name: "no options", frame: makeFrame({ flags: SYN }) },
    { name: "no MSS", frame: makeFrame({ flags: SYN, tcpOptions: Uint8Array.of(1, 1, 4, 2) }) },
    { name: "MSS behind the end", frame: makeFrame({ flags: SYN, tcpOptions: Uint8Array.of(0, 1, 1, 1, 2, 4, 9, 9) }) },
    { name: "MSS of three octets", frame: makeFrame({ flags: SYN, tcpOptions: Uint8Array.of(2, 3, 255, 1) }) },
    { name: "MSS of five octets", frame: makeFrame({ flags: SYN, tcpOptions: Uint8Array.of(2, 5, 9, 9, 9, 1, 1, 1) }) },
    { name: "MSS cut off", frame: makeFrame({ flags: SYN, tcpOptions: Uint8Array.of(1, 1, 1, 2) }) },
    { name: "fragment", frame: makeFrame({ fragment: 0x2000, flags: SYN, tcpOptions: options(1460) }) },
    { name: "ARP", frame: Uint8Array.of(...new Uint8Array(12), 8, 6, ...new Uint8Array(46)) },
  ];
  for (const { name, frame } of rows) assert.deepEqual(clamp(frame), { changed: false, frame }, name);
});

Deno.test("clampMss() never throws and reads nothing outside, whatever the frame is", () => {
  const syn = fc.tuple(flowSpec, damage).map(([flow, damaged]) =>
    applyDamage(makeFrame({ ...flow, protocol: "tcp", flags: SYN, tcpOptions: options(1460) }), damaged)
  );
  fc.assert(
    fc.property(fc.oneof(garbage, syn), fc.integer({ min: 0, max: 2000 }), fc.boolean(), (frame, limit, isOpen) => {
      // The buffer ends with the frame, so that a read behind it would throw.
      const clamped = clamp(frame, limit, isOpen);
      if (!clamped.changed) return assert.deepEqual(clamped.frame, frame);
      const before = takeApart(frame)!;
      const after = takeApart(clamped.frame)!;
      assert.equal(after.transport[13] & SYN, SYN);
      assert.deepEqual(after.payload, before.payload);
      assert.deepEqual(after.ip, before.ip);
      if (!isOpen) assert.equal(slowSum(clamped.frame) % 0xffff, slowSum(frame) % 0xffff);
    }),
    fuzzOptions(600),
  );
});

Deno.test("clampMss() keeps any checksum right that was right", () => {
  const anyOptions = fc.tuple(fc.integer({ min: 49, max: 65535 }), fc.integer({ min: 0, max: 3 })).map(([mss, nops]) =>
    Uint8Array.of(...new Uint8Array(nops).fill(1), 2, 4, mss >> 8, mss & 0xff, ...new Uint8Array(4 - nops).fill(1))
  );
  fc.assert(
    fc.property(flowSpec, anyOptions, fc.integer({ min: 200, max: 2000 }), (flow, tcpOptions, limit) => {
      const frame = makeFrame({ ...flow, protocol: "tcp", flags: SYN, tcpOptions });
      const clamped = clamp(frame, limit);
      assert.deepEqual(assemble(takeApart(clamped.frame)!), clamped.frame);
      assert.ok(readWord(takeApart(clamped.frame)!.transport, 22 + tcpOptions.indexOf(2)) <= Math.max(48, limit - 54));
    }),
    fuzzOptions(500),
  );
});

Deno.test("clampMss() allocates nothing", () => {
  const frames = [
    makeFrame({ flags: ACK, payload: new Uint8Array(1000) }),
    makeFrame({ version: 6, flags: ACK, payload: new Uint8Array(1000) }),
    makeFrame({ flags: SYN, tcpOptions: options(1460) }),
    makeFrame({ vlanTags: [[0x8100, 5]], protocol: "udp" }),
  ].map((frame) => new DataView(frame.buffer));
  let limit = 1400;
  const bytes = allocatedPerCall(() => {
    limit = limit === 800 ? 1400 : limit - 1;
    for (let i = 0; i < frames.length; i++) clampMss(frames[i], 0, frames[i].byteLength, limit, false);
  });
  assert.ok(bytes < 1, `${bytes} bytes per burst`);
});
