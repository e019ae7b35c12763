/**
 * The `FakeTCP` block, checked.
 *
 * Keys are checked against each other only if the block is on: what isn't used can't be in the way.
 *
 * @module
 */

import { formatIpAddress } from "../base/endpoint.ts";
import { haveCommonPrefix, type InterfaceAddress, isHostAddress, parseCidr } from "../base/interface_address.ts";
import type { EdgeFile } from "./edge_schema.ts";
import type { Complaint, Findings } from "./findings.ts";
import type { AddressFamilyConfig } from "./node_config.ts";
import { MIN_IPV6_MTU } from "./interface_config.ts";
import { type IsnChoice, MAX_MORE_LISTEN_PORTS } from "./transport_schema.ts";

/** Datagrams dressed as TCP. If it is on, at least one family has a subnet. */
export interface FakeTcpConfig {
  readonly isEnabled: boolean;
  /** 1 to 15 octets of `A-Z a-z 0-9 _ . -`, another name than the interface's. */
  readonly tunName: string;
  /** `undefined` if the family is off, or an address is missing. */
  readonly ipv4: FakeTcpSubnet | undefined;
  readonly ipv6: FakeTcpSubnet | undefined;
  /** In octets. */
  readonly tunMtu: number;
  /** 0: the number of the UDP port in use. */
  readonly listenPort: number;
  /** TCP ports to listen on beside that, each once. */
  readonly moreListenPorts: readonly number[];
  /** What to send first on each connection that this node opens, at most 512 octets; empty for nothing. */
  readonly firstPayload: Uint8Array;
  /** First sequence number of each connection that this node opens. */
  readonly isn: IsnChoice;
  /** Whether the program sets firewall rules and forwarding itself. */
  readonly managesRules: boolean;
}

/** Both ends of the TUN device in one family. */
export interface FakeTcpSubnet {
  /** The host's end. With a full prefix length, such as /32, the two ends need not share a range. */
  readonly host: InterfaceAddress;
  /** FakeTCP's own end: 4 or 16 octets. */
  readonly stack: Uint8Array;
}

/** Ends to propose in place of those of a range that is taken: no range that a tap is likely to have holds both. */
const SPARE_ENDS = {
  4: [["172.31.200.1/24", "172.31.200.2"], ["10.200.200.1/24", "10.200.200.2"]],
  6: [["fd00:201::1/64", "fd00:201::2"], ["fc00:201::1/64", "fc00:201::2"]],
} as const;

/** What of a file the block is checked against; a super has no interface. */
export type FakeTcpFile = Pick<EdgeFile, "FakeTCP" | "ListenPort"> & Partial<Pick<EdgeFile, "Interface">>;

/**
 * Checks the block. What is returned is only fit for use if there are no errors.
 *
 * @param families Those that are used at all.
 */
export function readFakeTcp(file: FakeTcpFile, families: AddressFamilyConfig, findings: Findings): FakeTcpConfig {
  const written = file.FakeTCP;
  const config: FakeTcpConfig = {
    isEnabled: written.Enabled,
    tunName: written.TunName,
    ipv4: families.ipv4 ? subnetFrom(written.TunIPv4, written.TunPeerIPv4) : undefined,
    ipv6: families.ipv6 ? subnetFrom(written.TunIPv6, written.TunPeerIPv6) : undefined,
    tunMtu: written.TunMTU,
    listenPort: written.ListenPort,
    moreListenPorts: written.ListenPorts,
    firstPayload: written.FirstPayload,
    isn: written.Isn,
    managesRules: written.ManageRules,
  };
  if (!config.isEnabled) return config;
  checkTunName(file, findings);
  checkFamilies(file, config, families, findings);
  if (config.ipv4 !== undefined) checkSubnet(file, 4, config.ipv4, findings);
  if (config.ipv6 !== undefined) checkSubnet(file, 6, config.ipv6, findings);
  checkPorts(file, findings);
  return config;
}

