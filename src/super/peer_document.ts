/**
 * The list of peers as JSON, as each edge is to see it. Old spellings of the document begin here.
 *
 * A node's entry looks the same to all edges but for two things: the preshared key, which belongs to the pair, and the local
 * addresses, of which an edge with `SkipLocalIP` hears nothing. So an entry is kept in pieces, made anew when the node
 * changes, and a list is put together from them; two pieces that are equal say that nothing published has changed.
 *
 * Beside what reference nodes know, nodes with FakeTCP have `FakeTCPV4` and `FakeTCPV6` in `Connurl` and `FakeTCPPort`
 * beside it; reference nodes skip names they don't know. Source: `http-api.md` §4.3; `behaviour.md` §3.4.
 *
 * @module
 */

import { ENDPOINT_WORDS, endpointAddress, formatEndpoint, parseEndpoint, writeEndpoint } from "../base/endpoint.ts";
import type { NodeId } from "../base/node_id.ts";
import { formatKey } from "../config/key_text.ts";
import type { LocalAddresses } from "./local_addresses.ts";

/** Where a node is seen to be, by the sessions with it: `address:port` or `[address]:port`. */
export interface NodeAddresses {
  readonly udp4: string | undefined;
  readonly udp6: string | undefined;
  /** The other side of its FakeTCP connection to us: behind an address translator, the mapping. */
  readonly fakeTcp4: string | undefined;
  readonly fakeTcp6: string | undefined;
  /** Where it listens for FakeTCP itself; 0: nowhere. */
  readonly fakeTcpPort: number;
}

/** A node of which nothing is known. */
export const NO_ADDRESSES: NodeAddresses = {
  udp4: undefined,
  udp6: undefined,
  fakeTcp4: undefined,
  fakeTcp6: undefined,
  fakeTcpPort: 0,
};

/** What a node's entry is made from. */
export interface PublishedNode {
  readonly nodeId: NodeId;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  readonly isAlive: boolean;
  readonly addresses: NodeAddresses;
  readonly localV4: LocalAddresses;
  readonly localV6: LocalAddresses;
  readonly skipsLocalAddresses: boolean;
  /** 4 or 16 octets that take the place of the address seen, in that family alone; its port stays. */
  readonly externalIp: Uint8Array | undefined;
}

/** A node's entry, in pieces. */
export interface PeerEntry {
  readonly nodeId: NodeId;
  /** Up to where the preshared key stands. */
  readonly head: string;
  /** From there on. */
  readonly tail: string;
  /** The same for those who want no local addresses. */
  readonly tailWithoutLocal: string;
}

/** For whom a list is. */
export interface Asker {
  readonly nodeId: NodeId;
  readonly skipsLocalAddresses: boolean;
}

/** A mapping made for a connection to us opens to others only if both call at once: after everything else. */
const MAPPED_RANK = 10;

/**
 * A node that is away, or was not heard of yet: four times `null`. `Connurl` itself never is: reference edges crash on that.
 *
 * The reference super leaves out whoever it hasn't seen since its start. Edges drop a peer that isn't listed, so that there a
 * restart of the super ends sessions between edges.
 */
const AWAY = JSON.stringify({ ExternalV4: null, ExternalV6: null, LocalV4: null, LocalV6: null });

type Ranks = Record<string, number>;

