import { strict as assert } from "node:assert";
import {
  hasMoreFragments,
  lastNextHeaderAt,
  perFragmentHeadersLen,
  readFragmentIdentification,
  readFragmentNextHeader,
  readFragmentOffset,
  writeFragmentHeader,
} from "../../src/wire/ipv6_fragment.ts";

Deno.test("writeFragmentHeader() writes the layout of RFC 8200, and the fields are read back", () => {
  const octets = new Uint8Array(10).fill(0xa5);
  const view = new DataView(octets.buffer);
  writeFragmentHeader(view, 1, 17, 1232, true, 0xdeadbeef);
  assert.deepEqual([...octets], [0xa5, 17, 0, 0x04, 0xd1, 0xde, 0xad, 0xbe, 0xef, 0xa5]);
  assert.equal(readFragmentNextHeader(view, 1), 17);
  assert.equal(readFragmentOffset(view, 1), 1232);
  assert.equal(hasMoreFragments(view, 1), true);
  assert.equal(readFragmentIdentification(view, 1), 0xdeadbeef | 0);
  writeFragmentHeader(view, 1, 6, 0xfff8, false, 0);
  assert.equal(readFragmentOffset(view, 1), 0xfff8);
  assert.equal(hasMoreFragments(view, 1), false);
});

Deno.test("perFragmentHeadersLen() ends behind the last header that routers look at", () => {
  const [HOP, ROUTING, FRAGMENT, DESTINATION, UDP] = [0, 43, 44, 60, 17];
  /** Returns a packet with a chain of extension headers, each its number and its length in octets. */
  const packet = (...chain: [number, number][]) => {
    const numbers = [...chain.map(([number]) => number), UDP];
    const octets = chain.flatMap(([, length], i) => [
      numbers[i + 1],
      length / 8 - 1,
      ...new Array<number>(length - 2).fill(1),
    ]);
    return Uint8Array.of(0x60, 0, 0, 0, 0, 0, numbers[0], 64, ...new Uint8Array(32), ...octets, 0, 0, 0, 0, 0, 0, 0, 0);
  };
  const rows: { name: string; octets: Uint8Array; repeated: number; nextAt: number; next: number }[] = [
    { name: "none", octets: packet(), repeated: 40, nextAt: 6, next: UDP },
    { name: "hop-by-hop", octets: packet([HOP, 16]), repeated: 56, nextAt: 40, next: UDP },
    { name: "destination options alone", octets: packet([DESTINATION, 8]), repeated: 40, nextAt: 6, next: DESTINATION },
    {
      name: "destination options in front of a routing header",
      octets: packet([HOP, 8], [DESTINATION, 8], [ROUTING, 24], [DESTINATION, 8]),
      repeated: 80,
      nextAt: 56,
      next: DESTINATION,
    },
    { name: "fragment", octets: packet([HOP, 8], [FRAGMENT, 8]), repeated: 48, nextAt: 40, next: FRAGMENT },
    {
      name: "header cut off",
      octets: packet([HOP, 8], [ROUTING, 64]).subarray(0, 60),
      repeated: 48,
      nextAt: 40,
      next: ROUTING,
    },
  ];
  for (const { name, octets, repeated, nextAt, next } of rows) {
    const copy = Uint8Array.of(9, ...octets);
    const view = new DataView(copy.buffer);
    assert.equal(perFragmentHeadersLen(view, 1, octets.length), repeated, name);
    assert.equal(lastNextHeaderAt(view, 1, repeated), nextAt, name);
    assert.equal(octets[nextAt], next, name);
  }
});
