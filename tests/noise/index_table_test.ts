import { strict as assert } from "node:assert";
import fc from "fast-check";
import { makeIndex, rowOfIndex } from "../../src/noise/index_table.ts";

Deno.test("rowOfIndex() returns the row that makeIndex() was given, and the index is 32 bits and not 0", () => {
  const rowInBits = fc.integer({ min: 1, max: 24 }).chain((rowBits) =>
    fc.tuple(fc.constant(rowBits), fc.integer({ min: 0, max: 2 ** rowBits - 1 }))
  );
  fc.assert(fc.property(rowInBits, fc.integer({ min: 0, max: 2 ** 32 - 1 }), ([rowBits, row], random32) => {
    const index = makeIndex(row, rowBits, random32);
    assert.equal(rowOfIndex(index, rowBits), row);
    assert.ok(Number.isInteger(index) && index > 0 && index < 2 ** 32);
  }));
});

Deno.test("makeIndex() differs for different rows whatever the randomness", () => {
  const indices = new Set(Array.from({ length: 128 }, (_, row) => makeIndex(row, 7, 0xffffffff)));
  assert.equal(indices.size, 128);
});

Deno.test("makeIndex() uses the low random bits, so that two draws for one row differ", () => {
  assert.notEqual(makeIndex(5, 16, 1), makeIndex(5, 16, 2));
});

Deno.test("makeIndex() never returns 0", () => {
  for (let rowBits = 1; rowBits <= 24; rowBits++) {
    const index = makeIndex(0, rowBits, 0);
    assert.notEqual(index, 0);
    assert.equal(rowOfIndex(index, rowBits), 0);
  }
});
