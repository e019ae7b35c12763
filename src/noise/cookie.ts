/**
 * MAC1, MAC2 and cookies: what a handshake message must show before any expensive work is done for it.
 *
 * MAC1 proves that the sender knows the recipient's public key: a scanner that doesn't gets no answer at all. MAC2 proves,
 * when the recipient is under load, that the sender receives at the address it sends from: its key is a cookie that the
 * recipient sent there. The recipient keeps no state per sender: the cookie is a MAC of the address under a secret.
 *
 * ```
 * sender                                   recipient under load
 * CookieJar.stamp ─── message, MAC1 ─────▶ CookieChecker.checkMac1 ✓ checkMac2 ✗
 * CookieJar.consumeReply ◀── cookie reply ─ CookieChecker.createReply
 * CookieJar.stamp ─── message, MAC1, MAC2 ▶ checkMac1 ✓ checkMac2 ✓ → handshake.ts
 * ```
 *
 * Source: WireGuard paper §5.3, §5.4.4, §5.4.7; `wire.md` §2.4, §2.5; reference node, `device/cookie.go`. When the load is
 * high enough to ask for cookies, and how many messages an address may send then, is `device/rate_limiter.ts`.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import {
  checkCookieReply,
  COOKIE_REPLY_COOKIE,
  COOKIE_REPLY_LEN,
  COOKIE_REPLY_NONCE,
  HANDSHAKE_MAC_LEN,
  mac1Offset,
  mac2Offset,
  readCookieReplyReceiverIndex,
  readMisplacedSenderIndex,
  readSenderIndex,
  writeCookieReplyHeader,
} from "../wire/handshake_message.ts";
import { COOKIE_LIFETIME_MS } from "./constants.ts";
import { equalOctets, KEY_LEN, MAC_LEN, type Primitives, XNONCE_LEN } from "./primitives.ts";

const MAC1_LABEL = new TextEncoder().encode("mac1----");
const COOKIE_LABEL = new TextEncoder().encode("cookie--");

/** Derives the key of the MAC1 on messages to the owner of a public key: 32 octets. */
export function deriveMac1Key(primitives: Primitives, publicKey: Uint8Array): Uint8Array {
  return deriveLabelled(primitives, MAC1_LABEL, publicKey);
}

/** Derives the key of the cookie replies that the owner of a public key sends: 32 octets. */
export function deriveCookieKey(primitives: Primitives, publicKey: Uint8Array): Uint8Array {
  return deriveLabelled(primitives, COOKIE_LABEL, publicKey);
}

/**
 * Checks the MACs of messages that others send to us, and hands out cookies.
 *
 * Messages are whole datagrams that `checkInitiation` or `checkResponse` has let pass.
 */
export class CookieChecker {
  readonly #primitives: Primitives;
  readonly #random: RandomSource;
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  /** Makes cookies from addresses; renewed when it is {@linkcode COOKIE_LIFETIME_MS} old. */
  readonly #secret = new Uint8Array(KEY_LEN);
  #secretMs = -Infinity;

  /**
   * @param publicKey Our own long-term public key, 32 octets.
   * @param random Source of the secret and of nonces.
   */
  constructor(primitives: Primitives, publicKey: Uint8Array, random: RandomSource) {
    this.#primitives = primitives;
    this.#random = random;
    this.#mac1Key = deriveMac1Key(primitives, publicKey);
    this.#cookieKey = deriveCookieKey(primitives, publicKey);
  }

