/**
 * What follows when a peer gets a session: as initiator, as responder, and when the initiator has confirmed.
 *
 * ```
 * initiator                                       responder
 *    ── initiation ─────────────────────────────▶  adoptResponderSession: receives with it (NEXT)
 *    ◀───────────────────────────────── response ──
 * adoptInitiatorSession: sends and receives (LIVE)
 *    ── keepalive ──────────────────────────────▶  confirmSession: sends with it too (LIVE)
 * ```
 *
 * @module
 */

import { formatNodeId } from "../base/node_id.ts";
import { NO_ROW, SessionState } from "../dataplane/tables.ts";
import { type TransportKeys, wipeTransportKeys } from "../noise/handshake.ts";
import { adoptAsInitiator, adoptAsResponder, clearSlots, confirmNext, NO_KEYPAIR } from "../noise/keypair.ts";
import type { DeviceContext } from "./context.ts";
import { currentEndpointText, dropInitiation, type Peer } from "./peer.ts";
import { hasSession, sendKeepalive, sendStaged } from "./send.ts";
import type { ReservedSession } from "./session_table.ts";

/** What a completed handshake yields. */
export interface NewSession {
  readonly reserved: ReservedSession;
  /** The index that the peer chose. */
  readonly remoteIndex: number;
  /** Copied, then zeroed. */
  readonly keys: TransportKeys;
}

/**
 * Takes up the session that a response completed, and tells the peer at once by a keepalive under its keys.
 *
 * @param path Kind of the path that the response came on: it works, which may be known of no other.
 */
export function adoptInitiatorSession(
  context: DeviceContext,
  peer: Peer,
  session: NewSession,
  path: number,
  nowMs: number,
  wallMs: number,
): void {
  const renewed = hasSession(context, peer, nowMs);
  publish(context, peer, session, SessionState.LIVE, nowMs);
  const freed = adoptAsInitiator(peer.slots, session.reserved.row);
  // If the peer initiated too, its session has become `previous` unconfirmed. It will not be sent with, and lanes are not
  // to report its first message for ever.
  if (peer.slots.previous !== NO_KEYPAIR) context.sessions.confirm(peer.slots.previous);
  onEstablished(context, peer, freed, renewed, path, wallMs);
  sendKeepalive(context, peer, nowMs, 1 << path);
  sendStaged(context, peer, nowMs, 1 << path);
}

/** Takes up the session whose response was sent. It isn't sent with before {@linkcode confirmSession}. */
export function adoptResponderSession(context: DeviceContext, peer: Peer, session: NewSession, nowMs: number): void {
  publish(context, peer, session, SessionState.NEXT, nowMs);
  const freed = adoptAsResponder(peer.slots, session.reserved.row);
  release(context, freed);
}

/**
 * Begins to send with the session that the peer has just proved to have. Does nothing for any other row.
 *
 * @param path Kind of the path that the proof came on.
 */
export function confirmSession(
  context: DeviceContext,
  peer: Peer,
  sessionRow: number,
  path: number,
  nowMs: number,
  wallMs: number,
): void {
  if (peer.slots.next !== sessionRow || sessionRow === NO_KEYPAIR) return;
  const renewed = hasSession(context, peer, nowMs);
  context.sessions.confirm(sessionRow);
  const freed = confirmNext(peer.slots, sessionRow);
  onEstablished(context, peer, freed, renewed, path, wallMs);
  sendStaged(context, peer, nowMs, 1 << path);
}

/** Withdraws all sessions of a peer and zeroes their keys. */
export function clearSessions(context: DeviceContext, peer: Peer): void {
  Atomics.store(context.tables.peerCurrentSession, peer.row, NO_ROW);
  release(context, clearSlots(peer.slots));
  dropInitiation(context.sessions, peer);
}

function publish(context: DeviceContext, peer: Peer, session: NewSession, state: number, nowMs: number): void {
  context.sessions.publish(session.reserved, {
    peerRow: peer.row,
    remoteIndex: session.remoteIndex,
    keys: session.keys,
    createdMs: nowMs,
    isInitiator: state === SessionState.LIVE,
    state,
  });
  wipeTransportKeys(session.keys);
  peer.timers.onKeysDerived(nowMs);
}

function onEstablished(
  context: DeviceContext,
  peer: Peer,
  freed: readonly number[],
  renewed: boolean,
  path: number,
  wallMs: number,
): void {
  const { tables, outbox, log } = context;
  // Lanes are pointed at the new session before the old ones go.
  Atomics.store(tables.peerCurrentSession, peer.row, peer.slots.current);
  release(context, freed);
  peer.timers.onSessionEstablished();
  peer.unconfirmedResponses = 0;
  peer.lastHandshakeWallMs = wallMs;
  Atomics.store(tables.peerWantsSession, peer.row, 0);
  outbox.wakeLanes();
  outbox.report({ kind: "session established", peerRow: peer.row, renewed, path });
  const fields = {
    peer: formatNodeId(peer.nodeId),
    endpoint: currentEndpointText(tables, peer.row),
  };
  if (renewed) log.debug("session renewed", fields);
  else log.info("session established", fields);
}

function release(context: DeviceContext, rows: readonly number[]): void {
  for (const row of rows) context.sessions.release(row);
}
