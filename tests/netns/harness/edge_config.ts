/**
 * Configurations of edges: a plan of who is joined with whom becomes one YAML file per node. Those of
 * super nodes are in `super_config.ts`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { stringify } from "yaml";

/** Name of every node's TAP device; each lies in a namespace of its own. */
export const TAP_NAME = "tap0";
/** Networks inside the VPN. Node n has the n-th address. */
const INSIDE_V4 = "10.77.0.0/24";
const INSIDE_V6 = "fd77::/64";
/** UDP port of node n is this plus n. */
const LISTEN_PORT_BASE = 4000;
/** MTU of the TAP devices, in octets, unless a test wants another. */
export const DEFAULT_MTU = 1404;
/** Seconds between keepalives of a node that others can't dial. */
const KEEPALIVE_S = 5;

/** A key pair, both halves in base64. */
export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

/** The `FakeTCP` block of a node's file; the program's own choice for what is absent. */
export interface FakeTcpSettings {
  isEnabled: boolean;
  tunName?: string;
  /** The host's address with its prefix, and FakeTCP's own, on the TUN device. */
  tunIPv4?: string;
  tunPeerIPv4?: string;
  tunIPv6?: string;
  tunPeerIPv6?: string;
  tunMtu?: number;
  /** TCP port to listen on. */
  listenPort?: number;
  /** Further ones. */
  moreListenPorts?: number[];
  /** False: leave the firewall and forwarding of the host alone. */
  managesRules?: boolean;
  firstPayload?: string;
  initialSequenceNumber?: "random" | "zero";
}

/** The `PathSelection` block of a node's file; times in seconds. */
export interface PathSelectionSettings {
  /** Kinds of paths, the preferred one first. */
  order?: ("udp6" | "udp4" | "faketcp6" | "faketcp4")[];
  activeProbeIntervalS?: number;
  recoveryProbeIntervalS?: number;
  holdTimeS?: number;
  decideTimeS?: number;
  lossThreshold?: number;
  mirrors?: boolean;
}

/** A peer as a node's file names it. */
export interface PeerSettings {
  nodeId: number;
  publicKey: string;
  /** Address and port to dial; absent if the peer dials. */
  endpoint?: string;
  /** Address and port to dial by FakeTCP; the same as by UDP if absent. */
  fakeTcpEndpoint?: string;
  persistentKeepaliveS?: number;
  /** Preshared key in base64. */
  presharedKey?: string;
  ignorePresharedKey?: boolean;
}

/** What an edge's file says; a test changes it before the start. */
export interface EdgeSettings {
  nodeId: number;
  keys: KeyPair;
  listenPort: number;
  mtu: number;
  defaultTtl: number;
  peers: PeerSettings[];
  nextHopTable: NextHopTable;
  /** Lanes of the data plane; the program's own choice if absent. */
  lanes?: number;
  /** Off if absent. */
  fakeTcp?: FakeTcpSettings;
  pathSelection?: PathSelectionSettings;
  /** The super node that it obeys; static mode if absent. */
  superNode?: SuperNodeSettings;
  /** False: forwards nothing for others. */
  relays?: boolean;
  /** Version to tell the super node; the program's own choice if absent. */
  wireVersion?: string;
  logLevel: "debug" | "info";
}

/** What an edge's file says of its super node; times in seconds. */
export interface SuperNodeSettings {
  endpointV4?: string;
  publicKeyV4?: string;
  endpointV6?: string;
  publicKeyV6?: string;
  presharedKey?: string;
  /** Empty if absent: documents come through the session. */
  apiUrl?: string;
  skipsLocalAddresses?: boolean;
  /** As long as the super hasn't named others. */
  pingIntervalS?: number;
}

/** The node that a source sends to, by source and destination. Maps, so that the file has plain numbers as keys. */
export type NextHopTable = Map<number, Map<number, number>>;

/** Two nodes that are peers of each other. */
export interface Link {
  a: number;
  b: number;
  /** Address under which `b` dials `a`; absent if it can't. */
  addressOfA?: string;
  /** Address under which `a` dials `b`; absent if it can't. */
  addressOfB?: string;
}

