import { strict as assert } from "node:assert";
import fc from "fast-check";
import type { NodeId } from "../../src/base/node_id.ts";
import {
  dependentsBySource,
  nextHopPath,
  type NextHopTable,
  NO_ROUTE,
  publishNextHops,
  type RouteColumns,
} from "../../src/route/next_hop.ts";
import { EXAMPLE } from "../reference/example_network.ts";
import { slowDependents } from "../reference/next_hop_relay.ts";

function createColumns(slots = 8): RouteColumns {
  const peerBitmapWords = 1;
  return {
    peerBitmapWords,
    nextHopPeer: new Uint16Array(0x10000).fill(NO_ROUTE),
    broadcastPeers: new Int32Array(peerBitmapWords),
    relaySlot: new Uint16Array(0x10000).fill(NO_ROUTE),
    relayPeers: new Int32Array(slots * peerBitmapWords),
  };
}

/** Peer rows of the neighbours, in the order given. */
function rows(...nodes: NodeId[]): Map<NodeId, number> {
  return new Map(nodes.map((node, row) => [node, row]));
}

/** The nodes in a bitmap over the rows of `peerRowOf`. */
function nodesIn(word: number, peerRowOf: Map<NodeId, number>): NodeId[] {
  return [...peerRowOf].filter(([, row]) => (word >>> row) & 1).map(([node]) => node);
}

function relayedTo(columns: RouteColumns, source: NodeId, peerRowOf: Map<NodeId, number>): NodeId[] {
  const slot = columns.relaySlot[source];
  return slot === NO_ROUTE ? [] : nodesIn(columns.relayPeers[slot], peerRowOf);
}

Deno.test("nextHopPath() follows the table, both ends included", () => {
  assert.deepEqual(nextHopPath(EXAMPLE, 1, 6), [1, 2, 4, 6]);
  assert.deepEqual(nextHopPath(EXAMPLE, 1, 3), [1, 2, 3]);
  assert.deepEqual(nextHopPath(EXAMPLE, 6, 5), [6, 4, 3, 5]);
  assert.deepEqual(nextHopPath(EXAMPLE, 4, 4), [4]);
});

Deno.test("nextHopPath() finds no path where a row or an entry is missing", () => {
  assert.equal(nextHopPath(EXAMPLE, 9, 1), undefined);
  assert.equal(nextHopPath(EXAMPLE, 1, 9), undefined);
  assert.equal(nextHopPath({ 1: { 3: 2 } }, 1, 3), undefined);
});

Deno.test("nextHopPath() finds no path where the table runs in a circle", () => {
  assert.equal(nextHopPath({ 1: { 4: 2 }, 2: { 4: 3 }, 3: { 4: 1 } }, 1, 4), undefined);
  assert.equal(nextHopPath({ 1: { 4: 1 } }, 1, 4), undefined);
});

Deno.test("publishNextHops() passes a broadcast of 1 on to 6 only, in the example of the specification", () => {
  const columns = createColumns();
  const peers = rows(2, 3, 6);
  publishNextHops(columns, EXAMPLE, 4, peers);
  assert.deepEqual(relayedTo(columns, 1, peers), [6]);
  assert.deepEqual(relayedTo(columns, 2, peers), [6]);
  assert.deepEqual(relayedTo(columns, 5, peers), [6]);
  // 6 hangs on 4 alone, so its broadcasts go to both others; 3 is 4's own neighbour for 5.
  assert.deepEqual(relayedTo(columns, 6, peers), [2, 3]);
  assert.deepEqual(relayedTo(columns, 4, peers), [], "own broadcasts are originated, never relayed");
  assert.deepEqual(nodesIn(columns.broadcastPeers[0], peers), [2, 3, 6]);
});

Deno.test("publishNextHops() writes the row of the next hop for every destination", () => {
  const columns = createColumns();
  const peers = rows(2, 3, 6);
  const published = publishNextHops(columns, EXAMPLE, 4, peers);
  assert.equal(published.destinations, 5);
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map((id) => columns.nextHopPeer[id]), [0, 0, 1, NO_ROUTE, 1, 2, NO_ROUTE]);
});

Deno.test("publishNextHops() leaves out next hops that are no peers, and reserved destinations", () => {
  const columns = createColumns();
  publishNextHops(columns, { 4: { 1: 2, 5: 3, 65535: 3, 65533: 3 } }, 4, rows(3));
  assert.equal(columns.nextHopPeer[1], NO_ROUTE);
  assert.equal(columns.nextHopPeer[5], 0);
  assert.equal(columns.nextHopPeer[65535], NO_ROUTE);
  assert.equal(columns.nextHopPeer[65533], NO_ROUTE);
  assert.equal(columns.broadcastPeers[0], 1);
});

