import { strict as assert } from "node:assert";
import fc from "fast-check";
import { readTime, writeTime, ZERO_TIME_MS } from "../../../src/control/gob/time.ts";

const READ: readonly { name: string; hex: string; expected: number | undefined }[] = [
  { name: "no octets as the zero time", hex: "", expected: ZERO_TIME_MS },
  { name: "version 1 in UTC", hex: "010000000edce5e800075bcd15ffff", expected: 1_700_000_000_123.456789 },
  { name: "version 1 in another zone", hex: "010000000edce5e800075bcd1501e0", expected: 1_700_000_000_123.456789 },
  {
    name: "version 2, whose zone has seconds",
    hex: "020000000edce5e800075bcd1501e007",
    expected: 1_700_000_000_123.456789,
  },
  { name: "1970", hex: "010000000e7791f70000000000ffff", expected: 0 },
  { name: "a time before year 1", hex: "01ffffffffffffffff00000000ffff", expected: ZERO_TIME_MS - 1000 },
  { name: "version 0 as malformed", hex: "000000000edce5e800075bcd15ffff", expected: undefined },
  { name: "version 3 as malformed", hex: "030000000edce5e800075bcd15ffff", expected: undefined },
  { name: "version 1 of the wrong length as malformed", hex: "010000000edce5e800075bcd15ffff00", expected: undefined },
  { name: "version 2 of the wrong length as malformed", hex: "020000000edce5e800075bcd15ffff", expected: undefined },
  { name: "a lone octet as malformed", hex: "01", expected: undefined },
  { name: "a second of nanoseconds as malformed", hex: "010000000edce5e8003b9aca00ffff", expected: undefined },
  { name: "negative nanoseconds as malformed", hex: "010000000edce5e800ffffffffffff", expected: undefined },
  { name: "a time too far away as malformed", hex: "017fffffffffffffff00000000ffff", expected: undefined },
];

for (const { name, hex, expected } of READ) {
  Deno.test(`readTime() reads ${name}`, () => {
    assert.equal(readTime(Uint8Array.fromHex(hex)), expected);
  });
}

Deno.test("writeTime() writes the zero time as no octets, others in UTC", () => {
  assert.equal(writeTime(ZERO_TIME_MS).length, 0);
  assert.equal(writeTime(0).toHex(), "010000000e7791f70000000000ffff");
  assert.equal(writeTime(1_700_000_000_123.5).toHex(), "010000000edce5e800075c75e0ffff");
});

Deno.test("writeTime() refuses what isn't a time", () => {
  for (const value of [NaN, Infinity, -Infinity, 2 ** 60]) assert.throws(() => writeTime(value), RangeError);
});

Deno.test("readTime() reads what writeTime() wrote: milliseconds exactly, fractions to the nanosecond", () => {
  fc.assert(fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), fc.nat(999), (wholeMs, permille) => {
    assert.equal(readTime(writeTime(wholeMs)), wholeMs);
    const recentMs = Math.abs(wholeMs) % 2 ** 42 + permille / 1000;
    assert.ok(Math.abs(readTime(writeTime(recentMs))! - recentMs) < 2 ** -10);
  }));
});

Deno.test("readTime() never throws", () => {
  const octets = fc.uint8Array({ maxLength: 20 });
  fc.assert(fc.property(octets, (value) => {
    const timeMs = readTime(value);
    assert.ok(timeMs === undefined || Number.isFinite(timeMs));
  }));
});
