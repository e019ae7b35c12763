/**
 * The `Interface` block of an edge file, checked.
 *
 * @module
 */

import {
  addressOfNode,
  type InterfaceAddress,
  isLinkLocalUnicast,
  macAddressOfNode,
  nodeCapacity,
} from "../base/interface_address.ts";
import type { NodeId } from "../base/node_id.ts";
import { ETHERNET_HEADER_LEN, MAX_VLAN_TAGS, VLAN_TAG_LEN } from "../wire/ethernet.ts";
import { IPV4_MAX_TOTAL_LEN, IPV4_MIN_HEADER_LEN } from "../wire/ipv4.ts";
import { SEALED_OVERHEAD_LEN } from "../wire/transport_message.ts";
import { UDP_HEADER_LEN } from "../wire/udp.ts";
import type { EdgeFile, InterfaceKind, L2HeaderMode } from "./edge_schema.ts";
import type { Findings } from "./findings.ts";

/** The local side of an edge. */
export interface InterfaceConfig {
  readonly kind: InterfaceKind;
  /** Device name; empty lets the kernel pick one. */
  readonly name: string;
  /** Octets that frames may hold beside the Ethernet header: {@linkcode MIN_MTU} to {@linkcode MAX_MTU} for a tap. */
  readonly mtu: number;
  /** As written, for the environment of PostScript; may be empty for kinds that need none. */
  readonly macAddressPrefix: string;
  /** 6 octets; all zero if the kind needs none and the file has none. */
  readonly macAddress: Uint8Array;
  /** Addresses to set; `undefined` sets none. Only a tap has any. */
  readonly ipv4: InterfaceAddress | undefined;
  readonly ipv6: InterfaceAddress | undefined;
  /** In fe80::/64, prefix length 64. If set, all other addresses of the device are removed first. */
  readonly ipv6LinkLocal: InterfaceAddress | undefined;
  /** For the socket kinds; empty where there is none. */
  readonly receiveAddress: string;
  readonly sendAddress: string;
  /** For `stdio`. */
  readonly headerMode: L2HeaderMode;
  /** For `vpp`. */
  readonly vpp: { readonly interfaceId: number; readonly bridgeId: number };
}

/** Least MTU of a tap: `ETH_MIN_MTU` of `linux/if_ether.h`. */
export const MIN_MTU = 68;
/** Greatest MTU of a tap: a frame with two VLAN tags, sealed, still fits into a datagram over IPv4. */
export const MAX_MTU = IPV4_MAX_TOTAL_LEN - IPV4_MIN_HEADER_LEN - UDP_HEADER_LEN - SEALED_OVERHEAD_LEN -
  ETHERNET_HEADER_LEN - MAX_VLAN_TAGS * VLAN_TAG_LEN;
/** Below this the kernel keeps IPv6 off a device (RFC 8200 §5). */
export const MIN_IPV6_MTU = 1280;
/** MTU that the reference node reports for every kind but a tap. */
const VIRTUAL_MTU = 1500;
const LINK_LOCAL_PREFIX_LENGTH = 64;

/** Kinds that this release runs. */
const RUNNING_KINDS: ReadonlySet<string> = new Set(["tap", "dummy"]);
const KINDS_WITH_MAC: ReadonlySet<string> = new Set(["tap", "stdio", "vpp"]);
const KINDS_WITH_MTU: ReadonlySet<string> = new Set(["tap", "vpp"]);

