/**
 * A ping that runs beside other things and remembers each answer.
 *
 * @module
 */

import type { Host } from "./host.ts";
import type { RunningProcess } from "./process.ts";
import type { Span } from "./stream.ts";

/** One answer; the number counts from 1. */
interface Answer {
  number: number;
  atMs: number;
}

/** What became of the requests within a span. */
export interface PingReport {
  answered: number;
  /** Requests between the first and the last answer of the span that had none. */
  lost: number;
  /** Longest time without an answer, in milliseconds. */
  darkMs: number;
}

const FIRST_ANSWER_TIMEOUT_MS = 5_000;

/** A ping under way; ends with its scope at the latest. */
export class PingWatch implements AsyncDisposable {
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.#process = process;
  }

  /** Starts to send requests and waits for the first answer. */
  static async start(host: Host, address: string, intervalS: number): Promise<PingWatch> {
    const process = host.spawn(["ping", "-n", "-D", "-i", String(intervalS), address]);
    await process.waitForLine((line) => answerOf(line) !== undefined, FIRST_ANSWER_TIMEOUT_MS);
    return new PingWatch(process);
  }

  /** Waits until so many more answers have come. */
  async progress(count: number, timeoutMs: number): Promise<void> {
    let missing = count;
    const { length } = this.#process.lines;
    await this.#process.waitForLine((line) => answerOf(line) !== undefined && --missing <= 0, timeoutMs, length);
  }

  /** Judges the answers that came within a span. */
  report(span: Span = {}): PingReport {
    const { fromMs = -Infinity, toMs = Infinity } = span;
    const answers = this.#process.lines.map((line) => answerOf(line.text))
      .filter((answer) => answer !== undefined && answer.atMs < toMs) as Answer[];
    // The last answer before the span is where a silence that reaches into it began.
    const first = Math.max(0, answers.findLastIndex((answer) => answer.atMs < fromMs));
    const within = answers.slice(first);
    const numbers = new Set(within.map((answer) => answer.number));
    const [lowest, highest] = [Math.min(...numbers), Math.max(...numbers)];
    const gapsMs = within.slice(1).map((answer, index) => answer.atMs - within[index].atMs);
    return {
      answered: numbers.size,
      lost: numbers.size === 0 ? 0 : highest - lowest + 1 - numbers.size,
      darkMs: Math.max(0, ...gapsMs),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** Reads a line such as `[1700000000.123456] 64 bytes from 10.77.0.2: icmp_seq=7 ttl=64 time=0.1 ms`. */
function answerOf(line: string): Answer | undefined {
  const match = /^\[(\d+\.\d+)\] .* icmp_seq=(\d+) .*time=/.exec(line);
  return match === null ? undefined : { number: Number(match[2]), atMs: Number(match[1]) * 1000 };
}
