/**
 * Times and limits of the handshake and of sessions: those of the specification, then those of this implementation.
 *
 * What a test may want shorter, and what a timer reads, is in {@linkcode TimerParams}; the specification's values are its
 * defaults. All times are in milliseconds.
 *
 * Source: WireGuard paper §6.1–6.5; `wire.md` §3.4 and §2.5–2.7; reference node, `device/constants.go`.
 *
 * @module
 */

// Of the specification.

/** A cookie, and the secret it is made from, are used this long (paper §5.4.7). */
export const COOKIE_LIFETIME_MS = 120_000;

/** The times that govern sessions and their handshakes. */
export interface TimerParams {
  /** Rekey-After-Time: the initiator of a session older than this begins a new handshake when it sends. */
  readonly rekeyAfterTimeMs: number;
  /** Reject-After-Time: a session older than this neither sends nor receives. */
  readonly rejectAfterTimeMs: number;
  /** Rekey-Timeout: an initiation without a response is repeated after this; also the least spacing of two. */
  readonly rekeyTimeoutMs: number;
  /** Keepalive-Timeout: after content was received and for this long nothing sent, a keepalive is. */
  readonly keepaliveTimeoutMs: number;
  /** Each wait for a handshake is longer by a random time up to this, so that two nodes don't stay in step. */
  readonly jitterMaxMs: number;
  /** Unanswered initiations in a row after which what waits for the session is dropped. */
  readonly maxHandshakeAttempts: number;
  /** An initiation that follows the last accepted one of its peer sooner than this is dropped. */
  readonly initiationSpacingMs: number;
}

/** The specification's times. */
export const DEFAULT_TIMER_PARAMS: TimerParams = {
  rekeyAfterTimeMs: 120_000,
  rejectAfterTimeMs: 180_000,
  rekeyTimeoutMs: 5_000,
  keepaliveTimeoutMs: 10_000,
  jitterMaxMs: 333,
  maxHandshakeAttempts: 20,
  initiationSpacingMs: 20,
};

/**
 * Returns the age at which an initiator that receives renews its session, though it sends nothing that would make it.
 *
 * Late enough that a session in use is renewed by sending first, early enough that a keepalive and a whole handshake still
 * fit before Reject-After-Time: 165 s by default (paper §6.2).
 */
export function rekeyOnReceiveAfterMs(timers: TimerParams): number {
  return timers.rejectAfterTimeMs - timers.keepaliveTimeoutMs - timers.rekeyTimeoutMs;
}

/** Returns how long after content was sent, and nothing received, a new handshake begins: 15 s by default (paper §6.5). */
export function newHandshakeAfterMs(timers: TimerParams): number {
  return timers.keepaliveTimeoutMs + timers.rekeyTimeoutMs;
}

/** Returns how long after the last handshake all key material is zeroed: 540 s by default (paper §6.3). */
export function zeroKeysAfterMs(timers: TimerParams): number {
  return 3 * timers.rejectAfterTimeMs;
}

// Of this implementation.

/**
 * Rekey-After-Messages. The specification says 2^60, but the counter we send with is one shared word of 32 bits.
 *
 * Renewing a session sooner is always allowed. A session would have to carry twelve million messages a second for its whole
 * life to get here.
 */
export const REKEY_AFTER_MESSAGES = 2 ** 31;

/**
 * Reject-After-Messages for sending: the first counter that is not used. The specification says 2^64 − 2^13 − 1.
 *
 * The same margin of 2^13 is left in front of the point where the word would wrap and a nonce be used twice: several lanes
 * may each take a run of counters after they saw one that was still allowed. What we accept from others is
 * `COUNTER_LIMIT` of `wire/transport_message.ts`.
 */
export const REJECT_AFTER_MESSAGES = 2 ** 32 - 2 ** 13 - 1;
