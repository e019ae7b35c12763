/**
 * Control messages as the device's owner writes them.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";
import { EG_HEADER_LEN, writeEgHeader } from "../wire/eg_header.ts";

/** A control message to be sealed for a peer. */
export interface ControlMessage {
  /** Usage code of `MessageType`. */
  readonly type: number;
  readonly ttl: number;
  readonly destination: NodeId;
  readonly source: NodeId;
  readonly body: Uint8Array;
}

/** Returns inner header and body of a message. */
export function contentOf(message: ControlMessage): Uint8Array {
  const content = new Uint8Array(EG_HEADER_LEN + message.body.length);
  writeEgHeader(content, 0, message.destination, message.source);
  content.set(message.body, EG_HEADER_LEN);
  return content;
}
