/**
 * How datagrams reach a peer: the contract of a batch.
 *
 * A bind is one socket, or what behaves like one: each lane has its own. It knows addresses, no peers and no keys.
 *
 * @module
 */

import { RECEIVED_WORDS } from "../ffi/symbols.ts";

/** Messages that one receive may yield. */
export const DATAGRAM_BURST_MAX = 64;
/** Messages that one receive yields if each lies in a slot of its own. */
export const SLOTTED_BURST_MAX = 32;
/** Octets of the slot that each message is received into: the greatest run that the kernel merges. */
export const DATAGRAM_SLOT_LEN = 65536;

/** Datagrams as a bind delivers them; belongs to one lane and is used again and again. */
export interface DatagramBurst {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /**
   * {@linkcode RECEIVED_WORDS} words a message: length, length of each datagram in it (the last may be shorter), whether it
   * was cut off, offset in `octets`, then the endpoint it came from.
   */
  readonly received: Uint32Array;
}

/** Makes an empty burst. */
export function createDatagramBurst(): DatagramBurst {
  const octets = new Uint8Array(SLOTTED_BURST_MAX * DATAGRAM_SLOT_LEN);
  return {
    octets,
    view: new DataView(octets.buffer),
    received: new Uint32Array(DATAGRAM_BURST_MAX * RECEIVED_WORDS),
  };
}

/** One socket, or what behaves like one, of one transport. */
export interface Bind extends Disposable {
  /** Descriptor that becomes readable when datagrams wait. */
  readonly fd: number;
  /** How its datagrams travel, a {@linkcode Transport}. */
  readonly transport: number;
  /** The path kinds that it serves, see `base/path_kind.ts`: one for each address family of the endpoints it takes. */
  readonly kinds: readonly number[];
  /** Most octets of one run. */
  readonly runLenMax: number;
  /** Most datagrams of one run. */
  readonly runDatagramsMax: number;

  /**
   * Does what is due, and hears what time it is. Called once each turn, before anything else. Allocates nothing.
   *
   * @param nowMs Time of this turn; it holds until the next call.
   * @returns Milliseconds until it wants to be called again at the latest; `Infinity` for never.
   */
  service(nowMs: number): number;

  /**
   * Receives what waits, {@linkcode DATAGRAM_BURST_MAX} messages at most. Allocates nothing.
   *
   * @returns The number of messages, 0 if something came that holds no datagram, or a negative error number: −EAGAIN when
   * nothing waits.
   */
  receiveBurst(burst: DatagramBurst): number;

  /**
   * Sends runs of datagrams. Allocates nothing.
   *
   * @param octets Holds the datagrams of a run one after the other.
   * @param runs Five words a run: offset, length, length of each datagram (0: it is a single one), index of its endpoint
   *   record, and the result: 0 or an error number. One that fails keeps no other back; but after `EAGAIN` the rest fails.
   * @param endpoints Endpoint records, see `base/endpoint.ts`.
   * @returns How many runs were sent.
   */
  sendRuns(octets: Uint8Array, runs: Uint32Array, count: number, endpoints: Uint32Array): number;

  /**
   * Takes out what the network answered to datagrams that couldn't be delivered (ICMP). To be called until it returns 0
   * when the descriptor reports an error. Allocates nothing.
   *
   * @param records Receives `ERROR_WORDS` words an error, as many as fit: error number, origin (an `ErrorOrigin`),
   *   type << 8 | code, what it tells (the MTU, for `EMSGSIZE`), then the endpoint that the datagram was sent to.
   * @returns The number of errors, or a negative error number.
   */
  readErrors(records: Uint32Array): number;

  /** Waits until there is room to send again, `timeoutMs` at most. */
  waitForRoom(timeoutMs: number): void;
}
