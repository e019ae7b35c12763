/**
 * Computers of routes for tests: what they are fed, and what they publish.
 *
 * @module
 */

import type { NodeId } from "../../src/base/node_id.ts";
import type { GraphConfig } from "../../src/config/graph_config.ts";
import type { Document } from "../../src/control/documents.ts";
import type { Measurement } from "../../src/route/graph.ts";
import type { NextHopTable } from "../../src/route/next_hop.ts";
import type { RouteState, RouteTask } from "../../src/super/route_calculator.ts";
import { RouteComputer } from "../../src/super/route_computer.ts";
import { DirectEngine, type RouteEngine, type RouteResult } from "../../src/super/route_engine.ts";
import { RecordingLog } from "../node/recording_log.ts";

/** Every change counts, at once. */
export const SETTINGS: GraphConfig = {
  isStatic: false,
  manualLatencyMs: new Map(),
  jitterToleranceMs: 0,
  jitterToleranceMultiplier: 1,
  timeoutCheckIntervalMs: 100,
  recalculateCoolDownMs: 0,
};

/** How long measurements of {@linkcode RouteBench} are valid, ms. */
export const VALID_FOR_MS = 70_000;

/** A computer, with everything that it hands out. */
export class RouteBench {
  readonly log = new RecordingLog();
  readonly computer: RouteComputer;
  /** Tables in the order in which they were handed out. */
  readonly published: (NextHopTable | undefined)[] = [];
  #nowMs = 0;

  constructor(nodes: Iterable<NodeId>, settings: Partial<GraphConfig> = {}, engine: RouteEngine = new DirectEngine()) {
    this.computer = new RouteComputer({
      settings: { ...SETTINGS, ...settings },
      engine,
      onNextHops: (document) => this.published.push(document === undefined ? undefined : tableOf(document)),
      log: this.log,
    });
    for (const node of nodes) this.computer.addNode(node);
  }

  /** Measures one link. */
  measure(
    source: NodeId,
    destination: NodeId,
    latencyMs: number,
    nowMs: number,
    more: Partial<Measurement> = {},
  ): boolean {
    this.#nowMs = nowMs;
    const measurement = { source, destination, latencyMs, additionalCostMs: 0, validForMs: VALID_FOR_MS, ...more };
    return this.computer.measure(measurement, nowMs);
  }

  /** Lets the computer do what is due, time after time, from when it was measured last. */
  runUntil(endMs: number): void {
    for (this.#nowMs = Math.max(this.#nowMs, this.computer.pollTimeout()); this.#nowMs < endMs;) {
      this.computer.handleTimeout(this.#nowMs);
      this.#nowMs = Math.max(this.#nowMs, this.computer.pollTimeout());
    }
    this.#nowMs = endMs;
    this.computer.handleTimeout(endMs);
  }
}

/** Reads a table that was handed out. */
export function tableOf(document: Document): NextHopTable {
  return JSON.parse(new TextDecoder().decode(document.plain));
}

/** Keeps tasks until the test lets them be computed; counts them. */
export class PatientEngine implements RouteEngine {
  readonly #engine = new DirectEngine();
  readonly #waiting: (() => void)[] = [];
  taskCount = 0;

  /** Tasks that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  compute(task: RouteTask, onResult: (result: RouteResult) => void): void {
    this.taskCount++;
    this.#waiting.push(() => this.#engine.compute(task, onResult));
  }

  /** Computes the oldest task, or gives it another result. */
  answer(): void {
    this.#waiting.shift()?.();
  }

  describe(...[links]: Parameters<RouteEngine["describe"]>): Promise<RouteState> {
    return this.#engine.describe(links);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}
