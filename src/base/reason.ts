/**
 * The closed list of reasons for which the network's input is dropped.
 *
 * A reason is a small integer that a function returns instead of throwing. Each is counted under its name; the counters
 * live in the shared tables, one row a lane.
 *
 * @module
 */

/** Why something was dropped. `NONE` means that it was not. */
export const Reason = {
  NONE: 0,
  /** Shorter than any message. */
  DATAGRAM_TRUNCATED: 1,
  /** Longer than a burst buffer can hold or the system delivered. */
  DATAGRAM_OVERSIZED: 2,
  /** A handshake type whose length is not the one of that type. */
  HANDSHAKE_LENGTH: 3,
  /** MAC1 doesn't prove knowledge of our public key. */
  HANDSHAKE_MAC1: 4,
  /** More handshakes arrived than the control thread can take. */
  HANDSHAKE_OVERLOAD: 5,
  /** The initiator's source address exceeds its rate while under load. */
  HANDSHAKE_RATE: 6,
  /** Decryption of a handshake message failed. */
  HANDSHAKE_DECRYPT: 7,
  /** The initiator's static key belongs to no peer. */
  HANDSHAKE_UNKNOWN_PEER: 8,
  /** The timestamp is not newer than the last one: a replayed initiation. */
  HANDSHAKE_REPLAY: 9,
  /** A second initiation within 20 ms of the last. */
  HANDSHAKE_FLOOD: 10,
  /** A response or cookie reply that matches no handshake of ours. */
  HANDSHAKE_UNEXPECTED: 11,
  /** The response verifies only without the preshared key that the user wrote. */
  HANDSHAKE_PRESHARED_KEY: 12,
  /** The cookie reply doesn't authenticate. */
  COOKIE_DECRYPT: 13,
  /** No session has this receiver index. */
  SESSION_UNKNOWN: 14,
  /** The session's key is older than Reject-After-Time. */
  SESSION_EXPIRED: 15,
  /** The authentication tag doesn't verify. */
  AEAD_FAILED: 16,
  /** The counter was seen before or lies behind the window. */
  REPLAY: 17,
  /** The counter is beyond what the protocol allows. */
  COUNTER_LIMIT: 18,
  /** The content is too short for the inner header. */
  CONTENT_TRUNCATED: 19,
  /** A usage code that has no meaning. */
  USAGE_UNKNOWN: 20,
  /** A usage that this sender or this role may not use. */
  USAGE_FORBIDDEN: 21,
  /** The inner source is our own NodeId. */
  OWN_SOURCE: 22,
  /** A frame too short to hold two addresses. */
  FRAME_TRUNCATED: 23,
  /** A frame too long for one datagram. */
  FRAME_OVERSIZED: 24,
  /** Offload metadata that contradicts the frame. */
  FRAME_OFFLOAD: 25,
  /** The next-hop table has no route to the destination. */
  NO_ROUTE: 26,
  /** The next hop is the peer that the frame came from. */
  ROUTE_BACK: 27,
  /** The hop limit is used up. */
  TTL_EXPIRED: 28,
  /** Forwarding for others is switched off. */
  RELAY_DISABLED: 29,
  /** A spread message seen before. */
  SPREAD_DUPLICATE: 30,
  /** The peer has no endpoint. */
  NO_ENDPOINT: 31,
  /** No session, and the queue that waits for one is full: the oldest was dropped. */
  STAGED_OVERFLOW: 32,
  /** A staged frame whose handshake was given up. */
  STAGED_EXPIRED: 33,
  /** The socket refused to send. */
  SEND_FAILED: 34,
  /** The datagram exceeds what the path carries. */
  SEND_OVERSIZED: 35,
  /** The socket or interface had no room. */
  SEND_NO_BUFFERS: 36,
  /** The tap refused a frame. */
  TAP_WRITE: 37,
  /** An event for the control thread found its ring full. */
  EVENT_OVERFLOW: 38,
  /** The all-zero datagram that reference nodes send on a standby path. */
  STANDBY_PROBE: 39,
  /** A source address that AllowPrivateIP keeps from being learnt. */
  PRIVATE_SOURCE: 40,
  /** No TCP segment as a host sends one: a fragment, an extension header, a wrong length, impossible control bits. */
  SEGMENT_MALFORMED: 41,
  /** A segment whose checksum is wrong. */
  SEGMENT_CHECKSUM: 42,
  /** An IP packet that isn't TCP, or isn't meant for the stack's address. */
  SEGMENT_FOREIGN: 43,
  /** A segment whose sequence number, acknowledgment or timestamps don't fit its connection. */
  SEGMENT_UNACCEPTABLE: 44,
  /** A reset for a connection that we don't know. */
  SEGMENT_UNKNOWN: 45,
  /** A segment for the control thread beyond the rate at which a lane passes its kind on. */
  SEGMENT_RATE: 46,
  /** A frame too long for the path to its peer that can't be cut up; its sender is told if there is a way to. */
  PATH_OVERSIZED: 47,
  /** A control message whose gob or JSON can't be read, or whose values make no sense. */
  MESSAGE_MALFORMED: 48,
  /** A control message that speaks for a node that its sender isn't. */
  MESSAGE_FORGED: 49,
  /** More of its kind than the sender may have taken in. */
  RATE_LIMITED: 50,
  /** A document message whose fields contradict each other or its transfer, or a document that can't be decompressed. */
  DOCUMENT_MALFORMED: 51,
  /** A document message that belongs to no transfer under way. */
  DOCUMENT_UNEXPECTED: 52,
  /** A document, or a request for one, that is longer than what is taken in. */
  DOCUMENT_TOO_LARGE: 53,
} as const;

/** Count of reasons, `NONE` included; the length of a row of counters. */
export const REASON_COUNT = Object.keys(Reason).length;

/** Name of each reason in lower case with hyphens, by number. */
export const REASON_NAMES: readonly string[] = Object.keys(Reason).map((name) =>
  name.toLowerCase().replaceAll("_", "-")
);
