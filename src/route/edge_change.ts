/**
 * What one changed edge does to all shortest paths: the same as computing them anew, in a small part of the time.
 *
 * An edge that became cheaper can only draw paths to itself: each pair of nodes compares the path it has with the one by
 * way of the edge. Time: nodes², at most.
 *
 * An edge that became dearer only matters to the *affected* pairs, those with a best path that uses it. Destinations
 * don't influence each other, so they are taken one by one. For each, the affected sources start with the best first hop to
 * a node that isn't affected; what they find is spread among them, least increase first. That is the algorithm of
 * G. Ramalingam and T. Reps ("An incremental algorithm for a generalization of the shortest-path problem", J. Algorithms 21,
 * 1996) with two additions: it is ordered by the increase rather than the distance, since increases can't be negative where
 * distances can; and first hops are looked at only if they cost little enough to be on any of the new paths.
 *
 * Both read and write the matrices described in `shortest_paths.ts`, and obey its rule for equal costs.
 *
 * @module
 */

import { IncreaseQueue } from "./increase_queue.ts";
import { NO_NEXT_HOP, type PathMatrices } from "./shortest_paths.ts";

/**
 * Updates all paths after the weight of an edge went down, or the edge appeared.
 *
 * @param paths `weights` has the new weight, the rest fits the old one.
 * @returns False if the edge closes a cycle of negative sum; nothing but `weights` has changed then.
 */
export function lowerEdge(paths: PathMatrices, from: number, to: number): boolean {
  const { size, weights, distances, hops, nextHops } = paths;
  const weight = weights[from * size + to];
  if (weight + distances[to * size + from] < 0) return false;
  for (let source = 0; source < size; source++) {
    const row = source * size;
    const cost = distances[row + from] + weight;
    const hopCount = hops[row + from] + 1;
    // Who doesn't take the edge to its own end takes it nowhere.
    if (cost === Infinity || !isAtMost(cost, hopCount, distances[row + to], hops[row + to])) continue;
    const nextHop = source === from ? to : nextHops[row + from];
    for (let destination = 0; destination < size; destination++) {
      const at = row + destination;
      const rest = to * size + destination;
      const throughCost = cost + distances[rest];
      if (throughCost > distances[at] || throughCost === Infinity) continue;
      const throughHops = hopCount + hops[rest];
      if (throughCost < distances[at] || throughHops < hops[at]) {
        distances[at] = throughCost;
        hops[at] = throughHops;
        nextHops[at] = nextHop;
      } else if (throughHops === hops[at] && nextHop < nextHops[at]) {
        nextHops[at] = nextHop;
      }
    }
  }
  return true;
}

/** Tells whether (cost, hops) comes before another such pair or equals it. */
function isAtMost(cost: number, hops: number, otherCost: number, otherHops: number): boolean {
  return cost < otherCost || (cost === otherCost && hops <= otherHops);
}

/**
 * Updates all paths after the weight of an edge went up, or the edge disappeared.
 *
 * @param paths `weights` has the new weight, the rest fits the old one.
 * @param oldWeight The weight it had, finite.
 * @returns False if so many paths are affected that a full computation is faster; the matrices need one then.
 */
export function raiseEdge(paths: PathMatrices, from: number, to: number, oldWeight: number): boolean {
  const { size, weights, distances } = paths;
  const repair = createRepair(paths, from, to, oldWeight);
  if (repair.sources.length === 0) return true;
  const targets = targetsOf(repair);

  // No path grows by more than the edge did.
  let firstHops = findFirstHops(repair, weights[from * size + to] - oldWeight);
  repairDestination(repair, firstHops, to);
  // Nor by more than the detour round the edge, which is known now and usually far shorter.
  const detour = distances[from * size + to] - oldWeight;
  firstHops = findFirstHops(repair, detour);

  if (firstHops.nodes.length * targets.length > size * size * size / 2) return false;
  for (const target of targets) if (target !== to) repairDestination(repair, firstHops, target);
  return true;
}

/** One raised edge, and room for the work on one destination. Places are indices into `sources`. */
interface Repair {
  readonly paths: PathMatrices;
  readonly from: number;
  readonly to: number;
  readonly oldWeight: number;
  /** Nodes with a best path to `to` that ends with the edge, ascending: no others are affected, whatever the destination. */
  readonly sources: readonly number[];
  /** Index node: its place; -1 for nodes that aren't sources. */
  readonly placeOf: Int32Array;
  /** Index place: whether the source is affected for the destination at hand. */
  readonly isAffected: Uint8Array;
  /** Index place: the distance to the destination at hand before the repair; only of affected sources. */
  readonly oldDistances: Float64Array;
  readonly queue: IncreaseQueue;
}

/** First hops that new paths may begin with. */
interface FirstHops {
  /** Index place: where its first hops begin in `nodes`; one more at the end. */
  readonly begins: Int32Array;
  /** Ascending for each source. */
  readonly nodes: readonly number[];
  /** Index place: the places of the sources that have this one among their first hops. */
  readonly users: readonly (readonly number[])[];
}

function createRepair(paths: PathMatrices, from: number, to: number, oldWeight: number): Repair {
  const { size, distances, hops } = paths;
  const sources: number[] = [];
  const placeOf = new Int32Array(size).fill(-1);
  for (let source = 0; source < size; source++) {
    const row = source * size;
    const usesEdge = distances[row + from] + oldWeight === distances[row + to] &&
      hops[row + from] + 1 === hops[row + to] &&
      distances[row + from] !== Infinity;
    if (usesEdge) placeOf[source] = sources.push(source) - 1;
  }
  const isAffected = new Uint8Array(sources.length);
  const oldDistances = new Float64Array(sources.length);
  return { paths, from, to, oldWeight, sources, placeOf, isAffected, oldDistances, queue: new IncreaseQueue() };
}

