import { strict as assert } from "node:assert";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "../../src/base/random.ts";
import { type GraphUpdate, LatencyGraph } from "../../src/route/graph.ts";
import type { RouteState } from "../../src/super/route_calculator.ts";
import { DirectEngine, type RouteEngine, type RouteResult } from "../../src/super/route_engine.ts";
import { WorkerEngine } from "../../src/super/worker_engine.ts";
import { RecordingLog } from "../node/recording_log.ts";
import { RouteBench, SETTINGS } from "./route_fixture.ts";

const ROUTE_WORKER = new URL("../../src/super/route_worker.ts", import.meta.url).href;

function compute(engine: RouteEngine, update: GraphUpdate, isLastTry = false): Promise<RouteResult> {
  return new Promise((resolve) => engine.compute({ update, isLastTry }, resolve));
}

/** Everything that a result says, the document in all its forms. */
function contentOf(result: RouteResult): unknown {
  if (result.outcome !== "changed") return result.outcome;
  const text = new TextDecoder().decode(result.document.plain);
  assert.equal(gunzipSync(result.document.gzip()).toString(), text);
  assert.equal(result.document.plain.byteLength, result.document.plain.buffer.byteLength);
  return JSON.parse(text);
}

function textsOf(state: RouteState): unknown {
  return Object.entries(state).map(([name, json]) => [name, json && new TextDecoder().decode(json)]);
}

/** A worker out of the text of a module. */
function workerOf(text: string): Worker {
  return new Worker(`data:application/javascript,${encodeURIComponent(text)}`, { type: "module" });
}

function brokenWorker(): Worker {
  return workerOf(`onmessage = () => { throw new Error("out of order"); };`);
}

/** Works for some messages, and then fails. */
function mortalWorker(messages: number): Worker {
  return workerOf(`
    await import("${ROUTE_WORKER}");
    const work = onmessage;
    let left = ${messages};
    onmessage = (message) => {
      if (left-- === 0) throw new Error("worn out");
      work(message);
    };
  `);
}

Deno.test("WorkerEngine gives what DirectEngine gives, update after update", async () => {
  const settings = {
    manualLatencyMs: new Map(),
    tolerance: { rule: "relative" as const, toleranceMs: 0, multiplier: 1 },
    coolDownMs: 0,
  };
  const graphs = [new LatencyGraph(settings), new LatencyGraph(settings)];
  const random = seededRandom(11);
  await using worker = new WorkerEngine({ log: new RecordingLog(), onResult: () => {} });
  await using direct = new DirectEngine();
  for (const graph of graphs) for (let node = 1; node <= 30; node++) graph.addNode(node * 2000);
  const outcomes = new Set<string>();
  for (let nowMs = 0; nowMs < 60; nowMs++) {
    const count = nowMs % 7 === 0 ? 60 : nowMs % 5 === 0 ? 0 : 3;
    if (nowMs === 30) { for (const graph of graphs) graph.removeNode(2000); }
    for (let measured = 0; measured < count; measured++) {
      const source = 2000 * (1 + random.uint32() % 30);
      const destination = 2000 * (1 + random.uint32() % 30);
      // Odd rounds may close a negative cycle.
      const latencyMs = random.uint32() % 20 - (nowMs % 20 === 19 ? 15 : 0);
      for (const graph of graphs) {
        graph.measure({ source, destination, latencyMs, additionalCostMs: 0, validForMs: 30 }, nowMs);
      }
    }
    let updates = graphs.map((graph) => graph.takeUpdate(nowMs) ?? graph.takeAll(nowMs));
    let results = [await compute(worker, updates[0]), await compute(direct, updates[1])];
    assert.deepEqual(contentOf(results[0]), contentOf(results[1]), `at ${nowMs}`);
    outcomes.add(results[0].outcome);
    assert.deepEqual(
      textsOf(await worker.describe(graphs[0].links())),
      textsOf(await direct.describe(graphs[1].links())),
    );
    if (results[0].outcome !== "negative cycle") continue;
    updates = graphs.map((graph) => graph.flattenNegative(nowMs));
    results = [await compute(worker, updates[0], true), await compute(direct, updates[1], true)];
    assert.deepEqual(contentOf(results[0]), contentOf(results[1]), `at ${nowMs}, without negative costs`);
  }
  assert.deepEqual([...outcomes].sort(), ["changed", "negative cycle", "unchanged"]);
});

