/**
 * The rules that join the stack behind a TUN device with the world, independent of the tool that sets them.
 *
 * ```text
 *   world ── eth0 ──[ dnat: listening port, dial ports ]── TUN ── stack
 *   world ── eth0 ──[ masquerade                       ]── TUN ── stack
 *   world ── eth0 ──[ drop: strays to these ports      ]── TCP of this machine
 * ```
 *
 * Strays are segments that translation passes by, because connection tracking has forgotten their connection, takes it for
 * closed, or never takes such a one (SYN with FIN); and SYNs to dial ports: they belong to a simultaneous open. TCP of this
 * machine, where they end up, knows nothing of the stack and would answer by a reset, on which NATs and firewalls on the
 * way close the connection. What a socket of this machine is there for isn't touched.
 *
 * @module
 */

/** The stack in one address family. */
export interface StackAddress {
  readonly family: 4 | 6;
  /** As a literal. */
  readonly address: string;
}

/**
 * Keeps the machine from forwarding for others what it didn't forward before we switched forwarding on.
 *
 * Only connections that this machine itself translates pass. That spares those of another node's stack, which reaches
 * the world through the same interfaces, and turns away everybody who takes us for a router.
 */
export interface ForwardGuard {
  readonly family: 4 | 6;
  /** Interfaces on which we switched forwarding on; `"all"`: the kernel can do it for the whole machine only. */
  readonly opened: readonly string[] | "all";
}

/** What the rules of one TUN device say. */
export interface Ruleset {
  readonly tunName: string;
  readonly stacks: readonly StackAddress[];
  /** TCP ports of this machine whose connections go to the stack. */
  readonly listenPorts: readonly number[];
  /**
   * First and last of the ports that the stack dials from.
   *
   * As long as the kernel remembers a connection it needs no rule for the answers. When its memory is flushed (a
   * restart of the firewall does so) they come as if from nowhere, and this rule leads them to the stack. Openings of
   * new connections are left alone: they are for whoever listens there.
   */
  readonly dialPorts: readonly [first: number, last: number];
  readonly guards: readonly ForwardGuard[];
}

/** How the names of our nftables tables begin. */
export const TABLE_PREFIX = "etherguard_";
/** How the names of our iptables chains begin. */
export const CHAIN_PREFIX = "EG-";

/** Name of the nftables table of a TUN device, family `inet`. */
export function tableNameOf(tunName: string): string {
  // What the language of nft allows in a name.
  return `${TABLE_PREFIX}${tunName.replaceAll(/[^A-Za-z0-9_.-]/g, "_")}`;
}

/**
 * Tells whether rules can name an interface as it is.
 *
 * A quote would end the word, and a wildcard at the end (`*` of nft, `+` of iptables) would stand for other interfaces.
 */
export function isNameable(interfaceName: string): boolean {
  return /^[^\s"'\\!-][^\s"'\\]*$/.test(interfaceName) && !/[*+]$/.test(interfaceName);
}
