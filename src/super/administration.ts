/**
 * Changes of the network by its administrators: edges come, go and change, and so do the parameters that edges are told.
 *
 * Each change is done wholly or not at all. First everything is checked; then the configuration file is saved; only then does
 * the running network change, in steps that can't fail any more. A file that can't be saved leaves everything as it was: a
 * network that differs from its file would be another one after the next start. Source: `http-api.md` §7.2–7.5.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId, isOrdinaryNodeId, type NodeId } from "../base/node_id.ts";
import type { NextHopTableConfig } from "../config/graph_config.ts";
import { formatKey, isZeroKey, parseKey } from "../config/key_text.ts";
import type { SuperPeerConfig } from "../config/super_config.ts";
import type { SuperFile, SuperParameterChange, SuperPeerChange } from "../config/super_file.ts";
import type { Primitives } from "../noise/primitives.ts";
import { ApiError } from "./http/api_error.ts";
import type { Registry, SuperParameters } from "./registry.ts";
import { readStaticTable, routesThrough } from "./static_table.ts";

/** Greatest radius of the damping filter, as in the configuration file. */
export const DAMPING_RADIUS_MAX = 65_535;
/** Greatest additional cost, ms, and longest interval, s, as in the configuration file. */
const QUANTITY_MAX = 1e9;
/** Shortest interval, ms: below it edges would do nothing else. */
const INTERVAL_MIN_MS = 1;
/** Longest name of an edge, in octets: it becomes the `NodeName` of its own file. */
const NAME_LEN_MAX = 32;

/** An edge as an administrator describes it. */
export interface NewPeer {
  /** 0 to 65535. */
  readonly nodeId: number;
  readonly name: string;
  readonly additionalCostMs: number;
  /** Base64, unchecked. */
  readonly publicKey: string;
  /** Base64, unchecked; empty for none. */
  readonly presharedKey: string;
  readonly skipsLocalAddresses: boolean;
  /** JSON, unchecked; asked for in static mode only. */
  readonly nextHopTable: string | undefined;
}

/** The configuration file, opened for one change. Nothing is written before it is saved. */
export type EditableFile = Pick<SuperFile, "addPeer" | "removePeer" | "updatePeer" | "updateParameters" | "save">;

/** What belongs to a change besides the registry. Except for the first they can't fail. */
export interface AdministrationHooks {
  /** Tells why an edge can't have sessions; `undefined` if it can. One that is on its way out is in nobody's way. */
  refusalOf(peer: SuperPeerConfig): string | undefined;
  /** Gives an edge sessions and a place in the routes. */
  addSessions(peer: SuperPeerConfig): void;
  /** Tells an edge to end, and takes its sessions and its place in the routes away. */
  dismiss(nodeId: NodeId): void;
  /** Static mode: replaces the next-hop table. */
  setNextHopTable(table: NextHopTableConfig): void;
  /** Sets how long an edge counts as alive after it fell silent, for its sessions. */
  setPeerAliveTimeout(timeoutMs: number): void;
  /** Something changed that edges are to be told of. */
  ring(): void;
}

/** What an administration is made with. */
export interface AdministrationOptions {
  readonly registry: Registry;
  /**
   * Opens the file as it is now: an administrator may have edited it meanwhile. Throws a {@linkcode SystemError}, as do the
   * functions of what it returns.
   */
  readonly openFile: () => EditableFile;
  /** The next-hop table of static mode; `undefined` in any other. */
  readonly nextHopTable: NextHopTableConfig | undefined;
  /** Makes the text of a file for a new edge. */
  readonly renderEdgeConfig: (peer: SuperPeerConfig) => string;
  readonly hooks: AdministrationHooks;
  readonly primitives: Pick<Primitives, "x25519PublicKey">;
  readonly log: Logger;
}

/** Most routes that one line of the log names. */
const MAX_NAMED_ROUTES = 5;

/** Changes the network. Each function throws an {@linkcode ApiError} if it changes nothing. */
export class Administration {
  readonly #options: AdministrationOptions;
  #nextHopTable: NextHopTableConfig | undefined;

  constructor(options: AdministrationOptions) {
    this.#options = options;
    this.#nextHopTable = options.nextHopTable;
  }