Deno.test("publishNextHops() of an empty table withdraws every route", () => {
  const columns = createColumns();
  publishNextHops(columns, EXAMPLE, 4, rows(2, 3, 6));
  const published = publishNextHops(columns, {}, 4, rows(2, 3, 6));
  assert.equal(published.destinations, 0);
  assert.ok(columns.nextHopPeer.every((row) => row === NO_ROUTE));
  assert.ok(columns.relaySlot.every((slot) => slot === NO_ROUTE));
  assert.equal(columns.broadcastPeers[0], 0);
});

Deno.test("publishNextHops() lets a source keep its slot while others come and go", () => {
  const columns = createColumns(3);
  const peers = rows(2, 3);
  const chain = (sources: NodeId[]): NextHopTable => ({
    1: { 2: 2, 3: 3 },
    2: { 3: 1 },
    ...Object.fromEntries(sources.map((source) => [source, { 3: 2 }])),
  });
  publishNextHops(columns, chain([10, 20]), 1, peers);
  const slot = columns.relaySlot[20];
  publishNextHops(columns, chain([20, 5, 30]), 1, peers);
  assert.equal(columns.relaySlot[20], slot);
  assert.equal(columns.relaySlot[10], NO_ROUTE);
  const used = [2, 5, 20, 30].map((source) => columns.relaySlot[source]).filter((each) => each !== NO_ROUTE);
  assert.equal(new Set(used).size, used.length, "no two sources share a slot");
});

Deno.test("publishNextHops() names the sources for which it has no slot", () => {
  const columns = createColumns(1);
  const table: NextHopTable = { 1: { 2: 2, 3: 3 }, 2: { 3: 1 }, 3: { 2: 1 } };
  const published = publishNextHops(columns, table, 1, rows(2, 3));
  assert.deepEqual(published.sourcesWithoutSlot, [3]);
  assert.deepEqual(relayedTo(columns, 2, rows(2, 3)), [3]);
});

const nodes = fc.integer({ min: 1, max: 7 });
/** Tables with holes, circles, and next hops that lead nowhere. */
const anyTable: fc.Arbitrary<NextHopTable> = fc.dictionary(
  nodes.map(String),
  fc.dictionary(nodes.map(String), nodes),
);

Deno.test("dependentsBySource() agrees with the required-route test of the specification for any table", () => {
  fc.assert(
    fc.property(anyTable, nodes, fc.uniqueArray(nodes), (table, selfId, neighbours) => {
      const others = neighbours.filter((node) => node !== selfId);
      const fast = dependentsBySource(table, selfId, others);
      for (let source = 1; source <= 7; source++) {
        const slow = source === selfId ? [] : slowDependents(table, selfId, source, others);
        assert.deepEqual(fast.get(source) ?? [], slow, `source ${source}`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("dependentsBySource() tells one copy to every node of a random tree", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 30 }), (parents) => {
      const { table, size } = treeTable(parents);
      for (let source = 0; source < size; source++) assert.equal(copiesOf(table, source), size - 1);
    }),
    { numRuns: 100 },
  );
});

/** A tree in which node `i + 1` hangs on node `parents[i] % (i + 1)`, and its next-hop table. */
function treeTable(parents: number[]): { table: Record<NodeId, Record<NodeId, NodeId>>; size: number } {
  const size = parents.length + 1;
  const links: NodeId[][] = Array.from({ length: size }, () => []);
  for (const [index, parent] of parents.entries()) {
    links[index + 1].push(parent % (index + 1));
    links[parent % (index + 1)].push(index + 1);
  }
  const table: Record<NodeId, Record<NodeId, NodeId>> = {};
  for (let node = 0; node < size; node++) table[node] = {};
  function walk(at: NodeId, from: NodeId, target: NodeId): void {
    for (const next of links[at]) {
      if (next === from) continue;
      table[next][target] = at;
      walk(next, at, target);
    }
  }
  for (let target = 0; target < size; target++) walk(target, -1, target);
  return { table, size };
}

/** Floods a broadcast of `source` along the dependents and counts the nodes that hear it; fails if one hears it twice. */
function copiesOf(table: NextHopTable, source: NodeId): number {
  const heard = new Set<NodeId>([source]);
  const neighboursOf = (node: NodeId) => [...new Set(Object.values(table[node]))].sort((a, b) => a - b);
  const queue = neighboursOf(source).map((to) => ({ from: source, to }));
  for (const { from, to } of queue) {
    assert.equal(heard.has(to), false, `node ${to} hears the broadcast of ${source} twice`);
    heard.add(to);
    const dependents = dependentsBySource(table, to, neighboursOf(to)).get(source) ?? [];
    for (const next of dependents) if (next !== from) queue.push({ from: to, to: next });
  }
  return heard.size - 1;
}
