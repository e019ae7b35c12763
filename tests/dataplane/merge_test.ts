import { strict as assert } from "node:assert";
import { FrameMerger, MERGED_FRAMES_MAX, OPEN_FLOWS_MAX, SUPER_FRAME_MAX_LEN } from "../../src/dataplane/merge.ts";
import { WriteList } from "../../src/dataplane/write_list.ts";
import { slowSum } from "../reference/checksum.ts";
import {
  type FrameSpec,
  makeFrame,
  makeParts,
  pseudoHeader,
  readWord,
  takeApart,
  writeWord,
} from "../reference/frame.ts";
import { makeSuperFrame, NO_OFFLOAD, slowMerge, slowSplit, type TapFrame } from "../reference/offload.ts";
import { allocatedPerCall } from "./allocation.ts";
import { gatherFrames, packPlainFrames, payload, type TapBuffer } from "./tap_buffer.ts";

const FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20, ECE = 0x40, CWR = 0x80;
const VERIFIED = { ...NO_OFFLOAD, flags: 2 };
const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7);
const HOP_BY_HOP: [number, Uint8Array] = [0, Uint8Array.of(1, 4, 0, 0, 0, 0)];

/** Returns the frames that a sender makes of `spec` with its payload cut into pieces of `size`. */
function segments(spec: FrameSpec, size: number): Uint8Array[] {
  return slowSplit(makeSuperFrame(makeParts(spec), size));
}

function pushAll(buffer: TapBuffer, merger: FrameMerger): void {
  for (let i = 0; i < buffer.frames.length; i++) {
    const { at, length, sum } = buffer.frames[i];
    if (!merger.push(at, length, sum)) throw new RangeError(`no room for frame ${i}`);
  }
  merger.flush();
}

function merge(frames: Uint8Array[], mergeUdp = true): TapFrame[] {
  const buffer = packPlainFrames(frames);
  const list = new WriteList(frames.length);
  pushAll(buffer, new FrameMerger(buffer.octets, list, { mergeUdp }));
  return gatherFrames(buffer, list);
}

/** Returns for each output frame how many frames it stands for. */
function sizes(output: TapFrame[]): number[] {
  return output.map((tapFrame) => slowSplit(tapFrame).length);
}

/** Returns a copy with octets changed at an offset, checksums left as they were. */
function spoil(frame: Uint8Array, at: number, ...octets: number[]): Uint8Array {
  const spoiled = Uint8Array.from(frame);
  spoiled.set(octets, at);
  return spoiled;
}

/** Returns a copy whose IPv4 packet claims another length, its checksums made so that only the length is wrong. */
function claimLength(frame: Uint8Array, length: number): Uint8Array {
  const claiming = spoil(frame, 14 + 2, length >> 8, length & 0xff, ...frame.subarray(14 + 4, 14 + 10), 0, 0);
  writeWord(claiming, 14 + 10, 0xffff - slowSum(claiming.subarray(14, 34)));
  writeWord(claiming, 34 + 16, 0);
  const covered = Uint8Array.of(...pseudoHeader(claiming.subarray(14, 34), 6, length - 20), ...claiming.subarray(34));
  writeWord(claiming, 34 + 16, 0xffff - slowSum(covered));
  return claiming;
}

function pad(frame: Uint8Array, length: number, filler = 0): Uint8Array {
  return Uint8Array.of(...frame, ...new Uint8Array(length).fill(filler));
}

