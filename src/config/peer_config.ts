/**
 * The `Peers` of an edge file, checked.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import type { EdgeFile } from "./edge_schema.ts";
import type { EndpointConfig } from "./endpoint_text.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { formatKey } from "./key_text.ts";

/** A node that this node talks to directly. */
export interface PeerConfig {
  readonly nodeId: NodeId;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** 32 octets; `undefined` if there is none or it is to be ignored. */
  readonly presharedKey: Uint8Array | undefined;
  /** Whether the file has a preshared key that `IgnorePSKey` sets aside. */
  readonly presharedKeyIgnored: boolean;
  /** Where to look for the peer, best first, each once; empty waits until it calls. Names are not looked up yet. */
  readonly endpoints: readonly PeerEndpoint[];
  /** The same for FakeTCP; empty unless it is on. */
  readonly fakeTcpEndpoints: readonly PeerEndpoint[];
  /** 0 for none. */
  readonly persistentKeepaliveMs: number;
  /** Whether endpoints are looked up again while the peer is silent. Never without an endpoint. */
  readonly isStatic: boolean;
}

/** An endpoint of a peer. */
export interface PeerEndpoint extends EndpointConfig {
  /** The family that a name is to be looked up in; 0 for both. */
  readonly lookupFamily: 0 | 4 | 6;
}

type PeerFile = EdgeFile["Peers"][number];

/**
 * Checks the list: ids and keys occur once, and never this node's own.
 *
 * @param ownPublicKey This node's public key; `undefined` if its private key is wrong.
 * @param fakeTcp Whether peers are called by FakeTCP, too, and over which families.
 */
export function readPeers(
  file: EdgeFile,
  ownPublicKey: Uint8Array | undefined,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): PeerConfig[] {
  const firstWithId = new Map<NodeId, number>();
  const firstWithKey = new Map<string, number>();
  for (const [index, peer] of file.Peers.entries()) {
    checkIdentity(file, peer, index, ownPublicKey, findings);
    if (findings.areSound(`Peers[${index}].NodeID`)) {
      reportRepetition(firstWithId, peer.NodeID, index, "NodeID", findings);
    }
    if (peer.PubKey !== undefined) {
      reportRepetition(firstWithKey, formatKey(peer.PubKey), index, "PubKey", findings);
    }
    checkEndpointFamilies(file, peer, index, findings);
    checkFakeTcpEndpoint(file, peer, index, fakeTcp, findings);
  }
  return file.Peers.map((peer) => readPeer(file, peer, fakeTcp));
}

function readPeer(file: EdgeFile, peer: PeerFile, fakeTcp: FakeTcpConfig): PeerConfig {
  const isIgnored = file.IgnorePSKey || peer.IgnorePSKey;
  const endpoints = peerEndpoints(peer);
  const fakeTcpEndpoints = fakeTcp.isEnabled ? endpointsForFakeTcp(peer) : [];
  return {
    nodeId: peer.NodeID,
    // A missing key was reported, so this value goes nowhere.
    publicKey: peer.PubKey ?? new Uint8Array(32),
    presharedKey: isIgnored ? undefined : peer.PSKey,
    presharedKeyIgnored: isIgnored && peer.PSKey !== undefined,
    endpoints,
    fakeTcpEndpoints,
    persistentKeepaliveMs: peer.PersistentKeepalive * 1000,
    isStatic: peer.Static && endpoints.length + fakeTcpEndpoints.length > 0,
  };
}

function peerEndpoints(peer: PeerFile): PeerEndpoint[] {
  const written = [[peer.EndPoint, 0], [peer.EndPointIPv4, 4], [peer.EndPointIPv6, 6]] as const;
  const endpoints = written.flatMap(([endpoint, lookupFamily]): PeerEndpoint[] => {
    return endpoint === undefined ? [] : [{ ...endpoint, lookupFamily: endpoint.family || lookupFamily }];
  });
  return endpoints.filter((endpoint, index) => {
    const same = (other: PeerEndpoint) =>
      other.host === endpoint.host && other.port === endpoint.port && other.lookupFamily === endpoint.lookupFamily;
    return endpoints.findIndex(same) === index;
  });
}

