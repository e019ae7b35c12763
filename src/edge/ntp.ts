/**
 * By how much our wall clock is wrong, as time servers say: what one-way latencies are corrected by.
 *
 * The clock itself is left alone. All servers are asked once, in parallel; then every interval those that answered fastest. A
 * round's result is the mean of their offsets without the least and the greatest, and holds until the next. The node starts
 * without, but its first measurements wait for the first round a little: others would remember for minutes what a wrong
 * clock says.
 *
 * Source: `behaviour.md` §7; RFC 5905 §7.4 about servers that don't want to be asked.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { NtpConfig } from "../config/dynamic_route_config.ts";
import type { NtpAnswer, NtpQuery } from "./ntp_query.ts";

/** What {@linkcode ClockOffset} is made of. */
export interface ClockOffsetOptions {
  readonly config: NtpConfig;
  readonly query: NtpQuery;
  /** Whether each answer is worth a line of its own (`LogNTP`). */
  readonly logsAnswers: boolean;
  readonly log: Logger;
}

/** A server and what it has answered lately. */
interface Server {
  readonly name: string;
  /** `undefined` if it was never asked, or the last question failed. */
  sample: { readonly offsetMs: number; readonly roundTripMs: number } | undefined;
  /** When the last question failed, −Infinity for never. */
  failedMs: number;
  /** It doesn't want to be asked before then. */
  restsUntilMs: number;
}

/** Longest wait for an answer if the file has none: that of the reference node, ms. */
const DEFAULT_TIMEOUT_MS = 5_000;
/** So long the first round is waited for, ms: what the fastest have answered until then counts. */
export const FIRST_ROUND_PATIENCE_MS = 2_000;
/** First and longest wait after a round in which no server answered, ms; doubled each time. RFC 5905 §7.2: 2^4 and 2^10 s. */
const RETRY_MIN_MS = 16_000;
const RETRY_MAX_MS = 1_024_000;
/** A change of the offset that is worth a line, ms. */
const NOTABLE_CHANGE_MS = 10;
/** From so many offsets on the least and the greatest are left out. Source: `behaviour.md` §7. */
const TRIMMED_FROM = 4;
/** Codes of a kiss-o'-death after which a server must not be asked again. */
const FORBIDDING_CODES: readonly string[] = ["DENY", "RSTR"];
/** A server that wants to be asked less is left out of so many rounds. */
const ROUNDS_OF_REST = 4;

/** Keeps the offset of our wall clock. */
export class ClockOffset {
  readonly #options: ClockOffsetOptions;
  /** The ones to be asked first come first. */
  readonly #servers: Server[];
  #offsetMs = 0;
  #nextMs = -Infinity;
  #retryMs = RETRY_MIN_MS;
  #isRunning = false;
  #startedMs = -Infinity;
  #isReady = false;

