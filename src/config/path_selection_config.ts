/**
 * The `DualStack` and `PathSelection` blocks, checked, and joined into what the selection of paths needs.
 *
 * `DualStack` is older and speaks of families only: it governs the change between IPv6 and IPv4, and how often paths are
 * probed that carry nothing. `PathSelection` governs the rest.
 *
 * @module
 */

import { familyOf, PATH_KIND_NAMES, PathKind, Transport, transportOf } from "../base/path_kind.ts";
import { durationMs } from "./duration.ts";
import type { EdgeFile } from "./edge_schema.ts";
import type { FakeTcpConfig } from "./faketcp_config.ts";
import type { Findings } from "./findings.ts";
import type { AddressFamilyConfig } from "./node_config.ts";
import { DUAL_STACK_DEFAULTS_S } from "./transport_schema.ts";

/** What the file says of peers that have both families. */
export interface DualStackConfig {
  readonly isEnabled: boolean;
  readonly prefersIpv6: boolean;
  readonly failbackDelayMs: number;
  readonly probeIntervalMs: number;
  readonly backupKeepaliveMs: number;
}

/** How the path to a peer is chosen. */
export interface PathSelectionConfig {
  /** All kinds of paths (`PathKind`), best first; also those that this node has no use for. */
  readonly order: readonly number[];
  /** Period of probing the path in use while there is traffic. */
  readonly activeProbeIntervalMs: number;
  /** Period of probing a better path that has failed, while there is traffic. */
  readonly recoveryProbeIntervalMs: number;
  /** Period of probing any other path that has failed. */
  readonly idleProbeIntervalMs: number;
  /** Period of probing a path that works but isn't in use. */
  readonly standbyProbeIntervalMs: number;
  /** How long a better transport must have worked without a gap before traffic returns to it. */
  readonly holdMs: number;
  /** The same for the better family of a transport; `Infinity`: traffic stays where it is until that path fails. */
  readonly failbackMs: number;
  /** How long the path in use may be in doubt before traffic leaves it. */
  readonly decideMs: number;
  /** Share of lost probes, above 0 and up to 1, above which a path is worse than one that loses hardly any. */
  readonly lossThreshold: number;
  /** Whether traffic goes over the next best path as well while the one in use is in doubt. */
  readonly mirrors: boolean;
}

/** `DualStack` of a file without the block. A super has none, as each of its identities has one family. */
export const DEFAULT_DUAL_STACK: DualStackConfig = {
  isEnabled: true,
  prefersIpv6: true,
  failbackDelayMs: durationMs(DUAL_STACK_DEFAULTS_S.failbackDelay),
  probeIntervalMs: durationMs(DUAL_STACK_DEFAULTS_S.probeInterval),
  backupKeepaliveMs: durationMs(DUAL_STACK_DEFAULTS_S.backupKeepalive),
};

const DUAL_STACK_KEYS = ["Enabled", "IPv6Preferred", "FailbackDelay", "ProbeInterval", "BackupKeepalive"] as const;

/**
 * Checks the `DualStack` block, and decides whether it counts as absent.
 *
 * The reference node's generator writes all five keys with zeros into every file and takes that for absent, which is on.
 * So a block of five zeros is on, and a plain `Enabled: false` is off, as it says. The reference node never reads
 * `IPv6Preferred` and acts as if it were true; here a `false` is obeyed, and an absent key is true.
 * Source: `config.md` §5.4 and §11.
 */
export function readDualStack(file: EdgeFile, findings: Findings): DualStackConfig {
  const written = file.DualStack;
  const hasValue = DUAL_STACK_KEYS.some((key) => Boolean(written[key]));
  const isAllZero = !hasValue && DUAL_STACK_KEYS.every((key) => findings.isWritten(`DualStack.${key}`));
  const saysEnabled = findings.isWritten("DualStack.Enabled");
  const countsAsAbsent = saysEnabled ? isAllZero : written.FailbackDelay === 0;
  if (!saysEnabled && hasValue) {
    findings.warn("DualStack.Enabled", {
      found: "nothing beside other keys of the block",
      allowed: "true or false",
      remedy: `write it; without it DualStack is ${countsAsAbsent ? "on" : "off"}, as in the reference node`,
    });
  }
  return {
    isEnabled: countsAsAbsent || written.Enabled,
    prefersIpv6: isAllZero || written.IPv6Preferred || !findings.isWritten("DualStack.IPv6Preferred"),
    failbackDelayMs: durationMs(positiveOr(written.FailbackDelay, DUAL_STACK_DEFAULTS_S.failbackDelay)),
    probeIntervalMs: durationMs(positiveOr(written.ProbeInterval, DUAL_STACK_DEFAULTS_S.probeInterval)),
    backupKeepaliveMs: durationMs(positiveOr(written.BackupKeepalive, DUAL_STACK_DEFAULTS_S.backupKeepalive)),
  };
}

