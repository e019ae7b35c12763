/**
 * TCP throughput, measured by iperf3.
 *
 * @module
 */

import type { Host } from "./host.ts";

/** What to transfer. */
export interface TcpOptions {
  /** Duration of the transfer. */
  seconds: number;
  /** Parallel connections; 1 if absent. */
  streams?: number;
  /** The server sends instead of the client. */
  reverse?: boolean;
  /** Bits per second that the sender keeps to, for each stream; no limit if absent. */
  limitBitsPerSecond?: number;
  /** Octets of TCP payload per segment at most; what the path allows if absent. */
  maxSegmentLen?: number;
}

/** What was transferred, as the receiver counted it. */
export interface TcpResult {
  bitsPerSecond: number;
  bytes: number;
  /** Bytes of all streams in each interval of half a second. */
  intervalBytes: number[];
  /** Bytes of each stream. */
  streamBytes: number[];
}

interface IperfSummary {
  bytes: number;
  bits_per_second: number;
}

interface IperfReport {
  error?: string;
  intervals: { sum: IperfSummary }[];
  end: { sum_received: IperfSummary; streams: { receiver: IperfSummary }[] };
}

const START_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Transfers from `client` to `server` (or back) for a while and returns what arrived.
 *
 * @param address The server's address, as the client reaches it.
 * @throws {Error} When the connection fails; the message is iperf3's.
 */
export async function measureTcp(client: Host, server: Host, address: string, options: TcpOptions): Promise<TcpResult> {
  const { seconds, streams = 1, reverse = false, limitBitsPerSecond, maxSegmentLen } = options;
  await using listener = server.spawn(["iperf3", "--server", "--one-off", "--forceflush"]);
  await listener.waitForLine(/listening/, START_TIMEOUT_MS);
  const words = ["iperf3", "--json", "--client", address, "--time", seconds, "--parallel", streams, "--interval", 0.5];
  words.push("--connect-timeout", CONNECT_TIMEOUT_MS);
  if (reverse) words.push("--reverse");
  if (limitBitsPerSecond !== undefined) words.push("--bitrate", Math.round(limitBitsPerSecond));
  if (maxSegmentLen !== undefined) words.push("--set-mss", maxSegmentLen);
  const { stdout, stderr } = await client.run(words.map(String), { allowFailure: true });
  const report = parseReport(stdout, stderr);
  return {
    bitsPerSecond: report.end.sum_received.bits_per_second,
    bytes: report.end.sum_received.bytes,
    intervalBytes: report.intervals.map((interval) => interval.sum.bytes),
    streamBytes: report.end.streams.map((stream) => stream.receiver.bytes),
  };
}

function parseReport(stdout: string, stderr: string): IperfReport {
  if (!stdout.trimStart().startsWith("{")) throw new Error(`iperf3: ${stdout}${stderr}`);
  const report = JSON.parse(stdout) as IperfReport;
  if (report.error !== undefined) throw new Error(`iperf3: ${report.error}`);
  return report;
}
