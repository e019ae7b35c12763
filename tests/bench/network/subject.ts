/**
 * What is measured: ways for packets to get from one host to another, over cables of one kind.
 *
 * A new subject is one file with a {@linkcode Subject} and one line in `subjects.ts`.
 *
 * @module
 */

import type { Host } from "../../netns/harness/host.ts";
import { readProcessUsage } from "../../netns/harness/process_usage.ts";
import type { RunningProcess } from "../../netns/harness/process.ts";

/** The two hosts between which everything is measured, joined by a cable and with an address each. */
export interface BenchCable {
  client: Host;
  server: Host;
  clientAddress: string;
  serverAddress: string;
}

/** A subject, known by name and startable. */
export interface Subject {
  /** Name in tables and in the JSON file. */
  readonly name: string;
  /** Starts it on both hosts and returns when packets pass. @throws {Error} When they don't. */
  start(cable: BenchCable): Promise<RunningSubject>;
}

/** A subject through which packets pass. */
export interface RunningSubject extends AsyncDisposable {
  readonly name: string;
  /** Where the server is reached through the subject. */
  readonly serverAddress: string;
  /** The programs that carry packets: the client's and the server's; none for the bare cable. */
  readonly programs: readonly RunningProcess[];
}

/** Processor seconds that a subject's programs have used so far, together. */
export async function cpuSecondsOf(subject: RunningSubject): Promise<number> {
  const usages = await Promise.all(subject.programs.map((program) => readProcessUsage(program.pid)));
  return usages.reduce((sum, usage) => sum + usage.cpuSeconds, 0);
}

/** Largest memory that one of a subject's programs has had so far, in units of 10^6 octets; 0 for the bare cable. */
export async function peakMemoryMBOf(subject: RunningSubject): Promise<number> {
  const usages = await Promise.all(subject.programs.map((program) => readProcessUsage(program.pid)));
  return Math.max(0, ...usages.map((usage) => usage.peakMemoryMB));
}
