/**
 * Counts datagrams of one size at a host's door, by a firewall rule: cheap enough to run under full load.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** Octets of a handshake initiation. Source: wire format, 1.2. */
export const INITIATION_LEN = 145;
/** Octets of a UDP header. */
const UDP_HEADER_LEN = 8;

/** Starts counting the datagrams with a payload of this length that arrive; returns a function that reads the count. */
export async function countArrivals(host: Host, payloadLen: number): Promise<() => Promise<number>> {
  const table = `arrivals${payloadLen}`;
  await host.nft(`
    add table inet ${table}
    add chain inet ${table} input { type filter hook input priority 0; }
    add rule inet ${table} input udp length ${payloadLen + UDP_HEADER_LEN} counter
  `);
  return async () => {
    const { stdout } = await host.run(["nft", "list", "table", "inet", table]);
    return Number(/packets (\d+)/.exec(stdout)?.[1] ?? 0);
  };
}
