import { strict as assert } from "node:assert";
import fc from "fast-check";
import type { NodeId } from "../../src/base/node_id.ts";
import { type GraphSettings, type GraphUpdate, LatencyGraph, MAX_CHANGED_EDGES } from "../../src/route/graph.ts";
import { UNREACHABLE_MS } from "../../src/route/latency_filter.ts";
import { Routes } from "../../src/route/routes.ts";

const SETTINGS: GraphSettings = {
  manualLatencyMs: new Map(),
  tolerance: { rule: "relative", toleranceMs: 10, multiplier: 1 },
  coolDownMs: 5000,
};
const VALID_FOR_MS = 70_000;

function graphOf(nodes: NodeId[], settings: Partial<GraphSettings> = {}): LatencyGraph {
  const graph = new LatencyGraph({ ...SETTINGS, ...settings });
  for (const node of nodes) graph.addNode(node);
  return graph;
}

function measure(
  graph: LatencyGraph,
  source: NodeId,
  destination: NodeId,
  latencyMs: number,
  nowMs = 0,
  additional = 0,
) {
  const measurement = { source, destination, latencyMs, additionalCostMs: additional, validForMs: VALID_FOR_MS };
  return graph.measure(measurement, nowMs);
}

/** Costs of an update that covers the whole graph, in milliseconds. */
function costsMs(update: GraphUpdate | undefined): number[] {
  assert.ok(update?.kind === "all");
  return Array.from(update.costsUs, (cost) => cost / 1000);
}

Deno.test("takeUpdate() returns the costs of all links in the order of the NodeIds", () => {
  const graph = graphOf([9, 2, 5]);
  measure(graph, 9, 2, 30);
  measure(graph, 2, 5, 1.5);
  const update = graph.takeUpdate(0);
  assert.ok(update?.kind === "all");
  assert.deepEqual(update.nodes, [2, 5, 9]);
  assert.deepEqual(costsMs(update), [0, 1.5, Infinity, Infinity, 0, Infinity, 30, Infinity, 0]);
  assert.equal(graph.takeUpdate(0), undefined);
});

Deno.test("takeUpdate() charges the additional cost of the node where a link ends", () => {
  const graph = graphOf([1, 2]);
  measure(graph, 1, 2, 20, 0, 10);
  measure(graph, 2, 1, 20, 0, -5);
  assert.deepEqual(costsMs(graph.takeUpdate(0)), [0, 30, 20, 0]);
  assert.equal(graph.latencyMs(1, 2), 20);
  assert.equal(graph.latencyMs(1, 7), Infinity);
  assert.deepEqual(graph.links().usedLatencyUs, Float64Array.of(0, 20_000, 20_000, 0));
});

Deno.test("takeUpdate() returns a few changed links one by one, many as a whole", () => {
  const nodes = Array.from({ length: MAX_CHANGED_EDGES + 2 }, (_, index) => index + 1);
  const graph = graphOf(nodes, { coolDownMs: 0 });
  for (const node of nodes) if (node > 1) measure(graph, 1, node, 100);
  graph.takeUpdate(0);
  measure(graph, 1, 2, 200);
  measure(graph, 1, 3, 105);
  measure(graph, 1, 4, 200);
  measure(graph, 1, 4, 100);
  assert.deepEqual(graph.takeUpdate(0), { kind: "edges", edges: [{ source: 1, destination: 2, costUs: 200_000 }] });
  assert.equal(graph.links().usedLatencyUs[2], 100_000, "from 1 to 3, within the tolerance: still as it was used");
  for (const node of nodes) if (node > 1) measure(graph, 1, node, 300);
  assert.equal(graph.takeUpdate(0)?.kind, "all");
});

Deno.test("takeUpdate() waits for the end of the cool-down, unless a link appears or vanishes", () => {
  const graph = graphOf([1, 2, 3]);
  measure(graph, 1, 2, 100);
  assert.equal(graph.recalculationDueAtMs(), -Infinity);
  graph.takeUpdate(1000);
  assert.equal(graph.recalculationDueAtMs(), Infinity);
  measure(graph, 1, 2, 150, 2000);
  assert.equal(graph.recalculationDueAtMs(), 6000);
  assert.equal(graph.takeUpdate(5999), undefined);
  assert.equal(graph.takeUpdate(6000)?.kind, "edges");
  measure(graph, 1, 3, 10, 6001);
  assert.equal(graph.takeUpdate(6001)?.kind, "edges");
  measure(graph, 1, 3, Infinity, 6002);
  assert.deepEqual(graph.takeUpdate(6002), { kind: "edges", edges: [{ source: 1, destination: 3, costUs: Infinity }] });
});

