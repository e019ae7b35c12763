/**
 * A host between others that tracks connections and drops what doesn't fit to any: a home router, or a company's firewall.
 *
 * @module
 */

import { compiledTool } from "./c_program.ts";
import type { Host } from "./host.ts";

/** What a router does besides dropping the invalid. */
export interface RouterOptions {
  /** Interfaces to the outside: what leaves there gets the router's own address. */
  masquerade?: readonly string[];
  /** What leaves there gets another port for each connection, which nobody can foretell. */
  randomizesPorts?: boolean;
  /** New connections pass from the inside only; what else comes in there, for the router itself too, is dropped in silence. */
  refusesInbound?: boolean;
  /** Ports of the router that belong to hosts behind it. */
  portForwards?: readonly PortForward[];
  /** New connections pass only to this TCP port; all else, all UDP too, is dropped. */
  onlyTcpPort?: number;
  /** A connection must have begun with its SYN; one that is first seen later is invalid. */
  demandsHandshake?: boolean;
}

/** A port of the router that leads to a host behind it. */
export interface PortForward {
  /** Interface on which it is open. */
  device: string;
  protocol: "tcp" | "udp";
  port: number;
  /** Address and port behind the router, such as `"10.9.1.2:443"`. */
  to: string;
}

/** A connection as the router knows it. */
export interface TrackedConnection {
  protocol: string;
  /** Seconds until it is forgotten. */
  timeoutS: number;
  /** State of a TCP connection, such as `"ESTABLISHED"`; `""` for other protocols. */
  state: string;
  /** As the first packet had them. */
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  /** Seen in both directions. */
  isAssured: boolean;
}

const TABLE = "inet guard";

/** A router; made on a host that has its cables and addresses already. */
export class Router {
  readonly host: Host;

  private constructor(host: Host) {
    this.host = host;
  }

  /** Makes a host a router. */
  static async on(host: Host, options: RouterOptions = {}): Promise<Router> {
    await host.enableForwarding();
    if (options.demandsHandshake) await host.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0);
    await host.nft(renderRules(options).join("\n"));
    return new Router(host);
  }

  /** Packets that have been dropped so far because they fit to no connection. */
  invalidCount(): Promise<number> {
    return this.#count("invalid");
  }

  /** Packets that have been dropped so far because nothing allows them. */
  refusedCount(): Promise<number> {
    return this.#count("refused");
  }

  /** The connections that the router knows, from `/proc/net/nf_conntrack`. */
  async connections(): Promise<TrackedConnection[]> {
    const { stdout } = await this.host.run(["cat", "/proc/net/nf_conntrack"]);
    return stdout.split("\n").filter((line) => line !== "").map(parseConnection);
  }

  /** Lets the router forget all connections, as a restart would. */
  async forgetConnections(): Promise<void> {
    await this.host.run([await compiledTool("conntrack_tool"), "flush"]);
  }

  async #count(name: string): Promise<number> {
    const { stdout } = await this.host.run(["nft", "list", "counter", ...TABLE.split(" "), name]);
    return Number(/packets (\d+)/.exec(stdout)![1]);
  }
}

function renderRules(options: RouterOptions): string[] {
  const rules = [
    `add table ${TABLE}`,
    `add counter ${TABLE} invalid`,
    `add counter ${TABLE} refused`,
    `add chain ${TABLE} forward { type filter hook forward priority filter; }`,
    `add rule ${TABLE} forward ct state invalid counter name invalid drop`,
  ];
  if (options.onlyTcpPort !== undefined) {
    rules.push(
      `add rule ${TABLE} forward ct state established,related accept`,
      `add rule ${TABLE} forward tcp dport ${options.onlyTcpPort} tcp flags & (fin | syn | rst | ack) == syn accept`,
      `add rule ${TABLE} forward counter name refused drop`,
    );
  }
  if (options.refusesInbound) {
    const outside = (options.masquerade ?? []).join(", ");
    rules.push(
      `add rule ${TABLE} forward iifname { ${outside} } ct state new counter name refused drop`,
      // A connection that the router itself refused would get its own answer, and a place in the table.
      `add chain ${TABLE} input { type filter hook input priority filter; }`,
      `add rule ${TABLE} input iifname { ${outside} } meta l4proto { tcp, udp } counter name refused drop`,
    );
  }
  if (options.masquerade !== undefined || options.portForwards !== undefined) {
    rules.push(
      `add chain ${TABLE} prerouting { type nat hook prerouting priority dstnat; }`,
      `add chain ${TABLE} postrouting { type nat hook postrouting priority srcnat; }`,
    );
  }
  for (const device of options.masquerade ?? []) {
    const flags = options.randomizesPorts ? " random,fully-random" : "";
    rules.push(`add rule ${TABLE} postrouting oifname ${device} masquerade${flags}`);
  }
  for (const { device, protocol, port, to } of options.portForwards ?? []) {
    const family = to.startsWith("[") ? "ip6" : "ip";
    rules.push(`add rule ${TABLE} prerouting iifname ${device} ${protocol} dport ${port} dnat ${family} to ${to}`);
  }
  return rules;
}

/** Reads a line such as `ipv4 2 tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… [ASSURED] …`. */
function parseConnection(line: string): TrackedConnection {
  const words = line.split(/\s+/);
  const field = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  return {
    protocol: words[2],
    timeoutS: Number(words[4]),
    state: /^[A-Z_0-9]+$/.test(words[5]) ? words[5] : "",
    source: field("src"),
    destination: field("dst"),
    sourcePort: Number(field("sport")),
    destinationPort: Number(field("dport")),
    isAssured: words.includes("[ASSURED]"),
  };
}
