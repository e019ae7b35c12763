/**
 * The only place that reads entropy. Everything else takes a {@linkcode RandomSource}.
 *
 * @module
 */

/** Where random octets come from. */
export interface RandomSource {
  /** Overwrites every octet of `target`. */
  fill(target: Uint8Array): void;
  /** Returns a uniformly distributed integer, 0 to 2^32 − 1. */
  uint32(): number;
}

/** Cryptographically secure randomness of the operating system. */
export const systemRandom: RandomSource = {
  fill(target) {
    // getRandomValues refuses more than 65,536 octets and shared memory.
    const chunk = new Uint8Array(Math.min(target.length, 65536));
    for (let offset = 0; offset < target.length; offset += chunk.length) {
      const length = Math.min(chunk.length, target.length - offset);
      crypto.getRandomValues(chunk);
      target.set(length === chunk.length ? chunk : chunk.subarray(0, length), offset);
    }
    chunk.fill(0);
  },
  uint32() {
    const word = new Uint32Array(1);
    crypto.getRandomValues(word);
    return word[0];
  },
};

/**
 * Returns a reproducible source for tests and simulations; never for keys.
 *
 * The generator is mulberry32: 32 bits of state, one output per step.
 *
 * @param seed Any 32-bit integer; equal seeds give equal sequences.
 */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  function uint32(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  return {
    uint32,
    fill(target) {
      for (let index = 0; index < target.length; index++) target[index] = uint32() & 0xff;
    },
  };
}
