/**
 * A network of edges and their super node, whose links have the latencies that a test gives them.
 *
 * ```
 *   edge 1, 20.0.1.1 ──┐            ┌── edge 2, 20.0.2.1
 *   edge 3, 10.0.3.2 ── translator 30.0.3.1 ── the Internet ── super node, 20.0.255.1
 * ```
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { PathKind, pathKindOf } from "../../src/base/path_kind.ts";
import type { NodeId } from "../../src/base/node_id.ts";
import { endpointOf, type LinkConditions, type SimDatagram, SimNetwork, transportOfDatagram } from "./network.ts";
import { fastPrimitives } from "./fast_primitives.ts";
import { SimEdge, type SimEdgeOptions } from "./edge.ts";
import { randomKey, type SimNode } from "./node.ts";
import { SimSuper, type SimSuperOptions, type SimSuperPeer } from "./super.ts";

/** Time on an access link, ms: two of them are on the way from edge to edge. */
export const ACCESS_MS = 1;
/** Time on the Internet unless a test says otherwise, ms. */
export const TRANSIT_MS = 20;
const PORT = 3001;
const SUPER = 255;

/** How one edge differs from the others. */
export interface WorldEdgeOptions extends Omit<Partial<SimEdgeOptions>, "http"> {
  /** Behind a translator of its own. */
  readonly isTranslated?: boolean;
  /** As the super's file has it; below 0: the edge's own. */
  readonly additionalCostMs?: number;
}

/** How a world is made. */
export interface WorldOptions extends Partial<Omit<SimSuperOptions, "peers" | "addresses">> {
  readonly edgeCount: number;
  readonly edge?: (nodeId: NodeId) => WorldEdgeOptions;
  readonly link?: Partial<LinkConditions>;
  /** IPv6 besides IPv4. */
  readonly isDual?: boolean;
  /** Documents go over HTTP, of this delay and loss: always with a reference super, never otherwise. */
  readonly http?: { readonly delayMs: number; readonly loss: number };
  /** Edges start with the world; otherwise a test starts them. */
  readonly starts?: boolean;
}

/** A network in which everything happens by one seed. */
export class SuperWorld {
  readonly network: SimNetwork;
  readonly edges = new Map<NodeId, SimEdge>();
  superNode: SimSuper;
  readonly #options: WorldOptions;
  readonly #peers = new Map<NodeId, SimSuperPeer>();
  readonly #privateKeys = new Map<NodeId, Uint8Array>();
  /** Time on the Internet from one node to another, by kind of path or for all kinds, ms. */
  readonly #transitMs = new Map<string, number>();

  constructor(seed: number, options: WorldOptions) {
    this.#options = options;
    this.network = new SimNetwork(seed);
    this.network.traces = false;
    this.network.transitMs = (datagram) => this.#transitOf(datagram);
    for (let nodeId = 1; nodeId <= options.edgeCount; nodeId++) this.#enter(nodeId);
    this.superNode = this.#createSuper(undefined);
    if (options.starts === false) return;
    for (let nodeId = 1; nodeId <= options.edgeCount; nodeId++) this.startEdge(nodeId);
  }

  get nowMs(): number {
    return this.network.nowMs;
  }

  /** Returns an edge that runs. */
  edge(nodeId: NodeId): SimEdge {
    const edge = this.edges.get(nodeId);
    if (edge === undefined) throw new RangeError(`Cannot find edge ${nodeId}: it doesn't run`);
    return edge;
  }

