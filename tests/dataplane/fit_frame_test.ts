import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { FrameFitter } from "../../src/dataplane/fit_frame.ts";
import { NO_FRAME_LIMIT } from "../../src/dataplane/path_limit.ts";
import { PieceList } from "../../src/dataplane/split.ts";
import { joinFragments, readFragment } from "../reference/fragments.ts";
import { assemble, type FrameSpec, makeFrame, makeParts } from "../reference/frame.ts";
import { makeSuperFrame, NO_OFFLOAD, slowSplit, type TapFrame } from "../reference/offload.ts";
import { allocatedPerCall } from "./allocation.ts";
import { assemblePieces, packFrames, payload } from "./tap_buffer.ts";

const SYN = 0x02, ACK = 0x10;
const LIMIT = 1404;
const CAN_FRAGMENT = 0;
const IDENTIFICATION = 0x89abcdef;

/** A frame whose checksum is complete, as it comes from a bridge or from a peer. */
function complete(spec: FrameSpec): TapFrame {
  return { offload: NO_OFFLOAD, frame: makeFrame(spec) };
}

/** An ordinary frame of the local host, its checksum open. */
function open(spec: FrameSpec): TapFrame {
  const { offload, frame } = makeSuperFrame(makeParts(spec), 1000);
  return { offload: { ...offload, gsoType: 0, gsoSize: 0, hdrLen: 0 }, frame };
}

interface Fitted {
  readonly result: number;
  readonly frames: Uint8Array[];
  /** Length of the answer. */
  readonly answerLen: number;
}

function fit(tapFrame: TapFrame, limit = LIMIT, capacity = 256): Fitted {
  const buffer = packFrames([tapFrame]);
  const fitter = new FrameFitter(IDENTIFICATION);
  const list = new PieceList(capacity);
  const [{ at, length }] = buffer.frames;
  const result = fitter.fitTapFrame(buffer.octets, buffer.view, at, length, limit, list);
  assert.equal(list.count, Math.max(0, result));
  return { result, frames: assemblePieces(buffer, list), answerLen: fitter.answer.length };
}

/** The same for a frame without a virtio header. */
function fitPlain(frame: Uint8Array, limit = LIMIT, capacity = 256): Fitted {
  const octets = Uint8Array.from(frame);
  const fitter = new FrameFitter(IDENTIFICATION);
  const list = new PieceList(capacity);
  const view = new DataView(octets.buffer);
  const result = fitter.fitPlainFrame(octets, view, 0, frame.length, limit, list);
  assert.equal(list.count, Math.max(0, result));
  const frames = assemblePieces({ octets, view, frames: [] }, list);
  return { result, frames, answerLen: fitter.answer.length };
}

function assertFits(frames: Uint8Array[], limit = LIMIT): void {
  for (const { length } of frames) assert.ok(length <= limit, `${length} octets`);
}

Deno.test("FrameFitter passes what fits as it is, whatever the limit", () => {
  const frames = [
    complete({ payload: payload(100) }),
    open({ version: 6, payload: payload(100) }),
    makeSuperFrame(makeParts({ payload: payload(4000) }), 1000),
    { offload: NO_OFFLOAD, frame: payload(300) },
  ];
  for (const tapFrame of frames) {
    for (const limit of [LIMIT, NO_FRAME_LIMIT]) {
      const { frames, answerLen } = fit(tapFrame, limit);
      assert.deepEqual(frames, slowSplit(tapFrame));
      assert.equal(answerLen, 0);
    }
  }
});

Deno.test("FrameFitter lowers the MSS of a SYN, its checksum open or not, but only where a limit is known", () => {
  const spec = (mss: number): FrameSpec => ({ flags: SYN, tcpOptions: Uint8Array.of(2, 4, mss >> 8, mss & 0xff) });
  assert.deepEqual(fit(open(spec(1460))).frames, [makeFrame(spec(1350))]);
  assert.deepEqual(fit(complete(spec(1460))).frames, [makeFrame(spec(1350))]);
  assert.deepEqual(fitPlain(makeFrame(spec(1460))).frames, [makeFrame(spec(1350))]);
  assert.deepEqual(fit(open(spec(1460)), NO_FRAME_LIMIT).frames, [makeFrame(spec(1460))]);
  assert.deepEqual(fitPlain(makeFrame(spec(1460)), NO_FRAME_LIMIT).frames, [makeFrame(spec(1460))]);
});

Deno.test("FrameFitter cuts TCP of the local host, and tells the sender of other TCP how long it may be", () => {
  const spec = { payload: payload(1448) };
  const cut = fit(open(spec));
  assert.deepEqual(cut.frames, slowSplit(makeSuperFrame(makeParts(spec), LIMIT - 54)));
  assert.equal(cut.answerLen, 0);
  for (const answered of [fit(complete(spec)), fitPlain(makeFrame(spec))]) {
    assert.deepEqual([answered.result, answered.answerLen], [-Reason.PATH_OVERSIZED, 14 + 576]);
  }
});

