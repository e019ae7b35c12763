/**
 * From measured latencies to the next-hop table that a super node hands out.
 *
 * The graph (`route/graph.ts`) takes measurements in and says what has to be computed; an engine (`route_engine.ts`)
 * computes it; this decides when, and gives on what is new. One task is under way at a time: what changes meanwhile is one
 * task afterwards. Measuring itself never computes, so that a burst of measurements costs one computation.
 *
 * ```
 *             due                    changed, unchanged
 *   IDLE ────────────▶ COMPUTING ─────────────────────▶ IDLE
 *                       │     ▲
 *       negative cycle: └─────┘ the whole graph; then without negative costs, once
 *       engine lost it:         the whole graph
 * ```
 *
 * Nothing is computed before anything was measured, nor while the owner holds it because edges of an earlier life haven't
 * reported yet: the poor table that would come out would take away the routes they still have. One that was made of the first
 * few reports, before anybody came who had routes to lose, is withdrawn then, and comes back only when it was made anew. Source: `behaviour.md` §3.5,
 * §6.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { NodeId } from "../base/node_id.ts";
import type { GraphConfig } from "../config/graph_config.ts";
import type { Document } from "../control/documents.ts";
import { LatencyGraph, type Measurement } from "../route/graph.ts";
import type { RouteState, RouteTask } from "./route_calculator.ts";
import type { RouteEngine, RouteResult } from "./route_engine.ts";

/** Least time between the beginnings of two computations, whatever happens, ms; and what each pair of nodes adds to it. */
const COMPUTATION_GAP_MS = 50;
/**
 * For a thousand nodes 2 s, in which all of them download a table of ten million octets: no more than that while they come
 * and go, each a reason to compute at once.
 */
const COMPUTATION_GAP_MS_PER_PAIR = 0.002;
/** Least time between two lines about negative cycles, ms: one edge can bring about any number of them. */
const CYCLE_LOG_INTERVAL_MS = 60_000;

/** Where next hops come from: computed, or from the configuration (`route_static.ts`). */
export interface RouteSource extends AsyncDisposable {
  /** Adds a node without links, unless it is there. */
  addNode(nodeId: NodeId): void;
  /** Removes a node and its links. */
  removeNode(nodeId: NodeId): void;
  /**
   * Takes a measurement in.
   *
   * @param measurement Of numbers that were checked; its validity is not longer than an edge may be silent.
   * @returns False if it can't be used: a node is unknown or is both ends.
   */
  measure(measurement: Measurement, nowMs: number): boolean;
  /** Keeps results back, the last one too, or gives them on again. */
  hold(isHeld: boolean): void;
  /** Does what is due. */
  handleTimeout(nowMs: number): void;
  /** Returns when {@linkcode RouteSource.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number;
  /**
   * Describes links and routes.
   *
   * @throws {Error} The engine failed.
   */
  state(nowMs: number): Promise<RouteState>;
}

/** What a computer needs. */
export interface RouteComputerOptions {
  /** Not for static mode. */
  readonly settings: GraphConfig;
  /** Disposed of with the computer. */
  readonly engine: RouteEngine;
  /** Called with each table that differs from the one before; with `undefined` if that is withdrawn. */
  readonly onNextHops: (document: Document | undefined) => void;
  readonly log: Logger;
}

/** Computes the next-hop table of a network by its latencies. */
export class RouteComputer implements RouteSource {
  readonly #options: RouteComputerOptions;
  readonly #graph: LatencyGraph;
  #isMeasured = false;
  #isHeld = false;
  #isComputing = false;
  #startedMs = -Infinity;
  #cycleLoggedMs = -Infinity;
  #nextCheckMs = Infinity;
  /** Came while results are kept back. */
  #withheld: Document | undefined;
  #published: Document | undefined;

  constructor(options: RouteComputerOptions) {
    const { settings } = options;
    this.#options = options;
    this.#graph = createGraph(settings);
  }

  addNode(nodeId: NodeId): void {
    this.#graph.addNode(nodeId);
  }

  removeNode(nodeId: NodeId): void {
    this.#graph.removeNode(nodeId);
  }

