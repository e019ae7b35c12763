/**
 * The `DynamicRoute` block of an edge file, checked.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { durationMs, intervalMs } from "./duration.ts";
import type { EdgeFile } from "./edge_schema.ts";
import type { EndpointConfig } from "./endpoint_text.ts";
import type { Findings } from "./findings.ts";

/** How routes and peers are found out; static mode uses `peerAliveTimeoutMs` and `duplicateCheckTimeoutMs` only. */
export interface DynamicRouteConfig {
  /** 0: no periodic measuring. */
  readonly pingIntervalMs: number;
  /** Silence after which a peer counts as dead. */
  readonly peerAliveTimeoutMs: number;
  /** 0: off. */
  readonly timeoutCheckIntervalMs: number;
  /** How long each address of a peer is tried. */
  readonly connectionTryMs: number;
  /** How long a flooded message is remembered; 0: not at all. */
  readonly duplicateCheckTimeoutMs: number;
  /** Cost of every link that ends at this node; negative as written. */
  readonly additionalCostMs: number;
  /** Measurements to either side of the median; 0: no filter. */
  readonly dampingFilterRadius: number;
  readonly savesNewPeers: boolean;
  /** `undefined` unless super mode is on. */
  readonly superNode: SuperNodeConfig | undefined;
  /** `undefined` unless P2P mode is on. */
  readonly p2p: P2pConfig | undefined;
  /** `undefined` unless the clock is to be corrected. */
  readonly ntp: NtpConfig | undefined;
}

/** The registry that an edge of super mode obeys. */
export interface SuperNodeConfig {
  readonly presharedKey: Uint8Array | undefined;
  /** Sessions by family; at least one. */
  readonly ipv4: SuperSessionConfig | undefined;
  readonly ipv6: SuperSessionConfig | undefined;
  /** Base of the HTTP interface, without a slash at the end. */
  readonly apiUrl: string;
  readonly skipsLocalAddresses: boolean;
  readonly additionalLocalEndpoints: readonly EndpointConfig[];
  readonly infoTimeoutMs: number;
}

/** A session with the super. */
export interface SuperSessionConfig {
  readonly endpoint: EndpointConfig;
  readonly publicKey: Uint8Array;
}

/** What edges of P2P mode do without a super. */
export interface P2pConfig {
  readonly sendPeerIntervalMs: number;
  readonly graph: GraphConfig;
}

/** When routes are computed anew. */
export interface GraphConfig {
  readonly isStatic: boolean;
  /** `latency[source][destination]` in ms; 65535 stands for every node. */
  readonly manualLatencyMs: ReadonlyMap<NodeId, ReadonlyMap<NodeId, number>>;
  readonly jitterToleranceMs: number;
  readonly jitterToleranceMultiplier: number;
  /** 0: off. */
  readonly timeoutCheckIntervalMs: number;
  readonly recalculateCoolDownMs: number;
}

/** How the clock is corrected. */
export interface NtpConfig {
  /** At least one. */
  readonly servers: readonly string[];
  readonly maxServers: number;
  readonly syncIntervalMs: number;
  readonly timeoutMs: number;
}

type DynamicRouteFile = EdgeFile["DynamicRoute"];

/** Checks the block. What is returned is only fit for use if there are no errors. */
export function readDynamicRoute(file: EdgeFile, findings: Findings): DynamicRouteConfig {
  const written = file.DynamicRoute;
  return {
    pingIntervalMs: intervalMs(written.SendPingInterval),
    peerAliveTimeoutMs: durationMs(written.PeerAliveTimeout),
    timeoutCheckIntervalMs: intervalMs(written.TimeoutCheckInterval),
    connectionTryMs: durationMs(written.ConnNextTry),
    duplicateCheckTimeoutMs: durationMs(written.DupCheckTimeout),
    additionalCostMs: written.AdditionalCost,
    dampingFilterRadius: written.DampingFilterRadius,
    savesNewPeers: written.SaveNewPeers,
    superNode: readSuperNode(written, findings),
    p2p: readP2p(written, findings),
    ntp: readNtp(written, findings),
  };
}

