/**
 * Documents of a super node out of their JSON.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import type { Document } from "../control/documents.ts";

/** A list of a thousand peers is a fifth shorter than at level 1, and no longer than at level 6. */
const GZIP_LEVEL = 3;

/** Makes a document of its text; see {@linkcode createDocument}. */
export function jsonDocument(text: string): Document {
  return createDocument(new TextEncoder().encode(text));
}

/**
 * Makes a document of its octets. It is kept in both forms once both are there.
 *
 * @param compressed {@linkcode compress} of `plain`; `undefined`: it is compressed when that is first asked for.
 */
export function createDocument(plain: Uint8Array<ArrayBuffer>, compressed?: Uint8Array<ArrayBuffer>): Document {
  return { plain, gzip: () => compressed ??= compress(plain) };
}

/** Compresses a document. The result is exactly as long as its buffer, which can be transferred. */
export function compress(plain: Uint8Array): Uint8Array<ArrayBuffer> {
  // A copy, since the library may return a part of a larger buffer, which would live as long.
  return new Uint8Array(gzipSync(plain, { level: GZIP_LEVEL }));
}
