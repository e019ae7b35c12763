/**
 * Takes UDP away from a host and gives it back: in silence, with a refusal, or in part.
 *
 * Where a datagram is stopped decides who notices. On its way in or through, nobody does. On its way out, a drop is a refusal:
 * the kernel lets `send` fail with EPERM. A rejection answers with an ICMP error.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** A place where datagrams are stopped: those to a port on their way in or through, those from a port on their way out. */
export interface Checkpoint {
  host: Host;
  hook: "input" | "forward" | "output";
  port: number;
}

/** What happens to datagrams, as the end of an nftables rule. */
export const Fault = {
  /** None passes. */
  DROP: "counter drop",
  /** None passes, and the sender gets an ICMP error. */
  REJECT: "counter reject with icmpx admin-prohibited",
  /** IP packets of more than 600 octets don't pass. Needs a cable without offload: a super-datagram is long, too. */
  ONLY_SMALL: "meta length > 600 counter drop",
} as const;

/** A {@linkcode Fault}: each datagram is lost with a probability. Needs a cable without offload. */
export function lossOf(percent: number): string {
  return `numgen random mod 100 < ${percent} counter drop`;
}

/** A block under way. */
export interface UdpBlock {
  /** Removes it. */
  lift(): Promise<void>;
}

/** A block whose rules count. */
export interface CountedUdpBlock extends UdpBlock {
  /** Datagrams that it has stopped so far. */
  stopped(): Promise<number>;
}

let blocks = 0;

/** Lets a fault act at some checkpoints, until it is lifted. */
export async function blockUdp(checkpoints: readonly Checkpoint[], fault: string): Promise<CountedUdpBlock> {
  const table = `udp_block_${blocks++}`;
  const hosts = [...new Set(checkpoints.map((checkpoint) => checkpoint.host))];
  await Promise.all(hosts.map((host) => {
    const rules = [`add table inet ${table}`];
    for (const { hook, port } of checkpoints.filter((checkpoint) => checkpoint.host === host)) {
      // In front of other filters, so that it counts what they would take.
      rules.push(
        `add chain inet ${table} ${hook} { type filter hook ${hook} priority filter - 5; }`,
        `add rule inet ${table} ${hook} udp ${hook === "output" ? "sport" : "dport"} ${port} ${fault}`,
      );
    }
    return host.nft(rules.join("\n"));
  }));
  return {
    async lift() {
      await Promise.all(hosts.map((host) => host.nft(`delete table inet ${table}`)));
    },
    async stopped() {
      const listings = await Promise.all(hosts.map((host) => host.run(["nft", "list", "table", "inet", table])));
      const counts = listings.flatMap(({ stdout }) => [...stdout.matchAll(/packets (\d+)/g)]);
      return counts.reduce((sum, count) => sum + Number(count[1]), 0);
    },
  };
}

/** Blocks a host's UDP port with the commands of the original's instructions; `iptables` also for IPv6 is `ip6tables`. */
export async function blockUdpByIptables(host: Host, port: number, program = "iptables"): Promise<UdpBlock> {
  const rules = [
    `INPUT -p udp --dport ${port} -j DROP`,
    `OUTPUT -p udp --sport ${port} -j DROP`,
  ];
  async function change(action: "-A" | "-D"): Promise<void> {
    for (const rule of rules) await host.run([program, action, ...rule.split(" ")]);
  }
  await change("-A");
  return { lift: () => change("-D") };
}
