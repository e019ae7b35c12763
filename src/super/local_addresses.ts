/**
 * The addresses that an edge says it has in its own network.
 *
 * Others will dial them, so they have to be addresses at least; that they are private is their nature. Source:
 * `http-api.md` §4.5, ours.
 *
 * @module
 */

import { formatEndpoint, parseEndpoint } from "../base/endpoint.ts";

/** Rank by `address:port`, best first; smaller ranks are better. */
export type LocalAddresses = Readonly<Record<string, number>>;

/** Addresses that count, of one family of one node. */
export const LOCAL_ADDRESSES_MAX = 16;
/** Entries of a report that are looked at at all. */
const ENTRIES_MAX = 4 * LOCAL_ADDRESSES_MAX;

/**
 * Reads the addresses of one family from a report; whatever is no address of it is left out.
 *
 * Reference nodes write a map in another order each time. So that equal reports give equal results the best count, not the
 * first, and they are in order.
 */
export function readLocalAddresses(reported: ReadonlyMap<string, number>, family: 4 | 6): LocalAddresses {
  const ranks = new Map<string, number>();
  let looked = 0;
  for (const [text, rank] of reported) {
    if (++looked > ENTRIES_MAX) break;
    const endpoint = parseEndpoint(text);
    if (endpoint === undefined || endpoint[0] !== family || !Number.isFinite(rank)) continue;
    const address = formatEndpoint(endpoint, 0);
    ranks.set(address, Math.min(rank, ranks.get(address) ?? Infinity));
  }
  const inOrder = [...ranks].sort(([a, rankA], [b, rankB]) => rankA - rankB || (a < b ? -1 : 1));
  return Object.fromEntries(inOrder.slice(0, LOCAL_ADDRESSES_MAX));
}
