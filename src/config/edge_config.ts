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
import type { NodeId } from "../base/node_id.ts";
import { type ConfigReading, parseConfigText, readConfigFile } from "./config_file.ts";
import { intervalMs } from "./duration.ts";
import { type DynamicRouteConfig, readDynamicRoute } from "./dynamic_route_config.ts";
import { EDGE_SCHEMA, type EdgeFile } from "./edge_schema.ts";
import { type FakeTcpConfig, readFakeTcp } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { type NextHopTableConfig, readNextHopTable } from "./graph_config.ts";
import { type InterfaceConfig, readInterface } from "./interface_config.ts";
import { KEY_LEN } from "./key_text.ts";
import {
  type AddressFamilyConfig,
  checkNodeName,
  type LogConfig,
  type ObfuscationConfig,
  readAddressFamilies,
  readLog,
  readObfuscation,
} from "./node_config.ts";
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
  readonly nextHopTable: NextHopTableConfig;
  /** Period of looking up again the endpoints of silent static peers; 0: never. */
  readonly resetEndpointIntervalMs: number;
  /** Whether private addresses learnt from others are used. Those in the file are, in any case. */
  readonly allowPrivateIp: boolean;
  /** Whether frames are forwarded for others. */
  readonly relays: boolean;
  /** Version to tell the super; `undefined`: that of this release. */
  readonly wireVersion: string | undefined;
  readonly peers: readonly PeerConfig[];
  readonly fakeTcp: FakeTcpConfig;
  readonly obfuscation: ObfuscationConfig;
  readonly dualStack: DualStackConfig;
  readonly pathSelection: PathSelectionConfig;
  /** Forwarding threads as written; see {@linkcode laneCount}. */
  readonly lanes: number;
}

/** What became of an edge file. */
export type EdgeConfigReading = ConfigReading<EdgeConfig>;

/** Most lanes that are started unless the file says otherwise: each costs memory, and few hosts need more. */
const MAX_AUTOMATIC_LANES = 4;

/** Reads an edge file as {@linkcode readConfigFile} does. Never throws. */
export function readEdgeConfig(path: string): EdgeConfigReading {
  return readConfigFile(path, parseEdgeConfig);
}

/** Checks the text of an edge file as {@linkcode parseConfigText} does. Never throws. */
export function parseEdgeConfig(text: string, file: string): EdgeConfigReading {
  return parseConfigText(text, file, EDGE_SCHEMA, readConfig);
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
  checkNodeName(file.NodeName, findings);
  const addressFamilies = readAddressFamilies(file.DisabledAf, file.AfPrefer, findings);
  const fakeTcp = readFakeTcp(file, addressFamilies, findings);
  const dynamicRoute = readDynamicRoute(file, publicKey, fakeTcp, findings);
  const dualStack = readDualStack(file, findings);
  const isStaticMode = dynamicRoute.superNode === undefined && dynamicRoute.p2p === undefined;
  if (isStaticMode) checkOwnRoutes(file, findings);
  if (dynamicRoute.superNode !== undefined) warnOfOwnPeers(file, findings);
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
    addressFamilies,
    log: readLog(file.LogLevel, !isStaticMode),
    dynamicRoute,
    nextHopTable: readNextHopTable(file.NextHopTable),
    resetEndpointIntervalMs: intervalMs(file.ResetEndPointInterval),
    allowPrivateIp: file.AllowPrivateIP,
    relays: !file.DisableRelay,
    wireVersion: file.WireVersion,
    peers: readPeers(file, publicKey, fakeTcp, findings),
    fakeTcp,
    obfuscation: readObfuscation(file.Obfuscation, findings),
    dualStack,
    pathSelection: readPathSelection(file, addressFamilies, dualStack, fakeTcp, findings),
    lanes: file.DataPlane.Lanes,
  };
}

/** Warns about peers that are forgotten as soon as the super has told its own. */
function warnOfOwnPeers(file: EdgeFile, findings: Findings): void {
  if (file.Peers.length === 0) return;
  findings.warn("Peers", {
    found: file.Peers.length === 1 ? "1 peer" : `${file.Peers.length} peers`,
    allowed: "an empty list in super mode",
    remedy: "the super tells the peers, and those it doesn't know are removed: empty the list",
  });
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
