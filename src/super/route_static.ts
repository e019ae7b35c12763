/**
 * The next-hop table of a super node in static mode: that of the configuration. What is measured is kept to be shown, and changes
 * nothing. Source: `behaviour.md` §3.5.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import type { GraphConfig } from "../config/graph_config.ts";
import type { Document } from "../control/documents.ts";
import type { LatencyGraph, Measurement } from "../route/graph.ts";
import type { NextHopTable } from "../route/next_hop.ts";
import { secondsJson } from "../route/table_json.ts";
import { jsonDocument } from "./json_document.ts";
import type { RouteState } from "./route_calculator.ts";
import { createGraph, type RouteSource } from "./route_computer.ts";

/** What a static super node needs. */
export interface StaticRoutesOptions {
  readonly settings: GraphConfig;
  readonly table: NextHopTable;
  /** Called with each table that differs from the one before. */
  readonly onNextHops: (document: Document) => void;
}

/** Hands out a table as it is. */
export class StaticRoutes implements RouteSource {
  readonly #onNextHops: (document: Document) => void;
  readonly #graph: LatencyGraph;
  #text: string;
  #publishedText: string | undefined;
  #isHeld = false;

  constructor({ settings, table, onNextHops }: StaticRoutesOptions) {
    this.#text = JSON.stringify(table);
    this.#onNextHops = onNextHops;
    this.#graph = createGraph(settings);
  }

  /** Replaces the table, as an administrator who adds a node has to. */
  setTable(table: NextHopTable): void {
    this.#text = JSON.stringify(table);
  }

  addNode(nodeId: NodeId): void {
    this.#graph.addNode(nodeId);
  }

  removeNode(nodeId: NodeId): void {
    this.#graph.removeNode(nodeId);
  }

  measure(measurement: Measurement, nowMs: number): boolean {
    return this.#graph.measure(measurement, nowMs);
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
  }

  handleTimeout(): void {
    if (this.#isHeld || this.#text === this.#publishedText) return;
    this.#publishedText = this.#text;
    this.#onNextHops(jsonDocument(this.#text));
  }

  pollTimeout(): number {
    return this.#isHeld || this.#text === this.#publishedText ? Infinity : -Infinity;
  }

  /** As nothing is computed, the table rests on no latency: each of those counts as unreachable. */
  state(nowMs: number): Promise<RouteState> {
    this.#graph.expire(nowMs);
    const { nodes, latencyUs, usedLatencyUs } = this.#graph.links();
    return Promise.resolve({
      edges: secondsJson(nodes, latencyUs, false),
      usedEdges: secondsJson(nodes, usedLatencyUs, false),
      nextHops: new TextEncoder().encode(this.#text),
      costs: undefined,
      latencies: undefined,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
