/**
 * Floyd–Warshall and nothing else: the yardstick for the time that routes take.
 *
 * @module
 */

/**
 * Computes the distances of all pairs, in place.
 *
 * @param distances `size` × `size`: the weights, 0 on the diagonal, `Infinity` where there is no edge.
 */
export function bareTripleLoop(distances: Float64Array, size: number): void {
  for (let pivot = 0; pivot < size; pivot++) {
    for (let from = 0; from < size; from++) {
      const toPivot = distances[from * size + pivot];
      for (let to = 0; to < size; to++) {
        const cost = toPivot + distances[pivot * size + to];
        if (cost < distances[from * size + to]) distances[from * size + to] = cost;
      }
    }
  }
}

/** The time of the fastest of some rounds, ms. */
export function leastMs(rounds: number, work: () => void): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}
