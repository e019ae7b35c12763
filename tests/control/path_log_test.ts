import { strict as assert } from "node:assert";
import type { LogFields, Logger } from "../../src/base/log.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { PathLog, type PathSwitch } from "../../src/control/path_log.ts";

const { UDP6, UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const PEER = 7;
const NONE = -1;

type Line = [level: string, event: string, fields: LogFields];

/** Runs a function with a report and returns the lines that it wrote. */
function linesOf(write: (report: PathLog) => void): Line[] {
  const lines: Line[] = [];
  const at = (level: string) => (event: string, fields: LogFields = {}) => void lines.push([level, event, fields]);
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  write(new PathLog(log));
  return lines;
}

const SWITCHES: [from: number, to: number, why: string, level: string, event: string][] = [
  [UDP4, FAKETCP4, "no answer", "warn", "UDP failed, trying FakeTCP"],
  [UDP6, FAKETCP6, "loss", "warn", "UDP failed, trying FakeTCP"],
  [FAKETCP4, UDP4, "recovered", "info", "UDP recovered"],
  [FAKETCP4, UDP4, "no answer", "warn", "FakeTCP failed, trying UDP"],
  [UDP4, FAKETCP4, "recovered", "info", "FakeTCP recovered"],
  [FAKETCP4, UDP4, "preferred", "info", "path switched"],
  [UDP6, UDP4, "no answer", "info", "path switched"],
  [NONE, UDP4, "first", "debug", "path chosen"],
  [FAKETCP4, NONE, "gone", "warn", "no path left"],
];
for (const [from, to, why, level, event] of SWITCHES) {
  Deno.test(`PathLog.logSwitch() from ${from} to ${to} (${why}) is the line "${event}"`, () => {
    const change: PathSwitch = { from, to, why, darkMs: 212.7, lost: 3 };
    const names = ["udp6", "udp4", "faketcp6", "faketcp4"];
    const nameOf = (kind: number) => names[kind] ?? "none";
    assert.deepEqual(linesOf((report) => report.logSwitch(PEER, change)), [
      [level, event, { peer: "7", from: nameOf(from), to: nameOf(to), why, darkMs: 213, lost: 3 }],
    ]);
  });
}

Deno.test("PathLog names peer and path in every line, and what to do where the user can do something", () => {
  const lines = linesOf((report) => {
    report.logSuspected(PEER, UDP4);
    report.logCleared(PEER, UDP4);
    report.logUp(PEER, UDP4);
    report.logDown(PEER, UDP4, "no answer");
    report.logLimit(PEER, UDP4, 1400);
    report.logSingles(PEER, UDP4);
    report.logProxy(PEER, UDP4);
  });
  assert.deepEqual(lines.map(([level]) => level), ["debug", "debug", "info", "info", "debug", "warn", "error"]);
  for (const [, , fields] of lines) assert.deepEqual([fields.peer, fields.path], ["7", "udp4"]);
  assert.equal(lines[3][2].why, "no answer");
  assert.equal(lines[4][2].maxDatagramLen, 1400);
  assert.match(String(lines[6][2].remedy), /another TCP port/);
});
