/**
 * The documents of a super node, read: parameters, list of peers, next-hop table.
 *
 * A super is trusted to rule the network, not to be free of mistakes, and whoever stands between it and us may be anyone. So
 * the outline of a document must be right, else it is refused as a whole: parameters in every value, the other two in being
 * objects of bearable size. An entry of those that can't be used is left out and counted, so that one bad line doesn't cost
 * the others their connection. Nothing here throws, and what is returned holds no id and no address that can't be used.
 *
 * Source: `http-api.md` §4.2–4.4, §6; `behaviour.md` §2.6.
 *
 * @module
 */

import { isOrdinaryNodeId, MAX_ORDINARY_NODE_ID, type NodeId } from "../base/node_id.ts";
import { formatKey, isZeroKey, parseKey } from "../config/key_text.ts";
import { MAX_DAMPING_FILTER_RADIUS } from "../route/latency_filter.ts";
import type { NextHopTable } from "../route/next_hop.ts";
import { type CandidateChoice, readCandidates } from "./candidate_list.ts";
import type { EdgeParameters, ListedPeer } from "./documents.ts";
import {
  type DocumentFault,
  fieldOf,
  isDocumentFault,
  isJsonObject,
  type JsonObject,
  parseJsonObject,
} from "./json_document.ts";

/** What this node needs to know of itself to read a list of peers. */
export interface PeerListReader extends CandidateChoice {
  readonly selfNodeId: NodeId;
  /** 32 octets. */
  readonly selfPublicKey: Uint8Array;
}

/** A list of peers. */
export interface PeerList {
  /** By NodeId, each id and key once, this node left out. */
  readonly peers: readonly ListedPeer[];
  /** Entries that were left out: no usable key or id, a preshared key that is none, an id or key used before. */
  readonly skippedPeers: number;
  /** Addresses of the other entries that were left out. */
  readonly skippedAddresses: number;
}

/** A next-hop table. */
export interface NextHopDocument {
  readonly table: NextHopTable;
  /** Rows and entries that were left out: no ordinary NodeIds. */
  readonly skipped: number;
}

/** Most entries of a list, or rows of a table: one for each ordinary NodeId. */
const NODES_MAX = MAX_ORDINARY_NODE_ID + 1;
/** Longest time and greatest cost that a document may name, s and ms: thirty years are "never". */
const TIME_MAX_S = 1e9;
const COST_MAX_MS = 1e9;
/** Periods that are shorter are taken for this, ms: no super makes us flood the network. */
const PING_INTERVAL_MIN_MS = 100;
const REPORT_INTERVAL_MIN_MS = 1_000;

/** Whether a value of the parameters can be used, and what it should be. */
interface ParameterRule {
  readonly fitting: string;
  isFit(value: number): boolean;
}

const INTERVAL: ParameterRule = {
  fitting: `a number of seconds above 0, at most ${TIME_MAX_S}`,
  isFit: (value) => value > 0 && value <= TIME_MAX_S,
};
const INTERVAL_OR_OFF: ParameterRule = {
  fitting: `0 or a number of seconds, at most ${TIME_MAX_S}`,
  isFit: (value) => value >= 0 && value <= TIME_MAX_S,
};
const COUNT: ParameterRule = {
  fitting: "a whole number from 0",
  isFit: (value) => Number.isInteger(value) && value >= 0,
};
const COST: ParameterRule = {
  fitting: `a number of milliseconds, -${COST_MAX_MS} to ${COST_MAX_MS}`,
  isFit: (value) => Math.abs(value) <= COST_MAX_MS,
};

/** Reads parameters; `http-api.md` §4.2. */
export function parseParameters(octets: Uint8Array): EdgeParameters | DocumentFault {
  const document = parseJsonObject(octets);
  if (isDocumentFault(document)) return document;
  const { object } = document;
  let fault: string | undefined;
  function value(name: string, { isFit, fitting }: ParameterRule): number {
    // As in Go, what is absent is zero.
    const found = fieldOf(object, name) ?? 0;
    if (typeof found === "number" && isFit(found)) return found;
    fault ??= `${name} is ${typeof found === "number" ? found : "no number"}; it should be ${fitting}`;
    return 0;
  }
  const pingIntervalMs = value("SendPingInterval", INTERVAL) * 1000;
  const reportIntervalMs = value("HttpPostInterval", INTERVAL_OR_OFF) * 1000;
  const parameters: EdgeParameters = {
    pingIntervalMs: Math.max(pingIntervalMs, PING_INTERVAL_MIN_MS),
    reportIntervalMs: reportIntervalMs > 0 ? Math.max(reportIntervalMs, REPORT_INTERVAL_MIN_MS) : 0,
    peerAliveTimeoutMs: value("PeerAliveTimeout", INTERVAL) * 1000,
    dampingFilterRadius: Math.min(value("DampingFilterRadius", COUNT), MAX_DAMPING_FILTER_RADIUS),
    additionalCostMs: value("AdditionalCost", COST),
  };
  return fault === undefined ? parameters : { fault };
}

