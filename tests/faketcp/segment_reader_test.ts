import { strict as assert } from "node:assert";
import fc from "fast-check";
import { endpointAddress } from "../../src/base/endpoint.ts";
import { Reason } from "../../src/base/reason.ts";
import { REMOTE_WORDS } from "../../src/faketcp/connection_table.ts";
import { completeChecksum, createLocalHost, SEGMENT_HEADER_MAX, writeSyn } from "../../src/faketcp/packet.ts";
import {
  checkSegment,
  createSegmentInfo,
  type SegmentInfo,
  segmentLen,
  verifyChecksum,
} from "../../src/faketcp/segment_reader.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { REFERENCE_SEGMENTS } from "../vectors/faketcp.ts";

const { FIN, SYN, RST, ACK, PSH, URG, ECE, CWR } = TcpFlag;

const RESPONDER = createLocalHost(
  Uint8Array.of(198, 51, 100, 2),
  Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, ...new Uint8Array(11), 2]),
  64,
);
const DIALLER = createLocalHost(Uint8Array.of(192, 0, 2, 1), undefined, 64);

/** Reads a packet at an offset in a larger buffer. */
function check(packet: Uint8Array, local = RESPONDER, length = packet.length): [number, SegmentInfo, number] {
  const buffer = new Uint8Array(packet.length + 20).fill(0xa5);
  buffer.set(packet, 7);
  const view = new DataView(buffer.buffer);
  const info = createSegmentInfo();
  const reason = checkSegment(view, 7, length, local, info);
  return [reason, info, reason === Reason.NONE ? verifyChecksum(view, 7, info) : -1];
}

function changed(packet: Uint8Array, at: number, ...octets: number[]): Uint8Array {
  const copy = packet.slice();
  copy.set(octets, at);
  return copy;
}

const SYN_PACKET = Uint8Array.fromHex(REFERENCE_SEGMENTS.syn);
const DATA_PACKET = Uint8Array.fromHex(REFERENCE_SEGMENTS.data);
const SYN_V6_PACKET = Uint8Array.fromHex(REFERENCE_SEGMENTS.synV6);

Deno.test("checkSegment() reads the segments of the reference node, and their checksums are right", () => {
  const [reason, syn, checksum] = check(SYN_PACKET);
  assert.deepEqual([reason, checksum], [Reason.NONE, Reason.NONE]);
  assert.deepEqual([syn.family, syn.flags, syn.seq, syn.ack, syn.window], [4, SYN, 0x11223344, 0, 0xffff]);
  assert.deepEqual([syn.windowScale, syn.mss, syn.sackPermitted, syn.hasTimestamps], [14, 0, false, false]);
  assert.deepEqual([syn.headerLen, syn.payloadLen, segmentLen(syn)], [44, 0, 1]);
  assert.deepEqual([...endpointAddress(syn.tuple, 0)], [192, 0, 2, 1]);
  assert.deepEqual([syn.tuple[1], syn.tuple[REMOTE_WORDS - 1], syn.localPort], [3001, 3002, 3002]);

  const [, synAck, synAckChecksum] = check(Uint8Array.fromHex(REFERENCE_SEGMENTS.synAck), DIALLER);
  assert.deepEqual([synAck.flags, synAck.ack, synAckChecksum], [SYN | ACK, 0x11223345, Reason.NONE]);

  const [, data, dataChecksum] = check(DATA_PACKET);
  assert.deepEqual([data.flags, data.payloadLen, data.payloadAt, dataChecksum], [ACK, 3, 7 + 40, Reason.NONE]);

  const [, synV6, synV6Checksum] = check(SYN_V6_PACKET);
  assert.deepEqual([synV6.family, synV6.headerLen, synV6.windowScale, synV6Checksum], [6, 64, 14, Reason.NONE]);
  assert.deepEqual([...endpointAddress(synV6.tuple, 0)], [0x20, 0x01, 0x0d, 0xb8, ...new Uint8Array(11), 1]);
});

Deno.test("checkSegment() refuses a packet cut off at any length", () => {
  for (const packet of [SYN_PACKET, DATA_PACKET, SYN_V6_PACKET]) {
    for (let length = 0; length < packet.length; length++) {
      assert.equal(check(packet.slice(0, length))[0], Reason.SEGMENT_MALFORMED, `${length} octets`);
    }
  }
});

Deno.test("checkSegment() leaves padding behind the packet alone", () => {
  const [reason, info] = check(DATA_PACKET, RESPONDER, DATA_PACKET.length + 6);
  assert.deepEqual([reason, info.payloadLen], [Reason.NONE, 3]);
});

