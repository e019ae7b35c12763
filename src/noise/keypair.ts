/**
 * Which sessions a peer has: older, previous, current, next; and how long each is good for.
 *
 * A session is a row of a table; here it is only a number. A handshake yields one session, and the two sides take it up at
 * different moments, so each keeps up to three, and a fourth where two handshakes crossed:
 *
 * ```
 * initiator, on the response       current ─▶ previous      new ─▶ current
 * responder, having responded                               new ─▶ next         (receives with it, doesn't send)
 * responder, first message on next current ─▶ previous     next ─▶ current      (the initiator has the keys: confirmed)
 * initiator, with a session in next current ─▶ older        next ─▶ previous     new ─▶ current
 * ```
 *
 * One receives with all of them, because datagrams overtake each other; one sends with current only. The reference program has
 * no `older`: what is under way when two handshakes have crossed is lost there.
 *
 * Source: WireGuard paper §6; `wire.md` §3.6; wireguard-go, `device/noise-protocol.go`, BeginSymmetricSession and
 * ReceivedWithKeypair.
 *
 * @module
 */

import { REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES, rekeyOnReceiveAfterMs, type TimerParams } from "./constants.ts";

/** "No session" in a slot. */
export const NO_KEYPAIR = -1;

/** The sessions of one peer, by row; {@linkcode NO_KEYPAIR} where there is none. */
export interface KeypairSlots {
  /** Was current when two handshakes crossed; receives what is still on the way, until the next handshake begins. */
  older: number;
  /** Was current; receives what is still on the way. */
  previous: number;
  /** Sends and receives. */
  current: number;
  /** Receives; becomes current once the initiator has used it. */
  next: number;
}

/** Returns slots without a session. */
export function emptySlots(): KeypairSlots {
  return { older: NO_KEYPAIR, previous: NO_KEYPAIR, current: NO_KEYPAIR, next: NO_KEYPAIR };
}

/**
 * Takes up the session that a response completed: the initiator's side.
 *
 * If a session waits in `next`, the peer initiated too and may already send with it, or not have our new one; it is kept as
 * `previous`, and the old `current`, which the peer is about to leave, as `older`.
 *
 * @returns Rows that hold no session of this peer any more; the caller wipes and frees them.
 */
export function adoptAsInitiator(slots: KeypairSlots, row: number): number[] {
  const freed = rows(slots.older, slots.previous);
  const hasCrossed = slots.next !== NO_KEYPAIR;
  slots.older = hasCrossed ? slots.current : NO_KEYPAIR;
  slots.previous = hasCrossed ? slots.next : slots.current;
  slots.current = row;
  slots.next = NO_KEYPAIR;
  return freed;
}

/**
 * Takes up the session whose response we have sent: the responder's side.
 *
 * @returns Rows that hold no session of this peer any more; the caller wipes and frees them.
 */
export function adoptAsResponder(slots: KeypairSlots, row: number): number[] {
  const freed = rows(slots.older, slots.previous, slots.next);
  slots.older = NO_KEYPAIR;
  slots.previous = NO_KEYPAIR;
  slots.next = row;
  return freed;
}

/**
 * Begins to send with `next`, because a message was authenticated with it. Does nothing for any other row.
 *
 * @param row The session that the message was received with.
 * @returns Rows that hold no session of this peer any more; the caller wipes and frees them. Compare `slots.current`
 * before and after to know whether staged frames can go.
 */
export function confirmNext(slots: KeypairSlots, row: number): number[] {
  if (row === NO_KEYPAIR || slots.next !== row) return [];
  const freed = rows(slots.older, slots.previous);
  slots.older = NO_KEYPAIR;
  slots.previous = slots.current;
  slots.current = slots.next;
  slots.next = NO_KEYPAIR;
  return freed;
}

/** Gives up `older`, so that a peer needs no more rows than it has while a handshake goes on. Returns the rows to wipe and free. */
export function dropOlder(slots: KeypairSlots): number[] {
  const freed = rows(slots.older);
  slots.older = NO_KEYPAIR;
  return freed;
}

/** Empties the slots, when the peer is removed or its keys have got too old. Returns the rows to wipe and free. */
export function clearSlots(slots: KeypairSlots): number[] {
  const freed = rows(slots.older, slots.previous, slots.current, slots.next);
  slots.older = NO_KEYPAIR;
  slots.previous = NO_KEYPAIR;
  slots.current = NO_KEYPAIR;
  slots.next = NO_KEYPAIR;
  return freed;
}

/**
 * Tells whether a session may still send.
 *
 * @param ageMs Time since the keys were derived.
 * @param counter The counter to be used next.
 */
export function maySend(timers: TimerParams, ageMs: number, counter: number): boolean {
  return ageMs < timers.rejectAfterTimeMs && counter < REJECT_AFTER_MESSAGES;
}

/** Tells whether a session may still receive; asked before anything is opened with it. */
export function mayReceive(timers: TimerParams, ageMs: number): boolean {
  return ageMs <= timers.rejectAfterTimeMs;
}

/**
 * Tells whether a new handshake is due after something was sent with the current session.
 *
 * Age counts for the initiator of the session only: if both sides renewed it, two handshakes would cross. The count of
 * messages concerns both.
 *
 * @param isInitiator Whether we initiated this session.
 * @param counter The counter to be used next.
 */
export function shouldRekeyAfterSend(
  timers: TimerParams,
  isInitiator: boolean,
  ageMs: number,
  counter: number,
): boolean {
  return counter > REKEY_AFTER_MESSAGES || (isInitiator && ageMs > timers.rekeyAfterTimeMs);
}

/**
 * Tells whether a new handshake is due after something was received with the current session; at most once per session.
 *
 * @param isInitiator Whether we initiated this session.
 */
export function shouldRekeyAfterReceive(timers: TimerParams, isInitiator: boolean, ageMs: number): boolean {
  return isInitiator && ageMs > rekeyOnReceiveAfterMs(timers);
}

/** Keeps the slots that hold a session. */
function rows(...slots: number[]): number[] {
  return slots.filter((row) => row !== NO_KEYPAIR);
}
