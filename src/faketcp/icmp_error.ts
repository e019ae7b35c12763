/**
 * Reads the ICMP errors that quote one of our segments.
 *
 * Anybody may send such an error. What proves anything is only that it quotes a segment which we sent: the tuple, and a
 * sequence number in flight (RFC 5927 §4.1), which the stack compares.
 *
 * @module
 */

import { addSums, onesComplementSum, pseudoHeaderSum6 } from "../wire/checksum.ts";
import {
  ICMP_ERROR_HEADER_LEN,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_UNREACHABLE,
  ICMPV6_TOO_BIG,
  ICMPV6_UNREACHABLE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  readIcmpCode,
  readIcmpMtu,
  readIcmpType,
  readIcmpv6Mtu,
} from "../wire/icmp.ts";
import {
  checkIpv4,
  IpProtocol,
  IPV4_DESTINATION,
  IPV4_SOURCE,
  isIpv4Fragment,
  readIpv4Protocol,
  readIpv4TotalLen,
} from "../wire/ipv4.ts";
import { checkIpv6, IPV6_HEADER_LEN, IPV6_SOURCE, readIpv6NextHeader, readIpv6PayloadLen } from "../wire/ipv6.ts";
import { readTcpDestinationPort, readTcpSeq, readTcpSourcePort } from "../wire/tcp.ts";
import { REMOTE_WORDS } from "./connection_table.ts";
import { type LocalHost } from "./packet.ts";

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** How much of the quoted TCP header must be there: ports and sequence number (RFC 792). */
const QUOTED_TCP_LEN = 8;

/** An error, and the segment of ours that it quotes. */
export interface IcmpError {
  /** "too big" says that a link on the way carries less, "unreachable" anything else. */
  readonly kind: "too big" | "unreachable";
  /** Greatest packet that the link carries, octets; 0 if the router doesn't say or this is no question of size. */
  readonly mtu: number;
  /** Tuple of the quoted segment, as seen from us. */
  readonly tuple: Uint32Array;
  /** Sequence number of the quoted segment. */
  readonly seq: number;
}

/**
 * Reads an IP packet as an ICMP error.
 *
 * @param view The buffer.
 * @param offset Where the IP header begins.
 * @param length Octets from there to the end of the packet.
 * @param local Our addresses: the quoted segment must be sent from one of them.
 * @returns The error, or `undefined` if the packet is anything else, or its checksum is wrong.
 */
export function readIcmpError(
  view: DataView,
  offset: number,
  length: number,
  local: LocalHost,
): IcmpError | undefined {
  if (length === 0) return undefined;
  return view.getUint8(offset) >>> 4 === 4
    ? readError4(view, offset, length, local)
    : readError6(view, offset, length, local);
}

function readError4(view: DataView, offset: number, length: number, local: LocalHost): IcmpError | undefined {
  const headerLen = checkIpv4(view, offset, length);
  if (headerLen === 0 || readIpv4Protocol(view, offset) !== PROTOCOL_ICMP) return undefined;
  const icmpLen = readIpv4TotalLen(view, offset) - headerLen;
  const at = offset + headerLen;
  if (icmpLen < ICMP_ERROR_HEADER_LEN || headerLen + icmpLen > length || isIpv4Fragment(view, offset)) return undefined;
  if (readIcmpType(view, at) !== ICMP_UNREACHABLE || onesComplementSum(view, at, icmpLen) !== 0xffff) return undefined;

  const quotedAt = at + ICMP_ERROR_HEADER_LEN;
  const quotedLen = icmpLen - ICMP_ERROR_HEADER_LEN;
  const quotedHeaderLen = checkIpv4(view, quotedAt, quotedLen);
  if (quotedHeaderLen === 0 || quotedHeaderLen + QUOTED_TCP_LEN > quotedLen) return undefined;
  if (readIpv4Protocol(view, quotedAt) !== IpProtocol.TCP) return undefined;
  const source = view.getUint32(quotedAt + IPV4_SOURCE, HOST_IS_LITTLE_ENDIAN);
  if (source === 0 || source !== local.addressV4) return undefined;

  const tcpAt = quotedAt + quotedHeaderLen;
  const tuple = quotedTuple(view, 4, quotedAt + IPV4_DESTINATION, tcpAt);
  const isTooBig = readIcmpCode(view, at) === ICMP_FRAGMENTATION_NEEDED;
  const mtu = isTooBig ? readIcmpMtu(view, at) : 0;
  return { kind: isTooBig ? "too big" : "unreachable", mtu, tuple, seq: readTcpSeq(view, tcpAt) };
}

function readError6(view: DataView, offset: number, length: number, local: LocalHost): IcmpError | undefined {
  if (checkIpv6(view, offset, length) === 0 || readIpv6NextHeader(view, offset) !== PROTOCOL_ICMPV6) return undefined;
  const icmpLen = readIpv6PayloadLen(view, offset);
  const at = offset + IPV6_HEADER_LEN;
  if (icmpLen < ICMP_ERROR_HEADER_LEN || IPV6_HEADER_LEN + icmpLen > length) return undefined;
  const type = readIcmpType(view, at);
  if (type !== ICMPV6_TOO_BIG && type !== ICMPV6_UNREACHABLE) return undefined;
  const pseudo = pseudoHeaderSum6(view, offset, PROTOCOL_ICMPV6, icmpLen);
  if (addSums(pseudo, onesComplementSum(view, at, icmpLen)) !== 0xffff) return undefined;

  const quotedAt = at + ICMP_ERROR_HEADER_LEN;
  const quotedLen = icmpLen - ICMP_ERROR_HEADER_LEN;
  if (checkIpv6(view, quotedAt, quotedLen) === 0 || IPV6_HEADER_LEN + QUOTED_TCP_LEN > quotedLen) return undefined;
  if (readIpv6NextHeader(view, quotedAt) !== IpProtocol.TCP) return undefined;
  let any = 0;
  for (let word = 0; word < 4; word++) {
    const source = view.getUint32(quotedAt + IPV6_SOURCE + word * 4, HOST_IS_LITTLE_ENDIAN);
    if (source !== local.addressV6[word]) return undefined;
    any |= source;
  }
  if (any === 0) return undefined;

  const tcpAt = quotedAt + IPV6_HEADER_LEN;
  const tuple = quotedTuple(view, 6, quotedAt + IPV6_SOURCE + 16, tcpAt);
  const isTooBig = type === ICMPV6_TOO_BIG;
  const mtu = isTooBig ? readIcmpv6Mtu(view, at) : 0;
  return { kind: isTooBig ? "too big" : "unreachable", mtu, tuple, seq: readTcpSeq(view, tcpAt) };
}

/** Makes the tuple of a segment that we sent: its destination is the remote side. */
function quotedTuple(view: DataView, family: number, destinationAt: number, tcpAt: number): Uint32Array {
  const tuple = new Uint32Array(REMOTE_WORDS);
  tuple[0] = family;
  tuple[1] = readTcpDestinationPort(view, tcpAt);
  for (let word = 0; word < (family === 4 ? 1 : 4); word++) {
    tuple[2 + word] = view.getUint32(destinationAt + word * 4, HOST_IS_LITTLE_ENDIAN);
  }
  tuple[REMOTE_WORDS - 1] = readTcpSourcePort(view, tcpAt);
  return tuple;
}
