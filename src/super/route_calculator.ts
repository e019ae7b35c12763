/**
 * What an engine does, in whatever thread: routes by the graph's updates, and the texts made of them.
 *
 * @module
 */

import type { GraphUpdate, LinkLatencies } from "../route/graph.ts";
import { Routes } from "../route/routes.ts";
import { secondsJson } from "../route/table_json.ts";

/** What is to be computed. */
export interface RouteTask {
  /** What has changed; the engine takes its memory over. */
  readonly update: GraphUpdate;
  /** Whether a negative cycle means that there are no routes, rather than that there will be another task. */
  readonly isLastTry: boolean;
}

/** The tables of `http-api.md` §7.1, each as JSON of its own; `undefined` before the first computation. */
export interface RouteState {
  readonly edges: Uint8Array<ArrayBuffer>;
  readonly usedEdges: Uint8Array<ArrayBuffer>;
  readonly nextHops: Uint8Array<ArrayBuffer>;
  readonly costs: Uint8Array<ArrayBuffer> | undefined;
  readonly latencies: Uint8Array<ArrayBuffer> | undefined;
}

/** What one task came to; `plain` is the next-hop table as it is handed out. */
export type Calculation =
  | { readonly outcome: "changed"; readonly plain: Uint8Array<ArrayBuffer> }
  | { readonly outcome: "unchanged" | "negative cycle"; readonly plain?: undefined };

/** The routes of one network. Memory: 22 octets for each ordered pair of nodes. */
export class RouteCalculator {
  readonly #routes = new Routes();
  #hasComputed = false;

  /** Applies an update. */
  compute({ update, isLastTry }: RouteTask): Calculation {
    this.#hasComputed = true;
    let outcome = this.#routes.apply(update);
    if (outcome === "negative cycle" && isLastTry) outcome = this.#routes.withdraw();
    return outcome === "changed" ? { outcome, plain: this.#routes.nextHopJson() } : { outcome };
  }

  /** Writes everything that is known down. */
  describe(links: LinkLatencies): RouteState {
    const routes = this.#routes;
    return {
      edges: secondsJson(links.nodes, links.latencyUs, false),
      usedEdges: routes.edgeJson(),
      nextHops: routes.nextHopJson(),
      costs: this.#hasComputed ? routes.costJson() : undefined,
      latencies: this.#hasComputed ? routes.latencyJson(links) : undefined,
    };
  }
}
