/**
 * The peers by row, by public key and by NodeId.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { PeerState } from "../dataplane/tables.ts";
import type { Peer } from "./peer.ts";

/** Owns the peer rows. */
export class PeerTable {
  readonly #byRow: (Peer | undefined)[];
  readonly #byKey = new Map<string, Peer>();
  readonly #rowOfNode = new Map<NodeId, number>();
  /** All peers by ascending row; made anew when it is next asked for. */
  #list: readonly Peer[] | undefined;
  /** A set keeps the order of insertion: the first is free for the longest time. */
  readonly #freeRows: Set<number>;

  constructor(capacity: number) {
    this.#byRow = new Array<Peer | undefined>(capacity).fill(undefined);
    this.#freeRows = new Set(this.#byRow.keys());
  }

  /** Rows of ordinary peers by their NodeId: what routes are computed with. */
  get rowOfNode(): ReadonlyMap<NodeId, number> {
    return this.#rowOfNode;
  }

  /** Returns the row that the next peer will have, or −1 if there is none left. */
  nextRow(): number {
    const first = this.#freeRows.values().next();
    return first.done ? -1 : first.value;
  }

  /** Enters a peer, whose row is {@linkcode PeerTable.nextRow}. */
  add(peer: Peer): void {
    this.#freeRows.delete(peer.row);
    this.#list = undefined;
    this.#byRow[peer.row] = peer;
    this.#byKey.set(keyText(peer.remote.publicKey), peer);
    // Both sessions with a super node bear one NodeId, and no frame is routed there.
    if (peer.role === PeerState.EDGE) this.#rowOfNode.set(peer.nodeId, peer.row);
  }

  remove(peer: Peer): void {
    this.#list = undefined;
    this.#byRow[peer.row] = undefined;
    this.#byKey.delete(keyText(peer.remote.publicKey));
    if (this.#rowOfNode.get(peer.nodeId) === peer.row) this.#rowOfNode.delete(peer.nodeId);
    this.#freeRows.add(peer.row);
  }

  /** Returns the peer in a row; `undefined` if the row is free or doesn't exist. */
  at(row: number): Peer | undefined {
    return this.#byRow[row];
  }

  /** Returns the peer that has a public key of 32 octets. */
  withKey(publicKey: Uint8Array): Peer | undefined {
    return this.#byKey.get(keyText(publicKey));
  }

  /** All peers, by ascending row. What is added or removed meanwhile doesn't change the list. */
  all(): readonly Peer[] {
    return this.#list ??= this.#byRow.filter((peer) => peer !== undefined);
  }
}

function keyText(publicKey: Uint8Array): string {
  return publicKey.toBase64();
}