Deno.test("takeUpdate() takes a changed additional cost for a change", () => {
  const graph = graphOf([1, 2], { coolDownMs: 0 });
  measure(graph, 1, 2, 100);
  graph.takeUpdate(0);
  measure(graph, 1, 2, 100, 0, 3);
  assert.deepEqual(graph.takeUpdate(0), { kind: "edges", edges: [{ source: 1, destination: 2, costUs: 103_000 }] });
});

Deno.test("takeUpdate() has no link where latency and additional cost are unreachable together", () => {
  const graph = graphOf([1, 2]);
  measure(graph, 1, 2, UNREACHABLE_MS - 10, 0, 10);
  measure(graph, 2, 1, UNREACHABLE_MS);
  assert.deepEqual(costsMs(graph.takeUpdate(0)), [0, Infinity, Infinity, 0]);
});

Deno.test("expire() lets links go that weren't measured in time", () => {
  const graph = graphOf([1, 2, 3]);
  measure(graph, 1, 2, 100, 0);
  measure(graph, 2, 1, 100, 500);
  measure(graph, 1, 3, Infinity, 0);
  graph.takeUpdate(500);
  assert.equal(graph.expire(0), VALID_FOR_MS);
  assert.equal(graph.expire(VALID_FOR_MS - 1), VALID_FOR_MS);
  assert.equal(graph.latencyMs(1, 2), 100);
  assert.equal(graph.expire(VALID_FOR_MS), VALID_FOR_MS + 500);
  assert.equal(graph.latencyMs(1, 2), Infinity);
  assert.deepEqual(graph.takeUpdate(VALID_FOR_MS), {
    kind: "edges",
    edges: [{ source: 1, destination: 2, costUs: Infinity }],
  });
  measure(graph, 2, 1, 100, VALID_FOR_MS);
  assert.equal(graph.expire(VALID_FOR_MS + 500), 2 * VALID_FOR_MS);
  assert.equal(graph.latencyMs(2, 1), 100);
});

Deno.test("measure() lets the manual latency win, when a measurement arrives", () => {
  const manualLatencyMs = new Map([[65535, new Map([[2, 7]])], [3, new Map([[2, 70], [1, Infinity]])]]);
  const graph = graphOf([1, 2, 3], { manualLatencyMs });
  assert.equal(graph.latencyMs(1, 2), Infinity);
  measure(graph, 1, 2, 500);
  measure(graph, 3, 2, NaN);
  measure(graph, 3, 1, 5);
  measure(graph, 2, 1, 5);
  assert.deepEqual([graph.latencyMs(1, 2), graph.latencyMs(3, 2), graph.latencyMs(3, 1), graph.latencyMs(2, 1)], [
    7,
    70,
    Infinity,
    5,
  ]);
});

Deno.test("measure() refuses what can't be used and changes nothing", () => {
  const graph = graphOf([1, 2]);
  const good = { source: 1, destination: 2, latencyMs: 5, additionalCostMs: 0, validForMs: 1000 };
  const table = [
    { source: 3 },
    { destination: 3 },
    { destination: 1 },
    { destination: 65535 },
    { latencyMs: NaN },
    { latencyMs: -Infinity },
    { latencyMs: -1e308 },
    { additionalCostMs: NaN },
    { validForMs: NaN },
    { validForMs: 0 },
    { validForMs: -1 },
  ];
  for (const wrong of table) assert.equal(graph.measure({ ...good, ...wrong }, 0), false, JSON.stringify(wrong));
  assert.equal(graph.latencyMs(1, 2), Infinity);
  assert.equal(graph.measure(good, 0), true);
});

Deno.test("addNode() refuses reserved identifiers and keeps a node that is there", () => {
  const graph = graphOf([1, 2]);
  measure(graph, 1, 2, 5);
  graph.addNode(1);
  assert.equal(graph.latencyMs(1, 2), 5);
  for (const id of [65532, 65533, 65534, 65535]) assert.throws(() => graph.addNode(id), RangeError);
});

