/**
 * What nodes tell each other besides frames: our records of the control messages and of the report to the super node.
 *
 * They bear the field's words; how they look on the wire, old spellings included, only `message_codec.ts` knows. A decoded
 * record has fields of these types and within these ranges, but says what its sender likes: whether a node exists, may say
 * so or is the sender at all, is for those to ask who use it. Source: `wire.md` §4.3, §4.5, §5; `behaviour.md` §0.3.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";

/** Length of the key in {@linkcode Register}, in octets. */
export const TOKEN_KEY_LEN = 32;
/** Length of a public key, in octets. */
export const PUBLIC_KEY_LEN = 32;

/** Edge to super, at first and then now and again: here I am, and this is what I have of yours. */
export interface Register {
  readonly nodeId: NodeId;
  /** Only the part before the first `-` is compared. */
  readonly version: string;
  /** Hash of the list of peers that the edge has; empty before the first download. */
  readonly peersHash: string;
  /** Hash of the next-hop table that the edge has; empty before the first download. */
  readonly nextHopHash: string;
  /** Hash of the parameters that the edge has; empty before the first download. */
  readonly parametersHash: string;
  /** Key with which the edge signs its reports, {@linkcode TOKEN_KEY_LEN} octets: random, made at its start. */
  readonly tokenKey: Uint8Array;
  /** Least number that its next report may bear; below 2^53. */
  readonly reportCount: number;
}

/** What a {@linkcode ServerUpdate} asks for. */
export const ServerAction = {
  NONE: 0,
  /** End the program: this node was removed. */
  SHUTDOWN: 1,
  /** End the program: this node was refused, with an errno in `code` and a text. */
  ERROR: 2,
  /** End the program at once. */
  PANIC: 3,
  /** Download the list of peers, if the hash isn't the one you have. */
  UPDATE_PEERS: 4,
  /** Download the next-hop table, if the hash isn't the one you have. */
  UPDATE_NEXT_HOP: 5,
  /** Download the parameters, if the hash isn't the one you have. */
  UPDATE_PARAMETERS: 6,
} as const;

/** Super to edge: do this. */
export interface ServerUpdate {
  /** The super's own id in updates, the edge's in errors and at shutdown. */
  readonly nodeId: NodeId;
  /** One of {@linkcode ServerAction}, or a number without a meaning. */
  readonly action: number;
  /** Errno of Linux that says why, or 0. */
  readonly code: number;
  /** A hash in updates, else a text for people. */
  readonly params: string;
}

/** Edge to its neighbours: when this was sent. */
export interface Ping {
  /** Any number: nobody answers with it. It makes one message differ from the next. 32 bits. */
  readonly requestId: number;
  readonly source: NodeId;
  /** When it was sent by the sender's wall clock, in milliseconds since 1970; fractions count. */
  readonly sentAtMs: number;
  /** How many pings are wanted back. Unbounded on the wire: it asks others for traffic. */
  readonly replyCount: number;
}

/** What a ping showed: to the super node, to the other edges, and in reports. */
export interface Pong {
  /** As in {@linkcode Ping}. */
  readonly requestId: number;
  /** Where the ping came from. */
  readonly source: NodeId;
  /** Who received it and says so. */
  readonly destination: NodeId;
  /** From source to destination by two clocks, so it may be negative; from {@linkcode UNREACHABLE_LATENCY_S} on: never. */
  readonly latencyS: number;
  /** How long this holds. */
  readonly timeToLiveS: number;
  /** What the destination adds to the cost of all that comes to it. */
  readonly additionalCostMs: number;
}

/** Latency that stands for "unreachable"; there is no infinity on the wire. */
export const UNREACHABLE_LATENCY_S = 99_999;

/** P2P mode: which peers do you know? */
export interface QueryPeer {
  /** Comes back in the answers; reference nodes put their NodeId. 32 bits. */
  readonly requestId: number;
}

/** P2P mode: a peer that I know. */
export interface BroadcastPeer {
  /** Of the query that this answers; above all NodeIds, or equal to the highest one, if nobody asked. 32 bits. */
  readonly requestId: number;
  readonly nodeId: NodeId;
  /** {@linkcode PUBLIC_KEY_LEN} octets. */
  readonly publicKey: Uint8Array;
  /** Where it may be reached: `192.0.2.1:3001` or `[2001:db8::1]:3001`, unchecked. */
  readonly endpoint: string;
}

/** Edge to super, over HTTP: whom it hears, and where it listens. */
export interface PeerReport {
  readonly pongs: readonly Pong[];
  /** Own IPv4 endpoints as text, unchecked, with a priority each. */
  readonly localV4: ReadonlyMap<string, number>;
  /** Own IPv6 endpoints as text, unchecked, with a priority each. */
  readonly localV6: ReadonlyMap<string, number>;
}
