/**
 * Messages as hexadecimal text and as the call that writes them, and the proof that nothing beside one is touched.
 *
 * @module
 */

import { strict as assert } from "node:assert";

/** A message in both forms. */
export interface MessageVector {
  readonly name: string;
  readonly hex: string;
  readonly write: WriteMessage;
}

/** Writes a message into a buffer that is long enough. */
export type WriteMessage = (view: DataView, offset: number) => void;

/** Looks at octets that may lie within a larger buffer. */
export function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

/** Writes at an offset in a larger buffer, proves that nothing around was touched, and returns a view of the buffer. */
export function writeAt(offset: number, length: number, write: WriteMessage): DataView {
  const octets = new Uint8Array(offset + length + 3).fill(0x5a);
  write(viewOf(octets), offset);
  assert.ok(octets.subarray(0, offset).every((value) => value === 0x5a), "nothing before");
  assert.ok(octets.subarray(offset + length).every((value) => value === 0x5a), "nothing behind");
  return viewOf(octets);
}
