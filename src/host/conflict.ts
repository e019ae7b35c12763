/**
 * What stands in the way before anything is changed: addresses and ports that somebody else has.
 *
 * @module
 */

import { formatIpAddress, parseIpAddress } from "../base/endpoint.ts";
import { haveCommonPrefix } from "../base/interface_address.ts";

/** What the stack wants for itself. */
export interface WantedResources {
  readonly tunName: string;
  /** The subnets of the TUN device. */
  readonly subnets: readonly { readonly address: Uint8Array; readonly prefixLength: number }[];
  /** The rules would take them away from a program that listens there. */
  readonly listenPorts: readonly WantedPort[];
}

/** A TCP port, and the key of the file that is to be changed for another one. */
export interface WantedPort {
  readonly port: number;
  readonly key: string;
}

/** Something that is taken. */
export interface Conflict {
  readonly kind: "subnet" | "port";
  /** What is wanted and who has it. */
  readonly found: string;
  readonly remedy: string;
}

/** An interface's address, as `Deno.networkInterfaces` tells it. */
export type LocalAddress = Pick<Deno.NetworkInterfaceInfo, "name" | "address" | "cidr">;

/** Looks for what is taken; empty if all is free. Each port is listened to for a moment. */
export function findConflicts(
  wanted: WantedResources,
  addresses: readonly LocalAddress[] = Deno.networkInterfaces(),
): Conflict[] {
  return [...findSubnetConflicts(wanted, addresses), ...findPortConflicts(wanted.listenPorts)];
}

/** Finds other interfaces whose addresses lie in a subnet of the TUN device, or whose subnets hold it. */
export function findSubnetConflicts(wanted: WantedResources, addresses: readonly LocalAddress[]): Conflict[] {
  return wanted.subnets.flatMap(({ address, prefixLength }) => {
    const family = address.length === 4 ? 4 : 6;
    return addresses.filter(({ name, address: text, cidr }) => {
      const other = parseIpAddress(text);
      if (name === wanted.tunName || other === undefined || other.length !== address.length) return false;
      const otherLength = Number(cidr?.split("/")[1] ?? other.length * 8);
      return haveCommonPrefix(address, other, Math.min(prefixLength, otherLength));
    }).map(({ name, address: text }): Conflict => ({
      kind: "subnet",
      found: `${formatIpAddress(address)}/${prefixLength} overlaps with ${text} of interface ${name}`,
      remedy: `choose another range for FakeTCP.TunIPv${family} and FakeTCP.TunPeerIPv${family}`,
    }));
  });
}

function findPortConflicts(ports: readonly WantedPort[]): Conflict[] {
  return ports.filter(({ port }) => ["0.0.0.0", "::"].some((hostname) => isTaken(hostname, port)))
    .map(({ port, key }) => ({
      kind: "port",
      found: `another program listens on TCP port ${port}`,
      remedy: `stop it, or change ${key}`,
    }));
}

function isTaken(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return false;
  } catch (error) {
    // Another refusal, such as that of IPv6 or of a port below 1024, says nothing of another program.
    return error instanceof Deno.errors.AddrInUse;
  }
}
