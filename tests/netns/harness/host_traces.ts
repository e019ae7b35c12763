/**
 * What a program leaves on a host.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** What FakeTCP changes on a host: firewall rules, interfaces, forwarding. */
export async function fakeTcpTraces(host: Host): Promise<Record<string, unknown>> {
  const { stdout: rules } = await host.run(["nft", "--stateless", "list", "ruleset"]);
  const { stdout: forwarding } = await host.run([
    "sh",
    "-c",
    "sysctl -n net.ipv4.ip_forward; cd /proc/sys/net/ipv6/conf; " +
    "for i in all eth0; do cat $i/forwarding; done; cat /proc/sys/net/ipv4/conf/eth0/forwarding",
  ]);
  return { rules, interfaces: await host.interfaces(), forwarding };
}
