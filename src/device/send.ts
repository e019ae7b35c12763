/**
 * The control thread's own, rare messages: initiations, keepalives, control messages.
 *
 * Frames take another way, through the lanes. Both draw their counters from the same word of the session, atomically, so
 * that no nonce is used twice.
 *
 * @module
 */

import { ENDPOINT_WORDS } from "../base/endpoint.ts";
import { formatNodeId } from "../base/node_id.ts";
import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import { Reason } from "../base/reason.ts";
import { pathsInUse } from "../dataplane/path_word.ts";
import { KEY_LEN, Setting } from "../dataplane/tables.ts";
import { createInitiation } from "../noise/handshake.ts";
import { maySend, NO_KEYPAIR } from "../noise/keypair.ts";
import { KEY_LEN as DH_KEY_LEN, NONCE_LEN } from "../noise/primitives.ts";
import { nextTimestamp } from "../noise/tai64n.ts";
import { MessageType } from "../wire/message_type.ts";
import {
  KEEPALIVE_LEN,
  paddedContentLength,
  TRANSPORT_HEADER_LEN,
  TRANSPORT_OVERHEAD_LEN,
  writeTransportHeader,
  writeTransportNonce,
} from "../wire/transport_message.ts";
import { countDrop, type DeviceContext } from "./context.ts";
import { dropInitiation, hasEndpoint, knownPaths, type Peer, reserveSession } from "./peer.ts";
import { forgetLocalAddresses } from "./roaming.ts";

/** Control messages that wait for a session of one peer; the oldest gives way. */
export const STAGED_CONTENT_MAX = 16;
/** Least MTU that padding reckons with, so that an interface without one doesn't blow messages up; `behaviour.md` §1.1. */
export const PADDING_MTU_MIN = 576;

const NOTHING = new Uint8Array(0);

/**
 * Begins, or repeats, a handshake. An earlier initiation of ours can't be completed afterwards.
 *
 * @param wallMs For the timestamp.
 */
export function sendInitiation(context: DeviceContext, peer: Peer, nowMs: number, wallMs: number): void {
  const { primitives, identity, random, sessions, log } = context;
  dropInitiation(sessions, peer);
  // Counted as sent whatever comes of it: the next try is due after the same time.
  peer.timers.onInitiationSent(nowMs);
  if (peer.timers.attempts > 1) forgetLocalAddresses(context.tables, peer.row, knownPaths(context.tables, peer));
  const reserved = reserveSession(sessions, peer);
  if (reserved === undefined) return countDrop(context, Reason.HANDSHAKE_OVERLOAD);

  const ephemeralPrivateKey = new Uint8Array(DH_KEY_LEN);
  random.fill(ephemeralPrivateKey);
  const timestamp = nextTimestamp(peer.lastTimestamp, wallMs);
  peer.lastTimestamp = timestamp;
  const { message, state } = createInitiation(primitives, identity, peer.remote, {
    ephemeralPrivateKey,
    senderIndex: reserved.localIndex,
    timestamp,
  });
  ephemeralPrivateKey.fill(0);
  peer.cookies.stamp(message, nowMs);
  peer.initiation = { message, state, reserved };
  sendDatagram(context, peer, message, pathsForHandshake(context, peer, nowMs));
  context.outbox.report({ kind: "initiation sent", peerRow: peer.row, attempts: peer.timers.attempts });
  log.debug("initiation sent", { peer: formatNodeId(peer.nodeId) });
}

/**
 * Returns the paths that an initiation goes out on: where nothing proves that the current path works, all that are known. The
 * peer answers the first copy that arrives, and each further path by the same response.
 */
function pathsForHandshake(context: DeviceContext, peer: Peer, nowMs: number): number {
  const { tables } = context;
  const confirmedUntilMs = tables.peerConfirmedUntilMs[peer.row];
  const isRepeated = peer.timers.attempts > 1;
  const isConfirmed = confirmedUntilMs === Infinity ? !isRepeated : nowMs <= confirmedUntilMs;
  const renews = hasSession(context, peer, nowMs) && isConfirmed;
  return renews ? pathsInUse(tables, peer.row, nowMs) : knownPaths(tables, peer);
}

/**
 * Sends a keepalive.
 *
 * @param alsoOn Set of kinds to send it on besides the paths in use.
 * @returns `false` if there is no session to send it with.
 */
export function sendKeepalive(context: DeviceContext, peer: Peer, nowMs: number, alsoOn = 0): boolean {
  const paths = pathsInUse(context.tables, peer.row, nowMs) | alsoOn;
  return sendSealed(context, peer, MessageType.TRANSPORT, 0, NOTHING, nowMs, paths);
}

/**
 * Sends a control message, or lets it wait for a session and begins a handshake.
 *
 * @param content Inner header and body, without padding; kept.
 * @returns `false` if the peer has no endpoint: nothing is kept then.
 */
