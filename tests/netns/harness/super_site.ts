/**
 * Sites around the Internet: a super node in the open, and edges in the open or behind NAT.
 *
 *     edge 1 ──── NAT 1 ──── Internet ──── NAT 2 ──── edge 2
 *     10.9.1.2   10.9.91.1      │       10.9.92.1   10.9.2.2
 *                        ┌──────┴──────┐
 *                      super         edge 3
 *                   10.9.90.1       10.9.93.1
 *
 * @module
 */

import type { EdgeOptions, RunningEdge } from "./edge.ts";
import type { Host } from "./host.ts";
import { Internet, siteAddress } from "./internet.ts";
import type { Lab } from "./lab.ts";
import { ping } from "./ping.ts";
import { Router } from "./router.ts";
import { planSuperNetwork, type SuperAddresses, type SuperSettings } from "./super_config.ts";
import { type RunningSuper, startSuper, type SuperApi, type SuperState } from "./super_node.ts";
import { type Site, startNodes } from "./topologies.ts";
import { eventually } from "./wait.ts";

/** Number of the super node's site. */
export const SUPER_SITE = 0;

/**
 * Where an edge is: in the open; behind a NAT that lets nobody in; or behind one that besides takes another port for each
 * destination, so that nobody can foretell it.
 */
export type Place = "open" | "nat" | "symmetric nat";

/** A super node and edges, with what is between them. */
export interface SuperSite extends Site {
  readonly internet: Internet;
  /** By NodeId of the edge behind it. */
  readonly nats: ReadonlyMap<number, Router>;
  readonly superHost: Host;
  /** To be changed before the start. */
  readonly superNode: SuperSettings;
}

/** Builds the sites of edges 1, 2, … in these places. IPv6 reaches what is in the open only. */
export async function buildSuperSite(
  lab: Lab,
  places: readonly Place[],
  addresses: SuperAddresses = { v4: siteAddress(SUPER_SITE) },
): Promise<SuperSite> {
  const internet = await Internet.create(lab);
  const superHost = await lab.addHost("super");
  await internet.attach(lab, superHost, "eth0", SUPER_SITE);
  const hosts = new Map<number, Host>();
  const nats = new Map<number, Router>();
  for (const [index, place] of places.entries()) {
    const nodeId = index + 1;
    const host = await lab.addHost(`node${nodeId}`);
    hosts.set(nodeId, host);
    if (place === "open") await internet.attach(lab, host, "eth0", nodeId);
    else nats.set(nodeId, await attachBehindNat(lab, internet, host, nodeId, place === "symmetric nat"));
  }
  const { superNode, edges } = planSuperNetwork(places.length, addresses);
  return { hosts, plan: edges, internet, nats, superHost, superNode };
}

async function attachBehindNat(
  lab: Lab,
  internet: Internet,
  host: Host,
  nodeId: number,
  randomizesPorts: boolean,
): Promise<Router> {
  const nat = await lab.addHost(`nat${nodeId}`);
  await lab.connect(host, "eth0", nat, "lan");
  await host.addAddress("eth0", `10.9.${nodeId}.2/24`);
  await nat.addAddress("lan", `10.9.${nodeId}.1/24`);
  await host.ip(`route add default via 10.9.${nodeId}.1`);
  await internet.attach(lab, nat, "wan", nodeId);
  return await Router.on(nat, { masquerade: ["wan"], randomizesPorts, refusesInbound: true });
}

/** Starts the super node, then all edges at the same time; those are ordered by NodeId. */
export async function startSuperSite(
  site: SuperSite,
  options: EdgeOptions = {},
): Promise<[RunningSuper, RunningEdge[]]> {
  const superNode = await startSuper(site.superHost, site.superNode);
  return [superNode, await startNodes(site, options)];
}

/** Every edge with every other, in both directions. */
export function orderedPairs<T>(edges: readonly T[]): [T, T][] {
  return edges.flatMap((from) => edges.filter((to) => to !== from).map((to): [T, T] => [from, to]));
}

/** Waits until every edge gets answers from every other. @throws {Error} When it takes too long; says who doesn't. */
export async function waitForMesh(edges: readonly RunningEdge[], timeoutMs: number): Promise<void> {
  let missing = orderedPairs(edges);
  const names = () => missing.map(([a, b]) => `${a.settings.nodeId}→${b.settings.nodeId}`).join(" ");
  try {
    await eventually("a way between all pairs", async () => {
      const answered = await Promise.all(missing.map(async ([from, to]) => {
        return (await ping(from.host, to.address, { count: 1, timeoutS: 0.25 })).received > 0;
      }));
      missing = missing.filter((_, index) => !answered[index]);
      return missing.length === 0;
    }, timeoutMs);
  } catch (cause) {
    throw new Error(`no way ${names()} within ${timeoutMs} ms`, { cause });
  }
}

/** Waits until the super node's state is as wanted, and returns it. It is collected every five seconds at most. */
export function waitForState(
  api: SuperApi,
  isWanted: (state: SuperState) => boolean,
  timeoutMs: number,
): Promise<SuperState> {
  return eventually("a state of the network", async () => {
    const state = await api.state();
    return isWanted(state) && state;
  }, timeoutMs);
}

/** Waits until the super node knows a route from each edge to each other. */
export function waitForRoutes(api: SuperApi, nodeIds: Iterable<number>, timeoutMs: number): Promise<SuperState> {
  const pairs = orderedPairs([...nodeIds]);
  return waitForState(
    api,
    ({ NhTable }) => pairs.every(([from, to]) => NhTable[from]?.[to] !== undefined),
    timeoutMs,
  );
}
