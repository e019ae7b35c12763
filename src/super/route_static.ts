/**
 * The next-hop table of a super node in static mode: that of the configuration. What is measured changes nothing.
 *
 * @module
 */

import type { Document } from "../control/documents.ts";
import type { NextHopTable } from "../route/next_hop.ts";
import { jsonDocument } from "./json_document.ts";
import type { RouteState } from "./route_calculator.ts";
import type { RouteSource } from "./route_computer.ts";

/** Hands out a table as it is. */
export class StaticRoutes implements RouteSource {
  readonly #onNextHops: (document: Document) => void;
  #text: string;
  #publishedText: string | undefined;
  #isHeld = false;

  /** @param onNextHops Called with each table that differs from the one before. */
  constructor(table: NextHopTable, onNextHops: (document: Document) => void) {
    this.#text = JSON.stringify(table);
    this.#onNextHops = onNextHops;
  }

  /** Replaces the table, as an administrator who adds or removes a node has to. */
  setTable(table: NextHopTable): void {
    this.#text = JSON.stringify(table);
  }

  addNode(): void {}

  removeNode(): void {}

  measure(): boolean {
    return false;
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

  state(): Promise<RouteState> {
    const encoder = new TextEncoder();
    return Promise.resolve({
      edges: encoder.encode("{}"),
      usedEdges: encoder.encode("{}"),
      nextHops: encoder.encode(this.#text),
      costs: undefined,
      latencies: undefined,
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
