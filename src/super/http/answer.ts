/**
 * The answers of the HTTP interface.
 *
 * @module
 */

import { type DocumentAnswer, DocumentStatus } from "../../control/documents.ts";
import { ApiError } from "./api_error.ts";

/** Octets of a piece of a long answer: between two of them the rest of the program has its turn. */
const PIECE_LEN = 64 * 1024;

/** Keys and tables of the network are nothing for the caches of proxies. */
const PRIVATE = { "cache-control": "no-store" };

/** Answers with text for people. */
export function textAnswer(status: number, text: string, headers: Record<string, string> = {}): Response {
  const body = new TextEncoder().encode(text);
  return new Response(body, {
    status,
    headers: {
      ...PRIVATE,
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(body.length),
      ...headers,
    },
  });
}

/**
 * Answers with a document, compressed if the other side likes that; without a body if there is no document.
 *
 * @throws {ApiError} There is a refusal instead.
 */
export function documentAnswer(request: Request, { status, document }: DocumentAnswer): Response {
  if (status !== DocumentStatus.OK) throw new ApiError(status, DOCUMENT_REFUSALS[status] ?? "The request is refused");
  const isCompressed = document !== undefined && acceptsGzip(request);
  const body = isCompressed ? document.gzip() : document?.plain ?? new Uint8Array(0);
  return new Response(body, { headers: jsonHeaders(isCompressed, body.length) });
}

/**
 * Answers with JSON that is there in parts.
 *
 * The parts may have tens of millions of octets, and so the answer is made while it is sent.
 */
export function jsonAnswer(request: Request, parts: readonly Uint8Array<ArrayBuffer>[]): Response {
  const pieces = ReadableStream.from(piecesOf(parts));
  if (!acceptsGzip(request)) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return new Response(pieces, { headers: jsonHeaders(false, length) });
  }
  return new Response(pieces.pipeThrough(new CompressionStream("gzip")), { headers: jsonHeaders(true) });
}

/** Tells whether the other side understands gzip. Source: RFC 9110 §12.5.3. */
export function acceptsGzip(request: Request): boolean {
  const accepted = request.headers.get("accept-encoding") ?? "";
  return accepted.split(",").some((entry) => {
    const [coding, ...parameters] = entry.toLowerCase().split(";").map((part) => part.trim());
    if (coding !== "gzip" && coding !== "x-gzip") return false;
    return !parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter));
  });
}

const DOCUMENT_REFUSALS: Readonly<Record<number, string>> = {
  [DocumentStatus.BAD_REQUEST]: "NodeID is reserved",
  [DocumentStatus.NOT_FOUND]: "NodeID and PubKey don't belong together, or State isn't current",
};

function jsonHeaders(isCompressed: boolean, length?: number): Record<string, string> {
  return {
    ...PRIVATE,
    "content-type": "application/json",
    "vary": "Accept-Encoding",
    ...(isCompressed ? { "content-encoding": "gzip" } : {}),
    ...(length === undefined ? {} : { "content-length": String(length) }),
  };
}

function* piecesOf(parts: readonly Uint8Array<ArrayBuffer>[]): Generator<Uint8Array<ArrayBuffer>> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_LEN) yield part.subarray(at, at + PIECE_LEN);
  }
}