Deno.test("FrameFitter fragments IPv4 that allows it, an open checksum completed first", () => {
  const specs: FrameSpec[] = [
    { protocol: "udp", fragment: CAN_FRAGMENT, identification: 77, payload: payload(1472) },
    { protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(9000), vlanTags: [[0x8100, 5]] },
    { protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(1473), ipOptions: Uint8Array.of(7, 4, 4, 0) },
    { fragment: CAN_FRAGMENT, flags: SYN, payload: payload(3000) },
  ];
  for (const spec of specs) {
    const whole = readFragment(makeFrame(spec));
    for (const tapFrame of [open(spec), complete(spec)]) {
      const { frames, answerLen } = fit(tapFrame);
      assertFits(frames);
      assert.ok(frames.length > 1);
      assert.deepEqual(joinFragments(frames), whole);
      assert.equal(answerLen, 0);
    }
    assert.deepEqual(joinFragments(fitPlain(makeFrame(spec)).frames), whole);
  }
});

Deno.test("FrameFitter gives later fragments those options only that are marked as copied", () => {
  const timestamp = [0x44, 8, 5, 0, 1, 2, 3, 4];
  const security = [0x82, 5, 7, 7, 7];
  const alert = [0x94, 4, 0, 0];
  const rows: { name: string; options: number[]; later: number[] }[] = [
    { name: "none copied", options: timestamp, later: [] },
    { name: "all copied", options: alert, later: alert },
    {
      name: "mixed",
      options: [1, ...security, ...timestamp, 1, 1, ...alert, 0, 9, 9, 9],
      later: [...security, ...alert, 0, 0, 0],
    },
    { name: "length beyond the header", options: [...alert, 0x82, 9, 1, 1], later: alert },
    { name: "length within the option", options: [...alert, 0x82, 1, 1, 1], later: alert },
    { name: "no length", options: [...alert, 1, 1, 1, 0x82], later: alert },
  ];
  for (const { name, options, later } of rows) {
    const ipOptions = Uint8Array.from(options);
    const { frames } = fitPlain(makeFrame({ fragment: CAN_FRAGMENT, ipOptions, payload: payload(3000) }));
    const found = frames.map((frame) => [...readFragment(frame).options]);
    assert.deepEqual(found, [options, later, later], name);
  }
});

Deno.test("FrameFitter writes 0xffff in place of a UDP checksum of 0 that it completes", () => {
  const blank = makeFrame({ protocol: "udp", payload: new Uint8Array(1472) });
  const filler = blank.slice(40, 42);
  const zeroing = new Uint8Array(1472);
  zeroing.set(filler, 50);
  const { frames } = fit(open({ protocol: "udp", fragment: CAN_FRAGMENT, payload: zeroing }));
  assert.deepEqual([...joinFragments(frames).data.subarray(6, 8)], [0xff, 0xff]);
});

Deno.test("FrameFitter fragments each datagram of a UDP super-frame, and passes the last if it fits", () => {
  const parts = makeParts({ protocol: "udp", fragment: CAN_FRAGMENT, identification: 5, payload: payload(3500) });
  const tapFrame = makeSuperFrame(parts, 1400);
  const { frames } = fit(tapFrame);
  const whole = slowSplit(tapFrame);
  assertFits(frames);
  assert.equal(frames.length, 5);
  assert.deepEqual(joinFragments(frames.slice(0, 2)), readFragment(whole[0]));
  assert.deepEqual(joinFragments(frames.slice(2, 4)), readFragment(whole[1]));
  assert.deepEqual(frames[4], whole[2]);
});

Deno.test("FrameFitter answers for a UDP super-frame that must not be fragmented as for its first datagram", () => {
  for (const version of [4, 6] as const) {
    const tapFrame = makeSuperFrame(makeParts({ version, protocol: "udp", payload: payload(3500) }), 1400);
    const buffer = packFrames([tapFrame]);
    const fitter = new FrameFitter(0);
    const list = new PieceList(256);
    const [{ at, length }] = buffer.frames;
    const result = fitter.fitTapFrame(buffer.octets, buffer.view, at, length, LIMIT, list);
    assert.equal(result, -Reason.PATH_OVERSIZED);
    assert.equal(list.count, 0);
    const quoteAt = 10 + 14 + (version === 4 ? 28 : 48);
    const quoted = fitter.answer.octets.slice(quoteAt, 10 + fitter.answer.length);
    assert.deepEqual(quoted, slowSplit(tapFrame)[0].slice(14, 14 + quoted.length));
  }
});

