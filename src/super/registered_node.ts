/**
 * What a super node has on record about one edge.
 *
 * @module
 */

import { TokenBucket } from "../base/token_bucket.ts";
import { formatKey } from "../config/key_text.ts";
import type { SuperPeerConfig } from "../config/super_config.ts";
import type { LocalAddresses } from "./local_addresses.ts";
import { NO_ADDRESSES, type NodeAddresses, type PublishedNode } from "./peer_document.ts";
import { EdgeStates, type PushTarget } from "./push.ts";

/** Reports of one edge that are taken in. Source: `http-api.md` §8. */
const REPORTS_PER_SECOND = 2;
const REPORT_BURST = 10;

/** What the registry takes from the configuration of an edge. */
export type NodeConfig = Pick<
  SuperPeerConfig,
  "nodeId" | "name" | "publicKey" | "additionalCostMs" | "skipsLocalAddresses" | "externalIp"
>;

/** What may change about an edge while the super runs; what is left out stays. */
export type NodeChange = Partial<Pick<NodeConfig, "additionalCostMs" | "skipsLocalAddresses">>;

/** An edge, for reading; it changes as things happen. */
export interface RegisteredNode extends NodeConfig {
  /** The public key in base64, as documents and requests have it. */
  readonly publicKeyText: string;
  readonly addresses: NodeAddresses;
  /** Whether it counted as alive when last something was due; `isAlive` of the registry is exact. */
  readonly isAlive: boolean;
  /** Last registration or report by the monotonic clock; −∞ for never since our start. */
  readonly lastSeenMs: number;
  /** The same by the wall clock; `undefined` for never since our start. */
  readonly lastSeenWallMs: number | undefined;
  /** The states that it has and was told of. */
  readonly states: EdgeStates;
}

/** An edge as the registry itself keeps it. */
export interface NodeRecord extends RegisteredNode, PublishedNode, PushTarget {
  additionalCostMs: number;
  skipsLocalAddresses: boolean;
  addresses: NodeAddresses;
  localV4: LocalAddresses;
  localV6: LocalAddresses;
  isAlive: boolean;
  lastSeenMs: number;
  lastSeenWallMs: number | undefined;
  /** State token of its parameters. */
  parametersToken: string;
  /** With which it signs its reports; `undefined` before its first registration. */
  tokenKey: Uint8Array | undefined;
  /** Least number that its next report may bear. */
  expectedCount: number;
  readonly reports: TokenBucket;
  /** Whether a report has come since our start. */
  hasReported: boolean;
  /** When a refused registration was last logged; −∞ for never. */
  refusalLoggedMs: number;
}

/** Makes the record of an edge that was never heard of. */
export function makeNodeRecord(config: NodeConfig, parametersToken: string): NodeRecord {
  const { nodeId, name, publicKey, additionalCostMs, skipsLocalAddresses, externalIp } = config;
  return {
    nodeId,
    name,
    publicKey,
    publicKeyText: formatKey(publicKey),
    additionalCostMs,
    skipsLocalAddresses,
    externalIp,
    addresses: NO_ADDRESSES,
    localV4: {},
    localV6: {},
    isAlive: false,
    lastSeenMs: -Infinity,
    lastSeenWallMs: undefined,
    states: new EdgeStates(),
    parametersToken,
    tokenKey: undefined,
    expectedCount: 0,
    reports: new TokenBucket(REPORTS_PER_SECOND, REPORT_BURST),
    hasReported: false,
    refusalLoggedMs: -Infinity,
  };
}