  measure(measurement: Measurement, nowMs: number): boolean {
    const isTaken = this.#graph.measure(measurement, nowMs);
    if (isTaken && !this.#isMeasured) {
      this.#isMeasured = true;
      this.#planCheck(nowMs);
    }
    return isTaken;
  }

  hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) this.#withdraw();
    // What was measured meanwhile goes into the next result.
    else if (!this.#isComputing && this.#graph.recalculationDueAtMs() === Infinity) this.#release();
  }

  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#nextCheckMs) {
      this.#graph.expire(nowMs);
      this.#planCheck(nowMs);
    }
    if (nowMs < this.#computationDueMs()) return;
    const update = this.#graph.takeUpdate(nowMs);
    if (update === undefined) return;
    this.#startedMs = nowMs;
    this.#compute({ update, isLastTry: false });
  }

  pollTimeout(): number {
    return Math.min(this.#nextCheckMs, this.#computationDueMs());
  }

  state(): Promise<RouteState> {
    return this.#options.engine.describe(this.#graph.links());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.engine[Symbol.asyncDispose]();
  }

  #planCheck(nowMs: number): void {
    const { timeoutCheckIntervalMs } = this.#options.settings;
    this.#nextCheckMs = timeoutCheckIntervalMs > 0 ? nowMs + timeoutCheckIntervalMs : Infinity;
  }

  #computationDueMs(): number {
    if (!this.#isMeasured || this.#isHeld || this.#isComputing) return Infinity;
    const gapMs = COMPUTATION_GAP_MS + COMPUTATION_GAP_MS_PER_PAIR * this.#graph.size ** 2;
    return Math.max(this.#graph.recalculationDueAtMs(), this.#startedMs + gapMs);
  }

  #compute(task: RouteTask): void {
    this.#isComputing = true;
    this.#options.engine.compute(task, (result) => this.#handleResult(result, task));
  }

  #handleResult(result: RouteResult, { update, isLastTry }: RouteTask): void {
    if (result.outcome === "negative cycle" && !isLastTry) {
      // Links that weren't computed anew count as they were used, before clocks drifted: all as they are now may do.
      if (update.kind === "edges") {
        return this.#compute({ update: this.#graph.takeAll(this.#startedMs), isLastTry: false });
      }
      this.#logCycle(this.#startedMs);
      return this.#compute({ update: this.#graph.flattenNegative(this.#startedMs), isLastTry: true });
    }
    if (result.outcome === "lost") {
      return this.#compute({ update: this.#graph.takeAll(this.#startedMs), isLastTry: false });
    }
    this.#isComputing = false;
    if (result.outcome === "changed") this.#publish(result.document);
    else if (!this.#isHeld) this.#release();
  }

  #logCycle(nowMs: number): void {
    if (nowMs - this.#cycleLoggedMs < CYCLE_LOG_INTERVAL_MS) return;
    this.#cycleLoggedMs = nowMs;
    this.#options.log.info(
      "latencies round a cycle are below zero, so negative ones count as zero until measured again",
    );
  }

  #withdraw(): void {
    if (this.#published === undefined) return;
    this.#withheld = this.#published;
    this.#published = undefined;
    this.#options.onNextHops(undefined);
  }

  #release(): void {
    if (this.#withheld !== undefined) this.#publish(this.#withheld);
  }

  #publish(document: Document): void {
    this.#withheld = this.#isHeld ? document : undefined;
    if (this.#isHeld) return;
    // An engine that was lost doesn't know what the one before it found.
    if (this.#published !== undefined && isSame(this.#published.plain, document.plain)) return;
    this.#published = document;
    this.#options.onNextHops(document);
  }
}

/** Makes the graph of a super node. */
export function createGraph(settings: GraphConfig): LatencyGraph {
  return new LatencyGraph({
    manualLatencyMs: settings.manualLatencyMs,
    tolerance: {
      rule: "relative",
      toleranceMs: settings.jitterToleranceMs,
      multiplier: settings.jitterToleranceMultiplier,
    },
    coolDownMs: settings.recalculateCoolDownMs,
  });
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
