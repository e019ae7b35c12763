/**
 * What routes cost for a network of 1,000 nodes: `deno bench --allow-all tests/bench/routes_bench.ts`.
 *
 * @module
 */

import { seededRandom } from "../../src/base/random.ts";
import { LatencyGraph } from "../../src/route/graph.ts";
import { Routes } from "../../src/route/routes.ts";
import { compress } from "../../src/super/json_document.ts";
import { bareTripleLoop } from "../reference/triple_loop.ts";

const SIZE = 1000;
/** A link is measured so often while a bench runs that its validity mustn't end. */
const VALID_FOR_MS = 1e9;

const random = seededRandom(4);
const nodes = Array.from({ length: SIZE }, (_, index) => index + 1);
const costsUs = Float64Array.from({ length: SIZE * SIZE }, (_, at) => at % (SIZE + 1) === 0 ? 0 : anyCostUs());

const routes = new Routes();
routes.apply({ kind: "all", nodes, costsUs: costsUs.slice() });

const graph = new LatencyGraph({
  manualLatencyMs: new Map(),
  tolerance: { rule: "relative", toleranceMs: 50, multiplier: 1.01 },
  coolDownMs: 5000,
});
for (const node of nodes) graph.addNode(node);

/** Two dense halves and two bridges between them; the first, which all paths across take, comes and goes. */
const halves = new Routes();
halves.apply({
  kind: "all",
  nodes,
  costsUs: costsUs.map((cost, at) => {
    const [from, to] = [Math.floor(at / SIZE), at % SIZE];
    if ((from < SIZE / 2) === (to < SIZE / 2)) return cost;
    return Math.abs(from - to) === SIZE / 2 && Math.min(from, to) < 2
      ? 10_000 + 5_000_000 * Math.min(from, to)
      : Infinity;
  }),
});

function anyNode(): number {
  return 1 + random.uint32() % SIZE;
}

function anyCostUs(): number {
  return 1000 + random.uint32() % 100_000;
}

Deno.bench("bare triple loop", { group: "routes", baseline: true, n: 3, warmup: 1 }, () => {
  bareTripleLoop(costsUs.slice(), SIZE);
});

Deno.bench("whole graph", { group: "routes", n: 3, warmup: 1 }, () => {
  new Routes().apply({ kind: "all", nodes, costsUs: costsUs.slice() });
});

Deno.bench("one edge changed at random", { group: "routes", n: 200 }, () => {
  const [source, destination] = [anyNode(), anyNode()];
  if (source !== destination) routes.apply({ kind: "edges", edges: [{ source, destination, costUs: anyCostUs() }] });
});

Deno.bench("first hop of a route lost and found again", { group: "routes", n: 50 }, () => {
  const [source, destination] = [anyNode(), anyNode()];
  if (source === destination) return;
  const next = routes.nextHop(source, destination);
  for (const costUs of [Infinity, 1000]) {
    routes.apply({ kind: "edges", edges: [{ source, destination: next, costUs }] });
  }
});

Deno.bench("best bridge between two dense halves lost and found again", { group: "routes", n: 10 }, () => {
  for (const costUs of [Infinity, 10_000]) {
    halves.apply({ kind: "edges", edges: [{ source: 1, destination: 1 + SIZE / 2, costUs }] });
  }
});

Deno.bench("document of ten million octets", { group: "document", baseline: true, n: 10 }, () => {
  routes.nextHopJson();
});

Deno.bench("the same, compressed", { group: "document", n: 5 }, () => {
  compress(routes.nextHopJson());
});

Deno.bench("1,000 reports of 20 pongs", { group: "control thread", baseline: true, n: 20 }, () => {
  for (let pong = 0; pong < 20_000; pong++) {
    const latencyMs = 20 + random.uint32() % 50;
    const measurement = { source: anyNode(), destination: anyNode(), latencyMs, additionalCostMs: 10 };
    graph.measure({ ...measurement, validForMs: VALID_FOR_MS }, 0);
  }
});

Deno.bench("whole graph taken for the engine", { group: "control thread", n: 20 }, () => {
  graph.takeAll(0);
});
