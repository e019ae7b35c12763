/**
 * Documents and reports over HTTP: the way that every super node has.
 *
 * Source: `http-api.md` §4, §6; `wire.md` §4.5.
 *
 * A query holds a token that acts as a secret, and the body of an answer may hold preshared keys: neither is logged, nor is
 * the address that the user wrote, which may hold a password. What failed is told once, until it works or fails otherwise.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import type { Logger } from "../base/log.ts";
import type { NodeId } from "../base/node_id.ts";
import { formatKey } from "../config/key_text.ts";
import type { AnswerHandler, DocumentPayload, DocumentSource, SourceAnswer } from "../control/document_source.ts";
import { DOCUMENT_LEN_MAX, DocumentKind, DocumentStatus } from "../control/documents.ts";
import { FailureLog } from "../control/failure_log.ts";
import { encodePeerReport } from "../control/message_codec.ts";
import { reportBodyHash, signReportToken } from "./report_token.ts";

/** What {@linkcode HttpDocumentSource} is made of. */
export interface HttpSourceOptions {
  /** Base of the interface, `http://` or `https://`, without a slash at the end (`EndpointEdgeAPIUrl`). */
  readonly apiUrl: string;
  readonly selfNodeId: NodeId;
  /** 32 octets. */
  readonly selfPublicKey: Uint8Array;
  /** 32 octets; signs reports. */
  readonly tokenKey: Uint8Array;
  readonly log: Logger;
  /** The control loop's clock, ms. */
  readonly nowMs: () => number;
  /** Called after an answer was handed over: the control loop is to look up. */
  readonly onAnswered: () => void;
  /** How long a request may take, its answer included, ms; {@linkcode HTTP_TIMEOUT_MS} if left out. */
  readonly timeoutMs?: number;
}

/** How long a request may take, its answer included, ms. Source: `http-api.md` §6. */
export const HTTP_TIMEOUT_MS = 8_000;
/** How much of a refusal's text is read, octets. */
const REFUSAL_LEN_MAX = 1_024;

const PATHS: ReadonlyMap<number, string> = new Map([
  [DocumentKind.PARAMETERS, "/edge/superparams"],
  [DocumentKind.PEERS, "/edge/peerinfo"],
  [DocumentKind.NEXT_HOPS, "/edge/nhtable"],
  [DocumentKind.REPORT, "/edge/post/nodeinfo"],
]);

/** What stands for an answer that is too long to be taken in. */
const TOO_LARGE: SourceAnswer = {
  status: DocumentStatus.TOO_LARGE,
  body: new TextEncoder().encode(`document is longer than ${DOCUMENT_LEN_MAX} octets`),
};

/** What is sent. */
interface HttpRequest {
  readonly url: string;
  readonly init: RequestInit;
}

/** Asks a super node over HTTP. */
export class HttpDocumentSource implements DocumentSource, Disposable {
  readonly #options: HttpSourceOptions;
  readonly #failures: FailureLog;
  readonly #inFlight = new Set<AbortController>();
  #isClosed = false;

  constructor(options: HttpSourceOptions) {
    this.#options = options;
    this.#failures = new FailureLog(options.log);
  }

  /** Asks, and returns at once; see {@linkcode DocumentSource}. */
  request(kind: number, payload: DocumentPayload, onAnswer: AnswerHandler, _nowMs: number): void {
    this.#exchange(kind, payload).then((answer) => {
      if (this.#isClosed) return;
      onAnswer(answer, this.#options.nowMs());
      this.#options.onAnswered();
    });
  }

  /** Ends what is under way; it gets no answer any more. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const abort of this.#inFlight) abort.abort();
  }

  async #exchange(kind: number, payload: DocumentPayload): Promise<SourceAnswer | undefined> {
    const { url, init } = this.#requestOf(kind, payload);
    const abort = new AbortController();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      abort.abort();
    }, this.#options.timeoutMs ?? HTTP_TIMEOUT_MS);
    this.#inFlight.add(abort);
    try {
      const response = await fetch(url, { ...init, signal: abort.signal });
      const answer = await this.#readAnswer(kind, response);
      this.#failures.succeed("HTTP request to the super node");
      return answer;
    } catch (error) {
      // Whatever it is, it came from outside: a name server, a certificate, a broken stream.
      const cause = isLate ? "no answer in time" : networkCauseOf(error);
      if (!this.#isClosed) this.#failures.fail("HTTP request to the super node", cause);
      return undefined;
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(abort);
    }
  }

  /** Parameters stand in alphabetical order, as those of reference edges. */
  #requestOf(kind: number, payload: DocumentPayload): HttpRequest {
    const { apiUrl, selfNodeId, selfPublicKey, tokenKey } = this.#options;
    const self = { NodeID: String(selfNodeId), PubKey: formatKey(selfPublicKey) };
    const base = `${apiUrl}${PATHS.get(kind)}`;
    if (!("report" in payload)) {
      return { url: `${base}?${new URLSearchParams({ ...self, State: payload.stateToken })}`, init: {} };
    }
    const body = new Uint8Array(gzipSync(encodePeerReport(payload.report)));
    const JWTSig = signReportToken(tokenKey, { PostCount: payload.count, BodyHash: reportBodyHash(body) });
    const headers = { "Content-Type": "application/octet-stream", "Content-Encoding": "gzip" };
    return { url: `${base}?${new URLSearchParams({ JWTSig, ...self })}`, init: { method: "POST", headers, body } };
  }

  /** Reads an answer. Of a refusal only the beginning is of interest. */
  async #readAnswer(kind: number, response: Response): Promise<SourceAnswer> {
    const { status } = response;
    if (status !== DocumentStatus.OK) {
      if (kind === DocumentKind.REPORT && response.redirected) {
        this.#failures.fail(
          "HTTP report to the super node",
          "it was redirected, which can cost it its body; write where to as EndpointEdgeAPIUrl",
        );
      }
      return { status, body: (await readBody(response, REFUSAL_LEN_MAX)).octets };
    }
    const { octets, isComplete } = await readBody(response, DOCUMENT_LEN_MAX);
    return isComplete ? { status, body: octets } : TOO_LARGE;
  }
}

/** Reads a body, decompressed, up to a length; the rest is refused, so that memory is bounded whatever is sent. */
async function readBody(response: Response, lenMax: number): Promise<{ octets: Uint8Array; isComplete: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isComplete = true;
  // Leaving the loop early cancels the stream.
  for await (const chunk of response.body ?? []) {
    isComplete = length + chunk.length <= lenMax;
    const taken = isComplete ? chunk : chunk.subarray(0, lenMax - length);
    chunks.push(taken);
    length += taken.length;
    if (!isComplete) break;
  }
  const octets = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    octets.set(chunk, at);
    at += chunk.length;
  }
  return { octets, isComplete };
}

/**
 * Says why a request failed without the address, which the runtime's texts contain with the whole query: `client error
 * (Connect): tcp connect error: Connection refused (os error 111)`.
 */
function networkCauseOf(error: unknown): string {
  const { message, cause } = error as Error;
  const text = cause instanceof Error ? cause.message : message;
  const withoutAddresses = text.replaceAll(/\(?https?:\/\/[^\s)]*\)?/gi, "…");
  return /client error .*/s.exec(withoutAddresses)?.[0] ?? withoutAddresses;
}
