/**
 * Takes UDP away from two edges under load and gives it back, and measures what the change costs, there and back.
 *
 * @module
 */

import { wallClockMs } from "../../../src/base/clock.ts";
import { type RunningEdge, waitForTunnel } from "./edge.ts";
import {
  suspicionMs,
  switchesOf,
  type TransportName,
  waitForFakeTcp,
  waitForSwitch,
  waitForTransport,
} from "./path_events.ts";
import { lostSince, reportOn, Stream, type StreamOptions, type StreamRecord } from "./stream.ts";
import { type Site, startNodes } from "./topologies.ts";
import { blockUdp, blockUdpByIptables, type Checkpoint, Fault, type UdpBlock } from "./udp_block.ts";

/** A way for UDP to fail between two edges. */
export interface FailoverCase {
  /** Name in tables and in the JSON file. */
  readonly name: string;
  readonly title: string;
  /** Which of the two send in vain: 0 is the first, 1 the second. */
  readonly senders: readonly (0 | 1)[];
  /** Longest time without an arrival that is allowed, ms. */
  readonly darkLimitMs: number;
  block(one: RunningEdge, two: RunningEdge): Promise<UdpBlock>;
}

/** What one change of the transport cost the worse of the streams it concerns. */
export interface Transition {
  case: string;
  to: TransportName;
  /** Longest time without an arrival. */
  darkMs: number;
  /** Datagrams lost, and of those the ones sent after suspicion began, or for a return after UDP was back. */
  lost: number;
  lostLate: number;
  duplicated: number;
  outOfOrder: number;
  /** Switches of one edge; 1 is right. */
  switches: number;
  /** From the cause to the log line that tells the switch. */
  tookMs: number;
}

/** Times that the issue names: until all flows over FakeTCP, and until UDP is used again. */
const SILENT_LIMIT_MS = 1_000;
const REFUSED_LIMIT_MS = 100;
const LEAVE_TIMEOUT_MS = 5_000;
const RETURN_TIMEOUT_MS = 20_000;
/** Datagrams that are to arrive after a change before it counts as over. */
const AFTERMATH = 100;
const LOAD: StreamOptions = { rate: 500, datagramLen: 600 };

/** All ways for UDP to fail altogether. */
export const FAILOVER_CASES: readonly FailoverCase[] = [
  silent("silent", "dropped in silence, both ways", [0, 1]),
  silent("silent-there", "dropped in silence, from node 1 to node 2", [0]),
  silent("silent-back", "dropped in silence, from node 2 to node 1", [1]),
  {
    name: "refused",
    title: "refused by the own system (EPERM)",
    senders: [0, 1],
    darkLimitMs: REFUSED_LIMIT_MS,
    block: (...edges) => blockUdp(edges.map((edge) => checkpoint(edge, "output")), Fault.DROP),
  },
  {
    name: "rejected",
    title: "rejected by the other end (ICMP)",
    senders: [0, 1],
    darkLimitMs: REFUSED_LIMIT_MS,
    block: (...edges) => blockUdp(edges.map((edge) => checkpoint(edge, "input")), Fault.REJECT),
  },
  {
    name: "iptables",
    title: "blocked on node 1 by the original's iptables commands",
    senders: [0, 1],
    darkLimitMs: SILENT_LIMIT_MS,
    block: (one) => blockUdpByIptables(one.host, one.settings.listenPort),
  },
];

/** Two edges that use UDP and have a FakeTCP connection; disposal ends them. */
export interface Pair extends AsyncDisposable {
  readonly edges: readonly [RunningEdge, RunningEdge];
}

/**
 * Starts nodes 1 and 2 of a site, and waits until they are ready for UDP to fail.
 *
 * They have no past: a path that failed a moment ago has to prove itself for longer before traffic returns to it.
 */
export async function startPair(site: Site): Promise<Pair> {
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  await waitForFakeTcp(one, two);
  await waitForTransport([one, two], "udp", RETURN_TIMEOUT_MS);
  return {
    edges: [one, two],
    async [Symbol.asyncDispose]() {
      await Promise.all([one.process.stop(), two.process.stop()]);
    },
  };
}

