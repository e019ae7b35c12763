import { strict as assert } from "node:assert";
import { computeFakeTcpRatios, computeRatios, renderTable, toReport } from "./report.ts";
import { type BenchResult, median, type ResultRow } from "./schedule.ts";

function row(name: string, offload: "on" | "off", subject: string, value: number): ResultRow {
  return { case: name, offload, subject, value, unit: name === "ping" ? "ms" : "bit/s" };
}

const RESULT: BenchResult = {
  rows: [
    row("tcp1", "on", "ours", 4.1e9),
    row("tcp1", "on", "theirs", 0.5e9),
    row("tcp1", "off", "ours", 2e9),
    row("tcp1", "off", "theirs", 0.5e9),
    row("cpu", "on", "ours", 3),
    row("cpu", "on", "theirs", 30),
    row("cpu", "off", "ours", 6),
    row("cpu", "off", "theirs", 30),
    row("ping", "on", "ours", 0.2),
    row("ping", "on", "theirs", 0.4),
    row("tcp4", "on", "ours", 1e9),
  ],
  peakMemoryMB: { ours: 80.04, theirs: 100 },
};

Deno.test("computeRatios() names a ratio after the offload only where both states count", () => {
  assert.deepEqual(computeRatios(RESULT.rows, "ours", "theirs"), {
    "tcp1.on": 8.2,
    "tcp1.off": 4,
    cpu: 0.1,
    ping: 0.5,
  });
});

Deno.test("toReport() carries rows, ratios and our memory", () => {
  const report = toReport(RESULT, { ours: "ours", yardstick: "theirs", fakeTcp: "faketcp" });
  assert.equal(report.rows.length, RESULT.rows.length);
  assert.equal(report.memoryMB, 80);
});

Deno.test("computeFakeTcpRatios() compares one stream in both states, and its processor time", () => {
  const rows = [
    ...RESULT.rows,
    row("tcp1", "on", "faketcp", 3.69e9),
    row("tcp1", "off", "faketcp", 1.6e9),
    row("cpu", "on", "faketcp", 3.3),
  ];
  assert.deepEqual(computeFakeTcpRatios(rows, "faketcp", "ours"), {
    "faketcp.on": 0.9,
    "faketcp.off": 0.8,
    "faketcp.cpu": 1.1,
  });
  assert.deepEqual(computeFakeTcpRatios(RESULT.rows, "faketcp", "ours"), {});
});

Deno.test("renderTable() has a line per case and state, with the ratio last", () => {
  const lines = renderTable(RESULT, ["ours", "theirs"], "ours", "theirs").split("\n");
  assert.equal(lines.length, 1 + 6 + 1);
  assert.match(lines[1], /^tcp1\s+on\s+4\.10 Gbit\/s\s+0\.50 Gbit\/s\s+8\.20$/);
  assert.match(lines.at(-1)!, /^memory\s+80 MB\s+100 MB\s+0\.80$/);
});

Deno.test("median() takes the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});
