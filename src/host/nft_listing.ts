/**
 * Reads what `nft -j list ruleset` prints (libnftables-json(5)), as far as it concerns packets that are forwarded.
 *
 * @module
 */

import {
  type ChainTable,
  type Match,
  matchAny,
  matchInterface,
  matchNot,
  matchState,
  matchUnknown,
  type Rule,
  type Verdict,
} from "./forward_chains.ts";

/** Anything that JSON can say. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const FAMILIES: Record<string, readonly (4 | 6)[]> = { ip: [4], ip6: [6], inet: [4, 6] };

/** Reads a listing: one entry for each table that has a chain for forwarded packets. What can't be read is left out. */
export function parseNftListing(text: string): ChainTable[] {
  const tables = new Map<string, { hooks: ChainTable["hooks"][number][]; chains: Map<string, Rule[]> }>();
  for (const item of itemsOf(text)) {
    const chain = field(item, "chain");
    const rule = field(item, "rule");
    const place = chain ?? rule;
    const key = `${field(place, "family")} ${field(place, "table")}`;
    if (place === undefined || FAMILIES[String(field(place, "family"))] === undefined) continue;
    if (!tables.has(key)) tables.set(key, { hooks: [], chains: new Map() });
    const table = tables.get(key)!;
    const name = String(field(chain, "name") ?? field(rule, "chain"));
    if (!table.chains.has(name)) table.chains.set(name, []);
    if (field(chain, "hook") === "forward") {
      table.hooks.push({ chain: name, policy: field(chain, "policy") === "drop" ? "drop" : "accept" });
    }
    const expressions = field(rule, "expr");
    if (Array.isArray(expressions)) table.chains.get(name)!.push(...parseRule(expressions));
  }
  return [...tables].filter(([, { hooks }]) => hooks.length > 0).map(([nftName, { hooks, chains }]) => ({
    name: `table ${nftName}`,
    tool: "nft",
    nftName,
    families: FAMILIES[nftName.split(" ")[0]],
    hooks,
    chains,
  }));
}

function itemsOf(text: string): readonly Json[] {
  try {
    const items = field(JSON.parse(text), "nftables");
    return Array.isArray(items) ? items : [];
  } catch {
    return [];
  }
}

/** Value of a key of an object; `undefined` if there is none. */
function field(value: Json | undefined, key: string): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, Json>)[key]
    : undefined;
}

/** A rule with a map of verdicts stands for several. */
function parseRule(expressions: readonly Json[]): Rule[] {
  const matches: Match[] = [];
  for (const expression of expressions) {
    const [kind, value] = Object.entries(expression as Record<string, Json>)[0] ?? [];
    if (kind === "match") matches.push(matchOf(value));
    else if (kind === "limit" || kind === "quota") matches.push(matchUnknown);
    else if (kind === "xt" && field(value, "type") !== "target") matches.push(matchUnknown);
    else if (kind === "vmap") return parseVerdictMap(value, matches);
    const verdict = verdictOf(kind, value);
    if (verdict !== undefined) return [{ matches, verdict }];
  }
  return [];
}

function parseVerdictMap(map: Json, matches: readonly Match[]): Rule[] {
  const pairs = field(field(map, "data"), "set");
  if (!Array.isArray(pairs)) return [];
  return pairs.flatMap(([key, expression]) => {
    const [kind, value] = Object.entries(expression as Record<string, Json>)[0] ?? [];
    const verdict = verdictOf(kind, value);
    return verdict === undefined ? [] : [{ matches: [...matches, matchValue(field(map, "key"), key)], verdict }];
  });
}

function verdictOf(kind: string, value: Json): Verdict | undefined {
  switch (kind) {
    case "accept":
    case "drop":
    case "return":
      return { kind };
    case "reject":
      return { kind: "drop" };
    case "jump":
    case "goto":
      return { kind, chain: String(field(value, "target")) };
    case "xt":
      // A target of iptables that nft has no word for.
      return /^(REJECT|DROP)$/.test(String(field(value, "name"))) ? { kind: "drop" } : undefined;
    default:
      return undefined;
  }
}

function matchOf(value: Json): Match {
  const match = matchValue(field(value, "left"), field(value, "right") ?? null);
  switch (field(value, "op")) {
    case "==":
    case "in":
      return match;
    case "!=":
    case "!": // of bits: none of these
      return matchNot(match);
    default:
      return matchUnknown;
  }
}

/** Matches if what `left` names has the value `right`, or one of its values. */
function matchValue(left: Json | undefined, right: Json): Match {
  const values = Array.isArray(right) ? right : field(right, "set") ?? [right];
  if (!Array.isArray(values)) return matchUnknown;
  return matchAny(values.map((value) => matchOne(left, value)));
}

function matchOne(left: Json | undefined, value: Json): Match {
  if (typeof value !== "string") return matchUnknown;
  const meta = field(field(left, "meta"), "key");
  const payload = field(left, "payload");
  const ct = field(field(left, "ct"), "key");
  if (meta === "iifname" || meta === "iif") return matchInterface("inName", value, "*");
  if (meta === "oifname" || meta === "oif") return matchInterface("outName", value, "*");
  if (meta === "nfproto") return (flow) => value === `ipv${flow.family}`;
  if (meta === "l4proto") return () => value === "tcp";
  if (ct === "state") return matchState([value]);
  if (ct === "status") return value === "dnat" ? (flow) => flow.isDnat : matchUnknown;
  if (field(payload, "protocol") === "ip" || field(payload, "protocol") === "ip6") {
    const family = field(payload, "protocol") === "ip" ? 4 : 6;
    const address = matchAddress(String(field(payload, "field")), value);
    return (flow) => flow.family === family ? address(flow) : false;
  }
  return matchUnknown;
}

function matchAddress(name: string, value: string): Match {
  const key = name === "saddr" ? "sourceAddress" : name === "daddr" ? "destinationAddress" : undefined;
  if (key === undefined) return matchUnknown;
  return (flow) => flow[key] === undefined ? undefined : flow[key] === value;
}
