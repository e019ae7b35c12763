/**
 * The network by which `behaviour.md` §1.5 explains broadcasts.
 *
 * @module
 */

import type { NodeId } from "../../src/base/node_id.ts";
import type { NextHopTable } from "../../src/route/next_hop.ts";

/** Its links, each of the same cost in both directions. */
export const EXAMPLE_LINKS: readonly (readonly [NodeId, NodeId])[] = [[1, 2], [2, 3], [2, 4], [3, 4], [4, 6], [3, 5]];

/** Its next-hop table; of ways that cost the same, that by the lowest NodeId. */
export const EXAMPLE: NextHopTable = {
  1: { 2: 2, 3: 2, 4: 2, 5: 2, 6: 2 },
  2: { 1: 1, 3: 3, 4: 4, 5: 3, 6: 4 },
  3: { 1: 2, 2: 2, 4: 4, 5: 5, 6: 4 },
  4: { 1: 2, 2: 2, 3: 3, 5: 3, 6: 6 },
  5: { 1: 3, 2: 3, 3: 3, 4: 3, 6: 3 },
  6: { 1: 4, 2: 4, 3: 4, 4: 4, 5: 4 },
};
