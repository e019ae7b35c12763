/**
 * Noise_IKpsk2 as initiator and responder, over our framing.
 *
 * Read the WireGuard paper §5.4.1–5.4.5 and `wire.md` §2 before editing. The functions follow the order of the exchange:
 *
 * ```
 * initiator                                   responder
 * createInitiation ── initiation (145) ──▶ consumeInitiation
 *                                          createResponse ─ keys
 * consumeResponse  ◀── response (89) ─────
 *   └ keys
 * ```
 *
 * All are pure: the ephemeral private key, the indices and the timestamp are parameters, and the state of a handshake is
 * a record that the caller keeps. A node keeps the state as initiator apart from the state as responder, so that two
 * nodes that begin at the same moment both complete; an answer to the peer's initiation doesn't disturb ours.
 *
 * MAC1 and MAC2 are left zero here: `CookieJar` in `cookie.ts` writes them, `CookieChecker` checks them, before anything
 * of this file is called. Whether a timestamp is new, and whether initiations come too fast, the caller decides.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import {
  checkInitiation,
  checkResponse,
  INITIATION_EPHEMERAL,
  INITIATION_LEN,
  INITIATION_STATIC,
  INITIATION_TIMESTAMP,
  readResponseReceiverIndex,
  readSenderIndex,
  RESPONSE_EMPTY,
  RESPONSE_EPHEMERAL,
  RESPONSE_LEN,
  SEALED_EMPTY_LEN,
  SEALED_STATIC_LEN,
  SEALED_TIMESTAMP_LEN,
  writeInitiationHeader,
  writeResponseHeader,
} from "../wire/handshake_message.ts";
import { KEY_LEN, type Primitives } from "./primitives.ts";
import {
  beginSymmetric,
  cloneSymmetric,
  decryptAndHash,
  encryptAndHash,
  mixHash,
  mixKey,
  mixKeyAndHash,
  split,
  type SymmetricState,
  wipeSymmetric,
} from "./symmetric_state.ts";

/** The preshared key that stands for "none": 32 zero octets. Not to be written to. */
export const ZERO_PRESHARED_KEY: Readonly<Uint8Array> = new Uint8Array(KEY_LEN);

/** Our own long-term key pair and what follows from it. */
export interface Identity {
  /** 32 octets, secret. */
  readonly privateKey: Uint8Array;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
}

/** A peer's long-term public key and what follows from it together with our private key. */
export interface RemoteStatic {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** DH of both long-term keys, computed once because every handshake needs it; 32 octets, secret. */
  readonly staticStatic: Uint8Array;
  /** 32 octets, secret; all zero for none. */
  readonly presharedKey: Uint8Array;
}

/** What an initiator remembers between initiation and response. Secret; see {@linkcode wipeInitiatorState}. */
export interface InitiatorState {
  /** Chaining key and hash after the initiation. */
  readonly symmetric: SymmetricState;
  /** 32 octets. */
  readonly ephemeralPrivateKey: Uint8Array;
  /** The index we put into the initiation; the response must carry it as receiver index. */
  readonly senderIndex: number;
}

/** What a responder remembers between initiation and response. Secret; see {@linkcode wipeResponderState}. */
export interface ResponderState {
  /** Chaining key and hash after the initiation. */
  readonly symmetric: SymmetricState;
  /** The initiator's ephemeral public key, 32 octets. */
  readonly remoteEphemeral: Uint8Array;
  /** The initiator's long-term public key, 32 octets. */
  readonly remotePublicKey: Uint8Array;
  /** The index that the initiator chose; the receiver index of the response and of all transport messages. */
  readonly remoteIndex: number;
}

/** The two session keys, from our point of view. Secret; see {@linkcode wipeTransportKeys}. */
export interface TransportKeys {
  /** Seals what we send, 32 octets. */
  readonly send: Uint8Array;
  /** Opens what we receive, 32 octets. */
  readonly receive: Uint8Array;
}

/** An accepted message with what it yielded, or the reason for which it was dropped. */
export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | {
    readonly ok: false;
    /** One of {@linkcode Reason}, never `NONE`. */
    readonly reason: number;
  };