function subnetFrom(host: InterfaceAddress | undefined, stack: Uint8Array | undefined): FakeTcpSubnet | undefined {
  return host === undefined || stack === undefined ? undefined : { host, stack };
}

function checkTunName(file: FakeTcpFile, findings: Findings): void {
  const name = file.FakeTCP.TunName;
  // Quotes would end a name within a rule, "*" and "+" match other devices there, and the kernel counts up a "%d".
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
    findings.error("FakeTCP.TunName", {
      allowed: 'letters, digits, "_", "." and "-"',
      remedy: "firewall rules name the device: choose another name",
    });
  }
  if (name === file.Interface?.Name) {
    reportValue("TunName", name, { allowed: "another name than Interface.Name", remedy: "rename one" }, findings);
  }
}

/** Reports a block without any family, half a pair of IPv6 addresses, and a device too small for IPv6. */
function checkFamilies(
  file: FakeTcpFile,
  config: FakeTcpConfig,
  families: AddressFamilyConfig,
  findings: Findings,
): void {
  if (!families.ipv6 || !findings.areSound("FakeTCP.TunIPv6", "FakeTCP.TunPeerIPv6")) return;
  if (config.ipv6 !== undefined) {
    if (config.tunMtu >= MIN_IPV6_MTU || !findings.areSound("FakeTCP.TunMTU")) return;
    findings.error("FakeTCP.TunMTU", {
      allowed: `${MIN_IPV6_MTU} or more with IPv6 addresses`,
      remedy: "raise it, or empty TunIPv6 and TunPeerIPv6",
    });
  } else if (!families.ipv4) {
    findings.error("FakeTCP.Enabled", {
      allowed: "true with addresses of a family that is on",
      remedy: "IPv4 is off: write TunIPv6 and TunPeerIPv6",
    });
  } else if (file.FakeTCP.TunIPv6 !== undefined || file.FakeTCP.TunPeerIPv6 !== undefined) {
    const [missing, other] = file.FakeTCP.TunIPv6 === undefined
      ? ["TunIPv6", "TunPeerIPv6"]
      : ["TunPeerIPv6", "TunIPv6"];
    findings.warn(`FakeTCP.${missing}`, {
      found: `nothing beside ${other}`,
      allowed: "both IPv6 addresses or none",
      remedy: "FakeTCP uses IPv4 only: write it, too",
    });
  }
}

function checkSubnet(file: FakeTcpFile, family: 4 | 6, subnet: FakeTcpSubnet, findings: Findings): void {
  const hostKey = `TunIPv${family}`;
  const stackKey = `TunPeerIPv${family}`;
  if (!findings.areSound(`FakeTCP.${hostKey}`, `FakeTCP.${stackKey}`)) return;
  const { host, stack } = subnet;
  const { prefixLength } = host;
  const fullLength = stack.length * 8;
  const isInRange = haveCommonPrefix(host.address, stack, prefixLength);
  checkHostAddress(hostKey, host, formatInterface(host), findings);
  const stackInterface = { address: stack, prefixLength: isInRange ? prefixLength : fullLength };
  checkHostAddress(stackKey, stackInterface, formatIpAddress(stack), findings);
  if (haveCommonPrefix(host.address, stack, fullLength)) {
    const complaint = {
      allowed: `another address than ${hostKey}`,
      remedy: "write a second address of the same range",
    };
    reportValue(stackKey, formatIpAddress(stack), complaint, findings);
  } else if (!isInRange && prefixLength < fullLength) {
    const complaint = {
      allowed: `an address of the range of ${hostKey}: ${formatInterface(host)}`,
      remedy: `correct one of the two, or write ${hostKey} without a prefix length`,
    };
    reportValue(stackKey, formatIpAddress(stack), complaint, findings);
  }
  checkApartFromTap(file, family, subnet, findings);
}

