/**
 * Configurations of a network in super mode: one of the super node, one of each edge.
 *
 * @module
 */

import { stringify } from "yaml";
import {
  DEFAULT_MTU,
  type EdgeSettings,
  fakeTcpBlock,
  type FakeTcpSettings,
  generateKeys,
  generatePresharedKey,
  type KeyPair,
  withoutAbsent,
} from "./edge_config.ts";

/** UDP port of the super node, and TCP ports of its HTTP interfaces. */
export const SUPER_PORT = 3000;
export const EDGE_API_PORT = 3456;
export const MANAGE_API_PORT = 3457;
/** In front of all paths of the HTTP interfaces. */
export const API_PREFIX = "/eg_net/eg_api";

/** An edge as the super's file names it. */
export interface SuperPeerSettings {
  nodeId: number;
  name: string;
  publicKey: string;
  presharedKey?: string;
  additionalCostMs: number;
  skipsLocalAddresses?: boolean;
  externalIp?: string;
}

/** What the file of a super node says; times in seconds. */
export interface SuperSettings {
  keysV4: KeyPair;
  keysV6: KeyPair;
  listenPort: number;
  peers: SuperPeerSettings[];
  pingIntervalS: number;
  reportIntervalS: number;
  peerAliveTimeoutS: number;
  rePushIntervalS: number;
  jitterToleranceMs: number;
  recalculateCoolDownS: number;
  dampingFilterRadius: number;
  usesPairKeys: boolean;
  fakeTcp?: FakeTcpSettings;
  tls?: { certFile: string; keyFile: string };
  nextHopTable?: Map<number, Map<number, number>>;
  /** Path of the file from which those of new edges are made. */
  edgeTemplate?: string;
  /** Version that edges have to agree with; the program's own choice if absent. */
  wireVersion?: string;
  logLevel: "debug" | "info";
}

/** What a detour costs: more than a busy machine is late with a ping, so that without need nothing takes one. */
const DETOUR_COST_MS = 50;

/** Passwords of the manage interface. */
export const PASSWORDS = {
  ShowState: "show-state",
  AddPeer: "add-peer",
  DelPeer: "del-peer",
  UpdatePeer: "update-peer",
  UpdateSuper: "update-super",
} as const;

/** A network in super mode. */
export interface SuperPlan {
  readonly superNode: SuperSettings;
  /** Settings of each edge, by NodeId; to be changed before the start. */
  readonly edges: ReadonlyMap<number, EdgeSettings>;
}

/** Where edges find the super node. */
export interface SuperAddresses {
  v4?: string;
  v6?: string;
}

/**
 * Plans a network of edges 1 to `count` and a super node, with keys and preshared keys.
 *
 * Edges have no address for HTTP: documents come through their sessions.
 */
export function planSuperNetwork(count: number, { v4, v6 }: SuperAddresses): SuperPlan {
  const superNode: SuperSettings = {
    keysV4: generateKeys(),
    keysV6: generateKeys(),
    listenPort: SUPER_PORT,
    peers: [],
    pingIntervalS: 15,
    reportIntervalS: 50,
    peerAliveTimeoutS: 70,
    rePushIntervalS: 30,
    jitterToleranceMs: 10,
    recalculateCoolDownS: 1,
    dampingFilterRadius: 0,
    usesPairKeys: true,
    logLevel: "debug",
  };
  const edges = new Map<number, EdgeSettings>();
  for (let nodeId = 1; nodeId <= count; nodeId++) {
    const keys = generateKeys();
    const presharedKey = generatePresharedKey();
    superNode.peers.push({
      nodeId,
      name: `node${nodeId}`,
      publicKey: keys.publicKey,
      presharedKey,
      additionalCostMs: DETOUR_COST_MS,
    });
    edges.set(nodeId, {
      nodeId,
      keys,
      listenPort: 4000 + nodeId,
      mtu: DEFAULT_MTU,
      defaultTtl: 200,
      peers: [],
      nextHopTable: new Map(),
      superNode: {
        presharedKey,
        ...(v4 === undefined ? {} : { endpointV4: `${v4}:${SUPER_PORT}`, publicKeyV4: superNode.keysV4.publicKey }),
        ...(v6 === undefined ? {} : { endpointV6: `[${v6}]:${SUPER_PORT}`, publicKeyV6: superNode.keysV6.publicKey }),
      },
      logLevel: "debug",
    });
  }
  return { superNode, edges };
}

/** Renders the file of a super node, as YAML. */
export function renderSuperConfig(settings: SuperSettings): string {
  return stringify(withoutAbsent({
    NodeName: "super",
    PrivKeyV4: settings.keysV4.privateKey,
    PrivKeyV6: settings.keysV6.privateKey,
    ListenPort: settings.listenPort,
    ListenPort_EdgeAPI: String(EDGE_API_PORT),
    ListenPort_ManageAPI: String(MANAGE_API_PORT),
    API_Prefix: API_PREFIX,
    RePushConfigInterval: settings.rePushIntervalS,
    HttpPostInterval: settings.reportIntervalS,
    PeerAliveTimeout: settings.peerAliveTimeoutS,
    SendPingInterval: settings.pingIntervalS,
    DampingFilterRadius: settings.dampingFilterRadius,
    LogLevel: { LogLevel: settings.logLevel, LogControl: true, LogInternal: true },
    Passwords: PASSWORDS,
    GraphRecalculateSetting: {
      StaticMode: settings.nextHopTable !== undefined,
      JitterTolerance: settings.jitterToleranceMs,
      JitterToleranceMultiplier: 1.01,
      TimeoutCheckInterval: 1,
      RecalculateCoolDown: settings.recalculateCoolDownS,
    },
    NextHopTable: settings.nextHopTable,
    EdgeTemplate: settings.edgeTemplate,
    UsePSKForInterEdge: settings.usesPairKeys,
    AllowPrivateIP: true,
    WireVersion: settings.wireVersion,
    FakeTCP: settings.fakeTcp === undefined ? undefined : fakeTcpBlock(settings.fakeTcp),
    TLS: settings.tls === undefined ? undefined : { CertFile: settings.tls.certFile, KeyFile: settings.tls.keyFile },
    Peers: settings.peers.map((peer) =>
      withoutAbsent({
        NodeID: peer.nodeId,
        Name: peer.name,
        PubKey: peer.publicKey,
        PSKey: peer.presharedKey ?? "",
        AdditionalCost: peer.additionalCostMs,
        SkipLocalIP: peer.skipsLocalAddresses,
        ExternalIP: peer.externalIp,
      })
    ),
  }));
}
