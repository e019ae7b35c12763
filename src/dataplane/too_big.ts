// No allocation per packet in this file.
/**
 * Tells the sender of a packet that it is too long for the path: ICMPv4 *fragmentation needed*, ICMPv6 *packet too big*.
 *
 * We are a switch, with no address of our own in the network that we carry. So the answer claims to come from where the
 * packet was going: that address is routed to us, and no filter at the sender takes it for forged. For the same reason
 * there is none where that is no single host's address.
 *
 * @module
 */

import { TokenBucket } from "../base/token_bucket.ts";
import { ETHERNET_DESTINATION, ETHERNET_SOURCE, isGroupAddress } from "../wire/ethernet.ts";
import { ICMP_ERROR_HEADER_LEN, PROTOCOL_ICMP, PROTOCOL_ICMPV6, readIcmpType } from "../wire/icmp.ts";
import { isIcmpError, isIcmpv6Error, writeFragmentationNeeded, writePacketTooBig } from "../wire/icmp_too_big.ts";
import {
  IPV4_DESTINATION,
  IPV4_MIN_HEADER_LEN,
  IPV4_SOURCE,
  Ipv4Fragment,
  readIpv4Fragment,
  writeIpv4Header,
} from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, IPV6_SOURCE, Ipv6Extension, writeIpv6Header } from "../wire/ipv6.ts";
import { IPV6_FRAGMENT_HEADER_LEN, readFragmentNextHeader, readFragmentOffset } from "../wire/ipv6_fragment.ts";
import { VIRTIO_NET_HDR_LEN } from "../wire/virtio_net_hdr.ts";
import { type FrameLayout } from "./frame_layout.ts";
import { type PieceReader } from "./piece_reader.ts";

/** Answers per second that a lane gives in the long run, to whomever. */
const ANSWERS_PER_SECOND = 200;
/** Answers that a lane gives at once. */
const ANSWERS_BURST = 50;

/** Least MTU of an IPv4 link, in octets (RFC 791 §3.2); a sender believes no smaller number. */
export const IPV4_MIN_MTU = 68;
/** Least MTU of an IPv6 link, in octets (RFC 8200 §5); a sender throws away what says less (RFC 8201 §4). */
export const IPV6_MIN_MTU = 1280;
/** Longest packet that an ICMPv4 error makes, in octets (RFC 1812 §4.3.2.3). */
const ANSWER4_MAX_LEN = 576;
/** Longest packet that an ICMPv6 error makes, in octets (RFC 4443 §2.4 (c)). */
const ANSWER6_MAX_LEN = IPV6_MIN_MTU;
/** Octets behind the IP header that are quoted at least (RFC 792): in TCP and UDP they begin with both ports. */
const QUOTED_DATA_MIN_LEN = 8;
/** Room for Ethernet header and two tags. */
const LINK_HEADER_MAX_LEN = 22;

/** Type of service of routers' own messages: internetwork control (RFC 1812 §4.3.2.5). */
const INTERNETWORK_CONTROL = 0xc0;
const ANSWER_TTL = 64;
const IPV6_DESTINATION = IPV6_SOURCE + 16;

/** Where in {@linkcode TooBigAnswer.octets} the frame begins. */
export const ANSWER_FRAME_AT = VIRTIO_NET_HDR_LEN;

/** A frame to be sent back, made again for every packet that asks for one. */
export interface TooBigAnswer {
  /** An empty virtio header, then the frame. */
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** Octets of the frame at {@linkcode ANSWER_FRAME_AT}; 0 if there is none. */
  length: number;
}

/** Makes an empty answer. */
export function createTooBigAnswer(): TooBigAnswer {
  const octets = new Uint8Array(VIRTIO_NET_HDR_LEN + LINK_HEADER_MAX_LEN + ANSWER6_MAX_LEN);
  return { octets, view: new DataView(octets.buffer), length: 0 };
}

/** Makes what limits the answers of one lane: a flood of long packets must not make a flood of short ones. */
export function createAnswerLimit(): TokenBucket {
  return new TokenBucket(ANSWERS_PER_SECOND, ANSWERS_BURST);
}

/**
 * Writes the answer to a packet that is too long, unless the rules of ICMP forbid one (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)):
 * to a group or from one, to an ICMP error, to a fragment other than the first.
 *
 * @param packet A frame with an IP packet.
 * @param layout Of the frame.
 * @param maxFrameLen Longest frame that the path carries, in octets.
 * @param answer Receives the frame, with the VLAN tags of the one that it answers.
 * @returns Whether there is an answer.
 */
export function writeTooBig(
  packet: PieceReader,
  layout: FrameLayout,
  maxFrameLen: number,
  answer: TooBigAnswer,
): boolean {
  const { network } = layout;
  const isIpv4 = layout.version === 4;
  const mtu = maxFrameLen - network;
  if (isGroupAddress(packet.headerView, packet.at + ETHERNET_DESTINATION)) return false;
  if (isGroupAddress(packet.headerView, packet.at + ETHERNET_SOURCE)) return false;
  if (isIpv4 ? mtu < IPV4_MIN_MTU || !mayAnswer4(packet, layout) : !mayAnswer6(packet, layout)) return false;

  const ipAt = ANSWER_FRAME_AT + network;
  const ipHeaderLen = isIpv4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
  const maxLen = isIpv4 ? ANSWER4_MAX_LEN : ANSWER6_MAX_LEN;
  // The way back may be as narrow; what a sender needs to know its packet again is quoted in any case.
  const roomLen = Math.min(maxLen, mtu) - ipHeaderLen - ICMP_ERROR_HEADER_LEN;
  const quoteLen = Math.min(packet.frameLen - network, Math.max(roomLen, ipHeaderLen + QUOTED_DATA_MIN_LEN));
  packet.copy(0, network, answer.octets, ANSWER_FRAME_AT);
  swapAddresses(answer.octets, ANSWER_FRAME_AT);
  packet.copy(network, quoteLen, answer.octets, ipAt + ipHeaderLen + ICMP_ERROR_HEADER_LEN);
  if (isIpv4) writeAnswer4(answer.view, ipAt, quoteLen, mtu);
  else writeAnswer6(answer.view, ipAt, quoteLen, Math.max(mtu, IPV6_MIN_MTU));
  answer.length = network + ipHeaderLen + ICMP_ERROR_HEADER_LEN + quoteLen;
  return true;
}

