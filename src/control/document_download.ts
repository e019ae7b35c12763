/**
 * When a document of the super node is downloaded: one of one kind at a time, the newest, and not too often.
 *
 * A push names the state that the super has now. What it names last is what is wanted; a push during a download is looked at
 * when that is over, whatever came of it. Even a token that was seen before may be a new one: a reference super makes it from
 * the content, so that it comes back when the content does. Source: `http-api.md` §3, §6.
 *
 * | what came of it | what follows |
 * | --- | --- |
 * | applied | nothing, unless another state is wanted by now |
 * | outdated: the super has another state by now, or doesn't know us | the super's next push, which comes within a second |
 * | failed: no answer, or a refusal | another attempt after 1 to 8 s, or at the next push |
 * | unfit: the document can't be used | another attempt after 1 to 8 s; pushes of the same state don't hasten it |
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { RetryDelay } from "./retry_delay.ts";

/** Least time between the beginnings of two downloads of one kind, ms: all that a super can make us do. */
export const DOWNLOAD_SPACING_MS = 1_000;
/** Longest wait after a failure, ms. */
const RETRY_MAX_MS = 8_000;

/** What came of a download. */
export type DownloadOutcome = "applied" | "outdated" | "failed" | "unfit";

/** The downloads of one kind of document. Does nothing by itself: the owner asks, and acts. */
export class DocumentDownload {
  readonly #retry: RetryDelay;
  /** State that was last applied; empty for none. */
  #applied = "";
  /** State that the super named last. */
  #wanted = "";
  /** State that is being downloaded. */
  #running: string | undefined;
  #startedMs = -Infinity;
  #dueMs = Infinity;
  /** Whether the wanted document came and was of no use. */
  #isUnfit = false;

  constructor(random: RandomSource) {
    this.#retry = new RetryDelay(random, RETRY_MAX_MS);
  }

  /** Token of the state that was last applied; empty for none. */
  get token(): string {
    return this.#applied;
  }

  /** When to begin a download, ms; `Infinity` while one is running or none is wanted. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Takes in that the super has a state. */
  handlePush(token: string, nowMs: number): void {
    const isRepeated = token === this.#wanted;
    this.#wanted = token;
    if (!isRepeated) {
      this.#isUnfit = false;
      this.#retry.reset();
    }
    if (this.#running === undefined && !this.#isUnfit) this.#dueMs = this.#spacedMs(nowMs);
  }

  /** Begins the download that is due. Returns the token to ask for. */
  begin(nowMs: number): string {
    this.#running = this.#wanted;
    this.#startedMs = nowMs;
    this.#dueMs = Infinity;
    return this.#wanted;
  }

  /** Tells whether a download of this state is running. */
  isRunning(token: string): boolean {
    return this.#running === token;
  }

  /** Takes in what came of the running download. */
  finish(outcome: DownloadOutcome, nowMs: number): void {
    const token = this.#running;
    if (token === undefined) return;
    this.#running = undefined;
    if (outcome === "applied") {
      this.#applied = token;
      this.#retry.reset();
    }
    if (this.#wanted !== token) {
      this.#dueMs = this.#spacedMs(nowMs);
    } else if (outcome === "failed" || outcome === "unfit") {
      this.#isUnfit = outcome === "unfit";
      this.#dueMs = nowMs + this.#retry.next();
    }
  }

  #spacedMs(nowMs: number): number {
    if (this.#wanted === this.#applied) return Infinity;
    return Math.max(nowMs, this.#startedMs + DOWNLOAD_SPACING_MS);
  }
}
