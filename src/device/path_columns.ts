/**
 * The columns of the shared tables that tell lanes which paths to use, and that lanes tell of paths.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import { pathWord } from "../dataplane/path_word.ts";
import { sumOverLanes, type Tables } from "../dataplane/tables.ts";

/** On which paths a peer is sent to. Sets have the bit 1 « kind. */
export interface PathChoice {
  /** Kind of the current path, −1 for none. */
  readonly current: number;
  /** Set of kinds on which everything is mirrored. */
  readonly mirrorMask: number;
  /** Set of kinds on which everything is mirrored once the current path is unconfirmed. */
  readonly standbyMask: number;
  /** Until then the current path counts as working, ms; `Infinity` if it can't be probed. */
  readonly confirmedUntilMs: number;
  /** Longest datagram for this peer, in octets; 0 for no limit. */
  readonly maxDatagramLen: number;
}

/** What lanes noted of a peer's paths. Times in ms, 0 for never. */
export interface PathTraffic {
  /** When a lane last sent content to the peer: what the control thread itself sends doesn't count. */
  sentMs: number;
  /** By kind: when something new and authentic last came in. */
  readonly receivedMs: Float64Array;
  /** By kind, copies included. */
  readonly sentPackets: Float64Array;
  readonly sentOctets: Float64Array;
  readonly receivedPackets: Float64Array;
  readonly receivedOctets: Float64Array;
  /** Transport messages sent to the peer, each counted once. */
  messagesSent: number;
  /** Transport messages of the peer that were accepted, each counted once. */
  messagesReceived: number;
}

/** Makes an empty record. */
export function createPathTraffic(): PathTraffic {
  return {
    sentMs: 0,
    receivedMs: new Float64Array(PATH_KIND_COUNT),
    sentPackets: new Float64Array(PATH_KIND_COUNT),
    sentOctets: new Float64Array(PATH_KIND_COUNT),
    receivedPackets: new Float64Array(PATH_KIND_COUNT),
    receivedOctets: new Float64Array(PATH_KIND_COUNT),
    messagesSent: 0,
    messagesReceived: 0,
  };
}

/** Writes the choice. The limit goes first: a path with a lower one must not be used before it. */
export function storePaths(tables: Tables, peerRow: number, choice: PathChoice): void {
  const { current, mirrorMask, standbyMask, confirmedUntilMs, maxDatagramLen } = choice;
  tables.peerMaxDatagramLen[peerRow] = maxDatagramLen;
  tables.peerConfirmedUntilMs[peerRow] = confirmedUntilMs;
  Atomics.store(tables.peerPath, peerRow, pathWord(current, mirrorMask, standbyMask));
}

/** Reads what lanes noted into `out`. */
export function readPathTraffic(tables: Tables, peerRow: number, out: PathTraffic): void {
  const { laneCount, peerCapacity } = tables.shape;
  out.sentMs = 0;
  for (let lane = 0; lane < laneCount; lane++) {
    out.sentMs = Math.max(out.sentMs, tables.lastDataSentMs[lane * peerCapacity + peerRow]);
  }
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
    const path = peerRow * PATH_KIND_COUNT + kind;
    out.receivedMs[kind] = 0;
    for (let lane = 0; lane <= laneCount; lane++) {
      out.receivedMs[kind] = Math.max(out.receivedMs[kind], tables.pathReceivedMs[lane * tables.pathCount + path]);
    }
    out.sentPackets[kind] = sumPath(tables, tables.pathSentPackets, path);
    out.sentOctets[kind] = sumPath(tables, tables.pathSentOctets, path);
    out.receivedPackets[kind] = sumPath(tables, tables.pathReceivedPackets, path);
    out.receivedOctets[kind] = sumPath(tables, tables.pathReceivedOctets, path);
  }
  out.messagesSent = sumOverLanes(tables, tables.sentPackets, peerRow);
  out.messagesReceived = sumOverLanes(tables, tables.receivedPackets, peerRow);
}

/** Sums a column that has one entry a path over all lanes, the control thread included. */
function sumPath(tables: Tables, column: Float64Array, path: number): number {
  let sum = 0;
  for (let lane = 0; lane <= tables.shape.laneCount; lane++) sum += column[lane * tables.pathCount + path];
  return sum;
}
