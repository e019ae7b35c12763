// No allocation per packet in this file.
/**
 * The virtio network header: offload metadata that a TUN or TAP with `IFF_VNET_HDR` puts in front of every frame.
 *
 * Layout, in octets: flags 0, GSO type 1, hdrLen 2–3, gsoSize 4–5, csumStart 6–7, csumOffset 8–9. The 16-bit fields are in
 * the host's byte order unless `TUNSETVNETLE` or `TUNSETVNETBE` says otherwise, which we never set. Offsets count from
 * the beginning of the frame, behind this header. Sources: `linux/virtio_net.h`, `struct virtio_net_hdr`; virtio 1.2
 * §5.1.6.
 *
 * @module
 */
import { Reason } from "../base/reason.ts";

/** Length in octets; a TUN reads and writes this one unless `TUNSETVNETHDRSZ` says otherwise. */
export const VIRTIO_NET_HDR_LEN = 10;

/** Bits of `flags`. Others depend on features that we don't ask for. */
export const VirtioNetFlag = {
  /** The checksum field holds the pseudo-header's sum; someone must still add the rest from `csumStart` on. */
  NEEDS_CSUM: 1,
  /** The transport checksum was verified. */
  DATA_VALID: 2,
} as const;

/** Kinds of super-frames, without {@linkcode GSO_ECN}. */
export const GsoType = {
  /** An ordinary frame. */
  NONE: 0,
  TCPV4: 1,
  TCPV6: 4,
  /** UDP over IPv4 or IPv6 (Linux 6.2 and later). */
  UDP_L4: 5,
} as const;

/** Bit beside a TCP type: the first segment has CWR set, the others must not (`VIRTIO_NET_HDR_GSO_ECN`). */
export const GSO_ECN = 0x80;

/** The host's byte order, in which the kernel writes the 16-bit fields. True on x86-64 and AArch64. */
const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Decides whether a header is consistent in itself and with the length of its frame.
 *
 * `hdrLen` is not trusted for anything: the kernel reports the length of a buffer's linear part, which may hold payload.
 * Unknown flags and GSO types are refused because they may change the meaning of the rest.
 *
 * @param view The buffer.
 * @param offset Where the header begins.
 * @param frameLen Octets of the frame behind the header.
 * @returns `Reason.NONE` or `Reason.FRAME_OFFLOAD`.
 */
export function checkVirtioNetHdr(view: DataView, offset: number, frameLen: number): number {
  const flags = readVirtioFlags(view, offset);
  if ((flags & ~(VirtioNetFlag.NEEDS_CSUM | VirtioNetFlag.DATA_VALID)) !== 0) return Reason.FRAME_OFFLOAD;
  if ((flags & VirtioNetFlag.NEEDS_CSUM) !== 0) {
    const csumStart = readCsumStart(view, offset);
    if (csumStart === 0 || csumStart + readCsumOffset(view, offset) + 2 > frameLen) return Reason.FRAME_OFFLOAD;
  }
  if (readVirtioHdrLen(view, offset) > frameLen) return Reason.FRAME_OFFLOAD;
  switch (view.getUint8(offset + 1)) {
    case GsoType.NONE:
      return Reason.NONE;
    case GsoType.TCPV4:
    case GsoType.TCPV6:
    case GsoType.TCPV4 | GSO_ECN:
    case GsoType.TCPV6 | GSO_ECN:
    case GsoType.UDP_L4:
      break;
    default:
      return Reason.FRAME_OFFLOAD;
  }
  // A super-frame's checksum is open or known to be right; completing it otherwise would vouch for a corrupt payload.
  return flags === 0 || readGsoSize(view, offset) === 0 ? Reason.FRAME_OFFLOAD : Reason.NONE;
}

/** Reads the flags, which {@linkcode VirtioNetFlag} names. */
export function readVirtioFlags(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Writes the flags. */
export function writeVirtioFlags(view: DataView, offset: number, flags: number): void {
  view.setUint8(offset, flags);
}

/** Reads the kind of super-frame, one of {@linkcode GsoType}, without {@linkcode GSO_ECN}. */
export function readGsoType(view: DataView, offset: number): number {
  return view.getUint8(offset + 1) & ~GSO_ECN;
}

/** Reads the hint how many octets are headers. */
export function readVirtioHdrLen(view: DataView, offset: number): number {
  return view.getUint16(offset + 2, HOST_IS_LITTLE_ENDIAN);
}

/** Reads how many octets of payload each segment but the last has. */
export function readGsoSize(view: DataView, offset: number): number {
  return view.getUint16(offset + 4, HOST_IS_LITTLE_ENDIAN);
}

/** Reads where in the frame the sum begins that is still to be computed. */
export function readCsumStart(view: DataView, offset: number): number {
  return view.getUint16(offset + 6, HOST_IS_LITTLE_ENDIAN);
}

/** Reads where behind `csumStart` the checksum is to be written. */
export function readCsumOffset(view: DataView, offset: number): number {
  return view.getUint16(offset + 8, HOST_IS_LITTLE_ENDIAN);
}

/**
 * Writes a header.
 *
 * @param view Buffer with at least {@linkcode VIRTIO_NET_HDR_LEN} octets after `offset`.
 * @param offset Where the header begins.
 * @param flags Bits of {@linkcode VirtioNetFlag}.
 * @param gsoType One of {@linkcode GsoType}, perhaps with {@linkcode GSO_ECN}.
 * @param hdrLen Octets of headers in the frame, 0 for an ordinary frame.
 * @param gsoSize Octets of payload in each segment but the last, 0 for an ordinary frame.
 * @param csumStart Where in the frame the transport header begins, 0 without NEEDS_CSUM.
 * @param csumOffset Where in the transport header its checksum stands, 0 without NEEDS_CSUM.
 */
export function writeVirtioNetHdr(
  view: DataView,
  offset: number,
  flags: number,
  gsoType: number,
  hdrLen: number,
  gsoSize: number,
  csumStart: number,
  csumOffset: number,
): void {
  view.setUint8(offset, flags);
  view.setUint8(offset + 1, gsoType);
  view.setUint16(offset + 2, hdrLen, HOST_IS_LITTLE_ENDIAN);
  view.setUint16(offset + 4, gsoSize, HOST_IS_LITTLE_ENDIAN);
  view.setUint16(offset + 6, csumStart, HOST_IS_LITTLE_ENDIAN);
  view.setUint16(offset + 8, csumOffset, HOST_IS_LITTLE_ENDIAN);
}