/** Makes the entry of a node. */
export function peerEntry(node: PublishedNode): PeerEntry {
  const { nodeId, publicKey, isAlive, skipsLocalAddresses, addresses } = node;
  const head = `"${formatKey(publicKey)}":{"NodeID":${nodeId},"PSKey":"`;
  const { udp4, udp6, fakeTcp4, fakeTcp6, fakeTcpPort } = addresses;
  const isSeen = (udp4 ?? udp6 ?? fakeTcp4 ?? fakeTcp6) !== undefined;
  if (!isAlive || !isSeen) {
    const tail = `","Connurl":${AWAY}}`;
    return { nodeId, head, tail, tailWithoutLocal: tail };
  }
  const hasFakeTcp = fakeTcpPort !== 0 || (fakeTcp4 ?? fakeTcp6) !== undefined;
  const port = fakeTcpPort === 0 ? "" : `,"FakeTCPPort":${fakeTcpPort}`;
  function tailWith(localV4: LocalAddresses | null, localV6: LocalAddresses | null): string {
    const connUrl = {
      ExternalV4: udpRanks(node, udp4, 4),
      ExternalV6: udpRanks(node, udp6, 6),
      LocalV4: localV4,
      LocalV6: localV6,
      ...(hasFakeTcp ? { FakeTCPV4: fakeTcpRanks(node, 4), FakeTCPV6: fakeTcpRanks(node, 6) } : {}),
    };
    return `","Connurl":${JSON.stringify(connUrl)}${port}}`;
  }
  const tail = skipsLocalAddresses ? tailWith(null, null) : tailWith(node.localV4, node.localV6);
  return { nodeId, head, tail, tailWithoutLocal: tailWith({}, {}) };
}

/** Tells whether two entries of one node say the same. */
export function isSameEntry(a: PeerEntry | undefined, b: PeerEntry | undefined): boolean {
  return a?.head === b?.head && a?.tail === b?.tail && a?.tailWithoutLocal === b?.tailWithoutLocal;
}

/**
 * Puts a list together.
 *
 * @param pairKey Gives the preshared key of the asker and another node, in base64; the asker itself is left out then.
 *   `undefined`: nobody gets one, and the list is the same for all but for local addresses.
 */
export function peersText(
  entries: Iterable<PeerEntry>,
  asker: Asker,
  pairKey: ((nodeId: NodeId) => string) | undefined,
): string {
  const pieces: string[] = [];
  for (const entry of entries) {
    if (pairKey !== undefined && entry.nodeId === asker.nodeId) continue;
    const tail = asker.skipsLocalAddresses ? entry.tailWithoutLocal : entry.tail;
    pieces.push(pairKey === undefined ? entry.head + tail : entry.head + pairKey(entry.nodeId) + tail);
  }
  return `{${pieces.join(",")}}`;
}

function udpRanks(node: PublishedNode, seen: string | undefined, family: 4 | 6): Ranks {
  const endpoint = externalEndpoint(node, seen, family);
  return endpoint === undefined ? {} : { [formatEndpoint(endpoint, 0)]: family };
}

/** Where a node listens ranks as its address for UDP does; then comes where it calls us from. */
function fakeTcpRanks(node: PublishedNode, family: 4 | 6): Ranks {
  const { udp4, udp6, fakeTcp4, fakeTcp6, fakeTcpPort } = node.addresses;
  const mapped = externalEndpoint(node, family === 4 ? fakeTcp4 : fakeTcp6, family);
  const host = mapped ?? externalEndpoint(node, family === 4 ? udp4 : udp6, family);
  const ranks: Ranks = {};
  if (mapped !== undefined) ranks[formatEndpoint(mapped, 0)] = family + MAPPED_RANK;
  if (host !== undefined && fakeTcpPort !== 0) {
    const listening = new Uint32Array(ENDPOINT_WORDS);
    writeEndpoint(listening, 0, endpointAddress(host, 0), fakeTcpPort);
    ranks[formatEndpoint(listening, 0)] = family;
  }
  return ranks;
}

/** The reference node appends the port of IPv4 to IPv6 as well, so that one is never replaced. */
function externalEndpoint(node: PublishedNode, seen: string | undefined, family: 4 | 6): Uint32Array | undefined {
  const endpoint = seen === undefined ? undefined : parseEndpoint(seen);
  if (endpoint === undefined || endpoint[0] !== family) return undefined;
  const { externalIp } = node;
  if (externalIp?.length === (family === 4 ? 4 : 16)) writeEndpoint(endpoint, 0, externalIp, endpoint[1]);
  return endpoint;
}
