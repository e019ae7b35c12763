// No allocation per packet in this file.
/**
 * Which frames may become one super-frame.
 *
 * The measure is that the kernel, when it cuts the super-frame again, must produce the very frames that came in. So the
 * headers of two frames have to agree in everything that differs in no two segments of one super-frame, as in Linux
 * (`dev_gro_receive`, `inet_gro_receive`, `tcp_gro_receive`), and the rules are stricter than there in one thing: IPv4
 * identifications must count up even with DF set, because a `virtio_net_hdr` can't say that they don't.
 *
 * @module
 */
import { addSums, foldSum, onesComplementSum, pseudoHeaderSum4, subtractSum } from "../wire/checksum.ts";
import {
  IpProtocol,
  Ipv4Fragment,
  readIpv4Checksum,
  readIpv4Fragment,
  readIpv4Identification,
  readIpv4TotalLen,
} from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, IPV6_SOURCE, readIpv6PayloadLen } from "../wire/ipv6.ts";
import { readTcpFlags, TCP_MIN_HEADER_LEN, TcpFlag } from "../wire/tcp.ts";
import { readUdpChecksum, readUdpLen } from "../wire/udp.ts";
import type { FrameLayout } from "./frame_layout.ts";

/** The sum of data that is intact together with its checksum (RFC 1071 §1). */
const INTACT_SUM = 0xffff;

/**
 * Returns the length of the packet in a frame, as its own header tells it.
 *
 * @param layout Of a frame with an IP header.
 * @returns Octets from the IP header's beginning to the packet's end; 0 if that lies outside the frame, or within the
 * headers that were found.
 */
export function packetLen(view: DataView, frameAt: number, frameLen: number, layout: FrameLayout): number {
  const ipAt = frameAt + layout.network;
  const length = layout.version === 4 ? readIpv4TotalLen(view, ipAt) : IPV6_HEADER_LEN + readIpv6PayloadLen(view, ipAt);
  return length > frameLen - layout.network || length < layout.headerLen - layout.network ? 0 : length;
}

/**
 * Tells whether the transport checksum is right, and in IPv4 the header checksum too.
 *
 * Nothing of the payload is read: its sum is what remains of the frame's sum without the headers. Octets behind the packet
 * (padding) are in the frame's sum too; while they are zero they add nothing, and otherwise the checksum counts as wrong.
 *
 * @param sum One's complement sum of the whole frame.
 * @param length What {@linkcode packetLen} returned, not 0.
 * @param layout Of a frame with a TCP or UDP header.
 */
export function isIntact(view: DataView, frameAt: number, sum: number, length: number, layout: FrameLayout): boolean {
  const { network, transport, protocol } = layout;
  const ipAt = frameAt + network;
  const transportLen = length - (transport - network);
  const packetSum = subtractSum(sum, onesComplementSum(view, frameAt, network));
  if (layout.version === 4) {
    // An intact IPv4 header sums to 0xffff, which is zero in this arithmetic: it need not be subtracted.
    if (onesComplementSum(view, ipAt, transport - network) !== INTACT_SUM) return false;
    return addSums(packetSum, pseudoHeaderSum4(view, ipAt, protocol, transportLen)) === INTACT_SUM;
  }
  // The addresses are in the packet's sum, and belong to the pseudo-header too: they can stay.
  const fixedSum = onesComplementSum(view, ipAt, IPV6_SOURCE);
  const extensionSum = onesComplementSum(view, ipAt + IPV6_HEADER_LEN, transport - network - IPV6_HEADER_LEN);
  const coveredSum = subtractSum(packetSum, addSums(fixedSum, extensionSum));
  return foldSum(coveredSum + protocol + transportLen) === INTACT_SUM;
}

/**
 * Tells whether a TCP segment may be part of a super-frame: it carries data and an acknowledgment, and no other flag than
 * PSH or FIN, which mark the last part.
 *
 * @param payloadLen Octets behind the headers, within the packet.
 */
export function isMergeableTcp(view: DataView, frameAt: number, payloadLen: number, layout: FrameLayout): boolean {
  const flags = readTcpFlags(view, frameAt + layout.transport);
  return payloadLen > 0 && (flags & ~(TcpFlag.PSH | TcpFlag.FIN)) === TcpFlag.ACK &&
    hasPlainFragmentField(view, frameAt, layout);
}

/**
 * Tells whether a UDP datagram may be part of a super-frame: it carries data, has a checksum, and fills its packet.
 *
 * @param payloadLen Octets behind the headers, within the packet.
 */
export function isMergeableUdp(view: DataView, frameAt: number, payloadLen: number, layout: FrameLayout): boolean {
  const udpAt = frameAt + layout.transport;
  return payloadLen > 0 && readUdpChecksum(view, udpAt) !== 0 &&
    readUdpLen(view, udpAt) === layout.headerLen - layout.transport + payloadLen &&
    hasPlainFragmentField(view, frameAt, layout);
}

