import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { PIECE_HEADER_STRIDE, PieceList, splitFrame } from "../../src/dataplane/split.ts";
import { assemble, type FrameSpec, makeFrame, makeParts, readWord, takeApart } from "../reference/frame.ts";
import { makeSuperFrame, NO_OFFLOAD, type Offload, slowSplit, type TapFrame } from "../reference/offload.ts";
import { allocatedPerCall } from "./allocation.ts";
import { assemblePieces, packFrames, payload } from "./tap_buffer.ts";

const FIN = 0x01, PSH = 0x08, ACK = 0x10, ECE = 0x40, CWR = 0x80;
const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7);
const HOP_BY_HOP: [number, Uint8Array] = [0, Uint8Array.of(1, 4, 0, 0, 0, 0)];

function superFrame(spec: FrameSpec, gsoSize: number): TapFrame {
  return makeSuperFrame(makeParts(spec), gsoSize);
}

/** Splits one frame and assembles what comes out. */
function split(tapFrame: TapFrame, capacity = 256): Uint8Array[] {
  const buffer = packFrames([tapFrame]);
  const list = new PieceList(capacity);
  const [{ at, length }] = buffer.frames;
  assert.equal(splitFrame(buffer.octets, buffer.view, at, length, list), list.count);
  return assemblePieces(buffer, list);
}

/** Returns what splitting gives in place of frames; nothing may be appended. */
function refusal(tapFrame: TapFrame, capacity = 256): number {
  const buffer = packFrames([tapFrame]);
  const list = new PieceList(capacity);
  const [{ at, length }] = buffer.frames;
  const result = splitFrame(buffer.octets, buffer.view, at, length, list);
  assert.equal(list.count, 0);
  return result;
}

/** Returns the TCP flags of a frame. */
function flagsOf(frame: Uint8Array): number {
  return takeApart(frame)!.transport[13];
}

Deno.test("splitFrame() cuts super-frames as its slow twin does", () => {
  const rows: { name: string; spec: FrameSpec; gsoSize: number }[] = [
    { name: "TCP over IPv4", spec: { payload: payload(4000) }, gsoSize: 1448 },
    { name: "TCP over IPv6", spec: { version: 6, payload: payload(4000) }, gsoSize: 1428 },
    { name: "UDP over IPv4", spec: { protocol: "udp", payload: payload(4000) }, gsoSize: 1200 },
    { name: "UDP over IPv6", spec: { version: 6, protocol: "udp", payload: payload(4000) }, gsoSize: 1200 },
    { name: "exact multiple", spec: { payload: payload(3 * 1000) }, gsoSize: 1000 },
    { name: "odd size", spec: { payload: payload(3333) }, gsoSize: 999 },
    { name: "last of one octet", spec: { payload: payload(2001) }, gsoSize: 1000 },
    { name: "one segment", spec: { payload: payload(700) }, gsoSize: 1448 },
    { name: "64 KiB", spec: { payload: payload(65535 - 40) }, gsoSize: 1448 },
    { name: "jumbo MTU", spec: { payload: payload(64000), tcpOptions: TIMESTAMPS }, gsoSize: 8948 },
    { name: "802.1Q", spec: { vlanTags: [[0x8100, 0x2005]], payload: payload(4000) }, gsoSize: 1448 },
    {
      name: "802.1ad, IPv6",
      spec: { version: 6, vlanTags: [[0x88a8, 7], [0x8100, 0x2005]], payload: payload(4000) },
      gsoSize: 1420,
    },
    {
      name: "timestamps, type of service",
      spec: { tcpOptions: TIMESTAMPS, typeOfService: 0xb9, payload: payload(4000) },
      gsoSize: 1436,
    },
    { name: "40 octets of TCP options", spec: { tcpOptions: payload(40), payload: payload(4000) }, gsoSize: 1000 },
    { name: "IPv4 options", spec: { ipOptions: Uint8Array.of(7, 4, 4, 0), payload: payload(4000) }, gsoSize: 1000 },
    {
      name: "IPv6 extension headers",
      spec: { version: 6, extensions: [HOP_BY_HOP, [60, payload(14)]], payload: payload(4000) },
      gsoSize: 1000,
    },
    { name: "identification wraps", spec: { identification: 0xfffe, payload: payload(4000) }, gsoSize: 1000 },
    { name: "sequence number wraps", spec: { seq: 0xfffffe00, payload: payload(4000) }, gsoSize: 1000 },
    { name: "without DF", spec: { fragment: 0, payload: payload(4000) }, gsoSize: 1000 },
    { name: "all flags", spec: { flags: CWR | ECE | ACK | PSH | FIN, payload: payload(4000) }, gsoSize: 1000 },
  ];
  for (const { name, spec, gsoSize } of rows) {
    const tapFrame = superFrame(spec, gsoSize);
    const frames = split(tapFrame);
    assert.equal(frames.length, Math.ceil(spec.payload!.length / gsoSize), name);
    assert.deepEqual(frames, slowSplit(tapFrame), name);
  }
});