/** Reads a list of peers; `http-api.md` §4.3. */
export function parsePeers(octets: Uint8Array, reader: PeerListReader): PeerList | DocumentFault {
  const document = parseJsonObject(octets);
  if (isDocumentFault(document)) return document;
  const entries = Object.entries(document.object);
  if (entries.length > NODES_MAX) {
    return { fault: `list has ${entries.length} peers; at most ${NODES_MAX} are taken in` };
  }

  const ownKey = formatKey(reader.selfPublicKey);
  const keys = new Set<string>();
  const peers = new Map<NodeId, ListedPeer>();
  let skippedPeers = 0;
  let skippedAddresses = 0;
  for (const [keyText, entry] of entries) {
    const publicKey = parseKey(keyText);
    // Two texts can stand for one key: the last character has two bits to spare.
    const canonicalText = publicKey === undefined ? "" : formatKey(publicKey);
    if (canonicalText === ownKey) continue;
    const read = publicKey === undefined ? undefined : readPeer(publicKey, entry, reader);
    if (read === undefined || keys.has(canonicalText) || peers.has(read.peer.nodeId)) {
      skippedPeers++;
      continue;
    }
    keys.add(canonicalText);
    peers.set(read.peer.nodeId, read.peer);
    skippedAddresses += read.skippedAddresses;
  }
  return { peers: [...peers.values()].sort((a, b) => a.nodeId - b.nodeId), skippedPeers, skippedAddresses };
}

/** Reads a next-hop table; `http-api.md` §4.4. */
export function parseNextHops(octets: Uint8Array): NextHopDocument | DocumentFault {
  const document = parseJsonObject(octets);
  if (isDocumentFault(document)) return document;
  const rows = Object.entries(document.object);
  if (rows.length > NODES_MAX) return { fault: `table has ${rows.length} rows; at most ${NODES_MAX} are taken in` };

  const table: Record<NodeId, Record<NodeId, NodeId>> = {};
  let skipped = 0;
  for (const [sourceText, entries] of rows) {
    const source = parseNodeId(sourceText);
    // A row without entries may be `null` in Go.
    if (source === undefined || (entries !== null && !isJsonObject(entries))) {
      skipped++;
      continue;
    }
    if (entries === null || isNextHopRow(entries)) {
      table[source] = entries ?? {};
      continue;
    }
    const row: Record<NodeId, NodeId> = {};
    for (const [destinationText, nextHop] of Object.entries(entries)) {
      const destination = parseNodeId(destinationText);
      if (destination !== undefined && isNodeId(nextHop)) row[destination] = nextHop;
      else skipped++;
    }
    table[source] = row;
  }
  return { table, skipped };
}

/**
 * Tells whether a row has ordinary NodeIds and nothing else, so that it can be kept as it is. A table of a thousand nodes has
 * a million entries: reading each name by a regular expression and copying it would take seven times as long as `JSON.parse`.
 *
 * Names that are array indices come first and ascending (ECMA-262, OrdinaryOwnPropertyKeys). Any other name is read as no
 * NodeId, as that of a property that isn't there, or, like `01`, as one that has been before.
 */
function isNextHopRow(row: JsonObject): row is Record<NodeId, NodeId> {
  let previous = -1;
  for (const name of Object.keys(row)) {
    const destination = Number(name);
    if (!isNodeId(destination) || destination <= previous || !isNodeId(row[destination])) return false;
    previous = destination;
  }
  return true;
}

/** Reads the entry of a key; `undefined` if it can't be used. */
function readPeer(
  publicKey: Uint8Array,
  entry: unknown,
  reader: PeerListReader,
): { peer: ListedPeer; skippedAddresses: number } | undefined {
  if (!isJsonObject(entry) || isZeroKey(publicKey)) return undefined;
  const nodeId = fieldOf(entry, "NodeID");
  if (!isNodeId(nodeId) || nodeId === reader.selfNodeId) return undefined;
  const keyText = fieldOf(entry, "PSKey") ?? "";
  const presharedKey = typeof keyText === "string" ? parseKey(keyText) : undefined;
  // Not "without one": a pair that is to have a preshared key gets no session that lacks it.
  if (presharedKey === undefined && keyText !== "") return undefined;
  const { candidates, skipped } = readCandidates(entry, reader);
  const isNone = presharedKey === undefined || isZeroKey(presharedKey);
  return {
    peer: { nodeId, publicKey, presharedKey: isNone ? undefined : presharedKey, candidates },
    skippedAddresses: skipped,
  };
}

/** Reads an id that is a name in JSON: digits without zeros in front. */
function parseNodeId(text: string): NodeId | undefined {
  if (!/^(?:0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const id = Number(text);
  return isOrdinaryNodeId(id) ? id : undefined;
}

function isNodeId(value: unknown): value is NodeId {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && isOrdinaryNodeId(value);
}