Deno.test("checkSegment() refuses what no host sends, and what isn't for us", () => {
  const { SEGMENT_MALFORMED, SEGMENT_FOREIGN, NONE } = Reason;
  const cases: [string, Uint8Array, number][] = [
    ["another IP version", changed(SYN_PACKET, 0, 0x55), SEGMENT_MALFORMED],
    ["a header length below 20", changed(SYN_PACKET, 0, 0x44), SEGMENT_MALFORMED],
    ["a total length beyond the packet", changed(SYN_PACKET, 2, 0x00, 0x2d), SEGMENT_MALFORMED],
    ["a total length within the IP header", changed(SYN_PACKET, 2, 0x00, 0x13), SEGMENT_MALFORMED],
    ["a first fragment", changed(SYN_PACKET, 6, 0x20, 0x00), SEGMENT_MALFORMED],
    ["a later fragment", changed(SYN_PACKET, 6, 0x00, 0x08), SEGMENT_MALFORMED],
    ["a data offset below 20", changed(SYN_PACKET, 32, 0x40), SEGMENT_MALFORMED],
    ["a data offset beyond the packet", changed(SYN_PACKET, 32, 0x70), SEGMENT_MALFORMED],
    ["source port 0", changed(SYN_PACKET, 20, 0, 0), SEGMENT_MALFORMED],
    ["destination port 0", changed(SYN_PACKET, 22, 0, 0), SEGMENT_MALFORMED],
    ["UDP", changed(SYN_PACKET, 9, 17), SEGMENT_FOREIGN],
    ["another destination", changed(SYN_PACKET, 19, 9), SEGMENT_FOREIGN],
    ["our own address as source", changed(SYN_PACKET, 12, 198, 51, 100, 2), SEGMENT_FOREIGN],
    ["no source", changed(SYN_PACKET, 12, 0, 0, 0, 0), SEGMENT_FOREIGN],
    ["an IPv6 extension header", changed(SYN_V6_PACKET, 6, 0), SEGMENT_FOREIGN],
    ["an IPv6 fragment", changed(SYN_V6_PACKET, 6, 44), SEGMENT_FOREIGN],
    ["an IPv6 payload length of 0", changed(SYN_V6_PACKET, 4, 0, 0), SEGMENT_MALFORMED],
    ["an IPv6 payload length beyond the packet", changed(SYN_V6_PACKET, 5, 25), SEGMENT_MALFORMED],
    ["another IPv6 destination", changed(SYN_V6_PACKET, 39, 9), SEGMENT_FOREIGN],
    ["our own IPv6 address as source", changed(SYN_V6_PACKET, 23, 2), SEGMENT_FOREIGN],
    ["another type of service", changed(SYN_PACKET, 1, 0x10), NONE],
    ["a flow label", changed(SYN_V6_PACKET, 1, 0x0a, 0xbc, 0xde), NONE],
  ];
  for (const [name, packet, expected] of cases) assert.equal(check(packet)[0], expected, name);
});

Deno.test("checkSegment() reads nothing for a stack without an address of the family", () => {
  const none = createLocalHost(undefined, undefined, 64);
  assert.equal(check(changed(SYN_PACKET, 16, 0, 0, 0, 0), none)[0], Reason.SEGMENT_FOREIGN);
  assert.equal(check(changed(SYN_V6_PACKET, 24, ...new Uint8Array(16)), none)[0], Reason.SEGMENT_FOREIGN);
});

Deno.test("checkSegment() accepts the control bits that a host sends together, and no others", () => {
  const valid = [SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG];
  const beside = [0, PSH, ECE, CWR, PSH | ECE | CWR];
  for (let flags = 0; flags < 256; flags++) {
    const isValid = valid.some((some) => beside.some((other) => (some | other) === flags)) ||
      valid.includes(flags & ~(PSH | ECE | CWR));
    const expected = isValid ? Reason.NONE : Reason.SEGMENT_MALFORMED;
    assert.equal(check(changed(SYN_PACKET, 33, flags))[0], expected, `flags ${flags.toString(2)}`);
  }
});

Deno.test("verifyChecksum() refuses a segment with any single octet changed", () => {
  for (const packet of [SYN_PACKET, DATA_PACKET, SYN_V6_PACKET]) {
    for (let at = 0; at < packet.length; at++) {
      const [reason, , checksum] = check(changed(packet, at, packet[at] ^ 0x40));
      // Flow label, traffic class and hop limit of IPv6 are under no checksum.
      const isUncovered = packet === SYN_V6_PACKET && (at < 4 || at === 7);
      if (reason === Reason.NONE && !isUncovered) assert.equal(checksum, Reason.SEGMENT_CHECKSUM, `octet ${at}`);
    }
  }
});