  constructor(options: ClockOffsetOptions) {
    this.#options = options;
    this.#servers = options.config.servers.map((name) => ({
      name,
      sample: undefined,
      failedMs: -Infinity,
      restsUntilMs: -Infinity,
    }));
  }

  /** What is to be added to our wall clock to get the true time, ms; 0 until servers have answered. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Whether the offset is as good as it gets for now: the first round is over, or was waited for long enough. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Begins a round if one is due. It goes on in the background; the promise is kept when it is over, and never rejects. */
  async poll(nowMs: number): Promise<void> {
    if (this.#isRunning) return this.#waitForFirst(nowMs);
    if (nowMs < this.#nextMs) return;
    const asked = this.#choose(nowMs);
    if (asked.length === 0) {
      this.#nextMs = nowMs + this.#options.config.syncIntervalMs;
      return;
    }
    this.#isRunning = true;
    this.#startedMs = nowMs;
    await Promise.all(asked.map((server) => this.#ask(server, nowMs)));
    this.#isRunning = false;
    this.#isReady = true;
    this.#rank();
    this.#conclude(asked, nowMs);
  }

  /** Ends the wait for the first round, of which some servers may take long. */
  #waitForFirst(nowMs: number): void {
    if (this.#isReady || nowMs < this.#startedMs + FIRST_ROUND_PATIENCE_MS) return;
    this.#isReady = true;
    const offsets = this.#servers.flatMap(({ sample }) => sample === undefined ? [] : [sample.offsetMs]);
    if (offsets.length > 0) this.#setOffset(offsets);
  }

  /** The servers of a round: all until one has answered, then the best. */
  #choose(nowMs: number): Server[] {
    const { maxServers } = this.#options.config;
    const willing = this.#servers.filter(({ restsUntilMs }) => nowMs >= restsUntilMs);
    const isFirst = this.#servers.every(({ sample }) => sample === undefined);
    return isFirst || maxServers < 0 ? willing : willing.slice(0, maxServers);
  }

  async #ask(server: Server, nowMs: number): Promise<void> {
    const { query, config } = this.#options;
    const answer = await query(server.name, config.timeoutMs > 0 ? config.timeoutMs : DEFAULT_TIMEOUT_MS);
    this.#logAnswer(server, answer);
    server.sample = answer.kind === "sample" ? answer.sample : undefined;
    if (answer.kind === "sample") return;
    server.failedMs = nowMs;
    if (answer.kind === "kiss") {
      const isForbidden = FORBIDDING_CODES.includes(answer.code);
      server.restsUntilMs = isForbidden ? Infinity : nowMs + ROUNDS_OF_REST * config.syncIntervalMs;
    }
  }

  /** Puts those that answered fastest first, and those that failed last, the one that failed latest at the very end. */
  #rank(): void {
    this.#servers.sort((a, b) => {
      if (a.sample !== undefined && b.sample !== undefined) return a.sample.roundTripMs - b.sample.roundTripMs;
      if (a.sample !== undefined) return -1;
      if (b.sample !== undefined) return 1;
      return a.failedMs === b.failedMs ? 0 : a.failedMs - b.failedMs;
    });
  }

  /** Takes the result of a round, and plans the next. */
  #conclude(asked: readonly Server[], nowMs: number): void {
    const { config, log } = this.#options;
    // Where none is to be asked again, the first round is the only one.
    const count = config.maxServers <= 0 ? asked.length : config.maxServers;
    const offsets = this.#servers.filter((server) => asked.includes(server)).slice(0, count)
      .flatMap(({ sample }) => sample === undefined ? [] : [sample.offsetMs]);
    if (offsets.length === 0) {
      log.warn("no time server answers; latencies are as wrong as the clock", {
        asked: asked.length,
        inMs: this.#retryMs,
      });
      this.#nextMs = nowMs + Math.min(this.#retryMs, config.syncIntervalMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      return;
    }
    this.#retryMs = RETRY_MIN_MS;
    this.#nextMs = nowMs + config.syncIntervalMs;
    this.#setOffset(offsets);
  }

  #setOffset(offsets: readonly number[]): void {
    const previousMs = this.#offsetMs;
    this.#offsetMs = trimmedMean(offsets);
    if (Math.abs(this.#offsetMs - previousMs) > NOTABLE_CHANGE_MS) {
      const fields = { fromMs: round(previousMs), toMs: round(this.#offsetMs), servers: offsets.length };
      this.#options.log.info("clock offset changed", fields);
    }
  }

  #logAnswer({ name }: Server, answer: NtpAnswer): void {
    const { log, logsAnswers } = this.#options;
    const level = logsAnswers ? "info" : "debug";
    switch (answer.kind) {
      case "sample": {
        const { offsetMs, roundTripMs } = answer.sample;
        const fields = { address: answer.address, offsetMs: round(offsetMs), roundTripMs: round(roundTripMs) };
        return log[level]("time server answered", { server: name, ...fields });
      }
      case "kiss":
        return log.warn("time server doesn't want to be asked", { server: name, code: answer.code });
      case "failure":
        return log[level]("time server failed", { server: name, cause: answer.cause });
    }
  }
}

/** Mean of offsets without the least and the greatest, if there are enough. */
export function trimmedMean(offsets: readonly number[]): number {
  const sorted = offsets.toSorted((a, b) => a - b);
  const kept = sorted.length >= TRIMMED_FROM ? sorted.slice(1, -1) : sorted;
  return kept.reduce((sum, offset) => sum + offset, 0) / kept.length;
}

/** For people: a thousandth of a millisecond is more than anybody measures. */
function round(valueMs: number): number {
  return Math.round(valueMs * 1000) / 1000;
}
