import { strict as assert } from "node:assert";
import fc from "fast-check";
import { LOCAL_ADDRESSES_MAX, readLocalAddresses } from "../../src/super/local_addresses.ts";

Deno.test("readLocalAddresses() keeps what is an address of the family with a finite rank, and nothing else", () => {
  const reported = new Map([
    ["192.168.1.5:31001", 100],
    ["10.0.0.1:1", 50],
    ["[fd00::1]:31001", 100],
    ["192.168.1.6:0", 100],
    ["192.168.1.7:70000", 100],
    ["192.168.1.8:1", NaN],
    ["192.168.1.9:1", Infinity],
    ["host.example:1", 1],
    ['192.168.1.1:1"}', 1],
    ["__proto__", 1],
    ["", 1],
  ]);
  assert.deepEqual(readLocalAddresses(reported, 4), { "10.0.0.1:1": 50, "192.168.1.5:31001": 100 });
  assert.deepEqual(readLocalAddresses(reported, 6), { "[fd00::1]:31001": 100 });
});

Deno.test("readLocalAddresses() takes two spellings of one address as one, at the better rank", () => {
  const reported = new Map([["[fd00:0:0::1]:5", 100], ["[FD00::1]:5", 50], ["[fd00::0.0.0.1]:5", 70]]);
  assert.deepEqual(readLocalAddresses(reported, 6), { "[fd00::1]:5": 50 });
});

Deno.test("readLocalAddresses() gives the same for every order, best first, and no more than are allowed", () => {
  const entries = Array.from({ length: 40 }, (_, index): [string, number] => [`10.0.0.${index}:1`, index % 7]);
  const expected = JSON.stringify(readLocalAddresses(new Map(entries), 4));
  const ranks = Object.values<number>(JSON.parse(expected));
  assert.equal(ranks.length, LOCAL_ADDRESSES_MAX);
  assert.deepEqual(ranks, ranks.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), (shuffled) => {
      assert.equal(JSON.stringify(readLocalAddresses(new Map(shuffled), 4)), expected);
    }),
    { numRuns: 200 },
  );
});

Deno.test("readLocalAddresses() gives addresses that stand the way through JSON, whatever was reported", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.double()), { maxLength: 100 }), (entries) => {
      for (const family of [4, 6] as const) {
        const local = readLocalAddresses(new Map(entries), family);
        assert.deepEqual(JSON.parse(JSON.stringify(local)), local);
      }
    }),
    { numRuns: 300 },
  );
});
