/**
 * The state of the network as administrators see it: who is there, the links, and the routes.
 *
 * Source: `http-api.md` §7.1.
 *
 * @module
 */

import { UNREACHABLE_LATENCY_S } from "../../control/messages.ts";
import type { RegisteredNode } from "../registry.ts";
import type { RouteState } from "../route_calculator.ts";

/** The state is collected at most so often, ms. */
export const STATE_INTERVAL_MS = 5_000;

/** A JSON text in parts. */
export type JsonParts = readonly Uint8Array<ArrayBuffer>[];

/** How Go writes an instant that never was. */
const NEVER = "0001-01-01 00:00:00 +0000 UTC";

/** Hands out a state for a while before it is collected again: for a large network that is much work. */
export class StateCache {
  readonly #collect: () => Promise<JsonParts>;
  #collecting: Promise<JsonParts> | undefined;
  /** Of a thousand nodes it has 70 MB: it is gone as soon as nobody reads it and memory is wanted. */
  #parts: WeakRef<JsonParts> | undefined;
  #collectedMs = -Infinity;

  /** @param collect Collects the state as it is. */
  constructor(collect: () => Promise<JsonParts>) {
    this.#collect = collect;
  }

  /** Returns the state as it is now, or was a moment ago. */
  get(nowMs: number): Promise<JsonParts> {
    const isFresh = nowMs - this.#collectedMs < STATE_INTERVAL_MS;
    if (this.#collecting !== undefined && isFresh) return this.#collecting;
    const parts = this.#parts?.deref();
    if (parts !== undefined && isFresh) return Promise.resolve(parts);
    this.#collectedMs = nowMs;
    const collecting = this.#collecting = this.#collect();
    return collecting.then((parts) => {
      if (this.#collecting === collecting) this.#parts = new WeakRef(parts);
      return parts;
    }).finally(() => {
      if (this.#collecting === collecting) this.#collecting = undefined;
    });
  }

  /** The network was changed: the state is to be collected when it is next asked for. */
  drop(): void {
    this.#collecting = undefined;
    this.#parts = undefined;
  }
}

/** Writes the state down. */
export function writeSuperState(nodes: Iterable<RegisteredNode>, routes: RouteState): JsonParts {
  const peers: Record<string, { Name: string; LastSeen: string }> = {};
  for (const { nodeId, name, lastSeenWallMs } of nodes) {
    peers[nodeId] = { Name: name, LastSeen: lastSeenWallMs === undefined ? NEVER : formatGoTime(lastSeenWallMs) };
  }
  return [
    octets(`{"PeerInfo":${JSON.stringify(peers)},"Infinity":${UNREACHABLE_LATENCY_S},"Edges":`),
    routes.edges,
    octets(',"Edges_Nh":'),
    routes.usedEdges,
    octets(',"NhTable":'),
    routes.nextHops,
    octets(',"Dist":'),
    routes.costs ?? octets("null"),
    octets(',"Dist_noAC":'),
    routes.latencies ?? octets("null"),
    octets("}"),
  ];
}

/**
 * Writes an instant as Go does, in UTC: `2026-11-22 12:24:48.83 +0000 UTC`.
 *
 * Go drops the zeros at the end of the fraction. What it appends on a running machine, the reading of another clock, is of
 * no use elsewhere.
 *
 * @param wallMs Milliseconds since 1970; what is below a microsecond is not kept.
 */
export function formatGoTime(wallMs: number): string {
  const wholeMs = Math.floor(wallMs);
  const [date, time] = new Date(wholeMs).toISOString().slice(0, -1).split("T");
  const micros = String(Math.floor((wallMs - wholeMs) * 1000)).padStart(3, "0");
  return `${date} ${(time + micros).replace(/\.?0+$/, "")} +0000 UTC`;
}

function octets(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
