import { strict as assert } from "node:assert";
import {
  checkIpv6,
  IPV6_HEADER_LEN,
  Ipv6Extension,
  ipv6HeadersLen,
  readIpv6NextHeader,
  readIpv6PayloadLen,
  readIpv6Protocol,
  writeIpv6Header,
  writeIpv6PayloadLen,
} from "../../src/wire/ipv6.ts";

const TCP = 6;

/** Returns a fixed header that announces `nextHeader`, followed by `rest`, `before` octets into a buffer. */
function packet(nextHeader: number, rest: number[], before = 0): DataView {
  const octets = new Uint8Array(before + IPV6_HEADER_LEN + rest.length);
  const view = new DataView(octets.buffer);
  writeIpv6Header(view, before, 0x2e, 0x12345, rest.length, nextHeader, 64);
  octets.set(rest, before + IPV6_HEADER_LEN);
  return view;
}

/** Returns an extension header of `8 * units` octets; the third and fourth octet may matter. */
function extension(nextHeader: number, units: number, segmentsLeft = 0): number[] {
  return [nextHeader, units - 1, 0, segmentsLeft, ...new Array(8 * units - 4).fill(0xcc)];
}

Deno.test("writeIpv6Header() writes the octets of the fixed header, at any offset", () => {
  for (const offset of [0, 3]) {
    const view = packet(TCP, [1, 2, 3], offset);
    const fixed = new Uint8Array(view.buffer, offset, 8);
    assert.deepEqual(fixed, Uint8Array.of(0x62, 0xe1, 0x23, 0x45, 0x00, 0x03, 6, 64));
    assert.equal(checkIpv6(view, offset, 43), IPV6_HEADER_LEN);
    assert.equal(readIpv6PayloadLen(view, offset), 3);
    assert.equal(readIpv6NextHeader(view, offset), TCP);
    writeIpv6PayloadLen(view, offset, 0xfffe);
    assert.equal(readIpv6PayloadLen(view, offset), 0xfffe);
  }
});

Deno.test("checkIpv6() refuses a header truncated at any length, and every other version", () => {
  const octets = new Uint8Array(40);
  octets[0] = 0x60;
  for (let length = 0; length < 40; length++) {
    assert.equal(checkIpv6(new DataView(octets.buffer, 0, length), 0, length), 0);
  }
  for (let version = 0; version < 16; version++) {
    octets[0] = version << 4;
    assert.equal(checkIpv6(new DataView(octets.buffer), 0, 40), version === 6 ? 40 : 0);
  }
});

Deno.test("ipv6HeadersLen() passes by the extension headers that may stand before TCP", () => {
  const { HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS } = Ipv6Extension;
  const rows: { name: string; first: number; rest: number[]; headersLen: number; protocol: number }[] = [
    { name: "none", first: TCP, rest: [], headersLen: 40, protocol: TCP },
    { name: "hop-by-hop", first: HOP_BY_HOP, rest: extension(TCP, 1), headersLen: 48, protocol: TCP },
    {
      name: "three in a row",
      first: HOP_BY_HOP,
      rest: [...extension(DESTINATION_OPTIONS, 2), ...extension(ROUTING, 1), ...extension(TCP, 3)],
      headersLen: 88,
      protocol: TCP,
    },
    {
      name: "routing with segments left",
      first: HOP_BY_HOP,
      rest: [...extension(ROUTING, 1), ...extension(TCP, 3, 1)],
      headersLen: 48,
      protocol: ROUTING,
    },
    { name: "fragment", first: FRAGMENT, rest: extension(TCP, 1), headersLen: 40, protocol: FRAGMENT },
    { name: "unknown", first: 253, rest: extension(TCP, 1), headersLen: 40, protocol: 253 },
  ];
  for (const { name, first, rest, headersLen, protocol } of rows) {
    for (const offset of [0, 5]) {
      const view = packet(first, rest, offset);
      assert.equal(ipv6HeadersLen(view, offset, 40 + rest.length), headersLen, name);
      assert.equal(readIpv6Protocol(view, offset, headersLen), protocol, name);
    }
  }
});

Deno.test("ipv6HeadersLen() never leaves a packet that is truncated at any length", () => {
  const { HOP_BY_HOP, DESTINATION_OPTIONS } = Ipv6Extension;
  const rest = [...extension(DESTINATION_OPTIONS, 2), ...extension(TCP, 3)];
  const whole = packet(HOP_BY_HOP, rest);
  for (let length = 40; length < 40 + rest.length; length++) {
    const view = new DataView(whole.buffer, 0, length);
    const headersLen = ipv6HeadersLen(view, 0, length);
    assert.ok(headersLen <= length, `length ${length}`);
    assert.notEqual(readIpv6Protocol(view, 0, headersLen), TCP, `length ${length}`);
  }
});
