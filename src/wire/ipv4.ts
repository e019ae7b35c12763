// No allocation per packet in this file.
/**
 * The IPv4 header.
 *
 * Layout, in octets: version and IHL 0, type of service 1, total length 2–3, identification 4–5, flags and fragment
 * offset 6–7, TTL 8, protocol 9, header checksum 10–11, source 12–15, destination 16–19, options. Source: RFC 791 §3.1.
 *
 * @module
 */
import { checksumOf, onesComplementSum } from "./checksum.ts";

/** Length of a header without options, in octets. */
export const IPV4_MIN_HEADER_LEN = 20;
/** Greatest total length, in octets. */
export const IPV4_MAX_TOTAL_LEN = 0xffff;
/** Offset of the source address, four octets; the destination address follows it. */
export const IPV4_SOURCE = 12;
/** Offset of the destination address, four octets. */
export const IPV4_DESTINATION = 16;

/** Numbers of the transport protocols that we look into, the same for IPv4 and IPv6 (IANA, "Protocol Numbers"). */
export const IpProtocol = { TCP: 6, UDP: 17 } as const;

/** Bits of the field that holds flags and fragment offset. */
export const Ipv4Fragment = {
  /** Reserved: must be zero. */
  RESERVED: 0x8000,
  /** Don't fragment. */
  DF: 0x4000,
  /** More fragments. */
  MF: 0x2000,
  /** Mask of the offset, in units of eight octets. */
  OFFSET: 0x1fff,
} as const;

/**
 * Decides whether a whole IPv4 header stands in a region.
 *
 * Its total length and its checksum are not looked at: a carrier of frames has no reason to refuse them.
 *
 * @param view The buffer.
 * @param offset Where the header begins.
 * @param length Octets from there to the end of the frame.
 * @returns The header's length with options, 20 to 60 octets, or 0 if there is no such header.
 */
export function checkIpv4(view: DataView, offset: number, length: number): number {
  if (length < IPV4_MIN_HEADER_LEN) return 0;
  const versionAndIhl = view.getUint8(offset);
  if (versionAndIhl >>> 4 !== 4) return 0;
  const headerLen = (versionAndIhl & 0x0f) * 4;
  return headerLen < IPV4_MIN_HEADER_LEN || headerLen > length ? 0 : headerLen;
}

/** Reads the length of header and payload in octets. */
export function readIpv4TotalLen(view: DataView, offset: number): number {
  return view.getUint16(offset + 2);
}

/** Writes the length of header and payload in octets. */
export function writeIpv4TotalLen(view: DataView, offset: number, totalLen: number): void {
  view.setUint16(offset + 2, totalLen);
}

/** Reads the identification. */
export function readIpv4Identification(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

/** Writes the identification. */
export function writeIpv4Identification(view: DataView, offset: number, identification: number): void {
  view.setUint16(offset + 4, identification);
}

/** Reads flags and fragment offset as one 16-bit field; {@linkcode Ipv4Fragment} names its bits. */
export function readIpv4Fragment(view: DataView, offset: number): number {
  return view.getUint16(offset + 6);
}

/** Writes flags and fragment offset as one 16-bit field. */
export function writeIpv4Fragment(view: DataView, offset: number, fragment: number): void {
  view.setUint16(offset + 6, fragment);
}

/** Tells whether the packet is one fragment of several. */
export function isIpv4Fragment(view: DataView, offset: number): boolean {
  return (readIpv4Fragment(view, offset) & (Ipv4Fragment.MF | Ipv4Fragment.OFFSET)) !== 0;
}

/** Reads the number of the transport protocol. */
export function readIpv4Protocol(view: DataView, offset: number): number {
  return view.getUint8(offset + 9);
}

/** Reads the header checksum. */
export function readIpv4Checksum(view: DataView, offset: number): number {
  return view.getUint16(offset + 10);
}

/** Writes the header checksum. */
export function writeIpv4Checksum(view: DataView, offset: number, checksum: number): void {
  view.setUint16(offset + 10, checksum);
}

/**
 * Writes a header without options, its checksum included.
 *
 * @param view Buffer with at least {@linkcode IPV4_MIN_HEADER_LEN} octets after `offset`.
 * @param offset Where the header begins.
 * @param typeOfService DSCP and ECN.
 * @param totalLen Header and payload in octets.
 * @param identification 16 bits.
 * @param fragment Flags and fragment offset, bits of {@linkcode Ipv4Fragment}.
 * @param ttl 0 to 255.
 * @param protocol Number of the transport protocol.
 * @param source Source address, most significant octet first in 32 bits.
 * @param destination Destination address, likewise.
 */
export function writeIpv4Header(
  view: DataView,
  offset: number,
  typeOfService: number,
  totalLen: number,
  identification: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  view.setUint8(offset, 0x45);
  view.setUint8(offset + 1, typeOfService);
  writeIpv4TotalLen(view, offset, totalLen);
  writeIpv4Identification(view, offset, identification);
  view.setUint16(offset + 6, fragment);
  view.setUint8(offset + 8, ttl);
  view.setUint8(offset + 9, protocol);
  writeIpv4Checksum(view, offset, 0);
  view.setUint32(offset + IPV4_SOURCE, source);
  view.setUint32(offset + IPV4_DESTINATION, destination);
  writeIpv4Checksum(view, offset, checksumOf(onesComplementSum(view, offset, IPV4_MIN_HEADER_LEN)));
}
