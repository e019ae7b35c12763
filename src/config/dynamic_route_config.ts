/**
 * The `DynamicRoute` block of an edge file, checked.
 *
 * @module
 */

import { durationMs, intervalMs } from "./duration.ts";
import type { EdgeFile } from "./edge_schema.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import { type GraphConfig, readGraph } from "./graph_config.ts";
import { readSuperNode, type SuperNodeConfig } from "./super_node_config.ts";

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

/** What edges of P2P mode do without a super. */
export interface P2pConfig {
  readonly sendPeerIntervalMs: number;
  readonly graph: GraphConfig;
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

/**
 * Checks the block. What is returned is only fit for use if there are no errors.
 *
 * @param ownPublicKey This node's public key; `undefined` if its private key is wrong.
 * @param fakeTcp Whether the super is called by FakeTCP, too, and over which families.
 */
export function readDynamicRoute(
  file: EdgeFile,
  ownPublicKey: Uint8Array | undefined,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): DynamicRouteConfig {
  const written = file.DynamicRoute;
  if (written.SuperNode.UseSuperNode) {
    requirePositive(written.PeerAliveTimeout, "DynamicRoute.PeerAliveTimeout", "super mode", findings);
    requirePositive(written.ConnNextTry, "DynamicRoute.ConnNextTry", "super mode", findings);
  }
  return {
    pingIntervalMs: intervalMs(written.SendPingInterval),
    peerAliveTimeoutMs: durationMs(written.PeerAliveTimeout),
    timeoutCheckIntervalMs: intervalMs(written.TimeoutCheckInterval),
    connectionTryMs: durationMs(written.ConnNextTry),
    duplicateCheckTimeoutMs: durationMs(written.DupCheckTimeout),
    additionalCostMs: written.AdditionalCost,
    dampingFilterRadius: written.DampingFilterRadius,
    savesNewPeers: written.SaveNewPeers,
    superNode: readSuperNode(file, ownPublicKey, fakeTcp, findings),
    p2p: readP2p(written, findings),
    ntp: readNtp(written, findings),
  };
}

function readP2p(written: DynamicRouteFile, findings: Findings): P2pConfig | undefined {
  const block = written.P2P;
  if (!block.UseP2P) return undefined;
  findings.error("DynamicRoute.P2P.UseP2P", {
    allowed: "false in this release (static or super mode)",
    remedy: "P2P mode comes in a later release: write false; without a super also Peers and NextHopTable",
  });
  requirePositive(block.SendPeerInterval, "DynamicRoute.P2P.SendPeerInterval", "P2P mode", findings);
  return {
    sendPeerIntervalMs: durationMs(block.SendPeerInterval),
    graph: readGraph(block.GraphRecalculateSetting),
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