function positiveOr(seconds: number, otherwise: number): number {
  return seconds > 0 ? seconds : otherwise;
}

/**
 * Checks the `PathSelection` block and joins it with `DualStack`.
 *
 * With DualStack off traffic returns to the preferred family only when the other one fails: `failbackMs` is `Infinity`.
 *
 * @param families Those that are used at all, and which is preferred.
 * @param fakeTcp Which paths beside those of UDP there can be, for warnings.
 */
export function readPathSelection(
  file: Pick<EdgeFile, "PathSelection">,
  families: AddressFamilyConfig,
  dualStack: DualStackConfig,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): PathSelectionConfig {
  const written = file.PathSelection;
  checkOrder(written.Order, families, fakeTcp, findings);
  return {
    order: orderOf(written.Order, families, dualStack),
    activeProbeIntervalMs: durationMs(written.ActiveProbeInterval),
    recoveryProbeIntervalMs: durationMs(written.RecoveryProbeInterval),
    idleProbeIntervalMs: dualStack.probeIntervalMs,
    standbyProbeIntervalMs: dualStack.backupKeepaliveMs,
    holdMs: durationMs(written.HoldTime),
    failbackMs: dualStack.isEnabled ? dualStack.failbackDelayMs : Infinity,
    decideMs: durationMs(written.DecideTime),
    lossThreshold: written.LossThreshold,
    mirrors: written.Mirror,
  };
}

/** The kinds that are named, then the others: UDP before FakeTCP, and of each the preferred family first. */
function orderOf(
  written: readonly string[],
  { preferred }: AddressFamilyConfig,
  { prefersIpv6 }: DualStackConfig,
): number[] {
  const isIpv6First = preferred === 0 ? prefersIpv6 : preferred === 6;
  const { UDP6, UDP4, FAKETCP6, FAKETCP4 } = PathKind;
  const usual = isIpv6First ? [UDP6, UDP4, FAKETCP6, FAKETCP4] : [UDP4, UDP6, FAKETCP4, FAKETCP6];
  // An empty entry, which was reported, is no kind.
  const named = written.map((name) => PATH_KIND_NAMES.indexOf(name)).filter((kind) => kind >= 0);
  return [...new Set([...named, ...usual])];
}

function checkOrder(
  order: readonly string[],
  families: AddressFamilyConfig,
  fakeTcp: FakeTcpConfig,
  findings: Findings,
): void {
  for (const [index, name] of order.entries()) {
    const path = `PathSelection.Order[${index}]`;
    const earlier = order.indexOf(name);
    if (earlier === index || !findings.areSound(path)) continue;
    const remedy = `PathSelection.Order[${earlier}] has it, too: remove one`;
    findings.error(path, { allowed: "each kind of path once", remedy });
  }
  const first = PATH_KIND_NAMES.indexOf(order[0] ?? "");
  const cause = first < 0 ? undefined : causeOfAbsence(first, families, fakeTcp);
  if (cause === undefined) return;
  const allowed = "a kind of path that this node has";
  findings.warn("PathSelection.Order[0]", { allowed, remedy: `it is passed over: ${cause}` });
}

/** Says why this node has no path of a kind, if it has none. */
function causeOfAbsence(
  kind: number,
  families: AddressFamilyConfig,
  fakeTcp: FakeTcpConfig,
): string | undefined {
  const family = familyOf(kind);
  if (!(family === 4 ? families.ipv4 : families.ipv6)) return `IPv${family} is off`;
  if (transportOf(kind) === Transport.UDP) return undefined;
  if (!fakeTcp.isEnabled) return "FakeTCP.Enabled is false";
  if (family === 6 && fakeTcp.ipv6 === undefined) return "FakeTCP has no TunIPv6 and TunPeerIPv6";
  return undefined;
}
