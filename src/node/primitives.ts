/**
 * The primitives of a running node: the curve from libcrypto, all else in TypeScript.
 *
 * A handshake costs its curve operations; libcrypto does one in a fraction of the time.
 *
 * @module
 */

import type { Shim } from "../ffi/shim.ts";
import { noblePrimitives, type Primitives } from "../noise/primitives.ts";

const KEY_LEN = 32;
/** The u-coordinate 9 of RFC 7748 §4.1. */
const BASE_POINT = Uint8Array.from({ length: KEY_LEN }, (_, index) => (index === 0 ? 9 : 0));

/** Returns primitives that call the shim where that is faster. */
export function libcryptoPrimitives(shim: Shim): Primitives {
  function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
    const shared = new Uint8Array(KEY_LEN);
    // Copies: the keys may lie in shared memory or inside a larger buffer.
    const result = shim.symbols.eg_x25519(shared, Uint8Array.from(privateKey), Uint8Array.from(publicKey));
    return result === 0 ? shared : undefined;
  }
  return {
    ...noblePrimitives,
    name: "libcrypto",
    x25519,
    x25519PublicKey: (privateKey) => x25519(privateKey, BASE_POINT)!,
  };
}
