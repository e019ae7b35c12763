/**
 * The addresses of its own that an edge reports to the super node, for peers in the same network.
 *
 * In each family that is the address from which the super is reached: hosts that can reach the edge without an address
 * translator most likely reach that one. If the kernel told a lane to which address the super's datagrams came, that is it;
 * else the interface that the routing table names for the super, and its first address of the family. What
 * `AdditionalLocalIP` names is reported in any case. Source: `behaviour.md` §2.7.
 *
 * @module
 */

import { ENDPOINT_WORDS, endpointAddress, formatEndpoint, parseIpAddress, writeEndpoint } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { Transport, transportOf } from "../base/path_kind.ts";
import type { EndpointConfig } from "../config/endpoint_text.ts";
import { type FamilyChoice, type NameLookup, resolveEndpoint, systemLookup } from "../conn/candidate.ts";
import type { ProcFiles } from "../host/proc.ts";
import { deviceOfLabel, findRoute, parseIpv4Routes, parseIpv6Routes } from "../host/route_interfaces.ts";

/** Rank of the address from which the super is reached. Smaller is tried first. Source: `behaviour.md` §2.8. */
export const LOCAL_RANK = 100;
/** Rank of what `AdditionalLocalIP` names. */
export const ADDITIONAL_RANK = 50;
/** Endpoints of a family that are reported; a super takes no more. */
export const LOCAL_ENDPOINTS_MAX = 16;
/** Word of an endpoint record at which the local address begins; see `base/endpoint.ts`. */
const LOCAL_ADDRESS = 7;
/** How often names are looked up again, ms. */
const LOOKUP_INTERVAL_MS = 600_000;
/** How soon after one of them couldn't be looked up, ms. */
const RETRY_MS = 30_000;

/** An address of one of this machine's interfaces. */
export interface InterfaceAddress {
  readonly name: string;
  /** IP literal. */
  readonly address: string;
}

/** Where a node is reached on one path. */
export interface ReachedAt {
  /** Kind of the path. */
  readonly kind: number;
  /** Record of 12 words. */
  readonly endpoint: Uint32Array;
}

/** What {@linkcode LocalAddresses} are made of. */
export interface LocalAddressesOptions {
  /** Port of our UDP sockets. */
  readonly udpPort: number;
  /** Report only what is additional (`SkipLocalIP`). */
  readonly skipsLocalAddresses: boolean;
  /** What `AdditionalLocalIP` names. */
  readonly additional: readonly EndpointConfig[];
  readonly families: FamilyChoice;
  readonly files: Pick<ProcFiles, "read">;
  readonly interfaces: () => readonly InterfaceAddress[];
  readonly log: Logger;
  /** What `AdditionalLocalIP` stands for has changed: it is worth a report. */
  readonly onChange: () => void;
  readonly lookUp?: NameLookup;
}

/** Endpoints of a report, as text, with their ranks. */
export interface LocalEndpoints {
  readonly localV4: ReadonlyMap<string, number>;
  readonly localV6: ReadonlyMap<string, number>;
}

/** Finds the addresses of this node that are worth reporting. */
export class LocalAddresses {
  readonly #options: LocalAddressesOptions;
  readonly #lookUp: NameLookup;
  /** By position in `additional`: the records last found. */
  readonly #additional: Uint32Array[][];
  readonly #isMissing: boolean[];
  #nextLookupMs = -Infinity;
  #isLookingUp = false;

  constructor(options: LocalAddressesOptions) {
    const { additional, lookUp = systemLookup } = options;
    this.#options = options;
    this.#lookUp = lookUp;
    this.#additional = additional.map(() => []);
    this.#isMissing = additional.map(() => false);
  }