function endpointsForFakeTcp(peer: PeerFile): PeerEndpoint[] {
  const own = peer.FakeTCPEndPoint;
  return own === undefined ? peerEndpoints(peer) : [{ ...own, lookupFamily: own.family }];
}

function checkIdentity(
  file: EdgeFile,
  peer: PeerFile,
  index: number,
  ownPublicKey: Uint8Array | undefined,
  findings: Findings,
): void {
  const idPath = `Peers[${index}].NodeID`;
  if (peer.NodeID === file.NodeID && findings.areSound("NodeID", idPath)) {
    findings.error(idPath, { allowed: "the id of another node", remedy: "this is the node's own NodeID: correct one" });
  }
  if (ownPublicKey === undefined || peer.PubKey === undefined) return;
  if (formatKey(peer.PubKey) === formatKey(ownPublicKey)) {
    findings.error(`Peers[${index}].PubKey`, {
      allowed: "the public key of another node",
      remedy: "this is the public key of this node's own PrivKey: correct one",
    });
  }
}

function reportRepetition<K>(
  first: Map<K, number>,
  value: K,
  index: number,
  name: "NodeID" | "PubKey",
  findings: Findings,
): void {
  const earlier = first.get(value);
  if (earlier === undefined) first.set(value, index);
  else {
    findings.error(`Peers[${index}].${name}`, {
      allowed: "a value of its own for each peer",
      remedy: `Peers[${earlier}] has it, too: correct one`,
    });
  }
}

/** Warns about a peer whose only endpoints are literals of a family that is switched off. */
function checkEndpointFamilies(file: EdgeFile, peer: PeerFile, index: number, findings: Findings): void {
  const isOff = { 0: false, 4: file.DisabledAf.IPv4, 6: file.DisabledAf.IPv6 };
  const endpoints = peerEndpoints(peer);
  if (endpoints.length === 0 || endpoints.some((endpoint) => !isOff[endpoint.lookupFamily])) return;
  const { lookupFamily } = endpoints[0];
  findings.warn(`Peers[${index}].${peer.EndPoint === undefined ? `EndPointIPv${lookupFamily}` : "EndPoint"}`, {
    allowed: "an endpoint of a family that is on",
    remedy: `DisabledAf switches IPv${lookupFamily} off: the peer can't be called`,
  });
}

/** Warns about an endpoint that FakeTCP has no use for, and about a peer that it can't call for want of a family. */
function checkFakeTcpEndpoint(
  file: EdgeFile,
  peer: PeerFile,
  index: number,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): void {
  const path = `Peers[${index}].FakeTCPEndPoint`;
  if (!fakeTcp.isEnabled) {
    if (peer.FakeTCPEndPoint === undefined) return;
    findings.warn(path, {
      allowed: "an endpoint beside FakeTCP.Enabled: true",
      remedy: "FakeTCP is off: switch it on",
    });
    return;
  }
  const hasFamily = { 0: true, 4: fakeTcp.ipv4 !== undefined, 6: fakeTcp.ipv6 !== undefined };
  const endpoints = endpointsForFakeTcp(peer);
  if (endpoints.length === 0 || endpoints.some((endpoint) => hasFamily[endpoint.lookupFamily])) return;
  const { lookupFamily } = endpoints[0];
  const isFamilyOff = lookupFamily === 6 ? file.DisabledAf.IPv6 : file.DisabledAf.IPv4;
  // Of the peer's other endpoints in a family that is off the user has been told.
  if (isFamilyOff && peer.FakeTCPEndPoint === undefined) return;
  findings.warn(path, {
    allowed: "an endpoint of a family that FakeTCP has",
    remedy: isFamilyOff
      ? `DisabledAf switches IPv${lookupFamily} off: FakeTCP can't call the peer`
      : "FakeTCP can't call the peer over IPv6: write FakeTCP.TunIPv6 and TunPeerIPv6",
  });
}
