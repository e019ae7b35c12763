import { strict as assert } from "node:assert";
import fc from "fast-check";
import { compareTai64n, encodeTai64n, nextTimestamp, TAI64N_LEN } from "../../src/noise/tai64n.ts";
import { HANDSHAKE_VECTOR } from "../vectors/handshake.ts";

/** Any moment up to the year 9999. */
const moment = fc.integer({ min: 0, max: 253_402_300_799_999 });

function encoded(wallClockMs: number): Uint8Array {
  const target = new Uint8Array(TAI64N_LEN);
  encodeTai64n(target, 0, wallClockMs);
  return target;
}

/** Nanoseconds since 1970, by BigInt arithmetic. */
function decodedNs(timestamp: Uint8Array): bigint {
  const view = new DataView(timestamp.buffer, timestamp.byteOffset);
  return (view.getBigUint64(0) - 0x400000000000000an) * 1_000_000_000n + BigInt(view.getUint32(8));
}

Deno.test("encodeTai64n() makes the vector's timestamp", () => {
  // 2026-11-22T12:27:41.540Z: 0x6b02dfc7 seconds after the epoch less ten, and 540 ms without the lower 24 bits.
  assert.deepEqual(encoded((0x6b02dfc7 - 10) * 1000 + 540), HANDSHAKE_VECTOR.timestamp);
});

Deno.test("encodeTai64n() writes the epoch, and years after 2106", () => {
  assert.equal(encoded(0).toHex(), "400000000000000a00000000");
  assert.equal(encoded((2 ** 32 - 10) * 1000).toHex(), "400000010000000000000000");
});

Deno.test("encodeTai64n() rounds down by less than 2^24 ns and never shows the lower 24 bits", () => {
  fc.assert(fc.property(moment, (wallClockMs) => {
    const timestamp = encoded(wallClockMs);
    const error = BigInt(wallClockMs) * 1_000_000n - decodedNs(timestamp);
    assert.ok(error >= 0n && error < 1n << 24n);
    assert.deepEqual([...timestamp.subarray(9)], [0, 0, 0]);
  }));
});

Deno.test("encodeTai64n() writes at an offset and nowhere else", () => {
  const target = new Uint8Array(TAI64N_LEN + 6).fill(0xaa);
  encodeTai64n(target, 3, 1234567);
  assert.deepEqual(target.subarray(3, 3 + TAI64N_LEN), encoded(1234567));
  assert.deepEqual([...target.subarray(0, 3), ...target.subarray(-3)], Array(6).fill(0xaa));
});

Deno.test("compareTai64n() orders timestamps as their moments", () => {
  fc.assert(fc.property(moment, moment, (a, b) => {
    const expected = decodedNs(encoded(a)) - decodedNs(encoded(b));
    const actual = compareTai64n(encoded(a), encoded(b));
    assert.equal(Math.sign(actual), expected > 0n ? 1 : expected < 0n ? -1 : 0);
  }));
});

Deno.test("nextTimestamp() is the clock's if that is newer", () => {
  assert.deepEqual(nextTimestamp(undefined, 5000), encoded(5000));
  assert.deepEqual(nextTimestamp(encoded(5000), 6000), encoded(6000));
});

Deno.test("nextTimestamp() grows whatever the clock does, and by one step only where the clock doesn't", () => {
  const clocks = fc.array(fc.oneof(moment, fc.constant(999), fc.integer({ min: 980, max: 1010 })), { maxLength: 100 });
  fc.assert(fc.property(clocks, (readings) => {
    let previous: Uint8Array | undefined;
    for (const wallClockMs of readings) {
      const next = nextTimestamp(previous, wallClockMs);
      if (previous !== undefined) {
        assert.ok(compareTai64n(next, previous) > 0);
        const isClocks = compareTai64n(next, encoded(wallClockMs)) === 0;
        assert.ok(isClocks || decodedNs(next) - decodedNs(previous) <= 1n << 24n);
      }
      assert.deepEqual([...next.subarray(9)], [0, 0, 0]);
      previous = next;
    }
  }));
});

Deno.test("nextTimestamp() carries into the seconds while the clock stands still", () => {
  let timestamp = nextTimestamp(undefined, 0);
  for (let step = 0; step < 60; step++) timestamp = nextTimestamp(timestamp, 0);
  assert.equal(timestamp.toHex(), "400000000000000b00000000");
});
