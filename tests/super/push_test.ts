import { strict as assert } from "node:assert";
import { SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { DocumentKind } from "../../src/control/documents.ts";
import { ServerAction } from "../../src/control/messages.ts";
import { EdgeStates, isStatefulKind, type Push, PushPlan, type StatefulKind } from "../../src/super/push.ts";

const { PARAMETERS, PEERS, NEXT_HOPS } = DocumentKind;
const KINDS: StatefulKind[] = [PARAMETERS, PEERS, NEXT_HOPS];
const RE_PUSH_MS = 30_000;

interface Edge {
  nodeId: number;
  isAlive: boolean;
  states: EdgeStates;
}

/** A plan over some edges, with tokens that a test sets. */
class Bench {
  readonly tokens = new Map<StatefulKind, string>([[PARAMETERS, "parameters"], [PEERS, "peers"], [NEXT_HOPS, ""]]);
  readonly edges = new Map<number, Edge>();
  readonly plan = new PushPlan<Edge>({
    edges: this.edges,
    tokenOf: (_edge, kind) => this.tokens.get(kind)!,
    rePushIntervalMs: () => RE_PUSH_MS,
    startedMs: 0,
  });

  constructor(...nodeIds: number[]) {
    for (const nodeId of nodeIds) this.edges.set(nodeId, { nodeId, isAlive: true, states: new EdgeStates() });
  }

  /** Lets an edge have all that there is. */
  satisfy(nodeId: number): void {
    for (const kind of KINDS) this.edges.get(nodeId)!.states.hold(kind, this.tokens.get(kind)!);
  }

  pushesAt(nowMs: number): Push[] {
    this.plan.handleTimeout(nowMs);
    const pushes: Push[] = [];
    for (let push = this.plan.pollPush(); push !== undefined; push = this.plan.pollPush()) pushes.push(push);
    return pushes;
  }

  /** The same, as node and token. */
  told(nowMs: number): string[] {
    return this.pushesAt(nowMs).map(({ nodeId, update }) => `${nodeId} ${update.params}`);
  }
}

Deno.test("PushPlan tells an edge what it lacks with the action and token of each kind, as the super node", () => {
  const bench = new Bench(1);
  bench.tokens.set(NEXT_HOPS, "table");
  bench.plan.touch(1);
  const expected: [number, string][] = [
    [ServerAction.UPDATE_PARAMETERS, "parameters"],
    [ServerAction.UPDATE_PEERS, "peers"],
    [ServerAction.UPDATE_NEXT_HOP, "table"],
  ];
  assert.equal(bench.plan.pollTimeout(), 0);
  assert.deepEqual(
    bench.pushesAt(5),
    expected.map(([action, params]) => ({ nodeId: 1, update: { nodeId: SUPER_NODE_ID, action, code: 0, params } })),
  );
});

Deno.test("PushPlan repeats every second what had no effect, and stops once the edge has it", () => {
  const bench = new Bench(1);
  bench.plan.touch(1);
  assert.deepEqual(bench.told(100), ["1 parameters", "1 peers"]);
  assert.equal(bench.plan.pollTimeout(), 1_100);
  assert.deepEqual(bench.told(1_099), []);
  assert.deepEqual(bench.told(1_100), ["1 parameters", "1 peers"]);
  bench.edges.get(1)!.states.hold(PARAMETERS, "parameters");
  assert.deepEqual(bench.told(2_100), ["1 peers"]);
  bench.satisfy(1);
  assert.deepEqual(bench.told(3_100), []);
  assert.equal(bench.plan.pollTimeout(), RE_PUSH_MS);
});

Deno.test("PushPlan tells nobody of a document that doesn't exist yet, nor those who are silent", () => {
  const bench = new Bench(1, 2);
  bench.edges.get(2)!.isAlive = false;
  bench.plan.touchAll();
  assert.deepEqual(bench.told(0), ["1 parameters", "1 peers"]);
  bench.satisfy(1);
  assert.deepEqual(bench.told(1_000), []);
  assert.equal(bench.plan.pollTimeout(), RE_PUSH_MS, "the silent one isn't waited for");
});

Deno.test("PushPlan tells everybody of a new token at once, and of none twice within half a second", () => {
  const bench = new Bench(1, 2, 3);
  for (const nodeId of [1, 2, 3]) bench.satisfy(nodeId);
  bench.tokens.set(PEERS, "peers 2");
  bench.plan.touchAll();
  assert.deepEqual(bench.told(7), ["1 peers 2", "2 peers 2", "3 peers 2"]);
  bench.tokens.set(PARAMETERS, "parameters 2");
  bench.plan.touchAll();
  assert.deepEqual(bench.told(300), ["1 parameters 2", "2 parameters 2", "3 parameters 2"]);
});

Deno.test("PushPlan tells those that have the next-hop table of it now and again, too, if they are alive", () => {
  const bench = new Bench(1, 2);
  bench.tokens.set(NEXT_HOPS, "table");
  for (const nodeId of [1, 2]) bench.satisfy(nodeId);
  bench.edges.get(2)!.isAlive = false;
  assert.deepEqual(bench.told(RE_PUSH_MS - 1), []);
  assert.deepEqual(bench.told(RE_PUSH_MS), ["1 table"]);
  assert.equal(bench.plan.pollTimeout(), 2 * RE_PUSH_MS);
  assert.deepEqual(bench.told(2 * RE_PUSH_MS), ["1 table"]);
});

Deno.test("PushPlan sends only the newest token of what was not sent yet, and nothing to who is gone", () => {
  const bench = new Bench(1, 2);
  bench.plan.touchAll();
  bench.plan.handleTimeout(0);
  assert.equal(bench.plan.pollTimeout(), 0, "messages wait");
  bench.tokens.set(PEERS, "peers 2");
  bench.plan.touchAll();
  bench.plan.touch(2);
  bench.edges.delete(2);
  bench.plan.forget(2);
  assert.deepEqual(bench.told(0), ["1 parameters", "1 peers 2"]);
});

Deno.test("isStatefulKind() takes what has a state token", () => {
  assert.deepEqual([0, PARAMETERS, PEERS, NEXT_HOPS, DocumentKind.REPORT, 255].map(isStatefulKind), [
    false,
    true,
    true,
    true,
    false,
    false,
  ]);
});
