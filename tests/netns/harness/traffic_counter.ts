/**
 * How much arrives at an interface over which transport, counted by firewall rules.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** What has arrived, in octets of IP packets. */
export interface Traffic {
  udp: number;
  tcp: number;
}

/** Starts counting what arrives at an interface; returns a function that reads the counts. */
export async function countTraffic(host: Host, device: string): Promise<() => Promise<Traffic>> {
  const table = `traffic_${device}`;
  // Before connections are tracked and addresses translated: what the wire carries.
  await host.nft(`
    add table inet ${table}
    add counter inet ${table} as_udp
    add counter inet ${table} as_tcp
    add chain inet ${table} prerouting { type filter hook prerouting priority raw - 10; }
    add rule inet ${table} prerouting iifname ${device} meta l4proto udp counter name as_udp
    add rule inet ${table} prerouting iifname ${device} meta l4proto tcp counter name as_tcp
  `);
  async function octets(name: string): Promise<number> {
    const { stdout } = await host.run(["nft", "list", "counter", "inet", table, name]);
    return Number(/bytes (\d+)/.exec(stdout)![1]);
  }
  return async () => ({ udp: await octets("as_udp"), tcp: await octets("as_tcp") });
}
