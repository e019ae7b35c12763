/**
 * The addresses of a tap interface, derived from a range that all nodes share and the node's own identifier.
 *
 * With this rule one line in a template gives every node of a network its own address. Pure functions; the interface
 * itself is set up elsewhere. Source: `config.md` §6.1 and §6.2; `behaviour.md` §8.4.
 *
 * @module
 */

import { parseIpAddress } from "./endpoint.ts";
import { MAC_ADDRESS_LEN } from "./mac_address.ts";
import type { NodeId } from "./node_id.ts";

/** An address and the length of its network prefix. */
export interface InterfaceAddress {
  /** 4 or 16 octets in network order. */
  readonly address: Uint8Array;
  /** Bits that name the network: 0 to 32, or 0 to 128. */
  readonly prefixLength: number;
}

/**
 * Parses an address with a prefix length, such as `192.168.76.0/24`.
 *
 * Bits after the prefix may be set; {@linkcode addressOfNode} drops them.
 *
 * @param text The address, a slash, and a decimal length. IPv6 with a dotted tail is refused, as the reference node does.
 * @param family 4 or 6.
 * @returns The address as written, or `undefined` if `text` is not of that form or family.
 */
export function parseCidr(text: string, family: 4 | 6): InterfaceAddress | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (match === null || (family === 6 && text.includes("."))) return undefined;
  const address = parseIpAddress(match[1]);
  const prefixLength = Number(match[2]);
  if (address === undefined || address.length !== (family === 4 ? 4 : 16)) return undefined;
  return prefixLength <= address.length * 8 ? { address, prefixLength } : undefined;
}

/**
 * Returns the greatest node identifier that a range has an address for.
 *
 * With three or more addresses the first and the last are left out: in IPv4 they name the network and its broadcast.
 * A range of one address fits every node, so the answer is then `Infinity`.
 */
export function nodeCapacity(range: InterfaceAddress): number {
  const hostBits = range.address.length * 8 - range.prefixLength;
  if (hostBits === 0) return Infinity;
  // With two addresses, node 0 takes the first and node 1 the second; the reference node lets node 2 fall outside.
  return hostBits === 1 ? 1 : 2 ** hostBits - 2;
}

/**
 * Returns the address of a node within a range.
 *
 * The node's identifier is added to the network address. Node 0 would get the network address itself, so it takes the
 * last usable one, where a range has more than two addresses.
 *
 * @returns The address with the range's prefix length, or `undefined` if `nodeId` exceeds {@linkcode nodeCapacity}.
 */
export function addressOfNode(range: InterfaceAddress, nodeId: NodeId): InterfaceAddress | undefined {
  const totalBits = range.address.length * 8;
  const hostBits = totalBits - range.prefixLength;
  if (nodeId > nodeCapacity(range)) return undefined;
  const hostMask = (1n << BigInt(hostBits)) - 1n;
  const network = numberOfOctets(range.address) & ~hostMask;
  const offset = hostBits === 0 ? 0n : nodeId === 0 && hostBits > 1 ? hostMask - 1n : BigInt(nodeId);
  return { address: octetsOfNumber(network + offset, range.address.length), prefixLength: range.prefixLength };
}

/** Tells whether two addresses of one family begin with the same `bits` bits. */
export function haveCommonPrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff;
    if (((a[bit >> 3] ^ b[bit >> 3]) & mask) !== 0) return false;
  }
  return true;
}

/**
 * Tells whether an address may be a host's within its range.
 *
 * The first of a range names the network in IPv4, and any of its routers in IPv6 (RFC 4291 §2.6.1); the last is the
 * broadcast address in IPv4. A range of one or two addresses has none of these (RFC 3021, RFC 6164).
 */
export function isHostAddress({ address, prefixLength }: InterfaceAddress): boolean {
  const hostBits = BigInt(address.length * 8 - prefixLength);
  if (hostBits <= 1n) return true;
  const hostMask = (1n << hostBits) - 1n;
  const host = numberOfOctets(address) & hostMask;
  return host !== 0n && !(address.length === 4 && host === hostMask);
}

/** Tells whether an IPv6 address lies in fe80::/64, where link-local addresses are assigned (RFC 4291 §2.5.6). */
export function isLinkLocalUnicast(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && address[1] === 0x80 &&
    address.subarray(2, 8).every((octet) => octet === 0);
}

/**
 * Returns the Ethernet address of a node: its identifier as 32 bits, big-endian, in octets 2 to 5, and the prefix
 * written over it from octet 0.
 *
 * @param prefix 2 to 6 octets; with 5 only the identifier's low octet stays visible, with 6 nothing of it.
 * @returns 6 octets, or `undefined` for a prefix of another length or with the group bit set.
 */
export function macAddressOfNode(prefix: Uint8Array, nodeId: NodeId): Uint8Array | undefined {
  if (prefix.length < 2 || prefix.length > MAC_ADDRESS_LEN || (prefix[0] & 1) !== 0) return undefined;
  const octets = new Uint8Array(MAC_ADDRESS_LEN);
  new DataView(octets.buffer).setUint32(2, nodeId);
  octets.set(prefix);
  return octets;
}

function numberOfOctets(octets: Uint8Array): bigint {
  return octets.reduce((number, octet) => (number << 8n) | BigInt(octet), 0n);
}

function octetsOfNumber(number: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Number((number >> BigInt((length - 1 - index) * 8)) & 0xffn));
}
