import { strict as assert } from "node:assert";
import { SuperWorld, type WorldEdgeOptions, type WorldOptions } from "./super_world.ts";
import { forSeeds } from "./pair.ts";
import { fraction } from "./network.ts";

/** A world of 3 to 8 edges with latencies of their own in each direction. */
function randomWorld(seed: number, options: Partial<WorldOptions> = {}): SuperWorld {
  const edgeCount = 3 + seed % 6;
  const world = new SuperWorld(seed, { edgeCount, ...options });
  for (let a = 1; a <= edgeCount; a++) {
    for (let b = 1; b <= edgeCount; b++) world.setTransit(a, b, 5 + fraction(world.network.random) * 150);
  }
  return world;
}

const EVERY_OTHER_TRANSLATED = (nodeId: number): WorldEdgeOptions => ({ isTranslated: nodeId % 2 === 1 });

Deno.test("edges that start with their super all have sessions within 5 s, and the best routes within 10 s", () => {
  forSeeds(10, (seed) => {
    const world = randomWorld(seed, {
      edge: EVERY_OTHER_TRANSLATED,
      isDual: seed % 4 === 0,
      usesPairKeys: seed % 3 === 0,
    });
    world.connect(5_000);
    world.settle(5_000);
  });
});

Deno.test("edges whose datagrams get lost, doubled and overtaken, up to 30 % of them, all meet and find the best routes", () => {
  forSeeds(8, (seed) => {
    const loss = 0.05 + (seed % 4) * 0.04;
    const link = { loss, duplication: 0.05, jitterMs: 2 };
    const world = randomWorld(seed, { link, edge: EVERY_OTHER_TRANSLATED, usesPairKeys: seed % 2 === 0 });
    world.connect(90_000);
    world.settle(60_000);
  });
});

Deno.test("edges of a reference super, whose documents go over an HTTP that fails now and then, find the best routes", () => {
  forSeeds(5, (seed) => {
    const world = randomWorld(seed, {
      isReference: true,
      http: { delayMs: 20, loss: 0.1 },
      link: { loss: 0.03 },
      edge: EVERY_OTHER_TRANSLATED,
    });
    world.connect(90_000);
    world.settle(90_000);
  });
});

Deno.test("edges that can't meet are joined by a third one", () => {
  forSeeds(5, (seed) => {
    const world = randomWorld(seed);
    world.cut(1, 2);
    assert.ok(
      world.runUntilHolds(() => world.wayTo(1, 2) !== undefined && world.wayTo(2, 1) !== undefined, 8_000),
    );
    world.settle(5_000);
    world.edge(1).node.sendTo(2, "over a third");
    world.network.run(1_000);
    assert.deepEqual(world.edge(2).node.received, ["over a third"]);
  });
});

Deno.test("edges that lost each other find each other again, even if neither looks for dead peers", () => {
  for (const pingIntervalMs of [0, 5_000]) {
    const edge = () => ({ timeoutCheckIntervalMs: 0, parameters: { pingIntervalMs } });
    const world = new SuperWorld(1, { edgeCount: 3, edge, isReference: true, http: { delayMs: 20, loss: 0 } });
    world.connect(5_000);
    const { firewall } = world.network;
    world.cut(1, 2);
    assert.ok(world.runUntilHolds(() => !world.isConnected(), 300_000));
    world.network.run(120_000);
    world.network.firewall = firewall;
    world.connect(30_000);
  }
});

Deno.test("an edge that is added while everything runs is met by all others, and one that is removed ends and is forgotten", () => {
  for (const usesPairKeys of [false, true]) {
    const world = new SuperWorld(1, { edgeCount: 4, usesPairKeys });
    world.connect(5_000);
    world.addEdge(9);
    world.connect(6_000);
    world.settle(6_000);

    const removed = world.edge(2);
    world.removeEdge(2);
    world.network.run(1_500);
    assert.equal(removed.stopOrder?.exitCode, 0);
    world.stopEdge(2);
    world.network.run(10_000);
    for (const edge of world.edges.values()) {
      assert.ok(!edge.peers().includes(2), `edge ${edge.nodeId} forgets edge 2`);
      assert.equal(edge.nextHopTo(2), undefined);
    }
    assert.equal(world.superNode.nodes[0].device.peerRows.has(2), false);
    assert.deepEqual(world.detours(), []);
  }
});

Deno.test("an edge that is removed and added again with another key is met under its new key, by all others", () => {
  const world = new SuperWorld(1, { edgeCount: 4, usesPairKeys: true });
  world.connect(5_000);
  const before = world.edge(2).node.device.publicKey;
  world.removeEdge(2);
  world.stopEdge(2);
  // While the super still sends notices to the one of before.
  world.network.run(300);
  const edge = world.addEdge(2);
  assert.notDeepEqual(edge.node.device.publicKey, before);
  world.connect(10_000);
  world.settle(10_000);
});

Deno.test("edges that start, stop and start again at any time are met by all that run in the end", () => {
  forSeeds(6, (seed) => {
    const world = new SuperWorld(seed, { edgeCount: 6, usesPairKeys: seed % 2 === 0, edge: EVERY_OTHER_TRANSLATED });
    const { random } = world.network;
    for (let step = 0; step < 12; step++) {
      const nodeId = 1 + random.uint32() % 6;
      if (world.edges.has(nodeId)) world.stopEdge(nodeId);
      else world.startEdge(nodeId);
      world.network.run(fraction(random) * 20_000);
    }
    for (let nodeId = 1; nodeId <= 6; nodeId++) if (!world.edges.has(nodeId)) world.startEdge(nodeId);
    // A session that the other side has lost is given up after 15 s of silence, and the last trials may be that long ago.
    world.connect(60_000);
    world.settle(60_000);
  });
});
