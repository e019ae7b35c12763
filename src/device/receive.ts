/**
 * Handshake messages that others send us.
 *
 * The order in which a message is judged is the order of what judging costs, and each step refuses what the next would
 * have to pay for:
 *
 * 1. length and type;
 * 2. MAC1: who doesn't know our public key gets no answer;
 * 3. under load: MAC2, which proves that the sender receives at its address, or a cookie reply; then its rate;
 * 4. Diffie-Hellman: is it a peer, is it the peer that it says it is;
 * 5. replay and spacing: is it new.
 *
 * Only then does anything change for the peer. Source: WireGuard paper §5.3, §5.4; `wire.md` §2.
 *
 * @module
 */

import { endpointAddress, formatEndpoint } from "../base/endpoint.ts";
import { formatNodeId } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";
import { CookieChecker } from "../noise/cookie.ts";
import {
  type AcceptedInitiation,
  consumeInitiation,
  consumeResponse,
  createResponse,
  wipeResponderState,
  wipeTransportKeys,
  ZERO_PRESHARED_KEY,
} from "../noise/handshake.ts";
import { equalOctets, KEY_LEN } from "../noise/primitives.ts";
import { compareTai64n } from "../noise/tai64n.ts";
import {
  checkHandshake,
  readCookieReplyReceiverIndex,
  readResponseReceiverIndex,
  readSenderIndex,
} from "../wire/handshake_message.ts";
import { pathsInUse } from "../dataplane/path_word.ts";
import { MessageType } from "../wire/message_type.ts";
import { countDrop, type DeviceContext } from "./context.ts";
import { adoptInitiatorSession, adoptResponderSession } from "./establish.ts";
import { addressText } from "./endpoint_policy.ts";
import { type Peer, reserveSession, wipeInitiation } from "./peer.ts";
import type { PeerTable } from "./peer_table.ts";
import { RateLimiter } from "./rate_limiter.ts";
import { followPeer } from "./roaming.ts";
import { sendDatagram } from "./send.ts";

/** Handshake messages in the queue from which on we are under load: an eighth of the reference node's queue. */
export const UNDER_LOAD_BACKLOG = 128;
/** How long we stay under load after the queue was last that long, in ms. */
export const UNDER_LOAD_MS = 1_000;
/** Answers in a row without a confirmation after which the user is told what may be wrong. */
const UNCONFIRMED_HINT_AFTER = 3;

/** How long a copy of an initiation that took another path gets the same response, in ms. */
const COPY_ANSWERED_MS = 5_000;

/** A handshake message as it arrived. */
export interface ReceivedHandshake {
  /** The whole datagram. */
  readonly message: Uint8Array;
  /** Record of 12 words. */
  readonly source: Uint32Array;
  /** Kind of the path that it came on. */
  readonly path: number;
  readonly nowMs: number;
  readonly wallMs: number;
}

/** Judges and answers handshake messages. */
export class HandshakeReceiver {
  readonly #context: DeviceContext;
  readonly #peers: PeerTable;
  readonly #checker: CookieChecker;
  readonly #limiter = new RateLimiter();
  #underLoadUntilMs = -Infinity;

  constructor(context: DeviceContext, peers: PeerTable) {
    this.#context = context;
    this.#peers = peers;
    this.#checker = new CookieChecker(context.primitives, context.identity.publicKey, context.random);
  }

  /** Takes note of how many handshake messages wait. */
  setBacklog(count: number, nowMs: number): void {
    if (count < UNDER_LOAD_BACKLOG) return;
    if (this.#context.throttle.permits("under load", nowMs)) {
      this.#context.log.warn("under load: handshakes are answered with cookies", { waiting: count });
    }
    this.#underLoadUntilMs = nowMs + UNDER_LOAD_MS;
  }

  /** Takes in one message. */
  receive(received: ReceivedHandshake): void {
    const reason = this.#judge(received);
    if (reason !== Reason.NONE) countDrop(this.#context, reason);
  }

  #judge(received: ReceivedHandshake): number {
    const { message } = received;
    const form = checkHandshake(message, 0, message.length);
    if (form !== Reason.NONE) return form;
    if (message[0] === MessageType.COOKIE_REPLY) return this.#receiveCookieReply(received);
    if (!this.#checker.checkMac1(message)) return Reason.HANDSHAKE_MAC1;
    if (received.nowMs < this.#underLoadUntilMs) {
      const load = this.#judgeUnderLoad(received);
      if (load !== Reason.NONE) return load;
    }
    return message[0] === MessageType.INITIATION ? this.#receiveInitiation(received) : this.#receiveResponse(received);
  }

  #judgeUnderLoad({ message, source, path, nowMs }: ReceivedHandshake): number {
    const sourceOctets = cookieSource(source);
    if (this.#checker.checkMac2(message, sourceOctets, nowMs)) {
      return this.#limiter.allow(addressText(source, 0), nowMs) ? Reason.NONE : Reason.HANDSHAKE_RATE;
    }
    const reply = this.#checker.createReply(message, sourceOctets, nowMs);
    this.#context.outbox.send(source, 0, reply, -1, path);
    return Reason.HANDSHAKE_OVERLOAD;
  }

