/**
 * Passwords of the administration.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { formatIpAddress, parseIpAddress } from "../../base/endpoint.ts";

/** Wrong passwords that an address may show at once. */
export const GUESSES_BURST = 10;
/** Wrong passwords that an address may show in a minute, in the long run. */
export const GUESSES_PER_MINUTE = 10;
/** Addresses that are remembered. */
export const GUESSERS_MAX = 4096;

const MS_PER_GUESS = 60_000 / GUESSES_PER_MINUTE;
/** Octets of the network that one subscriber has for themself: guesses from all of it count as those of one address. */
const IPV6_NETWORK_LEN = 8;

/**
 * Tells whether a password is the configured one.
 *
 * Both are hashed first, so that the time it takes tells neither where they differ nor how long the right one is.
 *
 * @param configured Empty: no password is right.
 */
export function isPassword(shown: string, configured: string): boolean {
  const isEqual = timingSafeEqual(hash(shown), hash(configured));
  return isEqual && configured !== "";
}

/** Finds the password that a request shows, in its query or in its header; `undefined` if it shows none. */
export function shownPassword(query: ReadonlyMap<string, string>, headers: Headers): string | undefined {
  const bearer = /^Bearer +(.*)$/i.exec(headers.get("authorization") ?? "");
  return query.get("Password") ?? bearer?.[1];
}

/**
 * Counts wrong passwords by address, and says whom to listen to no longer.
 *
 * An address that has used up its guesses is refused whatever it shows next: else it could go on guessing, and would know the
 * right one by the other answer. Behind a proxy all have the proxy's address; what a header says of others could be said by
 * the guesser.
 */
export class GuessLimit {
  /** When an address will have all its guesses back, ms, by address; in the order of their last wrong password. */
  readonly #clearAtMs = new Map<string, number>();

  /** Count of addresses that are remembered. */
  get size(): number {
    return this.#clearAtMs.size;
  }

  /** Tells whether an address has no guesses left. */
  isSpent(address: string, nowMs: number): boolean {
    const clearAtMs = this.#clearAtMs.get(guesserOf(address)) ?? nowMs;
    return clearAtMs - nowMs > (GUESSES_BURST - 1) * MS_PER_GUESS;
  }

  /** Takes a wrong password into account. */
  noteWrong(address: string, nowMs: number): void {
    const guesser = guesserOf(address);
    const clearAtMs = Math.max(this.#clearAtMs.get(guesser) ?? nowMs, nowMs) + MS_PER_GUESS;
    this.#clearAtMs.delete(guesser);
    this.#clearAtMs.set(guesser, clearAtMs);
    if (this.#clearAtMs.size > GUESSERS_MAX) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const oldest = this.#clearAtMs.keys().next();
    if (!oldest.done) this.#clearAtMs.delete(oldest.value);
  }
}

function hash(text: string): Uint8Array {
  return createHash("sha256").update(text, "utf8").digest();
}

/** Returns who is counted for an address: IPv4 also where it is mapped into IPv6, of IPv6 its network. */
function guesserOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1];
  const octets = parseIpAddress(address.replace(/%.*$/, ""));
  if (octets?.length !== 16) return address;
  return formatIpAddress(octets.fill(0, IPV6_NETWORK_LEN));
}
