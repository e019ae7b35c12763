/**
 * Keeps the machine's rules for FakeTCP in place while the node runs, without ever holding it up.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { PathControl } from "../control/path_control.ts";
import type { Device } from "../device/device.ts";
import type { Shim } from "../ffi/shim.ts";
import { checkForwardChains } from "../host/forward_check.ts";
import { HostRules } from "../host/host_rules.ts";
import type { HostSpec } from "../host/plan.ts";
import { openProcFiles } from "../host/proc.ts";
import { deviceOfLabel, routeInterfaces } from "../host/route_interfaces.ts";

/** Time between two looks: what somebody removed is back within ten seconds. */
const CHECK_INTERVAL_MS = 7_000;
/** Time between two looks at the chains of others, which costs more. */
const OBSTACLE_INTERVAL_MS = 60_000;

/** The rules of a running node. Disposing of it undoes them. */
export class HostWatch implements AsyncDisposable {
  readonly #rules: HostRules;
  readonly #log: Logger;
  readonly #spec: Omit<HostSpec, "usedInterfaces">;
  readonly #interfaces: () => string[];
  #used: readonly string[];
  #nextMs = 0;
  #isRunning = false;
  /** The last failure, told once. */
  #failure = "";

  /** What other chains do to our packets, told once. */
  #obstacles = "";
  #nextObstacleCheckMs = 0;

  private constructor(
    rules: HostRules,
    spec: Omit<HostSpec, "usedInterfaces">,
    used: readonly string[],
    interfaces: () => string[],
    log: Logger,
  ) {
    this.#rules = rules;
    this.#spec = spec;
    this.#used = used;
    this.#interfaces = interfaces;
    this.#log = log;
  }

  /**
   * Sets the rules.
   *
   * @param interfaces Says through which interfaces the world is reached now.
   * @throws {SystemError} If the system refuses; nothing stays changed.
   */
  static async start(
    spec: Omit<HostSpec, "usedInterfaces">,
    interfaces: () => string[],
    log: Logger,
  ): Promise<HostWatch> {
    const usedInterfaces = interfaces();
    const rules = await HostRules.apply({ ...spec, usedInterfaces });
    log.info("host rules set", { by: rules.backend, interfaces: usedInterfaces.join(" ") });
    return new HostWatch(rules, spec, usedInterfaces, interfaces, log);
  }

  /** Tells whether connection tracking, which the rules make every packet pass, verifies checksums. */
  verifiesChecksums(shim: Shim): boolean {
    return openProcFiles(shim).read("sys/net/netfilter/nf_conntrack_checksum")?.trim() === "1";
  }

  /** Looks after the rules if that is due; in the background. */
  poll(nowMs: number): void {
    if (this.#isRunning || nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + CHECK_INTERVAL_MS;
    this.#isRunning = true;
    void this.#check(nowMs).finally(() => this.#isRunning = false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#rules[Symbol.asyncDispose]();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#log.warn("host rules couldn't be removed; the next start tries again", { cause: error.message });
    }
  }

  async #check(nowMs: number): Promise<void> {
    try {
      const interfaces = this.#interfaces();
      const isSame = interfaces.join() === this.#used.join();
      const { restored } = isSame ? await this.#rules.check() : await this.#rules.setUsedInterfaces(interfaces);
      this.#used = interfaces;
      if (restored.length > 0) this.#log.warn("host rules were gone and are back", { restored: restored.join(", ") });
      if (nowMs >= this.#nextObstacleCheckMs) {
        this.#nextObstacleCheckMs = nowMs + OBSTACLE_INTERVAL_MS;
        await this.#tellObstacles();
      }
      this.#failure = "";
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.message !== this.#failure) this.#log.error("host rules can't be kept", { cause: error.message });
      this.#failure = error.message;
    }
  }

  /** A chain of somebody else that drops has the last word: all we can do is tell the user what to add there. */
  async #tellObstacles(): Promise<void> {
    const obstacles = await checkForwardChains({ ...this.#spec, usedInterfaces: this.#used });
    const told = this.#obstacles;
    this.#obstacles = obstacles.map(({ text }) => text).join();
    if (this.#obstacles === told) return;
    for (const { chain, text, remedies } of obstacles) {
      this.#log.error("a firewall chain drops what FakeTCP forwards", {
        chain,
        cause: text,
        remedy: remedies.join("; "),
      });
    }
  }
}

/**
 * Names the interfaces of default routes, and those through which peers are reached.
 *
 * @returns `isComplete` tells that of every peer an address is known.
 */
export function interfacesToPeers(
  device: Device,
  paths: PathControl,
  shim: Shim,
): { readonly names: string[]; readonly isComplete: boolean } {
  const addresses: Uint8Array[] = [];
  let isComplete = true;
  for (const row of device.rows()) {
    const known = paths.knownAddresses(row);
    if (known.length === 0) isComplete = false;
    addresses.push(...known);
  }
  return { names: routeInterfaces(addresses, openProcFiles(shim)), isComplete };
}

/** Names the interfaces that have addresses, besides some: sorted, each once. */
export function otherInterfaces(
  ours: readonly string[],
  addresses: readonly Pick<Deno.NetworkInterfaceInfo, "name">[] = Deno.networkInterfaces(),
): string[] {
  const names = new Set(addresses.map(({ name }) => deviceOfLabel(name)));
  return [...names.difference(new Set(ours))].sort();
}