Deno.test("FrameMerger merges the segments of a super-frame into that super-frame", () => {
  const rows: { name: string; spec: FrameSpec; size: number }[] = [
    { name: "TCP over IPv4", spec: { payload: payload(4000) }, size: 1448 },
    { name: "TCP over IPv6", spec: { version: 6, flowLabel: 0x12345, payload: payload(4000) }, size: 1428 },
    { name: "UDP over IPv4", spec: { protocol: "udp", payload: payload(4000) }, size: 1200 },
    { name: "UDP over IPv6", spec: { version: 6, protocol: "udp", payload: payload(4000) }, size: 1200 },
    { name: "exact multiple", spec: { payload: payload(3000) }, size: 1000 },
    { name: "odd size", spec: { payload: payload(3333) }, size: 999 },
    { name: "last of one octet", spec: { payload: payload(2001) }, size: 1000 },
    { name: "tiny segments", spec: { payload: payload(7) }, size: 2 },
    { name: "jumbo MTU", spec: { payload: payload(60000), tcpOptions: TIMESTAMPS }, size: 8948 },
    { name: "802.1Q", spec: { vlanTags: [[0x8100, 0x2005]], payload: payload(4000) }, size: 1448 },
    {
      name: "802.1ad, IPv6",
      spec: { version: 6, vlanTags: [[0x88a8, 7], [0x8100, 0x2005]], payload: payload(4000) },
      size: 1420,
    },
    {
      name: "timestamps, type of service",
      spec: { tcpOptions: TIMESTAMPS, typeOfService: 0xb9, payload: payload(4000) },
      size: 1436,
    },
    { name: "40 octets of TCP options", spec: { tcpOptions: payload(40), payload: payload(4000) }, size: 1000 },
    { name: "IPv4 options", spec: { ipOptions: Uint8Array.of(7, 4, 4, 0), payload: payload(4000) }, size: 1000 },
    { name: "extension header", spec: { version: 6, extensions: [HOP_BY_HOP], payload: payload(4000) }, size: 1000 },
    { name: "identification wraps", spec: { identification: 0xfffe, payload: payload(4000) }, size: 1000 },
    { name: "sequence number wraps", spec: { seq: 0xfffffe00, payload: payload(4000) }, size: 1000 },
    { name: "without DF", spec: { fragment: 0, payload: payload(4000) }, size: 1000 },
    { name: "PSH on the last", spec: { flags: ACK | PSH, payload: payload(4000) }, size: 1000 },
    { name: "PSH and FIN on the last", spec: { flags: ACK | PSH | FIN, payload: payload(4000) }, size: 1000 },
    { name: "urgent pointer without URG", spec: { urgent: 7, payload: payload(4000) }, size: 1000 },
  ];
  for (const { name, spec, size } of rows) {
    assert.deepEqual(merge(segments(spec, size)), [makeSuperFrame(makeParts(spec), size)], name);
    assert.deepEqual(slowMerge(segments(spec, size)), [makeSuperFrame(makeParts(spec), size)], `${name}, twin`);
  }
});

Deno.test("FrameMerger passes what can't be merged octet for octet, and tells what it has verified", () => {
  const tcp = makeFrame({ payload: payload(100) });
  const udpWithoutChecksum = spoil(makeFrame({ protocol: "udp", payload: payload(100) }), 14 + 20 + 6, 0, 0);
  const rows: { name: string; frame: Uint8Array; flags: number }[] = [
    { name: "14 octets", frame: payload(14), flags: 0 },
    { name: "shorter than an Ethernet header", frame: payload(9), flags: 0 },
    { name: "ARP", frame: spoil(payload(60), 12, 0x08, 0x06), flags: 0 },
    { name: "single TCP segment", frame: tcp, flags: 2 },
    { name: "single UDP datagram", frame: makeFrame({ protocol: "udp", payload: payload(99) }), flags: 2 },
    { name: "TCP without payload", frame: makeFrame({ version: 6 }), flags: 2 },
    { name: "SYN", frame: makeFrame({ flags: SYN, tcpOptions: TIMESTAMPS }), flags: 2 },
    { name: "zero padding", frame: pad(tcp, 15), flags: 2 },
    { name: "odd frame, zero padding", frame: pad(makeFrame({ payload: payload(99) }), 2), flags: 2 },
    { name: "padding that isn't zero", frame: pad(tcp, 15, 7), flags: 0 },
    { name: "wrong TCP checksum", frame: spoil(tcp, 80, tcp[80] ^ 1), flags: 0 },
    { name: "wrong IPv4 checksum", frame: spoil(tcp, 14 + 10, tcp[24] ^ 1), flags: 0 },
    { name: "UDP without checksum", frame: udpWithoutChecksum, flags: 0 },
    { name: "fragment", frame: makeFrame({ fragment: 0x2000, payload: payload(100) }), flags: 0 },
    { name: "last fragment", frame: makeFrame({ fragment: 0x00ff, payload: payload(100) }), flags: 0 },
    { name: "three VLAN tags", frame: makeFrame({ vlanTags: [[0x8100, 1], [0x8100, 2], [0x8100, 3]] }), flags: 0 },
    { name: "packet longer than the frame", frame: tcp.subarray(0, 100), flags: 0 },
    {
      name: "routing header with segments left",
      frame: makeFrame({ version: 6, extensions: [[43, Uint8Array.of(0, 1, 0, 0, 0, 0)]], payload: payload(100) }),
      flags: 0,
    },
    {
      name: "routing header, no segments left",
      frame: makeFrame({ version: 6, extensions: [[43, Uint8Array.of(0, 0, 0, 0, 0, 0)]], payload: payload(100) }),
      flags: 2,
    },
  ];
  for (const { name, frame, flags } of rows) {
    assert.deepEqual(merge([frame]), [{ offload: { ...NO_OFFLOAD, flags }, frame }], name);
    assert.deepEqual(slowMerge([frame]), [{ offload: { ...NO_OFFLOAD, flags }, frame }], `${name}, twin`);
  }
});

