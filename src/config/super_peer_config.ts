/**
 * The `Peers` of a super file, checked, and the routes among them.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import type { EndpointConfig } from "./endpoint_text.ts";
import type { Findings } from "./findings.ts";
import { formatKey, KEY_LEN } from "./key_text.ts";
import type { AddressFamilyConfig } from "./node_config.ts";
import type { SuperFileRecord } from "./super_schema.ts";

/** An edge that the super knows. */
export interface SuperPeerConfig {
  readonly nodeId: NodeId;
  /** As shown to administrators; may be empty. */
  readonly name: string;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** 32 octets; `undefined` for none. */
  readonly presharedKey: Uint8Array | undefined;
  /** Cost of every link that ends at this edge; below 0: the edge's own counts. */
  readonly additionalCostMs: number;
  /** Whether its local addresses are kept from others, and theirs from it. */
  readonly skipsLocalAddresses: boolean;
  /** Where it is called; `undefined`: it calls. */
  readonly endpoint: EndpointConfig | undefined;
  /** Told to others in place of the address seen, in its family; 4 or 16 octets. */
  readonly externalIp: Uint8Array | undefined;
}

/** A public key of the super itself, and the key of the file that it comes from. */
export interface OwnKey {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

type PeerFile = SuperFileRecord["Peers"][number];

/** Most node ids that one message names. */
const MAX_NAMED_IDS = 5;

/** Checks the list: ids, keys and names occur once, and no key is one of the super's own. */
export function readSuperPeers(
  peers: readonly PeerFile[],
  ownKeys: readonly OwnKey[],
  families: AddressFamilyConfig,
  findings: Findings,
): SuperPeerConfig[] {
  const firstWith = { NodeID: new Map<unknown, number>(), PubKey: new Map(), Name: new Map() };
  for (const [index, peer] of peers.entries()) {
    checkOwnKeys(peer, index, ownKeys, findings);
    checkFamilies(peer, index, families, findings);
    const values = {
      NodeID: findings.areSound(`Peers[${index}].NodeID`) ? peer.NodeID : undefined,
      PubKey: peer.PubKey === undefined ? undefined : formatKey(peer.PubKey),
      Name: peer.Name === "" ? undefined : peer.Name,
    };
    for (const name of ["NodeID", "PubKey", "Name"] as const) {
      const value = values[name];
      const earlier = firstWith[name].get(value);
      if (value === undefined) continue;
      if (earlier === undefined) firstWith[name].set(value, index);
      else reportRepetition(`Peers[${index}].${name}`, earlier, findings);
    }
  }
  return peers.map((peer) => ({
    nodeId: peer.NodeID,
    name: peer.Name,
    // A missing key was reported, so this value goes nowhere.
    publicKey: peer.PubKey ?? new Uint8Array(KEY_LEN),
    presharedKey: peer.PSKey,
    additionalCostMs: peer.AdditionalCost,
    skipsLocalAddresses: peer.SkipLocalIP,
    endpoint: peer.EndPoint,
    externalIp: peer.ExternalIP,
  }));
}

function checkOwnKeys(peer: PeerFile, index: number, ownKeys: readonly OwnKey[], findings: Findings): void {
  if (peer.PubKey === undefined) return;
  const text = formatKey(peer.PubKey);
  const own = ownKeys.find(({ publicKey }) => formatKey(publicKey) === text);
  if (own === undefined) return;
  findings.error(`Peers[${index}].PubKey`, {
    allowed: "the public key of an edge",
    remedy: `this is the public key of the super's own ${own.name}: correct one`,
  });
}

/** Warns about addresses of a family over which the super has no sessions. */
function checkFamilies(peer: PeerFile, index: number, families: AddressFamilyConfig, findings: Findings): void {
  const external = peer.ExternalIP === undefined ? 0 : peer.ExternalIP.length === 4 ? 4 : 6;
  for (const [name, family] of [["EndPoint", peer.EndPoint?.family ?? 0], ["ExternalIP", external]] as const) {
    if (family === 0 || (family === 4 ? families.ipv4 : families.ipv6)) continue;
    findings.warn(`Peers[${index}].${name}`, {
      allowed: "an address of a family that is on",
      remedy: `it is ignored: IPv${family} is off`,
    });
  }
}

function reportRepetition(path: string, earlier: number, findings: Findings): void {
  findings.error(path, {
    allowed: "a value of its own for each peer",
    remedy: `Peers[${earlier}] has it, too: correct one`,
  });
}

/** Checks that the routes of static mode lead from each edge to each other one. Source: `behaviour.md` §3.1. */
export function checkStaticRoutes(file: SuperFileRecord, findings: Findings): void {
  const idPaths = file.Peers.map((_, index) => `Peers[${index}].NodeID`);
  if (!findings.areSound("NextHopTable", "Peers", ...idPaths)) return;
  const ids = new Set(file.Peers.map((peer) => peer.NodeID));
  for (const source of ids) {
    const row = file.NextHopTable.get(source);
    const missing = [...ids].filter((id) => id !== source && !row?.has(id));
    if (missing.length > 0) {
      findings.error(`NextHopTable[${source}]`, {
        found: `no next hop to ${idList(missing)}`,
        allowed: "in static mode a next hop from each peer to each other one",
        remedy: "write what is missing, or GraphRecalculateSetting.StaticMode: false",
      });
    }
    for (const [destination, next] of row ?? []) checkNextHop(source, destination, next, ids, findings);
  }
}

function checkNextHop(source: NodeId, destination: NodeId, next: NodeId, ids: Set<NodeId>, findings: Findings): void {
  const path = `NextHopTable[${source}][${destination}]`;
  // What leads to a node that isn't there matters to nobody.
  if (!ids.has(destination) || destination === source || !findings.areSound(path)) return;
  if (!ids.has(next)) {
    findings.error(path, { allowed: "the NodeID of one of Peers", remedy: "name one, or add this peer" });
  } else if (next === source) {
    findings.warn(path, {
      allowed: "another node than the source",
      remedy: `frames for node ${destination} are dropped: name the neighbour that is next`,
    });
  }
}

function idList(ids: readonly NodeId[]): string {
  const named = ids.slice(0, MAX_NAMED_IDS).join(", ");
  const rest = ids.length > MAX_NAMED_IDS ? ` and ${ids.length - MAX_NAMED_IDS} more` : "";
  return `${ids.length === 1 ? "node" : "nodes"} ${named}${rest}`;
}
