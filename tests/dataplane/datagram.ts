/**
 * Transport messages sealed and opened by an implementation that isn't the shim's, octet by octet from their description.
 *
 * @module
 */

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { strict as assert } from "node:assert";

/** A transport message in clear. */
export interface Message {
  readonly type: number;
  readonly ttl: number;
  /** Receiver index. */
  readonly index: number;
  readonly counter: number;
  /** Inner header and what it carries, padding included; empty for a keepalive. */
  readonly content: Uint8Array;
}

/** Returns the key that `enterNeighbour` gives to a sender. */
export function keyOf(sender: number): Uint8Array {
  return new Uint8Array(32).fill(sender);
}

/** Returns content: the inner header, then the body. */
export function contentOf(destination: number, source: number, body: Uint8Array): Uint8Array {
  return Uint8Array.of(destination >> 8, destination, source >> 8, source, ...body);
}

/** Seals a message. */
export function sealMessage(key: Uint8Array, { type, ttl, index, counter, content }: Message): Uint8Array {
  const header = new DataView(new ArrayBuffer(14));
  header.setUint8(0, type);
  header.setUint8(1, ttl);
  header.setUint32(2, index, true);
  header.setBigUint64(6, BigInt(counter), true);
  const sealed = chacha20poly1305(key, nonceOf(header)).encrypt(content);
  const datagram = new Uint8Array(14 + sealed.length);
  datagram.set(new Uint8Array(header.buffer));
  datagram.set(sealed, 14);
  return datagram;
}

/** Opens a datagram; the test fails if it doesn't verify. */
export function openMessage(key: Uint8Array, datagram: Uint8Array): Message {
  const header = new DataView(datagram.buffer, datagram.byteOffset, 14);
  assert.ok(datagram.length >= 30);
  return {
    type: header.getUint8(0),
    ttl: header.getUint8(1),
    index: header.getUint32(2, true),
    counter: Number(header.getBigUint64(6, true)),
    content: chacha20poly1305(key, nonceOf(header)).decrypt(datagram.subarray(14)),
  };
}

/** Returns what the content carries behind its inner header. */
export function bodyOf({ content }: Message): Uint8Array {
  return content.subarray(4);
}

function nonceOf(header: DataView): Uint8Array {
  const nonce = new DataView(new ArrayBuffer(12));
  nonce.setBigUint64(4, header.getBigUint64(6, true), true);
  return new Uint8Array(nonce.buffer);
}
