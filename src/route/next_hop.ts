/**
 * From the next-hop table to the columns by which lanes forward.
 *
 * The table says for every node, not only for us, which neighbour is next on the way to every destination. With that a
 * node can tell which of its neighbours a broadcast reaches *through it*, and passes it on to those only: each node gets
 * one copy, and nothing has to be remembered. Source: `behaviour.md` §1.5; reference node, `path/path.go`.
 *
 * For a broadcast of source `s`, received by us, and a neighbour `n`: follow the table from `s` towards `n`. If the walk
 * arrives and we are on it, `n` depends on us.
 *
 * ```
 *     1 ── 2 ── 3 ── 5      4 hears a broadcast of 1 from 2:
 *           \  /              6: 1-2-4-6, through us: pass it on
 *            4 ── 6           3: 1-2-3, not through us: don't
 * ```
 *
 * @module
 */

import { isOrdinaryNodeId, type NodeId } from "../base/node_id.ts";

/** `table[source][destination]` is the neighbour of `source` that is next on the way. Rows and entries may be missing. */
export type NextHopTable = Readonly<Record<NodeId, Readonly<Record<NodeId, NodeId>>>>;

/** The shared columns that routes are published in; a part of `Tables` in `dataplane/tables.ts`. */
export interface RouteColumns {
  /** Words of one bitmap over peer rows. */
  readonly peerBitmapWords: number;
  /** Index NodeId: peer row of the next hop, or {@linkcode NO_ROUTE}. */
  readonly nextHopPeer: Uint16Array;
  /** Bitmap over peer rows: where our own broadcasts go. */
  readonly broadcastPeers: Int32Array;
  /** Index NodeId: slot of that source in `relayPeers`, or {@linkcode NO_ROUTE}. */
  readonly relaySlot: Uint16Array;
  /** Width `peerBitmapWords`, index slot: to whom a broadcast of that source is passed on. */
  readonly relayPeers: Int32Array;
}

/** What {@linkcode publishNextHops} wants its caller to know. */
export interface PublishedRoutes {
  /** Destinations that have a next hop which is a peer of ours. */
  readonly destinations: number;
  /** Sources whose broadcasts we should pass on but can't, because `relayPeers` has no slot left for them. */
  readonly sourcesWithoutSlot: readonly NodeId[];
}

/** "No route" in `nextHopPeer`, "no slot" in `relaySlot`. */
export const NO_ROUTE = 0xffff;

/**
 * Follows the table from `source` to `target`.
 *
 * @returns The nodes on the way, both ends included; `undefined` if an entry is missing or a node repeats.
 */
export function nextHopPath(table: NextHopTable, source: NodeId, target: NodeId): NodeId[] | undefined {
  const path = [source];
  const visited = new Set(path);
  for (let at = source; at !== target;) {
    const next = table[at]?.[target];
    if (next === undefined || visited.has(next)) return undefined;
    path.push(next);
    visited.add(next);
    at = next;
  }
  return path;
}

/**
 * Writes the routes of `selfId` into the shared columns, in place.
 *
 * Only words that change are stored, and a source keeps its slot, so that a lane which forwards at the same time sees
 * for each destination either the old route or the new one. Next hops that are no peers of ours are left out.
 *
 * @param columns Written by this thread only.
 * @param peerRowOf Row of each ordinary peer by its NodeId.
 */
export function publishNextHops(
  columns: RouteColumns,
  table: NextHopTable,
  selfId: NodeId,
  peerRowOf: ReadonlyMap<NodeId, number>,
): PublishedRoutes {
  const destinations = publishDestinations(columns, table[selfId] ?? {}, selfId, peerRowOf);

  const neighbours = neighboursOf(table, selfId).filter((neighbour) => peerRowOf.has(neighbour));
  const broadcast = bitmapOf(neighbours, columns.peerBitmapWords, peerRowOf);
  storeChanged(columns.broadcastPeers, 0, broadcast);

  const dependents = dependentsBySource(table, selfId, neighbours);
  const sourcesWithoutSlot = publishRelays(columns, dependents, peerRowOf);
  return { destinations, sourcesWithoutSlot };
}

/**
 * Finds, for every source, the neighbours that its broadcasts reach through us.
 *
 * For one neighbour the table is a graph in which every node has one way out, so that each node's verdict follows from
 * its successor's and is found once: the cost is nodes × neighbours.
 *
 * @param neighbours Our next-hop neighbours.
 * @returns Sources that have at least one, in ascending order.
 */
