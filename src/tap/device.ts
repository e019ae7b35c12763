/**
 * Where Ethernet frames come from and go to: the contract of a batch.
 *
 * A device is one queue: each lane has its own, and the kernel keeps a flow on one of them.
 *
 * @module
 */

import { FRAME_WORDS } from "../ffi/symbols.ts";

/** Frames that one read may yield. */
export const FRAME_BURST_MAX = 64;
/** Octets free in front of each frame's virtio header. */
export const FRAME_HEADROOM = 22;
/** Room for some super-frames of 64 KiB; small frames lie densely, so that a burst of them stays in the cache. */
const FRAME_BUFFER_LEN = 4 * 65600;

/** Frames as a device delivers them; belongs to one lane and is used again and again. */
export interface FrameBurst {
  readonly octets: Uint8Array;
  readonly view: DataView;
  /** {@linkcode FRAME_WORDS} words a frame: offset of the frame in `octets`, its length. */
  readonly frames: Uint32Array;
}

/** Makes an empty burst. */
export function createFrameBurst(): FrameBurst {
  const octets = new Uint8Array(FRAME_BUFFER_LEN);
  return {
    octets,
    view: new DataView(octets.buffer),
    frames: new Uint32Array(FRAME_BURST_MAX * FRAME_WORDS),
  };
}

/** One queue of a layer-2 interface. */
export interface TapDevice extends Disposable {
  /** Descriptor that becomes readable when frames wait, or −1 if there never are any. */
  readonly fd: number;

  /**
   * Reads what waits, {@linkcode FRAME_BURST_MAX} frames at most. Allocates nothing.
   *
   * Each frame has its `virtio_net_hdr` of 10 octets right in front, and what that leaves unfinished is unfinished.
   *
   * @returns The number of frames, or a negative error number: −EAGAIN when nothing waits.
   */
  readBurst(burst: FrameBurst): number;

  /**
   * Writes frames that are gathered from a head and pieces. Allocates nothing.
   *
   * @param heads Holds each frame's `virtio_net_hdr`, then the headers that were rewritten, if any.
   * @param body Holds the pieces.
   * @param frames Four words a frame: offset and length of the head, first piece, count of pieces (at most 64).
   * @param pieces Two words a piece: offset in `body`, length.
   * @param results Receives the octets written of each frame, or a negative error number.
   * @returns How many frames were written.
   */
  writeBurst(
    heads: Uint8Array,
    body: Uint8Array,
    frames: Uint32Array,
    pieces: Uint32Array,
    count: number,
    results: Int32Array,
  ): number;
}
