/**
 * Frames between a buffer, as the shim fills it, and records, as tests read them.
 *
 * @module
 */
import { seededRandom } from "../../src/base/random.ts";
import type { PieceList } from "../../src/dataplane/split.ts";
import type { WriteList } from "../../src/dataplane/write_list.ts";
import {
  readCsumOffset,
  readCsumStart,
  readGsoSize,
  readGsoType,
  readVirtioFlags,
  readVirtioHdrLen,
  VIRTIO_NET_HDR_LEN,
  writeVirtioNetHdr,
} from "../../src/wire/virtio_net_hdr.ts";
import { concat, slowSum } from "../reference/checksum.ts";
import { completeChecksum, NO_OFFLOAD, type Offload, type TapFrame } from "../reference/offload.ts";

/** Makes octets to be carried: for one length always the same. */
export function payload(length: number): Uint8Array {
  const octets = new Uint8Array(length);
  seededRandom(length).fill(octets);
  return octets;
}

/** Frames in one buffer, each behind its virtio header. */
export interface TapBuffer {
  readonly octets: Uint8Array;
  readonly view: DataView;
  readonly frames: { readonly at: number; readonly length: number; readonly sum: number }[];
}

/**
 * Packs frames densely into a buffer that ends with the last one.
 *
 * @param filler Value of the octets in front of the first frame, which nobody should read.
 */
export function packFrames(tapFrames: TapFrame[], filler = 0xa5): TapBuffer {
  const head = 5;
  const total = tapFrames.reduce((sum, { frame }) => sum + VIRTIO_NET_HDR_LEN + frame.length, head);
  const octets = new Uint8Array(total).fill(filler);
  const view = new DataView(octets.buffer);
  let at = head;
  const frames = tapFrames.map(({ offload, frame }) => {
    writeOffload(view, at, offload);
    at += VIRTIO_NET_HDR_LEN;
    octets.set(frame, at);
    const packed = { at, length: frame.length, sum: slowSum(frame) };
    at += frame.length;
    return packed;
  });
  return { octets, view, frames };
}

/** Packs frames that have no virtio header, as they come out of decryption. */
export function packPlainFrames(frames: Uint8Array[], filler?: number): TapBuffer {
  return packFrames(frames.map((frame) => ({ offload: NO_OFFLOAD, frame })), filler);
}

/** Assembles the frames of a list as the shim does, checksums completed. */
export function assemblePieces(buffer: TapBuffer, list: PieceList): Uint8Array[] {
  return Array.from({ length: list.count }, (_, row) => {
    const headerAt = list.headerAt[row];
    const payloadAt = list.payloadAt[row];
    const frame = concat(
      list.headers.subarray(headerAt, headerAt + list.headerLen[row]),
      buffer.octets.subarray(payloadAt, payloadAt + list.payloadLen[row]),
    );
    const csumStart = list.csumStart[row];
    if (csumStart === 0) return frame;
    return completeChecksum({ ...NO_OFFLOAD, csumStart, csumOffset: list.csumOffset[row] }, frame);
  });
}

/** Gathers the output frames of a list as the shim does. */
export function gatherFrames(buffer: TapBuffer, list: WriteList): TapFrame[] {
  return Array.from({ length: list.count }, (_, row) => {
    const [headAt, headLen, firstPiece, pieceCount] = list.frames.subarray(row * 4, row * 4 + 4);
    const head = list.heads.subarray(headAt, headAt + headLen);
    const pieces = Array.from({ length: pieceCount }, (_, i) => {
      const [at, length] = list.pieces.subarray((firstPiece + i) * 2, (firstPiece + i) * 2 + 2);
      return buffer.octets.subarray(at, at + length);
    });
    const offload = readOffload(new DataView(head.buffer, head.byteOffset));
    return { offload, frame: concat(head.subarray(VIRTIO_NET_HDR_LEN), ...pieces) };
  });
}

function writeOffload(view: DataView, at: number, offload: Offload): void {
  const { flags, gsoType, hdrLen, gsoSize, csumStart, csumOffset } = offload;
  writeVirtioNetHdr(view, at, flags, gsoType, hdrLen, gsoSize, csumStart, csumOffset);
}

function readOffload(view: DataView): Offload {
  return {
    flags: readVirtioFlags(view, 0),
    gsoType: readGsoType(view, 0),
    hdrLen: readVirtioHdrLen(view, 0),
    gsoSize: readGsoSize(view, 0),
    csumStart: readCsumStart(view, 0),
    csumOffset: readCsumOffset(view, 0),
  };
}
