/**
 * The state of peers, for people and for programs that show it.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { ZERO_PRESHARED_KEY } from "../noise/handshake.ts";
import { equalOctets } from "../noise/primitives.ts";
import type { DeviceContext } from "./context.ts";
import { type Counters, currentEndpointText, type Peer, readActivity, readCounters } from "./peer.ts";
import { hasSession } from "./send.ts";

/** State of one peer, for people. */
export interface PeerSnapshot extends Counters {
  readonly row: number;
  readonly nodeId: NodeId;
  readonly role: number;
  readonly publicKey: Uint8Array;
  readonly hasPresharedKey: boolean;
  /** As text; `"none"` if it isn't known. */
  readonly endpoint: string;
  readonly persistentKeepaliveMs: number;
  readonly state: "idle" | "handshake" | "established";
  /** When the last session was established, ms since 1970; 0 for never. */
  readonly lastHandshakeWallMs: number;
  /** When something was last received, of the monotonic clock; 0 for never. */
  readonly lastReceivedMs: number;
}

/** Returns the state of a peer. Its keys are not in it. */
export function snapshotPeer(context: DeviceContext, peer: Peer, nowMs: number): PeerSnapshot {
  const { tables } = context;
  const { row, nodeId, role, remote, persistentKeepaliveMs, lastHandshakeWallMs, countersBefore } = peer;
  const counters = readCounters(tables, row);
  const activity = { receivedMs: 0, dataReceivedMs: 0, sentMs: 0, dataSentMs: 0 };
  readActivity(tables, peer, activity);
  const isEstablished = hasSession(context, peer, nowMs);
  return {
    row,
    nodeId,
    role,
    publicKey: remote.publicKey,
    hasPresharedKey: !equalOctets(remote.presharedKey, ZERO_PRESHARED_KEY),
    endpoint: currentEndpointText(tables, row),
    persistentKeepaliveMs,
    state: isEstablished ? "established" : peer.timers.handshakeInProgress() ? "handshake" : "idle",
    lastHandshakeWallMs,
    lastReceivedMs: Math.max(0, activity.receivedMs),
    receivedPackets: counters.receivedPackets - countersBefore.receivedPackets,
    receivedOctets: counters.receivedOctets - countersBefore.receivedOctets,
    sentPackets: counters.sentPackets - countersBefore.sentPackets,
    sentOctets: counters.sentOctets - countersBefore.sentOctets,
  };
}
