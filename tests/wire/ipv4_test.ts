import { strict as assert } from "node:assert";
import { onesComplementSum } from "../../src/wire/checksum.ts";
import {
  checkIpv4,
  IpProtocol,
  IPV4_MIN_HEADER_LEN,
  Ipv4Fragment,
  isIpv4Fragment,
  readIpv4Checksum,
  readIpv4Fragment,
  readIpv4Identification,
  readIpv4Protocol,
  readIpv4TotalLen,
  writeIpv4Checksum,
  writeIpv4Header,
  writeIpv4Identification,
  writeIpv4TotalLen,
} from "../../src/wire/ipv4.ts";

/** The worked example of Wikipedia's "Internet checksum": a UDP packet from 192.168.0.1 to 192.168.0.199. */
const HEADER = Uint8Array.from([
  ...[0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11],
  ...[0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7],
]);

/** Puts octets at an offset in a larger buffer of other octets. */
function embed(octets: Uint8Array, offset: number): DataView {
  const buffer = new Uint8Array(offset + octets.length + 5).fill(0xa5);
  buffer.set(octets, offset);
  return new DataView(buffer.buffer);
}

Deno.test("IPv4 accessors read the fields of a header, at any offset", () => {
  for (const offset of [0, 3, 22]) {
    const view = embed(HEADER, offset);
    assert.equal(checkIpv4(view, offset, HEADER.length), 20);
    assert.equal(readIpv4TotalLen(view, offset), 115);
    assert.equal(readIpv4Identification(view, offset), 0);
    assert.equal(readIpv4Fragment(view, offset), Ipv4Fragment.DF);
    assert.equal(readIpv4Protocol(view, offset), IpProtocol.UDP);
    assert.equal(readIpv4Checksum(view, offset), 0xb861);
    assert.equal(onesComplementSum(view, offset, 20), 0xffff);
  }
});

Deno.test("writeIpv4Header() writes the octets of a known header and nothing around them", () => {
  const view = embed(new Uint8Array(20), 3);
  writeIpv4Header(view, 3, 0, 115, 0, Ipv4Fragment.DF, 64, IpProtocol.UDP, 0xc0a80001, 0xc0a800c7);
  assert.deepEqual(view, embed(HEADER, 3));
});

Deno.test("writeIpv4TotalLen(), writeIpv4Identification() and writeIpv4Checksum() write one field each", () => {
  const view = embed(HEADER, 1);
  writeIpv4TotalLen(view, 1, 0xfffe);
  writeIpv4Identification(view, 1, 0xabcd);
  writeIpv4Checksum(view, 1, 0x1234);
  const expected = Uint8Array.from(HEADER);
  expected.set([0xff, 0xfe, 0xab, 0xcd], 2);
  expected.set([0x12, 0x34], 10);
  assert.deepEqual(view, embed(expected, 1));
});

Deno.test("checkIpv4() refuses a header that is truncated at any length", () => {
  for (let ihl = 5; ihl <= 15; ihl++) {
    const octets = new Uint8Array(60);
    octets[0] = 0x40 | ihl;
    for (let length = 0; length <= 60; length++) {
      // The view ends where the region ends: a read beyond it would throw.
      const view = new DataView(octets.buffer, 0, length);
      assert.equal(checkIpv4(view, 0, length), length >= ihl * 4 ? ihl * 4 : 0, `IHL ${ihl}, length ${length}`);
    }
  }
});

Deno.test("checkIpv4() refuses every other version and every impossible IHL", () => {
  const octets = new Uint8Array(60);
  const view = new DataView(octets.buffer);
  for (let first = 0; first < 256; first++) {
    octets[0] = first;
    const isValid = first >> 4 === 4 && (first & 15) * 4 >= IPV4_MIN_HEADER_LEN;
    assert.equal(checkIpv4(view, 0, 60) !== 0, isValid, first.toString(16));
  }
});

Deno.test("isIpv4Fragment() is true with more fragments or an offset, not with DF or the reserved bit", () => {
  const rows: [number, boolean][] = [[0, false], [0x4000, false], [0x8000, false], [0x2000, true], [1, true], [
    0x1fff,
    true,
  ]];
  for (const [field, expected] of rows) {
    const view = embed(HEADER, 0);
    view.setUint16(6, field);
    assert.equal(isIpv4Fragment(view, 0), expected, field.toString(16));
  }
});