  #receiveInitiation(received: ReceivedHandshake): number {
    const { primitives, identity } = this.#context;
    const { message, source, nowMs } = received;
    const outcome = consumeInitiation(
      primitives,
      identity,
      message,
      (publicKey) => this.#peers.withKey(publicKey)?.remote,
    );
    if (!outcome.ok) {
      if (outcome.reason === Reason.HANDSHAKE_UNKNOWN_PEER) this.#tellUnknownPeer(source, nowMs);
      return outcome.reason;
    }
    const accepted = outcome.value;
    const peer = this.#peers.withKey(accepted.remote.publicKey);
    if (peer === undefined) return Reason.HANDSHAKE_UNKNOWN_PEER;
    const reason = this.#handleAccepted(peer, accepted, received);
    wipeResponderState(accepted.state);
    return reason;
  }

  #handleAccepted(peer: Peer, accepted: AcceptedInitiation, received: ReceivedHandshake): number {
    const { source, path, nowMs } = received;
    if (this.#isCopy(peer, received)) {
      this.#respondAgain(peer, received);
      return Reason.NONE;
    }
    const reason = this.#judgeFreshness(peer, accepted, nowMs);
    if (reason !== Reason.NONE) return reason;
    followPeer(this.#context, peer, path, source, nowMs);
    this.#respond(peer, accepted, received);
    return Reason.NONE;
  }

  /** Tells whether a message is the initiation that was answered last, on another path. */
  #isCopy({ lastResponse }: Peer, { message, path, nowMs }: ReceivedHandshake): boolean {
    return lastResponse !== undefined && nowMs - lastResponse.sentMs < COPY_ANSWERED_MS &&
      (lastResponse.paths & (1 << path)) === 0 && equalOctets(lastResponse.initiation, message);
  }

  /** Sends the same response on the path that a copy came by. Its source isn't learnt: anybody can send a copy. */
  #respondAgain({ lastResponse, row }: Peer, { source, path }: ReceivedHandshake): void {
    if (lastResponse === undefined || !this.#mayAnswer(source)) return;
    lastResponse.paths |= 1 << path;
    this.#context.outbox.send(source, 0, lastResponse.response, row, path);
  }

  /** Refuses a replayed initiation, and one that comes too soon after the last. */
  #judgeFreshness(peer: Peer, accepted: AcceptedInitiation, nowMs: number): number {
    const { greatestTimestamp } = peer;
    if (greatestTimestamp !== undefined && compareTai64n(accepted.timestamp, greatestTimestamp) <= 0) {
      return Reason.HANDSHAKE_REPLAY;
    }
    if (nowMs - peer.lastInitiationAcceptedMs < this.#context.timers.initiationSpacingMs) return Reason.HANDSHAKE_FLOOD;
    peer.greatestTimestamp = accepted.timestamp;
    peer.lastInitiationAcceptedMs = nowMs;
    peer.timers.onHandshakeReceived(nowMs);
    return Reason.NONE;
  }

  /** Answers an initiation, where it came from. */
  #respond(peer: Peer, accepted: AcceptedInitiation, received: ReceivedHandshake): void {
    const { message: initiation, source, path, nowMs } = received;
    const { primitives, random, sessions, outbox, tables, log } = this.#context;
    const reserved = reserveSession(sessions, peer);
    if (reserved === undefined) return countDrop(this.#context, Reason.HANDSHAKE_OVERLOAD);
    const ephemeralPrivateKey = new Uint8Array(KEY_LEN);
    random.fill(ephemeralPrivateKey);
    const { message, keys } = createResponse(primitives, accepted.state, {
      ephemeralPrivateKey,
      senderIndex: reserved.localIndex,
      presharedKey: peer.remote.presharedKey,
    });
    ephemeralPrivateKey.fill(0);
    peer.cookies.stamp(message, nowMs);
    adoptResponderSession(this.#context, peer, { reserved, remoteIndex: accepted.senderIndex, keys }, nowMs);
    peer.timers.onResponseSent(nowMs);
    peer.lastResponse = { initiation: initiation.slice(), response: message, sentMs: nowMs, paths: 1 << path };
    if (this.#mayAnswer(source)) outbox.send(source, 0, message, peer.row, path);
    else sendDatagram(this.#context, peer, message, pathsInUse(tables, peer.row, nowMs));
    log.debug("response sent", { peer: formatNodeId(peer.nodeId) });
    peer.unconfirmedResponses++;
    if (peer.unconfirmedResponses > UNCONFIRMED_HINT_AFTER) this.#tellUnconfirmed(peer, nowMs);
  }

  /** A source that may not be learnt isn't answered either; `config.md` §5.3. */
  #mayAnswer(source: Uint32Array): boolean {
    return this.#context.endpoints.mayLearn(source);
  }

  #receiveResponse(received: ReceivedHandshake): number {
    const { primitives, identity, sessions } = this.#context;
    const { message, source, path, nowMs, wallMs } = received;
    const peer = this.#peers.at(sessions.peerOfIndex(readResponseReceiverIndex(message, 0)));
    const pending = peer?.initiation;
    if (peer === undefined || pending === undefined) return Reason.HANDSHAKE_UNEXPECTED;
    const outcome = consumeResponse(primitives, identity, pending.state, message, peer.remote.presharedKey);
    if (!outcome.ok) {
      return outcome.reason === Reason.HANDSHAKE_DECRYPT
        ? this.#diagnoseResponse(peer, message, nowMs)
        : outcome.reason;
    }
    const session = { reserved: pending.reserved, remoteIndex: readSenderIndex(message, 0), keys: outcome.value };
    // The row lives on as the session's; only the handshake's secrets end here.
    wipeInitiation(peer);
    peer.timers.onHandshakeReceived(nowMs);
    followPeer(this.#context, peer, path, source, nowMs);
    adoptInitiatorSession(this.#context, peer, session, path, nowMs, wallMs);
    return Reason.NONE;
  }

  /** Finds out, for the user, whether a response that doesn't verify lacks only the preshared key. */
  #diagnoseResponse(peer: Peer, message: Uint8Array, nowMs: number): number {
    const { primitives, identity, throttle, log } = this.#context;
    const { presharedKey } = peer.remote;
    if (peer.initiation === undefined || equalOctets(presharedKey, ZERO_PRESHARED_KEY)) {
      return Reason.HANDSHAKE_DECRYPT;
    }
    const outcome = consumeResponse(
      primitives,
      identity,
      peer.initiation.state,
      message,
      ZERO_PRESHARED_KEY,
    );
    if (!outcome.ok) return Reason.HANDSHAKE_DECRYPT;
    wipeTransportKeys(outcome.value);
    if (throttle.permits(`preshared key ${peer.row}`, nowMs)) {
      log.warn("response refused: it was made without the preshared key", {
        peer: formatNodeId(peer.nodeId),
        remedy: "a Go node ignores PSKey: set IgnorePSKey: true on this peer, or remove PSKey on both sides",
      });
    }
    return Reason.HANDSHAKE_PRESHARED_KEY;
  }

  #receiveCookieReply({ message, nowMs }: ReceivedHandshake): number {
    const receiverIndex = readCookieReplyReceiverIndex(message, 0);
    let reason: number = Reason.HANDSHAKE_UNEXPECTED;
    // The index may be the misplaced one of a reference node, which names no row; two integers a peer are compared.
    for (const peer of this.#peers.all()) {
      if (!peer.cookies.expects(receiverIndex)) continue;
      reason = peer.cookies.consumeReply(message, nowMs);
      if (reason === Reason.NONE) {
        this.#context.log.debug("cookie received", { peer: formatNodeId(peer.nodeId) });
        return reason;
      }
    }
    return reason;
  }

  #tellUnknownPeer(source: Uint32Array, nowMs: number): void {
    if (!this.#context.throttle.permits("unknown peer", nowMs)) return;
    const { log, settings } = this.#context;
    log[settings.learnsPeers ? "debug" : "warn"]("initiation refused: its public key belongs to no peer", {
      endpoint: formatEndpoint(source, 0),
    });
  }

  /** As responder we can't see that the preshared keys differ: the initiator just never uses the session. */
  #tellUnconfirmed(peer: Peer, nowMs: number): void {
    const hasPresharedKey = !equalOctets(peer.remote.presharedKey, ZERO_PRESHARED_KEY);
    if (!hasPresharedKey || !this.#context.throttle.permits(`unconfirmed ${peer.row}`, nowMs)) return;
    this.#context.log.warn("peer initiates again and again and never uses the session", {
      peer: formatNodeId(peer.nodeId),
      remedy: "compare PSKey on both sides; for a Go node, which ignores it, set IgnorePSKey: true on this peer",
    });
  }
}

/** The octets that stand for a source address and port in a cookie; only this node looks at them. */
function cookieSource(source: Uint32Array): Uint8Array {
  const address = endpointAddress(source, 0);
  const octets = new Uint8Array(address.length + 2);
  octets.set(address);
  new DataView(octets.buffer).setUint16(address.length, source[1]);
  return octets;
}
