import { strict as assert } from "node:assert";
import { Reason, REASON_COUNT } from "../../src/base/reason.ts";
import {
  createEventRing,
  EVENT_PAYLOAD_MAX,
  EVENT_SLOTS,
  EventKind,
  putPlainEvent,
} from "../../src/dataplane/events.ts";
import { SegmentReport } from "../../src/dataplane/segment_report.ts";
import { Setting } from "../../src/dataplane/tables.ts";
import { createTestTables, takeEvents } from "./test_node.ts";

const LANE = 1;

function create(): {
  report: SegmentReport;
  events: ReturnType<typeof createEventRing>;
  tables: ReturnType<typeof createTestTables>;
} {
  const tables = createTestTables(2);
  const events = createEventRing();
  return { report: new SegmentReport(tables, LANE, events), events, tables };
}

Deno.test("SegmentReport.takeSegment() hands a packet to the control thread, and rings", () => {
  const { report, events, tables } = create();
  const octets = Uint8Array.from({ length: 100 }, (_, index) => index);
  assert.ok(report.takeSegment(octets, 10, 40));
  const [{ kind, peerRow, sessionRow, path, payload }] = takeEvents({ events });
  assert.deepEqual([kind, peerRow, sessionRow, path], [EventKind.SEGMENT, -1, -1, -1]);
  assert.deepEqual(payload, octets.slice(10, 50));
  assert.equal(tables.settings[Setting.DOORBELL], 1);
});

Deno.test("SegmentReport.takeSegment() leaves half of the ring to other events", () => {
  const { report, events, tables } = create();
  const octets = new Uint8Array(60);
  const taken = Array.from({ length: EVENT_SLOTS }, () => report.takeSegment(octets, 0, 60));
  assert.equal(taken.filter((isTaken) => isTaken).length, EVENT_SLOTS / 2);
  assert.equal(tables.settings[Setting.DOORBELL], EVENT_SLOTS / 2);
  for (let count = 0; count < EVENT_SLOTS / 2; count++) {
    assert.ok(putPlainEvent(events, EventKind.CONFIRMED, 0, 0, 0, 0, -1));
  }
  // Room for segments again only when less than half is in use, whatever it is in use for.
  takeEvents({ events });
  assert.ok(report.takeSegment(octets, 0, 60));
});

Deno.test("SegmentReport.takeSegment() refuses a packet that is longer than an event holds", () => {
  const { report, events } = create();
  assert.ok(!report.takeSegment(new Uint8Array(5000), 0, EVENT_PAYLOAD_MAX + 1));
  assert.equal(events.size, 0);
});

Deno.test("SegmentReport.drop() counts in the row of its lane", () => {
  const { report, tables } = create();
  report.drop(Reason.REPLAY, 3);
  const counted = [...tables.dropped.entries()].filter(([, count]) => count > 0);
  assert.deepEqual(counted, [[LANE * REASON_COUNT + Reason.REPLAY, 3]]);
});
