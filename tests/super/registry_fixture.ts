/**
 * A registry for tests, and what is fed to it.
 *
 * @module
 */

import type { Logger } from "../../src/base/log.ts";
import type { NodeId } from "../../src/base/node_id.ts";
import { seededRandom } from "../../src/base/random.ts";
import { formatKey } from "../../src/config/key_text.ts";
import type { DocumentAnswer } from "../../src/control/documents.ts";
import type { PeerReport, Register } from "../../src/control/messages.ts";
import {
  type NodeAddresses,
  type NodeConfig,
  type Push,
  Registry,
  type RegistryOptions,
  type SuperParameters,
} from "../../src/super/registry.ts";

/** As `http-api.md` §4.2 shows them. */
export const PARAMETERS: SuperParameters = {
  pingIntervalMs: 15_000,
  reportIntervalMs: 50_000,
  peerAliveTimeoutMs: 70_000,
  dampingFilterRadius: 4,
  rePushIntervalMs: 30_000,
};

export const WIRE_VERSION = "v0.3.5-deno";

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A public key that no other node has. */
export function publicKeyOf(nodeId: NodeId): Uint8Array {
  const key = new Uint8Array(32).fill(7);
  new DataView(key.buffer).setUint16(0, nodeId);
  return key;
}

/** The same as requests have it. */
export function keyTextOf(nodeId: NodeId): string {
  return formatKey(publicKeyOf(nodeId));
}

export function nodeConfig(nodeId: NodeId, change: Partial<NodeConfig> = {}): NodeConfig {
  return {
    nodeId,
    name: `node ${nodeId}`,
    publicKey: publicKeyOf(nodeId),
    additionalCostMs: 10,
    skipsLocalAddresses: false,
    externalIp: undefined,
    ...change,
  };
}

/** Makes a registry of some nodes, started at 0. */
export function makeRegistry(nodes: readonly NodeConfig[], change: Partial<RegistryOptions> = {}): Registry {
  return new Registry({
    parameters: PARAMETERS,
    nodes,
    usesPairKeys: false,
    pairSecret: new Uint8Array(32).fill(1),
    wireVersion: WIRE_VERSION,
    startedMs: 0,
    random: seededRandom(1),
    log: SILENT,
    ...change,
  });
}

/** A registration of an edge that has nothing yet. */
export function registerOf(nodeId: NodeId, change: Partial<Register> = {}): Register {
  return {
    nodeId,
    version: "v0.3.5-f5",
    peersHash: "",
    nextHopHash: "",
    parametersHash: "",
    tokenKey: new Uint8Array(32).fill(nodeId),
    reportCount: 0,
    ...change,
  };
}

export function reportOf(localV4: Record<string, number> = {}, localV6: Record<string, number> = {}): PeerReport {
  return { pongs: [], localV4: new Map(Object.entries(localV4)), localV6: new Map(Object.entries(localV6)) };
}

/** A node that is seen at these addresses. */
export function seenAt(change: Partial<NodeAddresses>): NodeAddresses {
  return { udp4: undefined, udp6: undefined, fakeTcp4: undefined, fakeTcp6: undefined, fakeTcpPort: 0, ...change };
}

/** Does what is due at a time, and takes all messages out. */
export function pushesAt(registry: Registry, nowMs: number): Push[] {
  registry.handleTimeout(nowMs);
  const pushes: Push[] = [];
  for (let push = registry.pollPush(); push !== undefined; push = registry.pollPush()) pushes.push(push);
  return pushes;
}

/** The document of an answer as text. */
export function textOf(answer: DocumentAnswer): string {
  return new TextDecoder().decode(answer.document?.plain);
}