function readSuperNode(written: DynamicRouteFile, findings: Findings): SuperNodeConfig | undefined {
  const block = written.SuperNode;
  const path = "DynamicRoute.SuperNode";
  if (!block.UseSuperNode) return undefined;
  findings.error(`${path}.UseSuperNode`, {
    allowed: "false in this release (static mode)",
    remedy: "super mode comes in a later release: write false, Peers and NextHopTable",
  });
  if (block.EndpointV4 === undefined && block.EndpointV6 === undefined) {
    findings.error(`${path}.EndpointV4`, { allowed: "an endpoint here or in EndpointV6", remedy: "write one" });
  }
  if (block.EndpointEdgeAPIUrl === "") {
    findings.error(`${path}.EndpointEdgeAPIUrl`, { allowed: "http://… or https://…", remedy: "write this key" });
  }
  return {
    presharedKey: block.PSKey,
    ipv4: readSuperSession(block.EndpointV4, block.PubKeyV4, `${path}.PubKeyV4`, findings),
    ipv6: readSuperSession(block.EndpointV6, block.PubKeyV6, `${path}.PubKeyV6`, findings),
    apiUrl: block.EndpointEdgeAPIUrl,
    skipsLocalAddresses: block.SkipLocalIP,
    additionalLocalEndpoints: block.AdditionalLocalIP.filter((endpoint) => endpoint !== undefined),
    infoTimeoutMs: durationMs(block.SuperNodeInfoTimeout),
  };
}

function readSuperSession(
  endpoint: EndpointConfig | undefined,
  publicKey: Uint8Array | undefined,
  keyPath: string,
  findings: Findings,
): SuperSessionConfig | undefined {
  if (endpoint === undefined) return undefined;
  if (publicKey !== undefined) return { endpoint, publicKey };
  findings.error(keyPath, { allowed: "the super's public key", remedy: "its endpoint needs it: write this key" });
  return undefined;
}

function readP2p(written: DynamicRouteFile, findings: Findings): P2pConfig | undefined {
  const block = written.P2P;
  if (!block.UseP2P) return undefined;
  findings.error("DynamicRoute.P2P.UseP2P", {
    allowed: "false in this release (static mode)",
    remedy: "P2P mode comes in a later release: write false, Peers and NextHopTable",
  });
  requirePositive(block.SendPeerInterval, "DynamicRoute.P2P.SendPeerInterval", "P2P mode", findings);
  const graph = block.GraphRecalculateSetting;
  return {
    sendPeerIntervalMs: durationMs(block.SendPeerInterval),
    graph: {
      isStatic: graph.StaticMode,
      manualLatencyMs: graph.ManualLatency,
      jitterToleranceMs: graph.JitterTolerance,
      jitterToleranceMultiplier: graph.JitterToleranceMultiplier,
      timeoutCheckIntervalMs: intervalMs(graph.TimeoutCheckInterval),
      recalculateCoolDownMs: durationMs(graph.RecalculateCoolDown),
    },
  };
}

function readNtp(written: DynamicRouteFile, findings: Findings): NtpConfig | undefined {
  const block = written.NTPConfig;
  const servers = block.Servers.filter((server) => server !== "");
  if (!block.UseNTP || servers.length === 0) return undefined;
  requirePositive(block.SyncTimeInterval, "DynamicRoute.NTPConfig.SyncTimeInterval", "UseNTP", findings);
  return {
    servers,
    maxServers: block.MaxServerUse,
    syncIntervalMs: durationMs(block.SyncTimeInterval),
    timeoutMs: durationMs(block.NTPTimeout),
  };
}

/** The reference node takes 0 and spins. */
function requirePositive(seconds: number, path: string, user: string, findings: Findings): void {
  if (seconds > 0) return;
  findings.error(path, { allowed: "number above 0", remedy: `${user} needs it: write a period in seconds` });
}
