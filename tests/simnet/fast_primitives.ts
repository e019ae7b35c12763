/**
 * Sealing without encryption, for simulations of many thousands of datagrams: content stays readable, and the tag shows only
 * that sender and receiver have the same key, nonce and associated data.
 *
 * That suffices where nobody forges anything. The rest of the handshake is the real one, so keys agree exactly when they
 * should.
 *
 * @module
 */

import { MAC_LEN, noblePrimitives, type Primitives } from "../../src/noise/primitives.ts";
import { nodePrimitives } from "../reference/node_primitives.ts";

/** The primitives of a node that seals fast and keeps nothing secret. */
export const fastPrimitives: Primitives = {
  ...noblePrimitives,
  name: "fast simulation",
  x25519: nodePrimitives.x25519,
  x25519PublicKey: nodePrimitives.x25519PublicKey,
  blake2s: nodePrimitives.blake2s,

  aeadSeal(key, nonce, plaintext, associatedData) {
    const sealed = new Uint8Array(plaintext.length + MAC_LEN);
    sealed.set(plaintext);
    writeTag(sealed, plaintext.length, key, nonce, associatedData);
    return sealed;
  },

  aeadOpen(key, nonce, sealed, associatedData) {
    const length = sealed.length - MAC_LEN;
    if (length < 0) return undefined;
    const tag = new Uint8Array(MAC_LEN);
    writeTag(tag, 0, key, nonce, associatedData);
    return tag.every((octet, index) => octet === sealed[length + index]) ? sealed.slice(0, length) : undefined;
  },
};

function writeTag(out: Uint8Array, at: number, key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array): void {
  for (let index = 0; index < MAC_LEN; index++) {
    out[at + index] = key[index] ^ key[index + MAC_LEN] ^ (nonce[index % nonce.length] ?? 0);
  }
  for (let index = 0; index < associatedData.length; index++) {
    out[at + index % MAC_LEN] ^= associatedData[index] + index;
  }
}
