// No allocation per packet in this file.
/**
 * The Internet checksum: one's complement sums, pseudo-headers, incremental update.
 *
 * A *sum* here is a 16-bit one's complement sum of big-endian words, 0 to 0xffff, not complemented; a *checksum* is the
 * complement of a sum, as it stands in a header. In this arithmetic 0xffff is another zero: a header whose sum, its
 * checksum field included, is 0xffff is intact. Only data that is all zero has the sum 0.
 *
 * Sources: RFC 1071 (sum), RFC 9293 §3.1 and RFC 8200 §8.1 (pseudo-headers), RFC 1624 (update).
 *
 * @module
 */

/** Greatest length that {@linkcode onesComplementSum} accepts, in octets: beyond it the 32-bit fold could overflow. */
export const MAX_SUM_LEN = 0x20000;

/**
 * Returns the one's complement sum of a region; an odd last octet counts as if a zero octet followed.
 *
 * @param view The buffer; `offset + length` must not exceed it.
 * @param offset Where the region begins, of any alignment.
 * @param length Octets to sum, 0 to {@linkcode MAX_SUM_LEN}.
 * @returns The sum, 0 to 0xffff.
 */
export function onesComplementSum(view: DataView, offset: number, length: number): number {
  const end = offset + length;
  let at = offset;
  // The halves of 32-bit words are summed apart, so that both accumulators stay 31-bit integers, which V8 adds without
  // going through floating point. RFC 1071 §2 (B): the order of the additions doesn't matter.
  let high = 0;
  let low = 0;
  for (const blocksEnd = end - 15; at < blocksEnd; at += 16) {
    const a = view.getUint32(at);
    const b = view.getUint32(at + 4);
    const c = view.getUint32(at + 8);
    const d = view.getUint32(at + 12);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
  }
  for (const wordsEnd = end - 1; at < wordsEnd; at += 2) high += view.getUint16(at);
  if (at < end) high += view.getUint8(at) << 8;
  return foldSum(high + low);
}

/**
 * Folds a total of 16-bit words into 16 bits, carries added back.
 *
 * @param total An integer, 0 to 2^32 − 1.
 */
export function foldSum(total: number): number {
  const once = (total & 0xffff) + (total >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** Returns the sum of two regions' sums; the second region must begin at an even distance from the first. */
export function addSums(sum: number, other: number): number {
  return foldSum(sum + other);
}

/** Returns what remains of `sum` without the part that contributed `part`. */
export function subtractSum(sum: number, part: number): number {
  return foldSum(sum + (~part & 0xffff));
}

/** Returns the checksum that belongs to a sum: its complement. */
export function checksumOf(sum: number): number {
  return ~sum & 0xffff;
}

/**
 * Returns the checksum after one aligned 16-bit word of the data changed (RFC 1624, equation 3).
 *
 * @param checksum The checksum before.
 * @param oldWord The word before.
 * @param newWord The word now.
 */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return checksumOf(foldSum((~checksum & 0xffff) + (~oldWord & 0xffff) + newWord));
}

/**
 * Returns the sum of the IPv4 pseudo-header: addresses, protocol, length (RFC 9293 §3.1).
 *
 * @param view The buffer.
 * @param ipOffset Where the IPv4 header begins; its addresses are read.
 * @param protocol The transport protocol's number.
 * @param transportLen Transport header and payload in octets, 0 to 0xffff.
 */
export function pseudoHeaderSum4(view: DataView, ipOffset: number, protocol: number, transportLen: number): number {
  const source = view.getUint32(ipOffset + 12);
  const destination = view.getUint32(ipOffset + 16);
  return foldSum(
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + transportLen,
  );
}

/**
 * Returns the sum of the IPv6 pseudo-header: addresses, length, upper-layer protocol (RFC 8200 §8.1).
 *
 * @param view The buffer.
 * @param ipOffset Where the IPv6 header begins; its addresses are read.
 * @param protocol The transport protocol's number, which an extension header may have in place of the fixed header.
 * @param transportLen Transport header and payload in octets, 0 to 0xffff.
 */
export function pseudoHeaderSum6(view: DataView, ipOffset: number, protocol: number, transportLen: number): number {
  return foldSum(onesComplementSum(view, ipOffset + 8, 32) + protocol + transportLen);
}