/**
 * Lets UDP fail once between two edges that use it and have a FakeTCP connection, waits for the switch, gives UDP back, and
 * waits for the return.
 *
 * @returns The change to FakeTCP and the return to UDP.
 * @throws {Error} When one of them doesn't come in time.
 */
export async function failOver(
  edges: readonly [RunningEdge, RunningEdge],
  failure: FailoverCase,
): Promise<[Transition, Transition]> {
  const [one, two] = edges;
  await using there = await Stream.start(one.host, two.host, two.address, LOAD);
  await using back = await Stream.start(two.host, one.host, one.address, LOAD);
  const streams = [there, back];
  const senders = failure.senders.map((index) => edges[index]);

  const cutMs = wallClockMs();
  const block = await failure.block(one, two);
  await Promise.all(senders.map((edge) => waitForSwitch(edge, "faketcp", LEAVE_TIMEOUT_MS, cutMs)));
  await Promise.all(streams.map((stream) => stream.progress(AFTERMATH)));

  const backMs = wallClockMs();
  await block.lift();
  const worksMs = wallClockMs();
  await waitForTransport(edges, "udp", RETURN_TIMEOUT_MS);
  await Promise.all(streams.map((stream) => stream.progress(AFTERMATH)));
  const records = [await there.finish(), await back.finish()];

  const judged = failure.senders.map((index) => ({ edge: edges[index], record: records[index] }));
  const leaving = judged.map(({ edge, record }) => {
    return judge(failure, "faketcp", edge, record, {
      causeMs: cutMs,
      untilMs: backMs,
      lateMs: suspicionMs(edge, cutMs),
    });
  });
  const returning = judged.map(({ edge, record }) => {
    return judge(failure, "udp", edge, record, { causeMs: worksMs, untilMs: Infinity, lateMs: worksMs });
  });
  return [worst(leaving), worst(returning)];
}

function silent(name: string, title: string, senders: readonly (0 | 1)[]): FailoverCase {
  return {
    name,
    title,
    senders,
    darkLimitMs: SILENT_LIMIT_MS,
    // Stopped where they arrive: a drop where they leave would be a refusal.
    block: (...edges) => blockUdp(senders.map((index) => checkpoint(edges[1 - index], "input")), Fault.DROP),
  };
}

/** Where a host's datagrams to an edge's port arrive, or those from it leave. */
export function checkpoint(edge: RunningEdge, hook: "input" | "output"): Checkpoint {
  return { host: edge.host, hook, port: edge.settings.listenPort };
}

interface Stretch {
  /** When UDP was cut or given back. */
  causeMs: number;
  untilMs: number;
  /** From when on nothing may be lost. */
  lateMs: number | undefined;
}

function judge(
  failure: FailoverCase,
  to: TransportName,
  edge: RunningEdge,
  record: StreamRecord,
  stretch: Stretch,
): Transition {
  const report = reportOn(record, { fromMs: stretch.causeMs, toMs: stretch.untilMs });
  const switches = switchesOf(edge, stretch.causeMs, stretch.untilMs);
  return {
    case: failure.name,
    to,
    darkMs: report.darkMs,
    lost: report.lostSentMs.length,
    // The log tells the time in whole milliseconds.
    lostLate: lostSince(report, (stretch.lateMs ?? stretch.causeMs) + 1),
    duplicated: report.duplicated,
    outOfOrder: report.outOfOrder,
    switches: switches.length,
    tookMs: switches.length === 0 ? Infinity : Date.parse(switches[0].time) - stretch.causeMs,
  };
}

/** The larger of each figure. */
function worst(transitions: readonly Transition[]): Transition {
  return transitions.reduce((a, b) => ({
    case: a.case,
    to: a.to,
    darkMs: Math.max(a.darkMs, b.darkMs),
    lost: Math.max(a.lost, b.lost),
    lostLate: Math.max(a.lostLate, b.lostLate),
    duplicated: Math.max(a.duplicated, b.duplicated),
    outOfOrder: Math.max(a.outOfOrder, b.outOfOrder),
    switches: Math.max(a.switches, b.switches),
    tookMs: Math.max(a.tookMs, b.tookMs),
  }));
}
