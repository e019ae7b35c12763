/**
 * What an edge is told to do: its configuration file in our own words, units and types.
 *
 * This is the boundary. Keys with their old spellings, seconds, base64 and switches that say "disabled" end here; inside
 * there are milliseconds, octets and positive names. What one key alone can get wrong was found by the schema; here and
 * in the `*_config.ts` files beside it stand the checks of keys against each other. All of them are made before anything
 * is reported, so that one run shows all there is to correct.
 *
 * @module
 */

import { x25519 } from "@noble/curves/ed25519.js";
import type { ConfigIssue } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import type { NodeId } from "../base/node_id.ts";
import { intervalMs } from "./duration.ts";
import { type DynamicRouteConfig, readDynamicRoute } from "./dynamic_route_config.ts";
import { EDGE_SCHEMA, type EdgeFile } from "./edge_schema.ts";
import { type FakeTcpConfig, readFakeTcp } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { type InterfaceConfig, readInterface } from "./interface_config.ts";
import { KEY_LEN } from "./key_text.ts";
import { loadYaml } from "./load.ts";
import { type PeerConfig, readPeers } from "./peer_config.ts";
import {
  type DualStackConfig,
  type PathSelectionConfig,
  readDualStack,
  readPathSelection,
} from "./path_selection_config.ts";

/** Everything an edge is told. */
export interface EdgeConfig {
  readonly nodeId: NodeId;
  /** At most 32 octets, no slash; may be empty. */
  readonly nodeName: string;
  readonly interface: InterfaceConfig;
  /** Program and arguments; empty for none. */
  readonly postScript: readonly string[];
  /** Hop limit of what this node sends: 1 to 255. */
  readonly defaultTtl: number;
  /** Age at which a MAC address is forgotten; 0: never. */
  readonly l2FibTimeoutMs: number;
  /** 32 octets, as written: X25519 clamps them. */
  readonly privateKey: Uint8Array;
  /** 32 octets, derived from the private key. */
  readonly publicKey: Uint8Array;
  /** 0: the system picks one. */
  readonly listenPort: number;
  /** Mark on sent datagrams; 0: none. */
  readonly fwmark: number;
  readonly addressFamilies: AddressFamilyConfig;
  readonly log: LogConfig;
  readonly dynamicRoute: DynamicRouteConfig;
  /** `table[source][destination]` is the neighbour of `source` that is next on the way. */
  readonly nextHopTable: Readonly<Record<NodeId, Readonly<Record<NodeId, NodeId>>>>;
  /** Period of looking up again the endpoints of silent static peers; 0: never. */
  readonly resetEndpointIntervalMs: number;
  /** Whether private addresses learnt from others are used. Those in the file are, in any case. */
  readonly allowPrivateIp: boolean;
  /** Whether frames are forwarded for others. */
  readonly relays: boolean;
  readonly peers: readonly PeerConfig[];
  readonly fakeTcp: FakeTcpConfig;
  readonly obfuscation: ObfuscationConfig;
  readonly dualStack: DualStackConfig;
  readonly pathSelection: PathSelectionConfig;
  /** Forwarding threads as written; see {@linkcode laneCount}. */
  readonly lanes: number;
}

/** Which address families are used, and where. At least one is. */
export interface AddressFamilyConfig {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Local addresses to listen on, 4 and 16 octets; `undefined` for all. */
  readonly listenIpv4: Uint8Array | undefined;
  readonly listenIpv6: Uint8Array | undefined;
  /** Family to try first; 0: the system's choice. */
  readonly preferred: 0 | 4 | 6;
}

/** What is logged. */
export interface LogConfig {
  readonly level: LogLevel;
  readonly transit: boolean;
  readonly normal: boolean;
  readonly dumpNormal: boolean;
  readonly control: boolean;
  readonly internal: boolean;
  /** Never in static mode. */
  readonly ntp: boolean;
}

/** How formats are hidden from observers. */
export interface ObfuscationConfig {
  readonly isEnabled: boolean;
  /** 32 octets; `undefined` for none. */
  readonly key: Uint8Array | undefined;
}

/** What became of a file: a configuration, unless an issue is an error. */
export interface EdgeConfigReading {
  readonly config: EdgeConfig | undefined;
  /** Errors and warnings by line. */
  readonly issues: readonly ConfigIssue[];
}

/** Most lanes that are started unless the file says otherwise: each costs memory, and few hosts need more. */
const MAX_AUTOMATIC_LANES = 4;

/**
 * Reads an edge file.
 *
 * @param path Path as the user wrote it. A file that can't be read is an issue, too. Never throws.
 */
export function readEdgeConfig(path: string): EdgeConfigReading {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    const found = error instanceof Deno.errors.NotFound ? "no such file" : `"${(error as Error).message}"`;
    const remedy = "check the path and the permissions";
    const issue = { file: path, line: 0, key: "the file", found, allowed: "a readable file", remedy };
    return { config: undefined, issues: [{ ...issue, severity: "error" }] };
  }
  return parseEdgeConfig(text, path);
}

/**
 * Checks the text of an edge file. Never throws, whatever the text.
 *
 * @param text The whole file.
 * @param file Path as the user wrote it, for messages.
 */
