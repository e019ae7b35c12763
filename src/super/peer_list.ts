/**
 * The list of peers as a whole: its entries, its state token, and the documents made from it.
 *
 * A new token makes every living edge download the list: `n` edges times `n` entries. Should each of `n` edges that join
 * bring one, that would be `n³` entries in all. So a changed list gets its token at once only if the last one is
 * {@linkcode settleMs} old, a time that grows as the work of one round of downloads does. Until then the old token goes on
 * to be good; what is downloaded under it may be newer, which does no harm: the next token follows.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { formatKey } from "../config/key_text.ts";
import type { Document } from "../control/documents.ts";
import { jsonDocument } from "./json_document.ts";
import type { PairKeys } from "./pair_keys.ts";
import { type Asker, isSameEntry, type PeerEntry, peerEntry, peersText, type PublishedNode } from "./peer_document.ts";
import type { StateTokens } from "./state_token.ts";

/** Time for one entry of one download: what it takes to make, compress, send and read it, generously, ms. */
const ENTRY_MS = 0.01;
/** Nobody waits longer to hear of a new node, ms. */
const SETTLE_MAX_MS = 10_000;

/**
 * Returns the least time between two tokens of a list, ms: 1 ms for 10 entries, 0.1 s for 100, 10 s from 1,000 on.
 *
 * @param entryCount Entries in the list, which is about the count of edges that download it.
 */
export function settleMs(entryCount: number): number {
  return Math.min(entryCount * entryCount * ENTRY_MS, SETTLE_MAX_MS);
}

/** The list of peers. */
export class PeerList {
  readonly #tokens: StateTokens;
  readonly #pairKeys: PairKeys | undefined;
  readonly #entries = new Map<NodeId, PeerEntry>();
  /** Without keys of pairs there are two documents: with local addresses, and without. */
  readonly #shared: (Document | undefined)[] = [undefined, undefined];
  #token: string;
  #isChanged = false;
  #renewedMs = -Infinity;
  #nowMs = 0;

  /** @param pairKeys `undefined`: nobody gets a preshared key. The owner adds and removes nodes. */
  constructor(tokens: StateTokens, pairKeys: PairKeys | undefined) {
    this.#tokens = tokens;
    this.#pairKeys = pairKeys;
    this.#token = tokens.next();
  }

  /** Token of the current state. */
  get token(): string {
    return this.#token;
  }

  /** Takes a node on that was there before anybody could ask. */
  enter(node: PublishedNode): void {
    this.#entries.set(node.nodeId, peerEntry(node));
  }

  /** Takes in what may have changed about a node, or a new one. The list changes only if what others see of it does. */
  update(node: PublishedNode): void {
    const entry = peerEntry(node);
    if (isSameEntry(entry, this.#entries.get(node.nodeId))) return;
    this.#entries.set(node.nodeId, entry);
    this.#isChanged = true;
  }

  /** Lets a node go. */
  remove(nodeId: NodeId): void {
    if (this.#entries.delete(nodeId)) this.#isChanged = true;
  }

  /** An edge is to see the list in another way from now on. */
  handleAskerChanged(): void {
    this.#isChanged = true;
  }

  /** Makes the document for one edge, or takes the one that serves all. */
  document(asker: Asker): Document {
    const pairKeys = this.#pairKeys;
    if (pairKeys !== undefined) {
      const pairKey = (nodeId: NodeId) => formatKey(pairKeys.keyOf(asker.nodeId, nodeId));
      return jsonDocument(peersText(this.#entries.values(), asker, pairKey));
    }
    return this.#shared[Number(asker.skipsLocalAddresses)] ??= jsonDocument(
      peersText(this.#entries.values(), asker, undefined),
    );
  }

  /** Draws a new token if the list has changed and the last token is old enough. Returns whether it did. */
  handleTimeout(nowMs: number): boolean {
    this.#nowMs = nowMs;
    if (nowMs < this.pollTimeout()) return false;
    this.#token = this.#tokens.next();
    this.#isChanged = false;
    this.#renewedMs = nowMs;
    this.#shared.fill(undefined);
    return true;
  }

  /** Returns when {@linkcode PeerList.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    return this.#isChanged ? Math.max(this.#nowMs, this.#renewedMs + settleMs(this.#entries.size)) : Infinity;
  }
}
