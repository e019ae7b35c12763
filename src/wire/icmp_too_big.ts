// No allocation per packet in this file.
/**
 * Writing the ICMP errors that tell a sender how long its packets may be, and knowing when to keep silent.
 *
 * The layout is told in `icmp.ts`. Sources: RFC 792, RFC 1191 §4, RFC 1122 §3.2.2; RFC 4443 §2.4, §3.2.
 *
 * @module
 */

import { addSums, checksumOf, onesComplementSum, pseudoHeaderSum6 } from "./checksum.ts";
import { ICMP_FRAGMENTATION_NEEDED, ICMP_UNREACHABLE, ICMPV6_TOO_BIG, PROTOCOL_ICMPV6 } from "./icmp.ts";

const CHECKSUM = 2;

/** Types of ICMP that report an error besides {@linkcode ICMP_UNREACHABLE} (RFC 1122 §3.2.2). */
const ICMP_SOURCE_QUENCH = 4;
const ICMP_REDIRECT = 5;
const ICMP_TIME_EXCEEDED = 11;
const ICMP_PARAMETER_PROBLEM = 12;

/** Types of ICMPv6 below this one report errors (RFC 4443 §2.1). */
const ICMPV6_FIRST_INFORMATIONAL = 128;
/** No error, yet as little to be answered with one (RFC 4443 §2.4 (e.2)). */
const ICMPV6_REDIRECT = 137;

/** Tells whether ICMP messages of a type must not be answered with an error. */
export function isIcmpError(type: number): boolean {
  switch (type) {
    case ICMP_UNREACHABLE:
    case ICMP_SOURCE_QUENCH:
    case ICMP_REDIRECT:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
      return true;
    default:
      return false;
  }
}

/** Tells whether ICMPv6 messages of a type must not be answered with an error. */
export function isIcmpv6Error(type: number): boolean {
  return type < ICMPV6_FIRST_INFORMATIONAL || type === ICMPV6_REDIRECT;
}

/**
 * Writes the header of *fragmentation needed*, its checksum included.
 *
 * @param view Buffer in which the quoted packet stands already, behind the eight octets of the header.
 * @param offset Where the header begins.
 * @param length Octets of header and quoted packet.
 * @param mtu Longest packet that goes through, in octets, 16 bits.
 */
export function writeFragmentationNeeded(view: DataView, offset: number, length: number, mtu: number): void {
  view.setUint16(offset, (ICMP_UNREACHABLE << 8) | ICMP_FRAGMENTATION_NEEDED);
  view.setUint16(offset + CHECKSUM, 0);
  view.setUint32(offset + 4, mtu);
  view.setUint16(offset + CHECKSUM, checksumOf(onesComplementSum(view, offset, length)));
}

/**
 * Writes the header of *packet too big*, its checksum included.
 *
 * @param view Buffer in which the quoted packet stands already, behind the eight octets of the header.
 * @param ipOffset Where the IPv6 header of the message begins; its addresses are in the checksum.
 * @param offset Where the header begins.
 * @param length Octets of header and quoted packet.
 * @param mtu Longest packet that goes through, in octets, 32 bits.
 */
export function writePacketTooBig(
  view: DataView,
  ipOffset: number,
  offset: number,
  length: number,
  mtu: number,
): void {
  view.setUint16(offset, ICMPV6_TOO_BIG << 8);
  view.setUint16(offset + CHECKSUM, 0);
  view.setUint32(offset + 4, mtu);
  const pseudoSum = pseudoHeaderSum6(view, ipOffset, PROTOCOL_ICMPV6, length);
  view.setUint16(offset + CHECKSUM, checksumOf(addSums(pseudoSum, onesComplementSum(view, offset, length))));
}
