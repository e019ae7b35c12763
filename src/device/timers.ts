/**
 * The protocol's timers of one peer, as deadlines.
 *
 * Read the WireGuard paper §6 and wireguard-go, `device/timers.go`, before editing. There a timer is set or cleared by every
 * packet. Here packets pass through lanes that only note *when* something last happened, and the control thread looks at
 * these times now and then: a timer is armed when a look shows that its condition began to hold, and disarmed when a look
 * shows that the condition was interrupted since.
 *
 * | timer | condition | after |
 * | --- | --- | --- |
 * | passive keepalive | content came in and nothing went out since | 10 s |
 * | new handshake | content went out and nothing came in since | 15 s + jitter |
 * | persistent keepalive | nothing went either way | as configured |
 * | rekey on sending | we initiated, something was sent when the session was older than 120 s | at once |
 * | rekey on receiving | we initiated, something was received when it was older than 165 s; once a session | at once |
 * | repeat | an initiation has no answer | 5 s + jitter, at most 20 times |
 * | zero keys | no new session | 540 s |
 *
 * The error: a condition is noticed up to {@linkcode ACTIVITY_POLL_MS} late, and as begun when its *last* cause happened
 * rather than its first, which is as much again. So the first five fire up to half a second late under traffic, and never
 * early. What happens in the same millisecond counts as unanswered: a keepalive too many does no harm.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { newHandshakeAfterMs, type TimerParams, zeroKeysAfterMs } from "../noise/constants.ts";
import { shouldRekeyAfterReceive, shouldRekeyAfterSend } from "../noise/keypair.ts";

/** How often the owner looks at the activity of peers that have a session, in ms. */
export const ACTIVITY_POLL_MS = 250;

/** When things last happened to transport messages of a peer, in ms; −Infinity for never. */
export interface Activity {
  /** Anything authenticated came in. */
  receivedMs: number;
  /** Content came in. */
  dataReceivedMs: number;
  /** Anything went out. */
  sentMs: number;
  /** Content went out. */
  dataSentMs: number;
}

/** What the timers need to know of the session that a peer sends with. */
export interface SessionAge {
  readonly createdMs: number;
  /** Whether we initiated it. */
  readonly isInitiator: boolean;
  /** The counter to be used next. */
  readonly counter: number;
}

/** What {@linkcode PeerTimers.pollHandshake} asks for. */
export type HandshakeStep = "initiate" | "give up" | "wait";

/** A timer that isn't armed. */
const OFF = Infinity;

/** The timers of one peer. Does nothing by itself: the owner asks, and acts. */
export class PeerTimers {
  readonly #params: TimerParams;
  readonly #random: RandomSource;
  readonly #persistentKeepaliveMs: number;

  /** When the next initiation, or giving up, is due; {@linkcode OFF} unless a handshake is in progress. */
  #handshakeAtMs = OFF;
  /** Initiations sent since the handshake began. */
  #attempts = 0;
  #lastHandshakeSentMs = -Infinity;
  #lastHandshakeReceivedMs = -Infinity;

  #keepaliveSinceMs = OFF;
  #keepaliveDoneMs = -Infinity;
  #silenceSinceMs = OFF;
  #silenceDueMs = OFF;
  #silenceDoneMs = -Infinity;
  #lastTrafficMs = -Infinity;
  /** Creation time of the session that was renewed because something was received: once a session. */
  #renewedSessionMs = -Infinity;
  #zeroKeysAtMs = OFF;

  /** @param persistentKeepaliveMs 0 switches it off. */
  constructor(params: TimerParams, random: RandomSource, persistentKeepaliveMs: number) {
    this.#params = params;
    this.#random = random;
    this.#persistentKeepaliveMs = persistentKeepaliveMs;
  }

  /**
   * Begins a handshake unless one is in progress. Its first initiation is due after a random time up to the jitter, and
   * not before 5 s have passed since we last sent an initiation or a response.
   *
   * The jitter keeps two nodes that want a session for the same reason (a restart, a broadcast) from crossing their
   * initiations: a reference node that has answered ours drops our answer to its own; `behaviour.md` Q12.
   */
  beginHandshake(nowMs: number): void {
    if (this.handshakeInProgress()) return;
    this.#attempts = 0;
    this.#handshakeAtMs = this.#spacedMs(nowMs);
  }

  /** Initiations sent since the handshake in progress began; 0 if there is none. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Tells whether an initiation is due or unanswered. */
  handshakeInProgress(): boolean {
    return this.#handshakeAtMs !== OFF;
  }

