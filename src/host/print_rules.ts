/**
 * Shows what would be changed, for those who want to set the rules themselves; changes nothing.
 *
 * @module
 */

import { createBackend, findBackend } from "./backend_choice.ts";
import { readHostFacts } from "./facts.ts";
import { type HostOptions, machineOf } from "./host_rules.ts";
import type { BackendName, RuleBackend } from "./backend.ts";
import { type HostPlan, type HostSpec, planHostRules } from "./plan.ts";

/**
 * Writes the exact commands for this machine as it is; interfaces that don't exist yet are taken to come with the
 * defaults.
 *
 * @throws {SystemError} ENOENT if there is neither nftables nor iptables.
 */
export async function renderRules(spec: HostSpec, options: HostOptions = {}): Promise<string> {
  const { files, run } = machineOf(options);
  const facts = readHostFacts(files, spec, { changes: [], expectsInterfaces: true });
  const backend = options.backend ?? await findBackend(run);
  return renderPlan(planHostRules(spec, facts), createBackend(backend, spec.tunName, run));
}

const FILE_COMMENT: Record<BackendName, string> = {
  nftables: "# Input of nft -f -",
  iptables: "# Input of iptables-restore and ip6tables-restore",
};

/** Writes a plan as text: the input of the tool, then a `sysctl` command for each parameter. */
export function renderPlan(plan: HostPlan, backend: RuleBackend): string {
  const commands = plan.sysctls.map(({ name, before, ours }) => `sysctl -w ${name}=${ours} # was ${before}`);
  const sysctls = commands.length === 0
    ? ["# Forwarding is on already"]
    : ["# Forwarding, where it is off and needed", ...commands];
  return `${FILE_COMMENT[backend.name]}\n${backend.render(plan.ruleset)}\n${sysctls.join("\n")}\n`;
}
