/**
 * The lanes of a node: their descriptors, workers, event rings and wake-ups.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import type { Ring } from "../base/ring.ts";
import { createEventRing, EventTaker, handshakeBacklog, type LaneEvent } from "../dataplane/events.ts";
import type { LaneFakeTcp, LaneWorkerOptions } from "../dataplane/lane_worker.ts";
import { Setting, type Tables } from "../dataplane/tables.ts";
import type { Shim } from "../ffi/shim.ts";

/** What all lanes have in common. */
export interface LanePoolOptions {
  readonly tables: Tables;
  readonly selfNodeId: NodeId;
  /** A tap queue for each lane; empty for a node without a tap. */
  readonly tapFds: readonly number[];
  readonly mergeUdp: boolean;
  /** For each address family, a socket for each lane. */
  readonly sockets: readonly { readonly family: number; readonly fds: readonly number[] }[];
  /** What each lane is told of FakeTCP; `undefined` without it. */
  readonly fakeTcpOf: (lane: number) => LaneFakeTcp | undefined;
  readonly l2fibSeed: number;
  readonly l2fibTimeoutSeconds: number;
  readonly mac1Key: Uint8Array;
  readonly rejectAfterMs: number;
}

/** Running lanes. */
export class LanePool implements AsyncDisposable {
  readonly #tables: Tables;
  readonly #shim: Shim;
  readonly #rings: Ring[] = [];
  readonly #taker = new EventTaker(this.#rings);
  readonly #wakeFds: number[] = [];
  readonly #workers: Worker[] = [];
  readonly #ended: Promise<void>[] = [];

  private constructor(tables: Tables, shim: Shim) {
    this.#tables = tables;
    this.#shim = shim;
  }

  /**
   * Starts a worker for each lane and waits until all run.
   *
   * @param onFailure Called if a worker ends by an error of its own: a defect of the program.
   */
  static async start(options: LanePoolOptions, shim: Shim, onFailure: (message: string) => void): Promise<LanePool> {
    const pool = new LanePool(options.tables, shim);
    const started: Promise<void>[] = [];
    for (let lane = 0; lane < options.tables.shape.laneCount; lane++) {
      started.push(pool.#start(lane, options, onFailure));
    }
    await Promise.all(started);
    return pool;
  }

  /** Handshake messages that wait, in all rings. */
  get handshakeBacklog(): number {
    return this.#rings.reduce((sum, ring) => sum + handshakeBacklog(ring), 0);
  }

  /** Takes an event, of each lane in turn. */
  takeEvent(): LaneEvent | undefined {
    return this.#taker.take();
  }

  /** Makes every lane look at the tables. */
  wake(): void {
    for (const fd of this.#wakeFds) this.#shim.symbols.eg_eventfd_signal(fd);
  }

  /** Stops the lanes and waits until the last has let go of its descriptors. */
  async [Symbol.asyncDispose](): Promise<void> {
    Atomics.store(this.#tables.settings, Setting.STOP, 1);
    this.wake();
    await Promise.all(this.#ended);
    for (const worker of this.#workers) worker.terminate();
    for (const fd of this.#wakeFds) this.#shim.symbols.eg_close(fd);
  }

  #start(lane: number, options: LanePoolOptions, onFailure: (message: string) => void): Promise<void> {
    const ring = createEventRing();
    const wakeFd = this.#shim.check("eventfd", `lane ${lane}`, this.#shim.symbols.eg_eventfd_open());
    const worker = new Worker(new URL("../dataplane/lane_worker.ts", import.meta.url), { type: "module" });
    this.#rings.push(ring);
    this.#wakeFds.push(wakeFd);
    this.#workers.push(worker);
    const running = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.#ended.push(ended.promise);
    worker.onmessage = (message) => (message.data === "running" ? running : ended).resolve();
    worker.onerror = (error) => {
      error.preventDefault();
      running.reject(new Error(`lane ${lane} failed: ${error.message}`));
      ended.resolve();
      onFailure(`lane ${lane} failed: ${error.message}`);
    };
    const message: LaneWorkerOptions = {
      shape: options.tables.shape,
      tables: options.tables.buffer,
      events: ring.buffer,
      lane,
      selfNodeId: options.selfNodeId,
      tapFd: options.tapFds[lane] ?? -1,
      mergeUdp: options.mergeUdp,
      sockets: options.sockets.map(({ family, fds }) => ({ family, fd: fds[lane] })),
      fakeTcp: options.fakeTcpOf(lane),
      wakeFd,
      l2fibSeed: options.l2fibSeed,
      l2fibTimeoutSeconds: options.l2fibTimeoutSeconds,
      mac1Key: Uint8Array.from(options.mac1Key),
      rejectAfterMs: options.rejectAfterMs,
    };
    worker.postMessage(message);
    return running.promise;
  }
}
