/**
 * Slow twin of `ShortestPaths`: Bellman–Ford from every node (RFC 2453 §3.4.2 calls it that), over pairs of cost and hops.
 *
 * @module
 */

/** The best path between two nodes. */
export interface SlowPath {
  cost: number;
  hops: number;
  /** Lowest first hop of all best paths; `undefined` where there is none. */
  nextHop: number | undefined;
}

/**
 * Returns the best path of every pair, row by row; `undefined` if there is a cycle of negative sum.
 *
 * @param weights `size` × `size`, `Infinity` where there is no edge.
 */
export function slowShortestPaths(weights: ArrayLike<number>, size: number): SlowPath[] | undefined {
  const paths: SlowPath[] = [];
  for (let from = 0; from < size; from++) {
    for (let to = 0; to < size; to++) {
      paths.push({ cost: from === to ? 0 : Infinity, hops: 0, nextHop: undefined });
    }
  }
  for (let round = 0; relaxAll(paths, weights, size); round++) {
    if (round > size) return undefined;
  }
  for (let from = 0; from < size; from++) {
    for (let to = 0; to < size; to++) {
      const path = paths[from * size + to];
      if (from === to || path.cost === Infinity) continue;
      path.nextHop = nodesBelow(size).find((node) => {
        const rest = paths[node * size + to];
        return node !== from && weights[from * size + node] + rest.cost === path.cost && rest.hops + 1 === path.hops;
      });
    }
  }
  return paths;
}

/** Lets every path begin with every edge; tells whether any got better. */
function relaxAll(paths: SlowPath[], weights: ArrayLike<number>, size: number): boolean {
  let isBetter = false;
  for (const from of nodesBelow(size)) {
    for (const node of nodesBelow(size)) {
      if (node === from) continue;
      for (const to of nodesBelow(size)) {
        const path = paths[from * size + to];
        const rest = paths[node * size + to];
        const cost = weights[from * size + node] + rest.cost;
        const hops = rest.hops + 1;
        if (cost === Infinity || cost > path.cost || (cost === path.cost && hops >= path.hops)) continue;
        path.cost = cost;
        path.hops = hops;
        isBetter = true;
      }
    }
  }
  return isBetter;
}

function nodesBelow(size: number): number[] {
  return Array.from({ length: size }, (_, node) => node);
}
