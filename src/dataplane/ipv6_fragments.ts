// No allocation per packet in this file.
/**
 * Cuts an IPv6 packet into fragments, as its source would (RFC 8200 §4.5).
 *
 * Routers don't do that: they answer. But nobody makes packets shorter than 1280 octets on their account, because every IPv6
 * link must carry these, if need be by means below IPv6 (RFC 8200 §5), which our path has not; and to a packet for a group a
 * switch can't answer. What would vanish for good is cut here. The receiver can't tell. A fragment can be cut again.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { IPV6_HEADER_LEN, Ipv6Extension, writeIpv6PayloadLen } from "../wire/ipv6.ts";
import {
  hasMoreFragments,
  IPV6_FRAGMENT_HEADER_LEN,
  IPV6_MAX_FRAGMENT_OFFSET,
  lastNextHeaderAt,
  perFragmentHeadersLen,
  readFragmentIdentification,
  readFragmentNextHeader,
  readFragmentOffset,
  writeFragmentHeader,
} from "../wire/ipv6_fragment.ts";
import { type FrameLayout } from "./frame_layout.ts";
import { type PieceReader } from "./piece_reader.ts";
import { PIECE_HEADER_STRIDE, type PieceList } from "./split.ts";

/** Fragment offsets count units of so many octets. */
const UNIT = 8;

/** Where the packet being cut has its parts, offsets from the frame's beginning; filled for each. */
const parts = {
  /** Where the number stands that names what follows the repeated headers. */
  nextHeaderAt: 0,
  /** Where the repeated headers end, and the fragment header begins. */
  fragmentAt: 0,
  /** Where the data begins. */
  dataAt: 0,
  nextHeader: 0,
  /** What a fragment header says that the packet has already; else 0. */
  offset: 0,
  more: false,
  identification: 0,
};

/**
 * Appends a row for each fragment of a packet.
 *
 * @param packet A frame with an IPv6 packet: no padding, no open checksum.
 * @param layout Of the frame.
 * @param maxFrameLen Longest frame that the path carries, in octets.
 * @param identification Of the packet, if it is no fragment yet: 32 bits that none between the same two hosts has had lately.
 * @param out Receives the rows; not the list that the packet is in.
 * @returns Count of rows appended; 0 if there is no room for all of them: the caller takes back those that found some; or
 * `−PATH_OVERSIZED` if not even the least fragment fits, or one would lie beyond the longest packet there can be.
 */
export function appendIpv6Fragments(
  packet: PieceReader,
  layout: FrameLayout,
  maxFrameLen: number,
  identification: number,
  out: PieceList,
): number {
  const { network } = layout;
  findParts(packet, network, identification);
  const { fragmentAt, dataAt, offset } = parts;
  const headerLen = fragmentAt + IPV6_FRAGMENT_HEADER_LEN;
  const dataLen = packet.frameLen - dataAt;
  // Data that lies with the headers goes with them, into the first fragment.
  const inSlot = packet.lenInSlot(dataAt);
  const room = maxFrameLen - headerLen;
  const step = room - (room & (UNIT - 1));
  if (step < Math.max(UNIT, inSlot) || headerLen + inSlot > PIECE_HEADER_STRIDE) return -Reason.PATH_OVERSIZED;
  if (offset + dataLen - 1 > IPV6_MAX_FRAGMENT_OFFSET + UNIT - 1) return -Reason.PATH_OVERSIZED;

  let rows = 0;
  for (let from = 0; from < dataLen; rows++) {
    if (out.count === out.capacity) return 0;
    const length = dataLen - from <= room ? dataLen - from : step;
    const copied = from === 0 ? inSlot : 0;
    const slot = out.count * PIECE_HEADER_STRIDE;
    packet.copy(0, fragmentAt, out.headers, slot);
    packet.copy(dataAt, copied, out.headers, slot + headerLen);
    writeIpv6PayloadLen(out.headerView, slot + network, headerLen - network - IPV6_HEADER_LEN + length);
    writeFragment(out.headerView, slot, offset + from, from + length < dataLen);
    out.append(headerLen + copied, packet.payloadOffset(dataAt + from + copied), length - copied, 0, 0);
    from += length;
  }
  return rows;
}

/** Finds what every fragment repeats, and whether the packet is a fragment already. */
function findParts(packet: PieceReader, network: number, identification: number): void {
  const { headerView } = packet;
  const ipAt = packet.at + network;
  const repeatedLen = perFragmentHeadersLen(headerView, ipAt, packet.readableLen - network);
  const fragmentAt = network + repeatedLen;
  parts.nextHeaderAt = network + lastNextHeaderAt(headerView, ipAt, repeatedLen);
  parts.fragmentAt = fragmentAt;
  parts.dataAt = fragmentAt;
  parts.nextHeader = headerView.getUint8(packet.at + parts.nextHeaderAt);
  parts.offset = 0;
  parts.more = false;
  parts.identification = identification;
  if (parts.nextHeader !== Ipv6Extension.FRAGMENT) return;
  if (fragmentAt + IPV6_FRAGMENT_HEADER_LEN > packet.readableLen) return;
  const at = packet.at + fragmentAt;
  parts.dataAt = fragmentAt + IPV6_FRAGMENT_HEADER_LEN;
  parts.nextHeader = readFragmentNextHeader(headerView, at);
  parts.offset = readFragmentOffset(headerView, at);
  parts.more = hasMoreFragments(headerView, at);
  parts.identification = readFragmentIdentification(headerView, at);
}

/** Writes the fragment header of the frame at `frameAt`; the last fragment says what the packet said. */
function writeFragment(headers: DataView, frameAt: number, offset: number, isFollowed: boolean): void {
  const { nextHeaderAt, fragmentAt, nextHeader, more, identification } = parts;
  headers.setUint8(frameAt + nextHeaderAt, Ipv6Extension.FRAGMENT);
  writeFragmentHeader(headers, frameAt + fragmentAt, nextHeader, offset, isFollowed || more, identification);
}
