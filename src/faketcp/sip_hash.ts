// No allocation per packet in this file.
/**
 * SipHash-2-4: a hash of short messages under a secret key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
 *
 * Linux makes SYN cookies, initial sequence numbers and timestamp offsets with it. Its 64-bit variables are pairs of 32-bit
 * integers here.
 *
 * @module
 */

/** The variables v0 to v3, each as low and high half. */
const state = new Int32Array(8);

/**
 * Returns the low 32 bits of SipHash-2-4.
 *
 * @param key Four words, the 128-bit key in little-endian order.
 * @param words The message, a whole number of 64-bit blocks, low word first.
 */
export function sipHash24(key: Uint32Array, words: Uint32Array): number {
  // The constants spell "somepseudorandomlygeneratedbytes"; low half first.
  state[0] = 0x70736575 ^ key[0];
  state[1] = 0x736f6d65 ^ key[1];
  state[2] = 0x6e646f6d ^ key[2];
  state[3] = 0x646f7261 ^ key[3];
  state[4] = 0x6e657261 ^ key[0];
  state[5] = 0x6c796765 ^ key[1];
  state[6] = 0x79746573 ^ key[2];
  state[7] = 0x74656462 ^ key[3];
  for (let at = 0; at < words.length; at += 2) compress(words[at], words[at + 1]);
  // The last block holds the length in octets, modulo 256, in its highest octet.
  compress(0, (words.length * 4) << 24);
  state[4] ^= 0xff;
  for (let round = 0; round < 4; round++) sipRound();
  return (state[0] ^ state[2] ^ state[4] ^ state[6]) >>> 0;
}

function compress(low: number, high: number): void {
  state[6] ^= low;
  state[7] ^= high;
  sipRound();
  sipRound();
  state[0] ^= low;
  state[1] ^= high;
}

/** One SipRound. `add`, `rotate` and `xor` take the numbers of the 64-bit variables v0 to v3. */
function sipRound(): void {
  add(0, 1);
  rotate(1, 13);
  xor(1, 0);
  swapHalves(0);
  add(2, 3);
  rotate(3, 16);
  xor(3, 2);
  add(0, 3);
  rotate(3, 21);
  xor(3, 0);
  add(2, 1);
  rotate(1, 17);
  xor(1, 2);
  swapHalves(2);
}

function add(to: number, from: number): void {
  const low = (state[to * 2] >>> 0) + (state[from * 2] >>> 0);
  state[to * 2] = low;
  // Beyond 32 bits the sum of the low halves has its carry.
  state[to * 2 + 1] += state[from * 2 + 1] + (low > 0xffffffff ? 1 : 0);
}

function xor(to: number, from: number): void {
  state[to * 2] ^= state[from * 2];
  state[to * 2 + 1] ^= state[from * 2 + 1];
}

/** Rotates left by 1 to 31 bits. */
function rotate(variable: number, bits: number): void {
  const low = state[variable * 2];
  const high = state[variable * 2 + 1];
  state[variable * 2] = (low << bits) | (high >>> (32 - bits));
  state[variable * 2 + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates by 32 bits. */
function swapHalves(variable: number): void {
  const low = state[variable * 2];
  state[variable * 2] = state[variable * 2 + 1];
  state[variable * 2 + 1] = low;
}
