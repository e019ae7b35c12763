/**
 * All-pairs shortest paths with next hops, in typed arrays.
 *
 * Weights are whole microseconds: sums of them are exact below 2^53, so that a result doesn't depend on the order in which
 * it was computed. That, and a rule for equal costs, gives every set of weights one result only, whoever computes it:
 *
 * 1. the least cost;
 * 2. of equal cost, the path with the fewest hops;
 * 3. of those, the first hop of the lowest index, which is the lowest NodeId.
 *
 * The second rule is why nothing ever runs in a circle: a cycle that costs nothing still has hops, so that each step of a
 * path leads to a node that is strictly nearer, by (cost, hops), to the destination. Weights may be negative, as one-way
 * latencies between clocks that differ are; only a cycle of negative sum has no shortest paths, and is told.
 *
 * It is also why broadcasts reach every node once (`next_hop.ts`): a neighbour that is a next hop at all is the next hop to
 * itself, since the direct link has the fewest hops.
 *
 * The full computation is Floyd–Warshall (R. W. Floyd, "Algorithm 97: Shortest path", CACM 5(6), 1962). Changes of single
 * edges are in `edge_change.ts`.
 *
 * @module
 */

import { lowerEdge, raiseEdge } from "./edge_change.ts";

/** "No path" in {@linkcode PathMatrices.nextHops}. */
export const NO_NEXT_HOP = 0xffff;

/**
 * Rows that are relaxed through a block of pivots while they lie in the first-level cache: 16 rows of 1,000 nodes are
 * 128 KiB. Through one pivot at a time, the whole matrix would pass through the cache once for each node.
 */
const PIVOT_BLOCK = 16;

/** Square matrices over node indices, row by row: the entry of `from` and `to` is at `from * size + to`. */
export interface PathMatrices {
  /** Count of nodes. */
  readonly size: number;
  /** Cost of each edge in microseconds; 0 on the diagonal, `Infinity` where there is none. */
  readonly weights: Float64Array;
  /** Cost of each shortest path in microseconds; `Infinity` where there is none. */
  readonly distances: Float64Array;
  /** Hops of each shortest path; meaningless where there is none. */
  readonly hops: Uint16Array;
  /** Index of the node that is next on each shortest path; {@linkcode NO_NEXT_HOP} on the diagonal and where there is none. */
  readonly nextHops: Uint16Array;
}

/** A new weight of the edge between two indices. */
export interface WeightChange {
  readonly from: number;
  readonly to: number;
  /** Microseconds, a whole number; `Infinity` takes the edge away. */
  readonly weight: number;
}

/**
 * Weights and the shortest paths over them, which it keeps true to each other.
 *
 * Memory: 20 octets for each pair of nodes.
 */
export class ShortestPaths implements PathMatrices {
  readonly size: number;
  readonly weights: Float64Array;
  readonly distances: Float64Array;
  readonly hops: Uint16Array;
  readonly nextHops: Uint16Array;
  #hasNegativeCycle = false;

  /**
   * Computes all paths.
   *
   * @param weights `size` × `size`; taken over, not copied. Whole numbers or `Infinity`; the diagonal is ignored.
   * @param size Count of nodes, below {@linkcode NO_NEXT_HOP}.
   * @throws {RangeError} The matrix hasn't `size` × `size` entries, or there are too many nodes.
   */
  constructor(weights: Float64Array, size: number) {
    if (size >= NO_NEXT_HOP) throw new RangeError(`Cannot number ${size} nodes: should be below ${NO_NEXT_HOP}`);
    if (weights.length !== size * size) {
      throw new RangeError(`Cannot use a matrix of ${weights.length} weights: should be ${size * size}`);
    }
    this.size = size;
    this.weights = weights;
    this.distances = new Float64Array(size * size);
    this.hops = new Uint16Array(size * size);
    this.nextHops = new Uint16Array(size * size);
    this.compute();
  }

  /** Whether the weights have a cycle of negative sum. There are no paths then: every pair is unreachable. */
  get hasNegativeCycle(): boolean {
    return this.#hasNegativeCycle;
  }

