/**
 * BLAKE2s as RFC 7693 writes it down, slowly: the twin of whatever library the program uses.
 *
 * @module
 */

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/** RFC 7693 §2.7. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** Digest of `data` with `digestLen` octets (1 to 32) under `key` (0 to 32 octets; none for a plain hash). */
export function slowBlake2s(data: Uint8Array, key: Uint8Array, digestLen: number): Uint8Array {
  const state = Uint32Array.from(IV);
  state[0] ^= 0x01010000 ^ (key.length << 8) ^ digestLen;

  const keyBlockLen = key.length > 0 ? 64 : 0;
  const totalLen = keyBlockLen + data.length;
  const padded = new Uint8Array(Math.max(64, Math.ceil(totalLen / 64) * 64));
  padded.set(key);
  padded.set(data, keyBlockLen);

  for (let at = 0; at < padded.length; at += 64) {
    const isLast = at + 64 === padded.length;
    compress(state, new DataView(padded.buffer, at, 64), isLast ? totalLen : at + 64, isLast);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setUint32(index * 4, word, true));
  return new Uint8Array(digest.buffer, 0, digestLen).slice();
}

/** The function F of RFC 7693 §3.2; `count` is below 2^32 here. */
function compress(state: Uint32Array, block: DataView, count: number, isLast: boolean): void {
  const v = Uint32Array.from([...state, ...IV]);
  v[12] ^= count;
  if (isLast) v[14] = ~v[14];
  const word = (index: number) => block.getUint32(index * 4, true);
  for (const sigma of SIGMA) {
    for (let column = 0; column < 4; column++) {
      mix(v, [column, column + 4, column + 8, column + 12], word(sigma[2 * column]), word(sigma[2 * column + 1]));
    }
    for (let diagonal = 0; diagonal < 4; diagonal++) {
      const places = [diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4];
      mix(v, places, word(sigma[8 + 2 * diagonal]), word(sigma[9 + 2 * diagonal]));
    }
  }
  for (let index = 0; index < 8; index++) state[index] ^= v[index] ^ v[index + 8];
}

/** The function G of RFC 7693 §3.1. */
function mix(v: Uint32Array, [a, b, c, d]: number[], x: number, y: number): void {
  v[a] += v[b] + x;
  v[d] = rotateRight(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = rotateRight(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = rotateRight(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = rotateRight(v[b] ^ v[c], 7);
}

function rotateRight(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
