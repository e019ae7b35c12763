/**
 * Following a peer that moves: whatever it sends authentically, handshakes included, comes from its new address.
 *
 * Which addresses may be learnt this way is decided in `endpoint_policy.ts`. Source: `wire.md` §3.7.
 *
 * @module
 */

import { copyEndpoint, ENDPOINT_WORDS, formatEndpoint, sameEndpoint, sameRemote } from "../base/endpoint.ts";
import { formatNodeId } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";
import type { Tables } from "../dataplane/tables.ts";
import { countDrop, type DeviceContext } from "./context.ts";
import { hasEndpoint, type Peer } from "./peer.ts";

/** Writes the endpoint of a peer. Its version is odd while the words change, so that no lane takes half of it. */
export function storeEndpoint(tables: Tables, peerRow: number, endpoint: Uint32Array): void {
  Atomics.add(tables.peerEndpointVersion, peerRow, 1);
  copyEndpoint(endpoint, 0, tables.peerEndpoint, peerRow * ENDPOINT_WORDS);
  Atomics.add(tables.peerEndpointVersion, peerRow, 1);
}

/**
 * Follows a peer to the address from which it sent something authentic.
 *
 * If that address may not be learnt, the endpoint stays and `PRIVATE_SOURCE` is counted; what was received is valid
 * nevertheless.
 */
export function followPeer(context: DeviceContext, peer: Peer, source: Uint32Array, nowMs: number): void {
  const { tables, log, throttle } = context;
  const at = peer.row * ENDPOINT_WORDS;
  if (source[0] === 0 || sameEndpoint(tables.peerEndpoint, at, source, 0)) return;
  if (sameRemote(tables.peerEndpoint, at, source, 0)) {
    // The peer is where it was and reached us at another of our addresses: answer from that one.
    storeEndpoint(tables, peer.row, source);
    return;
  }
  const node = formatNodeId(peer.nodeId);
  const endpoint = formatEndpoint(source, 0);
  if (!context.endpoints.mayLearn(source)) {
    countDrop(context, Reason.PRIVATE_SOURCE);
    if (throttle.permits(`private ${peer.row}`, nowMs)) {
      log.warn("private address not learnt", {
        peer: node,
        endpoint,
        answered: hasEndpoint(tables, peer),
        remedy: "set AllowPrivateIP: true if this network is yours",
      });
    }
    return;
  }
  const previous = formatEndpoint(tables.peerEndpoint, at);
  storeEndpoint(tables, peer.row, source);
  context.outbox.report({ kind: "endpoint changed", peerRow: peer.row });
  if (throttle.permits(`roamed ${peer.row}`, nowMs)) log.info("endpoint learnt", { peer: node, endpoint, previous });
}