Deno.test("splitFrame() leaves CWR on the first segment, FIN and PSH on the last, and the others on all", () => {
  const spec = { flags: CWR | ECE | ACK | PSH | FIN, payload: payload(4000) };
  const { offload, frame } = superFrame(spec, 1000);
  const frames = split({ offload: { ...offload, gsoType: offload.gsoType | 0x80 }, frame });
  assert.deepEqual(frames.map(flagsOf), [CWR | ECE | ACK, ECE | ACK, ECE | ACK, ECE | ACK | PSH | FIN]);
});

Deno.test("splitFrame() writes 0xffff in place of a UDP checksum of 0", () => {
  // The octets that make the checksum of the rest a 0 are the checksum that the rest has without them.
  const blank = makeFrame({ protocol: "udp", payload: new Uint8Array(100) });
  const filler = readWord(blank, 14 + 20 + 6);
  const zeroing = Uint8Array.from({ length: 100 }, (_, i) => i === 50 ? filler >> 8 : i === 51 ? filler & 0xff : 0);
  const [first, second] = split(superFrame({ protocol: "udp", payload: Uint8Array.of(...zeroing, ...zeroing) }, 100));
  assert.equal(readWord(first, 40), 0xffff);
  assert.equal(readWord(second, 40), 0xffff);
});

Deno.test("splitFrame() ignores lengths that the headers of a super-frame claim", () => {
  const { offload, frame } = superFrame({ payload: payload(4000) }, 1000);
  const claiming = Uint8Array.from(frame);
  claiming.set([0, 0], 14 + 2);
  assert.deepEqual(split({ offload, frame: claiming }), slowSplit({ offload, frame }));
});

Deno.test("splitFrame() passes an ordinary frame in place, of whatever kind", () => {
  const rows: { name: string; frame: Uint8Array }[] = [
    { name: "14 octets", frame: payload(14) },
    { name: "TCP", frame: makeFrame({ payload: payload(101) }) },
    { name: "fragment", frame: makeFrame({ fragment: 0x2000, payload: payload(101) }) },
    { name: "three tags", frame: makeFrame({ vlanTags: [[0x88a8, 1], [0x88a8, 2], [0x8100, 3]] }) },
    { name: "jumbo", frame: payload(9018) },
  ];
  for (const { name, frame } of rows) {
    const buffer = packFrames([{ offload: NO_OFFLOAD, frame }]);
    const list = new PieceList(1);
    const [{ at, length }] = buffer.frames;
    assert.equal(splitFrame(buffer.octets, buffer.view, at, length, list), 1, name);
    assert.deepEqual([list.headerLen[0], list.payloadAt[0], list.payloadLen[0]], [0, at, length], name);
    assert.deepEqual([list.csumStart[0], list.csumOffset[0]], [0, 0], name);
  }
});

Deno.test("splitFrame() tells where the open checksum of an ordinary frame is to be completed", () => {
  for (const spec of [{ protocol: "tcp" }, { protocol: "udp", version: 6 }] as FrameSpec[]) {
    const parts = makeParts({ ...spec, payload: payload(333) });
    const { offload, frame } = makeSuperFrame(parts, 1000);
    const ordinary = { offload: { ...offload, gsoType: 0, gsoSize: 0 }, frame };
    assert.deepEqual(split(ordinary), [assemble(parts)]);
  }
});

Deno.test("splitFrame() refuses a frame without room for an Ethernet header", () => {
  for (let length = 0; length < 14; length++) {
    assert.equal(refusal({ offload: NO_OFFLOAD, frame: payload(length) }), -Reason.FRAME_TRUNCATED);
  }
});

