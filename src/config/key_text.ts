/**
 * Keys as people write them: 32 octets in base64. Inside the program a key is a `Uint8Array`; this is the only place
 * that knows the text form.
 *
 * @module
 */

/** Length of a private, public or preshared key in octets. */
export const KEY_LEN = 32;

/**
 * Decodes a key.
 *
 * @param text Standard alphabet with padding: 44 characters.
 * @returns 32 octets, or `undefined` for another length, alphabet or padding. The reference node cuts or fills a wrong
 *   length in silence.
 */
export function parseKey(text: string): Uint8Array | undefined {
  return /^[A-Za-z0-9+/]{43}=$/.test(text) ? Uint8Array.fromBase64(text) : undefined;
}

/** Encodes 32 octets as {@linkcode parseKey} reads them. */
export function formatKey(key: Uint8Array): string {
  return key.toBase64();
}

/** Tells whether every octet is zero: what an absent preshared key is on the wire, and no usable key otherwise. */
export function isZeroKey(key: Uint8Array): boolean {
  return key.every((octet) => octet === 0);
}
