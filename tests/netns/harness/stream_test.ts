import { strict as assert } from "node:assert";
import { lostSince, reportOn, type StreamRecord } from "./stream.ts";

/** Numbers 0 to 9, sent every ten milliseconds from 1000 on and one millisecond under way, unless said otherwise. */
function record(arrivals: [number: number, atMs?: number][]): StreamRecord {
  return {
    sentMs: Float64Array.from({ length: 10 }, (_, number) => 1000 + 10 * number),
    arrivals: arrivals.map(([number, atMs]) => ({ number, atMs: atMs ?? 1001 + 10 * number })),
  };
}

Deno.test("reportOn() finds nothing wrong where nothing is", () => {
  const report = reportOn(record(Array.from({ length: 10 }, (_, number) => [number])));
  assert.deepEqual(report, { sent: 10, lostSentMs: [], duplicated: 0, outOfOrder: 0, darkMs: 10 });
});

Deno.test("reportOn() tells what was lost and when it had been sent", () => {
  const report = reportOn(record([[0], [1], [5], [6], [7], [9]]));
  assert.deepEqual(report.lostSentMs, [1020, 1030, 1040, 1080]);
  assert.equal(report.darkMs, 40);
  assert.equal(lostSince(report, 1040), 2);
});

Deno.test("reportOn() tells duplicates from what was overtaken", () => {
  const report = reportOn(record([[0], [1], [1, 1012], [3], [2, 1032], [2, 1033], [4], [5], [6], [7], [8], [9]]));
  assert.equal(report.duplicated, 2);
  assert.equal(report.outOfOrder, 1);
  assert.deepEqual(report.lostSentMs, []);
});

Deno.test("reportOn() counts within a span, and a gap that reaches into it", () => {
  const report = reportOn(record([[0], [1], [5], [6], [9]]), { fromMs: 1040, toMs: 1080 });
  assert.equal(report.sent, 4);
  assert.deepEqual(report.lostSentMs, [1040, 1070]);
  assert.equal(report.darkMs, 40);
});

Deno.test("reportOn() takes silence up to the end for a gap", () => {
  assert.equal(reportOn(record([[0], [1]])).darkMs, 1090 - 1011);
  assert.equal(reportOn(record([])).darkMs, 90);
});
