/**
 * Gob streams by their messages, for tests that put them together themselves.
 *
 * @module
 */

import { GobReader } from "../../../src/control/gob/reader.ts";
import { GobWriter } from "../../../src/control/gob/writer.ts";

/** Joins messages, given in hexadecimal without their lengths, into a stream. */
export function streamOf(...messages: readonly string[]): Uint8Array {
  const writer = new GobWriter();
  for (const message of messages) writer.writeOctets(Uint8Array.fromHex(message));
  return writer.written.slice();
}

/** Takes a stream apart into its messages, in hexadecimal without their lengths. */
export function messagesOf(stream: Uint8Array): string[] {
  const reader = new GobReader(stream);
  const messages: string[] = [];
  while (reader.remaining > 0) messages.push(reader.readOctets(stream.length).toHex());
  return messages;
}
