/**
 * 48-bit Ethernet addresses: octets inside, text at the edges.
 *
 * @module
 */

/** Length of an Ethernet address in octets. */
export const MAC_ADDRESS_LEN = 6;

/** Formats six octets as lower-case hexadecimal groups with colons. */
export function formatMacAddress(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/**
 * Parses two to six hexadecimal groups of one or two digits, separated by colons.
 *
 * @returns As many octets as groups, or `undefined` if `text` is not of that form.
 */
export function parseMacPrefix(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){1,5}$/.test(text)) return undefined;
  return Uint8Array.from(text.split(":"), (group) => parseInt(group, 16));
}
