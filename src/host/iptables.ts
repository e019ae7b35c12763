/**
 * Rules by iptables and ip6tables, where nftables is missing: chains of our own, each hooked by one jump.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import type { RuleBackend } from "./backend.ts";
import { commandError, type CommandResult, type CommandRunner } from "./command.ts";
import { CHAIN_PREFIX, type ForwardGuard, type Ruleset, type StackAddress } from "./ruleset.ts";

/** A chain of ours and the built-in chain that jumps to it. */
interface Hook {
  readonly table: "nat" | "filter";
  readonly builtIn: string;
  readonly chain: string;
}

const FAMILIES = [4, 6] as const;

/** The chains of one TUN device in both families. */
export class IptablesBackend implements RuleBackend {
  readonly name = "iptables";
  readonly object: string;
  readonly #tunName: string;
  readonly #run: CommandRunner;

  constructor(tunName: string, run: CommandRunner) {
    this.#tunName = tunName;
    this.object = `chains ${CHAIN_PREFIX}${tunName}-…`;
    this.#run = run;
  }

  render(ruleset: Ruleset): string {
    return ruleset.stacks.map(({ family }) =>
      `# ${toolOf(family)}-restore --noflush\n${renderRestore(ruleset, family, "")}`
    ).join("");
  }

  async apply(ruleset: Ruleset): Promise<void> {
    for (const family of FAMILIES) {
      const saved = await this.#save(family);
      const isWanted = ruleset.stacks.some((stack) => stack.family === family);
      if (saved === undefined && !isWanted) continue;
      try {
        await this.#restore(family, renderRestore(ruleset, family, saved ?? ""));
      } catch (error) {
        if (!isWanted || !(error instanceof SystemError)) throw error;
        // A kernel without `xt_socket` refuses a part of it.
        await this.#restore(family, renderRestore(ruleset, family, await this.#save(family) ?? "", false));
      }
    }
  }

