import { strict as assert } from "node:assert";
import { Reason, REASON_COUNT } from "../../src/base/reason.ts";
import { DropReport, logPeers } from "../../src/node/status.ts";
import type { PeerSnapshot } from "../../src/device/device.ts";
import { createTestTables } from "../dataplane/test_node.ts";
import { RecordingLog } from "./recording_log.ts";

Deno.test("DropReport.logNew() reports by name what was dropped since the last report, over all lanes", () => {
  const tables = createTestTables(2);
  const log = new RecordingLog();
  const report = new DropReport(tables, log);
  report.logNew();
  assert.deepEqual(log.take(), []);

  for (const lane of [0, 1, 2]) tables.dropped[lane * REASON_COUNT + Reason.REPLAY] = 10;
  tables.dropped[Reason.AEAD_FAILED] = 1;
  report.logNew();
  const event = "dropped since the last report";
  assert.deepEqual(log.take(), [{ level: "info", event, fields: { "replay": 30, "aead-failed": 1 } }]);

  tables.dropped[REASON_COUNT + Reason.REPLAY] += 5;
  report.logNew();
  assert.deepEqual(log.take(), [{ level: "info", event, fields: { "replay": 5 } }]);
  report.logNew();
  assert.deepEqual(log.take(), []);
});

Deno.test("DropReport.logTotals() reports all that was dropped since the start, whatever was reported before", () => {
  const tables = createTestTables();
  const log = new RecordingLog();
  const report = new DropReport(tables, log);
  tables.dropped[Reason.NO_ROUTE] = 7;
  report.logNew();
  log.take();
  report.logTotals();
  assert.deepEqual(log.take(), [{ level: "info", event: "dropped since the start", fields: { "no-route": 7 } }]);
});

Deno.test("DropReport.logTotals() says so when nothing was dropped", () => {
  const log = new RecordingLog();
  new DropReport(createTestTables(), log).logTotals();
  const [{ level, event, fields }] = log.take();
  assert.equal(level, "info");
  assert.match(event, /nothing/);
  assert.deepEqual(fields, {});
});

const PEER: PeerSnapshot = {
  row: 0,
  nodeId: 2,
  role: 1,
  publicKey: new Uint8Array(32),
  hasPresharedKey: false,
  endpoint: "192.0.2.1:5000",
  persistentKeepaliveMs: 0,
  state: "established",
  lastHandshakeWallMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  lastReceivedMs: 5,
  receivedPackets: 1,
  receivedOctets: 100,
  sentPackets: 2,
  sentOctets: 200,
};

Deno.test("logPeers() logs one event a peer, and no key", () => {
  const log = new RecordingLog();
  logPeers(log, [PEER, { ...PEER, nodeId: 0xfffd, endpoint: "none", state: "idle", lastHandshakeWallMs: 0 }]);
  const octets = { receivedOctets: 100, sentOctets: 200 };
  assert.deepEqual(log.take().map(({ event, fields }) => [event, fields]), [
    ["peer", {
      peer: "2",
      endpoint: "192.0.2.1:5000",
      state: "established",
      lastHandshake: "2026-01-02T03:04:05.000Z",
      ...octets,
    }],
    ["peer", { peer: "super", endpoint: "none", state: "idle", lastHandshake: "never", ...octets }],
  ]);
});
