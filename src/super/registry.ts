/**
 * What a super node knows of its edges: who they are, where, whether alive, and which documents they have.
 *
 * Like all of the control plane it does no I/O, reads no clock and starts no timer. What comes in costs the same whatever the
 * number of edges: a registration, a report or a new address changes the record of one edge, and the list of peers only if
 * what others see of that edge is different. What concerns all edges (a new token, the search for those that fell silent)
 * is done in `handleTimeout`, at a bounded rate. Documents are made when somebody asks for them.
 *
 * | file | part |
 * | --- | --- |
 * | `peer_list.ts`, `peer_document.ts`, `local_addresses.ts` | the list of peers, and when its token changes |
 * | `pair_keys.ts` | preshared keys of pairs of edges |
 * | `parameters_document.ts` | what one edge is told to do |
 * | `push.ts` | who is told of a new token, and when |
 * | `registered_node.ts`, `registration.ts` | the record of one edge, and how a registration gets into it |
 * | `state_token.ts` | tokens |
 *
 * Source: `behaviour.md` §3; `http-api.md` §3, §4.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import { formatNodeId, isOrdinaryNodeId, type NodeId } from "../base/node_id.ts";
import type { RandomSource } from "../base/random.ts";
import { type Document, type DocumentAnswer, DocumentKind, DocumentStatus } from "../control/documents.ts";
import type { PeerReport, Register, ServerUpdate } from "../control/messages.ts";
import { readLocalAddresses } from "./local_addresses.ts";
import { PairKeys } from "./pair_keys.ts";
import { parametersDocument } from "./parameters_document.ts";
import type { NodeAddresses } from "./peer_document.ts";
import { PeerList } from "./peer_list.ts";
import { isStatefulKind, type Push, PushPlan, type StatefulKind } from "./push.ts";
import {
  makeNodeRecord,
  type NodeChange,
  type NodeConfig,
  type NodeRecord,
  type RegisteredNode,
} from "./registered_node.ts";
import { refusalOf, takeRegistration } from "./registration.ts";
import { isSameState, NO_STATE, StateTokens } from "./state_token.ts";

export type { NodeAddresses } from "./peer_document.ts";
export type { Push } from "./push.ts";
export type { NodeChange, NodeConfig, RegisteredNode } from "./registered_node.ts";

/**
 * For how long after the start routes may wait for edges, which find out meanwhile that we are back: so many ping intervals, and
 * what the sessions take. An edge that has sent to us and heard nothing begins a handshake after 15 s, and repeats it every 5 s.
 */
const ROUTE_INPUT_PINGS = 3;
const ROUTE_INPUT_SESSIONS_MS = 30_000;

/** Least time between two lines about refused registrations of one edge, ms. */
const REFUSAL_LOG_INTERVAL_MS = 60_000;

const BAD_REQUEST: DocumentAnswer = { status: DocumentStatus.BAD_REQUEST, document: undefined };
const NOT_FOUND: DocumentAnswer = { status: DocumentStatus.NOT_FOUND, document: undefined };

/** What edges are told, and what rules their registry. */
export interface SuperParameters {
  readonly pingIntervalMs: number;
  /** 0: reports only when parameters change. */
  readonly reportIntervalMs: number;
  /** Silence after which a node counts as dead, for edges and for us. */
  readonly peerAliveTimeoutMs: number;
  /** Measurements to either side of the median; 0: no filter. */
  readonly dampingFilterRadius: number;
  /** Period of telling edges of the next-hop table, whether they have it or not. */
  readonly rePushIntervalMs: number;
}

/** What a registry is made with. */
export interface RegistryOptions {
  readonly parameters: SuperParameters;
  readonly nodes: readonly NodeConfig[];
  /** Whether each pair of edges gets a preshared key of its own. */
  readonly usesPairKeys: boolean;
  /** What those keys are derived from, 32 octets; see `derivePairSecret`. */
  readonly pairSecret: Uint8Array;
  /** Version of which the part before the first `-` has to be every edge's. */
  readonly wireVersion: string;
  readonly startedMs: number;
  readonly random: RandomSource;
  readonly log: Logger;
}

/** What has to be known to check a report that came over HTTP. */
export interface ReportGate {
  /** Key of the report's signature, 32 octets; `undefined` before the first registration since our start: refuse. */
  readonly tokenKey: Uint8Array | undefined;
  /** Least number that the report may bear. */
  readonly expectedCount: number;
}