  async read(): Promise<string> {
    const lists = await Promise.all(FAMILIES.map((family) => this.#save(family)));
    return lists.map((saved) => ownLines(saved ?? "", this.#tunName).join("\n")).join("\n").trim();
  }

  async remove(): Promise<boolean> {
    if (await this.#run("iptables", ["--version"]) === undefined) return false;
    const nothing: Ruleset = { tunName: this.#tunName, stacks: [], listenPorts: [], dialPorts: [0, 0], guards: [] };
    let isRemoved = false;
    for (const family of FAMILIES) {
      const saved = await this.#save(family);
      if (saved === undefined || ownLines(saved, this.#tunName).length === 0) continue;
      await this.#restore(family, renderRestore(nothing, family, saved));
      isRemoved = true;
    }
    return isRemoved;
  }

  /** What `iptables-save` prints; `undefined` without the tool, or without the family in the kernel. */
  async #save(family: 4 | 6): Promise<string | undefined> {
    const program = `${toolOf(family)}-save`;
    const result = await this.#run(program, []);
    if (result?.code === 0) return result.stdout;
    if (family === 6 && !/not permitted|permission/i.test(result?.stderr ?? "")) return undefined;
    throw commandError(program, this.object, result);
  }

  async #restore(family: 4 | 6, script: string): Promise<void> {
    if (script === "") return;
    const program = `${toolOf(family)}-restore`;
    const result: CommandResult | undefined = await this.#run(program, ["--noflush", "-w", "5"], script);
    if (result?.code !== 0) throw commandError(program, this.object, result);
  }
}

function toolOf(family: 4 | 6): string {
  return family === 4 ? "iptables" : "ip6tables";
}

function hooksOf(tunName: string): readonly Hook[] {
  return [
    { table: "nat", builtIn: "PREROUTING", chain: `${CHAIN_PREFIX}${tunName}-pre` },
    { table: "nat", builtIn: "POSTROUTING", chain: `${CHAIN_PREFIX}${tunName}-post` },
    { table: "filter", builtIn: "INPUT", chain: `${CHAIN_PREFIX}${tunName}-in` },
    { table: "filter", builtIn: "FORWARD", chain: `${CHAIN_PREFIX}${tunName}-fwd` },
  ];
}

/**
 * Writes the input of `iptables-restore --noflush` that leads from what is there to what is wanted.
 *
 * Each table is replaced as a whole. Declaring a chain empties it; the jump to it is added only if it is missing.
 *
 * @param saved What `iptables-save` printed.
 * @param findsSockets Whether the kernel can look for sockets; without that strays are left to the machine.
 */
export function renderRestore(ruleset: Ruleset, family: 4 | 6, saved: string, findsSockets = true): string {
  const stack = ruleset.stacks.find((stack) => stack.family === family);
  const present = ownLines(saved, ruleset.tunName);
  const [pre, post, into, fwd] = hooksOf(ruleset.tunName);
  const wanted = new Map<Hook, readonly string[]>([
    [pre, stack === undefined ? [] : prerouting(ruleset, stack)],
    [post, stack === undefined ? [] : postrouting(ruleset, stack)],
    [into, stack === undefined || !findsSockets ? [] : input(ruleset)],
    [fwd, stack === undefined ? [] : forward(ruleset, stack)],
  ]);
  const sections: string[] = [];
  for (const table of ["nat", "filter"]) {
    const declarations: string[] = [];
    const commands: string[] = [];
    for (const [hook, rules] of wanted) {
      if (hook.table !== table) continue;
      const jumps = present.filter((line) => isJump(line, hook));
      if (rules.length > 0) {
        declarations.push(`:${hook.chain} - [0:0]`);
        commands.push(...rules.map((rule) => `-A ${hook.chain} ${rule}`));
        if (jumps.length === 0) commands.push(`-I ${hook.builtIn} 1 -j ${hook.chain}`);
      } else {
        commands.push(...jumps.map((line) => line.replace(/^-A/, "-D")));
        if (present.some((line) => line.startsWith(`:${hook.chain} `))) {
          commands.push(`-F ${hook.chain}`, `-X ${hook.chain}`);
        }
      }
    }
    if (commands.length > 0) sections.push([`*${table}`, ...declarations, ...commands, "COMMIT"].join("\n"));
  }
  return sections.map((section) => `${section}\n`).join("");
}

function isJump(line: string, { builtIn, chain }: Hook): boolean {
  return line.startsWith(`-A ${builtIn} `) && line.endsWith(` -j ${chain}`);
}

/** Lines of `iptables-save` that declare, fill or hook a chain of ours, without counters. */
function ownLines(saved: string, tunName: string): string[] {
  const hooks = hooksOf(tunName);
  return saved.split("\n").filter((line) =>
    hooks.some((hook) =>
      line.startsWith(`:${hook.chain} `) || line.startsWith(`-A ${hook.chain} `) || isJump(line, hook)
    )
  ).map((line) => line.replace(/ \[\d+:\d+\]$/, ""));
}

function comment(text: string): string {
  return `-m comment --comment "etherguard: ${text}"`;
}

function prerouting({ tunName, listenPorts, dialPorts }: Ruleset, { family, address }: StackAddress): string[] {
  const [first, last] = dialPorts;
  const toUs = `! -i ${tunName} -p tcp -m addrtype --dst-type LOCAL -m tcp --dport`;
  const verdict = `-j DNAT --to-destination ${family === 4 ? address : `[${address}]`}`;
  return [
    ...listenPorts.map((port) => `${toUs} ${port} ${comment("listening port")} ${verdict}`),
    `${toUs} ${first}:${last} ! --syn ${comment("answers that the kernel has no memory for")} ${verdict}`,
  ];
}

function postrouting({ tunName }: Ruleset, { address }: StackAddress): string[] {
  return [`-s ${address} ! -o ${tunName} ${comment("with the address of this machine")} -j MASQUERADE`];
}

function input({ listenPorts, dialPorts }: Ruleset): string[] {
  const reason = comment("strays that this machine would answer by a reset");
  return [
    `-m conntrack ! --ctstate INVALID,NEW ${reason} -j RETURN`,
    `-p tcp -m socket --nowildcard ${reason} -j RETURN`,
    ...[...listenPorts, dialPorts.join(":")].map((port) => `! -i lo -p tcp -m tcp --dport ${port} ${reason} -j DROP`),
  ];
}

function forward({ tunName, guards }: Ruleset, { family, address }: StackAddress): string[] {
  const guard = guards.find((guard) => guard.family === family);
  if (guard === undefined) return [];
  const reason = comment("forwarding was off");
  return [
    // What was let through once isn't looked at again: these rules meet every segment.
    `-m conntrack --ctstate ESTABLISHED ${reason} -j RETURN`,
    ...foreign(guard, tunName).map((match) => `${match} -m conntrack ! --ctstate SNAT,DNAT ${reason} -j DROP`),
    `-i ${tunName} ! -s ${address} ${reason} -j DROP`,
    `-o ${tunName} ! -d ${address} ${reason} -j DROP`,
  ];
}

/** Matches packets that come in where nothing was forwarded before. */
function foreign({ opened }: ForwardGuard, tunName: string): string[] {
  if (opened === "all") return [`! -i ${tunName}`];
  return opened.filter((name) => name !== tunName).map((name) => `-i ${name}`);
}
