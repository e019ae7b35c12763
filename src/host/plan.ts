/**
 * What has to be changed on a machine so that the stack reaches the world and is reached: pure.
 *
 * Forwarding is judged at the interface where a packet comes in, so it has to be on at the TUN device and at every
 * interface that the world is reached through. What is on already stays untouched, and where it was off and we switch it
 * on, a guard keeps out what isn't ours. A strict `rp_filter` needs no change: it looks at the source address, which the
 * translation of destinations leaves alone, and the stack's own address lies on the TUN device.
 *
 * @module
 */

import { formatIpAddress } from "../base/endpoint.ts";
import type { ForwardGuard, Ruleset, StackAddress } from "./ruleset.ts";

/** The stack and the ways by which it is to reach the world. */
export interface HostSpec {
  readonly tunName: string;
  /** 4 octets; `undefined`: no IPv4. */
  readonly stackV4?: Uint8Array;
  /** 16 octets; `undefined`: no IPv6. */
  readonly stackV6?: Uint8Array;
  /** TCP ports to be reached at; may be empty. */
  readonly listenPorts: readonly number[];
  /** First and last port that the stack dials from. */
  readonly dialPorts: readonly [first: number, last: number];
  /** Interfaces that the world is reached through, the TUN device not among them. Those that don't exist wait. */
  readonly usedInterfaces: readonly string[];
}

/** What the plan depends on: how the machine was before we changed anything. */
export interface HostFacts {
  readonly ipv4: {
    /** Whether the machine is a router as a whole (`all/forwarding`). */
    readonly isRouter: boolean;
    /** Interfaces of ours, the TUN device among them, on which forwarding is off. */
    readonly closed: readonly string[];
  };
  /** `undefined`: the kernel has no IPv6. */
  readonly ipv6?: {
    readonly isRouter: boolean;
    /** Whether forwarding can be switched on for a single interface (`force_forwarding`, Linux 6.17 and later). */
    readonly hasForceForwarding: boolean;
    /** Interfaces of ours on which `force_forwarding` is off. */
    readonly closed: readonly string[];
    /** Interfaces, and `default`, that act as a router's although the machine isn't one. */
    readonly routers: readonly string[];
    /** Interfaces, and `default`, that take router advertisements as long as they don't forward (`accept_ra` is 1). */
    readonly advertised: readonly string[];
  };
}

/** A kernel parameter, named by its path below `/proc/sys`, and its value. */
export interface SysctlValue {
  readonly name: string;
  readonly value: string;
}

/** A kernel parameter that we change, with all that is needed to change it back. */
export interface SysctlChange {
  /** Path below `/proc/sys`. */
  readonly name: string;
  readonly before: string;
  readonly ours: string;
  /** While this holds the value is ours; afterwards somebody else has decided and it isn't set back. */
  readonly while?: SysctlValue;
  /** Others that the kernel changes along when this one is set back, as they are to be. */
  readonly afterwards?: readonly SysctlValue[];
}

/** All changes, in the order in which they are made: the rules, then the sysctls. They are undone backwards. */
export interface HostPlan {
  readonly ruleset: Ruleset;
  readonly sysctls: readonly SysctlChange[];
}

/** Path of a parameter of one interface. */
export function confName(family: 4 | 6, interfaceName: string, parameter: string): string {
  return `net/ipv${family}/conf/${interfaceName}/${parameter}`;
}

/** Decides what to change. A family that the kernel doesn't have is left out. */
export function planHostRules(spec: HostSpec, facts: HostFacts): HostPlan {
  const stacks: StackAddress[] = [];
  const guards: ForwardGuard[] = [];
  const sysctls: SysctlChange[] = [];
  if (spec.stackV4 !== undefined) {
    stacks.push({ family: 4, address: formatIpAddress(spec.stackV4) });
    openIpv4(facts.ipv4, guards, sysctls);
  }
  if (spec.stackV6 !== undefined && facts.ipv6 !== undefined) {
    stacks.push({ family: 6, address: formatIpAddress(spec.stackV6) });
    openIpv6(facts.ipv6, guards, sysctls);
  }
  const { tunName, listenPorts, dialPorts } = spec;
  return { ruleset: { tunName, stacks, listenPorts, dialPorts, guards }, sysctls };
}

function openIpv4(facts: HostFacts["ipv4"], guards: ForwardGuard[], sysctls: SysctlChange[]): void {
  if (facts.closed.length === 0) return;
  guards.push({ family: 4, opened: facts.closed });
  for (const name of facts.closed) {
    sysctls.push({
      name: confName(4, name, "forwarding"),
      before: "0",
      ours: "1",
      while: { name: confName(4, "all", "forwarding"), value: facts.isRouter ? "1" : "0" },
    });
  }
}

function openIpv6(facts: NonNullable<HostFacts["ipv6"]>, guards: ForwardGuard[], sysctls: SysctlChange[]): void {
  if (facts.isRouter) return;
  if (facts.hasForceForwarding) {
    if (facts.closed.length > 0) guards.push({ family: 6, opened: facts.closed });
    for (const name of facts.closed) {
      sysctls.push({ name: confName(6, name, "force_forwarding"), before: "0", ours: "1" });
    }
    return;
  }
  guards.push({ family: 6, opened: "all" });
  // First of all: a machine that becomes a router forgets the default routes it learned from advertisements, unless
  // `accept_ra` is 2 (`rt6_purge_dflt_routers` in net/ipv6/route.c).
  for (const name of facts.advertised) {
    sysctls.push({ name: confName(6, name, "accept_ra"), before: "1", ours: "2" });
  }
  sysctls.push({
    name: confName(6, "all", "forwarding"),
    before: "0",
    ours: "1",
    afterwards: facts.routers.map((name) => ({ name: confName(6, name, "forwarding"), value: "1" })),
  });
}
