// No allocation per packet in this file.
/**
 * The TCP header and its options.
 *
 * Layout, in octets: source port 0–1, destination port 2–3, sequence number 4–7, acknowledgment number 8–11, data offset
 * and reserved bits 12, control bits 13, window 14–15, checksum 16–17, urgent pointer 18–19, options.
 * Source: RFC 9293 §3.1.
 *
 * @module
 */

/** Length of a header without options, in octets. */
export const TCP_MIN_HEADER_LEN = 20;
/** Offset of the checksum. */
export const TCP_CHECKSUM = 16;

/** Control bits. */
export const TcpFlag = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  /** ECN-Echo (RFC 3168). */
  ECE: 0x40,
  /** Congestion Window Reduced (RFC 3168). */
  CWR: 0x80,
} as const;

/** Options, by kind (RFC 9293 §3.2, RFC 7323, RFC 2018). */
export const TcpOption = {
  END: 0,
  NO_OPERATION: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
} as const;

/**
 * Decides whether a whole TCP header stands in a region.
 *
 * @param view The buffer.
 * @param offset Where the header begins.
 * @param length Octets from there to the end of the packet.
 * @returns The header's length with options, 20 to 60 octets, or 0 if there is no such header.
 */
export function checkTcp(view: DataView, offset: number, length: number): number {
  if (length < TCP_MIN_HEADER_LEN) return 0;
  const headerLen = (view.getUint8(offset + 12) >>> 4) * 4;
  return headerLen < TCP_MIN_HEADER_LEN || headerLen > length ? 0 : headerLen;
}

/** Reads the source port. */
export function readTcpSourcePort(view: DataView, offset: number): number {
  return view.getUint16(offset);
}

/** Reads the destination port. */
export function readTcpDestinationPort(view: DataView, offset: number): number {
  return view.getUint16(offset + 2);
}

/** Reads the sequence number. */
export function readTcpSeq(view: DataView, offset: number): number {
  return view.getUint32(offset + 4);
}

/** Writes the sequence number. */
export function writeTcpSeq(view: DataView, offset: number, seq: number): void {
  view.setUint32(offset + 4, seq);
}

/** Reads the acknowledgment number. */
export function readTcpAck(view: DataView, offset: number): number {
  return view.getUint32(offset + 8);
}

/** Reads the control bits, which {@linkcode TcpFlag} names. */
export function readTcpFlags(view: DataView, offset: number): number {
  return view.getUint8(offset + 13);
}

/** Writes the control bits. */
export function writeTcpFlags(view: DataView, offset: number, flags: number): void {
  view.setUint8(offset + 13, flags);
}

/** Reads the window, not scaled. */
export function readTcpWindow(view: DataView, offset: number): number {
  return view.getUint16(offset + 14);
}

/** Reads the checksum. */
export function readTcpChecksum(view: DataView, offset: number): number {
  return view.getUint16(offset + TCP_CHECKSUM);
}

/** Writes the checksum. */
export function writeTcpChecksum(view: DataView, offset: number, checksum: number): void {
  view.setUint16(offset + TCP_CHECKSUM, checksum);
}

/**
 * Finds an option.
 *
 * @param view The buffer.
 * @param offset Where the TCP header begins.
 * @param headerLen What {@linkcode checkTcp} returned.
 * @param kind One of {@linkcode TcpOption}, 2 or greater.
 * @returns Offset in the buffer of the option's kind octet, its length octet and data lying within the header; or −1 if
 * there is none, or if an option in front of it has an impossible length.
 */
export function findTcpOption(view: DataView, offset: number, headerLen: number, kind: number): number {
  const end = offset + headerLen;
  let at = offset + TCP_MIN_HEADER_LEN;
  while (at < end) {
    const found = view.getUint8(at);
    if (found === TcpOption.END) return -1;
    if (found === TcpOption.NO_OPERATION) {
      at++;
      continue;
    }
    const optionLen = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (optionLen < 2 || at + optionLen > end) return -1;
    if (found === kind) return at;
    at += optionLen;
  }
  return -1;
}

/**
 * Writes a header up to its options; checksum and urgent pointer are zero.
 *
 * @param view Buffer with at least {@linkcode TCP_MIN_HEADER_LEN} octets after `offset`.
 * @param offset Where the header begins.
 * @param sourcePort 16 bits.
 * @param destinationPort 16 bits.
 * @param seq Sequence number, 32 bits.
 * @param ack Acknowledgment number, 32 bits.
 * @param headerLen Length with the options that the caller writes behind, 20 to 60 octets, a multiple of four.
 * @param flags Control bits of {@linkcode TcpFlag}.
 * @param window 16 bits, as scaled.
 */
export function writeTcpHeader(
  view: DataView,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  seq: number,
  ack: number,
  headerLen: number,
  flags: number,
  window: number,
): void {
  view.setUint16(offset, sourcePort);
  view.setUint16(offset + 2, destinationPort);
  writeTcpSeq(view, offset, seq);
  view.setUint32(offset + 8, ack);
  view.setUint8(offset + 12, headerLen << 2);
  writeTcpFlags(view, offset, flags);
  view.setUint16(offset + 14, window);
  view.setUint32(offset + TCP_CHECKSUM, 0);
}

/** Writes the option that does nothing, one octet, and returns the offset behind it. */
export function writeTcpNoOperation(view: DataView, at: number): number {
  view.setUint8(at, TcpOption.NO_OPERATION);
  return at + 1;
}

/** Writes the MSS option, four octets, and returns the offset behind it (RFC 9293 §3.2). */
export function writeTcpMss(view: DataView, at: number, mss: number): number {
  view.setUint16(at, (TcpOption.MSS << 8) | 4);
  view.setUint16(at + 2, mss);
  return at + 4;
}

/** Writes the window scale option, three octets, and returns the offset behind it (RFC 7323 §2.2). */
export function writeTcpWindowScale(view: DataView, at: number, shift: number): number {
  view.setUint16(at, (TcpOption.WINDOW_SCALE << 8) | 3);
  view.setUint8(at + 2, shift);
  return at + 3;
}

/** Writes the SACK-permitted option, two octets, and returns the offset behind it (RFC 2018 §2). */
export function writeTcpSackPermitted(view: DataView, at: number): number {
  view.setUint16(at, (TcpOption.SACK_PERMITTED << 8) | 2);
  return at + 2;
}

/** Writes the timestamps option, ten octets, and returns the offset behind it (RFC 7323 §3.2). */
export function writeTcpTimestamps(view: DataView, at: number, tsVal: number, tsEcr: number): number {
  view.setUint16(at, (TcpOption.TIMESTAMPS << 8) | 10);
  view.setUint32(at + 2, tsVal);
  view.setUint32(at + 6, tsEcr);
  return at + 10;
}
