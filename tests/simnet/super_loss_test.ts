import { strict as assert } from "node:assert";
import { sessionsMade, SuperWorld, Traffic, type WorldOptions } from "./super_world.ts";
import { forSeeds } from "./pair.ts";
import { fraction } from "./network.ts";

/** Longest time until an edge finds out that its super was started anew, makes a session and has said what it knows, ms. */
const RETURN_MS = 45_000;

/** Five edges, of which two can't meet and two have a better way over a third. */
function relayingWorld(seed: number, options: Partial<WorldOptions> = {}): SuperWorld {
  const world = new SuperWorld(seed, { edgeCount: 5, ...options });
  const { random } = world.network;
  for (let a = 1; a <= 5; a++) {
    for (let b = 1; b < a; b++) world.setTransits(a, b, 10 + fraction(random) * 30);
  }
  world.setTransits(1, 2, 200);
  world.cut(1, 3);
  world.network.run(15_000);
  assert.deepEqual(world.detours(), []);
  return world;
}

/** All routes in force, as text. */
function routesOf(world: SuperWorld): string {
  const ids = [...world.edges.keys()];
  return JSON.stringify(ids.map((a) => ids.map((b) => a === b ? "" : world.wayTo(a, b)?.join("-") ?? "none")));
}

/** Watches the routes of some nodes among each other, and tells whether any of them was ever missing. */
function watchRoutes(world: SuperWorld, ids: readonly number[]): () => string[] {
  const missing = new Set<string>();
  const look = () => {
    for (const a of ids) {
      for (const b of ids) {
        if (a !== b && world.wayTo(a, b) === undefined) missing.add(`${a} to ${b} at ${world.nowMs}`);
      }
    }
    world.network.at(world.nowMs + 100, look);
  };
  look();
  return () => [...missing];
}

function madeBy(world: SuperWorld): number[] {
  return [...world.edges.values()].map(({ node }) => sessionsMade(node));
}

Deno.test("with the super gone for ten minutes edges go on by the routes they have, and take no harm from its return", () => {
  const world = relayingWorld(1, { usesPairKeys: true });
  const routes = routesOf(world);
  const made = madeBy(world);
  const missing = watchRoutes(world, [1, 2, 3, 4, 5]);
  const traffic = new Traffic(world, 2_000);
  world.superNode.stop();
  world.network.run(600_000);
  assert.equal(routesOf(world), routes);
  world.restartSuper();
  world.network.run(RETURN_MS);
  traffic.end();
  world.network.run(1_000);
  assert.ok(traffic.sentCount > 6_000);
  assert.deepEqual({ lost: traffic.lost(), missing: missing() }, { lost: [], missing: [] });
  assert.deepEqual(madeBy(world), made);
  for (const nodeId of world.edges.keys()) assert.ok(world.superNode.registry.isAlive(nodeId, world.nowMs));
});

Deno.test("a super that is restarted costs no frame, ends no session between edges, and takes no route away", () => {
  const kinds: Partial<WorldOptions>[] = [
    {},
    { usesPairKeys: true, edge: (nodeId) => ({ isTranslated: nodeId % 2 === 0 }) },
    { isDual: true },
    { usesPairKeys: true, isReference: true, http: { delayMs: 20, loss: 0 } },
  ];
  forSeeds(kinds.length, (seed) => {
    const world = relayingWorld(seed, kinds[seed - 1]);
    const made = madeBy(world);
    const missing = watchRoutes(world, [1, 2, 3, 4, 5]);
    const traffic = new Traffic(world, 500);
    world.network.run(seed * 777);
    world.restartSuper();
    world.network.run(seed * 4_000);
    world.restartSuper();
    world.network.run(RETURN_MS);
    traffic.end();
    world.network.run(1_000);
    assert.deepEqual({ lost: traffic.lost(), missing: missing() }, { lost: [], missing: [] });
    assert.deepEqual(madeBy(world), made);
    assert.deepEqual(world.detours(), []);
    // What routes are computed from is complete when they are, so that there is nothing to be corrected.
    assert.equal(world.superNode.tables.length, 1);
  });
});

Deno.test("edges that are started anew together with their super don't have the others lose their routes", () => {
  forSeeds(4, (seed) => {
    const world = relayingWorld(seed);
    // Nobody but 2 joins 1 and 3. The first table is made of what 4 and 5 measure.
    world.setTransits(1, 2, 10);
    for (const nodeId of [1, 2, 3]) for (const far of [4, 5]) world.setTransits(nodeId, far, 100);
    world.settle(20_000);
    const missing = watchRoutes(world, [1, 2, 3]);
    world.restartSuper();
    world.startEdge(4);
    world.startEdge(5);
    world.network.run(2_000);
    assert.ok(world.edge(4).hasSession(5));
    world.network.run(RETURN_MS);
    assert.deepEqual(missing(), []);
    world.connectBut([[1, 3]], 60_000);
    world.settle(60_000);
  });
});

Deno.test("routes change again after a restart of the super even if an edge never comes back", () => {
  const world = relayingWorld(1);
  world.stopEdge(5);
  world.restartSuper();
  world.network.run(RETURN_MS + 15_000);
  world.setTransits(1, 2, 20);
  assert.ok(world.runUntilHolds(() => world.wayTo(1, 2)?.length === 2, 15_000));
});
