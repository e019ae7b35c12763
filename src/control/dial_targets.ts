/**
 * Where one peer can be dialled by FakeTCP, and how.
 *
 * | rank of a candidate | what it is | dialled |
 * | --- | --- | --- |
 * | below 10 | an outside address with the port that the peer listens at | as usual |
 * | 10 to 49 | the outside address and port that a super node sees the peer's connection come from | by simultaneous open |
 * | 50 and above | an address of one of the peer's interfaces | as usual |
 *
 * @module
 */

import { DialWay } from "../base/dial_way.ts";
import { sameRemote } from "../base/endpoint.ts";
import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import type { Candidate } from "./documents.ts";

/** One address to dial. */
export interface DialTarget {
  readonly kind: number;
  /** Record of 12 words. */
  readonly endpoint: Uint32Array;
  /** A {@linkcode DialWay}. */
  readonly way: number;
}

/** Ranks of candidates that are a NAT's mapping of a connection: the first, and the first behind them. */
const MAPPED_RANKS = [10, 50] as const;
/** Candidates of one peer that are remembered, the best ones: a round of dials must end. */
const CANDIDATES_MAX = 16;

/** The addresses of one peer. */
export class DialTargets {
  readonly #order: readonly number[];
  readonly #way: number;
  /** By kind: what the user wrote. */
  readonly #configured: (Uint32Array | undefined)[] = new Array(PATH_KIND_COUNT).fill(undefined);
  /** By kind: what follows from where the peer is reached by UDP. */
  readonly #learnt: (Uint32Array | undefined)[] = new Array(PATH_KIND_COUNT).fill(undefined);
  /** What a super node lists, best first. */
  #candidates: readonly Candidate[] = [];

  /**
   * @param order The kinds that are FakeTCP's, preferred first.
   * @param isSuper Whether the peer is a super node: it is to see the outside port of our rendezvous port.
   */
  constructor(order: readonly number[], isSuper: boolean) {
    this.#order = order;
    this.#way = isSuper ? DialWay.RENDEZVOUS : DialWay.ORDINARY;
  }

  /** Sets the address that the user wrote. */
  configure(kind: number, endpoint: Uint32Array): void {
    this.#configured[kind] = endpoint.slice();
  }

  /** Sets the address that counts if the user wrote none. */
  learn(kind: number, endpoint: Uint32Array): void {
    this.#learnt[kind] = endpoint.slice();
  }

  /** Sets what a super node lists. Returns whether that is anything new. */
  setCandidates(candidates: readonly Candidate[]): boolean {
    const known = this.#candidates;
    this.#candidates = candidates.filter(({ kind }) => this.#order.includes(kind))
      .toSorted((a, b) => a.rank - b.rank || this.#order.indexOf(a.kind) - this.#order.indexOf(b.kind))
      .slice(0, CANDIDATES_MAX)
      .map((candidate) => ({ ...candidate, endpoint: candidate.endpoint.slice() }));
    return this.#candidates.length !== known.length ||
      this.#candidates.some((candidate, index) => !isSame(candidate, known[index]));
  }

  /** Targets that the peer listens at, in the order in which they are to be tried; none twice. */
  ordinary(): DialTarget[] {
    const named = this.#order.flatMap((kind) => {
      const endpoint = this.#configured[kind] ?? this.#learnt[kind];
      return endpoint === undefined ? [] : [{ kind, endpoint }];
    });
    const targets = [...named, ...this.#candidates.filter(({ rank }) => !isMapped(rank))];
    return targets
      .filter(({ endpoint }, index) =>
        targets.findIndex((other) => sameRemote(other.endpoint, 0, endpoint, 0)) === index
      )
      .map(({ kind, endpoint }) => ({ kind, endpoint, way: this.#way }));
  }

  /** Targets to be dialled at the same time as the peer dials us: the best of each kind. */
  punches(): DialTarget[] {
    const mapped = this.#candidates.filter(({ rank }) => isMapped(rank));
    return this.#order.flatMap((kind) => {
      const best = mapped.find((candidate) => candidate.kind === kind);
      return best === undefined ? [] : [{ kind, endpoint: best.endpoint, way: DialWay.PUNCH }];
    });
  }

  /** All addresses of a kind, in the order of {@linkcode DialTargets.ordinary}. */
  endpointsOf(kind: number): Uint32Array[] {
    return [...this.ordinary(), ...this.punches()].filter((target) => target.kind === kind)
      .map(({ endpoint }) => endpoint);
  }
}

function isMapped(rank: number): boolean {
  return rank >= MAPPED_RANKS[0] && rank < MAPPED_RANKS[1];
}

function isSame(a: Candidate, b: Candidate): boolean {
  return a.kind === b.kind && a.rank === b.rank && sameRemote(a.endpoint, 0, b.endpoint, 0);
}