  /** Looks up names whose turn it is, in the background; the promise is kept when that is over, and never rejects. */
  async poll(nowMs: number): Promise<void> {
    if (this.#isLookingUp || nowMs < this.#nextLookupMs) return;
    this.#isLookingUp = true;
    const before = this.#additionalText();
    await Promise.all(this.#options.additional.map((endpoint, index) => this.#resolve(endpoint, index)));
    this.#isLookingUp = false;
    this.#nextLookupMs = nowMs + (this.#isMissing.includes(true) ? RETRY_MS : LOOKUP_INTERVAL_MS);
    if (this.#additionalText() !== before) this.#options.onChange();
  }

  #additionalText(): string {
    return this.#additional.flat().map((record) => formatEndpoint(record, 0)).join(" ");
  }

  /**
   * Returns what to report now.
   *
   * @param supers Where super nodes are reached.
   */
  current(supers: readonly ReachedAt[]): LocalEndpoints {
    const localV4 = new Map<string, number>();
    const localV6 = new Map<string, number>();
    const add = (record: Uint32Array, rank: number) => {
      const endpoints = record[0] === 4 ? localV4 : localV6;
      const text = formatEndpoint(record, 0);
      // What the user wrote comes first, and keeps its rank.
      if (endpoints.size < LOCAL_ENDPOINTS_MAX && !endpoints.has(text)) endpoints.set(text, rank);
    };
    for (const record of this.#additional.flat()) add(record, ADDITIONAL_RANK);
    if (this.#options.skipsLocalAddresses) return { localV4, localV6 };
    for (const { kind, endpoint } of supers) {
      const octets = this.#sourceTowards(kind, endpoint);
      if (octets === undefined || isLinkLocal(octets)) continue;
      const record = new Uint32Array(ENDPOINT_WORDS);
      writeEndpoint(record, 0, octets, this.#options.udpPort);
      add(record, LOCAL_RANK);
    }
    return { localV4, localV6 };
  }

  async #resolve(endpoint: EndpointConfig, index: number): Promise<void> {
    const { families, log } = this.#options;
    let cause = "no address of an enabled family";
    try {
      const found = await resolveEndpoint(endpoint, families, this.#lookUp);
      this.#additional[index] = found;
      if (found.length > 0) {
        this.#isMissing[index] = false;
        return;
      }
    } catch (error) {
      // What was found earlier is better than nothing.
      cause = (error as Error).message;
    }
    if (!this.#isMissing[index]) log.error("AdditionalLocalIP can't be looked up", { name: endpoint.host, cause });
    this.#isMissing[index] = true;
  }

  /** The address from which a remote one is reached; `undefined` if none is known. */
  #sourceTowards(kind: number, endpoint: Uint32Array): Uint8Array | undefined {
    const remote = endpointAddress(endpoint, 0);
    if (remote.length === 0) return undefined;
    const told = transportOf(kind) === Transport.UDP ? packetInfoOf(endpoint) : undefined;
    return told ?? this.#addressOfRoute(remote);
  }

  /**
   * Of several addresses of the interface the one that agrees with the remote one longest: what RFC 6724 §5 says in rule 8 of
   * IPv6, and the right one of IPv4 where the super is a neighbour.
   */
  #addressOfRoute(remote: Uint8Array): Uint8Array | undefined {
    const { files, interfaces } = this.#options;
    const routes = remote.length === 4
      ? parseIpv4Routes(files.read("net/route") ?? "")
      : parseIpv6Routes(files.read("net/ipv6_route") ?? "");
    const route = findRoute(routes, remote);
    let best: Uint8Array | undefined;
    for (const { name, address } of interfaces()) {
      const octets = deviceOfLabel(name) === route?.interfaceName ? parseIpAddress(address) : undefined;
      if (octets?.length !== remote.length || isLinkLocal(octets)) continue;
      if (best === undefined || commonBits(octets, remote) > commonBits(best, remote)) best = octets;
    }
    return best;
  }
}

/** The address of ours in a record of a UDP endpoint, if the kernel told it. */
function packetInfoOf(endpoint: Uint32Array): Uint8Array | undefined {
  const local = Uint32Array.of(endpoint[0], 0, ...endpoint.subarray(LOCAL_ADDRESS, LOCAL_ADDRESS + 4));
  const octets = endpointAddress(local, 0);
  return octets.some((octet) => octet !== 0) ? octets : undefined;
}

/** A link-local address means nothing without its interface. */
function isLinkLocal(octets: Uint8Array): boolean {
  return octets.length === 16 && octets[0] === 0xfe && (octets[1] & 0xc0) === 0x80;
}

/** How many leading bits two addresses of one family have in common. */
function commonBits(a: Uint8Array, b: Uint8Array): number {
  const first = a.findIndex((octet, index) => octet !== b[index]);
  return first < 0 ? a.length * 8 : first * 8 + Math.clz32(a[first] ^ b[first]) - 24;
}
