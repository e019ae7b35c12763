// No allocation per packet in this file.
/**
 * The IPv6 header and the chain of extension headers behind it.
 *
 * Layout, in octets: version, traffic class and flow label 0–3, payload length 4–5, next header 6, hop limit 7,
 * source 8–23, destination 24–39. Source: RFC 8200 §3 and §4.
 *
 * @module
 */

/** Length of the fixed header, in octets. */
export const IPV6_HEADER_LEN = 40;
/** Offset of the source address, sixteen octets; the destination address follows it. */
export const IPV6_SOURCE = 8;

/** Extension headers, by the number that announces them. */
export const Ipv6Extension = {
  HOP_BY_HOP: 0,
  ROUTING: 43,
  FRAGMENT: 44,
  DESTINATION_OPTIONS: 60,
} as const;

/**
 * Decides whether a whole fixed header stands in a region.
 *
 * @param view The buffer.
 * @param offset Where the header begins.
 * @param length Octets from there to the end of the frame.
 * @returns {@linkcode IPV6_HEADER_LEN}, or 0 if there is no such header.
 */
export function checkIpv6(view: DataView, offset: number, length: number): number {
  if (length < IPV6_HEADER_LEN) return 0;
  return view.getUint8(offset) >>> 4 === 6 ? IPV6_HEADER_LEN : 0;
}

/** Reads the length of everything behind the fixed header, in octets; 0 in a jumbogram (RFC 2675). */
export function readIpv6PayloadLen(view: DataView, offset: number): number {
  return view.getUint16(offset + 4);
}

/** Writes the length of everything behind the fixed header, in octets. */
export function writeIpv6PayloadLen(view: DataView, offset: number, payloadLen: number): void {
  view.setUint16(offset + 4, payloadLen);
}

/** Reads the number of what follows the fixed header: an extension or the transport protocol. */
export function readIpv6NextHeader(view: DataView, offset: number): number {
  return view.getUint8(offset + 6);
}

/**
 * Returns the length of fixed header and extension headers, up to the first header that can't be passed by.
 *
 * Passed by are hop-by-hop options, destination options, and a routing header whose journey is over. A routing header
 * with segments left stops the walk: the transport checksum then covers another destination than the packet bears
 * (RFC 8200 §8.1), and whoever reads on would compute it wrongly. A fragment header stops it because what follows need
 * not be a transport header.
 *
 * @param view The buffer.
 * @param offset Where the fixed header begins; it passed {@linkcode checkIpv6}.
 * @param length Octets from there to the end of the frame.
 * @returns Octets from `offset` to the header that {@linkcode readIpv6Protocol} names.
 */
export function ipv6HeadersLen(view: DataView, offset: number, length: number): number {
  let protocol = readIpv6NextHeader(view, offset);
  let headersLen = IPV6_HEADER_LEN;
  while (isPassable(protocol) && headersLen + 8 <= length) {
    const at = offset + headersLen;
    if (protocol === Ipv6Extension.ROUTING && view.getUint8(at + 3) !== 0) break;
    const extensionLen = (view.getUint8(at + 1) + 1) * 8;
    if (headersLen + extensionLen > length) break;
    protocol = view.getUint8(at);
    headersLen += extensionLen;
  }
  return headersLen;
}

/**
 * Returns the number of the header at which {@linkcode ipv6HeadersLen} stopped.
 *
 * @param view The buffer.
 * @param offset Where the fixed header begins.
 * @param headersLen What {@linkcode ipv6HeadersLen} returned.
 */
export function readIpv6Protocol(view: DataView, offset: number, headersLen: number): number {
  let protocol = readIpv6NextHeader(view, offset);
  for (let at = IPV6_HEADER_LEN; at < headersLen; at += (view.getUint8(offset + at + 1) + 1) * 8) {
    protocol = view.getUint8(offset + at);
  }
  return protocol;
}

function isPassable(protocol: number): boolean {
  return protocol === Ipv6Extension.HOP_BY_HOP || protocol === Ipv6Extension.ROUTING ||
    protocol === Ipv6Extension.DESTINATION_OPTIONS;
}

/**
 * Writes everything of a fixed header but its addresses.
 *
 * @param view Buffer with at least {@linkcode IPV6_HEADER_LEN} octets after `offset`.
 * @param offset Where the header begins.
 * @param trafficClass DSCP and ECN, 8 bits.
 * @param flowLabel 20 bits.
 * @param payloadLen Octets behind the fixed header.
 * @param nextHeader Number of what follows.
 * @param hopLimit 0 to 255.
 */
export function writeIpv6Header(
  view: DataView,
  offset: number,
  trafficClass: number,
  flowLabel: number,
  payloadLen: number,
  nextHeader: number,
  hopLimit: number,
): void {
  view.setUint32(offset, ((6 << 28) | (trafficClass << 20) | flowLabel) >>> 0);
  writeIpv6PayloadLen(view, offset, payloadLen);
  view.setUint8(offset + 6, nextHeader);
  view.setUint8(offset + 7, hopLimit);
}
