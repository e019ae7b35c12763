/**
 * Starts `packet_tool`, the small C program beside this file: raw frames, floods, counted datagrams.
 *
 * @module
 */

import { compiledTool } from "./c_program.ts";
import type { Host } from "./host.ts";
import type { RunningProcess } from "./process.ts";
import { pauseMs } from "./wait.ts";

const TOOL = "packet_tool";
const START_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** A flood in the background has its end when its test has. */
const FLOOD_SECONDS_MAX = 600;
/** When no datagram has come for so long, none is under way. */
const SETTLE_MS = 100;

/** Kinds of garbage: nothing in particular, with the first octet of a data message, with the length and type of an initiation. */
export type Garbage = "random" | "transport" | "initiation";

/** What a sender did. */
export interface SendResult {
  sent: number;
  seconds: number;
}

/** Sends one raw frame, given as hexadecimal digits, `count` times. */
export async function sendFrame(host: Host, device: string, hex: string, count = 1): Promise<void> {
  await host.run([await compiledTool(TOOL), "send-frame", device, hex, String(count)]);
}

/**
 * Starts to print the frames of one EtherType that arrive at an interface, each as a line of hexadecimal digits.
 *
 * When this resolves, the interface is being listened to.
 */
export async function receiveFrames(host: Host, device: string, etherType: number): Promise<RunningProcess> {
  const receiver = host.spawn([await compiledTool(TOOL), "receive-frames", device, etherType.toString(16)]);
  await receiver.waitForLine(/^ready$/, START_TIMEOUT_MS);
  return receiver;
}

/** Starts to record what crosses an interface into a pcap file, until SIGTERM. */
export async function startRecording(host: Host, device: string, file: string): Promise<RunningProcess> {
  const recorder = host.spawn([await compiledTool(TOOL), "record", device, file]);
  await recorder.waitForLine(/^ready$/, START_TIMEOUT_MS);
  return recorder;
}

/** Sends garbage to a UDP port as fast as the machine can. */
export async function flood(
  host: Host,
  address: string,
  port: number,
  kind: Garbage,
  datagramLen: number,
  seconds: number,
): Promise<SendResult> {
  const { stdout } = await host.run(
    [await compiledTool(TOOL), "flood", address, port, kind, datagramLen, seconds].map(String),
  );
  return JSON.parse(stdout) as SendResult;
}

/** The same in the background, until it is stopped or the lab ends. */
export async function startFlood(
  host: Host,
  address: string,
  port: number,
  kind: Garbage,
  datagramLen: number,
): Promise<RunningProcess> {
  return host.spawn(
    [await compiledTool(TOOL), "flood", address, port, kind, datagramLen, FLOOD_SECONDS_MAX].map(String),
  );
}

/** Sends datagrams at an even rate; they carry the number of their run, so that the receiver can count each run apart. */
export async function sendUdp(
  host: Host,
  address: string,
  port: number,
  datagramLen: number,
  rate: number,
  seconds: number,
  runNumber: number,
): Promise<SendResult> {
  const { stdout } = await host.run(
    [await compiledTool(TOOL), "send-udp", address, port, datagramLen, rate, seconds, runNumber].map(String),
  );
  return JSON.parse(stdout) as SendResult;
}

/** Counts the datagrams of {@linkcode sendUdp} on a port. */
export class UdpCounter implements AsyncDisposable {
  readonly #receiver: RunningProcess;

  private constructor(receiver: RunningProcess) {
    this.#receiver = receiver;
  }

  /** Starts counting on a port of a host. */
  static async start(host: Host, port: number): Promise<UdpCounter> {
    const receiver = host.spawn([await compiledTool(TOOL), "receive-udp", String(port)], { stdin: true });
    await receiver.waitForLine(/^ready$/, START_TIMEOUT_MS);
    return new UdpCounter(receiver);
  }

  /** Datagrams of a run that have arrived so far. */
  async count(runNumber: number): Promise<number> {
    const from = this.#receiver.lines.length;
    await this.#receiver.writeLine(String(runNumber));
    const line = await this.#receiver.waitForLine(/"received"/, ANSWER_TIMEOUT_MS, from);
    return (JSON.parse(line) as { received: number }).received;
  }

  /** Datagrams of a run that have arrived when no more come. */
  async settledCount(runNumber: number): Promise<number> {
    for (let last = -1;;) {
      const count = await this.count(runNumber);
      if (count === last) return count;
      last = count;
      await pauseMs(SETTLE_MS);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#receiver[Symbol.asyncDispose]();
  }
}
