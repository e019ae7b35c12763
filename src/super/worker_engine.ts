/**
 * Computes routes in a worker.
 *
 * All large arrays are transferred, never copied: the costs on the way there, the finished document and its compressed twin on the
 * way back. A worker that fails is replaced by another; if it failed before it ever computed anything, by this thread.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { LinkLatencies } from "../route/graph.ts";
import { createDocument } from "./json_document.ts";
import type { RouteState, RouteTask } from "./route_calculator.ts";
import { DirectEngine, type RouteEngine, type RouteResult } from "./route_engine.ts";
import type { WorkerAnswer, WorkerRequest, WorkerResult } from "./route_worker.ts";

/** What the engine needs of its owner. */
export interface WorkerEngineOptions {
  readonly log: Logger;
  /** Called after a result was handed on: deadlines may have changed. */
  readonly onResult: () => void;
  /** Starts a worker that speaks as `route_worker.ts` does. */
  readonly createWorker?: () => Worker;
}

/** A question under way. */
interface Question {
  onAnswer(answer: WorkerAnswer): void;
  onFailure(message: string): void;
}

/** Computes in a worker, which is started when there is something to compute. */
export class WorkerEngine implements RouteEngine {
  readonly #options: WorkerEngineOptions;
  #worker: Worker | undefined;
  /** In the order in which the worker answers. */
  #questions: Question[] = [];
  /** What computes now knows the network. */
  #hasGraph = false;
  /** The present worker has computed something. */
  #hasComputed = false;
  /** Instead of the worker, once it seems that none will do. */
  #substitute: DirectEngine | undefined;
  #isDisposed = false;

  constructor(options: WorkerEngineOptions) {
    this.#options = options;
  }

  compute(task: RouteTask, onResult: (result: RouteResult) => void): void {
    if (task.update.kind === "all") this.#hasGraph = true;
    else if (!this.#hasGraph) return onResult({ outcome: "lost" });
    if (this.#substitute !== undefined) return this.#substitute.compute(task, onResult);
    const transfer = task.update.kind === "all" ? [task.update.costsUs.buffer] : [];
    this.#ask({ kind: "compute", task }, transfer, {
      onAnswer: (answer) => {
        this.#hasComputed = true;
        if (answer.kind === "computed") onResult(resultOf(answer.result));
        this.#options.onResult();
      },
      onFailure: () => {
        if (this.#isDisposed) return;
        onResult({ outcome: "lost" });
        this.#options.onResult();
      },
    });
  }

  describe(links: LinkLatencies): Promise<RouteState> {
    if (this.#isDisposed) return Promise.reject(new Error("Cannot describe routes: the node stops"));
    if (this.#substitute !== undefined) return this.#substitute.describe(links);
    const { promise, resolve, reject } = Promise.withResolvers<RouteState>();
    this.#ask({ kind: "describe", links }, [links.latencyUs.buffer, links.usedLatencyUs.buffer], {
      onAnswer: (answer) => {
        if (answer.kind === "described") resolve(answer.state);
      },
      onFailure: (message) => reject(new Error(message)),
    });
    return promise;
  }

  /** Ends the worker. Who still waits for a description is told; results are no longer handed on. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#worker?.terminate();
    this.#giveUp("Cannot describe routes: the node stops");
    return Promise.resolve();
  }

  #ask(request: WorkerRequest, transfer: ArrayBuffer[], question: Question): void {
    this.#worker ??= this.#start();
    this.#questions.push(question);
    this.#worker.postMessage(request, transfer);
  }

  #start(): Worker {
    const worker = (this.#options.createWorker ?? startWorker)();
    this.#hasComputed = false;
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => this.#questions.shift()?.onAnswer(data);
    worker.onerror = (error) => {
      error.preventDefault();
      this.#handleFailure(worker, error.message);
    };
    return worker;
  }

  #handleFailure(worker: Worker, message: string): void {
    if (worker !== this.#worker) return;
    worker.terminate();
    this.#hasGraph = false;
    if (!this.#hasComputed) this.#substitute = new DirectEngine();
    const successor = this.#substitute === undefined ? "a new worker" : "the control thread";
    this.#options.log.error(`Cannot compute routes: the worker failed; ${successor} computes them from now on`, {
      cause: message,
    });
    this.#giveUp(`Cannot describe routes: ${message}`);
  }

  /** Leaves the worker alone, and tells all who wait for it. */
  #giveUp(message: string): void {
    const questions = this.#questions;
    this.#worker = undefined;
    this.#questions = [];
    for (const question of questions) question.onFailure(message);
  }
}

function startWorker(): Worker {
  return new Worker(new URL("./route_worker.ts", import.meta.url), { type: "module" });
}

function resultOf(result: WorkerResult): RouteResult {
  if (result.outcome !== "changed") return result;
  return { outcome: result.outcome, document: createDocument(result.plain, result.compressed) };
}