export function sendOrStage(
  context: DeviceContext,
  peer: Peer,
  type: number,
  ttl: number,
  content: Uint8Array,
  nowMs: number,
): boolean {
  if (!hasEndpoint(context.tables, peer)) {
    countDrop(context, Reason.NO_ENDPOINT);
    return false;
  }
  if (sendSealed(context, peer, type, ttl, content, nowMs)) return true;
  if (peer.staged.length === STAGED_CONTENT_MAX) {
    peer.staged.shift();
    countDrop(context, Reason.STAGED_OVERFLOW);
  }
  peer.staged.push({ type, ttl, content });
  peer.timers.beginHandshake(nowMs);
  return true;
}

/**
 * Sends the control messages that waited for a session.
 *
 * @param alsoOn Set of kinds to send them on besides the paths in use.
 */
export function sendStaged(context: DeviceContext, peer: Peer, nowMs: number, alsoOn: number): void {
  const paths = pathsInUse(context.tables, peer.row, nowMs) | alsoOn;
  for (const { type, ttl, content } of peer.staged.splice(0)) {
    sendSealed(context, peer, type, ttl, content, nowMs, paths);
  }
}

/** Drops the control messages that wait for a session. */
export function dropStaged(context: DeviceContext, peer: Peer): void {
  for (const _ of peer.staged.splice(0)) countDrop(context, Reason.STAGED_EXPIRED);
}

/** Queues a datagram, once for each path of a set of kinds; where none has an endpoint it is dropped. */
export function sendDatagram(context: DeviceContext, peer: Peer, datagram: Uint8Array, paths: number): void {
  const { tables, outbox } = context;
  const usable = paths & knownPaths(tables, peer);
  if (usable === 0) return countDrop(context, Reason.NO_ENDPOINT);
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
    if ((usable & (1 << kind)) === 0) continue;
    const path = peer.row * PATH_KIND_COUNT + kind;
    if (!outbox.send(tables.pathEndpoint, path * ENDPOINT_WORDS, datagram, peer.row, kind)) {
      countDrop(context, Reason.SEND_NO_BUFFERS);
      continue;
    }
    const at = tables.shape.laneCount * tables.pathCount + path;
    tables.pathSentPackets[at]++;
    tables.pathSentOctets[at] += datagram.length;
  }
}

/** Tells whether a peer has a session that may send. */
export function hasSession(context: DeviceContext, peer: Peer, nowMs: number): boolean {
  const row = peer.slots.current;
  if (row === NO_KEYPAIR) return false;
  const { createdMs, counter } = context.sessions.age(row);
  return maySend(context.timers, nowMs - createdMs, counter);
}

/**
 * Seals content with the current session and queues it.
 *
 * @param paths Set of kinds to send it on; the paths in use if left out.
 * @returns `false` if there is no such session, or no endpoint.
 */
export function sendSealed(
  context: DeviceContext,
  peer: Peer,
  type: number,
  ttl: number,
  content: Uint8Array,
  nowMs: number,
  paths: number = pathsInUse(context.tables, peer.row, nowMs),
): boolean {
  if (!hasEndpoint(context.tables, peer) || !hasSession(context, peer, nowMs)) return false;
  const { tables, primitives } = context;
  const session = peer.slots.current;
  // A session lives three minutes, so 32 bits suffice; `hasSession` stops long before they wrap.
  const counter = Atomics.add(tables.sessionSendCounter, session, 1);

  const mtu = Math.max(tables.settings[Setting.MTU], PADDING_MTU_MIN);
  const padded = new Uint8Array(paddedContentLength(content.length, mtu));
  padded.set(content);
  const nonce = new Uint8Array(NONCE_LEN);
  writeTransportNonce(new DataView(nonce.buffer), 0, counter);
  const key = tables.sessionSendKey.slice(session * KEY_LEN, (session + 1) * KEY_LEN);
  const sealed = primitives.aeadSeal(key, nonce, padded, NOTHING);
  key.fill(0);

  const datagram = new Uint8Array(TRANSPORT_OVERHEAD_LEN + padded.length);
  const remoteIndex = tables.sessionRemoteIndex[session];
  writeTransportHeader(new DataView(datagram.buffer), 0, type, ttl, remoteIndex, counter);
  datagram.set(sealed, TRANSPORT_HEADER_LEN);
  sendDatagram(context, peer, datagram, paths);
  noteSent(context, peer, datagram.length, nowMs);
  return true;
}

/** Enters a transport message into the activity columns of the control thread's own lane. */
function noteSent(context: DeviceContext, peer: Peer, datagramLen: number, nowMs: number): void {
  const { tables } = context;
  const at = tables.shape.laneCount * tables.shape.peerCapacity + peer.row;
  tables.lastSentMs[at] = nowMs;
  if (datagramLen > KEEPALIVE_LEN) tables.lastDataSentMs[at] = nowMs;
  tables.sentPackets[at]++;
  tables.sentOctets[at] += datagramLen;
}
