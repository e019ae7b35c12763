/**
 * What is measured of a subject: a table of cases. A new case is one entry.
 *
 * @module
 */

import { measureTcp, type TcpOptions } from "../../netns/harness/iperf.ts";
import { ping } from "../../netns/harness/ping.ts";
import { type BenchCable, cpuSecondsOf, type RunningSubject } from "./subject.ts";
import { highestUdpRate } from "./udp_rate.ts";

/** Unit of a value. */
export type Unit = "bit/s" | "packet/s" | "ms" | "s/GB";

/** One value of one case. */
export interface Measurement {
  case: string;
  unit: Unit;
  value: number;
}

/** What a case is measured with. */
export interface CaseContext {
  cable: BenchCable;
  subject: RunningSubject;
  /** Length of one transfer. */
  seconds: number;
}

/** Something to measure. */
export interface Case {
  /** Name in tables and in the JSON file. */
  readonly name: string;
  readonly title: string;
  /** Measured with offloads of the cable on and off, or with on alone. */
  readonly offloads: readonly ("on" | "off")[];
  /** Returns one or more values, or none where the subject has nothing to measure. */
  measure(context: CaseContext): Promise<Measurement[]>;
}

const BOTH = ["on", "off"] as const;
const ON = ["on"] as const;
/** Requests of one measurement of delay. */
const PING_COUNT = 200;
const PING_INTERVAL_S = 0.005;
/** Under load, requests are spread over the transfer. */
const LOADED_PING_INTERVAL_S = 0.01;
/** Time for the transfer to reach its speed before and to keep it after the requests. */
const LOADED_PING_MARGIN_S = 0.5;

/** All cases in the order of the table. */
export const CASES: readonly Case[] = [
  { name: "tcp1", title: "TCP, one stream; processor time per GB", offloads: BOTH, measure: measureOneStream },
  {
    name: "tcp4",
    title: "TCP, four streams",
    offloads: BOTH,
    measure: (context) => tcp("tcp4", context, { streams: 4 }),
  },
  {
    name: "tcp1r",
    title: "TCP, one stream, reverse",
    offloads: BOTH,
    measure: (context) => tcp("tcp1r", context, { reverse: true }),
  },
  { name: "udp64", title: "UDP, 64 octets", offloads: ON, measure: (context) => udp("udp64", 64, context) },
  { name: "udp1200", title: "UDP, 1200 octets", offloads: ON, measure: (context) => udp("udp1200", 1200, context) },
  { name: "ping", title: "ping, unloaded", offloads: ON, measure: measurePing },
  { name: "pingload", title: "ping, under TCP load", offloads: ON, measure: measureLoadedPing },
];

async function measureOneStream(context: CaseContext): Promise<Measurement[]> {
  const before = await cpuSecondsOf(context.subject);
  const { client, server } = context.cable;
  const result = await measureTcp(client, server, context.subject.serverAddress, { seconds: context.seconds });
  const cpuSeconds = await cpuSecondsOf(context.subject) - before;
  const values: Measurement[] = [{ case: "tcp1", unit: "bit/s", value: result.bitsPerSecond }];
  if (context.subject.programs.length > 0) {
    values.push({ case: "cpu", unit: "s/GB", value: cpuSeconds / (result.bytes / 1e9) });
  }
  return values;
}

async function tcp(name: string, context: CaseContext, options: Partial<TcpOptions>): Promise<Measurement[]> {
  const { client, server } = context.cable;
  const result = await measureTcp(client, server, context.subject.serverAddress, {
    ...options,
    seconds: context.seconds,
  });
  return [{ case: name, unit: "bit/s", value: result.bitsPerSecond }];
}

async function udp(name: string, datagramLen: number, context: CaseContext): Promise<Measurement[]> {
  const { client, server } = context.cable;
  const rate = await highestUdpRate(client, server, context.subject.serverAddress, datagramLen);
  return [{ case: name, unit: "packet/s", value: rate }];
}

async function measurePing(context: CaseContext): Promise<Measurement[]> {
  const options = { count: PING_COUNT, intervalS: PING_INTERVAL_S };
  const result = await ping(context.cable.client, context.subject.serverAddress, options);
  return [{ case: "ping", unit: "ms", value: result.averageMs }];
}

async function measureLoadedPing(context: CaseContext): Promise<Measurement[]> {
  const { client, server } = context.cable;
  const address = context.subject.serverAddress;
  const load = measureTcp(client, server, address, { seconds: context.seconds + 2 * LOADED_PING_MARGIN_S });
  const [result] = await Promise.all([
    ping(client, address, {
      count: Math.round(context.seconds / LOADED_PING_INTERVAL_S),
      intervalS: LOADED_PING_INTERVAL_S,
    }),
    load,
  ]);
  return [{ case: "pingload", unit: "ms", value: result.averageMs }];
}