Deno.test("splitFrame() refuses metadata that contradicts the frame", () => {
  const tcp4 = superFrame({ payload: payload(4000) }, 1000);
  const tcp6 = superFrame({ version: 6, payload: payload(4000) }, 1000);
  const udp4 = superFrame({ protocol: "udp", payload: payload(4000) }, 1000);
  const rows: { name: string; of: TapFrame; offload?: Partial<Offload> }[] = [
    { name: "gsoSize 0", of: tcp4, offload: { gsoSize: 0 } },
    { name: "TCPv6 around IPv4", of: tcp4, offload: { gsoType: 4 } },
    { name: "TCPv4 around IPv6", of: tcp6, offload: { gsoType: 1 } },
    { name: "UDP around TCP", of: tcp4, offload: { gsoType: 5, csumOffset: 6 } },
    { name: "TCP around UDP", of: udp4, offload: { gsoType: 1, csumOffset: 16 } },
    { name: "csumStart elsewhere", of: tcp4, offload: { csumStart: 36 } },
    { name: "csumOffset elsewhere", of: tcp4, offload: { csumOffset: 6 } },
    { name: "hdrLen beyond the frame", of: tcp4, offload: { hdrLen: 4055 } },
    { name: "neither open nor verified", of: tcp4, offload: { flags: 0 } },
    { name: "no payload", of: superFrame({}, 1000) },
    { name: "fragment", of: superFrame({ fragment: 0x2000, payload: payload(4000) }, 1000) },
    {
      name: "three VLAN tags",
      of: superFrame({ vlanTags: [[0x8100, 1], [0x8100, 2], [0x8100, 3]], payload: payload(4000) }, 1000),
    },
    {
      name: "headers longer than a slot",
      of: superFrame(
        { version: 6, extensions: [[0, payload(PIECE_HEADER_STRIDE - 50)]], payload: payload(4000) },
        1000,
      ),
    },
    {
      name: "csumStart within the Ethernet header",
      of: { offload: { ...NO_OFFLOAD, flags: 1, csumStart: 13, csumOffset: 1 }, frame: payload(100) },
    },
  ];
  for (const { name, of, offload } of rows) {
    assert.equal(refusal({ ...of, offload: { ...of.offload, ...offload } }), -Reason.FRAME_OFFLOAD, name);
  }
});

Deno.test("splitFrame() refuses a super-frame that ends within its headers, at every length", () => {
  const specs: FrameSpec[] = [
    { vlanTags: [[0x88a8, 7], [0x8100, 5]], ipOptions: payload(8), tcpOptions: TIMESTAMPS, payload: payload(1) },
    { version: 6, protocol: "udp", extensions: [HOP_BY_HOP], payload: payload(1) },
  ];
  for (const spec of specs) {
    const { offload, frame } = superFrame(spec, 1000);
    for (let length = 14; length < frame.length; length++) {
      const truncated = { offload, frame: frame.subarray(0, length) };
      assert.equal(refusal(truncated), -Reason.FRAME_OFFLOAD, `length ${length}`);
    }
    assert.equal(split({ offload, frame }).length, 1);
  }
});

Deno.test("splitFrame() asks for an empty list when a frame has no room, and refuses one that never has", () => {
  const tapFrame = superFrame({ payload: payload(4000) }, 1000);
  const buffer = packFrames([tapFrame]);
  const [{ at, length }] = buffer.frames;
  const list = new PieceList(7);
  assert.equal(splitFrame(buffer.octets, buffer.view, at, length, list), 4);
  assert.equal(splitFrame(buffer.octets, buffer.view, at, length, list), 0);
  assert.equal(list.count, 4);
  list.clear();
  assert.equal(splitFrame(buffer.octets, buffer.view, at, length, list), 4);
  assert.equal(refusal(tapFrame, 3), -Reason.FRAME_OFFLOAD);
  assert.equal(refusal(superFrame({ payload: payload(4000) }, 1), 256), -Reason.FRAME_OFFLOAD);
});

Deno.test("splitFrame() appends the frames of a burst one after another", () => {
  const burst = [
    superFrame({ payload: payload(4000) }, 1000),
    { offload: NO_OFFLOAD, frame: makeFrame({ payload: payload(10) }) },
    superFrame({ version: 6, payload: payload(3000) }, 1400),
  ];
  const buffer = packFrames(burst);
  const list = new PieceList(16);
  const counts = buffer.frames.map(({ at, length }) => splitFrame(buffer.octets, buffer.view, at, length, list));
  assert.deepEqual(counts, [4, 1, 3]);
  assert.deepEqual(assemblePieces(buffer, list), burst.flatMap(slowSplit));
});

Deno.test("splitFrame() allocates nothing in ten thousand bursts", () => {
  const buffer = packFrames([
    superFrame({ payload: payload(20000), tcpOptions: TIMESTAMPS, seq: 0xfffff000 }, 1000),
    superFrame({ version: 6, payload: payload(20000), flags: ACK | PSH }, 1400),
    superFrame({ protocol: "udp", payload: payload(7777) }, 1200),
    { offload: NO_OFFLOAD, frame: makeFrame({ payload: payload(10) }) },
    { offload: NO_OFFLOAD, frame: payload(13) },
  ]);
  const list = new PieceList(64);
  const bytes = allocatedPerCall(() => {
    list.clear();
    for (let i = 0; i < buffer.frames.length; i++) {
      splitFrame(buffer.octets, buffer.view, buffer.frames[i].at, buffer.frames[i].length, list);
    }
  });
  assert.equal(list.count, 20 + 15 + 7 + 1);
  assert.ok(bytes < 1, `${bytes} bytes per burst`);
});

