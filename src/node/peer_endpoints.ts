/**
 * Where the peers of the file are: names looked up at the start, and again while a peer is silent.
 *
 * A name may have several addresses. Of each family one is handed over at a time; where the peer doesn't answer, the next.
 *
 * @module
 */

import { formatEndpoint } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId, type NodeId } from "../base/node_id.ts";
import { PATH_KIND_NAMES, pathKindOf, Transport } from "../base/path_kind.ts";
import type { PeerEndpoint } from "../config/peer_config.ts";
import { type FamilyChoice, type NameLookup, resolveEndpoint, systemLookup } from "../conn/candidate.ts";

/** First and longest wait before a name that couldn't be looked up is tried again, ms; doubled each time. */
const RETRY_MIN_MS = 2_000;
const RETRY_MAX_MS = 60_000;

/** A peer whose endpoints the user wrote. */
export interface WrittenPeer {
  readonly nodeId: NodeId;
  readonly endpoints: readonly PeerEndpoint[];
  /** Where it is dialled by FakeTCP. */
  readonly fakeTcpEndpoints: readonly PeerEndpoint[];
  /** Whether its names are looked up again while it is silent. */
  readonly isStatic: boolean;
}

/** What is known of one peer's addresses. */
interface Lookup {
  readonly peer: WrittenPeer;
  /** When to look it up again; `Infinity` for never. */
  nextMs: number;
  retryMs: number;
  /** Which of the candidates comes next. */
  turn: number;
  isRunning: boolean;
  /** Its names have addresses, but none of our families, and the user knows. */
  lacksFamily: boolean;
}

/** Looks up the endpoints of peers, and hands each address that is to be tried to its owner. */
export class PeerEndpoints {
  readonly #families: FamilyChoice;
  readonly #resetIntervalMs: number;
  readonly #log: Logger;
  readonly #lookUp: NameLookup;
  readonly #onEndpoint: (peerRow: number, kind: number, endpoint: Uint32Array) => void;
  readonly #lookups = new Map<number, Lookup>();

  /**
   * @param resetIntervalMs Period of looking up again what is silent; 0: never.
   * @param onEndpoint Called with the address that the peer of a row is to be reached at from now on, on a path of a kind; for
   *   FakeTCP that is where it is dialled.
   */
  constructor(
    resetIntervalMs: number,
    families: FamilyChoice,
    log: Logger,
    onEndpoint: (peerRow: number, kind: number, endpoint: Uint32Array) => void,
    lookUp: NameLookup = systemLookup,
  ) {
    this.#families = families;
    this.#resetIntervalMs = resetIntervalMs;
    this.#log = log;
    this.#lookUp = lookUp;
    this.#onEndpoint = onEndpoint;
  }

  /** Takes a peer on, and looks it up for the first time at the next {@linkcode poll}. */
  add(peerRow: number, peer: WrittenPeer): void {
    if (peer.endpoints.length + peer.fakeTcpEndpoints.length === 0) return;
    const start = { nextMs: 0, retryMs: RETRY_MIN_MS, turn: 0, isRunning: false, lacksFamily: false };
    this.#lookups.set(peerRow, { peer, ...start });
  }

  /** Lets a peer go; a lookup under way ends without effect. */
  remove(peerRow: number): void {
    this.#lookups.delete(peerRow);
  }

  /** The peer didn't answer at the address in use: the next candidate is tried. */
  tryNext(peerRow: number): void {
    const lookup = this.#lookups.get(peerRow);
    if (lookup === undefined) return;
    lookup.turn++;
    lookup.nextMs = 0;
  }