  /** Starts an edge, or starts it again with nothing but its key. */
  startEdge(nodeId: NodeId, change: WorldEdgeOptions = {}): SimEdge {
    this.edges.get(nodeId)?.stop();
    const { link, isDual, http } = this.#options;
    const { isTranslated = false, additionalCostMs: _, ...options } = { ...this.#options.edge?.(nodeId), ...change };
    const edge = new SimEdge(this.network, nodeId, {
      privateKey: this.#privateKeys.get(nodeId),
      address: { ip: isTranslated ? `10.0.${nodeId}.2` : `20.0.${nodeId}.1`, port: PORT },
      behind: isTranslated ? `30.0.${nodeId}.1` : undefined,
      otherAddress: isDual ? { ip: `2a00::${nodeId.toString(16)}`, port: PORT } : undefined,
      link: { latencyMs: ACCESS_MS, ...link },
      supers: this.superNode.addresses,
      http: http && { ...http, reach: () => this.superNode },
      ...options,
    });
    this.edges.set(nodeId, edge);
    return edge;
  }

  stopEdge(nodeId: NodeId): void {
    this.edge(nodeId).stop();
    this.edges.delete(nodeId);
  }

  /** Puts a new edge into the super's file and starts it. */
  addEdge(nodeId: NodeId, change: WorldEdgeOptions = {}): SimEdge {
    this.superNode.addPeer(this.#enter(nodeId));
    return this.startEdge(nodeId, change);
  }

  /** Takes an edge out of the super's file. */
  removeEdge(nodeId: NodeId): void {
    this.#peers.delete(nodeId);
    this.#privateKeys.delete(nodeId);
    this.superNode.removePeer(nodeId);
  }

  /** Starts the super node again: all that it has left are its file and keys. */
  restartSuper(): void {
    this.superNode.stop();
    this.superNode = this.#createSuper(this.superNode.privateKeys);
  }

  /** Sets how long datagrams from one node to another are on the Internet, ms; the super is node 255. */
  setTransit(from: NodeId, to: NodeId, transitMs: number, kind?: number): void {
    this.#transitMs.set(`${from}>${to}${kind === undefined ? "" : `:${kind}`}`, transitMs);
  }

  /** The same in both directions. */
  setTransits(a: NodeId, b: NodeId, transitMs: number): void {
    this.setTransit(a, b, transitMs);
    this.setTransit(b, a, transitMs);
  }

  /** One-way latency of a direct link, ms. */
  latencyMs(from: NodeId, to: NodeId, kind: number = PathKind.UDP4): number {
    const transitMs = this.#transitMs.get(`${from}>${to}:${kind}`) ?? this.#transitMs.get(`${from}>${to}`);
    return (transitMs ?? TRANSIT_MS) + 2 * ACCESS_MS;
  }

  /** Cuts a link in both directions. */
  cut(a: NodeId, b: NodeId): void {
    const before = this.network.firewall;
    this.network.firewall = (datagram) => {
      const ends = [nodeAt(datagram.from.ip), nodeAt(datagram.to.ip)];
      return ends.includes(a) && ends.includes(b) ? true : before(datagram);
    };
  }

  /** Runs until a condition holds, looking every {@linkcode LOOK_MS}; tells whether it came to hold in time. */
  runUntilHolds(condition: () => boolean, limitMs: number): boolean {
    const endMs = this.nowMs + limitMs;
    while (!condition()) {
      if (this.nowMs >= endMs) return false;
      this.network.runUntil(Math.min(endMs, this.nowMs + LOOK_MS));
    }
    return true;
  }

  /** Runs until every edge has a session with every other; fails if that takes longer than allowed. */
  connect(limitMs: number): void {
    const isHeld = this.runUntilHolds(() => this.isConnected(), limitMs);
    assert.ok(isHeld, `not connected: ${this.#missing().join(", ")}`);
  }

  /** The same for all but some pairs. */
  connectBut(pairs: readonly (readonly [NodeId, NodeId])[], limitMs: number): void {
    const expected = pairs.flatMap(([a, b]) => [`${a} with ${b}`, `${b} with ${a}`]);
    const isHeld = this.runUntilHolds(() => this.#missing().every((pair) => expected.includes(pair)), limitMs);
    assert.ok(isHeld, `not connected: ${this.#missing().join(", ")}`);
  }

  isConnected(): boolean {
    return this.#missing().length === 0;
  }

  /** Runs until all routes are the best, up to a tolerance; fails if that takes longer than allowed. */
  settle(limitMs: number, toleranceMs = SIM_TOLERANCE_MS): void {
    const isHeld = this.runUntilHolds(() => this.detours(toleranceMs).length === 0, limitMs);
    assert.ok(isHeld, `routes: ${this.detours(toleranceMs).join("; ")}`);
  }

  /** Pairs whose route leads nowhere, or is worse than the best by more than the tolerance, ms. */
  detours(toleranceMs = SIM_TOLERANCE_MS): string[] {
    const best = this.#bestCosts();
    const found: string[] = [];
    for (const source of this.edges.keys()) {
      for (const target of this.edges.keys()) {
        if (source === target) continue;
        const way = this.wayTo(source, target);
        const cost = way === undefined ? Infinity : this.#costOf(way);
        const least = best.get(`${source}>${target}`) ?? Infinity;
        if (cost > least + toleranceMs) found.push(`${source} to ${target}: ${way} costs ${cost}, best ${least}`);
      }
    }
    return found;
  }

  /** Nodes on the way by the routes that are in force at each; `undefined` if it leads nowhere. */
  wayTo(source: NodeId, target: NodeId): NodeId[] | undefined {
    const way = [source];
    for (let at = source; at !== target;) {
      const next = this.edges.get(at)?.nextHopTo(target);
      if (next === undefined || way.includes(next)) return undefined;
      way.push(next);
      at = next;
    }
    return way;
  }

  /** What a node adds to the cost of links that end at it, ms. */
  #additionalCostMs(nodeId: NodeId): number {
    const configuredMs = this.#peers.get(nodeId)?.additionalCostMs ?? -1;
    return configuredMs >= 0 ? configuredMs : this.#options.edge?.(nodeId).parameters?.additionalCostMs ?? 0;
  }

  #costOf(way: readonly NodeId[]): number {
    return way.slice(1).reduce(
      (sum, to, index) => sum + this.latencyMs(way[index], to) + this.#additionalCostMs(to),
      0,
    );
  }

  #bestCosts(): Map<string, number> {
    const ids = [...this.edges.keys()];
    const costs = new Map<string, number>();
    const costOf = (a: NodeId, b: NodeId) => costs.get(`${a}>${b}`) ?? Infinity;
    for (const a of ids) {
      for (const b of ids) if (a !== b && this.edge(a).hasSession(b)) costs.set(`${a}>${b}`, this.#costOf([a, b]));
    }
    for (const through of ids) {
      for (const a of ids) {
        for (const b of ids) {
          const cost = costOf(a, through) + costOf(through, b);
          if (a !== b && cost < costOf(a, b)) costs.set(`${a}>${b}`, cost);
        }
      }
    }
    return costs;
  }

  #missing(): string[] {
    const found: string[] = [];
    for (const [nodeId, edge] of this.edges) {
      for (const peer of this.edges.keys()) {
        if (peer !== nodeId && !edge.hasSession(peer)) found.push(`${nodeId} with ${peer}`);
      }
    }
    return found;
  }