export function parseEdgeConfig(text: string, file: string): EdgeConfigReading {
  const { record, findings } = loadYaml(text, file, EDGE_SCHEMA);
  // A file that is no YAML has no content to check.
  const config = findings.areSound("") ? readConfig(record, findings) : undefined;
  return { config: findings.hasErrors() ? undefined : config, issues: findings.list() };
}

/**
 * Returns the number of forwarding threads to start.
 *
 * @param lanes As configured; 0 takes one per two processors.
 * @param processors Processors of the machine.
 */
export function laneCount(lanes: number, processors: number): number {
  return lanes > 0 ? lanes : Math.min(Math.max(1, Math.floor(processors / 2)), MAX_AUTOMATIC_LANES);
}

function readConfig(file: EdgeFile, findings: Findings): EdgeConfig {
  const privateKey = file.PrivKey ?? new Uint8Array(KEY_LEN);
  const publicKey = file.PrivKey === undefined ? undefined : x25519.getPublicKey(file.PrivKey);
  checkNodeName(file, findings);
  warnOfObfuscation(file, findings);
  const dynamicRoute = readDynamicRoute(file, findings);
  const fakeTcp = readFakeTcp(file, findings);
  const dualStack = readDualStack(file, findings);
  const isStaticMode = dynamicRoute.superNode === undefined && dynamicRoute.p2p === undefined;
  if (isStaticMode) checkOwnRoutes(file, findings);
  return {
    nodeId: file.NodeID,
    nodeName: file.NodeName,
    interface: readInterface(file, findings),
    postScript: file.PostScript,
    defaultTtl: file.DefaultTTL,
    l2FibTimeoutMs: intervalMs(file.L2FIBTimeout),
    privateKey,
    publicKey: publicKey ?? new Uint8Array(KEY_LEN),
    listenPort: file.ListenPort,
    fwmark: file.FwMark,
    addressFamilies: readAddressFamilies(file, findings),
    log: readLog(file, isStaticMode),
    dynamicRoute,
    nextHopTable: recordOfMaps(file.NextHopTable),
    resetEndpointIntervalMs: intervalMs(file.ResetEndPointInterval),
    allowPrivateIp: file.AllowPrivateIP,
    relays: !file.DisableRelay,
    peers: readPeers(file, publicKey, fakeTcp, findings),
    fakeTcp,
    obfuscation: { isEnabled: file.Obfuscation.Enabled, key: file.Obfuscation.PSK },
    dualStack,
    pathSelection: readPathSelection(file, dualStack, fakeTcp, findings),
    lanes: file.DataPlane.Lanes,
  };
}

function checkNodeName(file: EdgeFile, findings: Findings): void {
  if (!file.NodeName.includes("/")) return;
  const remedy = "it is part of the name of a socket file: choose another";
  findings.error("NodeName", { allowed: 'text without "/"', remedy });
}

function warnOfObfuscation(file: EdgeFile, findings: Findings): void {
  if (!file.Obfuscation.Enabled) return;
  const remedy = "obfuscation comes in a later release: datagrams are sealed but not disguised";
  findings.warn("Obfuscation.Enabled", { allowed: "false in this release", remedy });
}

function readAddressFamilies(file: EdgeFile, findings: Findings): AddressFamilyConfig {
  const disabled = file.DisabledAf;
  if (disabled.IPv4 && disabled.IPv6) {
    const remedy = "IPv4 is off, too: write false for one of them";
    findings.error("DisabledAf.IPv6", { allowed: "one family at least", remedy });
  }
  return {
    ipv4: !disabled.IPv4,
    ipv6: !disabled.IPv6,
    listenIpv4: disabled.ListenIPv4,
    listenIpv6: disabled.ListenIPv6,
    preferred: file.AfPrefer,
  };
}

function readLog(file: EdgeFile, isStaticMode: boolean): LogConfig {
  const written = file.LogLevel;
  return {
    level: written.LogLevel,
    transit: written.LogTransit,
    normal: written.LogNormal,
    dumpNormal: written.DumpNormal,
    control: written.LogControl,
    internal: written.LogInternal,
    ntp: written.LogNTP && !isStaticMode,
  };
}

/** Warns about routes of this node that lead nowhere: whatever the file says, they carry no frame. */
function checkOwnRoutes(file: EdgeFile, findings: Findings): void {
  const idPaths = file.Peers.map((_, index) => `Peers[${index}].NodeID`);
  if (!findings.areSound("NodeID", "NextHopTable", "Peers", ...idPaths)) return;
  const peers = new Set(file.Peers.map((peer) => peer.NodeID));
  const own = file.NextHopTable.get(file.NodeID);
  if (own === undefined && peers.size > 0) {
    findings.warn(`NextHopTable[${file.NodeID}]`, {
      allowed: "a row for this node in static mode",
      remedy: "without it this node sends nothing: write its next hops",
    });
  }
  for (const [destination, next] of own ?? []) {
    const path = `NextHopTable[${file.NodeID}][${destination}]`;
    if (destination === file.NodeID || peers.has(next) || !findings.areSound(path)) continue;
    findings.warn(path, {
      allowed: "the NodeID of a peer in Peers",
      remedy: `frames for node ${destination} are dropped: name a peer, or add this one`,
    });
  }
}

function recordOfMaps(table: EdgeFile["NextHopTable"]): EdgeConfig["nextHopTable"] {
  return Object.fromEntries([...table].map(([source, row]) => [source, Object.fromEntries(row)]));
}