Deno.test("FrameMerger drops padding from the frames that it merges", () => {
  const spec = { payload: payload(2500) };
  const padded = segments(spec, 1000).map((frame, i) => pad(frame, i * 5));
  assert.deepEqual(merge(padded), [makeSuperFrame(makeParts(spec), 1000)]);
});

Deno.test("FrameMerger doesn't merge segments whose headers differ in more than a super-frame's may", () => {
  const first: FrameSpec = { payload: payload(100), seq: 1000, identification: 7 };
  const next: FrameSpec = { ...first, seq: 1100, identification: 8 };
  const first6: FrameSpec = { ...first, version: 6 };
  const next6: FrameSpec = { ...next, version: 6 };
  const rows: { name: string; frames: [FrameSpec, FrameSpec]; merged?: true }[] = [
    { name: "nothing", frames: [first, next], merged: true },
    { name: "nothing, IPv6", frames: [first6, next6], merged: true },
    { name: "a gap", frames: [first, { ...next, seq: 1101 }] },
    { name: "an overlap", frames: [first, { ...next, seq: 1099 }] },
    { name: "a retransmission", frames: [first, first] },
    { name: "identification repeated", frames: [first, { ...next, identification: 7 }] },
    { name: "identification skipped", frames: [first, { ...next, identification: 9 }] },
    { name: "acknowledgment", frames: [first, { ...next, ack: 2 }] },
    { name: "window", frames: [first, { ...next, window: 501 }] },
    { name: "urgent pointer", frames: [first, { ...next, urgent: 1 }] },
    { name: "DF", frames: [first, { ...next, fragment: 0 }] },
    { name: "reserved bit", frames: [{ ...first, fragment: 0x8000 }, { ...next, fragment: 0x8000 }] },
    { name: "TTL", frames: [first, { ...next, ttl: 63 }] },
    { name: "hop limit", frames: [first6, { ...next6, ttl: 63 }] },
    { name: "type of service", frames: [first, { ...next, typeOfService: 3 }] },
    { name: "traffic class", frames: [first6, { ...next6, typeOfService: 3 }] },
    { name: "flow label", frames: [first6, { ...next6, flowLabel: 1 }] },
    { name: "extension header", frames: [first6, { ...next6, extensions: [HOP_BY_HOP] }] },
    {
      name: "content of an extension header",
      frames: [{ ...first6, extensions: [HOP_BY_HOP] }, {
        ...next6,
        extensions: [[0, Uint8Array.of(1, 4, 0, 0, 0, 1)]],
      }],
    },
    { name: "IPv4 options", frames: [first, { ...next, ipOptions: Uint8Array.of(1, 1, 1, 1) }] },
    { name: "TCP options", frames: [first, { ...next, tcpOptions: TIMESTAMPS }] },
    {
      name: "timestamps",
      frames: [{ ...first, tcpOptions: TIMESTAMPS }, { ...next, tcpOptions: TIMESTAMPS.with(7, 9) }],
    },
    { name: "VLAN tag", frames: [first, { ...next, vlanTags: [[0x8100, 5]] }] },
    { name: "VLAN", frames: [{ ...first, vlanTags: [[0x8100, 5]] }, { ...next, vlanTags: [[0x8100, 6]] }] },
    { name: "a longer segment", frames: [first, { ...next, payload: payload(101) }] },
    { name: "no payload", frames: [first, { ...next, payload: payload(0) }] },
    { name: "SYN", frames: [first, { ...next, flags: ACK | SYN }] },
    { name: "RST", frames: [first, { ...next, flags: ACK | RST }] },
    { name: "URG", frames: [first, { ...next, flags: ACK | URG }] },
    { name: "ECE", frames: [first, { ...next, flags: ACK | ECE }] },
    { name: "CWR", frames: [first, { ...next, flags: ACK | CWR }] },
    { name: "no ACK", frames: [first, { ...next, flags: 0 }] },
    { name: "PSH on the first", frames: [{ ...first, flags: ACK | PSH }, next] },
    { name: "FIN on the first", frames: [{ ...first, flags: ACK | FIN }, next] },
    { name: "PSH on the second", frames: [first, { ...next, flags: ACK | PSH }], merged: true },
    { name: "ports", frames: [first, { ...next, ports: [1000, 2001] }] },
    { name: "addresses", frames: [first, { ...next, hosts: [1, 3] }] },
    {
      name: "a longer datagram",
      frames: [{ ...first, protocol: "udp" }, { ...next, protocol: "udp", payload: payload(101) }],
    },
    { name: "IP version", frames: [first, next6] },
  ];
  for (const { name, frames, merged } of rows) {
    const input = frames.map(makeFrame);
    const output = merge(input);
    assert.equal(output.length, merged ? 1 : 2, name);
    if (!merged) assert.deepEqual(output, input.map((frame) => ({ offload: VERIFIED, frame })), name);
    assert.deepEqual(slowMerge(input), output, `${name}, twin`);
  }
});

