/**
 * State tokens: names for the state of a document, so that an edge can tell whether it has it.
 *
 * A token also acts as a secret. Whoever asks for a document over HTTP shows it, and it was told through the encrypted
 * session: so nobody may be able to guess one, not even from the content or from the tokens before. The reference node
 * hashes the content with a salt; to everybody else a token is opaque. Source: `http-api.md` §3, §8.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { noblePrimitives } from "../noise/primitives.ts";

/** Characters of a token. Reference edges that log one of 8 or 9 crash (`behaviour.md` Q6). */
export const STATE_TOKEN_LEN = 32;
/** What stands for the state of a document that doesn't exist yet. */
export const NO_STATE = "";

const SALT_LEN = 32;

/** Draws tokens: the MAC of a counter under a salt that nobody else knows, so that each is new. */
export class StateTokens {
  readonly #salt = new Uint8Array(SALT_LEN);
  readonly #count = new Float64Array(1);

  /** @param random Gives the salt: after a restart all tokens are different. */
  constructor(random: RandomSource) {
    random.fill(this.#salt);
  }

  /** Returns a token that was never returned before: {@linkcode STATE_TOKEN_LEN} lower-case hex digits. */
  next(): string {
    this.#count[0]++;
    return noblePrimitives.blake2sMac(this.#salt, new Uint8Array(this.#count.buffer)).toHex();
  }
}

/**
 * Tells whether a token that somebody showed is the current one.
 *
 * The time it takes doesn't depend on where they differ, else a token could be guessed character by character.
 */
export function isSameState(shown: string, current: string): boolean {
  if (shown.length !== current.length) return false;
  let difference = 0;
  for (let index = 0; index < current.length; index++) {
    difference |= shown.charCodeAt(index) ^ current.charCodeAt(index);
  }
  return difference === 0;
}
