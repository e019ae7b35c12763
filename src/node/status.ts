/**
 * What a node tells about itself: counters of what was dropped, and the state of its peers.
 *
 * @module
 */

import { formatEndpoint } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId } from "../base/node_id.ts";
import { PATH_KIND_COUNT, PATH_KIND_NAMES } from "../base/path_kind.ts";
import { REASON_COUNT, REASON_NAMES } from "../base/reason.ts";
import type { PeerPaths } from "../control/peer_paths.ts";
import { droppedFor, type Tables } from "../dataplane/tables.ts";
import type { PeerSnapshot } from "../device/device.ts";

/** Reports what the network sent and we dropped: by reason, and only what is new. */
export class DropReport {
  readonly #tables: Tables;
  readonly #log: Logger;
  readonly #reported = new Float64Array(REASON_COUNT);

  constructor(tables: Tables, log: Logger) {
    this.#tables = tables;
    this.#log = log;
  }

  /** Logs one event with what was dropped since the last call, if anything was. */
  logNew(): void {
    const totals = Float64Array.from({ length: REASON_COUNT }, (_, reason) => droppedFor(this.#tables, reason));
    const fields = fieldsOf((reason) => totals[reason] - this.#reported[reason]);
    this.#reported.set(totals);
    if (Object.keys(fields).length > 0) this.#log.info("dropped since the last report", fields);
  }

  /** Logs one event with all that was dropped since the start. */
  logTotals(): void {
    const fields = fieldsOf((reason) => droppedFor(this.#tables, reason));
    this.#log.info(
      Object.keys(fields).length === 0 ? "dropped nothing since the start" : "dropped since the start",
      fields,
    );
  }
}

/** Names the reasons whose count isn't 0. */
function fieldsOf(countOf: (reason: number) => number): Record<string, number> {
  const fields: Record<string, number> = {};
  for (let reason = 1; reason < REASON_COUNT; reason++) {
    const count = countOf(reason);
    if (count > 0) fields[REASON_NAMES[reason]] = count;
  }
  return fields;
}

/** Logs one event a peer: where it is, whether it has a session, what went to and fro. */
export function logPeers(log: Logger, peers: readonly PeerSnapshot[]): void {
  for (const peer of peers) {
    const { nodeId, endpoint, state, lastHandshakeWallMs, receivedOctets, sentOctets } = peer;
    log.info("peer", {
      peer: formatNodeId(nodeId),
      endpoint,
      state,
      lastHandshake: lastHandshakeWallMs === 0 ? "never" : new Date(lastHandshakeWallMs).toISOString(),
      receivedOctets,
      sentOctets,
    });
  }
}

/** Logs one event a path of a peer: where it leads, how it is, what went to and fro. */
export function logPaths(log: Logger, paths: PeerPaths | undefined): void {
  if (paths === undefined) return;
  const { traffic, nodeId, current } = paths;
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
    const endpoint = paths.endpointOf(kind);
    if (endpoint === undefined) continue;
    log.info("path", {
      peer: formatNodeId(nodeId),
      path: PATH_KIND_NAMES[kind],
      endpoint: formatEndpoint(endpoint, 0),
      state: paths.stateOf(kind),
      current: kind === current,
      sentPackets: traffic.sentPackets[kind],
      sentOctets: traffic.sentOctets[kind],
      receivedPackets: traffic.receivedPackets[kind],
      receivedOctets: traffic.receivedOctets[kind],
    });
  }
}
