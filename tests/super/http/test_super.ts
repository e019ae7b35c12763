/**
 * A super node as far as HTTP is concerned: a real registry and administration over a file in memory, and a clock that stands
 * where a test puts it.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { gzipSync } from "node:zlib";
import { SystemError } from "../../../src/base/errors.ts";
import type { NodeId } from "../../../src/base/node_id.ts";
import { seededRandom } from "../../../src/base/random.ts";
import type { NextHopTableConfig } from "../../../src/config/graph_config.ts";
import { formatKey } from "../../../src/config/key_text.ts";
import { encodePeerReport } from "../../../src/control/message_codec.ts";
import type { PeerReport, Register } from "../../../src/control/messages.ts";
import { Administration } from "../../../src/super/administration.ts";
import { endpointsOf } from "../../../src/super/http/server.ts";
import type { RequestHandler } from "../../../src/super/http/router.ts";
import type { SuperApi } from "../../../src/super/http/super_api.ts";
import { noblePrimitives } from "../../../src/noise/primitives.ts";
import { Registry } from "../../../src/super/registry.ts";
import type { RouteState } from "../../../src/super/route_calculator.ts";
import { RecordingLog } from "../../node/recording_log.ts";

/** Path in front of all others. */
export const PREFIX = "/eg_net/eg_api";
/** A password for each call. */
export const PASSWORDS = {
  showState: "state-password",
  addPeer: "add-password",
  delPeer: "del-password",
  updatePeer: "peer-password",
  updateSuper: "super-password",
};
/** The key with which node 1 signs its reports, 32 octets. */
export const TOKEN_KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
/** An address of documentation. */
export const CLIENT = "198.51.100.1";

const PARAMETERS = {
  pingIntervalMs: 15_000,
  reportIntervalMs: 50_000,
  peerAliveTimeoutMs: 70_000,
  dampingFilterRadius: 4,
  rePushIntervalMs: 30_000,
};

/** Nodes 1 and 2 are neighbours. */
const DIRECT: NextHopTableConfig = { 1: { 2: 2 }, 2: { 1: 1 } };

/** The private key of a node; that of node 5 is 32 times 5. */
export function privateKeyOf(nodeId: NodeId): Uint8Array {
  return new Uint8Array(32).fill(nodeId);
}

/** The public key of a node in base64. */
export function publicKeyOf(nodeId: NodeId): string {
  return formatKey(noblePrimitives.x25519PublicKey(privateKeyOf(nodeId)));
}

function nodeConfig(nodeId: NodeId) {
  return {
    nodeId,
    name: `Node_${nodeId}`,
    publicKey: Uint8Array.fromBase64(publicKeyOf(nodeId)),
    additionalCostMs: 10,
    skipsLocalAddresses: false,
    externalIp: undefined,
  };
}

/** A super node with nodes 1 and 2, unless a test names others, of which node 1 has registered. */
export class TestSuper {
  readonly log = new RecordingLog();
  readonly registry: Registry;
  readonly administration: Administration;
  readonly api: SuperApi;
  /** Answers at the one address for everything. */
  readonly handler: RequestHandler;
  /** Reports that were taken in. */
  readonly reports: { nodeId: NodeId; report: PeerReport }[] = [];
  /** What was done to the file and the network, in order. */
  readonly deeds: string[] = [];
  /** The tables; replaced by tests. */
  routeState: () => Promise<RouteState> = () => Promise.resolve(EMPTY_ROUTES);
  /** Whether the file can't be written. */
  isReadOnly = false;
  /** Why sessions can't be made. */
  refusal: string | undefined;
  nowMs = 1_000_000;
  wallMs = Date.UTC(2026, 10, 22, 12, 24, 48, 830);

  constructor({ isStatic = false, usesPairKeys = false, nodeIds = [1, 2], table = DIRECT } = {}) {
    this.registry = new Registry({
      parameters: PARAMETERS,
      nodes: nodeIds.map((nodeId) => nodeConfig(nodeId)),
      usesPairKeys,
      pairSecret: new Uint8Array(32),
      wireVersion: "v0.3.5",
      startedMs: this.nowMs,
      random: seededRandom(1),
      log: this.log,
    });
    this.administration = new Administration({
      registry: this.registry,
      openFile: () => this.#openFile(),
      nextHopTable: isStatic ? table : undefined,
      renderEdgeConfig: (peer) => `NodeID: ${peer.nodeId}\n`,
      hooks: {
        refusalOf: () => this.refusal,
        addSessions: (peer) => void this.deeds.push(`sessions for ${peer.nodeId}`),
        dismiss: (nodeId) => void this.deeds.push(`dismiss ${nodeId}`),
        setNextHopTable: (table) => void this.deeds.push(`table ${JSON.stringify(table)}`),
        setPeerAliveTimeout: (timeoutMs) => void this.deeds.push(`alive for ${timeoutMs}`),
        ring: () => void this.deeds.push("ring"),
      },
      primitives: noblePrimitives,
      log: this.log,
    });
    this.api = {
      registry: this.registry,
      administration: this.administration,
      passwords: PASSWORDS,
      nowMs: () => this.nowMs,
      wallMs: () => this.wallMs,
      takeReport: (nodeId, report) => {
        this.reports.push({ nodeId, report });
        this.registry.noteReport(nodeId, report, this.nowMs, this.wallMs);
      },
      routeState: () => this.routeState(),
    };
    const address = { host: "127.0.0.1", port: 3456 };
    this.handler =
      endpointsOf({ edgeApi: address, manageApi: address, tls: undefined, apiPrefix: PREFIX }, this.api)[0].handler;
    this.register();
    this.registry.handleTimeout(this.nowMs);
    this.log.take();
  }

