/**
 * Shows what FakeTCP changes on a machine, for those who want to set it themselves; changes nothing.
 *
 * @module
 */

import { parseIpAddress } from "../base/endpoint.ts";
import type { EdgeConfig } from "../config/edge_config.ts";
import type { FakeTcpConfig } from "../config/faketcp_config.ts";
import type { PeerConfig } from "../config/peer_config.ts";
import { DIAL_PORTS } from "../faketcp/constants.ts";
import { type HostOptions, machineOf } from "../host/host_rules.ts";
import type { HostSpec } from "../host/plan.ts";
import { renderRules } from "../host/print_rules.ts";
import { routeInterfaces } from "../host/route_interfaces.ts";

/** What of a configuration the rules depend on: a super has a stack for each family, and calls nobody by FakeTCP. */
export interface RulesNode extends Pick<EdgeConfig, "fakeTcp" | "listenPort"> {
  readonly peers: readonly Pick<PeerConfig, "fakeTcpEndpoints">[];
}

/**
 * Writes the rules and kernel parameters that FakeTCP needs on this machine as it is, as commands.
 *
 * Nothing is looked up: a peer that is named by its DNS name is taken to be reached through a default route.
 *
 * @param config What the rules depend on; FakeTCP is on.
 * @throws {SystemError} If there is neither nftables nor iptables, or the native part can't be loaded.
 */
export async function rulesText(config: RulesNode, options: HostOptions = {}): Promise<string> {
  const { files, run } = machineOf(options);
  const addresses = config.peers.flatMap((peer) => peer.fakeTcpEndpoints).flatMap(({ host }) => {
    return parseIpAddress(host) ?? [];
  });
  const spec = hostSpecOf(config.fakeTcp, config.listenPort, routeInterfaces(addresses, files));
  const text = await renderRules(spec, { ...options, files, run });
  return firstListenPort(config.fakeTcp, config.listenPort) === 0 ? `${UNKNOWN_PORT}\n${text}` : text;
}

const UNKNOWN_PORT =
  `# ListenPort and FakeTCP.ListenPort are 0: the TCP port to listen on is chosen at each start, and is missing here.
# To be called by others, write one of the two.`;

/**
 * Says what the stack of a node wants from the machine.
 *
 * @param fakeTcp FakeTCP of the node, switched on.
 * @param udpPort The UDP port in use, which FakeTCP listens on unless it has a port of its own; 0 if it isn't known yet.
 * @param usedInterfaces Interfaces that peers are reached through.
 */
export function hostSpecOf(fakeTcp: FakeTcpConfig, udpPort: number, usedInterfaces: readonly string[]): HostSpec {
  const { tunName, ipv4, ipv6, moreListenPorts } = fakeTcp;
  const first = firstListenPort(fakeTcp, udpPort);
  // A port that the system picked may be among the others.
  const listenPorts = [...new Set(first === 0 ? moreListenPorts : [first, ...moreListenPorts])];
  return { tunName, stackV4: ipv4?.stack, stackV6: ipv6?.stack, listenPorts, dialPorts: DIAL_PORTS, usedInterfaces };
}

function firstListenPort({ listenPort }: FakeTcpConfig, udpPort: number): number {
  return listenPort === 0 ? udpPort : listenPort;
}
