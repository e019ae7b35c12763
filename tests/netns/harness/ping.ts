/**
 * Reachability and delay, measured by `ping` of iputils.
 *
 * @module
 */

import type { Host } from "./host.ts";
import { eventually } from "./wait.ts";

/** What to send. */
export interface PingOptions {
  /** Requests to send; 3 if absent. */
  count?: number;
  /** Seconds between two requests; 0.02 if absent. */
  intervalS?: number;
  /** Octets of ICMP payload: an IPv4 packet has 28 more, an IPv6 packet 48. 56 if absent. */
  payloadLen?: number;
  /** Forbid fragmentation. */
  dontFragment?: boolean;
  /** Seconds to wait for the last answer; 1 if absent. */
  timeoutS?: number;
}

/** What came back. */
export interface PingResult {
  sent: number;
  received: number;
  /** Mean time from request to answer in milliseconds; `NaN` without an answer. */
  averageMs: number;
  /** What ping printed. */
  output: string;
}

/** Sends requests from a host and returns what came back; no answer is a result, not an error. */
export async function ping(host: Host, address: string, options: PingOptions = {}): Promise<PingResult> {
  const { count = 3, intervalS = 0.02, payloadLen = 56, dontFragment = false, timeoutS = 1 } = options;
  const words = ["ping", "-n", "-q", "-c", count, "-i", intervalS, "-s", payloadLen, "-W", timeoutS].map(String);
  const { stdout, stderr } = await host.run([...words, ...(dontFragment ? ["-M", "do"] : []), address], {
    allowFailure: true,
  });
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout);
  return {
    sent: Number(counts?.[1] ?? 0),
    received: Number(counts?.[2] ?? 0),
    averageMs: Number(average?.[1] ?? NaN),
    output: stdout + stderr,
  };
}

/**
 * Sends two requests that mustn't be fragmented, of so many octets of payload, and returns the largest packet that an ICMP
 * error says would pass; `undefined` without such an error.
 */
export async function answeredMtu(host: Host, address: string, payloadLen: number): Promise<number | undefined> {
  const words = ["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", String(payloadLen), address];
  const { stdout, stderr } = await host.run(words, { allowFailure: true });
  const mtu = /mtu ?= ?(\d+)/i.exec(stdout + stderr)?.[1];
  return mtu === undefined ? undefined : Number(mtu);
}

/** Waits until a host gets an answer from an address. @throws {Error} When the deadline passes. */
export async function waitForPing(host: Host, address: string, timeoutMs: number): Promise<void> {
  await eventually(
    `an answer from ${address} to ${host.label}`,
    async () =>
      (await host.run(["ping", "-n", "-q", "-c", "1", "-W", "0.25", address], { allowFailure: true })).code === 0,
    timeoutMs,
  );
}
