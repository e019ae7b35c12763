/**
 * Slow twin of `dependentsBySource()`: the required-route test of `behaviour.md` §1.5, word for word.
 *
 * @module
 */

import type { NodeId } from "../../src/base/node_id.ts";
import { nextHopPath, type NextHopTable } from "../../src/route/next_hop.ts";

/** Returns to which of `neighbours` a broadcast of `source` is passed on by `selfId`. */
export function slowDependents(
  table: NextHopTable,
  selfId: NodeId,
  source: NodeId,
  neighbours: readonly NodeId[],
): NodeId[] {
  return neighbours.filter((neighbour) => nextHopPath(table, source, neighbour)?.includes(selfId) ?? false);
}
