// No allocation per packet in this file.
/**
 * Ethernet frames as a TAP carries them: no preamble, no frame check sequence.
 *
 * Layout, in octets: destination 0–5, source 6–11, then any number of VLAN tags of four octets (tag protocol identifier,
 * tag control information), then the EtherType. Sources: IEEE 802.3 §3.2, IEEE 802.1Q §9.
 *
 * @module
 */
import { Reason } from "../base/reason.ts";

/** Length of two addresses and an EtherType, in octets. */
export const ETHERNET_HEADER_LEN = 14;
/** Length of the two addresses, in octets: a frame that has no more means nothing (`behaviour.md` §1.1). */
export const ETHERNET_ADDRESSES_LEN = 12;
/** Length of one VLAN tag, in octets. */
export const VLAN_TAG_LEN = 4;
/** Tags that {@linkcode networkOffset} looks behind: a service tag and a customer tag (802.1ad). */
export const MAX_VLAN_TAGS = 2;

/** Offset of the destination address. */
export const ETHERNET_DESTINATION = 0;
/** Offset of the source address. */
export const ETHERNET_SOURCE = 6;

/** What follows an Ethernet header: values of the EtherType field that we look at. */
export const EtherType = {
  IPV4: 0x0800,
  /** Customer VLAN tag. */
  VLAN: 0x8100,
  IPV6: 0x86dd,
  /** Service VLAN tag. */
  SERVICE_VLAN: 0x88a8,
} as const;

/**
 * Decides whether a frame holds an Ethernet header.
 *
 * @param length Octets of the frame.
 * @returns `Reason.NONE` or `Reason.FRAME_TRUNCATED`.
 */
export function checkEthernet(length: number): number {
  return length < ETHERNET_HEADER_LEN ? Reason.FRAME_TRUNCATED : Reason.NONE;
}

/**
 * Returns how far the network header lies behind the frame's start: 14, or 18 or 22 behind one or two VLAN tags.
 *
 * A frame that ends within its tags gets the offset of the last whole header: what then stands in front of it is a tag
 * protocol identifier, so that nobody takes what follows for a packet.
 *
 * @param view The buffer.
 * @param offset Where the frame begins; it passed {@linkcode checkEthernet}.
 * @param length Octets of the frame.
 */
export function networkOffset(view: DataView, offset: number, length: number): number {
  let network = ETHERNET_HEADER_LEN;
  for (let tags = 0; tags < MAX_VLAN_TAGS; tags++) {
    const etherType = readEtherType(view, offset, network);
    if (etherType !== EtherType.VLAN && etherType !== EtherType.SERVICE_VLAN) break;
    if (network + VLAN_TAG_LEN > length) break;
    network += VLAN_TAG_LEN;
  }
  return network;
}

/**
 * Reads the EtherType, which is the two octets in front of the network header.
 *
 * @param network What {@linkcode networkOffset} returned.
 */
export function readEtherType(view: DataView, offset: number, network: number): number {
  return view.getUint16(offset + network - 2);
}

/** Tells whether an address, `at` its first octet, names a group: multicast or broadcast. */
export function isGroupAddress(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 1) !== 0;
}
