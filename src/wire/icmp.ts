/**
 * ICMP and ICMPv6 errors: what a router says of a packet that it couldn't deliver.
 *
 * Layout, in octets: type 0, code 1, checksum 2–3, then 4–7 by type, then as much of the packet as fits. Of *fragmentation
 * needed* octets 6–7 hold the MTU, of *packet too big* octets 4–7. Sources: RFC 792, RFC 1191 §4 (ICMP), RFC 4443 §3 (ICMPv6).
 *
 * @module
 */

/** Length of the header in front of the quoted packet. */
export const ICMP_ERROR_HEADER_LEN = 8;
/** Number of ICMP, as the protocol of an IPv4 packet. */
export const PROTOCOL_ICMP = 1;
/** Number of ICMPv6, as the next header of an IPv6 packet. */
export const PROTOCOL_ICMPV6 = 58;

/** Type *destination unreachable* of ICMP. */
export const ICMP_UNREACHABLE = 3;
/** Code of {@linkcode ICMP_UNREACHABLE}: *fragmentation needed and DF set*. */
export const ICMP_FRAGMENTATION_NEEDED = 4;
/** Type *destination unreachable* of ICMPv6. */
export const ICMPV6_UNREACHABLE = 1;
/** Type *packet too big* of ICMPv6. */
export const ICMPV6_TOO_BIG = 2;

/** Reads the type. */
export function readIcmpType(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Reads the code, whose meaning depends on the type. */
export function readIcmpCode(view: DataView, offset: number): number {
  return view.getUint8(offset + 1);
}

/** Reads the MTU of *fragmentation needed*; 0 from routers older than RFC 1191. */
export function readIcmpMtu(view: DataView, offset: number): number {
  return view.getUint16(offset + 6);
}

/** Reads the MTU of *packet too big*. */
export function readIcmpv6Mtu(view: DataView, offset: number): number {
  return view.getUint32(offset + 4);
}
