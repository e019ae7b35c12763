/**
 * Where an edge gets the documents of its super node: over HTTP from any super, or through the session from one of ours.
 *
 * Who asks doesn't care which, and asks the one that is best at that moment each time.
 *
 * @module
 */

import type { PeerReport } from "./messages.ts";

/** A way to ask the super node. */
export interface DocumentSource {
  /**
   * Asks, and returns at once.
   *
   * @param kind One of `DocumentKind` in `documents.ts`.
   * @param payload A state token for a document, a report for a report.
   * @param onAnswer Called once, perhaps before this returns, with the answer or with `undefined` if none came in time
   *   (over HTTP 8 s, `http-api.md` §6); not at all after the source was closed.
   */
  request(kind: number, payload: DocumentPayload, onAnswer: AnswerHandler, nowMs: number): void;
}

/** What goes with a request. */
export type DocumentPayload =
  | { readonly stateToken: string }
  /** `count` is the number of this attempt; see `Register.reportCount`. */
  | { readonly report: PeerReport; readonly count: number };

/** What came back. */
export interface SourceAnswer {
  /** One of `DocumentStatus` in `documents.ts`, or another status of HTTP; `TOO_LARGE` also for what the source cut off. */
  readonly status: number;
  /** The document for status 200, not compressed, at most `DOCUMENT_LEN_MAX` octets; else a text for people, or nothing. */
  readonly body: Uint8Array;
}

/** Takes an answer in, at the time of the control loop. */
export type AnswerHandler = (answer: SourceAnswer | undefined, nowMs: number) => void;
