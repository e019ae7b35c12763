/**
 * Who computes routes for a super node, and what is asked of it.
 *
 * A full computation for a thousand nodes takes more than a second, and its table has ten million octets, so that the
 * control thread does neither: it hands what has changed to an engine and takes the finished document in. An engine keeps the
 * weights and paths of the network; updates go to it in the order in which the graph gave them.
 *
 * @module
 */

import type { Document } from "../control/documents.ts";
import type { LinkLatencies } from "../route/graph.ts";
import { createDocument } from "./json_document.ts";
import { RouteCalculator, type RouteState, type RouteTask } from "./route_calculator.ts";

/** What became of a task; "lost": the engine knows nothing of the network any more, and needs the whole graph. */
export type RouteResult =
  | { readonly outcome: "changed"; readonly document: Document }
  | { readonly outcome: "unchanged" | "negative cycle" | "lost" };

/** Computes routes, here or elsewhere. */
export interface RouteEngine extends AsyncDisposable {
  /**
   * Computes one task; the next may be given when this one has its result.
   *
   * @param onResult Called once, from within this call or later; not at all if the engine is disposed of before.
   */
  compute(task: RouteTask, onResult: (result: RouteResult) => void): void;

  /**
   * Describes what was computed.
   *
   * @param links From the graph; the engine takes their memory over.
   * @throws {Error} The engine failed, or was disposed of.
   */
  describe(links: LinkLatencies): Promise<RouteState>;
}

/** Computes in the caller's thread, with the result at once: for simulations, for tests, and where workers fail. */
export class DirectEngine implements RouteEngine {
  readonly #calculator = new RouteCalculator();

  compute(task: RouteTask, onResult: (result: RouteResult) => void): void {
    const { outcome, plain } = this.#calculator.compute(task);
    if (outcome === "changed") onResult({ outcome, document: createDocument(plain) });
    else onResult({ outcome });
  }

  describe(links: LinkLatencies): Promise<RouteState> {
    return Promise.resolve(this.#calculator.describe(links));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