Deno.test("FrameMerger doesn't merge a frame whose Ethernet addresses differ", () => {
  const [first, second] = segments({ payload: payload(200) }, 100);
  const other = spoil(second, 0, 6);
  assert.deepEqual(merge([first, other]).map(({ frame }) => frame), [first, other]);
});

Deno.test("FrameMerger doesn't merge a segment that arrived damaged, and goes on after it", () => {
  const frames = segments({ payload: payload(600) }, 100);
  frames[2] = spoil(frames[2], 90, frames[2][90] ^ 4);
  const output = merge(frames);
  assert.deepEqual(sizes(output), [2, 1, 3]);
  assert.equal(output[1].offload.flags, 0);
  assert.deepEqual(output.flatMap(slowSplit), frames);
});

Deno.test("FrameMerger doesn't merge a segment whose IPv4 header is damaged, though the damage cancels in the frame's sum", () => {
  const frames = segments({ payload: payload(300) }, 100);
  const damaged = Uint8Array.from(frames[1]);
  writeWord(damaged, 14 + 10, (readWord(damaged, 14 + 10) + 1) & 0xffff);
  writeWord(damaged, 14 + 20 + 20, (readWord(damaged, 14 + 20 + 20) - 1) & 0xffff);
  assert.equal(slowSum(damaged), slowSum(frames[1]));
  const output = merge([frames[0], damaged, frames[2]]);
  assert.deepEqual(output.map(({ frame, offload }) => ({ frame, flags: offload.flags })), [
    { frame: frames[0], flags: 2 },
    { frame: damaged, flags: 0 },
    { frame: frames[2], flags: 2 },
  ]);
});

Deno.test("FrameMerger never merges beyond a frame whose packet claims an impossible length", () => {
  const [first, second] = segments({ payload: payload(200) }, 100);
  for (const length of [0, 20, 39, first.length - 14 + 1, first.length - 14 + 2, 60000]) {
    // The first of a flow is examined in one place, the next in another.
    for (const frames of [[claimLength(first, length), second], [first, claimLength(second, length)]]) {
      const output = merge(frames);
      assert.deepEqual(output.map(({ frame }) => frame), frames, `length ${length}`);
      const impossible = frames[0] === first ? 1 : 0;
      assert.equal(output[impossible].offload.flags, 0, `length ${length}`);
    }
  }
  // The same checksums with the true length are right, or the cases above would prove nothing.
  assert.deepEqual([first, second].map((frame) => claimLength(frame, frame.length - 14)), [first, second]);
});

