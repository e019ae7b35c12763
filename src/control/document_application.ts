/**
 * Puts documents of a super node in force, each as a whole or not at all.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { NextHopTable } from "../route/next_hop.ts";
import { DocumentKind, type EdgeParameters, type ListedPeer } from "./documents.ts";
import type { FailureLog } from "./failure_log.ts";
import { isDocumentFault } from "./json_document.ts";
import { parseNextHops, parseParameters, parsePeers, type PeerListReader } from "./super_documents.ts";

/** Where documents take effect. */
export interface DocumentUsers {
  /** Puts parameters in force, and measures at once. */
  readonly applyParameters: (parameters: EdgeParameters, nowMs: number) => void;
  /** Puts a list of peers in force: those and no others. */
  readonly applyPeers: (peers: readonly ListedPeer[], nowMs: number) => void;
  /** Puts a next-hop table in force, in place of the one before. */
  readonly applyNextHops: (table: NextHopTable, nowMs: number) => void;
}

/** Reads documents, and hands them on. */
export class DocumentApplication {
  readonly #users: DocumentUsers;
  readonly #reader: PeerListReader;
  readonly #log: Logger;
  readonly #failures: FailureLog;

  constructor(users: DocumentUsers, reader: PeerListReader, log: Logger, failures: FailureLog) {
    this.#users = users;
    this.#reader = reader;
    this.#log = log;
    this.#failures = failures;
  }

  /**
   * Puts a document in force.
   *
   * @param kind `PARAMETERS`, `PEERS` or `NEXT_HOPS`.
   * @returns What is wrong with it if it can't be used, and `undefined` otherwise.
   */
  apply(kind: number, body: Uint8Array, nowMs: number): string | undefined {
    switch (kind) {
      case DocumentKind.PARAMETERS:
        return this.#applyParameters(body, nowMs);
      case DocumentKind.PEERS:
        return this.#applyPeers(body, nowMs);
      case DocumentKind.NEXT_HOPS:
        return this.#applyNextHops(body, nowMs);
      default:
        throw new RangeError(`kind ${kind} is no document of a super node; it should be 1, 2 or 3`);
    }
  }

  #applyParameters(body: Uint8Array, nowMs: number): string | undefined {
    const parameters = parseParameters(body);
    if (isDocumentFault(parameters)) return parameters.fault;
    this.#log.info("parameters of the super node applied", { ...parameters });
    this.#users.applyParameters(parameters, nowMs);
    return undefined;
  }

  #applyPeers(body: Uint8Array, nowMs: number): string | undefined {
    const list = parsePeers(body, this.#reader);
    if (isDocumentFault(list)) return list.fault;
    const { peers, skippedPeers, skippedAddresses } = list;
    this.#log.debug("list of peers applied", { peers: peers.length, skippedPeers, skippedAddresses });
    this.#noteSkipped("reading of a listed peer", skippedPeers, "a key, NodeID or PSKey that can't be used");
    this.#noteSkipped("reading of a listed address", skippedAddresses, "an address or rank that can't be used");
    this.#users.applyPeers(peers, nowMs);
    return undefined;
  }

  #applyNextHops(body: Uint8Array, nowMs: number): string | undefined {
    const document = parseNextHops(body);
    if (isDocumentFault(document)) return document.fault;
    const { table, skipped } = document;
    this.#log.debug("next-hop table applied", { rows: Object.keys(table).length, skipped });
    this.#noteSkipped("reading of a next hop", skipped, "a row or an entry that names no ordinary NodeID");
    this.#users.applyNextHops(table, nowMs);
    return undefined;
  }

  #noteSkipped(what: string, count: number, why: string): void {
    if (count > 0) this.#failures.fail(what, `${why} is left out`);
    else this.#failures.succeed(what);
  }
}
