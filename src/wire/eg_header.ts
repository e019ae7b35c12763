/**
 * The inner header: the first four octets of a transport message's content, sealed with it.
 *
 * | octets | field |
 * | --- | --- |
 * | 0–1 | destination NodeId, big-endian |
 * | 2–3 | source NodeId, big-endian |
 *
 * An Ethernet frame or a control message follows, then zero octets of padding that nothing counts. The source names the
 * node where the message began; any authenticated peer may claim any source, because a relay must.
 *
 * Source: `wire.md` §4.1; reference node, `path/header.go`. Allocates nothing.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";

/** Length of the inner header in octets. */
export const EG_HEADER_LEN = 4;

/**
 * Decides whether content that is not empty (that would be a keepalive) holds the header and at least one more octet.
 *
 * @param length Octets of opened content.
 * @returns `NONE` or `CONTENT_TRUNCATED`.
 */
export function checkEgContent(length: number): number {
  return length > EG_HEADER_LEN ? Reason.NONE : Reason.CONTENT_TRUNCATED;
}

/** Reads the destination of the header at `offset`. */
export function readDestination(octets: Uint8Array, offset: number): NodeId {
  return (octets[offset] << 8) | octets[offset + 1];
}

/** Reads the source of the header at `offset`. */
export function readSource(octets: Uint8Array, offset: number): NodeId {
  return (octets[offset + 2] << 8) | octets[offset + 3];
}

/**
 * Writes the header.
 *
 * @param octets Buffer with at least {@linkcode EG_HEADER_LEN} octets from `offset` on; the caller has checked it.
 */
export function writeEgHeader(octets: Uint8Array, offset: number, destination: NodeId, source: NodeId): void {
  octets[offset] = destination >>> 8;
  octets[offset + 1] = destination;
  octets[offset + 2] = source >>> 8;
  octets[offset + 3] = source;
}