  /**
   * Starts the lookups that are due. They end in the background, each with a call of `onEndpoint` or a log line.
   *
   * @param isSilent Whether nothing has been heard of a peer lately: only then is a known address looked up again.
   */
  poll(nowMs: number, isSilent: (peerRow: number) => boolean): Promise<void[]> {
    const started: Promise<void>[] = [];
    for (const [peerRow, lookup] of this.#lookups) {
      if (lookup.isRunning || nowMs < lookup.nextMs) continue;
      if (lookup.nextMs > 0 && lookup.retryMs === RETRY_MIN_MS && !isSilent(peerRow)) {
        lookup.nextMs = nowMs + this.#resetIntervalMs;
        continue;
      }
      started.push(this.#resolve(peerRow, lookup, nowMs));
    }
    return Promise.all(started);
  }

  async #resolve(peerRow: number, lookup: Lookup, nowMs: number): Promise<void> {
    lookup.isRunning = true;
    const { peer } = lookup;
    const causes: string[] = [];
    const udp = await this.#lookUpAll(peer.endpoints, causes);
    const fakeTcp = await this.#lookUpAll(peer.fakeTcpEndpoints, causes);
    lookup.isRunning = false;
    if (this.#lookups.get(peerRow) !== lookup) return;
    if (udp.length + fakeTcp.length === 0) return this.#tryAgain(lookup, causes[0], nowMs);
    lookup.lacksFamily = false;
    lookup.retryMs = RETRY_MIN_MS;
    lookup.nextMs = peer.isStatic && this.#resetIntervalMs > 0 ? nowMs + this.#resetIntervalMs : Infinity;
    this.#handOver(peerRow, lookup, Transport.UDP, udp);
    this.#handOver(peerRow, lookup, Transport.FAKETCP, fakeTcp);
  }

  /**
   * Nothing was found.
   *
   * @param failure `undefined` if all names could be looked up: that they have no address of our families is said once, and will
   *   hardly change soon.
   */
  #tryAgain(lookup: Lookup, failure: string | undefined, nowMs: number): void {
    const { peer, retryMs, lacksFamily } = lookup;
    const rareMs = peer.isStatic && this.#resetIntervalMs > 0 ? this.#resetIntervalMs : RETRY_MAX_MS;
    const inMs = failure === undefined ? rareMs : retryMs;
    lookup.nextMs = nowMs + inMs;
    lookup.retryMs = failure === undefined ? RETRY_MIN_MS : Math.min(retryMs * 2, RETRY_MAX_MS);
    lookup.lacksFamily = failure === undefined;
    if (lacksFamily && lookup.lacksFamily) return;
    const names = [...new Set([...peer.endpoints, ...peer.fakeTcpEndpoints].map(({ host }) => host))].join(", ");
    const cause = failure ?? "no address of an enabled family";
    this.#log.warn("can't look up peer; trying again", { peer: formatNodeId(peer.nodeId), names, cause, inMs });
  }

  /** Looks written endpoints up; says in `causes` why one couldn't be. */
  async #lookUpAll(endpoints: readonly PeerEndpoint[], causes: string[]): Promise<Uint32Array[]> {
    const found: Uint32Array[] = [];
    for (const endpoint of endpoints) {
      try {
        found.push(...await resolveEndpoint(endpoint, this.#familiesOf(endpoint), this.#lookUp));
      } catch (error) {
        causes.push((error as Error).message);
      }
    }
    return found;
  }

  /** Hands over the address of each family whose turn it is. */
  #handOver(peerRow: number, { peer, turn }: Lookup, transport: number, found: readonly Uint32Array[]): void {
    for (const family of [4, 6]) {
      const candidates = found.filter((endpoint) => endpoint[0] === family);
      if (candidates.length === 0) continue;
      const endpoint = candidates[turn % candidates.length];
      const kind = pathKindOf(transport, family);
      const fields = {
        peer: formatNodeId(peer.nodeId),
        path: PATH_KIND_NAMES[kind],
        endpoint: formatEndpoint(endpoint, 0),
      };
      this.#log.debug("peer endpoint", fields);
      this.#onEndpoint(peerRow, kind, endpoint);
    }
  }

  #familiesOf({ lookupFamily }: PeerEndpoint): FamilyChoice {
    const { ipv4, ipv6, preferred } = this.#families;
    return { ipv4: ipv4 && lookupFamily !== 6, ipv6: ipv6 && lookupFamily !== 4, preferred };
  }
}