/** Checks the block. What is returned is only fit for use if there are no errors. */
export function readInterface(file: EdgeFile, findings: Findings): InterfaceConfig {
  const written = file.Interface;
  const kind = written.IType;
  checkKind(file, findings);
  const isTap = kind === "tap";
  return {
    // An empty kind was reported as missing, so this value goes nowhere.
    kind: kind === "" ? "dummy" : kind,
    name: written.Name,
    mtu: KINDS_WITH_MTU.has(kind) ? written.MTU : VIRTUAL_MTU,
    macAddressPrefix: written.MacAddrPrefix?.text ?? "",
    macAddress: macAddressOfNode(written.MacAddrPrefix?.octets ?? new Uint8Array(), file.NodeID) ?? new Uint8Array(6),
    ipv4: isTap ? addressFor(file, "IPv4CIDR", findings) : undefined,
    ipv6: isTap ? addressFor(file, "IPv6CIDR", findings) : undefined,
    ipv6LinkLocal: isTap ? linkLocalFor(file, findings) : undefined,
    receiveAddress: written.RecvAddr,
    sendAddress: written.SendAddr,
    headerMode: written.L2HeaderMode,
    vpp: { interfaceId: written.VPPIFaceID, bridgeId: written.VPPBridgeID },
  };
}

function checkKind(file: EdgeFile, findings: Findings): void {
  const { IType: kind, MacAddrPrefix: prefix, MTU: mtu, RecvAddr: receive, SendAddr: send } = file.Interface;
  if (kind !== "" && !RUNNING_KINDS.has(kind)) {
    findings.error("Interface.IType", { allowed: "tap, dummy", remedy: "this release runs tap and dummy" });
  }
  if (KINDS_WITH_MAC.has(kind) && prefix === undefined) {
    findings.error("Interface.MacAddrPrefix", {
      allowed: "2 to 6 hexadecimal groups with colons, such as AA:BB:CC:DD",
      remedy: `${kind} needs it: write this key`,
    });
  }
  if (KINDS_WITH_MTU.has(kind) && (mtu < MIN_MTU || mtu > MAX_MTU)) {
    findings.error("Interface.MTU", {
      allowed: `${MIN_MTU} to ${MAX_MTU}`,
      remedy: "1404 suits most networks; all nodes should have the same",
    });
  } else if (kind === "tap" && mtu < MIN_IPV6_MTU && findings.areSound("Interface.MTU") && hasIpv6(file)) {
    findings.error("Interface.MTU", {
      allowed: `${MIN_IPV6_MTU} or more with IPv6 addresses`,
      remedy: "raise it, or empty IPv6CIDR and IPv6LLPrefix",
    });
  }
  if (kind.endsWith("sock") && receive === "" && send === "") {
    findings.error("Interface.RecvAddr", {
      allowed: "an address in RecvAddr, SendAddr or both",
      remedy: `${kind} needs one: write it`,
    });
  }
}

function hasIpv6(file: EdgeFile): boolean {
  return file.Interface.IPv6CIDR !== undefined || file.Interface.IPv6LLPrefix !== undefined;
}

function addressFor(
  file: EdgeFile,
  key: "IPv4CIDR" | "IPv6CIDR" | "IPv6LLPrefix",
  findings: Findings,
): InterfaceAddress | undefined {
  const range = file.Interface[key];
  if (range === undefined || !findings.areSound("NodeID")) return undefined;
  const address = addressOfNode(range, file.NodeID);
  if (address === undefined) reportCapacity(file.NodeID, range, `Interface.${key}`, findings);
  return address;
}

function reportCapacity(nodeId: NodeId, range: InterfaceAddress, path: string, findings: Findings): void {
  findings.error(path, {
    allowed: `a range with an address for node ${nodeId}; this one has them up to node ${nodeCapacity(range)}`,
    remedy: `shorten the prefix length ${range.prefixLength} on all nodes, or lower NodeID`,
  });
}

function linkLocalFor(file: EdgeFile, findings: Findings): InterfaceAddress | undefined {
  const derived = addressFor(file, "IPv6LLPrefix", findings);
  if (derived === undefined) return undefined;
  if (!isLinkLocalUnicast(derived.address)) {
    findings.error("Interface.IPv6LLPrefix", {
      allowed: "a range within fe80::/64",
      remedy: "write for example fe80::/64; other ranges belong in IPv6CIDR",
    });
  }
  return { address: derived.address, prefixLength: LINK_LOCAL_PREFIX_LENGTH };
}
