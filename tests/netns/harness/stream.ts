/**
 * A stream of numbered datagrams from host to host, and the account of every single one: how long nothing came, what was
 * lost and when it had been sent, what came twice.
 *
 * ```ts
 * await using stream = await Stream.start(one.host, two.host, two.address, { rate: 1000 });
 * await stream.progress(100);
 * const cutMs = wallClockMs();
 * …
 * const report = reportOn(await stream.finish(), { fromMs: cutMs });
 * ```
 *
 * @module
 */

import { compiledTool } from "./c_program.ts";
import type { Host } from "./host.ts";
import type { RunningProcess } from "./process.ts";
import { pauseMs } from "./wait.ts";

const TOOL = "stream_tool";
const FIRST_PORT = 7300;
const START_TIMEOUT_MS = 5_000;
/** How long a stream may stand still while a test waits for its progress. */
const PROGRESS_TIMEOUT_MS = 20_000;
/** When no datagram has come for so long after the last was sent, none is under way. */
const SETTLE_MS = 150;

/** What to send. */
export interface StreamOptions {
  /** Datagrams per second; 500 if absent. */
  rate?: number;
  /** Octets of each; 200 if absent. */
  datagramLen?: number;
}

/** All that happened to a stream; times are milliseconds since 1970. */
export interface StreamRecord {
  /** When each number was sent. */
  readonly sentMs: Float64Array;
  /** Each arrival in order: its number, and when it arrived. */
  readonly arrivals: readonly Arrival[];
}

/** One datagram that arrived. */
export interface Arrival {
  readonly number: number;
  readonly atMs: number;
}

/** A stretch of time. */
export interface Span {
  /** From the beginning of the stream if absent. */
  fromMs?: number;
  /** Until the end of the stream if absent. */
  toMs?: number;
}

/** What became of the datagrams that were sent within a span. */
export interface StreamReport {
  sent: number;
  /** When those that never arrived had been sent. */
  lostSentMs: readonly number[];
  /** Arrivals of what had arrived before. */
  duplicated: number;
  /** First arrivals behind a higher number. */
  outOfOrder: number;
  /** Longest time without an arrival that reaches into the span, in milliseconds. */
  darkMs: number;
}

let nextPort = FIRST_PORT;

/** A stream under way; ends with its scope at the latest. */
export class Stream implements AsyncDisposable {
  readonly #sender: RunningProcess;
  readonly #receiver: RunningProcess;
  readonly #files: { sent: string; received: string };

  private constructor(sender: RunningProcess, receiver: RunningProcess, files: { sent: string; received: string }) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#files = files;
  }

  /** Starts to send from one host to an address of another, and waits for the first arrivals. */
  static async start(from: Host, to: Host, address: string, options: StreamOptions = {}): Promise<Stream> {
    const { rate = 500, datagramLen = 200 } = options;
    const [tool, port] = [await compiledTool(TOOL), nextPort++];
    const files = { sent: `${from.folder}/stream${port}.sent`, received: `${to.folder}/stream${port}.received` };
    const receiver = to.spawn([tool, "receive", String(port), files.received]);
    await receiver.waitForLine(/^ready$/, START_TIMEOUT_MS);
    const sender = from.spawn([tool, "send", address, port, datagramLen, rate, files.sent].map(String));
    const stream = new Stream(sender, receiver, files);
    await stream.progress(1);
    return stream;
  }

  /** Waits until so many more datagrams have arrived, rounded up to the next ten. */
  async progress(count: number, timeoutMs = PROGRESS_TIMEOUT_MS): Promise<void> {
    const wanted = this.#arrived() + count;
    await this.#receiver.waitForLine((line) => arrivedOf(line) >= wanted, timeoutMs, this.#receiver.lines.length);
  }

  /** Ends the stream, lets what is under way arrive, and returns what happened. */
  async finish(): Promise<StreamRecord> {
    await this.#sender.stop();
    for (let last = -1; last !== this.#arrived();) {
      last = this.#arrived();
      await pauseMs(SETTLE_MS);
    }
    await this.#receiver.stop();
    const [sentMs, pairs] = [await readFloats(this.#files.sent), await readFloats(this.#files.received)];
    const arrivals = Array.from(
      { length: pairs.length / 2 },
      (_, i) => ({ number: pairs[2 * i], atMs: pairs[2 * i + 1] }),
    );
    return { sentMs, arrivals };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#sender[Symbol.asyncDispose](), this.#receiver[Symbol.asyncDispose]()]);
  }

  #arrived(): number {
    return Math.max(0, arrivedOf(this.#receiver.lines.at(-1)?.text ?? ""));
  }
}

/** Judges what was sent and what arrived within a span. */
export function reportOn(record: StreamRecord, span: Span = {}): StreamReport {
  const { fromMs = -Infinity, toMs = Infinity } = span;
  const { sentMs, arrivals } = record;
  const isWithin = (number: number) => sentMs[number] >= fromMs && sentMs[number] < toMs;
  const timesArrived = new Uint32Array(sentMs.length);
  let [duplicated, outOfOrder, highest] = [0, 0, -1];
  for (const { number } of arrivals) {
    const isFirst = timesArrived[number]++ === 0;
    if (isWithin(number)) {
      if (!isFirst) duplicated++;
      else if (number < highest) outOfOrder++;
    }
    highest = Math.max(highest, number);
  }
  const lostSentMs: number[] = [];
  let sent = 0;
  for (let number = 0; number < sentMs.length; number++) {
    if (!isWithin(number)) continue;
    sent++;
    if (timesArrived[number] === 0) lostSentMs.push(sentMs[number]);
  }
  return { sent, lostSentMs, duplicated, outOfOrder, darkMs: longestGapMs(record, fromMs, toMs) };
}

/** Counts the lost datagrams that had been sent at a time or later. */
export function lostSince(report: StreamReport, sinceMs: number): number {
  return report.lostSentMs.filter((ms) => ms >= sinceMs).length;
}

/** Longest time between two arrivals one after the other, of which the later falls behind `fromMs` and the earlier before `toMs`. */
function longestGapMs({ sentMs, arrivals }: StreamRecord, fromMs: number, toMs: number): number {
  let longest = 0;
  let lastMs = sentMs[0] ?? 0;
  for (const { atMs } of arrivals) {
    if (atMs >= fromMs && lastMs < toMs) longest = Math.max(longest, atMs - lastMs);
    lastMs = atMs;
  }
  // Silence up to the end is silence, too.
  const endMs = sentMs.at(-1) ?? lastMs;
  return lastMs < toMs ? Math.max(longest, endMs - lastMs) : longest;
}

function arrivedOf(line: string): number {
  return Number(/^arrived (\d+)$/.exec(line)?.[1] ?? -1);
}

async function readFloats(path: string): Promise<Float64Array> {
  return new Float64Array((await Deno.readFile(path)).buffer);
}
