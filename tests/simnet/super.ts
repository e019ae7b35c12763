/**
 * A super node in the simulated network: everything that decides is the real thing, registry and routes included; documents
 * go through sessions, or over an HTTP of which only delay and loss are simulated.
 *
 * @module
 */

import { PathKind, Transport, transportOf } from "../../src/base/path_kind.ts";
import { type NodeId, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { WIRE_VERSION } from "../../src/base/version.ts";
import type { GraphConfig } from "../../src/config/graph_config.ts";
import type { DocumentPayload, SourceAnswer } from "../../src/control/document_source.ts";
import { DocumentKind, DocumentStatus } from "../../src/control/documents.ts";
import { decodePeerReport, encodePeerReport } from "../../src/control/message_codec.ts";
import type { PathControl } from "../../src/control/path_control.ts";
import { derivePairSecret } from "../../src/super/pair_keys.ts";
import { type NodeConfig, Registry, type SuperParameters } from "../../src/super/registry.ts";
import { RouteComputer } from "../../src/super/route_computer.ts";
import { DirectEngine, type RouteEngine } from "../../src/super/route_engine.ts";
import { type ControlledIdentity, SuperControl } from "../../src/super/super_control.ts";
import { PathCapability } from "../../src/wire/path_message.ts";
import { endpointOf, type SimAddress, type SimNetwork } from "./network.ts";
import { randomKey, SimNode, type SimNodeOptions } from "./node.ts";

/** Short periods, so that a test sees many of them. */
export const SIM_PARAMETERS: SuperParameters = {
  pingIntervalMs: 5_000,
  reportIntervalMs: 20_000,
  peerAliveTimeoutMs: 30_000,
  dampingFilterRadius: 0,
  rePushIntervalMs: 30_000,
};

/** Follows each change of more than 5 ms. */
export const SIM_GRAPH: GraphConfig = {
  isStatic: false,
  manualLatencyMs: new Map(),
  jitterToleranceMs: 5,
  jitterToleranceMultiplier: 1,
  timeoutCheckIntervalMs: 1_000,
  recalculateCoolDownMs: 1_000,
};

/** An edge as the super's file has it. */
export interface SimSuperPeer extends NodeConfig {
  readonly presharedKey: Uint8Array | undefined;
}

/** How a super node is made. */
export interface SimSuperOptions extends Pick<SimNodeOptions, "link" | "clockSkewMs" | "primitives" | "roundMs"> {
  /** An identity for each: one of IPv4, one of IPv6, or both. */
  readonly addresses: readonly SimAddress[];
  /** One for each address; drawn if they aren't given. A restart is a new super node with the same. */
  readonly privateKeys?: readonly Uint8Array[];
  readonly peers: readonly SimSuperPeer[];
  readonly parameters?: Partial<SuperParameters>;
  readonly graph?: Partial<GraphConfig>;
  readonly usesPairKeys?: boolean;
  readonly peerCapacity?: number;
  /** Like a reference node it knows neither paths nor documents through sessions: those go over HTTP. */
  readonly isReference?: boolean;
  readonly hasFakeTcp?: boolean;
  readonly engine?: RouteEngine;
}

/** Where an edge finds an identity. */
export interface SimSuperAddress {
  readonly publicKey: Uint8Array;
  readonly address: SimAddress;
}

/** What a reference node has in the place of paths. */
const NO_PATHS = { addPeer() {}, removePeer() {}, fakeTcpPortOf: () => 0 } as unknown as PathControl;

/** A super node. */
export class SimSuper {
  /** One for each identity. */
  readonly nodes: readonly SimNode[];
  readonly registry: Registry;
  readonly routes: RouteComputer;
  readonly control: SuperControl;
  /** Next-hop tables that were published, as text; empty where one was withdrawn. */
  readonly tables: string[] = [];
  readonly #network: SimNetwork;
  #isStopped = false;

  constructor(network: SimNetwork, options: SimSuperOptions) {
    const { peers, parameters, graph, usesPairKeys = false, engine = new DirectEngine() } = options;
    this.#network = network;
    const privateKeys = options.privateKeys ?? options.addresses.map(() => randomKey(network.random));
    this.nodes = options.addresses.map((address, index) => this.#createNode(address, privateKeys[index], options));
    const { logger: log } = this.nodes[0];
    this.registry = new Registry({
      parameters: { ...SIM_PARAMETERS, ...parameters },
      nodes: peers,
      usesPairKeys,
      pairSecret: derivePairSecret(privateKeys),
      wireVersion: WIRE_VERSION,
      startedMs: network.nowMs,
      random: network.random,
      log,
    });
    this.routes = new RouteComputer({
      settings: { ...SIM_GRAPH, ...graph },
      engine,
      onNextHops: (document) => {
        this.tables.push(new TextDecoder().decode(document?.plain));
        this.registry.setNextHops(document);
      },
      log,
    });
    const identities = this.nodes.map((node) => identityOf(node));
    this.control = new SuperControl({
      identities,
      registry: this.registry,
      routes: this.routes,
      random: network.random,
      log,
    });
    for (const peer of peers) this.control.addSessions(peer, network.nowMs);
    for (const [index, node] of this.nodes.entries()) node.setControl(this.control.controlOf(identities[index]));
  }

  #createNode(address: SimAddress, privateKey: Uint8Array, options: SimSuperOptions): SimNode {
    const { isReference = false, hasFakeTcp = false, link, clockSkewMs, primitives, roundMs, peerCapacity } = options;
    const family = endpointOf(address)[0];
    const order = Object.values(PathKind).filter((kind) =>
      (family === 4) === (kind === PathKind.UDP4 || kind === PathKind.FAKETCP4) &&
      (hasFakeTcp || transportOf(kind) === Transport.UDP)
    );
    return new SimNode(this.#network, SUPER_NODE_ID, {
      address,
      privateKey,
      link,
      clockSkewMs,
      primitives,
      roundMs,
      peerCapacity,
      paths: isReference ? undefined : { fakeTcp: hasFakeTcp, order, capabilities: PathCapability.DOCUMENTS },
    });
  }

  /** Where edges find it. */
  get addresses(): SimSuperAddress[] {
    return this.nodes.map(({ device, attachment }) => ({ publicKey: device.publicKey, address: attachment.address }));
  }

  get privateKeys(): Uint8Array[] {
    return this.nodes.map(({ privateKey }) => privateKey);
  }

  /** The table that was published last; empty before the first. */
  get table(): string {
    return this.tables.at(-1) ?? "";
  }

  /** Adds an edge, as its administrator does. */
  addPeer(peer: SimSuperPeer): void {
    const refusal = this.control.refusalOf(peer, this.#network.nowMs);
    if (refusal !== undefined) throw new RangeError(`Cannot add edge ${peer.nodeId}: ${refusal}`);
    this.registry.addNode(peer);
    this.control.addSessions(peer, this.#network.nowMs);
    this.control.ring();
  }

  /** Removes an edge, as its administrator does. */
  removePeer(nodeId: NodeId): void {
    this.registry.removeNode(nodeId);
    this.control.dismiss(nodeId, this.#network.nowMs);
  }

  /** Stops it for good: a restart is another super node with the same keys and addresses. */
  stop(): void {
    this.#isStopped = true;
    for (const node of this.nodes) node.stop();
  }

  /** Answers a request that came over HTTP, in the order of checks of `http-api.md` §4; `undefined` if it doesn't run. */
  answer(request: SimHttpRequest): SourceAnswer | undefined {
    if (this.#isStopped) return undefined;
    const { kind, nodeId, publicKey, payload } = request;
    if ("report" in payload) return answerWith(this.#takeReport(request, payload));
    const { status, document } = this.registry.document(kind, nodeId, publicKey, payload.stateToken);
    return { status, body: document?.plain ?? NOTHING };
  }

  #takeReport(request: SimHttpRequest, { report, count }: Extract<DocumentPayload, { report: unknown }>): number {
    const { nodeId, publicKey, tokenKey } = request;
    const { registry, control } = this;
    const gate = registry.reportGate(nodeId, publicKey);
    if (gate === undefined) return DocumentStatus.NOT_FOUND;
    if (gate.tokenKey?.toHex() !== tokenKey.toHex() || count < gate.expectedCount) return DocumentStatus.BAD_REQUEST;
    const { nowMs } = this.#network;
    if (!registry.allowsReport(nodeId, nowMs)) return DocumentStatus.TOO_MANY;
    const decoded = decodePeerReport(encodePeerReport(report));
    if (typeof decoded === "number" || !registry.acceptReport(nodeId, count)) return DocumentStatus.BAD_REQUEST;
    control.takeReport(nodeId, decoded, nowMs, this.nodes[0].wallMs());
    return DocumentStatus.OK;
  }
}

/** What an edge asks over HTTP. */
export interface SimHttpRequest {
  /** One of `DocumentKind`. */
  readonly kind: (typeof DocumentKind)[keyof typeof DocumentKind] | number;
  readonly nodeId: NodeId;
  /** In base64. */
  readonly publicKey: string;
  /** With which it signs reports. */
  readonly tokenKey: Uint8Array;
  readonly payload: DocumentPayload;
}

const NOTHING = new Uint8Array(0);

function answerWith(status: number): SourceAnswer {
  return { status, body: NOTHING };
}

function identityOf(node: SimNode): ControlledIdentity {
  const { device, paths = NO_PATHS, attachment } = node;
  return { family: endpointOf(attachment.address)[0] === 4 ? 4 : 6, device, paths, ring: () => node.ring() };
}
