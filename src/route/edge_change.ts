/**
 * What one changed edge does to all shortest paths: the same as computing them anew, in a small part of the time.
 *
 * An edge that became cheaper can only draw paths to itself: each pair of nodes compares the path it has with the one by
 * way of the edge. Time: nodes², at most.
 *
 * An edge that became dearer only matters to the *affected* pairs, those with a best path that uses it. Destinations are taken
 * one by one. For each, the affected sources start with the best first hop to a node that isn't affected; what they find is
 * spread among them, least increase first. That is the algorithm of G. Ramalingam and T. Reps ("An incremental algorithm for
 * a generalization of the shortest-path problem", J. Algorithms 21, 1996) with three additions. It is ordered by the increase
 * rather than the distance, since increases can't be negative where distances can. First hops are looked at only if they
 * cost little enough to be on any of the new paths. And what a source finds is spread along whole paths instead of edges: how the
 * others reach that source is known already, nearly always. Where two dense halves of a network lose their best bridge, a
 * source at the next bridge so tells all others at once, and they needn't tell each other.
 *
 * There are networks where that is more work than a full computation. It is counted and given up in time, so that no change
 * takes much longer than one.
 *
 * Both read and write the matrices described in `shortest_paths.ts`, and obey its rule for equal costs.
 *
 * @module
 */

import { IncreaseQueue } from "./increase_queue.ts";
import { NO_NEXT_HOP, type PathMatrices } from "./shortest_paths.ts";

/** Part of the steps of a full computation after which a repair gives up; one of its steps takes some six times as long. */
const WORK_LIMIT = 1 / 32;

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
 * @param workLimit Steps after which it gives up.
 * @returns False if so much depends on the edge that a full computation is faster; the matrices need one then.
 */
export function raiseEdge(
  paths: PathMatrices,
  from: number,
  to: number,
  oldWeight: number,
  workLimit = paths.size ** 3 * WORK_LIMIT,
): boolean {
  const { size, weights, distances } = paths;
  const repair = createRepair(paths, from, to, oldWeight, workLimit);
  if (repair.sources.length === 0) return true;
  const targets = targetsOf(repair);
  for (const target of targets) if (repair.placeOf[target] >= 0) repair.isSettled[repair.placeOf[target]] = 0;

  // No path grows by more than the edge did.
  let firstHops = findFirstHops(repair, weights[from * size + to] - oldWeight);
  repairDestination(repair, firstHops, to);
  // Nor by more than the detour round the edge, which is known now and usually far shorter.
  const detour = distances[from * size + to] - oldWeight;
  firstHops = findFirstHops(repair, detour);
  for (const target of targets) {
    if (target !== to) repairDestination(repair, firstHops, target);
    if (repair.workLeft < 0) return false;
  }
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
  /** Index place: whether the paths from everywhere to that source are right, being repaired or not affected. */
  readonly isSettled: Uint8Array;
  /** Index place: whether the source is affected for the destination at hand. */
  readonly isAffected: Uint8Array;
  /** Index place: whether others may get a better path through this source than by those it has its own from. */
  readonly isSeed: Uint8Array;
  /** Index place: the distance to the destination at hand before the repair; only of affected sources. */
  readonly oldDistances: Float64Array;
  readonly queue: IncreaseQueue;
  /** Steps that may still be taken. */
  workLeft: number;
}

/** First hops that new paths may begin with. */
interface FirstHops {
  /** Index place: the source's first hops to nodes that aren't sources. */
  readonly outside: readonly (readonly number[])[];
  /** Index place: the places of the sources that have this one among their first hops. */
  readonly users: readonly (readonly number[])[];
}

function createRepair(paths: PathMatrices, from: number, to: number, oldWeight: number, workLimit: number): Repair {
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
  return {
    paths,
    from,
    to,
    oldWeight,
    sources,
    placeOf,
    isSettled: new Uint8Array(sources.length).fill(1),
    isAffected: new Uint8Array(sources.length),
    isSeed: new Uint8Array(sources.length),
    oldDistances: new Float64Array(sources.length),
    queue: new IncreaseQueue(),
    workLeft: workLimit,
  };
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
  const outside: number[][] = sources.map(() => []);
  const users: number[][] = sources.map(() => []);
  for (const [place, source] of sources.entries()) {
    for (let node = 0; node < size; node++) {
      const edge = source * size + node;
      if (node === source || weights[edge] === Infinity || weights[edge] - distances[edge] > growth) continue;
      if (placeOf[node] < 0) outside[place].push(node);
      else users[placeOf[node]].push(place);
    }
  }
  return { outside, users };
}

