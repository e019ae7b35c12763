/**
 * A transport address in binary, as bursts and tables carry it.
 *
 * The record is 12 words of 32 bits. Words rather than octets let a lane compare two records, or copy one, without
 * allocating. The C shim reads and writes the same layout (`struct eg_endpoint` in `ffi/etherguard.h`).
 *
 * | word | field |
 * | --- | --- |
 * | 0 | family: 0 none, 4, 6 |
 * | 1 | port, in the host's byte order |
 * | 2–5 | address, the four words in network byte order as they stand in memory; IPv4 in word 2 |
 * | 6 | IPv6 scope (interface index), else 0 |
 * | 7–10 | local address to send from, as words 2–5; all zero lets the system choose |
 * | 11 | local interface index, 0 lets the system choose |
 *
 * Words 7–11 are what the C library calls packet info: with them an answer leaves from the address that was asked.
 *
 * The record of a FakeTCP endpoint has in word 7 the row of its connection + 1, 0 if there is none, and in word 8 the row's
 * generation (see `faketcp/connection_table.ts`); words 9–11 are 0.
 *
 * @module
 */

/** Length of an endpoint record in 32-bit words. */
export const ENDPOINT_WORDS = 12;
/** Word of a FakeTCP endpoint that holds the row of its connection + 1. */
export const ENDPOINT_CONNECTION = 7;
/** Word of a FakeTCP endpoint that holds the generation of that row. */
export const ENDPOINT_GENERATION = 8;
/** Words that name the remote side: family, port, address, scope. */
export const ENDPOINT_REMOTE_WORDS = 7;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Puts four octets in network order into a word as it stands in this host's memory. */
function wordOfOctets(a: number, b: number, c: number, d: number): number {
  return (HOST_IS_LITTLE_ENDIAN ? (d << 24) | (c << 16) | (b << 8) | a : (a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Octet `index` (0 to 3, network order) of a word as it stands in memory. */
function octetOfWord(word: number, index: number): number {
  return (word >>> (HOST_IS_LITTLE_ENDIAN ? index * 8 : 24 - index * 8)) & 0xff;
}

/** Octet `index` (0 to 15) of the remote address of the record at word offset `at`. */
export function endpointAddressOctet(words: Uint32Array, at: number, index: number): number {
  return octetOfWord(words[at + 2 + (index >> 2)], index & 3);
}

/** Tells whether two records name the same remote address and port. Allocates nothing. */
export function sameRemote(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  for (let word = 0; word < ENDPOINT_REMOTE_WORDS; word++) {
    if (a[aAt + word] !== b[bAt + word]) return false;
  }
  return true;
}

/** Tells whether two records are equal, local address included. Allocates nothing. */
export function sameEndpoint(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  for (let word = 0; word < ENDPOINT_WORDS; word++) {
    if (a[aAt + word] !== b[bAt + word]) return false;
  }
  return true;
}

/** Copies a record. Allocates nothing. */
export function copyEndpoint(from: Uint32Array, fromAt: number, to: Uint32Array, toAt: number): void {
  for (let word = 0; word < ENDPOINT_WORDS; word++) to[toAt + word] = from[fromAt + word];
}

/**
 * Parses an IP literal into its octets.
 *
 * @returns 4 or 16 octets in network order, or `undefined` if `text` is not a literal. A scope (`%eth0`) is refused.
 */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = Uint8Array.from(match.slice(1), Number);
  return match.slice(1).every((part) => Number(part) <= 255) ? octets : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const isShortened = halves.length === 2;
  const head = ipv6Groups(halves[0], !isShortened);
  const tail = isShortened ? ipv6Groups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (isShortened ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Reads groups between colons; the last 32 bits of an address, and no others, may be written as IPv4 (RFC 4291 §2.2). */
function ipv6Groups(text: string, isEndOfAddress: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes(".") && isEndOfAddress && index === parts.length - 1) {
      const v4 = parseIpv4(part);
      if (v4 === undefined) return undefined;
      groups.push((v4[0] << 8) | v4[1], (v4[2] << 8) | v4[3]);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** Formats 4 or 16 octets as an IP literal; IPv6 as RFC 5952 §4 wants it. */
export function formatIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (octets[index * 2] << 8) | octets[index * 2 + 1]);
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (bestStart < 0) return text(groups);
  return `${text(groups.slice(0, bestStart))}::${text(groups.slice(bestStart + bestLength))}`;
}

/**
 * Writes a remote address into a record; the local part is cleared.
 *
 * @param words Table or burst that holds the record.
 * @param at Index of the record's first word.
 * @param octets 4 or 16 octets in network order.
 * @param port 0 to 65535.
 * @param scope IPv6 interface index, else 0.
 */
export function writeEndpoint(words: Uint32Array, at: number, octets: Uint8Array, port: number, scope = 0): void {
  words.fill(0, at, at + ENDPOINT_WORDS);
  words[at] = octets.length === 4 ? 4 : 6;
  words[at + 1] = port;
  for (let index = 0; index < octets.length; index += 4) {
    words[at + 2 + index / 4] = wordOfOctets(octets[index], octets[index + 1], octets[index + 2], octets[index + 3]);
  }
  words[at + 6] = scope;
}

/** Returns the remote address of a record as 4 or 16 octets; empty for a record without a family. */
export function endpointAddress(words: Uint32Array, at: number): Uint8Array {
  const length = words[at] === 4 ? 4 : words[at] === 6 ? 16 : 0;
  return Uint8Array.from({ length }, (_, index) => endpointAddressOctet(words, at, index));
}

/** Formats a record as `address:port` or `[address]:port`; `"none"` without a family. */
export function formatEndpoint(words: Uint32Array, at: number): string {
  if (words[at] === 0) return "none";
  const address = formatIpAddress(endpointAddress(words, at));
  return words[at] === 6 ? `[${address}]:${words[at + 1]}` : `${address}:${words[at + 1]}`;
}

/**
 * Parses `address:port` or `[address]:port` with a literal address.
 *
 * @returns A new record of {@linkcode ENDPOINT_WORDS} words, or `undefined` if it is not of that form.
 */
export function parseEndpoint(text: string): Uint32Array | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const octets = parseIpAddress(match[1] ?? match[2]);
  const port = Number(match[3]);
  if (octets === undefined || port < 1 || port > 65535 || (match[1] !== undefined) !== (octets.length === 16)) {
    return undefined;
  }
  const words = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(words, 0, octets, port);
  return words;
}
