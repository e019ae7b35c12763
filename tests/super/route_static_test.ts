import { strict as assert } from "node:assert";
import type { NextHopTable } from "../../src/route/next_hop.ts";
import { StaticRoutes } from "../../src/super/route_static.ts";
import { tableOf } from "./route_fixture.ts";

const TABLE: NextHopTable = { 1: { 2: 3, 3: 3 }, 2: { 1: 1, 3: 1 }, 3: { 1: 1, 2: 2 } };

Deno.test("StaticRoutes hands out the configured table once, and another when there is one", async () => {
  const published: NextHopTable[] = [];
  const routes = new StaticRoutes(TABLE, (document) => published.push(tableOf(document)));
  assert.deepEqual(published, []);
  assert.equal(routes.pollTimeout(), -Infinity);
  routes.handleTimeout();
  routes.handleTimeout();
  assert.equal(routes.pollTimeout(), Infinity);
  assert.equal(routes.measure(), false);
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

  const state = await routes.state();
  assert.equal(new TextDecoder().decode(state.nextHops), '{"1":{}}');
  assert.equal(state.costs, undefined);
});
