/**
 * The preshared keys that a super node gives to pairs of edges (`UsePSKForInterEdge`).
 *
 * The reference node draws them and keeps them in memory, so its restart replaces all of them, and with them every session
 * between edges. Ours are derived from a secret of the super node and from who the two are: the same after a restart, and
 * others once a node's key changes. Source: `http-api.md` §4.3; `wire.md` §2.8.
 *
 * Derivation takes two steps, so that a list of a thousand peers takes a thousand short hashes: the secret and the lower
 * NodeId with its public key give a key, and that and the higher one with its public key give the key of the pair. Derived
 * keys are kept: each is asked for by both sides, again and again.
 *
 * @module
 */

import { blake2s } from "@noble/hashes/blake2.js";
import type { NodeId } from "../base/node_id.ts";

/** Length of a preshared key, in octets. */
const KEY_LEN = 32;
const NODE_LEN = 2 + KEY_LEN;

/** Keeps one purpose's keys apart from another's, should a private key serve several. */
const SECRET_LABEL = new TextEncoder().encode("etherguard pair keys v1");

/**
 * Derives the secret that all keys of pairs rest on.
 *
 * @param privateKeys Private keys of the super node, 32 octets each; one at least. They don't follow from the secret.
 * @returns 32 octets.
 */
export function derivePairSecret(privateKeys: readonly Uint8Array[]): Uint8Array {
  const hash = blake2s.create({ dkLen: KEY_LEN });
  hash.update(SECRET_LABEL);
  for (const key of privateKeys) hash.update(key);
  return hash.digest();
}

interface Member {
  /** Place in the triangle of keys. */
  readonly slot: number;
  /** NodeId, big-endian, and public key. */
  readonly name: Uint8Array;
  /** First step of the derivation, for pairs in which this is the lower NodeId. */
  readonly lowerKey: Uint8Array;
}

/** The keys of all pairs of nodes. */
export class PairKeys {
  readonly #secret: Uint8Array;
  readonly #members = new Map<NodeId, Member>();
  readonly #freeSlots: number[] = [];
  #slotCount = 0;
  /**
   * A triangle without its diagonal: the pair of slots `high` and `low` has entry `high × (high − 1) / 2 + low`. More slots
   * only append to it.
   */
  #keys = new Uint8Array(0);
  #isDerived = new Uint8Array(0);

  /** @param secret 32 octets, as {@linkcode derivePairSecret} returns them; copied. */
  constructor(secret: Uint8Array) {
    this.#secret = secret.slice();
  }

  /** Takes a node on. @param publicKey 32 octets; copied. */
  add(nodeId: NodeId, publicKey: Uint8Array): void {
    const name = new Uint8Array(NODE_LEN);
    new DataView(name.buffer).setUint16(0, nodeId);
    name.set(publicKey, 2);
    const slot = this.#freeSlots.pop() ?? this.#slotCount++;
    this.#members.set(nodeId, { slot, name, lowerKey: blake2s(name, { key: this.#secret }) });
    this.#makeRoom();
  }

  /** Lets a node go. */
  remove(nodeId: NodeId): void {
    const member = this.#members.get(nodeId);
    if (member === undefined) return;
    this.#members.delete(nodeId);
    this.#freeSlots.push(member.slot);
    for (let other = 0; other < this.#slotCount; other++) {
      if (other === member.slot) continue;
      const entry = entryOf(member.slot, other);
      this.#isDerived[entry] = 0;
      this.#keys.fill(0, entry * KEY_LEN, (entry + 1) * KEY_LEN);
    }
  }

  /**
   * Returns the key of two different nodes that were taken on: the same for both orders.
   *
   * @returns 32 octets, to be read at once.
   */
  keyOf(a: NodeId, b: NodeId): Uint8Array {
    const lower = this.#member(Math.min(a, b));
    const higher = this.#member(Math.max(a, b));
    const entry = entryOf(lower.slot, higher.slot);
    const at = entry * KEY_LEN;
    if (this.#isDerived[entry] === 0) {
      this.#keys.set(blake2s(higher.name, { key: lower.lowerKey }), at);
      this.#isDerived[entry] = 1;
    }
    return this.#keys.subarray(at, at + KEY_LEN);
  }

  #member(nodeId: NodeId): Member {
    const member = this.#members.get(nodeId);
    if (member === undefined) throw new RangeError(`Cannot derive a key: node ${nodeId} was not taken on`);
    return member;
  }

  #makeRoom(): void {
    const capacity = this.#isDerived.length;
    const needed = (this.#slotCount * (this.#slotCount - 1)) / 2;
    if (needed <= capacity) return;
    const isDerived = new Uint8Array(Math.max(needed, 2 * capacity));
    const keys = new Uint8Array(isDerived.length * KEY_LEN);
    isDerived.set(this.#isDerived);
    keys.set(this.#keys);
    this.#keys.fill(0);
    this.#isDerived = isDerived;
    this.#keys = keys;
  }
}

function entryOf(a: number, b: number): number {
  const high = Math.max(a, b);
  return (high * (high - 1)) / 2 + Math.min(a, b);
}