/** Knows the edges. */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #tokens: StateTokens;
  readonly #pairKeys: PairKeys | undefined;
  readonly #nodes = new Map<NodeId, NodeRecord>();
  readonly #peers: PeerList;
  readonly #pushes: PushPlan<NodeRecord>;
  /** Edges that haven't reported yet in this life of ours, since there is one that forwards by a table of an earlier life. */
  readonly #routeInputAwaited = new Set<NodeId>();
  #isSuccessor = false;
  #parameters: SuperParameters;
  #nextHops: Document | undefined;
  #nextHopsToken = NO_STATE;
  /** No living node falls silent before that. */
  #expiryDueMs = Infinity;
  /** The last time that it was given. */
  #nowMs: number;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#nowMs = options.startedMs;
    this.#parameters = options.parameters;
    this.#tokens = new StateTokens(options.random);
    this.#pairKeys = options.usesPairKeys ? new PairKeys(options.pairSecret) : undefined;
    this.#peers = new PeerList(this.#tokens, this.#pairKeys);
    this.#pushes = new PushPlan({
      edges: this.#nodes,
      tokenOf: (node, kind) => this.#tokenOf(node, kind),
      rePushIntervalMs: () => this.#parameters.rePushIntervalMs,
      startedMs: options.startedMs,
    });
    for (const node of options.nodes) this.#peers.enter(this.#enter(node));
  }

  /** What edges are told at present. */
  get parameters(): SuperParameters {
    return this.#parameters;
  }

  /** Returns an edge, or `undefined`. */
  node(nodeId: NodeId): RegisteredNode | undefined {
    return this.#nodes.get(nodeId);
  }

  /** Returns all edges, in the order in which they were added. */
  nodes(): Iterable<RegisteredNode> {
    return this.#nodes.values();
  }

  /**
   * Adds an edge.
   *
   * @throws {RangeError} If its NodeId is reserved, or there is a node with it.
   */
  addNode(config: NodeConfig): void {
    this.#peers.update(this.#enter(config));
  }

  /** Forgets an edge. What is still under way from it finds nobody. Returns whether there was one. */
  removeNode(nodeId: NodeId): boolean {
    if (!this.#nodes.delete(nodeId)) return false;
    this.#routeInputAwaited.delete(nodeId);
    this.#pushes.forget(nodeId);
    this.#peers.remove(nodeId);
    this.#pairKeys?.remove(nodeId);
    return true;
  }

  /** Changes an edge. Returns whether there is one. */
  updateNode(nodeId: NodeId, change: NodeChange): boolean {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return false;
    const { additionalCostMs = node.additionalCostMs, skipsLocalAddresses = node.skipsLocalAddresses } = change;
    if (additionalCostMs !== node.additionalCostMs) {
      node.additionalCostMs = additionalCostMs;
      this.#renewParameters(node);
    }
    if (skipsLocalAddresses !== node.skipsLocalAddresses) {
      node.skipsLocalAddresses = skipsLocalAddresses;
      this.#peers.update(node);
      this.#peers.handleAskerChanged();
    }
    return true;
  }

  /** Changes what edges are told; what the change leaves out stays. */
  updateParameters(change: Partial<SuperParameters>): void {
    const old = this.#parameters;
    const {
      pingIntervalMs = old.pingIntervalMs,
      reportIntervalMs = old.reportIntervalMs,
      peerAliveTimeoutMs = old.peerAliveTimeoutMs,
      dampingFilterRadius = old.dampingFilterRadius,
      rePushIntervalMs = old.rePushIntervalMs,
    } = change;
    this.#parameters = { pingIntervalMs, reportIntervalMs, peerAliveTimeoutMs, dampingFilterRadius, rePushIntervalMs };
    for (const node of this.#nodes.values()) this.#renewParameters(node);
    // The limit of silence may be shorter now.
    this.#expiryDueMs = this.#nowMs;
  }

  /**
   * Takes in a registration.
   *
   * @param sessionNodeId Whose session it came through.
   * @param wallMs The same moment by the wall clock, for people.
   * @returns What to answer if the edge is refused, else `undefined`.
   */
  handleRegister(sessionNodeId: NodeId, register: Register, nowMs: number, wallMs: number): ServerUpdate | undefined {
    this.#nowMs = nowMs;
    const node = this.#nodes.get(sessionNodeId);
    if (node === undefined) return undefined;
    const refusal = refusalOf(sessionNodeId, register, this.#options.wireVersion);
    if (refusal !== undefined) {
      this.#logRefusal(node, refusal.params, nowMs);
      return refusal;
    }
    if (node.tokenKey === undefined && register.nextHopHash !== NO_STATE) this.#awaitRouteInput();
    takeRegistration(node, register);
    this.#noteSeen(node, nowMs, wallMs);
    this.#pushes.touch(sessionNodeId);
    return undefined;
  }

  /** Takes in where an edge is seen to be. Costs next to nothing if that is where it was. */
  noteAddresses(nodeId: NodeId, addresses: NodeAddresses, nowMs: number): void {
    this.#nowMs = nowMs;
    const node = this.#nodes.get(nodeId);
    if (node === undefined || isSameAddresses(node.addresses, addresses)) return;
    node.addresses = { ...addresses };
    this.#peers.update(node);
  }

  /**
   * Returns what is needed to check a report that came over HTTP; `undefined`: the node doesn't exist or has another key.
   *
   * @param publicKey As the request has it: base64.
   */
  reportGate(nodeId: NodeId, publicKey: string): ReportGate | undefined {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.publicKeyText !== publicKey) return undefined;
    const { tokenKey, expectedCount } = node;
    return { tokenKey, expectedCount };
  }

  /**
   * Tells whether a node may report again so soon. To be asked once for each report, after its signature was verified, lest
   * others use up what is the node's, and before it is unpacked.
   */
  allowsReport(nodeId: NodeId, nowMs: number): boolean {
    return this.#nodes.get(nodeId)?.reports.take(nowMs) === true;
  }

  /**
   * Accepts the number of a report in which nothing was found wrong, so that it doesn't come again.
   *
   * @returns `false`, and the report is to be refused, if that number or a greater one was accepted meanwhile.
   */
  acceptReport(nodeId: NodeId, count: number): boolean {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || count < node.expectedCount || !Number.isSafeInteger(count + 1)) return false;
    node.expectedCount = count + 1;
    return true;
  }

  /** Takes in what a report says about its sender; the measurements in it are for others. */
  noteReport(nodeId: NodeId, report: PeerReport, nowMs: number, wallMs: number): void {
    this.#nowMs = nowMs;
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    node.localV4 = readLocalAddresses(report.localV4, 4);
    node.localV6 = readLocalAddresses(report.localV6, 6);
    node.hasReported = true;
    this.#routeInputAwaited.delete(nodeId);
    this.#noteSeen(node, nowMs, wallMs);
    this.#peers.update(node);
  }

  /** Tells whether an edge was heard of within the limit of silence. */
  isAlive(nodeId: NodeId, nowMs: number): boolean {
    const node = this.#nodes.get(nodeId);
    return node !== undefined && nowMs < this.#expiryOf(node);
  }

  /**
   * Returns the cost of every link that ends at an edge, ms: what is configured, else what the edge says itself.
   *
   * @param fromMessageMs As the message has it; what makes no sense counts as 0.
   */
  additionalCostOf(nodeId: NodeId, fromMessageMs: number): number {
    const configuredMs = this.#nodes.get(nodeId)?.additionalCostMs ?? -1;
    if (configuredMs >= 0) return configuredMs;
    return Number.isFinite(fromMessageMs) && fromMessageMs > 0 ? fromMessageMs : 0;
  }

  /** Takes in a next-hop table that is different from the last one; `undefined`: nobody is to be told of one until the next. */
  setNextHops(document: Document | undefined): void {
    this.#nextHops = document;
    this.#nextHopsToken = document === undefined ? NO_STATE : this.#tokens.next();
    this.#pushes.touchAll();
  }

  /**
   * Tells whether routes can be computed without doing harm.
   *
   * After a restart of ours edges go on to forward by the table that they have, and come back one after the other. A table made
   * from the first few reports would take routes from them that work; so all edges are waited for, though not for long: some
   * may be away. A network that starts as a whole waits for nobody.
   */
  isRouteInputComplete(nowMs: number): boolean {
    return this.#routeInputAwaited.size === 0 || nowMs >= this.#patienceEndMs();
  }

  /**
   * Hands out a document, and notes that the edge has that state then. Checks are made in the order of `http-api.md` §4.1.
   *
   * @param kind One of `DocumentKind`; what has no state can't be asked for.
   * @param publicKey As the request has it: base64; `undefined` if it came through the node's session.
   * @param stateToken Has to be the current one.
   */
  document(kind: number, nodeId: NodeId, publicKey: string | undefined, stateToken: string): DocumentAnswer {
    if (!isStatefulKind(kind) || !isOrdinaryNodeId(nodeId)) return BAD_REQUEST;
    const node = this.#nodes.get(nodeId);
    if (node === undefined || (publicKey ?? node.publicKeyText) !== node.publicKeyText) return NOT_FOUND;
    if (!isSameState(stateToken, this.#tokenOf(node, kind))) return NOT_FOUND;
    node.states.hold(kind, stateToken);
    return { status: DocumentStatus.OK, document: this.#documentOf(node, kind) };
  }

  /** Does what is due: finds those that fell silent, gives the list of peers a new token, tells edges of tokens. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs >= this.#expiryDueMs) this.#expire(nowMs);
    if (this.#peers.handleTimeout(nowMs)) this.#pushes.touchAll();
    this.#pushes.handleTimeout(nowMs);
  }

  /** Returns when {@linkcode Registry.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    const isWaiting = !this.isRouteInputComplete(this.#nowMs);
    return Math.max(
      this.#nowMs,
      Math.min(
        this.#expiryDueMs,
        isWaiting ? this.#patienceEndMs() : Infinity,
        this.#peers.pollTimeout(),
        this.#pushes.pollTimeout(),
      ),
    );
  }

  /** Returns the next message, to be sent to all sessions with its node; `undefined` if there is none. */
  pollPush(): Push | undefined {
    return this.#pushes.pollPush();
  }

  #tokenOf(node: NodeRecord, kind: StatefulKind): string {
    switch (kind) {
      case DocumentKind.PARAMETERS:
        return node.parametersToken;
      case DocumentKind.PEERS:
        return this.#peers.token;
      case DocumentKind.NEXT_HOPS:
        return this.#nextHopsToken;
    }
  }

  #documentOf(node: NodeRecord, kind: StatefulKind): Document | undefined {
    switch (kind) {
      case DocumentKind.PARAMETERS:
        return parametersDocument({ ...this.#parameters, additionalCostMs: node.additionalCostMs });
      case DocumentKind.PEERS:
        return this.#peers.document(node);
      case DocumentKind.NEXT_HOPS:
        return this.#nextHops;
    }
  }

  #enter(config: NodeConfig): NodeRecord {
    const { nodeId, publicKey } = config;
    if (!isOrdinaryNodeId(nodeId)) throw new RangeError(`Cannot add node ${nodeId}: its id is reserved`);
    if (this.#nodes.has(nodeId)) throw new RangeError(`Cannot add node ${nodeId}: there is one`);
    this.#pairKeys?.add(nodeId, publicKey);
    const node = makeNodeRecord(config, this.#tokens.next());
    this.#nodes.set(nodeId, node);
    return node;
  }

  #awaitRouteInput(): void {
    if (this.#isSuccessor) return;
    this.#isSuccessor = true;
    for (const [nodeId, { hasReported }] of this.#nodes) if (!hasReported) this.#routeInputAwaited.add(nodeId);
  }

  /** Until then routes may wait for edges. */
  #patienceEndMs(): number {
    const patienceMs = ROUTE_INPUT_PINGS * this.#parameters.pingIntervalMs + ROUTE_INPUT_SESSIONS_MS;
    return this.#options.startedMs + patienceMs;
  }

  #renewParameters(node: NodeRecord): void {
    node.parametersToken = this.#tokens.next();
    this.#pushes.touch(node.nodeId);
  }

  #expiryOf(node: NodeRecord): number {
    return node.lastSeenMs + this.#parameters.peerAliveTimeoutMs;
  }

  #noteSeen(node: NodeRecord, nowMs: number, wallMs: number): void {
    node.lastSeenMs = nowMs;
    node.lastSeenWallMs = wallMs;
    this.#expiryDueMs = Math.min(this.#expiryDueMs, this.#expiryOf(node));
    if (!node.isAlive) this.#setAlive(node, true);
  }

  #setAlive(node: NodeRecord, isAlive: boolean): void {
    node.isAlive = isAlive;
    const fields = { peer: formatNodeId(node.nodeId), name: node.name };
    this.#options.log.info(isAlive ? "node is alive" : "node is silent", fields);
    this.#peers.update(node);
    this.#pushes.touch(node.nodeId);
  }

  #logRefusal(node: NodeRecord, cause: string, nowMs: number): void {
    if (nowMs - node.refusalLoggedMs < REFUSAL_LOG_INTERVAL_MS) return;
    node.refusalLoggedMs = nowMs;
    this.#options.log.warn("registration refused", { peer: formatNodeId(node.nodeId), cause });
  }

  #expire(nowMs: number): void {
    this.#expiryDueMs = Infinity;
    for (const node of this.#nodes.values()) {
      if (!node.isAlive) continue;
      if (nowMs < this.#expiryOf(node)) {
        this.#expiryDueMs = Math.min(this.#expiryDueMs, this.#expiryOf(node));
        continue;
      }
      this.#routeInputAwaited.delete(node.nodeId);
      this.#setAlive(node, false);
    }
  }
}

function isSameAddresses(a: NodeAddresses, b: NodeAddresses): boolean {
  return a.udp4 === b.udp4 && a.udp6 === b.udp6 && a.fakeTcp4 === b.fakeTcp4 && a.fakeTcp6 === b.fakeTcp6 &&
    a.fakeTcpPort === b.fakeTcpPort;
}