  /**
   * Adds an edge.
   *
   * @returns The text of a configuration file for it.
   * @throws {ApiError} 400 a value is out of range, 409 there is such an edge, 417 it can't be, 500 the file can't be saved.
   */
  addPeer(written: NewPeer): string {
    const { registry, hooks, renderEdgeConfig, log } = this.#options;
    checkCost(written.additionalCostMs);
    checkName(written.name);
    this.#checkIsNew(written);
    const nextHopTable = this.#readTable(written);
    const peer = readPeer(written);
    const refusal = hooks.refusalOf(peer);
    if (refusal !== undefined) throw new ApiError(417, `The node can't be added: ${refusal}`);
    const edgeConfig = renderEdgeConfig(peer);

    this.#save((file) => file.addPeer(peer, nextHopTable));
    registry.addNode(peer);
    hooks.addSessions(peer);
    if (nextHopTable !== undefined) {
      this.#nextHopTable = nextHopTable;
      hooks.setNextHopTable(nextHopTable);
    }
    hooks.ring();
    log.info("edge added", { peer: formatNodeId(peer.nodeId), name: peer.name });
    return edgeConfig;
  }

  /**
   * Removes an edge. A static table stays as it is.
   *
   * @throws {ApiError} 404 there is no such edge, 500 the file can't be saved.
   */
  removePeer(nodeId: NodeId): void {
    const { registry, hooks } = this.#options;
    this.#requireNode(nodeId);
    this.#save((file) => file.removePeer(nodeId));
    registry.removeNode(nodeId);
    hooks.dismiss(nodeId);
    hooks.ring();
    this.#options.log.info("edge is to be removed", { peer: formatNodeId(nodeId) });
    this.#warnOfBrokenRoutes(nodeId);
  }