  /** Asks what is due in the handshake in progress. After "give up" there is none in progress any more. */
  pollHandshake(nowMs: number): HandshakeStep {
    if (nowMs < this.#handshakeAtMs) return "wait";
    if (this.#attempts >= this.#params.maxHandshakeAttempts) {
      this.#handshakeAtMs = OFF;
      return "give up";
    }
    if (nowMs - this.#lastHandshakeSentMs < this.#params.rekeyTimeoutMs) {
      // A response was sent since: its confirmation may end this handshake.
      this.#handshakeAtMs = this.#spacedMs(nowMs);
      return "wait";
    }
    return "initiate";
  }

  /** To be called when an initiation was sent: the next is due if this one stays unanswered. */
  onInitiationSent(nowMs: number): void {
    this.#attempts++;
    this.#lastHandshakeSentMs = nowMs;
    this.#handshakeAtMs = this.#spacedMs(nowMs);
  }

  /** To be called when a response was sent: like an initiation it keeps us from initiating for 5 s. */
  onResponseSent(nowMs: number): void {
    this.#lastHandshakeSentMs = nowMs;
  }

  /** To be called for each valid initiation and response. */
  onHandshakeReceived(nowMs: number): void {
    this.#lastHandshakeReceivedMs = nowMs;
  }

  /** To be called when session keys were derived, whether or not they are used for sending yet. */
  onKeysDerived(nowMs: number): void {
    this.#zeroKeysAtMs = nowMs + zeroKeysAfterMs(this.#params);
  }

  /** To be called when there is a new session to send with: it ends the handshake, whoever initiated it. */
  onSessionEstablished(): void {
    this.#handshakeAtMs = OFF;
    this.#attempts = 0;
  }

  /** Tells, once, that no new session was made for so long that all key material is to be zeroed. */
  zeroKeysDue(nowMs: number): boolean {
    if (nowMs < this.#zeroKeysAtMs) return false;
    this.#zeroKeysAtMs = OFF;
    return true;
  }

  /** Returns when all key material is to be zeroed; `Infinity` if there is none. */
  zeroKeysAtMs(): number {
    return this.#zeroKeysAtMs;
  }

  /** Looks at the activity of a peer and tells whether a keepalive is to be sent: passive or persistent. */
  keepaliveDue(activity: Activity, nowMs: number): boolean {
    const sentMs = Math.max(activity.sentMs, this.#lastHandshakeSentMs);
    this.#lastTrafficMs = Math.max(sentMs, activity.receivedMs, this.#lastHandshakeReceivedMs);

    if (sentMs > this.#keepaliveSinceMs) this.#keepaliveSinceMs = OFF;
    const { dataReceivedMs } = activity;
    if (this.#keepaliveSinceMs === OFF && dataReceivedMs > this.#keepaliveDoneMs && dataReceivedMs >= sentMs) {
      this.#keepaliveSinceMs = dataReceivedMs;
    }
    if (nowMs >= this.#keepaliveSinceMs + this.#params.keepaliveTimeoutMs) {
      this.#keepaliveSinceMs = OFF;
      this.#keepaliveDoneMs = dataReceivedMs;
      return true;
    }
    return nowMs >= this.#persistentDueMs();
  }

  /**
   * Looks at the activity of a peer and tells whether a handshake is to begin: the peer fell silent, or its session is to
   * be renewed.
   *
   * @param session The session that we send with, or `undefined` if there is none that is young enough.
   */
  handshakeDue(activity: Activity, session: SessionAge | undefined, nowMs: number): boolean {
    if (this.handshakeInProgress()) {
      this.#silenceSinceMs = OFF;
      this.#silenceDueMs = OFF;
      return false;
    }
    // Both are asked each time: each keeps its own state.
    const silent = this.#isSilent(activity, nowMs);
    const old = session !== undefined && this.#isToBeRenewed(activity, session);
    return silent || old;
  }

  /** Returns the earliest time at which one of the questions above may have another answer without new activity. */
  deadlineMs(): number {
    return Math.min(
      this.#handshakeAtMs,
      this.#zeroKeysAtMs,
      this.#keepaliveSinceMs + this.#params.keepaliveTimeoutMs,
      this.#silenceDueMs,
      this.#persistentDueMs(),
    );
  }

  #isSilent(activity: Activity, nowMs: number): boolean {
    const receivedMs = Math.max(activity.receivedMs, this.#lastHandshakeReceivedMs);
    if (receivedMs > this.#silenceSinceMs) {
      this.#silenceSinceMs = OFF;
      this.#silenceDueMs = OFF;
    }
    const { dataSentMs } = activity;
    if (this.#silenceSinceMs === OFF && dataSentMs > this.#silenceDoneMs && dataSentMs >= receivedMs) {
      this.#silenceSinceMs = dataSentMs;
      this.#silenceDueMs = dataSentMs + newHandshakeAfterMs(this.#params) + this.#jitterMs();
    }
    if (nowMs < this.#silenceDueMs) return false;
    this.#silenceSinceMs = OFF;
    this.#silenceDueMs = OFF;
    this.#silenceDoneMs = dataSentMs;
    return true;
  }

  #isToBeRenewed(activity: Activity, session: SessionAge): boolean {
    const { createdMs, isInitiator, counter } = session;
    if (shouldRekeyAfterSend(this.#params, isInitiator, activity.sentMs - createdMs, counter)) return true;
    if (this.#renewedSessionMs === createdMs) return false;
    if (!shouldRekeyAfterReceive(this.#params, isInitiator, activity.receivedMs - createdMs)) return false;
    this.#renewedSessionMs = createdMs;
    return true;
  }

  /** While a handshake is in progress its own messages keep mappings of address translators open. */
  #persistentDueMs(): number {
    if (this.#persistentKeepaliveMs === 0 || this.handshakeInProgress()) return OFF;
    return this.#lastTrafficMs + this.#persistentKeepaliveMs;
  }

  #spacedMs(nowMs: number): number {
    return Math.max(nowMs, this.#lastHandshakeSentMs + this.#params.rekeyTimeoutMs) + this.#jitterMs();
  }

  #jitterMs(): number {
    return this.#random.uint32() / 2 ** 32 * this.#params.jitterMaxMs;
  }
}
