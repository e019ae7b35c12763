/**
 * A queue of packets in memory: what is put in is read, what is written can be looked at.
 *
 * @module
 */

import { PACKET_BURST_MAX, PACKET_HEADROOM, type PacketQueue } from "../../src/faketcp/packet_queue.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { onesComplementSum } from "../../src/wire/checksum.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";

/** Takes the place of a TUN device. Packets have their `virtio_net_hdr` in front. */
export class MemoryQueue implements PacketQueue {
  readonly fd = -1;
  readonly offload: boolean;
  /** What was written and not taken out yet. */
  readonly written: Uint8Array<ArrayBuffer>[] = [];
  /** Error number that every write fails with; 0 for none. */
  refusal = 0;
  readonly #waiting: Uint8Array[] = [];

  constructor(offload = true) {
    this.offload = offload;
  }

  /** Queues a packet behind its virtio header. */
  put(headedPacket: Uint8Array): void {
    this.#waiting.push(headedPacket);
  }

  read(octets: Uint8Array, packets: Uint32Array): number {
    if (this.#waiting.length === 0) return -Errno.EAGAIN;
    let at = 0;
    let count = 0;
    for (; count < PACKET_BURST_MAX && this.#waiting.length > 0; count++) {
      const packet = this.#waiting[0];
      if (at + PACKET_HEADROOM + packet.length > octets.length) break;
      this.#waiting.shift();
      octets.set(packet, at + PACKET_HEADROOM);
      packets[count * 2] = at + PACKET_HEADROOM + VIRTIO_NET_HDR_LEN;
      packets[count * 2 + 1] = packet.length - VIRTIO_NET_HDR_LEN;
      at = (at + PACKET_HEADROOM + packet.length + 47) & ~15;
    }
    return count;
  }

  write(head: Uint8Array, headLen: number, body: Uint8Array, bodyAt: number, bodyLen: number): number {
    if (this.refusal !== 0) return this.refusal;
    const packet = new Uint8Array(headLen + bodyLen);
    packet.set(head.subarray(0, headLen));
    packet.set(body.subarray(bodyAt, bodyAt + bodyLen), headLen);
    this.written.push(packet);
    return 0;
  }

  sum(octets: Uint8Array, at: number, length: number): number {
    return onesComplementSum(new DataView(octets.buffer, octets.byteOffset), at, length);
  }

  waitForRoom(): void {}

  [Symbol.dispose](): void {}
}
