// No allocation per packet in this file.
/**
 * The UDP header.
 *
 * Layout, in octets: source port 0–1, destination port 2–3, length of header and payload 4–5, checksum 6–7. A checksum of
 * zero means that there is none; a computed zero is therefore sent as 0xffff. Source: RFC 768.
 *
 * @module
 */

/** Length of the header, in octets. */
export const UDP_HEADER_LEN = 8;
/** Offset of the checksum. */
export const UDP_CHECKSUM = 6;

/**
 * Decides whether a whole UDP header stands in a region. Its length field is not looked at.
 *
 * @param length Octets from the header's beginning to the end of the packet.
 * @returns {@linkcode UDP_HEADER_LEN}, or 0 if the region is shorter.
 */
export function checkUdp(length: number): number {
  return length < UDP_HEADER_LEN ? 0 : UDP_HEADER_LEN;
}

/** Reads the length of header and payload in octets. */
export function readUdpLen(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

/** Writes the length of header and payload in octets. */
export function writeUdpLen(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + 4, length);
}

/** Reads the checksum; 0 means that there is none. */
export function readUdpChecksum(view: DataView, offset: number): number {
  return view.getUint16(offset + UDP_CHECKSUM);
}

/** Writes the checksum as it is given. */
export function writeUdpChecksum(view: DataView, offset: number, checksum: number): void {
  view.setUint16(offset + UDP_CHECKSUM, checksum);
}
