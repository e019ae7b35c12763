/**
 * HChaCha20, which makes XChaCha20-Poly1305 out of ChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03 §2.2.
 *
 * @module
 */

/** Derives a subkey of 32 octets from a key of 32 octets and the first 16 octets of an extended nonce. */
export function slowHchacha20(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const input = new DataView(new ArrayBuffer(64));
  const octets = new Uint8Array(input.buffer);
  octets.set(new TextEncoder().encode("expand 32-byte k"));
  octets.set(key, 16);
  octets.set(nonce.subarray(0, 16), 48);

  const state = Uint32Array.from({ length: 16 }, (_, index) => input.getUint32(index * 4, true));
  for (let round = 0; round < 10; round++) {
    for (let column = 0; column < 4; column++) quarterRound(state, column, column + 4, column + 8, column + 12);
    for (let diagonal = 0; diagonal < 4; diagonal++) {
      quarterRound(state, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4);
    }
  }
  const subkey = new DataView(new ArrayBuffer(32));
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((from, to) => subkey.setUint32(to * 4, state[from], true));
  return new Uint8Array(subkey.buffer);
}

/** RFC 8439 §2.1. */
function quarterRound(state: Uint32Array, a: number, b: number, c: number, d: number): void {
  state[a] += state[b];
  state[d] = rotateLeft(state[d] ^ state[a], 16);
  state[c] += state[d];
  state[b] = rotateLeft(state[b] ^ state[c], 12);
  state[a] += state[b];
  state[d] = rotateLeft(state[d] ^ state[a], 8);
  state[c] += state[d];
  state[b] = rotateLeft(state[b] ^ state[c], 7);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
