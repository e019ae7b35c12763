/**
 * A transparent TCP proxy on a router, which copies octets with other borders than the sender's.
 *
 * @module
 */

import { compiledTool } from "./c_program.ts";
import type { Host } from "./host.ts";
import type { RunningProcess } from "./process.ts";

const PORT = 7900;
const TABLE = "ip resegment";
const START_TIMEOUT_MS = 5_000;

/** A proxy under way; ends with its scope at the latest, and what goes through it with it. */
export class Resegmenter implements AsyncDisposable {
  readonly #host: Host;
  readonly #proxy: RunningProcess;

  private constructor(host: Host, proxy: RunningProcess) {
    this.#host = host;
    this.#proxy = proxy;
  }

  /** Puts itself into all TCP connections to a port that arrive at the router through `device` from now on. IPv4 only. */
  static async start(host: Host, device: string, port: number): Promise<Resegmenter> {
    const proxy = host.spawn([await compiledTool("resegment_tool"), String(PORT)]);
    await proxy.waitForLine(/^ready$/, START_TIMEOUT_MS);
    await host.nft(`
      add table ${TABLE}
      add chain ${TABLE} prerouting { type nat hook prerouting priority dstnat - 5; }
      add rule ${TABLE} prerouting iifname ${device} tcp dport ${port} redirect to :${PORT}
    `);
    return new Resegmenter(host, proxy);
  }

  /** Waits until a connection goes through it, whether that was so already or not. */
  async connection(timeoutMs: number): Promise<void> {
    await this.#proxy.waitForLine(/^connection$/, timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#proxy.hasEnded) await this.#host.nft(`delete table ${TABLE}`);
    await this.#proxy[Symbol.asyncDispose]();
  }
}
