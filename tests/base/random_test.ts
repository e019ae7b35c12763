import { strict as assert } from "node:assert";
import { type RandomSource, seededRandom, systemRandom } from "../../src/base/random.ts";

Deno.test("seededRandom() gives one sequence for one seed, and others for others", () => {
  const draw = (source: RandomSource) => Array.from({ length: 100 }, () => source.uint32());
  assert.deepEqual(draw(seededRandom(7)), draw(seededRandom(7)));
  assert.notDeepEqual(draw(seededRandom(7)), draw(seededRandom(8)));
  assert.deepEqual(draw(seededRandom(-1)), draw(seededRandom(0xffffffff)));
});

Deno.test("seededRandom() gives the sequence of mulberry32", () => {
  // From the generator's published C code, seed 0.
  const source = seededRandom(0);
  assert.deepEqual([source.uint32(), source.uint32(), source.uint32()], [1144304738, 1416247, 958946056]);
});

const SOURCES: [string, RandomSource][] = [["seededRandom()", seededRandom(1)], ["systemRandom", systemRandom]];
for (const [name, source] of SOURCES) {
  Deno.test(`${name} gives integers of 32 bits, every bit of them now and then`, () => {
    let all = 0;
    let none = 0xffffffff;
    for (let count = 0; count < 200; count++) {
      const word = source.uint32();
      assert.ok(Number.isInteger(word) && word >= 0 && word <= 0xffffffff);
      all |= word;
      none &= word;
    }
    assert.deepEqual([all, none], [-1, 0]);
  });

  Deno.test(`${name} fills every octet of a target, shared memory and large ones included`, () => {
    for (const length of [0, 1, 4096, 65536, 65537, 200_000]) {
      const target = new Uint8Array(new SharedArrayBuffer(length));
      const union = new Uint8Array(length);
      // An octet stays zero in all of eight fills by chance once in 2^64.
      for (let count = 0; count < 8; count++) {
        source.fill(target);
        for (let index = 0; index < length; index++) union[index] |= target[index];
      }
      assert.ok(union.every((octet) => octet !== 0), `length ${length}`);
    }
  });
}