  /** Lets node 1 register with {@linkcode TOKEN_KEY}. */
  register(change: Partial<Register> = {}): void {
    const register = {
      nodeId: 1,
      version: "v0.3.5",
      peersHash: "",
      nextHopHash: "",
      parametersHash: "",
      tokenKey: TOKEN_KEY,
      reportCount: 0,
      ...change,
    };
    this.registry.handleRegister(register.nodeId, register, this.nowMs, this.wallMs);
  }

  /** Asks for a path behind the prefix, as a client would. */
  ask(path: string, init: RequestInit & { from?: string } = {}): Promise<Response> {
    const { from = CLIENT, ...rest } = init;
    return this.handler(new Request("http://super.invalid/", rest), { remoteAddress: from, target: PREFIX + path });
  }

  /** Everything that a request can change, as text: two of them are equal if nothing was changed. */
  snapshot(): string {
    const nodes = Array.from(this.registry.nodes(), (node) => [
      node.nodeId,
      node.name,
      node.publicKeyText,
      node.additionalCostMs,
      node.skipsLocalAddresses,
      node.lastSeenMs,
      this.registry.reportGate(node.nodeId, node.publicKeyText)?.expectedCount,
    ]);
    return JSON.stringify([nodes, this.registry.parameters, this.reports.length, this.deeds]);
  }

  #openFile() {
    const edits: string[] = [];
    return {
      addPeer(peer: { nodeId: NodeId }, table?: NextHopTableConfig) {
        edits.push(`add ${peer.nodeId}${table === undefined ? "" : ` ${JSON.stringify(table)}`}`);
      },
      removePeer: (nodeId: NodeId) => void edits.push(`remove ${nodeId}`),
      updatePeer: (nodeId: NodeId, change: object) => void edits.push(`change ${nodeId} ${JSON.stringify(change)}`),
      updateParameters: (change: object) => void edits.push(`change ${JSON.stringify(change)}`),
      save: () => {
        if (this.isReadOnly) throw new SystemError("write", "/etc/super.yaml", 30, "EROFS", "");
        this.deeds.push(...edits.map((edit) => `saved: ${edit}`));
      },
    };
  }
}

const EMPTY_TABLE = new TextEncoder().encode("{}");
const EMPTY_ROUTES: RouteState = {
  edges: EMPTY_TABLE,
  usedEdges: EMPTY_TABLE,
  nextHops: EMPTY_TABLE,
  costs: undefined,
  latencies: undefined,
};

/** The report of `http-api.md` §5. */
export const REPORT: PeerReport = {
  pongs: [{ requestId: 0, source: 2, destination: 1, latencyS: 0.0125, timeToLiveS: 53.5, additionalCostMs: 0 }],
  localV4: new Map([["192.0.2.10:3001", 100]]),
  localV6: new Map(),
};

/** The body of a report. */
export function reportBody(report: PeerReport = REPORT): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(encodePeerReport(report)));
}

/** Signs claims as a JSON Web Token. */
export function signToken(claims: object, key = TOKEN_KEY, header: object = { alg: "HS256", typ: "JWT" }): string {
  const [first, second] = [header, claims].map((part) => base64Url(new TextEncoder().encode(JSON.stringify(part))));
  const signature = createHmac("sha256", key).update(`${first}.${second}`).digest();
  return `${first}.${second}.${base64Url(signature)}`;
}

/** Encodes octets as tokens have them. */
export function base64Url(octets: Uint8Array): string {
  return octets.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The target of a report of node 1. */
export function reportTarget(token: string, nodeId: NodeId | string = 1, publicKey = publicKeyOf(1)): string {
  const query = new URLSearchParams({ JWTSig: token, NodeID: String(nodeId), PubKey: publicKey });
  return `/edge/post/nodeinfo?${query}`;
}