Deno.test("removeNode() takes the node's links away, also from who comes after it", () => {
  const graph = graphOf([1, 2, 3]);
  measure(graph, 1, 2, 5);
  measure(graph, 2, 3, 5);
  graph.takeUpdate(0);
  graph.removeNode(2);
  graph.removeNode(2);
  assert.deepEqual(graph.nodes(), [1, 3]);
  graph.addNode(4);
  const update = graph.takeUpdate(0);
  assert.ok(update?.kind === "all");
  assert.deepEqual(update.nodes, [1, 3, 4]);
  assert.ok(costsMs(update).every((cost) => cost === 0 || cost === Infinity));
});

Deno.test("flattenNegative() leaves no cycle of negative sum, until the next measurement", () => {
  const graph = graphOf([1, 2, 3]);
  measure(graph, 1, 2, -50, 0, 10);
  measure(graph, 2, 1, 20);
  measure(graph, 2, 3, -5, 0, 8);
  const routes = new Routes();
  assert.equal(routes.apply(graph.takeAll(0)), "negative cycle");
  assert.equal(routes.apply(graph.flattenNegative(0)), "changed");
  assert.equal(routes.costMs(1, 2), 10);
  assert.equal(routes.costMs(2, 3), 3, "costs that aren't negative stay");
  assert.equal(routes.nextHop(1, 3), 2);
  measure(graph, 1, 2, -19);
  assert.equal(graph.latencyMs(1, 2), -19);
});

Deno.test("LatencyGraph and Routes end at the same routes by single links as by whole graphs, in any order of nodes", () => {
  const step = fc.record({
    source: fc.integer({ min: 1, max: 9 }),
    destination: fc.integer({ min: 1, max: 9 }),
    latencyMs: fc.oneof(fc.integer({ min: -1, max: 9 }), fc.constant(Infinity)),
    additionalCostMs: fc.nat(2),
  });
  const ids = Array.from({ length: 9 }, (_, index) => index + 1);
  const orders = fc.shuffledSubarray(ids, { minLength: 9 });
  const settings = { tolerance: { ...SETTINGS.tolerance, toleranceMs: 0 }, coolDownMs: 0 };
  fc.assert(
    fc.property(orders, orders, fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 20 }), (one, other, rounds) => {
      const graph = graphOf(one, settings);
      const twin = graphOf(other, settings);
      const routes = new Routes();
      const anew = new Routes();
      for (const [nowMs, steps] of rounds.entries()) {
        for (const each of steps) {
          graph.measure({ ...each, validForMs: VALID_FOR_MS }, nowMs);
          twin.measure({ ...each, validForMs: VALID_FOR_MS }, nowMs);
        }
        const update = graph.takeUpdate(nowMs);
        if (update === undefined) continue;
        const outcome = routes.apply(update);
        const twinOutcome = anew.apply(twin.takeAll(nowMs));
        assert.equal(outcome, twinOutcome);
        assert.deepEqual(routes.nextHopTable(), anew.nextHopTable());
        assert.deepEqual(routes.costJson(), anew.costJson());
        if (outcome !== "negative cycle") continue;
        routes.apply(graph.flattenNegative(nowMs));
        anew.apply(twin.flattenNegative(nowMs));
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("measure() rounds up to whole microseconds, so that no cycle falls below zero", () => {
  const graph = graphOf([1, 2, 3]);
  measure(graph, 1, 2, 0.0004);
  measure(graph, 2, 3, 0.0004);
  measure(graph, 3, 1, -0.0008);
  assert.equal(graph.latencyMs(1, 2) + graph.latencyMs(2, 3), 0.002);
  assert.equal(graph.latencyMs(3, 1), 0);
  for (const latencyMs of [1.1, 0.3, 3_600_000.123, -1.1, -3_599_999.877]) {
    measure(graph, 1, 2, latencyMs);
    assert.equal(graph.latencyMs(1, 2), latencyMs);
  }
});

Deno.test("links() copies what is known of all links, and what was used", () => {
  const graph = graphOf([9, 2]);
  measure(graph, 9, 2, 3);
  graph.takeUpdate(0);
  measure(graph, 9, 2, 4);
  measure(graph, 2, 9, 5);
  assert.deepEqual(graph.links(), {
    nodes: [2, 9],
    latencyUs: Float64Array.of(0, 5000, 4000, 0),
    usedLatencyUs: Float64Array.of(0, Infinity, 3000, 0),
  });
});
