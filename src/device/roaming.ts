/**
 * Following a peer that moves: whatever it sends authentically, handshakes included, comes from its new address.
 *
 * Each path keeps its own address: what comes by UDP says nothing about where a FakeTCP connection leads.
 *
 * Which addresses may be learnt this way is decided in `endpoint_policy.ts`. Source: `wire.md` §3.7.
 *
 * @module
 */

import { ENDPOINT_REMOTE_WORDS, ENDPOINT_WORDS, formatEndpoint, sameEndpoint, sameRemote } from "../base/endpoint.ts";
import { formatNodeId } from "../base/node_id.ts";
import { PATH_KIND_COUNT, Transport, transportOf } from "../base/path_kind.ts";
import { Reason } from "../base/reason.ts";
import { pathWord } from "../dataplane/path_word.ts";
import { currentPath } from "../dataplane/path_word.ts";
import type { Tables } from "../dataplane/tables.ts";
import { countDrop, type DeviceContext } from "./context.ts";
import { hasEndpoint, type Peer } from "./peer.ts";

/** Writes the endpoint of a path. Its version is odd while the words change, so that no lane takes half of it. */
export function storeEndpoint(tables: Tables, peerRow: number, kind: number, endpoint: Uint32Array): void {
  const path = peerRow * PATH_KIND_COUNT + kind;
  Atomics.add(tables.pathEndpointVersion, path, 1);
  // Atomic: plain stores might be seen before the odd version.
  for (let word = 0; word < ENDPOINT_WORDS; word++) {
    Atomics.store(tables.pathEndpoint, path * ENDPOINT_WORDS + word, endpoint[word]);
  }
  Atomics.add(tables.pathEndpointVersion, path, 1);
  // A peer's first address is where it is sent to, until somebody decides otherwise.
  if (endpoint[0] !== 0 && Atomics.load(tables.peerPath, peerRow) === 0) {
    Atomics.store(tables.peerPath, peerRow, pathWord(kind, 0, 0));
  }
}

/**
 * Lets the system choose again from which of our addresses a peer is sent to by UDP: where nothing comes back, the route may
 * lead another way by now, on which the address that the peer last spoke to is none to send from.
 *
 * @param kinds Set of kinds.
 */
export function forgetLocalAddresses(tables: Tables, peerRow: number, kinds: number): void {
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
    if ((kinds & (1 << kind)) === 0 || transportOf(kind) !== Transport.UDP) continue;
    const at = (peerRow * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS;
    const endpoint = tables.pathEndpoint.slice(at, at + ENDPOINT_WORDS);
    endpoint.fill(0, ENDPOINT_REMOTE_WORDS);
    if (!sameEndpoint(tables.pathEndpoint, at, endpoint, 0)) storeEndpoint(tables, peerRow, kind, endpoint);
  }
}

/**
 * Leaves the path that a peer is sent to on, if another is chosen. It may fail because of the address of ours that it is used
 * from: from now on the system chooses that.
 */
export function leavePath(tables: Tables, peerRow: number, chosen: number): void {
  const left = currentPath(Atomics.load(tables.peerPath, peerRow));
  if (left >= 0 && left !== chosen) forgetLocalAddresses(tables, peerRow, 1 << left);
}

/**
 * Follows a peer to the address from which it sent something authentic on a path.
 *
 * If that address may not be learnt, the endpoint stays and `PRIVATE_SOURCE` is counted; what was received is valid
 * nevertheless.
 */
export function followPeer(
  context: DeviceContext,
  peer: Peer,
  kind: number,
  source: Uint32Array,
  nowMs: number,
): void {
  const { tables, log, throttle } = context;
  const at = (peer.row * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS;
  if (source[0] === 0 || sameEndpoint(tables.pathEndpoint, at, source, 0)) return;
  if (transportOf(kind) === Transport.FAKETCP) {
    // Which of several connections is the peer's is not decided by who sent last.
    context.outbox.report({ kind: "connection used", peerRow: peer.row, path: kind, endpoint: source.slice() });
    return;
  }
  if (sameRemote(tables.pathEndpoint, at, source, 0)) {
    // The peer is where it was and reached us at another of our addresses: answer from that one.
    storeEndpoint(tables, peer.row, kind, source);
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
  const left = tables.pathEndpoint.slice(at, at + ENDPOINT_WORDS);
  const previous = formatEndpoint(left, 0);
  storeEndpoint(tables, peer.row, kind, source);
  context.outbox.report({ kind: "endpoint changed", peerRow: peer.row, path: kind });
  if (throttle.permits(`roamed ${peer.row}`, nowMs)) log.info("endpoint learnt", { peer: node, endpoint, previous });
  const takesTurns = context.returns.handleMove(peer.row * PATH_KIND_COUNT + kind, left, source, nowMs);
  if (takesTurns && throttle.permits(`two hosts ${peer.row}`, nowMs)) {
    log.warn("peer is at two addresses by turns: two hosts seem to run with its private key", {
      peer: node,
      endpoint,
      previous,
      remedy: "give each host a file of its own, with a NodeID and a PrivKey of its own",
    });
  }
}
