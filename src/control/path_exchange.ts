/**
 * Path messages as records: what `wire/path_message.ts` writes and reads, with the inner header and the padding around it.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import { Reason } from "../base/reason.ts";
import { PADDING_MTU_MIN } from "../device/send.ts";
import { EG_HEADER_LEN } from "../wire/eg_header.ts";
import {
  checkPathMessage,
  PATH_HELLO_LEN,
  PATH_PROBE_LEN,
  PATH_REPLY_LEN,
  PATH_REPORT_LEN,
  PathMessageKind,
  readCapabilities,
  readFakeTcpPort,
  readPathFlags,
  readPathKind,
  readPathMessageKind,
  readProbeId,
  readReceivedCount,
  readReceivedLen,
  writePathHello,
  writePathProbe,
  writePathReply,
  writePathReport,
} from "../wire/path_message.ts";
import { paddedContentLength, TRANSPORT_OVERHEAD_LEN } from "../wire/transport_message.ts";

/** A message between our own nodes. `path` is a kind of path as the prober numbers it. */
export type PathMessage =
  | { readonly kind: "hello"; readonly isAck: boolean; readonly capabilities: number; readonly fakeTcpPort: number }
  | { readonly kind: "probe"; readonly path: number; readonly id: number }
  | {
    readonly kind: "reply";
    readonly path: number;
    readonly flags: number;
    readonly id: number;
    /** Octets of the probe's datagram. */
    readonly receivedLen: number;
    /** Messages that the peer has accepted, modulo 2^32. */
    readonly receivedCount: number;
  }
  | { readonly kind: "report"; readonly path: number; readonly flags: number };

/**
 * Reads a message.
 *
 * @param content Inner header and body, padding included.
 * @returns The message, or the reason for which it is dropped.
 */
export function readPathMessage(content: Uint8Array): PathMessage | number {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const reason = checkPathMessage(view, EG_HEADER_LEN, content.length - EG_HEADER_LEN);
  if (reason !== Reason.NONE) return reason;
  const kind = readPathMessageKind(view, EG_HEADER_LEN);
  if (kind === PathMessageKind.HELLO || kind === PathMessageKind.HELLO_ACK) {
    return {
      kind: "hello",
      isAck: kind === PathMessageKind.HELLO_ACK,
      capabilities: readCapabilities(view, EG_HEADER_LEN),
      fakeTcpPort: readFakeTcpPort(view, EG_HEADER_LEN),
    };
  }
  const path = readPathKind(view, EG_HEADER_LEN);
  if (path >= PATH_KIND_COUNT) return Reason.USAGE_UNKNOWN;
  const flags = readPathFlags(view, EG_HEADER_LEN);
  if (kind === PathMessageKind.REPORT) return { kind: "report", path, flags };
  const id = readProbeId(view, EG_HEADER_LEN);
  if (kind === PathMessageKind.PROBE) return { kind: "probe", path, id };
  return {
    kind: "reply",
    path,
    flags,
    id,
    receivedLen: readReceivedLen(view, EG_HEADER_LEN),
    receivedCount: readReceivedCount(view, EG_HEADER_LEN),
  };
}

/**
 * Writes the body of a message.
 *
 * @param datagramLen Of a probe: the length that its datagram is to have at most.
 * @param mtu Of the interface, in octets.
 */
export function writePathMessage(message: PathMessage, datagramLen: number, mtu: number): Uint8Array {
  switch (message.kind) {
    case "hello": {
      const body = new Uint8Array(PATH_HELLO_LEN);
      const kind = message.isAck ? PathMessageKind.HELLO_ACK : PathMessageKind.HELLO;
      writePathHello(viewOf(body), 0, kind, message.capabilities, message.fakeTcpPort);
      return body;
    }
    case "probe": {
      const body = new Uint8Array(probeBodyLength(datagramLen, mtu));
      writePathProbe(viewOf(body), 0, message.path, message.id);
      return body;
    }
    case "reply": {
      const { path, flags, id, receivedLen, receivedCount } = message;
      const body = new Uint8Array(PATH_REPLY_LEN);
      writePathReply(viewOf(body), 0, path, flags, id, receivedLen, receivedCount);
      return body;
    }
    case "report": {
      const body = new Uint8Array(PATH_REPORT_LEN);
      writePathReport(viewOf(body), 0, message.path, message.flags);
      return body;
    }
  }
}

/** Octets of a datagram that holds content of that many octets, inner header included and padded already. */
export function datagramLength(contentLen: number): number {
  return contentLen + TRANSPORT_OVERHEAD_LEN;
}

/** Returns the length of a probe's body whose datagram, padded as the device does, comes closest to a length from below. */
function probeBodyLength(datagramLen: number, interfaceMtu: number): number {
  const mtu = Math.max(interfaceMtu, PADDING_MTU_MIN);
  const limit = datagramLen - TRANSPORT_OVERHEAD_LEN;
  let contentLen = limit;
  while (contentLen > EG_HEADER_LEN + PATH_PROBE_LEN && paddedContentLength(contentLen, mtu) > limit) contentLen--;
  return Math.max(PATH_PROBE_LEN, contentLen - EG_HEADER_LEN);
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer);
}
