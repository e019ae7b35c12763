/**
 * The networks that the tests need more than once, with a plan for edges on their hosts.
 *
 * @module
 */

import { type EdgeOptions, type RunningEdge, startEdge } from "./edge.ts";
import { type EdgeSettings, type Link, planEdges } from "./edge_config.ts";
import type { Host } from "./host.ts";
import type { CableOptions, Lab } from "./lab.ts";
import { Router, type RouterOptions } from "./router.ts";

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

/** Two hosts that reach each other through others only. */
export interface RoutedSite extends Site {
  /** On the side of node 1. */
  readonly router: Router;
}

/** How a site behind routers is to be built. */
export interface RoutedSiteOptions extends SiteOptions {
  /** Largest packet on the cable between the router and node 2; that of the other cable if absent. */
  outerMtu?: number;
  /** What the router does besides tracking connections. */
  router?: RouterOptions;
}

/**
 * Two nodes with a router between them that drops what fits to no connection:
 *
 *     node 1 ────────────── router ────────────── node 2
 *       10.9.1.2    10.9.1.1   10.9.2.1    10.9.2.2
 *           eth0    lan             wan    eth0
 *
 * Node 2 can dial node 1 unless the router masquerades.
 */
export async function buildThroughRouter(lab: Lab, options: RoutedSiteOptions = {}): Promise<RoutedSite> {
  const [one, between, two] = [await lab.addHost("node1"), await lab.addHost("router"), await lab.addHost("node2")];
  const network = (n: number) => options.family === "v6" ? `fd09:${n}::` : `10.9.${n}.`;
  const prefixLen = options.family === "v6" ? 64 : 24;
  await lab.connect(one, "eth0", between, "lan", options);
  await lab.connect(two, "eth0", between, "wan", { ...options, mtu: options.outerMtu ?? options.mtu });
  await between.addAddress("lan", `${network(1)}1/${prefixLen}`);
  await between.addAddress("wan", `${network(2)}1/${prefixLen}`);
  await one.addAddress("eth0", `${network(1)}2/${prefixLen}`);
  await two.addAddress("eth0", `${network(2)}2/${prefixLen}`);
  await one.ip(`route add default via ${network(1)}1`);
  await two.ip(`route add default via ${network(2)}1`);
  const link: Link = { a: 1, b: 2, addressOfB: `${network(2)}2` };
  if (options.router?.masquerade === undefined) link.addressOfA = `${network(1)}2`;
  return {
    hosts: new Map([[1, one], [2, two]]),
    plan: planEdges([link]),
    router: await Router.on(between, options.router),
  };
}

/** Two hosts, each behind a router of its own. */
export interface TwoNatsSite extends RoutedSite {
  /** On the side of node 2. */
  readonly otherRouter: Router;
}

/**
 * Two nodes, each behind a router that masquerades; ports of one of them lead to the node behind it:
 *
 *     node 1 ─────────── NAT 1 ─────────────── NAT 2 ─────────── node 2
 *      10.9.1.2  10.9.1.1   10.9.9.1   10.9.9.2   10.9.2.1  10.9.2.2
 *          eth0  lan             wan   wan             lan  eth0
 *
 * @param reachable The node that has open ports; the other one dials.
 * @param ports Those ports of its NAT, by protocol.
 */
export async function buildBetweenNats(
  lab: Lab,
  reachable: 1 | 2,
  ports: readonly { protocol: "tcp" | "udp"; port: number }[],
): Promise<TwoNatsSite> {
  const nodes: Host[] = [];
  const nats: Host[] = [];
  for (const n of [1, 2]) {
    const [node, nat] = [await lab.addHost(`node${n}`), await lab.addHost(`nat${n}`)];
    await lab.connect(node, "eth0", nat, "lan");
    await node.addAddress("eth0", `10.9.${n}.2/24`);
    await nat.addAddress("lan", `10.9.${n}.1/24`);
    await node.ip(`route add default via 10.9.${n}.1`);
    nodes.push(node);
    nats.push(nat);
  }
  await lab.connect(nats[0], "wan", nats[1], "wan");
  await nats[0].addAddress("wan", "10.9.9.1/24");
  await nats[1].addAddress("wan", "10.9.9.2/24");
  const portForwards = ports.map(({ protocol, port }) => {
    return { device: "wan", protocol, port, to: `10.9.${reachable}.2:${port}` };
  });
  const [router, otherRouter] = await Promise.all(nats.map((nat, index) => {
    return Router.on(nat, { masquerade: ["wan"], portForwards: index + 1 === reachable ? portForwards : [] });
  }));
  const plan = planEdges([{ a: 1, b: 2, [reachable === 1 ? "addressOfA" : "addressOfB"]: `10.9.9.${reachable}` }]);
  return { hosts: new Map([[1, nodes[0]], [2, nodes[1]]]), plan, router, otherRouter };
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
