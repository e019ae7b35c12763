/**
 * The next-hop table of static mode, as an administrator gives it with a new edge.
 *
 * Nothing else makes routes in static mode, so that the table has to have all of them. Source: `http-api.md` §4.4, §7.2.
 *
 * @module
 */

import { isOrdinaryNodeId, type NodeId } from "../base/node_id.ts";
import type { NextHopTableConfig } from "../config/graph_config.ts";
import { nextHopPath } from "../route/next_hop.ts";

/**
 * Reads and checks a table.
 *
 * @param text JSON: source → destination → next hop, ids as decimal keys and as numbers.
 * @param nodeIds All nodes of the network. The table may have rows for others, which are kept.
 * @returns The table, or a sentence about what is wrong with it. Never throws because of the text.
 */
export function readStaticTable(text: string, nodeIds: readonly NodeId[]): NextHopTableConfig | string {
  const table = parseTable(text);
  if (table === undefined) return 'NextHopTable should be JSON such as {"1":{"2":2},"2":{"1":1}}';
  const nodes = new Set(nodeIds);
  for (const [source, destination] of pairsOf(nodeIds)) {
    const next = table[source]?.[destination];
    const entry = `NextHopTable[${source}][${destination}]`;
    if (next === undefined) return `${entry} is missing`;
    if (!nodes.has(next)) return `${entry} is ${next}, which is no node of this network`;
  }
  for (const [source, destination] of pairsOf(nodeIds)) {
    if (nextHopPath(table, source, destination) === undefined) {
      return `NextHopTable leads in a circle from ${source} to ${destination}`;
    }
  }
  return table;
}

/**
 * Finds the routes that are broken since a node is gone: entries whose next hop it is.
 *
 * @param nodeIds All nodes that are left.
 * @returns Pairs of source and destination.
 */
export function routesThrough(
  table: NextHopTableConfig,
  gone: NodeId,
  nodeIds: readonly NodeId[],
): [source: NodeId, destination: NodeId][] {
  return Array.from(pairsOf(nodeIds)).filter(([source, destination]) => table[source]?.[destination] === gone);
}

function* pairsOf(nodeIds: readonly NodeId[]): Generator<[NodeId, NodeId]> {
  for (const source of nodeIds) {
    for (const destination of nodeIds) if (source !== destination) yield [source, destination];
  }
}

function parseTable(text: string): NextHopTableConfig | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const rows = entriesOf(value);
  if (rows === undefined) return undefined;
  const table: Record<NodeId, Readonly<Record<NodeId, NodeId>>> = {};
  for (const [source, row] of rows) {
    const entries = entriesOf(row);
    if (entries === undefined || !entries.every(([, next]) => isNodeId(next))) return undefined;
    table[source] = Object.fromEntries(entries) as Record<NodeId, NodeId>;
  }
  return table;
}

/** Returns the entries of an object whose keys are ids; `undefined` if it is none. */
function entriesOf(value: unknown): [NodeId, unknown][] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every(([key]) => /^\d{1,5}$/.test(key) && isNodeId(Number(key)))
    ? entries.map(([key, entry]) => [Number(key), entry])
    : undefined;
}

function isNodeId(value: unknown): value is NodeId {
  return Number.isInteger(value) && Number(value) >= 0 && isOrdinaryNodeId(Number(value));
}
