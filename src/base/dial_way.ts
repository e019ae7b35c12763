/**
 * How a FakeTCP connection is dialled.
 *
 * A NAT gives a connection an outside port that nobody can foretell, but a peer that is to be met by simultaneous open has to
 * know it. So a node dials its super nodes and such peers from one and the same port, its *rendezvous port*: the NAT that
 * maps by the inside address alone gives all of them one outside port (RFC 5382 §4.1, REQ-1), and so nearly always does
 * one that keeps ports as they are. The super nodes see it, and tell it.
 *
 * @module
 */

/** How a connection is dialled. */
export const DialWay = {
  /** To a port that somebody listens at, from any port. */
  ORDINARY: 0,
  /** To a port that somebody listens at, from the rendezvous port. */
  RENDEZVOUS: 1,
  /**
   * To the outside address of a peer behind a NAT, from the rendezvous port, while the peer does the same: simultaneous open
   * (RFC 9293 §3.5). Both NATs see a connection that is dialled from inside.
   */
  PUNCH: 2,
} as const;
