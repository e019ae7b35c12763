// No allocation per packet in this file.
/**
 * Lowers the maximum segment size that two hosts agree on, so that their full segments fit the path between them.
 *
 * Each end of a TCP connection says in its SYN how long segments may be that it receives. Lowering that number on the way
 * spares both the loss and the round trip that finding out by ICMP would cost (RFC 9293 §3.7.1; RFC 4459 §3.3 on the
 * practice).
 *
 * @module
 */

import { updateChecksum } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LEN, EtherType, readEtherType } from "../wire/ethernet.ts";
import { IpProtocol, IPV4_MIN_HEADER_LEN, readIpv4Protocol } from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, readIpv6NextHeader } from "../wire/ipv6.ts";
import {
  findTcpOption,
  readTcpChecksum,
  readTcpFlags,
  TCP_MIN_HEADER_LEN,
  TcpFlag,
  TcpOption,
  writeTcpChecksum,
} from "../wire/tcp.ts";
import { FrameLayout, readFrameLayout } from "./frame_layout.ts";

/** Least size that is written: Linux takes nothing smaller seriously (`TCP_MIN_SND_MSS`, `net/tcp.h`). */
export const MIN_CLAMPED_MSS = 48;

/** Octets of the MSS option. */
const MSS_OPTION_LEN = 4;
/** First octet of an IPv4 header without options: version 4, five words. */
const PLAIN_IPV4 = 0x45;
const TCP4_AT = ETHERNET_HEADER_LEN + IPV4_MIN_HEADER_LEN;
const TCP6_AT = ETHERNET_HEADER_LEN + IPV6_HEADER_LEN;

/** Filled for each frame that may be a SYN; nothing of it outlives {@linkcode clampMss}. */
const layout = new FrameLayout();

/**
 * Lowers the MSS option of a SYN in place, so that a full segment behind the same headers fits; a smaller one stays.
 *
 * The sum of the frame's octets stays what it was, because the checksum makes up for the change. A SYN without the option
 * stays as it is: it means 536 octets (IPv6: 1220), which a path is expected to carry.
 *
 * @param view The buffer.
 * @param frameAt Where the frame begins.
 * @param frameLen Its length in octets, any.
 * @param maxFrameLen Longest frame that the path carries, in octets.
 * @param isChecksumOpen Whether the checksum field holds only the pseudo-header's sum, of which the option is no part.
 * @returns Whether the frame was changed.
 */
export function clampMss(
  view: DataView,
  frameAt: number,
  frameLen: number,
  maxFrameLen: number,
  isChecksumOpen: boolean,
): boolean {
  if (!mayBeSyn(view, frameAt, frameLen)) return false;
  readFrameLayout(view, frameAt, frameLen, layout);
  if (layout.headerLen === 0 || layout.protocol !== IpProtocol.TCP) return false;
  const tcpAt = frameAt + layout.transport;
  if ((readTcpFlags(view, tcpAt) & TcpFlag.SYN) === 0) return false;
  const optionAt = findTcpOption(view, tcpAt, layout.headerLen - layout.transport, TcpOption.MSS);
  if (optionAt < 0 || view.getUint8(optionAt + 1) !== MSS_OPTION_LEN) return false;

  const mssAt = optionAt + 2;
  const offered = view.getUint16(mssAt);
  const mss = Math.max(MIN_CLAMPED_MSS, mssThatFits(maxFrameLen));
  if (offered <= mss) return false;
  view.setUint16(mssAt, mss);
  if (!isChecksumOpen) {
    // Behind a single NOP the option lies across two words of the sum, its octets in each other's place (RFC 1071 §2 (B)).
    const isSwapped = ((mssAt - tcpAt) & 1) !== 0;
    const before = isSwapped ? swapOctets(offered) : offered;
    const now = isSwapped ? swapOctets(mss) : mss;
    writeTcpChecksum(view, tcpAt, updateChecksum(readTcpChecksum(view, tcpAt), before, now));
  }
  return true;
}

/**
 * Looks at a few octets in fixed places, so that the millions of frames that are no SYN cost next to nothing.
 *
 * @returns False only if the frame is none; true also if that takes a closer look.
 */
function mayBeSyn(view: DataView, frameAt: number, frameLen: number): boolean {
  if (frameLen < TCP4_AT + TCP_MIN_HEADER_LEN) return false;
  const ipAt = frameAt + ETHERNET_HEADER_LEN;
  switch (readEtherType(view, frameAt, ETHERNET_HEADER_LEN)) {
    case EtherType.IPV4:
      if (readIpv4Protocol(view, ipAt) !== IpProtocol.TCP) return false;
      return view.getUint8(ipAt) !== PLAIN_IPV4 || hasSyn(view, frameAt + TCP4_AT);
    case EtherType.IPV6:
      if (readIpv6NextHeader(view, ipAt) === IpProtocol.UDP || frameLen < TCP6_AT + TCP_MIN_HEADER_LEN) return false;
      return readIpv6NextHeader(view, ipAt) !== IpProtocol.TCP || hasSyn(view, frameAt + TCP6_AT);
    case EtherType.VLAN:
    case EtherType.SERVICE_VLAN:
      return true;
    default:
      return false;
  }
}

function hasSyn(view: DataView, tcpAt: number): boolean {
  return (readTcpFlags(view, tcpAt) & TcpFlag.SYN) !== 0;
}

/** Returns the payload of a full segment without options; options come off it where it is sent (RFC 6691 §2). */
function mssThatFits(maxFrameLen: number): number {
  const ipHeaderLen = layout.version === 4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
  return maxFrameLen - layout.network - ipHeaderLen - TCP_MIN_HEADER_LEN;
}

function swapOctets(word: number): number {
  return (word >>> 8) | ((word & 0xff) << 8);
}
