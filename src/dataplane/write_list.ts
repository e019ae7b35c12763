// No allocation per packet in this file.
/**
 * The frames that a burst writes to a TAP, in the form that the C shim gathers them from.
 *
 * @module
 */
import { WRITE_FRAME_WORDS, WRITE_PIECE_WORDS } from "../ffi/symbols.ts";

/** Octets from one head slot to the next, and so the most that virtio header and frame headers together may have. */
export const HEAD_STRIDE = 256;

/**
 * Output frames: each a head (the virtio header, and for a super-frame the rewritten headers) followed by pieces of the
 * buffer that the frames arrived in. The three arrays are arguments of `eg_tun_write`.
 *
 * Rows and head slots are valid until {@linkcode clear}.
 */
export class WriteList {
  /** Most pieces that fit; as an output frame has at least one piece, also most frames. */
  readonly capacity: number;
  /** Output frames in use. */
  count = 0;
  /** Pieces in use. */
  pieceCount = 0;
  /** A slot of {@linkcode HEAD_STRIDE} octets per output frame. */
  readonly heads: Uint8Array;
  /** The same octets. */
  readonly headView: DataView;
  /** Four words per output frame: offset of its head in `heads`, length of the head, first piece, count of pieces. */
  readonly frames: Uint32Array;
  /** Two words per piece: offset in the buffer that the frames arrived in, length. */
  readonly pieces: Uint32Array;

  /** @param capacity Input frames that can be pushed between two calls of {@linkcode clear}. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.heads = new Uint8Array(capacity * HEAD_STRIDE);
    this.headView = new DataView(this.heads.buffer);
    this.frames = new Uint32Array(capacity * WRITE_FRAME_WORDS);
    this.pieces = new Uint32Array(capacity * WRITE_PIECE_WORDS);
  }

  /** Empties the list; its head slots are written anew. */
  clear(): void {
    this.count = 0;
    this.pieceCount = 0;
  }

  /**
   * Begins an output frame.
   *
   * @param headLen Octets that the caller writes into the head, up to {@linkcode HEAD_STRIDE}.
   * @param pieceCount Pieces that the caller appends next; they belong to this frame.
   * @returns Where in `heads` the head begins.
   */
  beginFrame(headLen: number, pieceCount: number): number {
    const headAt = this.count * HEAD_STRIDE;
    const word = this.count * WRITE_FRAME_WORDS;
    this.frames[word] = headAt;
    this.frames[word + 1] = headLen;
    this.frames[word + 2] = this.pieceCount;
    this.frames[word + 3] = pieceCount;
    this.count++;
    return headAt;
  }

  /** Appends a piece of the buffer: where it begins, and its octets. */
  appendPiece(at: number, length: number): void {
    const word = this.pieceCount * WRITE_PIECE_WORDS;
    this.pieces[word] = at;
    this.pieces[word + 1] = length;
    this.pieceCount++;
  }
}
