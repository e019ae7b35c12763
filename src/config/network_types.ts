/**
 * The types of scalars that name something in a network: nodes, addresses, ranges, endpoints, devices.
 *
 * @module
 */

import { formatIpAddress, parseIpAddress } from "../base/endpoint.ts";
import { type InterfaceAddress, parseCidr } from "../base/interface_address.ts";
import { parseMacPrefix } from "../base/mac_address.ts";
import { BROADCAST_NODE_ID, MAX_ORDINARY_NODE_ID, NODE_ID_SPACE, type NodeId } from "../base/node_id.ts";
import { type EndpointConfig, parseEndpointText } from "./endpoint_text.ts";
import type { ScalarType } from "./schema.ts";
import { wholeNumber } from "./scalar_types.ts";

/** Longest name of a network device: IFNAMSIZ of `linux/if.h` without the closing NUL. */
export const MAX_DEVICE_NAME_LEN = 15;

/** The identifier of an ordinary node. */
export const NODE_ID: ScalarType<NodeId> = nodeId(false);
/** The identifier of an ordinary node, or 65535 for every node. */
export const NODE_ID_OR_ALL: ScalarType<NodeId> = nodeId(true);

/** An IPv4 address. */
export const IPV4_ADDRESS: ScalarType<Uint8Array | undefined> = address(4);
/** An IPv6 address, without brackets. */
export const IPV6_ADDRESS: ScalarType<Uint8Array | undefined> = address(6);
/** A range of IPv4 addresses. */
export const IPV4_RANGE: ScalarType<InterfaceAddress | undefined> = range(4);
/** A range of IPv6 addresses. */
export const IPV6_RANGE: ScalarType<InterfaceAddress | undefined> = range(6);
/** An address of either family, without brackets. */
export const IP_ADDRESS: ScalarType<Uint8Array | undefined> = address(0);
/** An IPv4 address with or without a prefix length. */
export const IPV4_INTERFACE: ScalarType<InterfaceAddress | undefined> = interfaceAddress(4);
/** An IPv6 address with or without a prefix length. */
export const IPV6_INTERFACE: ScalarType<InterfaceAddress | undefined> = interfaceAddress(6);

/** A host and a port; names allowed. */
export const ENDPOINT: ScalarType<EndpointConfig | undefined> = endpoint(0);
/** The same, with a literal of IPv4 only. */
export const IPV4_ENDPOINT: ScalarType<EndpointConfig | undefined> = endpoint(4);
/** The same, with a literal of IPv6 only. */
export const IPV6_ENDPOINT: ScalarType<EndpointConfig | undefined> = endpoint(6);

/** The first octets of Ethernet addresses, and their text as it is written. */
export interface MacPrefix {
  readonly octets: Uint8Array;
  readonly text: string;
}

/** The first octets of Ethernet addresses. */
export const MAC_PREFIX: ScalarType<MacPrefix | undefined> = {
  name: "MAC prefix",
  allowed: "2 to 6 hexadecimal groups with colons, such as AA:BB:CC:DD, the first an even number",
  zero: undefined,
  secret: false,
  parse(text) {
    if (text === "") return { value: undefined };
    const octets = parseMacPrefix(text);
    if (octets === undefined) return { remedy: "write groups of one or two hexadecimal digits" };
    const isGroup = (octets[0] & 1) !== 0;
    return isGroup ? { remedy: "an odd first group is a group address: make it even" } : { value: { octets, text } };
  },
};

/** The name of a network device. Source of the rule: `dev_valid_name` of the kernel, `net/core/dev.c`. */
export const DEVICE_NAME: ScalarType<string> = {
  name: "device name",
  allowed: `at most ${MAX_DEVICE_NAME_LEN} octets without blanks, "/" and ":"`,
  zero: "",
  secret: false,
  parse(value) {
    const length = new TextEncoder().encode(value).length;
    if (length > MAX_DEVICE_NAME_LEN) return { remedy: `it has ${length}: shorten it` };
    if (/[\s/:\0]/.test(value) || value === "." || value === "..") return { remedy: "choose another name" };
    return { value };
  },
};

function nodeId(orAll: boolean): ScalarType<NodeId> {
  const type = wholeNumber(0, NODE_ID_SPACE - 1);
  const ordinary = `node id, 0 to ${MAX_ORDINARY_NODE_ID}`;
  return {
    ...type,
    name: "node id",
    allowed: orAll ? `${ordinary}, or ${BROADCAST_NODE_ID} for every node` : ordinary,
    parse(text, quoted) {
      const parsed = type.parse(text, quoted);
      if ("remedy" in parsed || parsed.value <= MAX_ORDINARY_NODE_ID) return parsed;
      if (orAll && parsed.value === BROADCAST_NODE_ID) return parsed;
      return { remedy: "this id is reserved: choose another" };
    },
  };
}

function address(family: 0 | 4 | 6): ScalarType<Uint8Array | undefined> {
  const v4 = "an IPv4 address such as 192.0.2.1";
  const v6 = "an IPv6 address such as 2001:db8::1";
  const lengths = { 0: [4, 16], 4: [4], 6: [16] }[family];
  return {
    name: family === 0 ? "IP address" : `IPv${family} address`,
    allowed: { 0: `${v4}, or ${v6}`, 4: v4, 6: v6 }[family],
    zero: undefined,
    secret: false,
    parse(text) {
      if (text === "") return { value: undefined };
      const value = parseIpAddress(text);
      if (value !== undefined && lengths.includes(value.length)) return { value };
      return { remedy: `write an ${family === 0 ? "IP" : `IPv${family}`} address without brackets and port` };
    },
  };
}

function range(family: 4 | 6): ScalarType<InterfaceAddress | undefined> {
  return {
    name: `IPv${family} range`,
    allowed: family === 4 ? "an IPv4 range such as 192.168.76.0/24" : "an IPv6 range such as fd95:71cb:a3df::/64",
    zero: undefined,
    secret: false,
    parse(text) {
      if (text === "") return { value: undefined };
      const value = parseCidr(text, family);
      return value === undefined ? { remedy: `write an IPv${family} address, "/" and a prefix length` } : { value };
    },
  };
}

function interfaceAddress(family: 4 | 6): ScalarType<InterfaceAddress | undefined> {
  return {
    name: `IPv${family} address`,
    allowed: `an IPv${family} address, with or without "/" and a prefix length`,
    zero: undefined,
    secret: false,
    parse(text) {
      if (text === "") return { value: undefined };
      const value = parseCidr(text.includes("/") ? text : `${text}/${family === 4 ? 32 : 128}`, family);
      return value === undefined ? { remedy: `write an IPv${family} address` } : { value };
    },
  };
}

function endpoint(family: 0 | 4 | 6): ScalarType<EndpointConfig | undefined> {
  const forms = { 0: "host:port or [v6]:port", 4: "host:port, a literal host being IPv4", 6: "[v6]:port or name:port" };
  return {
    name: "endpoint",
    allowed: `${forms[family]}, port 1 to 65535`,
    zero: undefined,
    secret: false,
    parse(text) {
      if (text === "") return { value: undefined };
      const value = parseEndpointText(text);
      if (value !== undefined) {
        if (family === 0 || value.family === 0 || value.family === family) return { value };
        return { remedy: `write an IPv${family} address or a name` };
      }
      const literal = parseIpAddress(text);
      if (literal === undefined) return { remedy: "write the host, a colon and the port" };
      const shown = formatIpAddress(literal);
      return { remedy: `add the port: ${literal.length === 16 ? `[${shown}]` : shown}:PORT` };
    },
  };
}
