/**
 * The `GraphRecalculateSetting` block and the next-hop table, of edges and supers alike.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { durationMs, intervalMs } from "./duration.ts";
import type { ValueOf } from "./schema.ts";
import type { graphRecalculateBlock } from "./shared_blocks.ts";

/** When routes are computed anew. */
export interface GraphConfig {
  readonly isStatic: boolean;
  /** `latency[source][destination]` in ms; 65535 stands for every node. */
  readonly manualLatencyMs: ReadonlyMap<NodeId, ReadonlyMap<NodeId, number>>;
  readonly jitterToleranceMs: number;
  readonly jitterToleranceMultiplier: number;
  /** 0: off. */
  readonly timeoutCheckIntervalMs: number;
  readonly recalculateCoolDownMs: number;
}

/** `table[source][destination]` is the neighbour of `source` that is next on the way. */
export type NextHopTableConfig = Readonly<Record<NodeId, Readonly<Record<NodeId, NodeId>>>>;

/** Translates the block. */
export function readGraph(written: ValueOf<ReturnType<typeof graphRecalculateBlock>>): GraphConfig {
  return {
    isStatic: written.StaticMode,
    manualLatencyMs: written.ManualLatency,
    jitterToleranceMs: written.JitterTolerance,
    jitterToleranceMultiplier: written.JitterToleranceMultiplier,
    timeoutCheckIntervalMs: intervalMs(written.TimeoutCheckInterval),
    recalculateCoolDownMs: durationMs(written.RecalculateCoolDown),
  };
}

/** Translates the table of a file. */
export function readNextHopTable(table: ReadonlyMap<NodeId, ReadonlyMap<NodeId, NodeId>>): NextHopTableConfig {
  return Object.fromEntries([...table].map(([source, row]) => [source, Object.fromEntries(row)]));
}