function mayAnswer4(
  { headerView, at, readableLen }: PieceReader,
  { network, transport, protocol }: FrameLayout,
): boolean {
  const ipAt = at + network;
  if ((readIpv4Fragment(headerView, ipAt) & Ipv4Fragment.OFFSET) !== 0) return false;
  if (!isIpv4Host(headerView, ipAt + IPV4_SOURCE) || !isIpv4Host(headerView, ipAt + IPV4_DESTINATION)) return false;
  if (protocol !== PROTOCOL_ICMP) return true;
  return transport < readableLen && !isIcmpError(readIcmpType(headerView, at + transport));
}

/** Tells whether an address can be one host's: neither "this network", loopback, multicast, reserved, nor broadcast. */
function isIpv4Host(view: DataView, at: number): boolean {
  const first = view.getUint8(at);
  return first !== 0 && first !== 127 && first < 224;
}

function mayAnswer6({ headerView, at, readableLen }: PieceReader, layout: FrameLayout): boolean {
  const ipAt = at + layout.network;
  if (!isIpv6Host(headerView, ipAt + IPV6_SOURCE) || !isIpv6Host(headerView, ipAt + IPV6_DESTINATION)) return false;
  let { protocol, transport } = layout;
  if (protocol === Ipv6Extension.FRAGMENT) {
    if (transport + IPV6_FRAGMENT_HEADER_LEN > readableLen) return false;
    if (readFragmentOffset(headerView, at + transport) !== 0) return false;
    protocol = readFragmentNextHeader(headerView, at + transport);
    transport += IPV6_FRAGMENT_HEADER_LEN;
  }
  if (protocol !== PROTOCOL_ICMPV6) return true;
  return transport < readableLen && !isIcmpv6Error(readIcmpType(headerView, at + transport));
}

/** Tells whether an address can be one host's: neither multicast nor unspecified. */
function isIpv6Host(view: DataView, at: number): boolean {
  if (view.getUint8(at) === 0xff) return false;
  return view.getUint32(at) !== 0 || view.getUint32(at + 4) !== 0 || view.getUint32(at + 8) !== 0 ||
    view.getUint32(at + 12) !== 0;
}

/** Writes IPv4 and ICMP header in front of the quoted packet, whose addresses are taken the other way round. */
function writeAnswer4(view: DataView, ipAt: number, quoteLen: number, mtu: number): void {
  const icmpAt = ipAt + IPV4_MIN_HEADER_LEN;
  const quoteAt = icmpAt + ICMP_ERROR_HEADER_LEN;
  writeIpv4Header(
    view,
    ipAt,
    INTERNETWORK_CONTROL,
    IPV4_MIN_HEADER_LEN + ICMP_ERROR_HEADER_LEN + quoteLen,
    0,
    Ipv4Fragment.DF,
    ANSWER_TTL,
    PROTOCOL_ICMP,
    view.getUint32(quoteAt + IPV4_DESTINATION),
    view.getUint32(quoteAt + IPV4_SOURCE),
  );
  writeFragmentationNeeded(view, icmpAt, ICMP_ERROR_HEADER_LEN + quoteLen, Math.min(mtu, 0xffff));
}

/** Writes IPv6 and ICMPv6 header in front of the quoted packet, whose addresses are taken the other way round. */
function writeAnswer6(view: DataView, ipAt: number, quoteLen: number, mtu: number): void {
  const icmpAt = ipAt + IPV6_HEADER_LEN;
  const quoteAt = icmpAt + ICMP_ERROR_HEADER_LEN;
  writeIpv6Header(view, ipAt, 0, 0, ICMP_ERROR_HEADER_LEN + quoteLen, PROTOCOL_ICMPV6, ANSWER_TTL);
  for (let at = 0; at < 16; at += 4) {
    view.setUint32(ipAt + IPV6_SOURCE + at, view.getUint32(quoteAt + IPV6_DESTINATION + at));
    view.setUint32(ipAt + IPV6_DESTINATION + at, view.getUint32(quoteAt + IPV6_SOURCE + at));
  }
  writePacketTooBig(view, ipAt, icmpAt, ICMP_ERROR_HEADER_LEN + quoteLen, mtu);
}

function swapAddresses(frame: Uint8Array, frameAt: number): void {
  for (let index = 0; index < 6; index++) {
    const octet = frame[frameAt + ETHERNET_DESTINATION + index];
    frame[frameAt + ETHERNET_DESTINATION + index] = frame[frameAt + ETHERNET_SOURCE + index];
    frame[frameAt + ETHERNET_SOURCE + index] = octet;
  }
}