Deno.test("FrameFitter fragments IPv6 that nobody would make shorter, and answers what somebody would", () => {
  const spec: FrameSpec = { version: 6, protocol: "udp", payload: payload(1280 - 48) };
  const whole = readFragment(makeFrame(spec));
  for (const fitted of [fit(open(spec), 1000), fit(complete(spec), 1000), fitPlain(makeFrame(spec), 1000)]) {
    assertFits(fitted.frames, 1000);
    assert.equal(fitted.frames.length, 2);
    assert.deepEqual(joinFragments(fitted.frames), { ...whole, identification: IDENTIFICATION + 1 });
  }
  const longer = fit(complete({ ...spec, payload: payload(1281 - 48) }), 1000);
  assert.deepEqual([longer.result, longer.answerLen], [-Reason.PATH_OVERSIZED, 1000]);
  const toGroup = makeFrame({ ...spec, payload: payload(1400) });
  toGroup.set([0x33, 0x33, 0, 0, 0, 1], 0);
  assert.equal(joinFragments(fitPlain(toGroup).frames).data.length, 1408);
});

Deno.test("FrameFitter gives each IPv6 packet that it fragments an identification of its own", () => {
  const fitter = new FrameFitter(0xfffffffe);
  const list = new PieceList(16);
  const octets = makeFrame({ version: 6, protocol: "udp", payload: payload(1200) });
  const view = new DataView(octets.buffer);
  for (let i = 0; i < 3; i++) assert.equal(fitter.fitPlainFrame(octets, view, 0, octets.length, 1000, list), 2);
  const frames = assemblePieces({ octets, view, frames: [] }, list);
  const identifications = [0, 2, 4].map((at) => joinFragments(frames.slice(at, at + 2)).identification);
  assert.deepEqual(identifications, [0xffffffff, 0, 1]);
});

Deno.test("FrameFitter takes padding away before it complains about a length", () => {
  for (const version of [4, 6] as const) {
    const frame = makeFrame({ version, payload: payload(1300) });
    const padded = Uint8Array.of(...frame, ...new Uint8Array(200));
    assert.deepEqual(fitPlain(padded), { result: 1, frames: [frame], answerLen: 0 });
    assert.deepEqual(fit({ offload: NO_OFFLOAD, frame: padded }), { result: 1, frames: [frame], answerLen: 0 });
  }
});

Deno.test("FrameFitter drops in silence what can't be cut and answered to nobody", () => {
  const long = makeFrame({ payload: payload(1448) });
  const rows: { name: string; frame: Uint8Array; limit?: number }[] = [
    { name: "not IP", frame: payload(1500) },
    {
      name: "three VLAN tags",
      frame: makeFrame({ vlanTags: [[0x88a8, 1], [0x88a8, 2], [0x8100, 3]], payload: payload(1448) }),
    },
    { name: "IPv4 header checksum wrong", frame: long.with(24, long[24] ^ 1) },
    { name: "IPv4 total length beyond the frame", frame: long.with(16, 9) },
    { name: "IPv4 total length within the header", frame: long.with(16, 0).with(17, 19) },
    { name: "IPv6 jumbogram", frame: makeFrame({ version: 6, payload: payload(1448) }).with(18, 0).with(19, 0) },
    { name: "no room for a fragment", frame: makeFrame({ fragment: 0, payload: payload(100) }), limit: 41 },
    { name: "no room for an answer", frame: makeFrame({ payload: payload(100) }), limit: 14 + 67 },
    { name: "no room for anything", frame: makeFrame({ version: 6, payload: payload(100) }), limit: 0 },
    {
      name: "beyond the longest packet",
      frame: makeFrame({ protocol: "udp", fragment: 0x1fff, payload: payload(1448) }),
    },
  ];
  for (const { name, frame, limit } of rows) {
    const dropped = { result: -Reason.PATH_OVERSIZED, frames: [], answerLen: 0 };
    assert.deepEqual(fitPlain(frame, limit), dropped, name);
    assert.deepEqual(fit({ offload: NO_OFFLOAD, frame }, limit), dropped, name);
  }
});

Deno.test("FrameFitter refuses what splitFrame() refuses, and frames too short to be one", () => {
  assert.equal(fit({ offload: NO_OFFLOAD, frame: payload(13) }).result, -Reason.FRAME_TRUNCATED);
  assert.equal(fit({ offload: { ...NO_OFFLOAD, gsoType: 9 }, frame: payload(1500) }).result, -Reason.FRAME_OFFLOAD);
  const within = { ...NO_OFFLOAD, flags: 1, csumStart: 13, csumOffset: 1 };
  assert.equal(fit({ offload: within, frame: payload(1500) }).result, -Reason.FRAME_OFFLOAD);
  assert.equal(fitPlain(payload(13), 0).result, -Reason.FRAME_TRUNCATED);
});