Deno.test("FrameMerger closes a super-frame at a shorter segment, at PSH and at FIN", () => {
  const short = segments({ payload: payload(250) }, 100);
  const pushed = segments({ seq: 251, identification: 3, flags: ACK | PSH, payload: payload(300) }, 100);
  const last = segments({ seq: 551, identification: 6, flags: ACK | FIN, payload: payload(200) }, 100);
  const frames = [...short, ...pushed, ...last];
  const output = merge(frames);
  assert.deepEqual(sizes(output), [3, 3, 2]);
  assert.deepEqual(output.flatMap(slowSplit), frames);
});

Deno.test("FrameMerger merges as many frames as the kernel takes, and no longer super-frame than it takes", () => {
  const many = segments({ payload: payload(200 * 10) }, 10);
  assert.deepEqual(sizes(merge(many)), [MERGED_FRAMES_MAX, MERGED_FRAMES_MAX, MERGED_FRAMES_MAX, 8]);
  const long = [
    ...segments({ payload: payload(45 * 1448) }, 1448),
    ...segments({ seq: 1 + 45 * 1448, identification: 45, payload: payload(45 * 1448) }, 1448),
  ];
  const output = merge(long);
  assert.deepEqual(sizes(output), [45, 45]);
  assert.ok(output.every(({ frame }) => frame.length <= SUPER_FRAME_MAX_LEN));
  assert.deepEqual(output.flatMap(slowSplit), long);
});

Deno.test("FrameMerger fills a super-frame to the last octet that may be", () => {
  const headerLen = 14 + 20 + 20;
  for (const [excess, expected] of [[0, [9]], [1, [8, 1]]] as const) {
    const spec = { payload: payload(SUPER_FRAME_MAX_LEN - headerLen + excess) };
    const frames = segments(spec, 8000);
    const output = merge(frames);
    assert.deepEqual(sizes(output), expected);
    assert.deepEqual(output.flatMap(slowSplit), frames);
  }
});

Deno.test("FrameMerger merges flows that interleave, each in its own order", () => {
  const flows = [
    segments({ ports: [1, 2], payload: payload(1000) }, 100),
    segments({ ports: [2, 1], payload: payload(1000) }, 100),
    segments({ ports: [1, 2], version: 6, payload: payload(1000) }, 100),
    segments({ ports: [1, 2], protocol: "udp", payload: payload(1000) }, 100),
    segments({ ports: [1, 2], hosts: [1, 9], payload: payload(1000) }, 100),
  ];
  const frames = flows[0].flatMap((_, i) => flows.map((flow) => flow[i]));
  const output = merge(frames);
  assert.deepEqual(sizes(output), [10, 10, 10, 10, 10]);
  assert.deepEqual(output.flatMap(slowSplit), flows.flat());
});

Deno.test("FrameMerger leaves UDP alone where the kernel doesn't take it merged", () => {
  const frames = segments({ protocol: "udp", payload: payload(300) }, 100);
  assert.deepEqual(merge(frames, false), frames.map((frame) => ({ offload: VERIFIED, frame })));
});

Deno.test("FrameMerger doesn't merge UDP datagrams whose length field disagrees with the packet's", () => {
  // One octet less than the packet holds; the checksum field is right for what the sum over the frame will be.
  const frames = segments({ protocol: "udp", payload: payload(200) }, 100).map((frame) => {
    const altered = spoil(frame, 14 + 20 + 4, 0, 107, 0, 0);
    const parts = takeApart(altered)!;
    const pseudo = Uint8Array.of(...parts.ip.subarray(12, 20), 0, 17, 0, 108);
    const checksum = 0xffff - slowSum(Uint8Array.of(...pseudo, ...parts.transport, ...parts.payload));
    return spoil(altered, 14 + 20 + 6, checksum >> 8, checksum & 0xff);
  });
  assert.deepEqual(merge(frames), frames.map((frame) => ({ offload: VERIFIED, frame })));
});

