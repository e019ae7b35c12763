/**
 * The `FakeTCP` and `DualStack` blocks of an edge file, checked.
 *
 * @module
 */

import type { InterfaceAddress } from "../base/interface_address.ts";
import { durationMs } from "./duration.ts";
import type { EdgeFile } from "./edge_schema.ts";
import type { Findings } from "./findings.ts";
import { DUAL_STACK_DEFAULTS_S } from "./shared_blocks.ts";

/** Datagrams dressed as TCP. */
export interface FakeTcpConfig {
  readonly isEnabled: boolean;
  readonly tunName: string;
  /** The host's address and FakeTCP's own on the TUN device. */
  readonly ipv4: FakeTcpSubnet;
  /** `undefined` unless the file has both addresses. */
  readonly ipv6: FakeTcpSubnet | undefined;
  /** In octets. */
  readonly tunMtu: number;
}

/** Both ends of the TUN device in one family. */
export interface FakeTcpSubnet {
  readonly host: InterfaceAddress;
  /** 4 or 16 octets. */
  readonly stack: Uint8Array;
}

/** How a node keeps both families ready towards a peer that has both. */
export interface DualStackConfig {
  readonly isEnabled: boolean;
  readonly prefersIpv6: boolean;
  readonly failbackDelayMs: number;
  readonly probeIntervalMs: number;
  readonly backupKeepaliveMs: number;
}

/** Checks the block. */
export function readFakeTcp(file: EdgeFile, findings: Findings): FakeTcpConfig {
  const written = file.FakeTCP;
  if (written.Enabled) {
    findings.warn("FakeTCP.Enabled", {
      allowed: "false in this release",
      remedy: "FakeTCP comes in a later release: UDP alone is used",
    });
    if (written.TunName === file.Interface.Name) {
      findings.error("FakeTCP.TunName", { allowed: "another name than Interface.Name", remedy: "rename one" });
    }
  }
  for (const [hostKey, stackKey] of [["TunIPv4", "TunPeerIPv4"], ["TunIPv6", "TunPeerIPv6"]] as const) {
    const host = written[hostKey]?.address;
    const stack = written[stackKey];
    if (host !== undefined && stack !== undefined && host.every((octet, index) => octet === stack[index])) {
      findings.error(`FakeTCP.${stackKey}`, {
        allowed: `another address than ${hostKey}`,
        remedy: "write a second address of the same range",
      });
    }
  }
  // Both IPv4 keys have defaults, which stand in for what is absent and for what is wrong.
  return {
    isEnabled: written.Enabled,
    tunName: written.TunName,
    ipv4: { host: written.TunIPv4!, stack: written.TunPeerIPv4! },
    ipv6: written.TunIPv6 === undefined || written.TunPeerIPv6 === undefined
      ? undefined
      : { host: written.TunIPv6, stack: written.TunPeerIPv6 },
    tunMtu: written.TunMTU,
  };
}

const DUAL_STACK_KEYS = ["Enabled", "IPv6Preferred", "FailbackDelay", "ProbeInterval", "BackupKeepalive"] as const;

/**
 * Checks the block, and decides whether it counts as absent.
 *
 * The reference node's generator writes all five keys with zeros into every file and takes that for absent, which is on.
 * So a block of five zeros is on, and a plain `Enabled: false` is off, as it says. Source: `config.md` §5.4 and §11.
 */
export function readDualStack(file: EdgeFile, findings: Findings): DualStackConfig {
  const written = file.DualStack;
  const isComplete = DUAL_STACK_KEYS.every((key) => findings.isWritten(`DualStack.${key}`));
  const hasValue = DUAL_STACK_KEYS.some((key) => Boolean(written[key]));
  const saysEnabled = findings.isWritten("DualStack.Enabled");
  const countsAsAbsent = saysEnabled ? isComplete && !hasValue : written.FailbackDelay === 0;
  if (!saysEnabled && hasValue) {
    findings.warn("DualStack.Enabled", {
      found: "nothing beside other keys of the block",
      allowed: "true or false",
      remedy: `write it; without it DualStack is ${countsAsAbsent ? "on" : "off"}, as in the reference node`,
    });
  }
  return {
    isEnabled: countsAsAbsent || written.Enabled,
    prefersIpv6: (countsAsAbsent && !hasValue) || written.IPv6Preferred,
    failbackDelayMs: durationMs(positiveOr(written.FailbackDelay, DUAL_STACK_DEFAULTS_S.failbackDelay)),
    probeIntervalMs: durationMs(positiveOr(written.ProbeInterval, DUAL_STACK_DEFAULTS_S.probeInterval)),
    backupKeepaliveMs: durationMs(positiveOr(written.BackupKeepalive, DUAL_STACK_DEFAULTS_S.backupKeepalive)),
  };
}

function positiveOr(seconds: number, otherwise: number): number {
  return seconds > 0 ? seconds : otherwise;
}
