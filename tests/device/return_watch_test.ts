import { strict as assert } from "node:assert";
import fc from "fast-check";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { RETURN_WINDOW_MS, RETURNS_MIN, ReturnWatch } from "../../src/device/return_watch.ts";

const PATH = 7;

/** Moves a path along addresses of 192.0.2.0/24, one a second. Returns what was said of each move. */
function walk(watch: ReturnWatch, hosts: readonly number[], periodMs = 1_000, path = PATH): boolean[] {
  const records = hosts.map((host) => parseEndpoint(`192.0.2.${host}:3001`)!);
  return records.slice(1).map((to, index) => watch.handleMove(path, records[index], to, index * periodMs));
}

Deno.test("ReturnWatch notices an address that goes back and forth", () => {
  const said = walk(new ReturnWatch(), [1, 2, 1, 2, 1, 2, 1]);
  assert.equal(said.indexOf(true), RETURNS_MIN, "the first move is no return");
  assert.deepEqual(said.slice(RETURNS_MIN), [true, true, true]);
});

Deno.test("ReturnWatch says nothing of a peer that moves on, whatever way it takes", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 254 }), { minLength: 2 }), (hosts) => {
      assert.equal(walk(new ReturnWatch(), hosts).includes(true), false);
    }),
  );
  assert.equal(walk(new ReturnWatch(), [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]).includes(true), false, "round in a circle");
});

Deno.test("ReturnWatch says nothing of one that comes home twice a minute", () => {
  const hosts = Array.from({ length: 60 }, (_, index) => 1 + index % 2);
  assert.equal(walk(new ReturnWatch(), hosts, RETURN_WINDOW_MS / 2 + 1).includes(true), false);
});

Deno.test("ReturnWatch keeps paths apart", () => {
  const watch = new ReturnWatch();
  for (let path = 0; path < 100; path++) assert.equal(walk(watch, [1, 2, 1], 1_000, path).includes(true), false);
});