  /** Computes all paths from the weights. Time: about that of the bare triple loop over the matrix. */
  compute(): void {
    startFromEdges(this);
    this.#hasNegativeCycle = !relaxThroughAll(this);
    if (this.#hasNegativeCycle) clearPaths(this);
  }

  /**
   * Changes some weights, and the paths with them, as a full computation would.
   *
   * Each change takes time in proportion to the pairs of nodes whose paths use the edge or come to use it; for more than
   * a few changes {@linkcode compute} is faster.
   *
   * @throws {RangeError} A weight is neither a whole number nor `Infinity`, or an edge leads from a node to itself.
   */
  setWeights(changes: readonly WeightChange[]): void {
    for (const { from, to, weight } of changes) checkChange(from, to, weight, this.size);
    let isStale = this.#hasNegativeCycle;
    for (const { from, to, weight } of changes) {
      const edge = from * this.size + to;
      const oldWeight = this.weights[edge];
      this.weights[edge] = weight;
      if (isStale || weight === oldWeight) continue;
      const isDone = weight < oldWeight ? lowerEdge(this, from, to) : raiseEdge(this, from, to, oldWeight);
      isStale = !isDone;
    }
    if (isStale) this.compute();
  }
}

function checkChange(from: number, to: number, weight: number, size: number): void {
  const isEdge = from !== to && from >= 0 && to >= 0 && from < size && to < size;
  if (!isEdge) throw new RangeError(`Cannot change the edge ${from} to ${to}: should be two nodes below ${size}`);
  if (!Number.isSafeInteger(weight) && weight !== Infinity) {
    throw new RangeError(`Cannot set the weight ${weight}: should be a whole number or Infinity`);
  }
}

/** Knows only paths of one hop. */
function startFromEdges(paths: PathMatrices): void {
  const { size, weights, distances, hops, nextHops } = paths;
  for (let from = 0; from < size; from++) weights[from * size + from] = 0;
  distances.set(weights);
  hops.fill(1);
  for (let from = 0, at = 0; from < size; from++) {
    for (let to = 0; to < size; to++, at++) nextHops[at] = distances[at] === Infinity ? NO_NEXT_HOP : to;
    hops[from * size + from] = 0;
    nextHops[from * size + from] = NO_NEXT_HOP;
  }
}

function clearPaths(paths: PathMatrices): void {
  const { size, distances, hops, nextHops } = paths;
  distances.fill(Infinity);
  hops.fill(0);
  nextHops.fill(NO_NEXT_HOP);
  for (let node = 0; node < size; node++) distances[node * size + node] = 0;
}

/**
 * Lets every path pass through every node.
 *
 * Pivots go in blocks. The rows of the block itself must take its pivots in turn; after that each other row takes all of
 * them at once. It meets rows that know paths through later pivots of the block already, which makes no difference: after
 * the block both orders know exactly the paths through all pivots so far.
 *
 * @returns False as soon as a cycle of negative sum shows; the matrices are then of no use.
 */
function relaxThroughAll(paths: PathMatrices): boolean {
  const { size, distances, hops, nextHops } = paths;
  for (let start = 0; start < size; start += PIVOT_BLOCK) {
    const end = Math.min(start + PIVOT_BLOCK, size);
    for (let pivot = start; pivot < end; pivot++) {
      for (let from = start; from < end; from++) {
        if (!relaxRow(distances, hops, nextHops, size, from, pivot)) return false;
      }
    }
    for (let from = 0; from < size; from++) {
      if (from >= start && from < end) continue;
      for (let pivot = start; pivot < end; pivot++) {
        if (!relaxRow(distances, hops, nextHops, size, from, pivot)) return false;
      }
    }
  }
  return true;
}

/**
 * Lets the paths from one node pass through `pivot`; tells whether no cycle of negative sum showed.
 *
 * Takes the arrays one by one: with the record that holds them, the whole computation took a fifth longer.
 */
function relaxRow(
  distances: Float64Array,
  hops: Uint16Array,
  nextHops: Uint16Array,
  size: number,
  from: number,
  pivot: number,
): boolean {
  const row = from * size;
  const toPivot = distances[row + pivot];
  if (from === pivot || toPivot === Infinity) return true;
  const rowEnd = row + size;
  // This loop turns size³ times; what happens rarely is in a function of its own.
  for (let at = row, rest = pivot * size; at < rowEnd; at++, rest++) {
    const cost = toPivot + distances[rest];
    if (cost <= distances[at]) takeIfBetter(distances, hops, nextHops, row + pivot, rest, at, cost);
  }
  // Looked at after every row, since sums over such a cycle double with each pivot.
  return distances[row + from] >= 0;
}

/** Joins the paths `first` and `rest` into one of `cost`, if that is better than the one known; all three are entries. */
function takeIfBetter(
  distances: Float64Array,
  hops: Uint16Array,
  nextHops: Uint16Array,
  first: number,
  rest: number,
  joined: number,
  cost: number,
): void {
  if (cost === Infinity) return;
  const joinedHops = hops[first] + hops[rest];
  if (cost < distances[joined] || joinedHops < hops[joined]) {
    distances[joined] = cost;
    hops[joined] = joinedHops;
    nextHops[joined] = nextHops[first];
  } else if (joinedHops === hops[joined] && nextHops[first] < nextHops[joined]) {
    nextHops[joined] = nextHops[first];
  }
}