/** Address of a node's TAP device. */
export function insideV4(nodeId: number): string {
  return INSIDE_V4.replace("0/24", String(nodeId));
}

/** IPv6 address of a node's TAP device. */
export function insideV6(nodeId: number): string {
  return INSIDE_V6.replace("/64", nodeId.toString(16));
}

/** Makes a random X25519 key pair. */
export function generateKeys(): KeyPair {
  const jwk = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  return { privateKey: toBase64(jwk.d ?? ""), publicKey: toBase64(jwk.x ?? "") };
}

/** Makes a random preshared key in base64. */
export function generatePresharedKey(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
}

/**
 * Plans a VPN: keys, ports, peers for each link, routes along the fewest hops.
 *
 * @returns The settings by NodeId, for every node that a link names.
 */
export function planEdges(links: readonly Link[]): Map<number, EdgeSettings> {
  const nodeIds = [...new Set(links.flatMap((link) => [link.a, link.b]))].sort((x, y) => x - y);
  const nextHopTable = shortestNextHops(nodeIds, links);
  const plan = new Map(nodeIds.map((nodeId): [number, EdgeSettings] => [nodeId, {
    nodeId,
    keys: generateKeys(),
    listenPort: LISTEN_PORT_BASE + nodeId,
    mtu: DEFAULT_MTU,
    defaultTtl: 200,
    peers: [],
    nextHopTable,
    logLevel: "debug",
  }]));
  for (const { a, b, addressOfA, addressOfB } of links) {
    addPeer(plan.get(a)!, plan.get(b)!, addressOfB, addressOfA !== undefined);
    addPeer(plan.get(b)!, plan.get(a)!, addressOfA, addressOfB !== undefined);
  }
  return plan;
}

/** Largest frame inside that fits a packet of 1500 octets sealed and dressed as TCP, over IPv4 and IPv6. */
const FAKETCP_MTU = 1340;

/** Lets all nodes of a plan speak FakeTCP, over both families, with frames that fit every path. */
export function speakFakeTcp(plan: ReadonlyMap<number, EdgeSettings>, pathSelection?: PathSelectionSettings): void {
  for (const settings of plan.values()) {
    settings.fakeTcp = { isEnabled: true, tunIPv6: "fd00:200::1/64", tunPeerIPv6: "fd00:200::2" };
    settings.pathSelection = pathSelection;
    settings.mtu = FAKETCP_MTU;
  }
}

function addPeer(node: EdgeSettings, peer: EdgeSettings, address: string | undefined, canBeDialled: boolean): void {
  node.peers.push({
    nodeId: peer.nodeId,
    publicKey: peer.keys.publicKey,
    ...(address === undefined ? {} : { endpoint: joinHostPort(address, peer.listenPort) }),
    ...(canBeDialled ? {} : { persistentKeepaliveS: KEEPALIVE_S }),
  });
}

/** Renders an edge's file, as YAML. */
export function renderEdgeConfig(settings: EdgeSettings): string {
  return stringify({
    Interface: {
      IType: "tap",
      Name: TAP_NAME,
      MacAddrPrefix: "02:EE:CC:DD",
      IPv4CIDR: INSIDE_V4,
      IPv6CIDR: INSIDE_V6,
      MTU: settings.mtu,
    },
    NodeID: settings.nodeId,
    NodeName: `node${settings.nodeId}`,
    DefaultTTL: settings.defaultTtl,
    L2FIBTimeout: 3600,
    PrivKey: settings.keys.privateKey,
    ListenPort: settings.listenPort,
    LogLevel: { LogLevel: settings.logLevel, LogControl: true, LogInternal: true },
    NextHopTable: settings.nextHopTable,
    AllowPrivateIP: true,
    ...(settings.lanes === undefined ? {} : { DataPlane: { Lanes: settings.lanes } }),
    ...(settings.fakeTcp === undefined ? {} : { FakeTCP: fakeTcpBlock(settings.fakeTcp) }),
    ...(settings.pathSelection === undefined ? {} : { PathSelection: pathSelectionBlock(settings.pathSelection) }),
    ...(settings.relays === undefined ? {} : { DisableRelay: !settings.relays }),
    ...(settings.wireVersion === undefined ? {} : { WireVersion: settings.wireVersion }),
    ...(settings.superNode === undefined ? {} : { DynamicRoute: dynamicRouteBlock(settings.superNode) }),
    Peers: settings.peers.map((peer) => ({
      NodeID: peer.nodeId,
      PubKey: peer.publicKey,
      PSKey: peer.presharedKey ?? "",
      ...(peer.ignorePresharedKey === undefined ? {} : { IgnorePSKey: peer.ignorePresharedKey }),
      EndPoint: peer.endpoint ?? "",
      ...(peer.fakeTcpEndpoint === undefined ? {} : { FakeTCPEndPoint: peer.fakeTcpEndpoint }),
      PersistentKeepalive: peer.persistentKeepaliveS ?? 0,
      Static: peer.endpoint !== undefined,
    })),
  });
}

