import { strict as assert } from "node:assert";
import {
  isIcmpError,
  isIcmpv6Error,
  writeFragmentationNeeded,
  writePacketTooBig,
} from "../../src/wire/icmp_too_big.ts";
import { slowChecksum } from "../reference/checksum.ts";

const QUOTE = Uint8Array.from({ length: 33 }, (_, index) => index * 7);

Deno.test("writeFragmentationNeeded() writes type 3, code 4, and the MTU in the lower half of the second word", () => {
  const octets = new Uint8Array(3 + 8 + QUOTE.length).fill(0xa5);
  octets.set(QUOTE, 3 + 8);
  writeFragmentationNeeded(new DataView(octets.buffer), 3, 8 + QUOTE.length, 1374);
  assert.deepEqual([...octets.subarray(0, 5)], [0xa5, 0xa5, 0xa5, 3, 4]);
  assert.deepEqual([...octets.subarray(7, 11)], [0, 0, 1374 >> 8, 1374 & 0xff]);
  assert.deepEqual(octets.subarray(11), QUOTE);
  assert.equal(slowChecksum(octets.subarray(3)), 0);
});

Deno.test("writePacketTooBig() writes type 2, code 0, a 32-bit MTU, and a checksum over the pseudo-header", () => {
  const octets = new Uint8Array(40 + 8 + QUOTE.length);
  octets.set(Uint8Array.from({ length: 32 }, (_, index) => 0xf0 ^ index), 8);
  octets.set(QUOTE, 48);
  writePacketTooBig(new DataView(octets.buffer), 0, 40, 8 + QUOTE.length, 0x12345);
  assert.deepEqual([...octets.subarray(40, 42)], [2, 0]);
  assert.deepEqual([...octets.subarray(44, 48)], [0, 1, 0x23, 0x45]);
  const rest = Uint8Array.of(0, 0, 0, 8 + QUOTE.length, 0, 0, 0, 58);
  assert.equal(slowChecksum(octets.subarray(8, 40), rest, octets.subarray(40)), 0);
});

Deno.test("isIcmpError() and isIcmpv6Error() know the types that must not be answered", () => {
  const all = Array.from({ length: 256 }, (_, type) => type);
  assert.deepEqual(all.filter(isIcmpError), [3, 4, 5, 11, 12]);
  assert.deepEqual(all.filter(isIcmpv6Error), [...all.slice(0, 128), 137]);
});
