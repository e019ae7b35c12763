/**
 * Reads how the machine is, or was before we changed it.
 *
 * @module
 */

import { confName, type HostFacts, type HostSpec, type SysctlChange } from "./plan.ts";
import type { ProcFiles } from "./proc.ts";
import { originalSysctl } from "./sysctl.ts";

/** What stands beside the files. */
export interface FactsOptions {
  /** What we have changed so far: seen through, so that a plan made twice is the same. */
  readonly changes: readonly SysctlChange[];
  /** Whether interfaces that don't exist yet are taken to come with the defaults; else they are left out. */
  readonly expectsInterfaces: boolean;
}

/** Reads what {@linkcode planHostRules} wants to know. */
export function readHostFacts(files: ProcFiles, spec: HostSpec, options: FactsOptions): HostFacts {
  const { changes } = options;
  const ours = [spec.tunName, ...new Set(spec.usedInterfaces)];

  function read(family: 4 | 6, name: string, parameter: string): string | undefined {
    return originalSysctl(files, confName(family, name, parameter), changes);
  }
  function isClosed(family: 4 | 6, name: string, parameter: string): boolean {
    const value = read(family, name, parameter) ??
      (options.expectsInterfaces ? read(family, "default", parameter) : undefined);
    return value === "0";
  }

  const ipv4 = {
    isRouter: read(4, "all", "forwarding") === "1",
    closed: ours.filter((name) => isClosed(4, name, "forwarding")),
  };
  const forwarding = read(6, "all", "forwarding");
  if (forwarding === undefined) return { ipv4 };
  const all = ["default", ...interfaceNames(files)];
  // While forwarding is on by us, what it was on each interface is known from the change alone.
  const switched = changes.find(({ name }) => name === confName(6, "all", "forwarding"));
  const routers = switched === undefined
    ? all.filter((name) => read(6, name, "forwarding") === "1")
    : all.filter((name) => switched.afterwards?.some((value) => value.name === confName(6, name, "forwarding")));
  return {
    ipv4,
    ipv6: {
      isRouter: forwarding === "1",
      hasForceForwarding: read(6, "default", "force_forwarding") !== undefined,
      closed: ours.filter((name) => isClosed(6, name, "force_forwarding")),
      routers,
      advertised: all.filter((name) => name !== "lo" && read(6, name, "accept_ra") === "1"),
    },
  };
}

/** Names of all interfaces: the lines after the two of the title, each `name: figures`. */
function interfaceNames(files: ProcFiles): string[] {
  const lines = (files.read("net/dev") ?? "").split("\n").slice(2);
  return lines.filter((line) => line.includes(":")).map((line) => line.slice(0, line.lastIndexOf(":")).trim());
}
