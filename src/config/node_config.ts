/**
 * What the files of edges and supers say alike: address families, the log, obfuscation.
 *
 * @module
 */

import type { LogLevel } from "../base/log.ts";
import type { Findings } from "./findings.ts";
import type { ValueOf } from "./schema.ts";
import type { DISABLED_AF, LOG_LEVEL_BLOCK, OBFUSCATION } from "./shared_blocks.ts";

/** Which address families are used, and where. At least one is. */
export interface AddressFamilyConfig {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Local addresses to listen on, 4 and 16 octets; `undefined` for all. */
  readonly listenIpv4: Uint8Array | undefined;
  readonly listenIpv6: Uint8Array | undefined;
  /** Family to try first; 0: the system's choice. */
  readonly preferred: 0 | 4 | 6;
}

/** What is logged. */
export interface LogConfig {
  readonly level: LogLevel;
  readonly transit: boolean;
  readonly normal: boolean;
  readonly dumpNormal: boolean;
  readonly control: boolean;
  readonly internal: boolean;
  /** Never in static mode. */
  readonly ntp: boolean;
}

/** How formats are hidden from observers. */
export interface ObfuscationConfig {
  readonly isEnabled: boolean;
  /** 32 octets; `undefined` for none. */
  readonly key: Uint8Array | undefined;
}

/** Checks the name of a node, which is part of the name of its control socket. */
export function checkNodeName(name: string, findings: Findings): void {
  if (!name.includes("/")) return;
  const remedy = "it is part of the name of a socket file: choose another";
  findings.error("NodeName", { allowed: 'text without "/"', remedy });
}

/**
 * Checks the `DisabledAf` block.
 *
 * @param preferred Family to try first, 0 for the system's choice.
 */
export function readAddressFamilies(
  disabled: ValueOf<typeof DISABLED_AF>,
  preferred: 0 | 4 | 6,
  findings: Findings,
): AddressFamilyConfig {
  if (disabled.IPv4 && disabled.IPv6) {
    const remedy = "IPv4 is off, too: write false for one of them";
    findings.error("DisabledAf.IPv6", { allowed: "one family at least", remedy });
  }
  return {
    ipv4: !disabled.IPv4,
    ipv6: !disabled.IPv6,
    listenIpv4: disabled.ListenIPv4,
    listenIpv6: disabled.ListenIPv6,
    preferred,
  };
}

/**
 * Translates the `LogLevel` block.
 *
 * @param usesClock Whether the node corrects its clock, which is the only case in which that is logged.
 */
export function readLog(written: ValueOf<typeof LOG_LEVEL_BLOCK>, usesClock: boolean): LogConfig {
  return {
    level: written.LogLevel,
    transit: written.LogTransit,
    normal: written.LogNormal,
    dumpNormal: written.DumpNormal,
    control: written.LogControl,
    internal: written.LogInternal,
    ntp: written.LogNTP && usesClock,
  };
}

/** Checks the `Obfuscation` block. */
export function readObfuscation(written: ValueOf<typeof OBFUSCATION>, findings: Findings): ObfuscationConfig {
  if (written.Enabled) {
    const remedy = "obfuscation comes in a later release: datagrams are sealed but not disguised";
    findings.warn("Obfuscation.Enabled", { allowed: "false in this release", remedy });
  }
  return { isEnabled: written.Enabled, key: written.PSK };
}
