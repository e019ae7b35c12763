import { strict as assert } from "node:assert";
import type { NextHopTable } from "../../src/route/next_hop.ts";
import { StaticRoutes } from "../../src/super/route_static.ts";
import { SETTINGS, tableOf } from "./route_fixture.ts";

const TABLE: NextHopTable = { 1: { 2: 3, 3: 3 }, 2: { 1: 1, 3: 1 }, 3: { 1: 1, 2: 2 } };

function staticRoutes(onTable: (table: NextHopTable) => void): StaticRoutes {
  const manualLatencyMs = new Map([[2, new Map([[1, 30]])]]);
  return new StaticRoutes({
    settings: { ...SETTINGS, isStatic: true, manualLatencyMs },
    table: TABLE,
    onNextHops: (document) => onTable(tableOf(document)),
  });
}

Deno.test("StaticRoutes hands out the configured table once, and another when there is one", async () => {
  const published: NextHopTable[] = [];
  const routes = staticRoutes((table) => published.push(table));
  assert.deepEqual(published, []);
  assert.equal(routes.pollTimeout(), -Infinity);
  routes.handleTimeout();
  routes.handleTimeout();
  assert.equal(routes.pollTimeout(), Infinity);
  assert.deepEqual(published, [TABLE]);

  routes.setTable({ ...TABLE });
  assert.equal(routes.pollTimeout(), Infinity);
  routes.hold(true);
  routes.setTable({ 1: {} });
  routes.handleTimeout();
  assert.equal(routes.pollTimeout(), Infinity);
  routes.hold(false);
  routes.handleTimeout();
  assert.deepEqual(published, [TABLE, { 1: {} }]);

  const state = await routes.state(0);
  assert.equal(new TextDecoder().decode(state.nextHops), '{"1":{}}');
  assert.equal(state.costs, undefined);
});

Deno.test("StaticRoutes shows what was measured and still holds, and computes nothing from it", async () => {
  const published: NextHopTable[] = [];
  const routes = staticRoutes((table) => published.push(table));
  for (const nodeId of [1, 2, 3, 4]) routes.addNode(nodeId);
  routes.handleTimeout();
  const validForMs = 1_000;
  const measure = (source: number, destination: number, latencyMs: number, nowMs: number) =>
    routes.measure({ source, destination, latencyMs, additionalCostMs: 5, validForMs }, nowMs);
  assert.deepEqual([measure(1, 2, 7, 0), measure(2, 1, 7, 500), measure(3, 4, -1, 500), measure(1, 9, 7, 500)], [
    true,
    true,
    true,
    false,
  ]);
  routes.removeNode(4);
  assert.equal(routes.pollTimeout(), Infinity);

  const tablesAt = async (nowMs: number) => {
    const { edges, usedEdges, nextHops, costs, latencies } = await routes.state(nowMs);
    assert.deepEqual([costs, latencies], [undefined, undefined]);
    return [edges, usedEdges, nextHops].map((text) => JSON.parse(new TextDecoder().decode(text)));
  };
  const none = { 1: { 2: 99999, 3: 99999 }, 2: { 1: 99999, 3: 99999 }, 3: { 1: 99999, 2: 99999 } };
  const edges = { ...none, 2: { 1: 0.03, 3: 99999 } };
  assert.deepEqual(await tablesAt(999), [{ ...edges, 1: { 2: 0.007, 3: 99999 } }, none, TABLE]);
  assert.deepEqual(await tablesAt(1_000), [edges, none, TABLE]);
  assert.deepEqual(published, [TABLE]);
});
