/**
 * Where a listed peer may be reached: the addresses under its `Connurl`, and those that follow from `FakeTCPPort`.
 *
 * Source: `http-api.md` §4.3; `behaviour.md` §2.8.
 *
 * @module
 */

import { ENDPOINT_WORDS, endpointAddress, formatEndpoint, parseEndpoint, writeEndpoint } from "../base/endpoint.ts";
import { pathKindOf, Transport } from "../base/path_kind.ts";
import type { Candidate } from "./documents.ts";
import { fieldOf, isJsonObject, type JsonObject } from "./json_document.ts";

/** Most addresses that are kept of one map. */
export const CANDIDATES_PER_MAP_MAX = 16;
/** By how much addresses of the family that `AfPrefer` names come first. */
export const PREFERRED_FAMILY_BONUS = 10_000;

/** Which addresses this node wants, and in which order. */
export interface CandidateChoice {
  /** Whether to leave out what others report as addresses in their own network: this node's `SkipLocalIP`. */
  readonly skipsLocalAddresses: boolean;
  /** Family to try first; 0 for none. */
  readonly preferredFamily: 0 | 4 | 6;
}

/** What was found. */
export interface CandidateList {
  /** Best first. */
  readonly candidates: readonly Candidate[];
  /** Addresses that were left out because they can't be used: no IP literal with a port, no number as rank. */
  readonly skipped: number;
}

/** What makes two candidates one: kind and remote address. */
type CandidateKey = string;

/** Maps of `Connurl`; of one address in several, the first counts. */
const MAPS: readonly { readonly name: string; readonly transport: number; readonly isLocal: boolean }[] = [
  { name: "ExternalV4", transport: Transport.UDP, isLocal: false },
  { name: "ExternalV6", transport: Transport.UDP, isLocal: false },
  { name: "FakeTCPV4", transport: Transport.FAKETCP, isLocal: false },
  { name: "FakeTCPV6", transport: Transport.FAKETCP, isLocal: false },
  { name: "LocalV4", transport: Transport.UDP, isLocal: true },
  { name: "LocalV6", transport: Transport.UDP, isLocal: true },
];

/** Reads the addresses of one entry of the list of peers. */
export function readCandidates(entry: JsonObject, choice: CandidateChoice): CandidateList {
  const maps = fieldOf(entry, "Connurl");
  const fakeTcpPort = portOf(fieldOf(entry, "FakeTCPPort"));
  const found = new Map<CandidateKey, Candidate>();
  let skipped = 0;
  for (const { name, transport, isLocal } of MAPS) {
    if (!isJsonObject(maps) || (isLocal && choice.skipsLocalAddresses)) continue;
    const read = readMap(fieldOf(maps, name), transport, choice.preferredFamily);
    skipped += read.skipped;
    for (const candidate of read.candidates) addCandidate(found, candidate);
    if (!isLocal || fakeTcpPort === 0) continue;
    for (const candidate of read.candidates) addCandidate(found, overFakeTcp(candidate, fakeTcpPort));
  }
  return { candidates: [...found.values()].sort(byRank), skipped };
}

function readMap(map: unknown, transport: number, preferredFamily: number): CandidateList {
  if (!isJsonObject(map)) return { candidates: [], skipped: map === undefined ? 0 : 1 };
  const addresses = Object.keys(map);
  const candidates: Candidate[] = [];
  for (const address of addresses) {
    const endpoint = parseEndpoint(address);
    const rank = map[address];
    if (endpoint === undefined || !isUsable(endpoint) || typeof rank !== "number" || !Number.isFinite(rank)) continue;
    const family = endpoint[0];
    candidates.push({
      kind: pathKindOf(transport, family),
      endpoint,
      rank: family === preferredFamily ? rank - PREFERRED_FAMILY_BONUS : rank,
    });
  }
  const skipped = addresses.length - candidates.length;
  return { candidates: candidates.sort(byRank).slice(0, CANDIDATES_PER_MAP_MAX), skipped };
}

/**
 * Tells whether datagrams can be sent there at all: not to the unspecified address, to many hosts at once, to an IPv6 address
 * that says nothing without an interface, or to an IPv4 address dressed as IPv6.
 */
function isUsable(endpoint: Uint32Array): boolean {
  const octets = endpointAddress(endpoint, 0);
  if (octets.length === 4) return octets[0] !== 0 && octets[0] < 224;
  const isLinkLocal = octets[0] === 0xfe && (octets[1] & 0xc0) === 0x80;
  const isMapped = octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff;
  return octets[0] !== 0xff && !isLinkLocal && !isMapped && octets.some((octet) => octet !== 0);
}

function portOf(value: unknown): number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 0xffff ? value : 0;
}

function overFakeTcp({ endpoint, rank }: Candidate, port: number): Candidate {
  const words = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(words, 0, endpointAddress(endpoint, 0), port);
  return { kind: pathKindOf(Transport.FAKETCP, endpoint[0]), endpoint: words, rank };
}

function addCandidate(found: Map<CandidateKey, Candidate>, candidate: Candidate): void {
  const key = `${candidate.kind} ${formatEndpoint(candidate.endpoint, 0)}`;
  if (!found.has(key)) found.set(key, candidate);
}

/** Sorting keeps the order of what is equal. */
function byRank(a: Candidate, b: Candidate): number {
  return a.rank - b.rank;
}
