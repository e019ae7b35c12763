/**
 * Entry point of the worker that computes routes.
 *
 * It answers each {@linkcode WorkerRequest} with one {@linkcode WorkerAnswer}, in order, and runs until it is terminated.
 *
 * @module
 */

import type { LinkLatencies } from "../route/graph.ts";
import { compress } from "./json_document.ts";
import { RouteCalculator, type RouteState, type RouteTask } from "./route_calculator.ts";

/** What the worker is asked. */
export type WorkerRequest =
  | { readonly kind: "compute"; readonly task: RouteTask }
  | { readonly kind: "describe"; readonly links: LinkLatencies };

/** What the worker answers. */
export type WorkerAnswer =
  | { readonly kind: "computed"; readonly result: WorkerResult }
  | { readonly kind: "described"; readonly state: RouteState };

/** What became of a task; a document lies in the buffers that come with it. */
export type WorkerResult =
  | {
    readonly outcome: "changed";
    readonly plain: Uint8Array<ArrayBuffer>;
    readonly compressed: Uint8Array<ArrayBuffer>;
  }
  | { readonly outcome: "unchanged" | "negative cycle" };

/** The worker's side of the channel to the control thread. */
interface WorkerScope {
  onmessage: ((message: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(answer: WorkerAnswer, transfer: ArrayBuffer[]): void;
}

const scope = self as unknown as WorkerScope;
const calculator = new RouteCalculator();

scope.onmessage = ({ data: request }) => {
  if (request.kind === "compute") return answerTask(request.task);
  const state = calculator.describe(request.links);
  const tables = [state.edges, state.usedEdges, state.nextHops, state.costs, state.latencies];
  scope.postMessage({ kind: "described", state }, tables.flatMap((table) => table === undefined ? [] : [table.buffer]));
};

function answerTask(task: RouteTask): void {
  const { outcome, plain } = calculator.compute(task);
  if (outcome !== "changed") return scope.postMessage({ kind: "computed", result: { outcome } }, []);
  const compressed = compress(plain);
  scope.postMessage({ kind: "computed", result: { outcome, plain, compressed } }, [plain.buffer, compressed.buffer]);
}