Deno.test("checkSegment() reads IP options and skips them", () => {
  const packet = new Uint8Array(DATA_PACKET.length + 4);
  packet.set(DATA_PACKET.slice(0, 20));
  packet.set([1, 1, 1, 0], 20);
  packet.set(DATA_PACKET.slice(20), 24);
  packet[0] = 0x46;
  packet[3] += 4;
  const [reason, info] = check(packet);
  assert.deepEqual([reason, info.ipHeaderLen, info.headerLen, info.payloadLen], [Reason.NONE, 24, 44, 3]);
});

/** Returns the SYN with the given octets as options. */
function withOptions(flags: number, ...options: number[]): Uint8Array {
  const headerLen = 20 + Math.ceil(options.length / 4) * 4;
  const packet = new Uint8Array(20 + headerLen);
  packet.set(SYN_PACKET.slice(0, 40));
  packet.set(options, 40);
  packet[3] = packet.length;
  packet[32] = headerLen << 2;
  packet[33] = flags;
  return packet;
}

Deno.test("checkSegment() reads options in any order, and those of SYNs only in SYNs", () => {
  const options = [3, 3, 15, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 4, 2, 1, 2, 4, 0x05, 0xb4, 0];
  const [, syn] = check(withOptions(SYN, ...options));
  assert.deepEqual([syn.windowScale, syn.tsVal, syn.tsEcr, syn.sackPermitted, syn.mss], [14, 7, 9, true, 1460]);
  const [, ack] = check(withOptions(ACK, ...options));
  assert.deepEqual([ack.windowScale, ack.tsVal, ack.hasTimestamps, ack.sackPermitted, ack.mss], [
    -1,
    7,
    true,
    false,
    0,
  ]);
  const [, usual] = check(withOptions(ACK, 1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0));
  assert.deepEqual([usual.hasTimestamps, usual.tsVal, usual.tsEcr], [true, 256, 512]);
});

Deno.test("checkSegment() ends reading options at one of impossible length, and ignores one of wrong length", () => {
  for (const bad of [[8, 0], [8, 1], [8, 60]]) {
    const [reason, info] = check(withOptions(SYN, ...bad, 2, 4, 5, 0xb4));
    assert.deepEqual([reason, info.mss, info.hasTimestamps], [Reason.NONE, 0, false]);
  }
  const [, wrong] = check(withOptions(SYN, 2, 3, 1, 3, 4, 1, 1, 8, 4, 1, 1, 2, 4, 1, 0));
  assert.deepEqual([wrong.mss, wrong.windowScale, wrong.hasTimestamps], [256, -1, false]);
  assert.equal(check(withOptions(SYN, 1, 1, 1, 2))[1].mss, 0, "a kind in the last octet");
});

Deno.test("checkSegment() never throws nor reads outside of the packet, whatever arrives", () => {
  const noise = fc.uint8Array({ maxLength: 120 });
  const almost = fc.tuple(fc.constantFrom(SYN_PACKET, DATA_PACKET, SYN_V6_PACKET), noise, fc.nat(80)).map(
    ([packet, octets, at]) => {
      const mixed = new Uint8Array(Math.max(packet.length, at + octets.length));
      mixed.set(packet);
      mixed.set(octets.slice(0, mixed.length - at), at);
      return mixed;
    },
  );
  fc.assert(
    fc.property(fc.oneof(noise, almost), (packet) => {
      const exact = packet.slice();
      const view = new DataView(exact.buffer);
      const info = createSegmentInfo();
      if (checkSegment(view, 0, exact.length, RESPONDER, info) !== Reason.NONE) return;
      assert.ok(info.payloadAt + info.payloadLen <= exact.length && info.payloadLen >= 0);
      verifyChecksum(view, 0, info);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("checkSegment() reads back what writeSyn() wrote, for all sets of options", () => {
  for (let options = 0; options < 16; options++) {
    for (const family of [4, 6]) {
      const view = new DataView(new ArrayBuffer(SEGMENT_HEADER_MAX));
      const [, toUs] = check(family === 4 ? SYN_PACKET : SYN_V6_PACKET);
      const tuple = toUs.tuple;
      const length = writeSyn(view, 0, tuple, 0, RESPONDER, 5, SYN, 1, 0, 64240, options, 1400, 7, 11, 12);
      completeChecksum(view, 0, length);
      const info = createSegmentInfo();
      const words = tuple.slice(2, 6);
      const dialler = { addressV4: words[0], addressV6: words, ttl: 64 };
      assert.equal(checkSegment(view, 0, length, dialler, info), Reason.NONE);
      assert.equal(verifyChecksum(view, 0, info), Reason.NONE);
      assert.equal(info.headerLen, length);
      assert.deepEqual(
        [info.mss, info.sackPermitted, info.hasTimestamps, info.tsVal, info.windowScale],
        [
          options & 1 ? 1400 : 0,
          (options & 2) !== 0,
          (options & 4) !== 0,
          options & 4 ? 11 : 0,
          options & 8 ? 7 : -1,
        ],
      );
    }
  }
});
