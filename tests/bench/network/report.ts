/**
 * The result as a table for people and as JSON for programs.
 *
 * @module
 */

import type { FailoverRow } from "./failover.ts";
import type { BenchResult, ResultRow } from "./schedule.ts";

/** Ratios by name: the case, and for cases measured in both states of the cable a point and the state. */
export type Ratios = Record<string, number>;

/** What the JSON file holds. */
export interface BenchReport {
  rows: ResultRow[];
  /** Ours divided by the yardstick's; those that begin with `faketcp` are FakeTCP's divided by ours. */
  ratios: Ratios;
  /** Largest memory of one of our programs, in units of 10^6 octets. */
  memoryMB: number;
  /** What changes of the transport cost; absent unless measured. */
  failover?: FailoverRow[];
}

/** Names of the subjects that are compared. */
export interface Compared {
  ours: string;
  yardstick: string;
  fakeTcp: string;
}

/** Cases whose one ratio is that with offload on, although both states are measured. */
const ON_ALONE = new Set(["cpu"]);

/** Puts a result into the form of the JSON file. */
export function toReport(result: BenchResult, compared: Compared, failover?: FailoverRow[]): BenchReport {
  return {
    rows: result.rows,
    ratios: {
      ...computeRatios(result.rows, compared.ours, compared.yardstick),
      ...computeFakeTcpRatios(result.rows, compared.fakeTcp, compared.ours),
    },
    memoryMB: round(result.peakMemoryMB[compared.ours] ?? 0),
    ...(failover === undefined ? {} : { failover }),
  };
}

/** Compares FakeTCP with UDP: one TCP stream with offload on and off, and the processor time of it. */
export function computeFakeTcpRatios(rows: readonly ResultRow[], fakeTcp: string, udp: string): Ratios {
  const all = computeRatios(rows, fakeTcp, udp);
  const names = { "faketcp.on": "tcp1.on", "faketcp.off": "tcp1.off", "faketcp.cpu": "cpu" };
  return Object.fromEntries(
    Object.entries(names).filter(([, of]) => all[of] !== undefined).map(([name, of]) => [name, all[of]]),
  );
}

/** Divides the values of one subject by those of another, wherever both were measured. */
export function computeRatios(rows: readonly ResultRow[], ours: string, yardstick: string): Ratios {
  const ratios: Ratios = {};
  for (const row of rows) {
    if (row.subject !== ours || (ON_ALONE.has(row.case) && row.offload === "off")) continue;
    const other = find(rows, row.case, row.offload, yardstick);
    if (other === undefined) continue;
    const isInBothStates = find(rows, row.case, "off", ours) !== undefined && !ON_ALONE.has(row.case);
    ratios[isInBothStates ? `${row.case}.${row.offload}` : row.case] = round(row.value / other.value);
  }
  return ratios;
}

/** Renders the table: a line per case and state, a column per subject, ratios last. */
export function renderTable(result: BenchResult, subjects: readonly string[], ours: string, yardstick: string): string {
  const lines = [["case", "offload", ...subjects, "ours ÷ " + yardstick]];
  const seen = new Set<string>();
  for (const { case: name, offload } of result.rows) {
    if (seen.has(`${name} ${offload}`)) continue;
    seen.add(`${name} ${offload}`);
    const cells = subjects.map((subject) => {
      const row = find(result.rows, name, offload, subject);
      return row === undefined ? "–" : renderValue(row);
    });
    const [a, b] = [ours, yardstick].map((subject) => find(result.rows, name, offload, subject)?.value);
    lines.push([name, offload, ...cells, a === undefined || b === undefined ? "–" : (a / b).toFixed(2)]);
  }
  const memory = subjects.map((subject) => renderMemory(result.peakMemoryMB[subject] ?? 0));
  lines.push(["memory", "", ...memory, renderRatio(result.peakMemoryMB[ours], result.peakMemoryMB[yardstick])]);
  return renderColumns(lines);
}

/** Lays out rows of cells in columns: the first two to the left, the others to the right. */
export function renderColumns(lines: readonly (readonly string[])[]): string {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  return lines.map((cells) =>
    cells.map((cell, column) => column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  ")
      .trimEnd()
  ).join("\n");
}

function find(rows: readonly ResultRow[], name: string, offload: string, subject: string): ResultRow | undefined {
  return rows.find((row) => row.case === name && row.offload === offload && row.subject === subject);
}

function renderValue(row: ResultRow): string {
  if (row.unit === "bit/s") return `${(row.value / 1e9).toFixed(2)} Gbit/s`;
  if (row.unit === "packet/s") return `${(row.value / 1e3).toFixed(1)} k/s`;
  return `${row.value.toFixed(row.unit === "ms" ? 3 : 2)} ${row.unit}`;
}

function renderMemory(megabytes: number): string {
  return megabytes === 0 ? "–" : `${megabytes.toFixed(0)} MB`;
}

function renderRatio(ours: number | undefined, yardstick: number | undefined): string {
  return ours === undefined || !yardstick ? "–" : (ours / yardstick).toFixed(2);
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
