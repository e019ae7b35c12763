import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  foldSign,
  MAX_NUMBER_LEN,
  numberLength,
  readFloat,
  readUnsigned,
  unfoldSign,
  unsignedLength,
  writeFloat,
  writeUnsigned,
} from "../../../src/control/gob/unsigned.ts";

const UNSIGNED: readonly (readonly [value: number, hex: string])[] = [
  [0, "00"],
  [127, "7f"],
  [128, "ff80"],
  [255, "ffff"],
  [256, "fe0100"],
  [65_533, "fefffd"],
  [65_536, "fd010000"],
  [0xffff_ffff, "fcffffffff"],
  [2 ** 32, "fb0100000000"],
  [Number.MAX_SAFE_INTEGER, "f91fffffffffffff"],
];

const FOLDED: readonly (readonly [value: number, folded: number])[] = [
  [0, 0],
  [-1, 1],
  [1, 2],
  [-64, 127],
  [64, 128],
  [-65, 129],
  [-(2 ** 52), Number.MAX_SAFE_INTEGER],
  [2 ** 52 - 1, Number.MAX_SAFE_INTEGER - 1],
];

const FLOATS: readonly (readonly [value: number, hex: string])[] = [
  [0, "00"],
  [-0, "ff80"],
  [1, "fef03f"],
  [70, "fd805140"],
  [100, "fe5940"],
  [0.5, "fee03f"],
  [-0.25, "fed0bf"],
  [99_999, "fcf069f840"],
  [0.0123, "f88d28ed0dbe30893f"],
  [5e-324, "f80100000000000000"],
  [Infinity, "fef07f"],
  [NaN, "fef87f"],
];

/** Writes at an offset in a larger buffer, proves that nothing around was touched, and returns what was written. */
function written(write: (octets: Uint8Array, offset: number) => number): Uint8Array {
  const octets = new Uint8Array(20).fill(0x5a);
  const length = write(octets, 5);
  assert.ok(octets.subarray(0, 5).every((octet) => octet === 0x5a), "nothing before");
  assert.ok(octets.subarray(5 + length).every((octet) => octet === 0x5a), "nothing behind");
  return octets.slice(5, 5 + length);
}

for (const [value, hex] of UNSIGNED) {
  Deno.test(`writeUnsigned() and readUnsigned() take ${value} for ${hex}`, () => {
    const octets = Uint8Array.fromHex(hex);
    assert.equal(written((target, offset) => writeUnsigned(target, offset, value)).toHex(), hex);
    assert.equal(unsignedLength(value), octets.length);
    assert.equal(numberLength(octets[0]), octets.length);
    assert.equal(readUnsigned(octets, 0, octets.length), value);
  });
}

for (const [value, hex] of FLOATS) {
  Deno.test(`writeFloat() and readFloat() take ${Object.is(value, -0) ? "−0" : value} for ${hex}`, () => {
    const octets = Uint8Array.fromHex(hex);
    assert.equal(written((target, offset) => writeFloat(target, offset, value)).toHex(), hex);
    assert.equal(numberLength(octets[0]), octets.length);
    assert.equal(readFloat(octets, 0, octets.length), value);
  });
}

Deno.test("foldSign() and unfoldSign() put the sign into the lowest bit", () => {
  for (const [value, folded] of FOLDED) {
    assert.equal(foldSign(value), folded);
    assert.equal(unfoldSign(folded), value);
  }
});

Deno.test("numberLength() knows every first octet", () => {
  for (let first = 0; first < 0x100; first++) {
    const expected = first < 128 ? 1 : first < 248 ? 0 : 257 - first;
    assert.equal(numberLength(first), expected, `octet ${first}`);
  }
  assert.equal(numberLength(0xf8), MAX_NUMBER_LEN);
});

Deno.test("readUnsigned() and readFloat() take numbers that are longer than necessary", () => {
  assert.equal(readUnsigned(Uint8Array.fromHex("ff05"), 0, 2), 5);
  assert.equal(readUnsigned(Uint8Array.fromHex("f80000000000000102"), 0, 9), 258);
  assert.equal(readFloat(Uint8Array.fromHex("f8000000000000f03f"), 0, 9), 1);
});

Deno.test("readUnsigned() returns more than 2^53 − 1 for all that is more", () => {
  for (const hex of ["f920000000000000", "f8ffffffffffffffff", "f80020000000000001"]) {
    const octets = Uint8Array.fromHex(hex);
    assert.ok(readUnsigned(octets, 0, octets.length) > Number.MAX_SAFE_INTEGER, hex);
  }
});

Deno.test("numbers survive a round trip", () => {
  const integers = fc.oneof(fc.maxSafeNat(), fc.nat(70_000));
  fc.assert(fc.property(integers, fc.double(), (integer, float) => {
    const unsigned = written((octets, offset) => writeUnsigned(octets, offset, integer));
    assert.equal(readUnsigned(unsigned, 0, numberLength(unsigned[0])), integer);
    const double = written((octets, offset) => writeFloat(octets, offset, float));
    assert.equal(readFloat(double, 0, numberLength(double[0])), float);
    assert.equal(foldSign(unfoldSign(integer)), integer);
  }));
});