Deno.test("FrameFitter asks for an empty list when there is no room, and does the same again afterwards", () => {
  const spec: FrameSpec = { protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(4000) };
  const frames = [
    { tapFrame: open(spec), whole: makeFrame(spec) },
    { tapFrame: open({ ...spec, version: 6, payload: payload(1200) }), whole: undefined },
    { tapFrame: makeSuperFrame(makeParts(spec), 1390), whole: undefined },
  ];
  for (const { tapFrame, whole } of frames) {
    const expected = fit(tapFrame, 1000);
    assert.ok(expected.result > 1);
    const buffer = packFrames([tapFrame]);
    const fitter = new FrameFitter(IDENTIFICATION - 1);
    const list = new PieceList(expected.result);
    const [{ at, length }] = buffer.frames;
    list.append(0, 0, 1, 0, 0);
    assert.equal(fitter.fitTapFrame(buffer.octets, buffer.view, at, length, 1000, list), 0);
    assert.equal(list.count, 1);
    list.clear();
    assert.equal(fitter.fitTapFrame(buffer.octets, buffer.view, at, length, 1000, list), expected.result);
    assert.deepEqual(assemblePieces(buffer, list), expected.frames);
    if (whole !== undefined) assert.deepEqual(joinFragments(expected.frames).data, readFragment(whole).data);
    assert.equal(fit(tapFrame, 1000, expected.result - 1).result, -Reason.PATH_OVERSIZED, "never room");
  }
  const plain = new PieceList(1);
  const octets = payload(100);
  const fitter = new FrameFitter(0);
  assert.equal(fitter.fitPlainFrame(octets, new DataView(octets.buffer), 0, 100, LIMIT, plain), 1);
  assert.equal(fitter.fitPlainFrame(octets, new DataView(octets.buffer), 0, 100, LIMIT, plain), 0);
});

Deno.test("FrameFitter forgets its answer with the next frame", () => {
  const buffer = packFrames([complete({ payload: payload(1448) }), complete({ flags: ACK })]);
  const fitter = new FrameFitter(0);
  const list = new PieceList(4);
  const [long, short] = buffer.frames;
  fitter.fitTapFrame(buffer.octets, buffer.view, long.at, long.length, LIMIT, list);
  assert.notEqual(fitter.answer.length, 0);
  fitter.fitTapFrame(buffer.octets, buffer.view, short.at, short.length, LIMIT, list);
  assert.equal(fitter.answer.length, 0);
});

Deno.test("FrameFitter completes a checksum beside the headers that it knows, and only once", () => {
  // Something that is neither TCP nor UDP, with its checksum far into the packet.
  const frame = assemble(makeParts({ protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(2000) }));
  frame[23] = 99;
  frame.set([0, 0], 24);
  const header = makeFrame({ protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(2000) }).subarray(14, 34);
  header[9] = 99;
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += i === 10 ? 0 : header[i] * 256 + header[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  frame.set([(~sum >> 8) & 0xff, ~sum & 0xff], 24);
  const tapFrame = { offload: { ...NO_OFFLOAD, flags: 1, csumStart: 300, csumOffset: 1400 }, frame };
  assert.deepEqual(joinFragments(fit(tapFrame).frames), readFragment(slowSplit(tapFrame)[0]));
});

Deno.test("FrameFitter allocates nothing, whatever it decides", () => {
  const buffer = packFrames([
    makeSuperFrame(makeParts({ payload: payload(20000) }), 1448),
    makeSuperFrame(makeParts({ protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(4200) }), 1400),
    open({ payload: payload(1448) }),
    open({ flags: SYN, tcpOptions: Uint8Array.of(2, 4, 5, 180) }),
    complete({ payload: payload(1448) }),
    complete({ version: 6, payload: payload(1448) }),
    open({ protocol: "udp", fragment: CAN_FRAGMENT, payload: payload(3000), ipOptions: payload(8) }),
    complete({ version: 6, protocol: "udp", payload: payload(1200) }),
    { offload: NO_OFFLOAD, frame: payload(1500) },
  ]);
  const fitter = new FrameFitter(IDENTIFICATION);
  const list = new PieceList(256);
  let answers = 0;
  const bytes = allocatedPerCall(() => {
    list.clear();
    answers = 0;
    for (let i = 0; i < buffer.frames.length; i++) {
      const { at, length } = buffer.frames[i];
      fitter.fitTapFrame(buffer.octets, buffer.view, at, length, 1200, list);
      if (fitter.answer.length > 0) answers++;
      fitter.fitPlainFrame(buffer.octets, buffer.view, at, length, 1200, list);
    }
  }, 2000);
  assert.equal(answers, 2);
  assert.ok(bytes < 1, `${bytes} bytes per burst`);
});
