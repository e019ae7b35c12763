/**
 * Rules by nftables: one table of the family `inet`, named after the TUN device. Needs Linux 5.2.
 *
 * @module
 */

import type { RuleBackend } from "./backend.ts";
import { commandError, type CommandResult, type CommandRunner } from "./command.ts";
import { type ForwardGuard, type Ruleset, tableNameOf } from "./ruleset.ts";

/** The table of one TUN device. */
export class NftBackend implements RuleBackend {
  readonly name = "nftables";
  readonly object: string;
  readonly #table: string;
  readonly #run: CommandRunner;

  constructor(tunName: string, run: CommandRunner) {
    this.#table = tableNameOf(tunName);
    this.object = `table inet ${this.#table}`;
    this.#run = run;
  }

  render(ruleset: Ruleset): string {
    return renderNftScript(ruleset);
  }

  async apply(ruleset: Ruleset): Promise<void> {
    const result = await this.#run("nft", ["-f", "-"], renderNftScript(ruleset));
    if (result?.code === 0) return;
    // A kernel without `nft_socket` refuses all of it.
    this.#check(await this.#run("nft", ["-f", "-"], renderNftScript(ruleset, false)));
  }

  async read(): Promise<string> {
    const result = await this.#run("nft", ["list", "table", "inet", this.#table]);
    return isMissing(result) ? "" : this.#check(result).stdout;
  }

  async remove(): Promise<boolean> {
    const result = await this.#run("nft", ["delete", "table", "inet", this.#table]);
    if (result === undefined || isMissing(result)) return false;
    this.#check(result);
    return true;
  }

  #check(result: CommandResult | undefined): CommandResult {
    if (result === undefined || result.code !== 0) throw commandError("nft", this.object, result);
    return result;
  }
}

function isMissing(result: CommandResult | undefined): boolean {
  return result !== undefined && result.code !== 0 && result.stderr.includes("No such file or directory");
}

/**
 * Writes the input of `nft -f -` that puts the table in place, whatever was in it before.
 *
 * @param findsSockets Whether the kernel can look for sockets; without that strays are left to the machine.
 */
export function renderNftScript(ruleset: Ruleset, findsSockets = true): string {
  const table = `table inet ${tableNameOf(ruleset.tunName)}`;
  const tun = `"${ruleset.tunName}"`;
  const chains = [
    renderChain("prerouting", "prerouting", "nat", "dstnat", prerouting(ruleset, tun)),
    renderChain("postrouting", "postrouting", "nat", "srcnat", postrouting(ruleset, tun)),
  ];
  if (findsSockets) chains.push(renderChain("input", "input", "filter", "filter", input(ruleset)));
  if (ruleset.guards.length > 0) {
    chains.push(renderChain("forward", "forward", "filter", "filter", forward(ruleset, tun)));
  }
  // Added first so that it can be deleted: a table that doesn't exist can't.
  return `${table}\ndelete ${table}\n${table} {\n${chains.join("\n")}}\n`;
}

function renderChain(name: string, hook: string, type: string, priority: string, rules: readonly string[]): string {
  const head = `type ${type} hook ${hook} priority ${priority}; policy accept;`;
  return `  chain ${name} {\n    ${[head, ...rules].join("\n    ")}\n  }\n`;
}

function prerouting({ stacks, listenPorts, dialPorts }: Ruleset, tun: string): string[] {
  const [first, last] = dialPorts;
  return stacks.flatMap(({ family, address }) => {
    const toUs = `meta nfproto ipv${family} iifname != ${tun} fib daddr type local tcp dport`;
    const verdict = `dnat ${protocolOf(family)} to ${address}`;
    return [
      "# connections to the listening port",
      ...listenPorts.map((port) => `${toUs} ${port} ${verdict}`),
      "# answers to connections of ours that the kernel has forgotten",
      `${toUs} ${first}-${last} tcp flags & (fin | syn | rst | ack) != syn ${verdict}`,
    ];
  });
}

function postrouting({ stacks }: Ruleset, tun: string): string[] {
  return [
    "# the stack speaks to the world with this machine's address",
    ...stacks.map(({ family, address }) => `${protocolOf(family)} saddr ${address} oifname != ${tun} masquerade`),
  ];
}

function input({ stacks, listenPorts, dialPorts }: Ruleset): string[] {
  const ports = [...listenPorts, dialPorts.join("-")];
  return [
    "# strays that this machine would answer by a reset",
    "ct state established,related,untracked accept",
    `iifname "lo" accept`,
    "meta l4proto tcp socket transparent 0-1 accept",
    ...stacks.flatMap(({ family }) => ports.map((port) => `meta nfproto ipv${family} tcp dport ${port} drop`)),
  ];
}

function forward(ruleset: Ruleset, tun: string): string[] {
  // What was let through once isn't looked at again: these rules meet every segment.
  const rules = ["# forwarding was off: it is on for the stack alone", "ct state established accept"];
  for (const guard of ruleset.guards) {
    const stack = ruleset.stacks.find(({ family }) => family === guard.family)!;
    const address = `${protocolOf(guard.family)} `;
    rules.push(
      ...foreign(guard, ruleset.tunName).map((match) =>
        `meta nfproto ipv${guard.family} ${match} ct status & (snat | dnat) == 0 drop`
      ),
      `iifname ${tun} ${address}saddr != ${stack.address} drop`,
      `oifname ${tun} ${address}daddr != ${stack.address} drop`,
    );
  }
  return rules;
}

/** Matches packets that come in where nothing was forwarded before. */
function foreign({ opened }: ForwardGuard, tunName: string): string[] {
  if (opened === "all") return [`iifname != "${tunName}"`];
  const others = opened.filter((name) => name !== tunName);
  return others.length === 0 ? [] : [`iifname { ${others.map((name) => `"${name}"`).join(", ")} }`];
}

function protocolOf(family: 4 | 6): string {
  return family === 4 ? "ip" : "ip6";
}
