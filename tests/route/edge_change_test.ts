import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { raiseEdge } from "../../src/route/edge_change.ts";
import { type PathMatrices, ShortestPaths } from "../../src/route/shortest_paths.ts";

/** Costs, hops and next hops, with all that is meaningless left out. */
function resultOf({ distances, hops, nextHops }: PathMatrices): unknown[] {
  return Array.from(distances, (cost, at) => cost === Infinity ? "none" : [cost, hops[at], nextHops[at]]);
}

/**
 * Two networks in which everybody knows everybody, and bridges between them: the first nodes of each are joined, so that all paths
 * across depend on a few edges. Clocks of the nodes differ, and few different weights make ties frequent.
 */
const halves = fc.record({
  half: fc.integer({ min: 2, max: 9 }),
  bridges: fc.array(fc.record({ there: fc.nat(6), back: fc.nat(6) }), { minLength: 1, maxLength: 5 }),
  weights: fc.infiniteStream(fc.oneof(fc.nat(3), fc.constant(Infinity))),
  clocks: fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { minLength: 18, maxLength: 18 }),
}).map(({ half, bridges, weights, clocks }) => {
  const size = 2 * half;
  const matrix = new Float64Array(size * size).fill(Infinity);
  for (let from = 0; from < size; from++) {
    for (let to = 0; to < size; to++) {
      if (from !== to && (from < half) === (to < half)) matrix[from * size + to] = Number(weights.next().value);
    }
  }
  for (const [index, { there, back }] of bridges.slice(0, half).entries()) {
    matrix[index * size + half + index] = there;
    matrix[(half + index) * size + index] = back;
  }
  return { size, matrix: matrix.map((weight, at) => weight + clocks[at % size] - clocks[Math.floor(at / size)]) };
});

/** Sparse networks of one-way edges: paths to the edge and paths from it meet in the same nodes. */
const oneWay = fc.integer({ min: 3, max: 16 }).chain((size) => {
  const weight = fc.oneof({ weight: 2, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(3) });
  return fc.array(weight, { minLength: size * size, maxLength: size * size }).map((weights) => {
    for (let node = 0; node < size; node++) weights[node * size + (node + 1) % size] = 1;
    return { size, matrix: Float64Array.from(weights) };
  });
});

Deno.test("raiseEdge() gives what a full computation gives, without giving up, for every edge of a network", () => {
  fc.assert(
    fc.property(fc.oneof(halves, oneWay), fc.oneof(fc.nat(4), fc.constant(Infinity)), ({ size, matrix }, growth) => {
      for (let edge = 0; edge < size * size; edge++) {
        const [from, to] = [Math.floor(edge / size), edge % size];
        if (from === to || matrix[edge] === Infinity) continue;
        const paths = new ShortestPaths(matrix.slice(), size);
        paths.weights[edge] += growth;
        assert.equal(raiseEdge(paths, from, to, matrix[edge], Infinity), true);
        assert.deepEqual(
          resultOf(paths),
          resultOf(new ShortestPaths(paths.weights.slice(), size)),
          `${from} to ${to} + ${growth}`,
        );
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("raiseEdge() gives up once it has taken as many steps as it may", () => {
  const size = 40;
  const weights = new Float64Array(size * size).fill(Infinity);
  for (let node = 0; node < size; node++) weights[node * size + (node + 1) % size] = 1;
  const paths = new ShortestPaths(weights, size);
  paths.weights[1] = 5;
  assert.equal(raiseEdge(paths, 0, 1, 1, 100), false);
  paths.compute();
  paths.weights[1] = 6;
  assert.equal(raiseEdge(paths, 0, 1, 5, 10_000), true);
});

Deno.test("raiseEdge() finds the next bridge between two dense halves in a small part of a full computation", () => {
  const half = 200;
  const size = 2 * half;
  const random = seededRandom(7);
  const weights = Float64Array.from({ length: size * size }, (_, at) => {
    const isInside = (at % size < half) === (Math.floor(at / size) < half);
    return isInside ? 1000 + random.uint32() % 100_000 : Infinity;
  });
  for (const [node, weight] of [[0, 10_000], [1, 5_000_000]]) {
    weights[node * size + half + node] = weight;
    weights[(half + node) * size + node] = weight;
  }
  const paths = new ShortestPaths(weights, size);
  const oldWeight = weights[half];
  weights[half] = Infinity;
  // A full computation takes size³ steps.
  assert.equal(raiseEdge(paths, 0, half, oldWeight, size ** 3 / 200), true);
  assert.equal(paths.distances[half], paths.distances[1] + 5_000_000 + paths.distances[(half + 1) * size + half]);
});