/** What {@linkcode createInitiation} leaves to the caller. */
export interface InitiationOptions {
  /** 32 random octets, used for this handshake only. */
  readonly ephemeralPrivateKey: Uint8Array;
  /** The index by which the peer shall address us, 32 bits. */
  readonly senderIndex: number;
  /** TAI64N, 12 octets, greater than in every earlier initiation to this peer; see `tai64n.ts`. */
  readonly timestamp: Uint8Array;
}

/** An initiation that was accepted. */
export interface AcceptedInitiation {
  /** The peer, as `findRemote` returned it. */
  readonly remote: RemoteStatic;
  /** The index that the peer chose for itself. */
  readonly senderIndex: number;
  /** TAI64N, 12 octets. The caller refuses one that isn't greater than the greatest accepted from this peer. */
  readonly timestamp: Uint8Array;
  /** For {@linkcode createResponse}. */
  readonly state: ResponderState;
}

/** What {@linkcode createResponse} leaves to the caller. */
export interface ResponseOptions {
  /** 32 random octets, used for this handshake only. */
  readonly ephemeralPrivateKey: Uint8Array;
  /** The index by which the initiator shall address us, 32 bits. */
  readonly senderIndex: number;
  /** 32 octets; {@linkcode ZERO_PRESHARED_KEY} for none. */
  readonly presharedKey: Uint8Array;
}

/**
 * Derives what belongs to our private key.
 *
 * @param privateKey 32 octets; kept, not copied.
 */
export function createIdentity(primitives: Primitives, privateKey: Uint8Array): Identity {
  return { privateKey, publicKey: primitives.x25519PublicKey(privateKey) };
}

/**
 * Derives what belongs to a peer's public key. Costs one scalar multiplication.
 *
 * @param publicKey 32 octets; kept, not copied.
 * @param presharedKey 32 octets; kept, not copied.
 * @returns `undefined` if the public key has low order: no handshake with it can be secret, so there is no such peer.
 */
export function createRemoteStatic(
  primitives: Primitives,
  identity: Identity,
  publicKey: Uint8Array,
  presharedKey: Uint8Array = ZERO_PRESHARED_KEY,
): RemoteStatic | undefined {
  const staticStatic = primitives.x25519(identity.privateKey, publicKey);
  if (staticStatic === undefined) return undefined;
  return { publicKey, staticStatic, presharedKey };
}

/**
 * Begins a handshake with a peer.
 *
 * Source: WireGuard paper §5.4.2; reference node, `device/noise-protocol.go`, CreateMessageInitiation.
 *
 * @returns The message of 145 octets with both MACs zero, and the state that {@linkcode consumeResponse} needs.
 */
export function createInitiation(
  primitives: Primitives,
  identity: Identity,
  remote: RemoteStatic,
  options: InitiationOptions,
): { message: Uint8Array; state: InitiatorState } {
  const message = new Uint8Array(INITIATION_LEN);
  writeInitiationHeader(message, 0, options.senderIndex);
  const symmetric = beginSymmetric(primitives, remote.publicKey);

  const ephemeralPublicKey = primitives.x25519PublicKey(options.ephemeralPrivateKey);
  message.set(ephemeralPublicKey, INITIATION_EPHEMERAL);
  mixKey(primitives, symmetric, ephemeralPublicKey);
  mixHash(primitives, symmetric, ephemeralPublicKey);

  const staticKey = mixKey(primitives, symmetric, ownDh(primitives, options.ephemeralPrivateKey, remote.publicKey));
  message.set(encryptAndHash(primitives, symmetric, staticKey, identity.publicKey), INITIATION_STATIC);

  const timestampKey = mixKey(primitives, symmetric, remote.staticStatic);
  message.set(encryptAndHash(primitives, symmetric, timestampKey, options.timestamp), INITIATION_TIMESTAMP);

  const ephemeralPrivateKey = options.ephemeralPrivateKey.slice();
  return { message, state: { symmetric, ephemeralPrivateKey, senderIndex: options.senderIndex } };
}