export function dependentsBySource(
  table: NextHopTable,
  selfId: NodeId,
  neighbours: readonly NodeId[],
): Map<NodeId, NodeId[]> {
  const sources = Object.keys(table).map(Number).filter((source) => source !== selfId && isOrdinaryNodeId(source));
  const dependents = new Map<NodeId, NodeId[]>();
  for (const source of sources) dependents.set(source, []);
  for (const neighbour of neighbours) {
    const verdicts = new Map<NodeId, Verdict>([[neighbour, "around us"]]);
    for (const source of sources) {
      if (verdictOf(table, selfId, neighbour, source, verdicts) === "through us") {
        dependents.get(source)?.push(neighbour);
      }
    }
  }
  for (const source of sources) {
    if (dependents.get(source)?.length === 0) dependents.delete(source);
  }
  return dependents;
}

/** How the way from a node to a neighbour of ours runs. */
type Verdict = "through us" | "around us" | "nowhere";

/** Walks from `source` towards `target` until a node whose verdict is known, and notes the verdict of all on the way. */
function verdictOf(
  table: NextHopTable,
  selfId: NodeId,
  target: NodeId,
  source: NodeId,
  verdicts: Map<NodeId, Verdict>,
): Verdict {
  const walk: NodeId[] = [];
  const walked = new Set<NodeId>();
  let at: NodeId | undefined = source;
  while (at !== undefined && !verdicts.has(at) && !walked.has(at)) {
    walk.push(at);
    walked.add(at);
    at = table[at]?.[target];
  }
  // A walk that ends at a missing entry, or comes back to itself, arrives nowhere.
  let verdict: Verdict = at === undefined ? "nowhere" : verdicts.get(at) ?? "nowhere";
  for (const node of walk.reverse()) {
    if (node === selfId && verdict === "around us") verdict = "through us";
    verdicts.set(node, verdict);
  }
  return verdict;
}

/** Distinct next hops of our own row, ascending. */
function neighboursOf(table: NextHopTable, selfId: NodeId): NodeId[] {
  const neighbours = new Set(Object.values(table[selfId] ?? {}));
  neighbours.delete(selfId);
  return [...neighbours].sort((a, b) => a - b);
}

function publishDestinations(
  columns: RouteColumns,
  row: Readonly<Record<NodeId, NodeId>>,
  selfId: NodeId,
  peerRowOf: ReadonlyMap<NodeId, number>,
): number {
  const { nextHopPeer } = columns;
  let destinations = 0;
  for (let destination = 0; destination < nextHopPeer.length; destination++) {
    const nextHop = destination !== selfId && isOrdinaryNodeId(destination) ? row[destination] : undefined;
    const peerRow = nextHop === undefined ? NO_ROUTE : peerRowOf.get(nextHop) ?? NO_ROUTE;
    if (peerRow !== NO_ROUTE) destinations++;
    if (nextHopPeer[destination] !== peerRow) nextHopPeer[destination] = peerRow;
  }
  return destinations;
}

function publishRelays(
  columns: RouteColumns,
  dependents: ReadonlyMap<NodeId, readonly NodeId[]>,
  peerRowOf: ReadonlyMap<NodeId, number>,
): NodeId[] {
  const { relaySlot, relayPeers, peerBitmapWords } = columns;
  const freeSlots = new Set(Array.from({ length: relayPeers.length / peerBitmapWords }, (_, slot) => slot));
  // Sources that are gone give up their slot before anyone else may take it.
  for (let source = 0; source < relaySlot.length; source++) {
    if (relaySlot[source] === NO_ROUTE) continue;
    if (dependents.has(source)) freeSlots.delete(relaySlot[source]);
    else relaySlot[source] = NO_ROUTE;
  }
  const slots = freeSlots.values();
  const sourcesWithoutSlot: NodeId[] = [];
  for (const [source, neighbours] of dependents) {
    const bitmap = bitmapOf(neighbours, peerBitmapWords, peerRowOf);
    const slot = relaySlot[source] === NO_ROUTE ? slots.next().value : relaySlot[source];
    if (slot === undefined) {
      sourcesWithoutSlot.push(source);
      continue;
    }
    storeChanged(relayPeers, slot * peerBitmapWords, bitmap);
    relaySlot[source] = slot;
  }
  return sourcesWithoutSlot;
}

function bitmapOf(nodes: readonly NodeId[], words: number, peerRowOf: ReadonlyMap<NodeId, number>): Int32Array {
  const bitmap = new Int32Array(words);
  for (const node of nodes) {
    const row = peerRowOf.get(node);
    if (row !== undefined) bitmap[row >> 5] |= 1 << (row & 31);
  }
  return bitmap;
}

function storeChanged(column: Int32Array, at: number, words: Int32Array): void {
  for (let index = 0; index < words.length; index++) {
    if (column[at + index] !== words[index]) column[at + index] = words[index];
  }
}
