/**
 * Through which interfaces addresses are reached: the kernel's routing tables, read from `/proc` so that no tool has to
 * be installed.
 *
 * Rules that choose another table than the main one (policy routing) aren't followed. The interfaces of all default
 * routes count always: what the node doesn't know yet comes and goes through them.
 *
 * @module
 */

import { haveCommonPrefix } from "../base/interface_address.ts";
import type { ProcFiles } from "./proc.ts";

/** One route. */
export interface Route {
  /** 4 or 16 octets. */
  readonly destination: Uint8Array;
  readonly prefixLen: number;
  readonly metric: number;
  readonly interfaceName: string;
}

/** `RTF_*` of <linux/route.h> and <linux/ipv6_route.h>. */
const RouteFlag = { UP: 0x1, REJECT: 0x200, LOCAL: 0x8000_0000 } as const;

/**
 * Names the interfaces through which addresses are reached, and those of default routes: sorted, each once.
 *
 * @param addresses 4 or 16 octets each; one that isn't reached adds nothing.
 */
export function routeInterfaces(addresses: readonly Uint8Array[], files: ProcFiles): string[] {
  const routes = [
    ...parseIpv4Routes(files.read("net/route") ?? ""),
    ...parseIpv6Routes(files.read("net/ipv6_route") ?? ""),
  ];
  const used = routes.filter(({ prefixLen }) => prefixLen === 0);
  for (const address of addresses) {
    const route = findRoute(routes, address);
    if (route !== undefined) used.push(route);
  }
  return [...new Set(used.map(({ interfaceName }) => interfaceName))].filter((name) => name !== "lo").sort();
}

/** The device that has an address, by the name that `Deno.networkInterfaces` tells: of IPv4 that is a label, such as `eth0:1`. */
export function deviceOfLabel(label: string): string {
  return label.split(":", 1)[0];
}

/** The route to an address: the longest prefix, and of equals the one with the least metric. */
export function findRoute(routes: readonly Route[], address: Uint8Array): Route | undefined {
  let best: Route | undefined;
  for (const route of routes) {
    if (!contains(route, address)) continue;
    const isBetter = best === undefined || route.prefixLen > best.prefixLen ||
      (route.prefixLen === best.prefixLen && route.metric < best.metric);
    if (isBetter) best = route;
  }
  return best;
}

/** Reads `/proc/net/route`: a line of titles, then numbers in hexadecimal, addresses as they lie in memory. */
export function parseIpv4Routes(text: string): Route[] {
  return text.split("\n").slice(1).flatMap((line) => {
    const [interfaceName, destination, , flags, , , metric, mask] = line.split("\t").map((field) => field.trim());
    if (mask === undefined || !isUsable(flags)) return [];
    const prefixLen = wordOf(mask).reduce((sum, octet) => sum + bitCount(octet), 0);
    return [{ destination: wordOf(destination), prefixLen, metric: Number(metric), interfaceName }];
  });
}

/** Reads `/proc/net/ipv6_route`: destination, prefix, source, prefix, gateway, metric, 2 counters, flags, interface. */
export function parseIpv6Routes(text: string): Route[] {
  return text.split("\n").flatMap((line) => {
    const [destination, prefixLen, , , , metric, , , flags, interfaceName] = line.trim().split(/\s+/);
    if (interfaceName === undefined || !isUsable(flags)) return [];
    return [{
      destination: Uint8Array.fromHex(destination),
      prefixLen: parseInt(prefixLen, 16),
      metric: parseInt(metric, 16),
      interfaceName,
    }];
  });
}

function isUsable(flags: string): boolean {
  const bits = parseInt(flags, 16);
  return (bits & RouteFlag.UP) !== 0 && (bits & (RouteFlag.REJECT | RouteFlag.LOCAL)) === 0;
}

/** The octets in network order of a word that is printed as a number of this host. */
function wordOf(digits: string): Uint8Array {
  return new Uint8Array(Uint32Array.of(parseInt(digits, 16)).buffer);
}

function bitCount(octet: number): number {
  return octet.toString(2).replaceAll("0", "").length;
}

function contains({ destination, prefixLen }: Route, address: Uint8Array): boolean {
  return destination.length === address.length && haveCommonPrefix(destination, address, prefixLen);
}
