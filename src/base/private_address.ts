/**
 * Addresses that mean nothing outside their own network, so that nobody else may tell us to send there.
 *
 * The list is that of the reference node; `AllowPrivateIP: true` switches its use off. Sources: `config.md` §5.3;
 * IANA special-purpose address registries.
 *
 * @module
 */

/** IPv4 ranges: first address as four octets, length of the prefix in bits. */
const PRIVATE_IPV4: readonly (readonly [readonly number[], number])[] = [
  [[0, 0, 0, 0], 8], // this network, RFC 791
  [[10, 0, 0, 0], 8], // RFC 1918
  [[100, 64, 0, 0], 10], // carrier-grade NAT, RFC 6598
  [[127, 0, 0, 0], 8], // loopback
  [[169, 254, 0, 0], 16], // link-local, RFC 3927
  [[172, 16, 0, 0], 12], // RFC 1918
  [[192, 0, 0, 0], 24], // protocol assignments, RFC 6890
  [[192, 0, 2, 0], 24], // documentation, RFC 5737
  [[192, 168, 0, 0], 16], // RFC 1918
  [[198, 18, 0, 0], 15], // benchmarks, RFC 2544
  [[198, 51, 100, 0], 24], // documentation, RFC 5737
  [[203, 0, 113, 0], 24], // documentation, RFC 5737
  [[224, 0, 0, 0], 4], // multicast
  [[240, 0, 0, 0], 4], // reserved, and broadcast
];

/** IPv6 ranges: leading octets (the rest is zero), length of the prefix in bits. */
const PRIVATE_IPV6: readonly (readonly [readonly number[], number])[] = [
  [[], 128], // unspecified
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128], // loopback
  [[0xfe, 0x80], 10], // link-local
  [[0xfc], 7], // unique local, RFC 4193
  [[0xff], 8], // multicast
  [[0x20, 0x01, 0x0d, 0xb8], 32], // documentation, RFC 3849
];

const MAPPED_PREFIX_LEN = 12;

/**
 * Tells whether an address is private in the sense of `AllowPrivateIP`.
 *
 * An IPv4-mapped IPv6 address is judged by the IPv4 address in it. What is no address counts as private.
 *
 * @param octets 4 or 16 octets in network order.
 */
export function isPrivateAddress(octets: Uint8Array): boolean {
  if (octets.length === 4) return isInAny(PRIVATE_IPV4, octets);
  if (octets.length !== 16) return true;
  if (isMapped(octets)) return isInAny(PRIVATE_IPV4, octets.subarray(MAPPED_PREFIX_LEN));
  return isInAny(PRIVATE_IPV6, octets);
}

function isMapped(octets: Uint8Array): boolean {
  for (let index = 0; index < MAPPED_PREFIX_LEN; index++) {
    if (octets[index] !== (index < 10 ? 0 : 0xff)) return false;
  }
  return true;
}

function isInAny(ranges: readonly (readonly [readonly number[], number])[], octets: Uint8Array): boolean {
  return ranges.some(([first, bits]) => hasPrefix(octets, first, bits));
}

function hasPrefix(octets: Uint8Array, first: readonly number[], bits: number): boolean {
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if (((octets[bit >> 3] ^ (first[bit >> 3] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}
