/**
 * What chains of a firewall do with a packet that is forwarded: rules reduced to what matters for that, and followed.
 *
 * A rule may look at things we can't judge (a limit, a set, a mark). Such a rule is passed over: that it always drops, or
 * always accepts, what we send is unlikely.
 *
 * @module
 */

/** A packet that crosses the machine between the TUN device and another interface. */
export interface Flow {
  readonly family: 4 | 6;
  /** Where it comes in; `undefined` if that isn't known. */
  readonly inName: string | undefined;
  /** Where it goes out. */
  readonly outName: string | undefined;
  readonly sourceAddress: string | undefined;
  readonly destinationAddress: string | undefined;
  readonly state: "new" | "established";
  /** Whether its destination was translated on this machine. */
  readonly isDnat: boolean;
}

/** Whether a rule looks at a packet in a way that fits; `undefined`: we can't tell. */
export type Match = (flow: Flow) => boolean | undefined;

/** What a rule does with a packet. */
export type Verdict =
  | { readonly kind: "accept" | "drop" | "return" | "continue" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

/** One rule. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly verdict: Verdict;
}

/** The chains of one table. */
export interface ChainTable {
  /** In words, such as `table ip filter`. */
  readonly name: string;
  /** Tool that made it, as far as remedies differ. */
  readonly tool: "nft" | "iptables" | "ip6tables";
  /** Family and name in the language of nft, such as `inet filter`; empty for iptables. */
  readonly nftName: string;
  readonly families: readonly (4 | 6)[];
  /** Chains that the kernel calls for forwarded packets, and what they do with what no rule decides. */
  readonly hooks: readonly { readonly chain: string; readonly policy: "accept" | "drop" }[];
  readonly chains: ReadonlyMap<string, readonly Rule[]>;
}

/** More than any real set of rules nests. */
const MAX_DEPTH = 32;

/** Tells whether a packet gets past one of the table's hooks. */
export function passesHook(table: ChainTable, hook: ChainTable["hooks"][number], flow: Flow): boolean {
  const end = follow(table, hook.chain, flow, 0);
  return (end === "return" ? hook.policy : end) === "accept";
}

function follow(table: ChainTable, chain: string, flow: Flow, depth: number): "accept" | "drop" | "return" {
  if (depth > MAX_DEPTH) return "return";
  for (const { matches, verdict } of table.chains.get(chain) ?? []) {
    if (!matches.every((match) => match(flow) === true)) continue;
    switch (verdict.kind) {
      case "accept":
      case "drop":
      case "return":
        return verdict.kind;
      case "goto":
        return follow(table, verdict.chain, flow, depth + 1);
      case "jump": {
        const end = follow(table, verdict.chain, flow, depth + 1);
        if (end !== "return") return end;
      }
    }
  }
  return "return";
}

/** Matches the name of an interface; a wildcard at the end stands for anything. */
export function matchInterface(key: "inName" | "outName", pattern: string, wildcard: "*" | "+"): Match {
  return (flow) => {
    const name = flow[key];
    if (name === undefined) return undefined;
    return pattern.endsWith(wildcard) ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  };
}

/** Matches states of the connection, in any case of letters; `dnat` counts as one, as with iptables. */
export function matchState(states: readonly string[]): Match {
  const names = states.map((state) => state.toLowerCase());
  return (flow) => names.includes(flow.state) || (names.includes("dnat") && flow.isDnat);
}

/** Matches if one of several does. */
export function matchAny(matches: readonly Match[]): Match {
  return (flow) => {
    const found = matches.map((match) => match(flow));
    return found.includes(true) || (found.includes(undefined) ? undefined : false);
  };
}

/** Matches if another one doesn't. */
export function matchNot(match: Match): Match {
  return (flow) => {
    const found = match(flow);
    return found === undefined ? undefined : !found;
  };
}

/** Stands for a condition that we can't judge. */
export function matchUnknown(): undefined {
  return undefined;
}