  /** Tells whether the sender of an initiation or a response knows our public key. */
  checkMac1(message: Uint8Array): boolean {
    return macVerifies(this.#primitives, this.#mac1Key, message, mac1Offset(message[0]));
  }

  /**
   * Tells whether MAC2 was made with the cookie of the address that the message came from.
   *
   * @param source Octets that stand for that address and port; see {@linkcode CookieChecker.createReply}.
   */
  checkMac2(message: Uint8Array, source: Uint8Array, nowMs: number): boolean {
    if (this.#secretExpired(nowMs)) return false;
    const cookie = this.#primitives.blake2sMac(this.#secret, source);
    return macVerifies(this.#primitives, cookie, message, mac2Offset(message[0]));
  }

  /**
   * Makes the cookie reply to an initiation or a response that lacks a good MAC2.
   *
   * @param message The message with a good MAC1; only who saw it can read the cookie.
   * @param source Octets that stand for the address and port it came from. Only this node ever looks at them, so any
   * encoding does that is the same each time.
   * @returns A new message of 61 octets. Its receiver index is the true sender index, which reference nodes accept.
   */
  createReply(message: Uint8Array, source: Uint8Array, nowMs: number): Uint8Array {
    if (this.#secretExpired(nowMs)) {
      this.#random.fill(this.#secret);
      this.#secretMs = nowMs;
    }
    const cookie = this.#primitives.blake2sMac(this.#secret, source);
    const nonce = new Uint8Array(XNONCE_LEN);
    this.#random.fill(nonce);

    const reply = new Uint8Array(COOKIE_REPLY_LEN);
    writeCookieReplyHeader(reply, 0, readSenderIndex(message, 0));
    reply.set(nonce, COOKIE_REPLY_NONCE);
    reply.set(this.#primitives.xaeadSeal(this.#cookieKey, nonce, cookie, mac1Of(message)), COOKIE_REPLY_COOKIE);
    return reply;
  }

  #secretExpired(nowMs: number): boolean {
    return nowMs - this.#secretMs > COOKIE_LIFETIME_MS;
  }
}

/** Stamps the MACs on handshake messages to one peer, and keeps the cookie that this peer last gave us. */
export class CookieJar {
  readonly #primitives: Primitives;
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  readonly #cookie = new Uint8Array(MAC_LEN);
  #cookieMs = -Infinity;
  /** Of the last message stamped. */
  readonly #lastMac1 = new Uint8Array(MAC_LEN);
  #lastSenderIndex = 0;
  #lastMisplacedIndex = 0;
  #awaitsReply = false;

  /** @param remotePublicKey The peer's long-term public key, 32 octets. */
  constructor(primitives: Primitives, remotePublicKey: Uint8Array) {
    this.#primitives = primitives;
    this.#mac1Key = deriveMac1Key(primitives, remotePublicKey);
    this.#cookieKey = deriveCookieKey(primitives, remotePublicKey);
  }

  /**
   * Writes MAC1, and MAC2 if a fresh cookie is held, into an initiation or a response that is about to be sent.
   *
   * @param message Exactly the message; its last 32 octets are overwritten.
   */
  stamp(message: Uint8Array, nowMs: number): void {
    const at1 = mac1Offset(message[0]);
    const at2 = mac2Offset(message[0]);
    this.#lastMac1.set(this.#primitives.blake2sMac(this.#mac1Key, message.subarray(0, at1)));
    message.set(this.#lastMac1, at1);
    if (nowMs - this.#cookieMs < COOKIE_LIFETIME_MS) {
      message.set(this.#primitives.blake2sMac(this.#cookie, message.subarray(0, at2)), at2);
    } else {
      message.fill(0, at2);
    }
    this.#lastSenderIndex = readSenderIndex(message, 0);
    this.#lastMisplacedIndex = readMisplacedSenderIndex(message, 0);
    this.#awaitsReply = true;
  }

  /**
   * Tells whether a cookie reply with this receiver index may answer the last message stamped.
   *
   * Besides our sender index it may bear what the reference node reads at WireGuard's place for it. A match proves
   * nothing; {@linkcode CookieJar.consumeReply} does.
   */
  expects(receiverIndex: number): boolean {
    return this.#awaitsReply &&
      (receiverIndex === this.#lastSenderIndex || receiverIndex === this.#lastMisplacedIndex);
  }

  /**
   * Takes in a cookie reply. Each message sent can earn one cookie; the next message stamped will use it.
   *
   * @param reply The whole datagram.
   * @returns `NONE`, or `DATAGRAM_TRUNCATED`, `HANDSHAKE_LENGTH`, `HANDSHAKE_UNEXPECTED`, `COOKIE_DECRYPT`; in all of
   * these cases the jar stays as it was.
   */
  consumeReply(reply: Uint8Array, nowMs: number): number {
    const reason = checkCookieReply(reply, 0, reply.length);
    if (reason !== Reason.NONE) return reason;
    if (!this.expects(readCookieReplyReceiverIndex(reply, 0))) return Reason.HANDSHAKE_UNEXPECTED;
    const nonce = reply.subarray(COOKIE_REPLY_NONCE, COOKIE_REPLY_COOKIE);
    const cookie = this.#primitives.xaeadOpen(
      this.#cookieKey,
      nonce,
      reply.subarray(COOKIE_REPLY_COOKIE),
      this.#lastMac1,
    );
    if (cookie === undefined) return Reason.COOKIE_DECRYPT;
    this.#cookie.set(cookie);
    this.#cookieMs = nowMs;
    // A second reply to the same message could only be a copy that makes an old cookie look young.
    this.#awaitsReply = false;
    return Reason.NONE;
  }
}

function deriveLabelled(primitives: Primitives, label: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const input = new Uint8Array(label.length + publicKey.length);
  input.set(label);
  input.set(publicKey, label.length);
  return primitives.blake2s(input);
}

/** Returns the MAC1 of an initiation or a response, without copying it. */
function mac1Of(message: Uint8Array): Uint8Array {
  return message.subarray(mac1Offset(message[0]), mac2Offset(message[0]));
}

/** Checks the MAC at `at` over everything in front of it. */
function macVerifies(primitives: Primitives, key: Uint8Array, message: Uint8Array, at: number): boolean {
  const expected = primitives.blake2sMac(key, message.subarray(0, at));
  return equalOctets(expected, message.subarray(at, at + HANDSHAKE_MAC_LEN));
}
