/**
 * Values that each example file has of its own: keys and passwords.
 *
 * @module
 */

import { x25519 } from "@noble/curves/ed25519.js";
import type { RandomSource } from "../base/random.ts";
import { formatKey, KEY_LEN } from "./key_text.ts";

const PASSWORD_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** With 62 characters to choose from: 142 bits, more than anyone can guess. */
const PASSWORD_LEN = 24;

/** Returns a private or preshared key. */
export function exampleKey(random: RandomSource): string {
  const key = new Uint8Array(KEY_LEN);
  random.fill(key);
  return formatKey(key);
}

/** Returns the public key of a private key that nobody keeps: well-formed, and of no use until it is replaced. */
export function examplePublicKey(random: RandomSource): string {
  const privateKey = new Uint8Array(KEY_LEN);
  random.fill(privateKey);
  return formatKey(x25519.getPublicKey(privateKey));
}

/** Returns a password of letters and digits, each of them equally likely. */
export function examplePassword(random: RandomSource): string {
  return Array.from({ length: PASSWORD_LEN }, () => pickCharacter(random)).join("");
}

function pickCharacter(random: RandomSource): string {
  const count = PASSWORD_CHARACTERS.length;
  // What lies beyond the last multiple would make the first characters likelier than the others.
  const limit = 2 ** 32 - 2 ** 32 % count;
  let drawn = random.uint32();
  while (drawn >= limit) drawn = random.uint32();
  return PASSWORD_CHARACTERS[drawn % count];
}