/** Destinations that `from` has a best path to which begins with the edge: no others are affected, whatever the source. */
function targetsOf(repair: Repair): number[] {
  const { paths: { size }, from } = repair;
  const targets: number[] = [];
  for (let target = 0; target < size; target++) if (usesEdgeTo(repair, from, target)) targets.push(target);
  return targets;
}

/** Tells whether a best path between two nodes used the edge. Holds while the path to `destination` isn't repaired yet. */
function usesEdgeTo(repair: Repair, source: number, destination: number): boolean {
  const { paths: { size, distances, hops }, from, to, oldWeight } = repair;
  const path = source * size + destination;
  const before = source * size + from;
  const after = to * size + destination;
  return distances[path] !== Infinity && distances[before] + oldWeight + distances[after] === distances[path] &&
    hops[before] + 1 + hops[after] === hops[path];
}

/**
 * Collects the edges out of each source that new paths may begin with.
 *
 * A shortest path begins with an edge that is itself the shortest path to its end, and that path grew by at most `growth`.
 */
function findFirstHops(repair: Repair, growth: number): FirstHops {
  const { paths: { size, weights, distances }, sources, placeOf } = repair;
  const begins = new Int32Array(sources.length + 1);
  const nodes: number[] = [];
  const users: number[][] = sources.map(() => []);
  for (const [place, source] of sources.entries()) {
    for (let node = 0; node < size; node++) {
      const edge = source * size + node;
      if (node === source || weights[edge] === Infinity || weights[edge] - distances[edge] > growth) continue;
      nodes.push(node);
      if (placeOf[node] >= 0) users[placeOf[node]].push(place);
    }
    begins[place + 1] = nodes.length;
  }
  return { begins, nodes, users };
}

/** Finds the new paths of all affected sources to one destination. */
function repairDestination(repair: Repair, firstHops: FirstHops, destination: number): void {
  const { paths: { size, distances }, sources, isAffected, oldDistances } = repair;
  const affected: number[] = [];
  for (const [place, source] of sources.entries()) {
    isAffected[place] = usesEdgeTo(repair, source, destination) ? 1 : 0;
    if (isAffected[place] === 0) continue;
    affected.push(place);
    oldDistances[place] = distances[source * size + destination];
  }
  for (const place of affected) startBesideAffected(repair, firstHops, place, destination);
  spreadAmongAffected(repair, firstHops, destination);
  for (const place of affected) chooseNextHop(repair, firstHops, place, destination);
}

/** Gives an affected source its best path that begins with a hop to a node that isn't affected, and queues it. */
function startBesideAffected(repair: Repair, firstHops: FirstHops, place: number, destination: number): void {
  const { paths: { size, weights, distances, hops }, sources, placeOf, isAffected, oldDistances, queue } = repair;
  const row = sources[place] * size;
  let cost = Infinity;
  let hopCount = 0;
  for (let index = firstHops.begins[place]; index < firstHops.begins[place + 1]; index++) {
    const node = firstHops.nodes[index];
    if (placeOf[node] >= 0 && isAffected[placeOf[node]]) continue;
    const rest = node * size + destination;
    const throughCost = weights[row + node] + distances[rest];
    if (throughCost === Infinity || !isAtMost(throughCost, hops[rest] + 1, cost, hopCount)) continue;
    cost = throughCost;
    hopCount = hops[rest] + 1;
  }
  distances[row + destination] = cost;
  hops[row + destination] = hopCount;
  if (cost !== Infinity) queue.push(cost - oldDistances[place], place);
}

/** Hands paths on from affected source to affected source, until none gets a better one. */
function spreadAmongAffected(repair: Repair, firstHops: FirstHops, destination: number): void {
  const { paths: { size, weights, distances, hops }, sources, isAffected, oldDistances, queue } = repair;
  for (let place = queue.pop(); place >= 0; place = queue.pop()) {
    const node = sources[place];
    const rest = node * size + destination;
    // Queued again with less, meanwhile.
    if (queue.poppedIncrease !== distances[rest] - oldDistances[place]) continue;
    for (const user of firstHops.users[place]) {
      if (isAffected[user] === 0) continue;
      const row = sources[user] * size;
      const at = row + destination;
      const cost = weights[row + node] + distances[rest];
      const hopCount = hops[rest] + 1;
      if (cost > distances[at] || (cost === distances[at] && hopCount >= hops[at])) continue;
      distances[at] = cost;
      hops[at] = hopCount;
      queue.push(cost - oldDistances[user], user);
    }
  }
}

/** Takes the lowest of the first hops that the new path of a source may begin with. */
function chooseNextHop(repair: Repair, firstHops: FirstHops, place: number, destination: number): void {
  const { paths: { size, weights, distances, hops, nextHops }, sources } = repair;
  const row = sources[place] * size;
  const at = row + destination;
  nextHops[at] = NO_NEXT_HOP;
  if (distances[at] === Infinity) return;
  for (let index = firstHops.begins[place]; index < firstHops.begins[place + 1]; index++) {
    const node = firstHops.nodes[index];
    const rest = node * size + destination;
    if (weights[row + node] + distances[rest] !== distances[at] || hops[rest] + 1 !== hops[at]) continue;
    nextHops[at] = node;
    return;
  }
}
