/**
 * Reads what `iptables -S` prints: the rules of the table `filter`, each as the command that makes it.
 *
 * @module
 */

import {
  type ChainTable,
  type Match,
  matchInterface,
  matchNot,
  matchState,
  matchUnknown,
  type Rule,
  type Verdict,
} from "./forward_chains.ts";

/** Reads a listing. Lines of other forms are left out. */
export function parseIptablesListing(text: string, family: 4 | 6): ChainTable {
  const chains = new Map<string, Rule[]>();
  let policy: "accept" | "drop" = "accept";
  const lines = text.split("\n").map(wordsOf);
  for (const [command, chain, value] of lines) {
    if (command !== "-P" && command !== "-N") continue;
    chains.set(chain, []);
    if (command === "-P" && chain === "FORWARD" && value === "DROP") policy = "drop";
  }
  for (const [command, chain, ...words] of lines) {
    if (command === "-A") chains.get(chain)?.push(parseRule(words, chains));
  }
  return {
    name: `${family === 4 ? "iptables" : "ip6tables"} table filter`,
    tool: family === 4 ? "iptables" : "ip6tables",
    nftName: "",
    families: [family],
    hooks: chains.has("FORWARD") ? [{ chain: "FORWARD", policy }] : [],
    chains,
  };
}

/** Splits a line at blanks; what stands in quotes is one word. */
function wordsOf(line: string): string[] {
  const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.map((word) => word.startsWith('"') ? word.slice(1, -1) : word);
}

function parseRule(words: readonly string[], chains: ReadonlyMap<string, unknown>): Rule {
  const matches: Match[] = [];
  for (let index = 0; index < words.length; index++) {
    const option = words[index];
    if (option === "-j" || option === "-g") {
      return { matches, verdict: verdictOf(words[index + 1], option === "-g", chains) };
    }
    const match = matchOf(option, words[index + 1] ?? "");
    if (match === undefined) continue;
    const isNegated = words[index - 1] === "!";
    matches.push(isNegated ? matchNot(match) : match);
  }
  return { matches, verdict: { kind: "continue" } };
}

/** What an option demands; `undefined` for one that demands nothing by itself, and for what is no option. */
function matchOf(option: string, value: string): Match | undefined {
  switch (option) {
    case "-i":
      return matchInterface("inName", value, "+");
    case "-o":
      return matchInterface("outName", value, "+");
    case "-p":
      return () => value === "tcp" || value === "all";
    case "-s":
      return matchHost("sourceAddress", value);
    case "-d":
      return matchHost("destinationAddress", value);
    case "--ctstate":
    case "--state":
      return matchState(value.split(","));
    case "-m":
    case "--comment":
      return undefined;
    default:
      return option.startsWith("-") ? matchUnknown : undefined;
  }
}

/** A single address can be judged; a network can't. */
function matchHost(key: "sourceAddress" | "destinationAddress", value: string): Match {
  const [address, prefix] = value.split("/");
  const isHost = prefix === undefined || prefix === "32" || prefix === "128";
  return (flow) => {
    const known = flow[key];
    return isHost && known !== undefined ? known === address : undefined;
  };
}

function verdictOf(target: string, isGoto: boolean, chains: ReadonlyMap<string, unknown>): Verdict {
  if (chains.has(target)) return { kind: isGoto ? "goto" : "jump", chain: target };
  switch (target) {
    case "ACCEPT":
      return { kind: "accept" };
    case "DROP":
    case "REJECT":
      return { kind: "drop" };
    case "RETURN":
      return { kind: "return" };
    default:
      return { kind: "continue" };
  }
}
