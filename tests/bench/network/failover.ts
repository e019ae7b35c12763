/**
 * What it costs when UDP dies under load, and when it comes back: measured over many runs.
 *
 * @module
 */

import { speakFakeTcp } from "../../netns/harness/edge_config.ts";
import { failOver, FAILOVER_CASES, startPair, type Transition } from "../../netns/harness/failover.ts";
import { Lab } from "../../netns/harness/lab.ts";
import { buildChain } from "../../netns/harness/topologies.ts";
import { renderColumns } from "./report.ts";

/** How often to let UDP die. */
export interface FailoverEffort {
  /** Of the first case, which is the one that matters most: in silence, both ways. */
  firstRuns: number;
  /** Of each other case. */
  otherRuns: number;
}

/** The runs of one case in one direction. Seconds and counts are of the 99th percentile, or of the worst run below 100. */
export interface FailoverRow {
  case: string;
  to: "udp" | "faketcp";
  runs: number;
  /** Longest time without an arrival: the middle of the runs, and the 99th percentile. */
  darkSecondsMedian: number;
  darkSeconds: number;
  lost: number;
  /** Of the lost those sent after suspicion began, or after UDP was back. */
  lostLate: number;
  duplicated: number;
  switches: number;
  /** From the cause until the switch is logged. */
  tookSeconds: number;
}

/** Lets UDP die and come back again and again; `report` gets a line of text before each case. */
export async function measureFailover(
  effort: FailoverEffort,
  report: (progress: string) => void,
): Promise<FailoverRow[]> {
  await using lab = await Lab.create();
  const site = await buildChain(lab, 2);
  speakFakeTcp(site.plan);
  const rows: FailoverRow[] = [];
  for (const [index, failure] of FAILOVER_CASES.entries()) {
    const runs = index === 0 ? effort.firstRuns : effort.otherRuns;
    report(`failover, UDP ${failure.title}, ${runs} runs`);
    const leaving: Transition[] = [];
    const returning: Transition[] = [];
    for (let run = 0; run < runs; run++) {
      await using pair = await startPair(site);
      const [there, back] = await failOver(pair.edges, failure);
      leaving.push(there);
      returning.push(back);
    }
    rows.push(summarise(leaving), summarise(returning));
  }
  return rows;
}

/** Sums up the runs of one case in one direction; at least one. */
export function summarise(transitions: readonly Transition[]): FailoverRow {
  const of = (field: (transition: Transition) => number, share = 0.99) => percentile(transitions.map(field), share);
  return {
    case: transitions[0].case,
    to: transitions[0].to,
    runs: transitions.length,
    darkSecondsMedian: toSeconds(of((one) => one.darkMs, 0.5)),
    darkSeconds: toSeconds(of((one) => one.darkMs)),
    lost: of((one) => one.lost),
    lostLate: of((one) => one.lostLate),
    duplicated: of((one) => one.duplicated),
    switches: of((one) => one.switches),
    tookSeconds: toSeconds(of((one) => one.tookMs)),
  };
}

/** The least value that is not below a share of the values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Renders the rows as a table. */
export function renderFailover(rows: readonly FailoverRow[]): string {
  const heading = [
    "UDP",
    "switch to",
    "runs",
    "dark s",
    "dark s p99",
    "took s",
    "lost",
    "lost late",
    "duplicated",
    "switches",
  ];
  return renderColumns([
    heading,
    ...rows.map((row) => [
      row.case,
      row.to,
      String(row.runs),
      row.darkSecondsMedian.toFixed(3),
      row.darkSeconds.toFixed(3),
      row.tookSeconds.toFixed(2),
      ...[row.lost, row.lostLate, row.duplicated, row.switches].map(String),
    ]),
  ]);
}

function toSeconds(ms: number): number {
  return Math.round(ms) / 1000;
}
