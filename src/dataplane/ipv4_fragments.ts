// No allocation per packet in this file.
/**
 * Cuts an IPv4 packet into fragments, as a router does in front of a link that carries less (RFC 791 §3.2).
 *
 * Only headers are written; what the fragments carry stays where it lies. A fragment can be cut again.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { checksumOf, onesComplementSum } from "../wire/checksum.ts";
import {
  IPV4_MIN_HEADER_LEN,
  Ipv4Fragment,
  readIpv4Fragment,
  writeIpv4Checksum,
  writeIpv4Fragment,
  writeIpv4TotalLen,
} from "../wire/ipv4.ts";
import { type FrameLayout } from "./frame_layout.ts";
import { type PieceReader } from "./piece_reader.ts";
import { PIECE_HEADER_STRIDE, type PieceList } from "./split.ts";

/** Fragment offsets count units of so many octets. */
const UNIT = 8;
/** Octets in one of the words that IHL counts. */
const IHL_WORD = 4;
/** Version of the header, in the octet that holds the IHL too. */
const VERSION_4 = 0x40;

/** Options that consist of their type alone (RFC 791 §3.1). */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
/** Bit of an option's type: every fragment has it. */
const COPIED = 0x80;

/**
 * Appends a row for each fragment of a packet.
 *
 * @param packet A frame with an IPv4 packet that may be cut: DF not set, header intact, no padding, no open checksum.
 * @param layout Of the frame.
 * @param maxFrameLen Longest frame that the path carries, in octets.
 * @param out Receives the rows; not the list that the packet is in.
 * @returns Count of rows appended; 0 if there is no room for all of them: the caller takes back those that found some; or
 * `−PATH_OVERSIZED` if not even the least fragment fits, or one would lie beyond the longest packet there can be.
 */
export function appendIpv4Fragments(
  packet: PieceReader,
  layout: FrameLayout,
  maxFrameLen: number,
  out: PieceList,
): number {
  const { network, transport } = layout;
  const dataLen = packet.frameLen - transport;
  // Data that lies with the headers goes with them, into the first fragment.
  const inSlot = packet.lenInSlot(transport);
  const room = maxFrameLen - transport;
  const step = room - (room & (UNIT - 1));
  if (step < Math.max(UNIT, inSlot)) return -Reason.PATH_OVERSIZED;
  const fragment = readIpv4Fragment(packet.headerView, packet.at + network);
  const firstUnit = fragment & Ipv4Fragment.OFFSET;
  if (firstUnit + Math.floor((dataLen - 1) / UNIT) > Ipv4Fragment.OFFSET) return -Reason.PATH_OVERSIZED;

  let rows = 0;
  for (let from = 0; from < dataLen; rows++) {
    if (out.count === out.capacity) return 0;
    const isFirst = from === 0;
    const length = dataLen - from <= room ? dataLen - from : step;
    const copied = isFirst ? inSlot : 0;
    const slot = out.count * PIECE_HEADER_STRIDE;
    packet.copy(0, transport + copied, out.headers, slot);
    const ipHeaderLen = isFirst ? transport - network : keepCopiedOptions(out, slot + network, transport - network);
    // The last fragment has what the packet had: MF, if that was a fragment itself.
    const flags = (fragment & ~Ipv4Fragment.OFFSET) | (from + length < dataLen ? Ipv4Fragment.MF : 0);
    writeFields(out.headerView, slot + network, ipHeaderLen, length, flags | (firstUnit + from / UNIT));
    const payloadAt = packet.payloadOffset(transport + from + copied);
    out.append(network + ipHeaderLen + copied, payloadAt, length - copied, 0, 0);
    from += length;
  }
  return rows;
}

function writeFields(headers: DataView, ipAt: number, ipHeaderLen: number, dataLen: number, fragment: number): void {
  writeIpv4TotalLen(headers, ipAt, ipHeaderLen + dataLen);
  writeIpv4Fragment(headers, ipAt, fragment);
  writeIpv4Checksum(headers, ipAt, 0);
  writeIpv4Checksum(headers, ipAt, checksumOf(onesComplementSum(headers, ipAt, ipHeaderLen)));
}

/**
 * Takes out of a header the options that only the first fragment has, and writes the IHL that follows.
 *
 * @returns The header's length, in octets.
 */
function keepCopiedOptions(out: PieceList, ipAt: number, ipHeaderLen: number): number {
  const { headers } = out;
  const end = ipAt + ipHeaderLen;
  let to = ipAt + IPV4_MIN_HEADER_LEN;
  for (let at = to; at < end && headers[at] !== END_OF_OPTIONS;) {
    const hasLength = headers[at] !== NO_OPERATION;
    const optionLen = hasLength ? at + 1 < end ? headers[at + 1] : 0 : 1;
    if (optionLen < (hasLength ? 2 : 1) || at + optionLen > end) break;
    if ((headers[at] & COPIED) !== 0) {
      for (let index = 0; index < optionLen; index++) headers[to++] = headers[at + index];
    }
    at += optionLen;
  }
  while ((to - ipAt) % IHL_WORD !== 0) headers[to++] = END_OF_OPTIONS;
  headers[ipAt] = VERSION_4 | ((to - ipAt) / IHL_WORD);
  return to - ipAt;
}
