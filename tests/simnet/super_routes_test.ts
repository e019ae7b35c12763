import { strict as assert } from "node:assert";
import { PathKind } from "../../src/base/path_kind.ts";
import { SuperWorld, type WorldOptions } from "./super_world.ts";
import { SIM_PARAMETERS } from "./super.ts";
import { forSeeds } from "./pair.ts";
import { fraction, transportOfDatagram } from "./network.ts";

const HOUR_MS = 3_600_000;
const TWO_PINGS_MS = 2 * SIM_PARAMETERS.pingIntervalMs;

function connected(seed: number, options: Partial<WorldOptions> = {}): SuperWorld {
  const world = new SuperWorld(seed, { edgeCount: 4, ...options });
  world.connect(10_000);
  world.settle(10_000);
  return world;
}

/** Runs until the way of a pair is another; fails if that takes longer than allowed. */
function expectWay(world: SuperWorld, source: number, target: number, way: readonly number[], limitMs: number): void {
  const holds = () => world.wayTo(source, target)?.join() === way.join();
  assert.ok(world.runUntilHolds(holds, limitMs), `${source} to ${target} goes ${world.wayTo(source, target)}`);
}

Deno.test("a better way over another edge is taken within two ping intervals, and left again", () => {
  forSeeds(5, (seed) => {
    const world = connected(seed);
    for (let round = 0; round < 2; round++) {
      world.setTransits(1, 2, 200);
      world.setTransits(1, 4, 30);
      expectWay(world, 1, 2, [1, 3, 2], TWO_PINGS_MS);
      expectWay(world, 2, 1, [2, 3, 1], TWO_PINGS_MS);
      world.setTransits(1, 2, 20);
      expectWay(world, 1, 2, [1, 2], TWO_PINGS_MS);
      expectWay(world, 2, 1, [2, 1], TWO_PINGS_MS);
    }
  });
});

Deno.test("a delay in one direction changes the route of that direction alone", () => {
  const world = connected(1);
  world.setTransit(1, 2, 200);
  world.setTransits(1, 4, 30);
  expectWay(world, 1, 2, [1, 3, 2], TWO_PINGS_MS);
  world.network.run(TWO_PINGS_MS);
  assert.deepEqual(world.wayTo(2, 1), [2, 1]);
});

Deno.test("what is measured is the path in use: a detour by FakeTCP that is slow is routed around, until UDP is back", () => {
  const world = connected(1, { edgeCount: 3, hasFakeTcp: true, edge: () => ({ hasFakeTcp: true }) });
  world.setTransit(1, 2, 200, PathKind.FAKETCP4);
  world.setTransit(2, 1, 200, PathKind.FAKETCP4);
  world.network.run(5_000);
  assert.deepEqual(world.wayTo(1, 2), [1, 2]);
  world.network.firewall = (datagram) => {
    const ends = [datagram.from.ip, datagram.to.ip];
    return transportOfDatagram(datagram) === 0 && ends.includes("20.0.1.1") && ends.includes("20.0.2.1");
  };
  // A moment for the path to be left, and one for the slow one to be chosen.
  expectWay(world, 1, 2, [1, 3, 2], TWO_PINGS_MS + 10_000);
  expectWay(world, 2, 1, [2, 3, 1], TWO_PINGS_MS + 10_000);
  assert.ok(world.edge(1).hasSession(2));
  world.network.firewall = () => false;
  expectWay(world, 1, 2, [1, 2], 120_000);
  expectWay(world, 2, 1, [2, 1], 120_000);
});

Deno.test("clocks that differ by up to an hour, the super's too, make no difference to routes", () => {
  forSeeds(5, (seed) => {
    const waysOf = (world: SuperWorld) =>
      [...world.edges.keys()].map((a) => [...world.edges.keys()].map((b) => a === b ? [] : world.wayTo(a, b)));
    const [straight, skewed] = [0, HOUR_MS].map((skewMs) => {
      const skews = Array.from({ length: 6 }, (_, index) => skewMs * Math.sin(seed * 7 + index));
      const world = new SuperWorld(seed, {
        edgeCount: 5,
        clockSkewMs: skews[0],
        // Grows with the latency, of which an hour would be a part that hides any change.
        graph: { jitterToleranceMultiplier: 1.01 },
        edge: (nodeId) => ({ clockSkewMs: skews[nodeId] }),
      });
      // So different that no two ways are alike.
      const { random } = world.network;
      for (let a = 1; a <= 5; a++) {
        for (let b = 1; b <= 5; b++) world.setTransit(a, b, 10 + fraction(random) * 150);
      }
      world.connect(10_000);
      world.settle(20_000);
      const first = waysOf(world);
      for (let a = 1; a <= 5; a++) world.setTransits(a, a % 5 + 1, 150);
      world.settle(2 * TWO_PINGS_MS);
      assert.deepEqual(logged(world, "below zero"), []);
      return { first, then: waysOf(world) };
    });
    assert.deepEqual(skewed, straight);
  });
});

