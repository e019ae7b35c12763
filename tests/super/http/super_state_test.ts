import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  formatGoTime,
  type JsonParts,
  STATE_INTERVAL_MS,
  StateCache,
  writeSuperState,
} from "../../../src/super/http/super_state.ts";
import { TestSuper } from "./test_super.ts";

const TIMES: [number, string][] = [
  [Date.UTC(2026, 10, 22, 12, 24, 48, 830), "2026-11-22 12:24:48.83 +0000 UTC"],
  [Date.UTC(2026, 10, 22, 12, 24, 40), "2026-11-22 12:24:40 +0000 UTC"],
  [Date.UTC(2026, 0, 1), "2026-01-01 00:00:00 +0000 UTC"],
  [Date.UTC(2026, 0, 1) + 0.25, "2026-01-01 00:00:00.00025 +0000 UTC"],
  [Date.UTC(2026, 0, 1) + 1, "2026-01-01 00:00:00.001 +0000 UTC"],
  [0, "1970-01-01 00:00:00 +0000 UTC"],
];
for (const [wallMs, text] of TIMES) {
  Deno.test(`formatGoTime() writes ${text}`, () => {
    assert.equal(formatGoTime(wallMs), text);
  });
}

Deno.test("formatGoTime() writes what can be read again", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) }), (wallMs) => {
      const match = /^(\S{10}) (\S+) \+0000 UTC$/.exec(formatGoTime(wallMs));
      assert.equal(Date.parse(`${match?.[1]}T${match?.[2]}Z`), wallMs);
    }),
    { numRuns: 300 },
  );
});

function octets(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

async function textOf(parts: JsonParts): Promise<string> {
  return await new Blob([...parts]).text();
}

Deno.test("writeSuperState() writes exactly the names of the specification, in their order", async () => {
  const subject = new TestSuper();
  const parts = writeSuperState(subject.registry.nodes(), {
    edges: octets('{"1":{"2":0.0007}}'),
    usedEdges: octets('{"1":{"2":0.0119}}'),
    nextHops: octets('{"1":{"2":2}}'),
    costs: octets('{"1":{"1":0,"2":0.0119}}'),
    latencies: octets('{"1":{"1":0,"2":0.0019}}'),
  });
  assert.equal(
    await textOf(parts),
    '{"PeerInfo":{"1":{"Name":"Node_1","LastSeen":"2026-11-22 12:24:48.83 +0000 UTC"},' +
      '"2":{"Name":"Node_2","LastSeen":"0001-01-01 00:00:00 +0000 UTC"}},' +
      '"Infinity":99999,"Edges":{"1":{"2":0.0007}},"Edges_Nh":{"1":{"2":0.0119}},"NhTable":{"1":{"2":2}},' +
      '"Dist":{"1":{"1":0,"2":0.0119}},"Dist_noAC":{"1":{"1":0,"2":0.0019}}}',
  );
});

Deno.test("writeSuperState() writes null for distances before the first computation", async () => {
  const subject = new TestSuper();
  const { Dist, Dist_noAC } = JSON.parse(
    await textOf(writeSuperState(subject.registry.nodes(), await subject.routeState())),
  );
  assert.deepEqual([Dist, Dist_noAC], [null, null]);
});

Deno.test("StateCache.get() collects the state anew after its interval, and when it was dropped", async () => {
  let collected = 0;
  const cache = new StateCache(() => Promise.resolve([octets(String(++collected))]));
  assert.equal(await textOf(await cache.get(0)), "1");
  assert.equal(await textOf(await cache.get(STATE_INTERVAL_MS - 1)), "1");
  assert.equal(await textOf(await cache.get(STATE_INTERVAL_MS)), "2");
  cache.drop();
  assert.equal(await textOf(await cache.get(STATE_INTERVAL_MS)), "3");
});

Deno.test("StateCache.get() lets those that ask at once wait for one collection", async () => {
  let collected = 0;
  const cache = new StateCache(async () => {
    collected++;
    await Promise.resolve();
    return [];
  });
  await Promise.all([cache.get(0), cache.get(1), cache.get(2)]);
  assert.equal(collected, 1);
});

Deno.test("StateCache.get() tries again after a failure", async () => {
  let isBroken = true;
  const cache = new StateCache(() => isBroken ? Promise.reject(new Error("the worker is gone")) : Promise.resolve([]));
  await assert.rejects(cache.get(0));
  isBroken = false;
  assert.deepEqual(await cache.get(1), []);
});
