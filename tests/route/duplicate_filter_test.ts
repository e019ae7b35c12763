import { strict as assert } from "node:assert";
import { crc32c, DUPLICATE_ENTRY_WORDS, isDuplicate } from "../../src/route/duplicate_filter.ts";

const ENTRIES = 64;
const TIMEOUT_MS = 40_000;

function createFilter(entries = ENTRIES): Int32Array {
  return new Int32Array(entries * DUPLICATE_ENTRY_WORDS);
}

const VECTORS: [name: string, octets: Uint8Array, crc: number][] = [
  ["nothing", new Uint8Array(0), 0],
  ["the check string", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 zero octets, RFC 3720 B.4", new Uint8Array(32), 0x8a9136aa],
  ["32 octets of ones, RFC 3720 B.4", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["ascending octets, RFC 3720 B.4", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ["descending octets, RFC 3720 B.4", Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
];

for (const [name, octets, crc] of VECTORS) {
  Deno.test(`crc32c() of ${name}`, () => {
    assert.equal(crc32c(octets, 0, octets.length), crc);
    const framed = new Uint8Array(octets.length + 7).fill(0x55);
    framed.set(octets, 3);
    assert.equal(crc32c(framed, 3, octets.length), crc, "at an offset");
  });
}

Deno.test("isDuplicate() lets a message through once", () => {
  const filter = createFilter();
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, 1000, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, 1001, TIMEOUT_MS), true);
});

Deno.test("isDuplicate() tells apart bodies, sources and types", () => {
  const filter = createFilter();
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, 0, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 0xffffffff, 2, 8, 0, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 65531, 8, 0, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 10, 0, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 0xffffffff, 2, 8, 0, TIMEOUT_MS), true);
});

Deno.test("isDuplicate() forgets after the timeout, which a repeat doesn't prolong", () => {
  const filter = createFilter();
  isDuplicate(filter, ENTRIES, 1, 2, 8, 0, TIMEOUT_MS);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, TIMEOUT_MS - 1, TIMEOUT_MS), true);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, TIMEOUT_MS, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, TIMEOUT_MS + 1, TIMEOUT_MS), true);
});

Deno.test("isDuplicate() works across the wrap of its clock", () => {
  const filter = createFilter();
  const wrapMs = 2 ** 32;
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, wrapMs - 10, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, wrapMs + 10, TIMEOUT_MS), true);
  assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, wrapMs - 10 + TIMEOUT_MS, TIMEOUT_MS), false);
});

Deno.test("isDuplicate() is switched off by a timeout of 0", () => {
  const filter = createFilter();
  for (let round = 0; round < 3; round++) assert.equal(isDuplicate(filter, ENTRIES, 1, 2, 8, 0, 0), false);
  assert.ok(filter.every((word) => word === 0));
});

Deno.test("isDuplicate() gives up the oldest entry of a full bucket", () => {
  const filter = createFilter(8);
  for (let crc = 0; crc < 9; crc++) assert.equal(isDuplicate(filter, 8, crc, 2, 8, crc, TIMEOUT_MS), false);
  assert.equal(isDuplicate(filter, 8, 1, 2, 8, 10, TIMEOUT_MS), true);
  assert.equal(isDuplicate(filter, 8, 8, 2, 8, 10, TIMEOUT_MS), true);
  assert.equal(isDuplicate(filter, 8, 0, 2, 8, 10, TIMEOUT_MS), false, "was the oldest");
});