/** Returns what splitting gives that allows frames up to a limit. */
function splitWithin(tapFrame: TapFrame, maxFrameLen: number, capacity = 256): Uint8Array[] | number {
  const buffer = packFrames([tapFrame]);
  const before = Uint8Array.from(buffer.octets);
  const list = new PieceList(capacity);
  const [{ at, length }] = buffer.frames;
  const result = splitFrame(buffer.octets, buffer.view, at, length, list, maxFrameLen);
  assert.deepEqual(buffer.octets, before);
  assert.equal(Math.max(0, result), list.count);
  return result < 0 ? result : assemblePieces(buffer, list);
}

/** A TCP frame as the local host leaves it: one segment, its checksum open. */
function uncutSegment(spec: FrameSpec): TapFrame {
  const { offload, frame } = superFrame(spec, 1000);
  return { offload: { ...offload, gsoType: 0, gsoSize: 0, hdrLen: 0 }, frame };
}

Deno.test("splitFrame() cuts TCP shorter where the path carries less, as its slow twin does at that size", () => {
  const rows: { name: string; spec: FrameSpec; limit: number; headerLen: number }[] = [
    { name: "IPv4", spec: { payload: payload(4000) }, limit: 1404, headerLen: 54 },
    { name: "IPv6", spec: { version: 6, payload: payload(4000) }, limit: 1404, headerLen: 74 },
    { name: "odd limit", spec: { tcpOptions: TIMESTAMPS, payload: payload(4000) }, limit: 1333, headerLen: 66 },
    { name: "802.1Q", spec: { vlanTags: [[0x8100, 5]], payload: payload(4000) }, limit: 600, headerLen: 58 },
    {
      name: "all flags",
      spec: { flags: CWR | ECE | ACK | PSH | FIN, payload: payload(3000) },
      limit: 1100,
      headerLen: 54,
    },
    { name: "sequence number wraps", spec: { seq: 0xfffffff0, payload: payload(3000) }, limit: 900, headerLen: 54 },
    { name: "one octet a segment", spec: { payload: payload(100) }, limit: 55, headerLen: 54 },
  ];
  for (const { name, spec, limit, headerLen } of rows) {
    const expected = slowSplit(superFrame(spec, limit - headerLen));
    assert.deepEqual(splitWithin(superFrame(spec, 1448), limit), expected, name);
    assert.deepEqual(splitWithin(uncutSegment(spec), limit), expected, `${name}, one segment`);
  }
});

Deno.test("splitFrame() leaves alone what the path carries", () => {
  const frame = superFrame({ payload: payload(4000) }, 1350);
  assert.deepEqual(splitWithin(frame, 1404), slowSplit(frame));
  const single = uncutSegment({ payload: payload(1350) });
  assert.deepEqual(splitWithin(single, 1404), slowSplit(single));
  assert.equal((splitWithin(single, 1403) as Uint8Array[]).length, 2);
  const udp = superFrame({ protocol: "udp", payload: payload(4000) }, 1000);
  assert.deepEqual(splitWithin(udp, 1042), slowSplit(udp));
});

Deno.test("splitFrame() refuses what is too long for the path and no byte stream of the local host", () => {
  const long = payload(1400);
  const rows: { name: string; of: TapFrame; limit?: number; capacity?: number }[] = [
    { name: "not IP", of: { offload: NO_OFFLOAD, frame: payload(1400) } },
    { name: "UDP super-frame", of: superFrame({ protocol: "udp", payload: payload(4000) }, 1400) },
    { name: "UDP", of: uncutSegment({ protocol: "udp", payload: long }) },
    { name: "TCP with its checksum", of: { offload: NO_OFFLOAD, frame: makeFrame({ payload: long }) } },
    { name: "fragment", of: uncutSegment({ fragment: 0x2000, payload: long }) },
    { name: "SYN", of: uncutSegment({ flags: 0x02, payload: long }) },
    { name: "RST", of: uncutSegment({ flags: 0x04, payload: long }) },
    { name: "URG", of: uncutSegment({ flags: ACK | 0x20, payload: long }) },
    { name: "no room for payload", of: superFrame({ payload: payload(4000) }, 1400), limit: 54 },
    { name: "more segments than the list has rows", of: superFrame({ payload: payload(4000) }, 1400), capacity: 3 },
  ];
  for (const { name, of, limit = 1300, capacity } of rows) {
    assert.equal(splitWithin(of, limit, capacity), -Reason.PATH_OVERSIZED, name);
  }
  const { offload, frame } = uncutSegment({ payload: long });
  const padded = { offload, frame: Uint8Array.of(...frame, 0, 0) };
  assert.equal(splitWithin(padded, 1300), -Reason.PATH_OVERSIZED, "padding");
  const elsewhere = { offload: { ...offload, csumOffset: 6 }, frame };
  assert.equal(splitWithin(elsewhere, 1300), -Reason.PATH_OVERSIZED, "checksum elsewhere");
});
