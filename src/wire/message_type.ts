/**
 * The one table of message types: the first octet of every datagram.
 *
 * Types 0 to 2 are handshake messages of a fixed length. From 3 on the octet is the *usage* of a transport message; the
 * rest of the header is in `transport_message.ts`. The usage is not authenticated, so it may only choose between things
 * that a peer is allowed to do anyway.
 *
 * Source: `wire.md` §1.1 and §4.3; reference node, `path/header.go`. Its codes end at 10: it drops greater ones in silence, so
 * ours beyond do no harm there.
 *
 * @module
 */

/** First octet of a datagram. */
export const MessageType = {
  /** Handshake initiation. */
  INITIATION: 0,
  /** Handshake response. */
  RESPONSE: 1,
  /** Cookie reply, under load. */
  COOKIE_REPLY: 2,
  /** Transport without a usage: our keepalives. */
  TRANSPORT: 3,
  /** An Ethernet frame. */
  NORMAL: 4,
  /** Edge to super node: here I am. */
  REGISTER: 5,
  /** Super node to edge: something changed. */
  SERVER_UPDATE: 6,
  /** Latency probe between edges. */
  PING: 7,
  /** A measured latency. */
  PONG: 8,
  /** P2P mode: which peers do you know? */
  QUERY_PEER: 9,
  /** P2P mode: a peer that I know. */
  BROADCAST_PEER: 10,
  /** Between two of our own nodes: about the paths between them; `path_message.ts`. Never relayed. */
  PATH: 16,
  /** Between an edge and a super of ours: a fragment of a document; `document_message.ts`. Never relayed. */
  DOCUMENT: 17,
} as const;

/** Least type of a transport message; all greater ones are transport messages too. */
export const FIRST_TRANSPORT_TYPE = MessageType.TRANSPORT;
/** Least type that carries content. */
export const FIRST_USAGE = MessageType.NORMAL;
/** Greatest type with a meaning to every node. Greater ones authenticate like any other and are then dropped. */
export const LAST_KNOWN_TYPE = MessageType.BROADCAST_PEER;

/** Tells whether a first octet announces a transport message. */
export function isTransportType(type: number): boolean {
  return type >= FIRST_TRANSPORT_TYPE;
}

/** Tells whether the type of a transport message with content has a meaning to every node, a reference node too. */
export function isKnownUsage(type: number): boolean {
  return type >= FIRST_USAGE && type <= LAST_KNOWN_TYPE;
}

/** Tells whether a transport message with content is meant for the neighbour alone that receives it: no node relays it. */
export function isNeighbourUsage(type: number): boolean {
  return type === MessageType.PATH || type === MessageType.DOCUMENT;
}
