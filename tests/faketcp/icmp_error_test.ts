import { strict as assert } from "node:assert";
import fc from "fast-check";
import { readIcmpError } from "../../src/faketcp/icmp_error.ts";
import { addSums, checksumOf, onesComplementSum, pseudoHeaderSum6 } from "../../src/wire/checksum.ts";
import { IpProtocol, writeIpv4Header } from "../../src/wire/ipv4.ts";
import { writeIpv6Header } from "../../src/wire/ipv6.ts";
import { connect, SoftHost } from "./soft_host.ts";

/** Makes an ICMP error of a router about a packet, as much of it as `quoted` octets. */
function icmpError(packet: Uint8Array, type: number, code: number, mtu: number, quoted = packet.length): Uint8Array {
  const isV4 = packet[0] >> 4 === 4;
  const headerLen = isV4 ? 20 : 40;
  const out = new Uint8Array(headerLen + 8 + quoted);
  const view = new DataView(out.buffer);
  if (isV4) {
    const to = new DataView(packet.buffer, packet.byteOffset).getUint32(12);
    writeIpv4Header(view, 0, 0, out.length, 0, 0, 64, 1, 0x0a000001, to);
  } else {
    writeIpv6Header(view, 0, 0, 0, out.length - 40, 58, 64);
    out.set(packet.slice(8, 24), 24);
  }
  out[headerLen] = type;
  out[headerLen + 1] = code;
  view.setUint32(headerLen + 4, mtu);
  out.set(packet.slice(0, quoted), headerLen + 8);
  fixChecksum(out);
  return out;
}

/** Writes the checksum of an ICMP or ICMPv6 packet. */
function fixChecksum(packet: Uint8Array): void {
  const view = new DataView(packet.buffer);
  const at = packet[0] >> 4 === 4 ? 20 : 40;
  const icmpLen = packet.length - at;
  view.setUint16(at + 2, 0);
  const sum = onesComplementSum(view, at, icmpLen);
  view.setUint16(at + 2, checksumOf(at === 20 ? sum : addSums(sum, pseudoHeaderSum6(view, 0, 58, icmpLen))));
}

Deno.test("a router's word that a segment is too big lowers the limit, down to a floor and never up", () => {
  const cases: [number, number, number][] = [
    [4, 1400, 1400 - 40 - 12],
    [4, 100, 536 - 12],
    [4, 0, 536 - 12],
    [6, 1400, 1400 - 60 - 12],
    [6, 600, 1280 - 60 - 12],
  ];
  for (const [family, mtu, expected] of cases) {
    const a = new SoftHost(1);
    const [row] = connect(a, new SoftHost(2), 0, family);
    const packet = a.segment(row, new Uint8Array(1400), 10);
    const [type, code] = family === 4 ? [3, 4] : [2, 0];
    const quoted = family === 4 ? 28 : 48;
    a.receive(icmpError(packet, type, code, mtu, quoted), 20);
    a.receive(icmpError(packet, type, code, 1450, quoted), 30);
    assert.deepEqual(a.eventNames(), ["opened", "limit changed"]);
    assert.deepEqual(a.events[1], { kind: "limit changed", row, generation: 1, maxDatagramLen: expected });
    assert.equal(a.table.maxDatagramLen[row], expected);
  }
});

Deno.test("an ICMP error is ignored unless it quotes what is in flight", () => {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [row, rowB] = connect(a, b, 0);
  const packet = a.segment(row, new Uint8Array(1400), 10);
  const change = (at: number) => {
    const other = packet.slice();
    other[at] ^= 0x40;
    return icmpError(other, 3, 4, 1300);
  };
  // Source, destination, ports, and the upper octets of the sequence number.
  for (const at of [15, 19, 21, 23, 24]) a.receive(change(at), 20);
  a.receive(icmpError(b.segment(rowB, new Uint8Array(10), 10), 3, 4, 1300), 20);
  a.receive(icmpError(packet, 11, 0, 0), 20);
  assert.deepEqual(a.eventNames(), ["opened"]);
  a.receive(icmpError(packet, 3, 4, 1300), 20);
  assert.deepEqual(a.eventNames(), ["opened", "limit changed"]);
});

Deno.test("an unreachable host ends a dial, and only makes an open connection doubtful", () => {
  for (const [family, type] of [[4, 3], [6, 1]]) {
    const a = new SoftHost(1);
    a.stack.dial(new SoftHost(2).endpoint(family), 0);
    const [syn] = a.transmit();
    a.receive(icmpError(syn, type, 1, 0), 10);
    assert.deepEqual(a.eventNames(), ["closed: unreachable"]);

    const b = new SoftHost(1);
    const [row] = connect(b, new SoftHost(2), 0, family);
    const packet = b.segment(row, new Uint8Array(100), 10);
    for (let count = 0; count < 10; count++) b.receive(icmpError(packet, type, 1, 0), 20);
    assert.deepEqual(b.eventNames(), ["opened", "doubted: ICMP"]);
    assert.equal(b.openCount(), 1);
  }
});

Deno.test("readIcmpError() needs what is quoted up to the sequence number, and a packet that isn't cut off", () => {
  for (const family of [4, 6]) {
    const a = new SoftHost(1);
    const [row] = connect(a, new SoftHost(2), 0, family);
    const packet = a.segment(row, new Uint8Array(5), 0);
    const [type, code, needed] = family === 4 ? [3, 4, 20 + 8] : [2, 0, 40 + 8];
    const read = (error: Uint8Array) => readIcmpError(new DataView(error.slice().buffer), 0, error.length, a.local);
    for (let quoted = 0; quoted <= packet.length; quoted++) {
      const error = icmpError(packet, type, code, 1300, quoted);
      assert.equal(read(error) !== undefined, quoted >= needed, `${quoted} octets quoted`);
    }
    const error = icmpError(packet, type, code, 1300);
    assert.deepEqual(read(error)?.mtu, 1300);
    for (let length = 0; length < error.length; length++) assert.equal(read(error.slice(0, length)), undefined);
    for (let at = error.length - packet.length - 8; at < error.length; at++) {
      const damaged = error.slice();
      damaged[at] ^= 0x10;
      assert.equal(read(damaged), undefined, `octet ${at}`);
    }
  }
});

Deno.test("readIcmpError() never throws, whatever arrives", () => {
  const a = new SoftHost(1);
  const [row] = connect(a, new SoftHost(2), 0);
  const error = icmpError(a.segment(row, new Uint8Array(5), 0), 3, 4, 1300);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(60), fc.boolean(), (noise, at, isAlmost) => {
      const packet = isAlmost ? error.slice() : noise;
      if (isAlmost) packet.set(noise.slice(0, Math.max(packet.length - at, 0)), Math.min(at, packet.length));
      readIcmpError(new DataView(packet.slice().buffer), 0, packet.length, a.local);
      a.receive(packet, 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("readIcmpError() returns nothing for other protocols and quoted UDP", () => {
  const a = new SoftHost(1);
  const [row] = connect(a, new SoftHost(2), 0);
  const error = icmpError(a.segment(row, new Uint8Array(5), 0), 3, 4, 1300);
  for (const [at, value] of [[9, IpProtocol.UDP], [28 + 9, IpProtocol.UDP], [6, 0x20], [20, 8]]) {
    const other = error.slice();
    other[at] = value;
    if (at >= 20) fixChecksum(other);
    assert.equal(readIcmpError(new DataView(other.buffer), 0, other.length, a.local), undefined);
  }
});