function dynamicRouteBlock(settings: SuperNodeSettings): Record<string, unknown> {
  return {
    SendPingInterval: settings.pingIntervalS ?? 16,
    PeerAliveTimeout: 70,
    TimeoutCheckInterval: 20,
    ConnNextTry: 5,
    DupCheckTimeout: 40,
    SuperNode: withoutAbsent({
      UseSuperNode: true,
      PSKey: settings.presharedKey,
      EndpointV4: settings.endpointV4,
      PubKeyV4: settings.publicKeyV4,
      EndpointV6: settings.endpointV6,
      PubKeyV6: settings.publicKeyV6,
      EndpointEdgeAPIUrl: settings.apiUrl,
      SkipLocalIP: settings.skipsLocalAddresses,
    }),
  };
}

/** Renders the `FakeTCP` block of a file. */
export function fakeTcpBlock(settings: FakeTcpSettings): Record<string, unknown> {
  return withoutAbsent({
    Enabled: settings.isEnabled,
    TunName: settings.tunName,
    TunIPv4: settings.tunIPv4,
    TunPeerIPv4: settings.tunPeerIPv4,
    TunIPv6: settings.tunIPv6,
    TunPeerIPv6: settings.tunPeerIPv6,
    TunMTU: settings.tunMtu,
    ListenPort: settings.listenPort,
    ListenPorts: settings.moreListenPorts,
    ManageRules: settings.managesRules,
    FirstPayload: settings.firstPayload,
    Isn: settings.initialSequenceNumber,
  });
}

/** Renders the `PathSelection` block of a file. */
export function pathSelectionBlock(settings: PathSelectionSettings): Record<string, unknown> {
  return withoutAbsent({
    Order: settings.order,
    ActiveProbeInterval: settings.activeProbeIntervalS,
    RecoveryProbeInterval: settings.recoveryProbeIntervalS,
    HoldTime: settings.holdTimeS,
    DecideTime: settings.decideTimeS,
    LossThreshold: settings.lossThreshold,
    Mirror: settings.mirrors,
  });
}

/** Leaves out the keys without a value. */
export function withoutAbsent(block: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined));
}

/** Next hops along the fewest links; of several, through the lowest NodeId. */
export function shortestNextHops(nodeIds: readonly number[], links: readonly Link[]): NextHopTable {
  const table: NextHopTable = new Map(nodeIds.map((id) => [id, new Map()]));
  for (const destination of nodeIds) {
    // Breadth first from the destination: whoever a node is found from is its next hop.
    const queue = [destination];
    const found = new Set(queue);
    for (const nearer of queue) {
      for (const id of neighbours(nearer, links)) {
        if (found.has(id)) continue;
        found.add(id);
        table.get(id)!.set(destination, nearer);
        queue.push(id);
      }
    }
  }
  return table;
}

function neighbours(nodeId: number, links: readonly Link[]): number[] {
  const ids = links.flatMap(({ a, b }) => a === nodeId ? [b] : b === nodeId ? [a] : []);
  return ids.sort((x, y) => x - y);
}

function joinHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function toBase64(base64Url: string): string {
  return Buffer.from(base64Url, "base64url").toString("base64");
}
