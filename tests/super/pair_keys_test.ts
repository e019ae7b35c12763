import { strict as assert } from "node:assert";
import fc from "fast-check";
import { derivePairSecret, PairKeys } from "../../src/super/pair_keys.ts";
import { publicKeyOf } from "./registry_fixture.ts";

const SECRET = new Uint8Array(32).fill(9);

function keysOf(nodeIds: readonly number[], secret = SECRET): PairKeys {
  const keys = new PairKeys(secret);
  for (const nodeId of nodeIds) keys.add(nodeId, publicKeyOf(nodeId));
  return keys;
}

Deno.test("PairKeys.keyOf() gives each pair one key, whoever asks, and no two pairs the same", () => {
  const ids = Array.from({ length: 40 }, (_, index) => index * 7);
  const keys = keysOf(ids);
  const seen = new Set<string>();
  for (const a of ids) {
    for (const b of ids) {
      if (a >= b) continue;
      const key = keys.keyOf(a, b).toHex();
      assert.equal(keys.keyOf(b, a).toHex(), key);
      seen.add(key);
    }
  }
  assert.equal(seen.size, (40 * 39) / 2);
});

Deno.test("PairKeys.keyOf() gives the same after a restart, whatever the order and number of nodes", () => {
  const key = keysOf([1, 2]).keyOf(1, 2).toHex();
  assert.equal(keysOf([9, 2, 5, 1, 77]).keyOf(2, 1).toHex(), key);
  // Computed with Python's hashlib, and kept: changing it would break sessions between edges that an update of the super should leave alone.
  assert.equal(key, "4a6b232b6a8b60741758a59be516369fad75fe3436e3883a73503337a6ea4d82");
});

Deno.test("PairKeys.keyOf() gives another key for another secret, and for another public key of either node", () => {
  const key = keysOf([1, 2]).keyOf(1, 2).toHex();
  assert.notEqual(keysOf([1, 2], new Uint8Array(32)).keyOf(1, 2).toHex(), key);
  for (const changed of [1, 2]) {
    const keys = keysOf([1, 2]);
    keys.keyOf(1, 2);
    keys.remove(changed);
    keys.add(changed, publicKeyOf(99));
    assert.notEqual(keys.keyOf(1, 2).toHex(), key);
  }
});

Deno.test("PairKeys.keyOf() depends on nothing but the two, however nodes come and go", () => {
  const anyEvent = fc.tuple(fc.boolean(), fc.nat(12));
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      const keys = new PairKeys(SECRET);
      const present = new Set<number>();
      for (const [isAdded, nodeId] of events) {
        if (isAdded === present.has(nodeId)) continue;
        if (isAdded) keys.add(nodeId, publicKeyOf(nodeId));
        else keys.remove(nodeId);
        if (isAdded) present.add(nodeId);
        else present.delete(nodeId);
        const [a, b] = present;
        if (b !== undefined) assert.deepEqual(keys.keyOf(a, b), keysOf([a, b]).keyOf(a, b));
        assert.throws(() => keys.keyOf(nodeId, 13), RangeError);
      }
      for (const a of present) {
        for (const b of present) if (a < b) assert.deepEqual(keys.keyOf(a, b), keysOf([a, b]).keyOf(a, b));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("derivePairSecret() depends on each private key, and is none of them", () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const secrets = [[a], [b], [a, b]].map((keys) => derivePairSecret(keys).toHex());
  assert.equal(new Set([...secrets, a.toHex(), b.toHex()]).size, 5);
  for (const secret of secrets) assert.equal(secret.length, 64);
  assert.equal(derivePairSecret([a, b]).toHex(), derivePairSecret([a, b]).toHex());
});