  #enter(nodeId: NodeId): SimSuperPeer {
    const privateKey = randomKey(this.network.random);
    this.#privateKeys.set(nodeId, privateKey);
    const peer: SimSuperPeer = {
      nodeId,
      name: `edge ${nodeId}`,
      publicKey: fastPrimitives.x25519PublicKey(privateKey),
      presharedKey: this.#options.edge?.(nodeId).presharedKey,
      additionalCostMs: this.#options.edge?.(nodeId).additionalCostMs ?? -1,
      skipsLocalAddresses: false,
      externalIp: undefined,
    };
    this.#peers.set(nodeId, peer);
    return peer;
  }

  #createSuper(privateKeys: readonly Uint8Array[] | undefined): SimSuper {
    const { isDual, link, edgeCount: _, edge: _edge, ...options } = this.#options;
    const addresses = [{ ip: `20.0.${SUPER}.1`, port: PORT }];
    if (isDual) addresses.push({ ip: `2a00::${SUPER.toString(16)}`, port: PORT });
    return new SimSuper(this.network, {
      primitives: fastPrimitives,
      ...options,
      link: { latencyMs: ACCESS_MS, ...link },
      addresses,
      privateKeys,
      peers: [...this.#peers.values()],
    });
  }

  #transitOf(datagram: SimDatagram): number {
    const { from, to } = datagram;
    const kind = pathKindOf(transportOfDatagram(datagram), endpointOf(to)[0]);
    return this.latencyMs(nodeAt(from.ip), nodeAt(to.ip), kind) - 2 * ACCESS_MS;
  }
}

/** Period of looking at the whole network, ms. */
const LOOK_MS = 50;
/** Routes may be so much worse than the best, ms: smaller changes aren't followed. */
const SIM_TOLERANCE_MS = 12;

/** The node whose public address it is. */
function nodeAt(ip: string): NodeId {
  return ip.includes(":") ? parseInt(ip.slice(ip.lastIndexOf(":") + 1), 16) : Number(ip.split(".")[2]);
}

/** Sends texts between all pairs of edges, each numbered, and tells which never arrived. */
export class Traffic {
  readonly #world: SuperWorld;
  readonly #sent: { readonly text: string; readonly from: NodeId; readonly to: NodeId; readonly atMs: number }[] = [];
  #isOver = false;

  /** @param intervalMs Time between two texts of one pair. */
  constructor(world: SuperWorld, intervalMs: number) {
    this.#world = world;
    const tick = () => {
      if (this.#isOver) return;
      this.#round();
      world.network.at(world.nowMs + intervalMs, tick);
    };
    tick();
  }

  /** Sends no more. */
  end(): void {
    this.#isOver = true;
  }

  get sentCount(): number {
    return this.#sent.length;
  }

  /** What was sent in a time and hasn't arrived. */
  lost(sinceMs = 0, untilMs = Infinity): string[] {
    const received = new Map<NodeId, Set<string>>();
    for (const [nodeId, { node }] of this.#world.edges) received.set(nodeId, new Set(node.received));
    return this.#sent
      .filter(({ atMs, to, text }) => atMs >= sinceMs && atMs <= untilMs && received.get(to)?.has(text) === false)
      .map(({ text }) => text);
  }

  #round(): void {
    const { edges, nowMs } = this.#world;
    for (const [from, edge] of edges) {
      for (const to of edges.keys()) {
        if (from === to) continue;
        const text = `${from} to ${to} at ${nowMs}`;
        this.#sent.push({ text, from, to, atMs: nowMs });
        edge.node.sendTo(to, text);
      }
    }
  }
}

/** How often sessions between edges were made that were none before: renewed ones don't count. */
export function sessionsMade({ events, device }: SimNode): number {
  return events.filter((event) =>
    event.kind === "session established" && !event.renewed && device.nodeOf(event.peerRow) !== 65533
  ).length;
}
