/**
 * The documents that a super node hands out, and what is asked for them: the same over HTTP and through a session.
 *
 * Source: `http-api.md` §3, §4.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";

/** What can be asked of a super node. The numbers are those of messages through a session. */
export const DocumentKind = {
  /** Parameters of one edge; `http-api.md` §4.2. Asked for with a state token. */
  PARAMETERS: 1,
  /** Peers of one edge; §4.3. Asked for with a state token. */
  PEERS: 2,
  /** Next-hop table of the network; §4.4. Asked for with a state token. */
  NEXT_HOPS: 3,
  /** A report of an edge, to be taken in; §4.5. Its payload is the gob of a `PeerReport`, not compressed. */
  REPORT: 4,
} as const;

/** Status of an answer: those of HTTP. */
export const DocumentStatus = { OK: 200, BAD_REQUEST: 400, NOT_FOUND: 404, TOO_LARGE: 413, TOO_MANY: 429 } as const;

/** Longest document that is taken in, after decompression, in octets. */
export const DOCUMENT_LEN_MAX = 16 * 1024 * 1024;

/**
 * Longest fragment of a document through a session, in octets: its datagram is no longer than what every path for IPv6 passes,
 * as a FakeTCP segment, too.
 */
export const FRAGMENT_LEN_MAX = 1164;

/** A document, ready to be handed out many times. */
export interface Document {
  /** JSON. */
  readonly plain: Uint8Array<ArrayBuffer>;
  /** The same, compressed; made when it is first asked for, or earlier. */
  gzip(): Uint8Array<ArrayBuffer>;
}

/** What becomes of a request. */
export interface DocumentAnswer {
  /** One of {@linkcode DocumentStatus}, or another status of HTTP. */
  readonly status: number;
  /** `undefined` for an answer without a document. */
  readonly document: Document | undefined;
}

/** What the super node tells an edge to do, in our units. */
export interface EdgeParameters {
  readonly pingIntervalMs: number;
  /** 0: reports only when parameters change. */
  readonly reportIntervalMs: number;
  readonly peerAliveTimeoutMs: number;
  /** Measurements to either side of the median; 0: no filter. */
  readonly dampingFilterRadius: number;
  /** Below 0: the edge's own counts. */
  readonly additionalCostMs: number;
}

/** A peer as the super node lists it for one edge. */
export interface ListedPeer {
  readonly nodeId: NodeId;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** 32 octets; `undefined` for none. */
  readonly presharedKey: Uint8Array | undefined;
  /** Where it may be reached, best first; empty for a peer that is known, but away. */
  readonly candidates: readonly Candidate[];
}

/** One address at which a peer may be reached. */
export interface Candidate {
  /** Kind of the path, see `base/path_kind.ts`. */
  readonly kind: number;
  /** Record of 12 words, see `base/endpoint.ts`. */
  readonly endpoint: Uint32Array;
  /** Smaller is tried first. */
  readonly rank: number;
}