  /**
   * Finds the edge that a private key belongs to.
   *
   * @param text Base64, unchecked.
   * @throws {ApiError} 500 it is no key, 404 there is no edge with it. Neither shows the key.
   */
  nodeOfPrivateKey(text: string): NodeId {
    const privateKey = parseKey(text);
    // The status is the reference node's.
    if (privateKey === undefined) throw new ApiError(500, "PrivKey should be 32 octets in base64");
    const publicKey = formatKey(this.#options.primitives.x25519PublicKey(privateKey));
    for (const node of this.#options.registry.nodes()) if (node.publicKeyText === publicKey) return node.nodeId;
    throw new ApiError(404, `There is no node with the public key ${publicKey}, which belongs to PrivKey`);
  }

  /**
   * Changes an edge. Does nothing if nothing is to be changed.
   *
   * @throws {ApiError} 400 a value is out of range, 404 there is no such edge, 500 the file can't be saved.
   */
  updatePeer(nodeId: NodeId, written: SuperPeerChange): void {
    const { registry, hooks, log } = this.#options;
    this.#requireNode(nodeId);
    const change = given(written);
    if (change.additionalCostMs !== undefined) checkCost(change.additionalCostMs);
    if (Object.keys(change).length === 0) return;
    this.#save((file) => file.updatePeer(nodeId, change));
    registry.updateNode(nodeId, change);
    hooks.ring();
    log.info("edge changed", { peer: formatNodeId(nodeId), ...change });
  }

  /**
   * Changes what edges are told. Does nothing if nothing is to be changed.
   *
   * @throws {ApiError} 400 a value is out of range, alone or beside those that stay, 500 the file can't be saved.
   */
  updateParameters(written: SuperParameterChange): void {
    const { registry, hooks, log } = this.#options;
    const change = given(written);
    if (Object.keys(change).length === 0) return;
    checkParameters({ ...registry.parameters, ...change });
    this.#save((file) => file.updateParameters(change));
    registry.updateParameters(change);
    if (change.peerAliveTimeoutMs !== undefined) hooks.setPeerAliveTimeout(change.peerAliveTimeoutMs);
    hooks.ring();
    log.info("parameters changed", { ...change });
  }

  #requireNode(nodeId: NodeId): void {
    if (this.#options.registry.node(nodeId) === undefined) throw new ApiError(404, `There is no node ${nodeId}`);
  }

  #checkIsNew({ nodeId, name, publicKey }: NewPeer): void {
    for (const node of this.#options.registry.nodes()) {
      if (node.nodeId === nodeId) throw new ApiError(409, `There is a node with NodeID ${nodeId}`);
      if (node.name === name) throw new ApiError(409, `Node ${node.nodeId} has this Name`);
      if (node.publicKeyText === publicKey) throw new ApiError(409, `Node ${node.nodeId} has this PubKey`);
    }
  }

  /** Reads the table that a static network needs with one more node. */
  #readTable({ nodeId, nextHopTable: text }: NewPeer): NextHopTableConfig | undefined {
    if (this.#nextHopTable === undefined) return undefined;
    if (text === undefined) throw new ApiError(417, "NextHopTable is missing: the super is in static mode");
    const nodeIds = Array.from(this.#options.registry.nodes(), (node) => node.nodeId);
    const table = readStaticTable(text, [...nodeIds, nodeId]);
    if (typeof table === "string") throw new ApiError(417, table);
    return table;
  }

  /** A static table that leads through a removed node is in force until the next start, which refuses it. */
  #warnOfBrokenRoutes(gone: NodeId): void {
    if (this.#nextHopTable === undefined) return;
    const nodeIds = Array.from(this.#options.registry.nodes(), (node) => node.nodeId);
    const broken = routesThrough(this.#nextHopTable, gone, nodeIds);
    if (broken.length === 0) return;
    const named = broken.slice(0, MAX_NAMED_ROUTES).map(([source, destination]) => `[${source}][${destination}]`);
    const rest = broken.length > named.length ? ` and ${broken.length - named.length} more` : "";
    this.#options.log.warn("NextHopTable leads through a node that was removed: the super can't start with it again", {
      peer: formatNodeId(gone),
      entries: `${named.join(", ")}${rest}`,
      remedy: "name other next hops in the configuration file and restart the super",
    });
  }

  #save(edit: (file: EditableFile) => void): void {
    try {
      const file = this.#options.openFile();
      edit(file);
      file.save();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#options.log.error("configuration not saved: nothing is changed", { cause: error.message });
      throw new ApiError(500, `Nothing is changed, since the configuration can't be saved: ${error.message}`);
    }
  }
}

/** Leaves out what isn't given. */
function given<T extends object>(change: T): T {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T;
}

function readPeer(written: NewPeer): SuperPeerConfig {
  const { nodeId, name, additionalCostMs, skipsLocalAddresses } = written;
  if (!isOrdinaryNodeId(nodeId)) throw new ApiError(417, `NodeID ${nodeId} is reserved`);
  const publicKey = parseKey(written.publicKey);
  if (publicKey === undefined || isZeroKey(publicKey)) throw new ApiError(417, "PubKey should be 32 octets in base64");
  const presharedKey = written.presharedKey === "" ? undefined : parseKey(written.presharedKey);
  if (presharedKey === undefined && written.presharedKey !== "") {
    throw new ApiError(417, "PSKey should be 32 octets in base64, or empty");
  }
  return {
    nodeId,
    name,
    publicKey,
    presharedKey,
    additionalCostMs,
    skipsLocalAddresses,
    endpoint: undefined,
    externalIp: undefined,
  };
}

function checkCost(costMs: number): void {
  if (!(Math.abs(costMs) <= QUANTITY_MAX)) throw new ApiError(400, `AdditionalCost should be at most ${QUANTITY_MAX}`);
}

function checkName(name: string): void {
  // deno-lint-ignore no-control-regex -- A name with control characters would garble logs and files.
  const isName = new TextEncoder().encode(name).length <= NAME_LEN_MAX && !/[/\x00-\x1f\x7f]/.test(name);
  if (isName) return;
  throw new ApiError(400, `Name should have at most ${NAME_LEN_MAX} octets, no slash and no control characters`);
}

/** Checks all parameters as they would be. */
function checkParameters(parameters: SuperParameters): void {
  const { pingIntervalMs, reportIntervalMs, peerAliveTimeoutMs, dampingFilterRadius } = parameters;
  if (!isInterval(peerAliveTimeoutMs)) throw new ApiError(400, "PeerAliveTimeout should be above 0, and a duration");
  if (!isInterval(pingIntervalMs) || pingIntervalMs >= peerAliveTimeoutMs) {
    throw new ApiError(400, "SendPingInterval should be above 0 and below PeerAliveTimeout");
  }
  if (!(reportIntervalMs >= 0 && reportIntervalMs <= peerAliveTimeoutMs)) {
    throw new ApiError(400, "HttpPostInterval should be 0 or more, and at most PeerAliveTimeout");
  }
  if (dampingFilterRadius > DAMPING_RADIUS_MAX) {
    throw new ApiError(400, `DampingFilterRadius should be at most ${DAMPING_RADIUS_MAX}`);
  }
}

function isInterval(ms: number): boolean {
  return ms >= INTERVAL_MIN_MS && ms <= QUANTITY_MAX * 1000;
}