/** Tells whether IPv4's flags are zero or just DF; that there is no fragment offset is known. */
function hasPlainFragmentField(view: DataView, frameAt: number, layout: FrameLayout): boolean {
  return layout.version !== 4 || (readIpv4Fragment(view, frameAt + layout.network) & ~Ipv4Fragment.DF) === 0;
}

/** Tells whether two packets, IP headers at `ipAt` and `otherIpAt`, have the same source and the same destination. */
export function haveSameAddresses(view: DataView, ipAt: number, otherIpAt: number, version: number): boolean {
  return version === 4
    ? areEqual(view, ipAt + 12, otherIpAt + 12, 8)
    : areEqual(view, ipAt + IPV6_SOURCE, otherIpAt + IPV6_SOURCE, 32);
}

/**
 * Tells whether a frame has the headers of another one, but for what a super-frame's segments differ in: IP length,
 * identification and header checksum; TCP sequence number, PSH, FIN and checksum; UDP length and checksum.
 *
 * Everything that decides about a layout is compared, so that a frame with the same headers has the same layout too.
 *
 * @param frameAt Where the frame begins, which has at least `layout.headerLen` octets and may be anything else.
 * @param otherAt Where the other frame begins.
 * @param layout Of the other frame, with a TCP or UDP header.
 */
export function haveSameHeaders(view: DataView, frameAt: number, otherAt: number, layout: FrameLayout): boolean {
  const { network, transport, headerLen } = layout;
  if (!areEqual(view, frameAt, otherAt, network)) return false;
  const ipAt = frameAt + network;
  const otherIpAt = otherAt + network;
  if (layout.version === 4) {
    // Version, IHL, type of service; flags to protocol; addresses and options.
    if (view.getUint16(ipAt) !== view.getUint16(otherIpAt)) return false;
    if (view.getUint32(ipAt + 6) !== view.getUint32(otherIpAt + 6)) return false;
    if (!areEqual(view, ipAt + 12, otherIpAt + 12, transport - network - 12)) return false;
  } else {
    // Version, traffic class, flow label; next header to extension headers.
    if (view.getUint32(ipAt) !== view.getUint32(otherIpAt)) return false;
    if (!areEqual(view, ipAt + 6, otherIpAt + 6, transport - network - 6)) return false;
  }
  const transportAt = frameAt + transport;
  const otherTransportAt = otherAt + transport;
  if (view.getUint32(transportAt) !== view.getUint32(otherTransportAt)) return false;
  if (layout.protocol === IpProtocol.UDP) return true;
  // Acknowledgment; data offset, flags and window but PSH and FIN; urgent pointer; options.
  if (view.getUint32(transportAt + 8) !== view.getUint32(otherTransportAt + 8)) return false;
  const flagsDiffering = view.getUint32(transportAt + 12) ^ view.getUint32(otherTransportAt + 12);
  if ((flagsDiffering & ~((TcpFlag.PSH | TcpFlag.FIN) << 16)) !== 0) return false;
  const optionsLen = headerLen - transport - TCP_MIN_HEADER_LEN;
  return areEqual(view, transportAt + 18, otherTransportAt + 18, 2 + optionsLen);
}

/** Compares two regions of even length. */
function areEqual(view: DataView, at: number, otherAt: number, length: number): boolean {
  let i = 0;
  for (const wordsEnd = length - 3; i < wordsEnd; i += 4) {
    if (view.getUint32(at + i) !== view.getUint32(otherAt + i)) return false;
  }
  return i === length || view.getUint16(at + i) === view.getUint16(otherAt + i);
}

/**
 * Returns a figure that is the same for all intact IPv4 headers that agree as {@linkcode haveSameHeaders} demands.
 *
 * Such headers differ in three words only, and their sum with the words in common must be 0xffff: so the sum of the three
 * is the same for all. IPv6 has no header checksum, and gives 0.
 */
export function headerTotal(view: DataView, frameAt: number, layout: FrameLayout): number {
  if (layout.version !== 4) return 0;
  const ipAt = frameAt + layout.network;
  return foldSum(readIpv4TotalLen(view, ipAt) + readIpv4Identification(view, ipAt) + readIpv4Checksum(view, ipAt));
}

/**
 * Returns a figure that is the same for all frames with an intact payload whose headers are intact and agree as
 * {@linkcode haveSameHeaders} demands.
 *
 * What {@linkcode isIntact} adds to the frame's sum, or subtracts from it, is then the same for all, except the packet's
 * length. In IPv4 that enters by the pseudo-header; in IPv6 it does too, but as the payload length it is also subtracted.
 *
 * @param sum One's complement sum of the whole frame.
 * @param length What {@linkcode packetLen} returned, not 0.
 */
export function frameTotal(sum: number, length: number, layout: FrameLayout): number {
  return layout.version === 4 ? addSums(sum, length) : sum;
}