Deno.test("compute() of the last try takes a negative cycle for a network without routes", async () => {
  const engine = new DirectEngine();
  function update(there: number, back: number): GraphUpdate {
    return { kind: "all", nodes: [1, 2], costsUs: Float64Array.of(0, there, back, 0) };
  }
  assert.deepEqual(contentOf(await compute(engine, update(1, 1))), { 1: { 2: 2 }, 2: { 1: 1 } });
  assert.equal(contentOf(await compute(engine, update(1, -2))), "negative cycle");
  assert.deepEqual(contentOf(await compute(engine, update(1, -2), true)), { 1: {}, 2: {} });
  assert.equal(contentOf(await compute(engine, update(1, -2), true)), "unchanged");
  assert.deepEqual(contentOf(await compute(engine, update(1, 1))), { 1: { 2: 2 }, 2: { 1: 1 } });
});

/** A computer with an engine, and a promise for its next result. */
function createBench(createWorker: () => Worker) {
  const log = new RecordingLog();
  let resolve = () => {};
  const engine = new WorkerEngine({ log, createWorker, onResult: () => resolve() });
  const bench = new RouteBench([1, 2, 3], {}, engine);
  function nextResult(): Promise<void> {
    return new Promise((next) => resolve = next);
  }
  return { log, bench, nextResult };
}

Deno.test("WorkerEngine has this thread compute if its worker never does", async () => {
  let started = 0;
  const { log, bench, nextResult } = createBench(() => {
    started++;
    return brokenWorker();
  });
  await using computer = bench.computer;
  bench.measure(1, 2, 10, 0);
  const result = nextResult();
  computer.handleTimeout(0);
  await result;
  assert.deepEqual(bench.published, [{ 1: { 2: 2 }, 2: {}, 3: {} }]);
  bench.measure(2, 3, 10, 1000);
  computer.handleTimeout(1000);
  assert.deepEqual(bench.published.at(-1), { 1: { 2: 2, 3: 2 }, 2: { 3: 3 }, 3: {} });
  assert.equal(started, 1);
  assert.match(log.take("error")[0].event, /Cannot compute routes.*control thread/);
});

Deno.test("WorkerEngine replaces a worker that fails after it worked, and loses nothing", async () => {
  let started = 0;
  const { log, bench, nextResult } = createBench(() => mortalWorker(++started === 1 ? 1 : 100));
  await using computer = bench.computer;
  for (const [index, [source, destination]] of [[1, 2], [2, 3], [3, 1]].entries()) {
    bench.measure(source, destination, 10, 1000 * index);
    // The second computation fails, and goes on in the next worker.
    const results = index === 1 ? 2 : 1;
    const waits = Promise.withResolvers<void>();
    void (async () => {
      for (let count = 0; count < results; count++) await nextResult();
      waits.resolve();
    })();
    computer.handleTimeout(1000 * index);
    await waits.promise;
  }
  assert.deepEqual(bench.published.at(-1), { 1: { 2: 2, 3: 2 }, 2: { 1: 3, 3: 3 }, 3: { 1: 1, 2: 1 } });
  assert.equal(bench.published.length, 3);
  assert.equal(started, 2);
  assert.match(log.take("error")[0].event, /a new worker/);
});

Deno.test("WorkerEngine doesn't publish what the worker before it has published already", async () => {
  let started = 0;
  const { bench, nextResult } = createBench(() => mortalWorker(++started === 1 ? 1 : 100));
  await using computer = bench.computer;
  for (const [latencyMs, nowMs] of [[10, 0], [20, 1000]]) {
    bench.measure(1, 2, latencyMs, nowMs);
    const result = nextResult();
    computer.handleTimeout(nowMs);
    await result;
  }
  await nextResult();
  assert.equal(started, 2);
  assert.equal(bench.published.length, 1);
});

Deno.test("describe() fails if the worker does, or is ended", async () => {
  const log = new RecordingLog();
  const links = () => new LatencyGraph({ ...graphSettings(), coolDownMs: 0 }).links();
  const broken = new WorkerEngine({ log, createWorker: brokenWorker, onResult: () => {} });
  await assert.rejects(broken.describe(links()), /out of order/);
  assert.equal((await broken.describe(links())).costs, undefined);
  await broken[Symbol.asyncDispose]();

  const ended = new WorkerEngine({ log, onResult: () => assert.fail("a result after the end") });
  const description = ended.describe(links());
  ended.compute({ update: { kind: "all", nodes: [], costsUs: new Float64Array(0) }, isLastTry: false }, () => {
    assert.fail("a result after the end");
  });
  await ended[Symbol.asyncDispose]();
  await assert.rejects(description, /stops/);
  await assert.rejects(ended.describe(links()), /stops/);
});

function graphSettings() {
  return {
    manualLatencyMs: SETTINGS.manualLatencyMs,
    tolerance: { rule: "relative", toleranceMs: 0, multiplier: 1 } as const,
  };
}
