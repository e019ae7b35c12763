/**
 * The networks that the tests need more than once, with a plan for edges on their hosts.
 *
 * @module
 */

import { type EdgeOptions, type RunningEdge, startEdge } from "./edge.ts";
import { type EdgeSettings, type Link, planEdges } from "./edge_config.ts";
import type { Host } from "./host.ts";
import type { CableOptions, Lab } from "./lab.ts";

/** Hosts that are to run edges. */
export interface Site {
  /** Host of each node, by NodeId. */
  readonly hosts: ReadonlyMap<number, Host>;
  /** Settings of each node, by NodeId; to be changed before the start. */
  readonly plan: ReadonlyMap<number, EdgeSettings>;
}

/** How a site is to be built. */
export interface SiteOptions extends CableOptions {
  /** Family of the addresses under the VPN; `"v4"` if absent. */
  family?: "v4" | "v6";
}

/**
 * Nodes in a row, each with a cable to the next and to no other:
 *
 *     node 1 ──────────────── node 2 ──────────────── node 3
 *        10.9.1.1      10.9.1.2   10.9.2.1      10.9.2.2
 *            next        prev       next          prev
 */
export async function buildChain(lab: Lab, length: number, options: SiteOptions = {}): Promise<Site> {
  const hosts = new Map<number, Host>();
  const links: Link[] = [];
  for (let nodeId = 1; nodeId <= length; nodeId++) hosts.set(nodeId, await lab.addHost(`node${nodeId}`));
  for (let a = 1; a < length; a++) {
    const [hostA, hostB] = [hosts.get(a)!, hosts.get(a + 1)!];
    const [addressOfA, addressOfB] = options.family === "v6"
      ? [`fd09:${a}::1`, `fd09:${a}::2`]
      : [`10.9.${a}.1`, `10.9.${a}.2`];
    const prefixLen = options.family === "v6" ? 64 : 24;
    await lab.connect(hostA, "next", hostB, "prev", options);
    await hostA.addAddress("next", `${addressOfA}/${prefixLen}`);
    await hostB.addAddress("prev", `${addressOfB}/${prefixLen}`);
    links.push({ a, b: a + 1, addressOfA, addressOfB });
  }
  return { hosts, plan: planEdges(links) };
}

/**
 * Nodes on one switch, each with the address 10.9.0.NodeId on `eth0`:
 *
 *     node 1   node 2   node 3 …
 *        └────────┼────────┘
 *
 * @param peers Pairs of NodeIds that are peers of each other.
 */
export async function buildLan(lab: Lab, length: number, peers: readonly [number, number][]): Promise<Site> {
  const hosts = new Map<number, Host>();
  for (let nodeId = 1; nodeId <= length; nodeId++) hosts.set(nodeId, await lab.addHost(`node${nodeId}`));
  await lab.connectBySwitch("switch", "eth0", [...hosts.values()]);
  for (const [nodeId, host] of hosts) await host.addAddress("eth0", `10.9.0.${nodeId}/24`);
  return {
    hosts,
    plan: planEdges(peers.map(([a, b]) => ({ a, b, addressOfA: `10.9.0.${a}`, addressOfB: `10.9.0.${b}` }))),
  };
}

/** Starts one edge of a site and waits until it forwards. */
export function startNode(site: Site, nodeId: number, options: EdgeOptions = {}): Promise<RunningEdge> {
  return startEdge(site.hosts.get(nodeId)!, site.plan.get(nodeId)!, options);
}

/** Starts the edges of a site at the same time; in the result they are ordered by NodeId. */
export function startNodes(site: Site, options: EdgeOptions = {}): Promise<RunningEdge[]> {
  return Promise.all([...site.plan.keys()].map((nodeId) => startNode(site, nodeId, options)));
}
