/**
 * A device in memory, for tests and simulation.
 *
 * @module
 */

import { Errno } from "../ffi/errno.ts";
import { VIRTIO_NET_HDR_LEN } from "../wire/virtio_net_hdr.ts";
import { FRAME_BURST_MAX, FRAME_HEADROOM, type FrameBurst, type TapDevice } from "./device.ts";

/** Frames that the owner puts in are read; frames that are written can be looked at. */
export class MemoryTap implements TapDevice {
  readonly fd = -1;
  /** What was written: `virtio_net_hdr` and frame, gathered. */
  readonly written: Uint8Array[] = [];
  /** Decides for each of these whether it is written: 0, or else the error number that it fails with. */
  refuse: (headerAndFrame: Uint8Array) => number = () => 0;
  readonly #waiting: Uint8Array[] = [];

  /** Queues a frame with its `virtio_net_hdr` of 10 octets in front. */
  put(headerAndFrame: Uint8Array): void {
    this.#waiting.push(headerAndFrame);
  }

  readBurst(burst: FrameBurst): number {
    let at = 0;
    let count = 0;
    for (let next = this.#waiting[0]; next !== undefined && count < FRAME_BURST_MAX; next = this.#waiting[0]) {
      if (at + FRAME_HEADROOM + next.length + 32 > burst.octets.length) break;
      this.#waiting.shift();
      burst.octets.set(next, at + FRAME_HEADROOM);
      burst.frames[count * 2] = at + FRAME_HEADROOM + VIRTIO_NET_HDR_LEN;
      burst.frames[count * 2 + 1] = next.length - VIRTIO_NET_HDR_LEN;
      at = (at + FRAME_HEADROOM + next.length + 47) & ~15;
      count++;
    }
    return count === 0 ? -Errno.EAGAIN : count;
  }

  writeBurst(
    heads: Uint8Array,
    body: Uint8Array,
    frames: Uint32Array,
    pieces: Uint32Array,
    count: number,
    results: Int32Array,
  ): number {
    let accepted = 0;
    for (let index = 0; index < count; index++) {
      const [headAt, headLen, firstPiece, pieceCount] = frames.subarray(index * 4, index * 4 + 4);
      const parts = [heads.slice(headAt, headAt + headLen)];
      for (let piece = firstPiece; piece < firstPiece + pieceCount; piece++) {
        parts.push(body.slice(pieces[piece * 2], pieces[piece * 2] + pieces[piece * 2 + 1]));
      }
      const frame = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      parts.reduce((at, part) => (frame.set(part, at), at + part.length), 0);
      const errno = this.refuse(frame);
      results[index] = errno === 0 ? frame.length : -errno;
      if (errno !== 0) continue;
      this.written.push(frame);
      accepted++;
    }
    return accepted;
  }

  [Symbol.dispose](): void {}
}
