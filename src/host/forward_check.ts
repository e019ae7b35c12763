/**
 * Finds firewalls on this machine that would drop what the stack sends and receives, and says what to add.
 *
 * The rules of others aren't ours to change; that they drop is told in plain words. Accepting in a chain of ours would
 * not help: a packet has to pass all chains.
 *
 * @module
 */

import { formatIpAddress } from "../base/endpoint.ts";
import { type ChainTable, type Flow, passesHook } from "./forward_chains.ts";
import { type HostOptions, machineOf } from "./host_rules.ts";
import { parseIptablesListing } from "./iptables_listing.ts";
import { parseNftListing } from "./nft_listing.ts";
import type { HostSpec } from "./plan.ts";
import { CHAIN_PREFIX, TABLE_PREFIX } from "./ruleset.ts";
import type { CommandRunner } from "./command.ts";
import type { ProcFiles } from "./proc.ts";

/** What the stack can't do. */
export type BlockedUse = "dial" | "get answers" | "be dialled";

/** A chain that drops. */
export interface ForwardFinding {
  /** The chain in words, such as `chain FORWARD of iptables table filter`. */
  readonly chain: string;
  readonly blocked: readonly BlockedUse[];
  /** All of it in one sentence, without what to do. */
  readonly text: string;
  /** Commands, one a line, of which all are needed. */
  readonly remedies: readonly string[];
}

/**
 * Looks through all rules of this machine. Takes some milliseconds, with thousands of rules some hundred.
 *
 * @returns One entry for each chain that drops; empty also where the rules can't be read.
 */
export async function checkForwardChains(spec: HostSpec, options: HostOptions = {}): Promise<ForwardFinding[]> {
  const { files, run } = machineOf(options);
  return judgeForwardChains(await listTables(files, run), spec);
}

/** Tells of each chain whether it lets the stack do what it has to: pure. */
export function judgeForwardChains(tables: readonly ChainTable[], spec: HostSpec): ForwardFinding[] {
  const flows = flowsOf(spec);
  return tables.map(withoutOurs).flatMap((table) =>
    table.hooks.flatMap((hook) => {
      const blocked = flows.filter(({ flow }) =>
        table.families.includes(flow.family) && !passesHook(table, hook, flow)
      );
      if (blocked.length === 0) return [];
      const uses = [...new Set(blocked.map(({ use }) => use))];
      const chain = `chain ${hook.chain} of ${table.name}`;
      return [{
        chain,
        blocked: uses,
        text: `${chain} drops packets of ${spec.tunName}: FakeTCP can't ${uses.join(", ")}`,
        remedies: remediesFor(table, hook.chain, spec.tunName),
      }];
    })
  );
}

/** Leaves out what nodes of ours have set: that lets the stack pass, by conditions that aren't judged here. */
function withoutOurs(table: ChainTable): ChainTable {
  if (table.nftName.startsWith(`inet ${TABLE_PREFIX}`)) return { ...table, hooks: [] };
  return { ...table, chains: new Map([...table.chains].filter(([chain]) => !chain.startsWith(CHAIN_PREFIX))) };
}

/** The packets that have to pass, for each family and each interface to the world. */
function flowsOf(spec: HostSpec): { use: BlockedUse; flow: Flow }[] {
  const { tunName, stackV4, stackV6, listenPorts, usedInterfaces } = spec;
  const worlds = usedInterfaces.length === 0 ? [undefined] : usedInterfaces;
  const stacks = [stackV4, stackV6].filter((octets) => octets !== undefined);
  return stacks.flatMap((octets) =>
    worlds.flatMap((world) => {
      const family = octets.length === 4 ? 4 : 6;
      const stack = formatIpAddress(octets);
      const out = { inName: tunName, outName: world, sourceAddress: stack, destinationAddress: undefined };
      const into = { inName: world, outName: tunName, sourceAddress: undefined, destinationAddress: stack };
      const flows: { use: BlockedUse; flow: Flow }[] = [
        { use: "dial", flow: { ...out, family, state: "new", isDnat: false } },
        { use: "get answers", flow: { ...into, family, state: "established", isDnat: false } },
      ];
      if (listenPorts.length > 0) {
        flows.push({ use: "be dialled", flow: { ...into, family, state: "new", isDnat: true } });
      }
      return flows;
    })
  );
}

/** The commands that let the stack through, in the way of the program that made the chain. */
function remediesFor(table: ChainTable, chain: string, tunName: string): string[] {
  const has = (pattern: RegExp) => [...table.chains.keys()].some((name) => pattern.test(name));
  if (has(/^ufw6?-/)) return [`ufw route allow in on ${tunName}`, `ufw route allow out on ${tunName}`];
  if (table.nftName.endsWith(" firewalld")) {
    return [`firewall-cmd --permanent --zone=trusted --add-interface=${tunName}`, "firewall-cmd --reload"];
  }
  const isOfIptables = table.tool !== "nft" || (/^ip6? filter$/.test(table.nftName) && chain === "FORWARD");
  if (!isOfIptables) {
    return ["iifname", "oifname"].map((key) => `nft insert rule ${table.nftName} ${chain} ${key} "${tunName}" accept`);
  }
  const tool = table.tool !== "nft" ? table.tool : table.families[0] === 4 ? "iptables" : "ip6tables";
  const target = has(/^DOCKER-USER$/) ? "DOCKER-USER" : chain;
  return ["-i", "-o"].map((option) => `${tool} -I ${target} ${option} ${tunName} -j ACCEPT`);
}

/** Lists all tables that forwarded packets pass. */
async function listTables(files: ProcFiles, run: CommandRunner): Promise<ChainTable[]> {
  const nft = await run("nft", ["-j", "list", "ruleset"]);
  const tables = nft?.code === 0 ? parseNftListing(nft.stdout) : [];
  const listed: ChainTable[] = [];
  for (const family of [4, 6] as const) {
    const tool = family === 4 ? "iptables" : "ip6tables";
    const nftName = family === 4 ? "ip filter" : "ip6 filter";
    const at = tables.findIndex((table) => table.nftName === nftName);
    // The table that iptables keeps in nftables has conditions that only iptables has words for.
    if (at >= 0 || nft === undefined) {
      const table = await listIptables(at < 0 ? [tool] : [`${tool}-nft`], family, run);
      if (table !== undefined && at >= 0) tables.splice(at, 1);
      if (table !== undefined) listed.push(table);
    }
    // Asking the older iptables loads its modules, so it is asked only if they are in use.
    const inUse = files.read(family === 4 ? "net/ip_tables_names" : "net/ip6_tables_names") ?? "";
    if (inUse.split("\n").includes("filter")) {
      const table = await listIptables([`${tool}-legacy`, tool], family, run);
      if (table !== undefined) listed.push(table);
    }
  }
  return [...tables, ...listed];
}

async function listIptables(
  programs: readonly string[],
  family: 4 | 6,
  run: CommandRunner,
): Promise<ChainTable | undefined> {
  for (const program of programs) {
    const result = await run(program, ["-S"]);
    if (result === undefined) continue;
    const table = parseIptablesListing(result.stdout, family);
    return result.code === 0 && table.hooks.length > 0 ? table : undefined;
  }
  return undefined;
}
