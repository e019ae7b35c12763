// No allocation per packet in this file.
/**
 * The IPv6 fragment header, and where in a packet it belongs.
 *
 * Layout, in octets: next header 0, reserved 1, fragment offset in units of eight octets (upper 13 bits) and the M flag
 * (lowest bit) 2–3, identification 4–7. Source: RFC 8200 §4.5.
 *
 * @module
 */
import { IPV6_HEADER_LEN, Ipv6Extension } from "./ipv6.ts";

/** Length of the header, in octets. */
export const IPV6_FRAGMENT_HEADER_LEN = 8;
/** Greatest offset that a fragment can have, in octets. */
export const IPV6_MAX_FRAGMENT_OFFSET = 0xfff8;
/** Offset in the fixed header of the number of what follows it. */
const NEXT_HEADER = 6;

/** Reads the number of what the fragments hold. */
export function readFragmentNextHeader(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Reads how far into the fragmentable part the fragment's payload begins, in octets. */
export function readFragmentOffset(view: DataView, offset: number): number {
  return view.getUint16(offset + 2) & IPV6_MAX_FRAGMENT_OFFSET;
}

/** Tells whether more fragments follow. */
export function hasMoreFragments(view: DataView, offset: number): boolean {
  return (view.getUint16(offset + 2) & 1) !== 0;
}

/** Reads the identification: 32 bits as a signed integer, which V8 passes on without making an object of it. */
export function readFragmentIdentification(view: DataView, offset: number): number {
  return view.getInt32(offset + 4);
}

/**
 * Writes a fragment header.
 *
 * @param view Buffer with at least {@linkcode IPV6_FRAGMENT_HEADER_LEN} octets after `offset`.
 * @param offset Where the header begins.
 * @param nextHeader Number of what the fragments hold.
 * @param fragmentOffset Octets of payload in the fragments before, a multiple of eight.
 * @param more Whether fragments follow.
 * @param identification Common to the fragments of a packet, 32 bits, signed or not.
 */
export function writeFragmentHeader(
  view: DataView,
  offset: number,
  nextHeader: number,
  fragmentOffset: number,
  more: boolean,
  identification: number,
): void {
  view.setUint8(offset, nextHeader);
  view.setUint8(offset + 1, 0);
  view.setUint16(offset + 2, fragmentOffset | (more ? 1 : 0));
  view.setInt32(offset + 4, identification);
}

/**
 * Returns the length of the headers that every fragment repeats: the fixed header, and extension headers up to the last
 * that routers on the way look at (hop-by-hop options or a routing header).
 *
 * @param view The buffer.
 * @param offset Where the fixed header begins; it passed `checkIpv6`.
 * @param length Octets from there to the end of the packet.
 */
export function perFragmentHeadersLen(view: DataView, offset: number, length: number): number {
  let next = view.getUint8(offset + NEXT_HEADER);
  let at = IPV6_HEADER_LEN;
  let repeated = IPV6_HEADER_LEN;
  while (
    (next === Ipv6Extension.HOP_BY_HOP || next === Ipv6Extension.ROUTING ||
      next === Ipv6Extension.DESTINATION_OPTIONS) && at + 8 <= length
  ) {
    const end = at + (view.getUint8(offset + at + 1) + 1) * 8;
    if (end > length) break;
    if (next !== Ipv6Extension.DESTINATION_OPTIONS) repeated = end;
    next = view.getUint8(offset + at);
    at = end;
  }
  return repeated;
}

/**
 * Returns where the number stands that names what follows the headers to be repeated.
 *
 * @param view The buffer.
 * @param offset Where the fixed header begins.
 * @param headersLen What {@linkcode perFragmentHeadersLen} returned.
 * @returns Its offset behind `offset`, in octets.
 */
export function lastNextHeaderAt(view: DataView, offset: number, headersLen: number): number {
  let last = NEXT_HEADER;
  for (let at = IPV6_HEADER_LEN; at < headersLen; at += (view.getUint8(offset + at + 1) + 1) * 8) last = at;
  return last;
}
