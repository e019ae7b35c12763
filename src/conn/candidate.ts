/**
 * Addresses to try for an endpoint that somebody wrote: names looked up, families chosen and ordered.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { ENDPOINT_WORDS, parseIpAddress, writeEndpoint } from "../base/endpoint.ts";

/** An endpoint as written. */
export interface WrittenEndpoint {
  /** An IP literal without brackets, or a name. */
  readonly host: string;
  readonly port: number;
}

/** Which addresses of a name are wanted. */
export interface FamilyChoice {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Family that comes first; 0 leaves the system's order. */
  readonly preferred: 0 | 4 | 6;
}

/** Looks a name up; returns literals, best first. */
export type NameLookup = (host: string) => Promise<string[]>;

/** Looks a name up as every program of this machine does: hosts file, then name servers. Rejects if it has no address. */
export async function systemLookup(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/**
 * Turns a written endpoint into endpoint records of the wanted families, best first.
 *
 * Both families are asked for at once and filtered here, so that a name with addresses of one family only still works.
 *
 * @returns Records of {@linkcode ENDPOINT_WORDS} words; empty if the name has none of the wanted families.
 * @throws {Error} If the name can't be looked up.
 */
export async function resolveEndpoint(
  endpoint: WrittenEndpoint,
  choice: FamilyChoice,
  lookUp: NameLookup = systemLookup,
): Promise<Uint32Array[]> {
  const literals = parseIpAddress(endpoint.host) === undefined ? await lookUp(endpoint.host) : [endpoint.host];
  const records: Uint32Array[] = [];
  for (const literal of literals) {
    const octets = parseIpAddress(literal);
    if (octets === undefined || !(octets.length === 4 ? choice.ipv4 : choice.ipv6)) continue;
    const record = new Uint32Array(ENDPOINT_WORDS);
    writeEndpoint(record, 0, octets, endpoint.port);
    records.push(record);
  }
  if (choice.preferred === 0) return records;
  return [
    ...records.filter((record) => record[0] === choice.preferred),
    ...records.filter((record) => record[0] !== choice.preferred),
  ];
}
