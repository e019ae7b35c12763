/**
 * The routes of a whole network: shortest paths by NodeId, and what others make of them.
 *
 * `graph.ts` says what to compute, `shortest_paths.ts` computes it, and this joins them and turns the result into the next-hop
 * table that is published, downloaded and printed. Nodes are numbered in the order of their NodeIds, so that "lowest index"
 * there means "lowest NodeId" here, in whatever order nodes were added. It can live in a worker.
 *
 * @module
 */

import { INVALID_NODE_ID, type NodeId } from "../base/node_id.ts";
import type { EdgeCost, GraphUpdate, LinkLatencies } from "./graph.ts";
import type { NextHopTable } from "./next_hop.ts";
import { NO_NEXT_HOP, ShortestPaths } from "./shortest_paths.ts";
import { nextHopJson, secondsJson } from "./table_json.ts";

const US_PER_MS = 1000;

/** What an update did: "negative cycle" withdraws all routes, and asks for `LatencyGraph.flattenNegative`. */
export type RoutesOutcome = "changed" | "unchanged" | "negative cycle";

/** Shortest paths between the nodes of a graph. */
export class Routes {
  #nodes: readonly NodeId[] = [];
  #indexOf: ReadonlyMap<NodeId, number> = new Map();
  #paths = new ShortestPaths(new Float64Array(0), 0);
  #lastNodes: readonly NodeId[] = [];
  #lastNextHops = new Uint16Array(0);

  /**
   * Computes what a graph says has changed.
   *
   * @param update Takes over its matrix. Edges of unknown nodes are left out.
   * @returns Whether nodes or next hops differ, those that vanished included, from the last that could be computed.
   */
  apply(update: GraphUpdate): RoutesOutcome {
    if (update.kind === "all") this.#applyAll(update.nodes, update.costsUs);
    else this.#applyEdges(update.edges);
    return this.#paths.hasNegativeCycle ? "negative cycle" : this.#compareWithLast();
  }

  /** Takes what a negative cycle has left, no routes at all, for the result. */
  withdraw(): RoutesOutcome {
    return this.#compareWithLast();
  }

  #compareWithLast(): RoutesOutcome {
    const { nextHops } = this.#paths;
    if (isSame(this.#nodes, this.#lastNodes) && isSame(nextHops, this.#lastNextHops)) return "unchanged";
    this.#lastNodes = this.#nodes;
    this.#lastNextHops = nextHops.slice();
    return "changed";
  }

  #applyAll(nodes: readonly NodeId[], costsUs: Float64Array): void {
    this.#paths = new ShortestPaths(costsUs, nodes.length);
    this.#nodes = [...nodes];
    this.#indexOf = new Map(nodes.map((node, index) => [node, index]));
  }

  #applyEdges(edges: readonly EdgeCost[]): void {
    this.#paths.setWeights(edges.flatMap(({ source, destination, costUs }) => {
      const from = this.#indexOf.get(source);
      const to = this.#indexOf.get(destination);
      return from === undefined || to === undefined ? [] : [{ from, to, weight: costUs }];
    }));
  }

  /** All nodes, ascending. */
  get nodes(): readonly NodeId[] {
    return this.#nodes;
  }

  /** The neighbour of `source` that is next on the way; `INVALID_NODE_ID` if there is no way or both are the same. */
  nextHop(source: NodeId, destination: NodeId): NodeId {
    const path = this.#pathOf(source, destination);
    const next = path === undefined ? NO_NEXT_HOP : this.#paths.nextHops[path];
    return next === NO_NEXT_HOP ? INVALID_NODE_ID : this.#nodes[next];
  }

  /** The cost of the way, additional costs included; `Infinity` if there is none. */
  costMs(source: NodeId, destination: NodeId): number {
    const path = this.#pathOf(source, destination);
    return path === undefined ? Infinity : this.#paths.distances[path] / US_PER_MS;
  }

  #pathOf(source: NodeId, destination: NodeId): number | undefined {
    const from = this.#indexOf.get(source);
    const to = this.#indexOf.get(destination);
    return from === undefined || to === undefined ? undefined : from * this.#paths.size + to;
  }

  /** The next-hop table. Every node has a row, which may be empty; nodes and destinations ascend. */
  nextHopTable(): NextHopTable {
    const { nextHops } = this.#paths;
    const table: Record<NodeId, Record<NodeId, NodeId>> = {};
    let path = 0;
    for (const source of this.#nodes) {
      const row: Record<NodeId, NodeId> = {};
      for (const destination of this.#nodes) {
        const next = nextHops[path++];
        if (next !== NO_NEXT_HOP) row[destination] = this.#nodes[next];
      }
      table[source] = row;
    }
    return table;
  }

  /** The next-hop table as the document that is handed out; see `nextHopJson`. */
  nextHopJson(): Uint8Array<ArrayBuffer> {
    return nextHopJson(this.#nodes, this.#paths.nextHops);
  }

  /** The cost of every link as used, in seconds; see `secondsJson`. */
  edgeJson(): Uint8Array<ArrayBuffer> {
    return secondsJson(this.#nodes, this.#paths.weights, false);
  }

  /** The cost of every way, in seconds; see `secondsJson`. */
  costJson(): Uint8Array<ArrayBuffer> {
    return secondsJson(this.#nodes, this.#paths.distances, true);
  }

  /**
   * The latency of every way, which is its cost without the additional costs, in seconds; see `secondsJson`.
   *
   * @param links Those of the graph; ways over links that it has lost meanwhile count as unreachable.
   */
  latencyJson({ nodes, usedLatencyUs }: LinkLatencies): Uint8Array<ArrayBuffer> {
    const known = new Map(nodes.map((node, index) => [node, index]));
    const indices = this.#nodes.map((node) => known.get(node));
    const sumsUs = this.#latencySumsUs((from, to) => {
      const [source, destination] = [indices[from], indices[to]];
      if (source === undefined || destination === undefined) return Infinity;
      return usedLatencyUs[source * nodes.length + destination];
    });
    return secondsJson(this.#nodes, sumsUs, true);
  }

  /** Adds latencies up along every way; `Infinity` where there is none. */
  #latencySumsUs(latencyUs: (from: number, to: number) => number): Float64Array {
    const { size, distances, nextHops } = this.#paths;
    const sumsUs = Float64Array.from(distances, (distance) => distance === Infinity ? Infinity : NaN);
    const walk: number[] = [];
    for (let to = 0; to < size; to++) {
      sumsUs[to * size + to] = 0;
      for (let from = 0; from < size; from++) {
        let at = from;
        for (; Number.isNaN(sumsUs[at * size + to]); at = nextHops[at * size + to]) walk.push(at);
        for (let next = at; walk.length > 0; next = at) {
          at = walk.pop() ?? next;
          sumsUs[at * size + to] = latencyUs(at, next) + sumsUs[next * size + to];
        }
      }
    }
    return sumsUs;
  }
}

function isSame(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