Deno.test("a latency that changes its sign because clocks differ a little is followed like any other", () => {
  const world = connected(1, { edge: (nodeId) => ({ clockSkewMs: nodeId === 2 ? -90 : 0 }) });
  // By the clock of edge 2 it took −68 ms, and takes +68 ms from now on.
  world.setTransit(1, 2, 156);
  expectWay(world, 1, 2, [1, 3, 2], TWO_PINGS_MS);
});

Deno.test("a clock that is set while the network runs disturbs routes for no longer than two ping intervals", () => {
  const world = connected(1);
  world.setTransits(1, 2, 200);
  world.setTransits(1, 4, 30);
  expectWay(world, 1, 2, [1, 3, 2], TWO_PINGS_MS);
  for (const skewMs of [HOUR_MS, -HOUR_MS, 0]) {
    world.edge(3).node.clockSkewMs = skewMs;
    world.network.run(TWO_PINGS_MS);
    world.settle(1_000);
    assert.deepEqual(world.wayTo(1, 2), [1, 3, 2]);
    assert.ok(world.isConnected());
  }
});

Deno.test("an edge that doesn't know yet by how much its clock is wrong tells nobody a wrong time, and attracts nothing", () => {
  const world = new SuperWorld(1, { edgeCount: 4, parameters: { dampingFilterRadius: 4 }, starts: false });
  for (let nodeId = 1; nodeId <= 4; nodeId++) world.startEdge(nodeId, nodeId === 3 ? { clockSkewMs: 300 } : {});
  world.edge(3).isClockReady = false;
  world.network.run(2_500);
  world.edge(3).isClockReady = true;
  world.edge(3).wallClockOffsetMs = -300;
  world.connect(5_000);
  world.settle(5_000);
  for (let second = 0; second < 20; second++) {
    world.network.run(1_000);
    assert.deepEqual(world.detours(), []);
  }
});

Deno.test("an edge that doesn't relay attracts nothing that isn't for it", () => {
  const world = new SuperWorld(1, { edgeCount: 4, edge: (nodeId) => ({ relays: nodeId !== 3 }) });
  world.setTransits(1, 2, 200);
  world.setTransits(1, 3, 5);
  world.setTransits(2, 3, 5);
  world.setTransits(1, 4, 60);
  world.setTransits(2, 4, 60);
  world.connect(10_000);
  expectWay(world, 1, 2, [1, 4, 2], 10_000);
  world.network.run(TWO_PINGS_MS);
  for (const source of [1, 2, 4]) assert.deepEqual(world.wayTo(source, 3)?.at(-1), 3);
  for (const [a, b] of [[1, 2], [2, 1], [1, 4], [4, 1], [2, 4], [4, 2]]) {
    assert.ok(!world.wayTo(a, b)?.includes(3), `${a} to ${b} goes ${world.wayTo(a, b)}`);
  }
});

Deno.test("an additional cost makes ways through a node worse, whether its own file or the super's names it", () => {
  for (const where of ["edge", "super"]) {
    const world = new SuperWorld(1, {
      edgeCount: 4,
      edge: (nodeId) => {
        if (nodeId !== 3) return {};
        return where === "super" ? { additionalCostMs: 100 } : { parameters: { additionalCostMs: 100 } };
      },
    });
    world.setTransits(1, 2, 200);
    world.setTransits(1, 4, 40);
    world.setTransits(2, 4, 40);
    world.connect(10_000);
    expectWay(world, 1, 2, [1, 4, 2], 10_000);
    world.superNode.registry.updateNode(3, { additionalCostMs: 0 });
    world.superNode.control.ring();
    expectWay(world, 1, 2, [1, 3, 2], TWO_PINGS_MS + 2_000);
  }
});

function logged(world: SuperWorld, text: string): string[] {
  return world.superNode.nodes[0].logged(text).map(({ event }) => event);
}