/**
 * Takes in an initiation whose MAC1 was found good.
 *
 * Source: WireGuard paper §5.4.2; reference node, `device/noise-protocol.go`, ConsumeMessageInitiation.
 *
 * @param message The whole datagram.
 * @param findRemote Returns the peer that has a public key (32 octets, valid during the call only), or `undefined`.
 * @returns Reasons: `HANDSHAKE_LENGTH`, `HANDSHAKE_DECRYPT`, `HANDSHAKE_UNKNOWN_PEER`.
 */
export function consumeInitiation(
  primitives: Primitives,
  identity: Identity,
  message: Uint8Array,
  findRemote: (publicKey: Uint8Array) => RemoteStatic | undefined,
): Outcome<AcceptedInitiation> {
  const reason = checkInitiation(message, 0, message.length);
  if (reason !== Reason.NONE) return { ok: false, reason };
  const symmetric = beginSymmetric(primitives, identity.publicKey);

  const remoteEphemeral = message.slice(INITIATION_EPHEMERAL, INITIATION_EPHEMERAL + KEY_LEN);
  mixKey(primitives, symmetric, remoteEphemeral);
  mixHash(primitives, symmetric, remoteEphemeral);

  const ephemeralStatic = primitives.x25519(identity.privateKey, remoteEphemeral);
  if (ephemeralStatic === undefined) return refuse(symmetric, Reason.HANDSHAKE_DECRYPT);
  const staticKey = mixKey(primitives, symmetric, ephemeralStatic);
  const sealedStatic = message.subarray(INITIATION_STATIC, INITIATION_STATIC + SEALED_STATIC_LEN);
  const remotePublicKey = decryptAndHash(primitives, symmetric, staticKey, sealedStatic);
  if (remotePublicKey === undefined) return refuse(symmetric, Reason.HANDSHAKE_DECRYPT);

  const remote = findRemote(remotePublicKey);
  if (remote === undefined) return refuse(symmetric, Reason.HANDSHAKE_UNKNOWN_PEER);

  const timestampKey = mixKey(primitives, symmetric, remote.staticStatic);
  const sealedTimestamp = message.subarray(INITIATION_TIMESTAMP, INITIATION_TIMESTAMP + SEALED_TIMESTAMP_LEN);
  const timestamp = decryptAndHash(primitives, symmetric, timestampKey, sealedTimestamp);
  if (timestamp === undefined) return refuse(symmetric, Reason.HANDSHAKE_DECRYPT);

  const senderIndex = readSenderIndex(message, 0);
  const state = { symmetric, remoteEphemeral, remotePublicKey: remote.publicKey, remoteIndex: senderIndex };
  return { ok: true, value: { remote, senderIndex, timestamp, state } };
}

/**
 * Answers an accepted initiation and derives the session keys. The state stays as it was; wipe it afterwards.
 *
 * The keys may open at once but must not seal before the initiator has proved, by a first transport message, that it
 * derived them too; see `keypair.ts`.
 *
 * Source: WireGuard paper §5.4.3; reference node, `device/noise-protocol.go`, CreateMessageResponse.
 *
 * @returns The message of 89 octets with both MACs zero, and the keys.
 */
export function createResponse(
  primitives: Primitives,
  state: ResponderState,
  options: ResponseOptions,
): { message: Uint8Array; keys: TransportKeys } {
  const message = new Uint8Array(RESPONSE_LEN);
  writeResponseHeader(message, 0, options.senderIndex, state.remoteIndex);
  const symmetric = cloneSymmetric(state.symmetric);

  const ephemeralPublicKey = primitives.x25519PublicKey(options.ephemeralPrivateKey);
  message.set(ephemeralPublicKey, RESPONSE_EPHEMERAL);
  mixHash(primitives, symmetric, ephemeralPublicKey);
  mixKey(primitives, symmetric, ephemeralPublicKey);
  mixKey(primitives, symmetric, ownDh(primitives, options.ephemeralPrivateKey, state.remoteEphemeral));
  mixKey(primitives, symmetric, ownDh(primitives, options.ephemeralPrivateKey, state.remotePublicKey));

  const emptyKey = mixKeyAndHash(primitives, symmetric, options.presharedKey);
  message.set(encryptAndHash(primitives, symmetric, emptyKey, NOTHING), RESPONSE_EMPTY);

  const [receive, send] = split(primitives, symmetric);
  wipeSymmetric(symmetric);
  return { message, keys: { send, receive } };
}