/** Finds the new paths of all affected sources to one destination. */
function repairDestination(repair: Repair, firstHops: FirstHops, destination: number): void {
  const { sources, placeOf, isAffected, isSettled } = repair;
  const affected: number[] = [];
  for (let place = 0; place < sources.length; place++) {
    isAffected[place] = usesEdgeTo(repair, sources[place], destination) ? 1 : 0;
    if (isAffected[place] === 1) affected.push(place);
  }
  repair.workLeft -= sources.length;
  startBesideAffected(repair, firstHops, affected, destination);
  spreadAmongAffected(repair, firstHops, affected, destination);
  if (placeOf[destination] >= 0) isSettled[placeOf[destination]] = 1;
}

/** Gives each affected source its best path that begins with a hop to a node that isn't affected, and queues it. */
function startBesideAffected(repair: Repair, firstHops: FirstHops, affected: number[], destination: number): void {
  const { paths: { size, distances, hops, nextHops }, sources, isAffected, isSeed, oldDistances, queue } = repair;
  for (const place of affected) {
    const path = sources[place] * size + destination;
    oldDistances[place] = distances[path];
    distances[path] = Infinity;
    hops[path] = 0;
    nextHops[path] = NO_NEXT_HOP;
    isSeed[place] = 1;
    for (const node of firstHops.outside[place]) offerThrough(repair, place, node, destination);
    repair.workLeft -= firstHops.outside[place].length;
  }
  for (let beside = 0; beside < sources.length && affected.length < sources.length; beside++) {
    if (isAffected[beside] === 1) continue;
    for (const user of firstHops.users[beside]) {
      if (isAffected[user] === 1) offerThrough(repair, user, sources[beside], destination);
    }
    repair.workLeft -= firstHops.users[beside].length;
  }
  for (const place of affected) {
    const cost = distances[sources[place] * size + destination];
    if (cost !== Infinity) queue.push(cost - oldDistances[place], place);
  }
}

/**
 * Hands paths on among the affected sources, until none gets a better one.
 *
 * A source either tells those with an edge to it, who may tell others in turn, or all at once. Who was told in the second way
 * has nothing to tell: the others have been told something as good. Which is less work depends on how many have something
 * to tell at first.
 */
function spreadAmongAffected(repair: Repair, firstHops: FirstHops, affected: number[], destination: number): void {
  const { paths: { size, distances }, sources, isAffected, isSettled, isSeed, oldDistances, queue } = repair;
  let edges = 0;
  for (const place of affected) edges += firstHops.users[place].length;
  const goesByPaths = queue.size * affected.length < edges;
  for (let place = queue.pop(); place >= 0; place = queue.pop()) {
    const node = sources[place];
    const rest = node * size + destination;
    // Queued again with less, meanwhile, or told what others have been told too.
    if (queue.poppedIncrease !== distances[rest] - oldDistances[place] || isSeed[place] === 0) continue;
    if (goesByPaths && isSettled[place] === 1) {
      tellAll(repair, place, affected, destination);
      continue;
    }
    for (const user of firstHops.users[place]) {
      if (isAffected[user] === 0) continue;
      if (offerThrough(repair, user, node, destination) <= 0) continue;
      isSeed[user] = 1;
      queue.push(distances[sources[user] * size + destination] - oldDistances[user], user);
    }
    repair.workLeft -= firstHops.users[place].length;
  }
}

/** Offers all affected sources the path by way of one of them, to which all paths are known. */
function tellAll(repair: Repair, place: number, affected: number[], destination: number): void {
  const { paths, sources, isSeed } = repair;
  const { size, distances, hops, nextHops } = paths;
  const rest = sources[place] * size + destination;
  for (const user of affected) {
    const way = sources[user] * size + sources[place];
    const path = sources[user] * size + destination;
    const order = offer(paths, path, distances[way] + distances[rest], hops[way] + hops[rest], nextHops[way]);
    if (order >= 0) isSeed[user] = 0;
  }
  repair.workLeft -= affected.length;
}

/** Offers a source the path that begins with the edge to `node`; returns what {@linkcode offer} does. */
function offerThrough(repair: Repair, place: number, node: number, destination: number): number {
  const { paths, sources } = repair;
  const { size, weights, distances, hops } = paths;
  const row = sources[place] * size;
  const rest = node * size + destination;
  return offer(paths, row + destination, weights[row + node] + distances[rest], hops[rest] + 1, node);
}

/** Takes a path if it is better than the one known; returns 1 if so, 0 if it is equally good, -1 if it is worse. */
function offer(paths: PathMatrices, at: number, cost: number, hopCount: number, nextHop: number): number {
  const { distances, hops, nextHops } = paths;
  if (cost > distances[at] || cost === Infinity) return -1;
  if (cost < distances[at] || hopCount < hops[at]) {
    distances[at] = cost;
    hops[at] = hopCount;
    nextHops[at] = nextHop;
    return 1;
  }
  if (hopCount > hops[at]) return -1;
  if (nextHop < nextHops[at]) nextHops[at] = nextHop;
  return 0;
}
