/**
 * Where the stack's packets come from and go to: the contract of a queue.
 *
 * In front of each packet stands its `virtio_net_hdr` (`wire/virtio_net_hdr.ts`), so that one packet may stand for many
 * segments. Each lane has a queue of its own; the kernel keeps a connection on one of them, mostly.
 *
 * @module
 */

import { FRAME_WORDS } from "../ffi/symbols.ts";

/** Packets that one read may yield. */
export const PACKET_BURST_MAX = 64;
/** Octets free in front of each packet's virtio header; with it a packet begins at a multiple of 16. */
export const PACKET_HEADROOM = 6;

/** Makes the list of packets that {@linkcode PacketQueue.read} fills. */
export function createPacketList(): Uint32Array<ArrayBuffer> {
  return new Uint32Array(PACKET_BURST_MAX * FRAME_WORDS);
}

/** One queue of a layer-3 interface. */
export interface PacketQueue extends Disposable {
  /** Descriptor that becomes readable when packets wait, or −1 if there is none. */
  readonly fd: number;
  /** Whether a packet may stand for many segments. */
  readonly offload: boolean;

  /**
   * Reads what waits, {@linkcode PACKET_BURST_MAX} packets at most. Allocates nothing.
   *
   * @param octets Receives the packets, each behind its virtio header; room for one packet of 64 KiB at least.
   * @param packets Receives two words a packet: its offset in `octets`, its length.
   * @returns The number of packets, or a negative error number: −EAGAIN when nothing waits.
   */
  read(octets: Uint8Array, packets: Uint32Array): number;

  /**
   * Writes one packet that is gathered from two places. Allocates nothing.
   *
   * @param head Holds the virtio header and what follows it, from 0 on.
   * @param body Holds the rest, `bodyLen` octets at `bodyAt`; 0 octets for none.
   * @returns 0, or a positive error number.
   */
  write(head: Uint8Array, headLen: number, body: Uint8Array, bodyAt: number, bodyLen: number): number;

  /**
   * Returns the one's complement sum of a region, as `onesComplementSum` of `wire/checksum.ts` does, as fast as this machine
   * can. Allocates nothing.
   */
  sum(octets: Uint8Array, at: number, length: number): number;

  /** Waits until there is room to write again, `timeoutMs` at most. */
  waitForRoom(timeoutMs: number): void;
}
