/**
 * Bodies of requests and answers: compressed where that makes them shorter, and checked when they have come in.
 *
 * The session authenticates each fragment, so the checksum guards against no attacker: it makes sure that all fragments are
 * of one body, whatever a peer that forgot and began anew may send.
 *
 * @module
 */

import { crc32, gunzipSync } from "node:zlib";
import { Reason } from "../base/reason.ts";
import { DocumentEncoding } from "../wire/document_message.ts";
import { type Document, DOCUMENT_LEN_MAX } from "./documents.ts";

const NOTHING = new Uint8Array(0);

/** A body as it is sent. Its octets belong to the document that it was made of, and to all other transfers of that one. */
export interface Body {
  readonly octets: Uint8Array;
  /** One of {@linkcode DocumentEncoding}. */
  readonly encoding: number;
}

/**
 * Returns the shorter form of a document.
 *
 * @param fragmentLen A body that is no longer isn't compressed: it takes one message in any case.
 */
export function bodyOf(document: Document | undefined, fragmentLen: number): Body {
  const plain: Body = { octets: document?.plain ?? NOTHING, encoding: DocumentEncoding.PLAIN };
  if (document === undefined || plain.octets.length <= fragmentLen) return plain;
  const compressed = document.gzip();
  return compressed.length < plain.octets.length ? { octets: compressed, encoding: DocumentEncoding.GZIP } : plain;
}

/**
 * Returns what a body means: at most {@linkcode DOCUMENT_LEN_MAX} octets, however much it would inflate to.
 *
 * @returns The octets, or `DOCUMENT_MALFORMED` or `DOCUMENT_TOO_LARGE`.
 */
export function readBody(body: Body): Uint8Array | number {
  if (body.encoding === DocumentEncoding.PLAIN) return body.octets;
  try {
    const plain = gunzipSync(body.octets, { maxOutputLength: DOCUMENT_LEN_MAX });
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  } catch (error) {
    const isTooLong = (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
    return isTooLong ? Reason.DOCUMENT_TOO_LARGE : Reason.DOCUMENT_MALFORMED;
  }
}

/** Checksums of bodies, each computed once for as long as its octets exist. The octets must not change meanwhile. */
export class BodyChecksums {
  readonly #known = new WeakMap<Uint8Array, number>();

  /** Returns the CRC-32 of a body. */
  of(octets: Uint8Array): number {
    let checksum = this.#known.get(octets);
    if (checksum === undefined) {
      checksum = crc32(octets);
      this.#known.set(octets, checksum);
    }
    return checksum;
  }
}
