/**
 * The order of measurements: subjects alternate within each case and each repetition, so that whatever changes on the
 * machine meanwhile meets all of them alike; of the repetitions the median counts.
 *
 * @module
 */

import { Lab } from "../../netns/harness/lab.ts";
import type { Case, Unit } from "./cases.ts";
import { type BenchCable, peakMemoryMBOf, type RunningSubject, type Subject } from "./subject.ts";

/** State of the cable's offloads. */
export type Offload = "on" | "off";

/** How much to measure. */
export interface Effort {
  repetitions: number;
  /** Length of one transfer. */
  seconds: number;
}

/** One value of the result. */
export interface ResultRow {
  case: string;
  offload: Offload;
  subject: string;
  value: number;
  unit: Unit;
}

/** All that was measured. */
export interface BenchResult {
  rows: ResultRow[];
  /** Largest memory of one program by subject, in units of 10^6 octets. */
  peakMemoryMB: Record<string, number>;
}

const OFFLOADS: readonly Offload[] = ["on", "off"];

/** Measures all cases of all subjects; `report` gets a line of text before each step. */
export async function measureAll(
  subjects: readonly Subject[],
  cases: readonly Case[],
  effort: Effort,
  report: (progress: string) => void,
): Promise<BenchResult> {
  const samples = new Map<string, { row: Omit<ResultRow, "value">; values: number[] }>();
  const peakMemoryMB: Record<string, number> = {};
  for (const offload of OFFLOADS) {
    const wanted = cases.filter((candidate) => candidate.offloads.includes(offload));
    if (wanted.length === 0) continue;
    // Each state has a lab of its own: programs that look at the cable when they start find it as it stays.
    await using lab = await Lab.create();
    const running: { cable: BenchCable; subject: RunningSubject }[] = [];
    for (const [index, subject] of subjects.entries()) {
      // And each subject has hosts of its own: what one sets on its host, firewall rules above all, costs no other.
      const cable = await layCable(lab, offload, index);
      running.push({ cable, subject: await subject.start(cable) });
    }
    for (const one of wanted) {
      report(`${one.title}, offload ${offload}`);
      for (let repetition = 0; repetition < effort.repetitions; repetition++) {
        for (const { cable, subject } of running) {
          for (const measurement of await one.measure({ cable, subject, seconds: effort.seconds })) {
            const row = { case: measurement.case, offload, subject: subject.name, unit: measurement.unit };
            const key = `${row.case} ${offload} ${row.subject}`;
            if (!samples.has(key)) samples.set(key, { row, values: [] });
            samples.get(key)!.values.push(measurement.value);
          }
        }
      }
    }
    for (const { subject } of running) {
      peakMemoryMB[subject.name] = Math.max(peakMemoryMB[subject.name] ?? 0, await peakMemoryMBOf(subject));
      await subject[Symbol.asyncDispose]();
    }
  }
  const rows = [...samples.values()].map(({ row, values }) => ({ ...row, value: median(values) }));
  return { rows, peakMemoryMB };
}

/** Middle of the values; the mean of the two in the middle if their count is even. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

async function layCable(lab: Lab, offload: Offload, index: number): Promise<BenchCable> {
  const client = await lab.addHost(`client${index}`);
  const server = await lab.addHost(`server${index}`);
  await lab.connect(client, "eth0", server, "eth0", { offload: offload === "on" });
  const [clientAddress, serverAddress] = ["10.9.0.1", "10.9.0.2"];
  await client.addAddress("eth0", `${clientAddress}/24`);
  await server.addAddress("eth0", `${serverAddress}/24`);
  return { client, server, clientAddress, serverAddress };
}