/** Reports an address that no host can have, or that routers don't forward. */
function checkHostAddress(key: string, address: InterfaceAddress, shown: string, findings: Findings): void {
  if (!isForwarded(address.address)) {
    const complaint = {
      allowed: "an address that is forwarded: not loopback, link-local or multicast",
      remedy: "write a private address that nothing else on this host uses",
    };
    reportValue(key, shown, complaint, findings);
  } else if (!isHostAddress(address)) {
    const place = address.address.length === 4 ? "the first or the last" : "the first";
    const complaint = { allowed: "the address of a host", remedy: `it is ${place} of its range: choose another` };
    reportValue(key, shown, complaint, findings);
  }
}

/** Tells whether segments from and to an address pass from one interface to another. */
function isForwarded(address: Uint8Array): boolean {
  const [first, second] = address;
  if (address.length === 4) {
    return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
  }
  // Unspecified and loopback are ::/127.
  const isLinkLocal = first === 0xfe && (second & 0xc0) === 0x80;
  return first !== 0xff && !isLinkLocal && !haveCommonPrefix(address, new Uint8Array(16), 127);
}

/** Reports addresses within the tap's range: the kernel would send what is meant for one device into the other. */
function checkApartFromTap(file: FakeTcpFile, family: 4 | 6, subnet: FakeTcpSubnet, findings: Findings): void {
  const range = file.Interface?.[`IPv${family}CIDR`];
  if (range === undefined || file.Interface?.IType !== "tap") return;
  const { host, stack } = subnet;
  const isHostMet = doMeet(range, host);
  if (!isHostMet && !haveCommonPrefix(range.address, stack, range.prefixLength)) return;
  const [key, shown] = isHostMet ? ["TunIPv", formatInterface(host)] : ["TunPeerIPv", formatIpAddress(stack)];
  const spares = SPARE_ENDS[family];
  const [hostEnd, stackEnd] = spares.find(([end]) => !doMeet(range, parseCidr(end, family)!)) ?? spares[0];
  const complaint = {
    allowed: `an address and range apart from Interface.IPv${family}CIDR`,
    remedy: `write for example TunIPv${family}: ${hostEnd} and TunPeerIPv${family}: ${stackEnd}`,
  };
  reportValue(`${key}${family}`, shown, complaint, findings);
}

function doMeet(a: InterfaceAddress, b: InterfaceAddress): boolean {
  return haveCommonPrefix(a.address, b.address, Math.min(a.prefixLength, b.prefixLength));
}

/** Reports ports that are listed although they are listened on already, and too many of them. */
function checkPorts(file: FakeTcpFile, findings: Findings): void {
  const { ListenPort: own, ListenPorts: more } = file.FakeTCP;
  const [firstKey, first] = own === 0 ? ["ListenPort", file.ListenPort] : ["FakeTCP.ListenPort", own];
  for (const [index, port] of more.entries()) {
    const key = `FakeTCP.ListenPorts[${index}]`;
    if (!findings.areSound(key)) continue;
    const earlier = more.indexOf(port);
    if (port === first) {
      findings.error(key, { allowed: `another port than ${firstKey}`, remedy: "it is listened on anyway: remove it" });
    } else if (earlier < index) {
      const remedy = `FakeTCP.ListenPorts[${earlier}] has it, too: remove it`;
      findings.error(key, { allowed: "each port once", remedy });
    }
  }
  if (more.length > MAX_MORE_LISTEN_PORTS) {
    findings.error("FakeTCP.ListenPorts", {
      found: `${more.length} ports`,
      allowed: `at most ${MAX_MORE_LISTEN_PORTS}`,
      remedy: "remove some",
    });
  }
}

/** Reports a key that may be absent: its default is told, because the file doesn't show it. */
function reportValue(key: string, value: string, complaint: Complaint, findings: Findings): void {
  const path = `FakeTCP.${key}`;
  const found = findings.isWritten(path) ? undefined : `nothing, which is "${value}"`;
  findings.error(path, { ...complaint, found });
}

function formatInterface({ address, prefixLength }: InterfaceAddress): string {
  return `${formatIpAddress(address)}/${prefixLength}`;
}