/**
 * Takes in a response whose MAC1 was found good and whose receiver index is `state.senderIndex`.
 *
 * The state stays as it was, whatever the result: a forged response must not end the handshake, and a caller may try a
 * second time with {@linkcode ZERO_PRESHARED_KEY} to tell the user that only the preshared key is wrong.
 *
 * Source: WireGuard paper §5.4.3; reference node, `device/noise-protocol.go`, ConsumeMessageResponse. Unlike the
 * reference node an all-zero DH result is refused here too: no honest responder causes one.
 *
 * @param message The whole datagram.
 * @param presharedKey 32 octets; {@linkcode ZERO_PRESHARED_KEY} for none.
 * @returns Reasons: `HANDSHAKE_LENGTH`, `HANDSHAKE_UNEXPECTED` (another receiver index), `HANDSHAKE_DECRYPT`.
 */
export function consumeResponse(
  primitives: Primitives,
  identity: Identity,
  state: InitiatorState,
  message: Uint8Array,
  presharedKey: Uint8Array,
): Outcome<TransportKeys> {
  const reason = checkResponse(message, 0, message.length);
  if (reason !== Reason.NONE) return { ok: false, reason };
  if (readResponseReceiverIndex(message, 0) !== state.senderIndex) {
    return { ok: false, reason: Reason.HANDSHAKE_UNEXPECTED };
  }
  const symmetric = cloneSymmetric(state.symmetric);

  const remoteEphemeral = message.slice(RESPONSE_EPHEMERAL, RESPONSE_EPHEMERAL + KEY_LEN);
  mixHash(primitives, symmetric, remoteEphemeral);
  mixKey(primitives, symmetric, remoteEphemeral);

  const ephemeralEphemeral = primitives.x25519(state.ephemeralPrivateKey, remoteEphemeral);
  const staticEphemeral = primitives.x25519(identity.privateKey, remoteEphemeral);
  if (ephemeralEphemeral === undefined || staticEphemeral === undefined) {
    return refuse(symmetric, Reason.HANDSHAKE_DECRYPT);
  }
  mixKey(primitives, symmetric, ephemeralEphemeral);
  mixKey(primitives, symmetric, staticEphemeral);

  const emptyKey = mixKeyAndHash(primitives, symmetric, presharedKey);
  const sealedEmpty = message.subarray(RESPONSE_EMPTY, RESPONSE_EMPTY + SEALED_EMPTY_LEN);
  if (decryptAndHash(primitives, symmetric, emptyKey, sealedEmpty) === undefined) {
    return refuse(symmetric, Reason.HANDSHAKE_DECRYPT);
  }

  const [send, receive] = split(primitives, symmetric);
  wipeSymmetric(symmetric);
  return { ok: true, value: { send, receive } };
}

/** Zeroes the secrets of an initiator's state, once it has its keys or gives up. */
export function wipeInitiatorState(state: InitiatorState): void {
  wipeSymmetric(state.symmetric);
  state.ephemeralPrivateKey.fill(0);
}

/** Zeroes the secrets of a responder's state, once it has answered or refused. */
export function wipeResponderState(state: ResponderState): void {
  wipeSymmetric(state.symmetric);
}

/** Zeroes session keys, once they were copied to where they are used or the session is over. */
export function wipeTransportKeys(keys: TransportKeys): void {
  keys.send.fill(0);
  keys.receive.fill(0);
}

const NOTHING = new Uint8Array(0);

function refuse(symmetric: SymmetricState, reason: number): { ok: false; reason: number } {
  wipeSymmetric(symmetric);
  return { ok: false, reason };
}

/**
 * A DH of our fresh private key with a public key that was tested before: clamped private keys are no multiple of a low
 * order, so the result can't be zero.
 */
function ownDh(primitives: Primitives, privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const shared = primitives.x25519(privateKey, publicKey);
  if (shared === undefined) {
    throw new RangeError("Cannot make a handshake message: the peer's public key has low order");
  }
  return shared;
}