Deno.test("FrameMerger writes a flow's super-frame before anything of the flow that isn't part of it", () => {
  const [first, second, third, fourth] = segments({ payload: payload(400) }, 100);
  const others: { name: string; frame: Uint8Array }[] = [
    { name: "pure ACK", frame: makeFrame({ seq: 201 }) },
    { name: "RST", frame: makeFrame({ seq: 201, flags: RST | ACK }) },
    { name: "fragment", frame: makeFrame({ fragment: 0x2000, payload: payload(64) }) },
    { name: "last fragment", frame: makeFrame({ fragment: 0x0008, payload: payload(64) }) },
    { name: "TCP header cut off", frame: makeFrame({ payload: payload(0) }).subarray(0, 14 + 20 + 19) },
    { name: "ICMP", frame: spoil(makeFrame({ payload: payload(64) }), 14 + 9, 1) },
  ];
  for (const { name, frame } of others) {
    const input = [first, second, frame, third, fourth];
    const output = merge(input);
    assert.deepEqual(sizes(output), [2, 1, 2], name);
    assert.deepEqual(output.flatMap(slowSplit), input, name);
  }
});

Deno.test("FrameMerger leaves super-frames open when a frame of others passes", () => {
  const [first, second] = segments({ payload: payload(200) }, 100);
  for (const frame of [payload(60), makeFrame({ hosts: [1, 3], fragment: 0x2000 }), makeFrame({ hosts: [2, 1] })]) {
    const output = merge([first, frame, second]);
    assert.deepEqual(output.map((tapFrame) => slowSplit(tapFrame).length).toSorted(), [1, 2]);
  }
});

Deno.test("FrameMerger closes the oldest super-frame when one more flow begins than it keeps open", () => {
  const flows = Array.from(
    { length: OPEN_FLOWS_MAX + 1 },
    (_, i) => segments({ ports: [i, 80], payload: payload(300) }, 100),
  );
  const frames = [...flows.map(([first]) => first), ...flows.slice(1).flatMap(([, ...rest]) => rest)];
  const output = merge(frames);
  assert.deepEqual(output[0], { offload: VERIFIED, frame: flows[0][0] });
  assert.deepEqual(sizes(output.slice(1)), new Array(OPEN_FLOWS_MAX).fill(3));
  assert.deepEqual(slowMerge(frames), output);
});

Deno.test("push() takes nothing when the list has no room, and works again after flush and clear", () => {
  const frames = segments({ payload: payload(500) }, 100);
  const buffer = packPlainFrames(frames);
  const list = new WriteList(3);
  const merger = new FrameMerger(buffer.octets, list, { mergeUdp: true });
  const taken = buffer.frames.map(({ at, length, sum }) => merger.push(at, length, sum));
  assert.deepEqual(taken, [true, true, true, false, false]);
  merger.flush();
  assert.deepEqual(gatherFrames(buffer, list).flatMap(slowSplit), frames.slice(0, 3));
  list.clear();
  const { at, length, sum } = buffer.frames[3];
  assert.equal(merger.push(at, length, sum), true);
  merger.flush();
  assert.deepEqual(gatherFrames(buffer, list), [{ offload: VERIFIED, frame: frames[3] }]);
});

Deno.test("FrameMerger allocates nothing in ten thousand bursts", () => {
  const flows = [
    segments({ ports: [1, 2], seq: 0xfffffff0, identification: 0xfffe, payload: payload(20000) }, 1000),
    segments({ version: 6, ports: [1, 2], tcpOptions: TIMESTAMPS, flags: ACK | PSH, payload: payload(20000) }, 1000),
    segments({ protocol: "udp", payload: payload(19001) }, 1000),
    Array.from({ length: 20 }, (_, i) => makeFrame({ ports: [0xff00 + i, 80], ack: 0xffffff00 + i })),
    Array.from({ length: 20 }, (_, i) => makeFrame({ fragment: 0x2000 + i, payload: payload(100) })),
    Array.from({ length: 20 }, () => payload(60)),
  ];
  const buffer = packPlainFrames(flows[0].flatMap((_, i) => flows.map((flow) => flow[i])));
  const list = new WriteList(buffer.frames.length);
  const merger = new FrameMerger(buffer.octets, list, { mergeUdp: true });
  const bytes = allocatedPerCall(() => {
    list.clear();
    pushAll(buffer, merger);
  });
  assert.ok(list.count < buffer.frames.length);
  assert.ok(bytes < 1, `${bytes} bytes per burst`);
});
