/**
 * A router in the middle to which every site has a cable, and whose packets between two sites can be counted, slowed down and
 * stopped:
 *
 *     site 1 ──── Internet ──── site 2
 *     10.9.91.1   .9 │ .9    10.9.92.1
 *                 site 3
 *
 * Site n has the networks 10.9.9n.0/24 and fd09:9n::/64; on its cable it has the first address of each.
 *
 * @module
 */

import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { programEnvironment } from "./program.ts";

const LINK_PROGRAM = new URL("slow_link.ts", import.meta.url).pathname;
const LINK_START_TIMEOUT_MS = 20_000;
/** Routing table in which everything leads over the slow link. */
const SLOW_TABLE = 100;
const TABLE = "inet internet";

/** Address of a site, over IPv4 or IPv6. */
export function siteAddress(n: number, family: "v4" | "v6" = "v4"): string {
  return family === "v4" ? `10.9.9${n}.1` : `fd09:9${n}::1`;
}

/** Packets that came from one site for another. */
export interface PassedPackets {
  packets: number;
  /** Octets of IP packets. */
  octets: number;
}

/** The router in the middle. */
export class Internet {
  readonly host: Host;
  #hasSlowLink = false;
  #counters = 0;

  private constructor(host: Host) {
    this.host = host;
  }

  /** Makes one without sites. */
  static async create(lab: Lab): Promise<Internet> {
    const host = await lab.addHost("internet");
    await host.enableForwarding();
    await host.nft([
      `add table ${TABLE}`,
      // Before addresses are translated or a route is chosen: each packet once, also one that goes over the slow link.
      `add chain ${TABLE} watch { type filter hook prerouting priority raw; }`,
      `add chain ${TABLE} forward { type filter hook forward priority filter; }`,
    ].join("\n"));
    return new Internet(host);
  }

  /** Lays a cable from a host to here, gives both ends their addresses, and the host its default routes. */
  async attach(lab: Lab, host: Host, device: string, n: number): Promise<void> {
    const port = `port${n}`;
    await lab.connect(host, device, this.host, port);
    await host.addAddress(device, `${siteAddress(n)}/24`);
    await this.host.addAddress(port, `10.9.9${n}.9/24`);
    await host.addAddress(device, `${siteAddress(n, "v6")}/64`);
    await this.host.addAddress(port, `fd09:9${n}::9/64`);
    await host.ip(`route add default via 10.9.9${n}.9`);
    await host.ip(`-6 route add default via fd09:9${n}::9`);
  }

  /** Lets packets over IPv4 from a site to another take their time; all of them the same. */
  async slowDown(from: number, to: number, delayMs: number): Promise<void> {
    if (!this.#hasSlowLink) await this.#openSlowLink(delayMs);
    await this.host.ip(`rule add ${slowRule(from, to)}`);
  }

  /** Takes that back. */
  async speedUp(from: number, to: number): Promise<void> {
    await this.host.ip(`rule del ${slowRule(from, to)}`);
  }

  /** Starts counting the packets over IPv4 from a site to another; returns a function that reads the count. */
  async countPackets(from: number, to: number): Promise<() => Promise<PassedPackets>> {
    const name = `from${from}to${to}_${this.#counters++}`;
    await this.host.nft([
      `add counter ${TABLE} ${name}`,
      `add rule ${TABLE} watch iifname port${from} ip daddr ${siteAddress(to)} counter name ${name}`,
    ].join("\n"));
    return async () => {
      const { stdout } = await this.host.run(["nft", "list", "counter", ...TABLE.split(" "), name]);
      const [, packets, octets] = /packets (\d+) bytes (\d+)/.exec(stdout)!;
      return { packets: Number(packets), octets: Number(octets) };
    };
  }

  /** Lets packets pass no longer that match a condition of nftables, such as `"meta l4proto udp"`. */
  async drop(condition: string): Promise<void> {
    await this.host.nft(`add rule ${TABLE} forward ${condition} drop`);
  }

  async #openSlowLink(delayMs: number): Promise<void> {
    this.#hasSlowLink = true;
    const command = [Deno.execPath(), "run", "--allow-all", "--no-prompt", "--no-check", LINK_PROGRAM, "slow"];
    const link = this.host.spawn([...command, String(delayMs)], { env: programEnvironment(), label: "slow link" });
    await link.waitForLine(/^ready$/, LINK_START_TIMEOUT_MS);
    await this.host.ip(`route add default dev slow table ${SLOW_TABLE}`);
  }
}

function slowRule(from: number, to: number): string {
  return `iif port${from} to ${siteAddress(to)} lookup ${SLOW_TABLE}`;
}
