import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, formatEndpoint, parseEndpoint } from "../../src/base/endpoint.ts";
import { Reason, REASON_COUNT } from "../../src/base/reason.ts";
import { EVENT_SLOTS, EventKind } from "../../src/dataplane/events.ts";
import { LaneContext } from "../../src/dataplane/lane_context.ts";
import { NO_ROW, SessionState, Setting } from "../../src/dataplane/tables.ts";
import {
  createTestContext,
  createTestTables,
  enterNeighbour,
  REJECT_AFTER_MS,
  storeEndpoint,
  takeEvents,
} from "./test_node.ts";

const ROW = 3;

/** A context with a peer and a session in row 3. */
function createContext(): LaneContext {
  const context = createTestContext();
  enterNeighbour(context.tables, ROW, 1, { nodeId: 2, endpoint: "192.0.2.2:3001" });
  return context;
}

Deno.test("LaneContext.drop() counts in the row of its lane", () => {
  const tables = createTestTables(2);
  const context = new LaneContext(tables, 1, 7, createTestContext().events, REJECT_AFTER_MS);
  context.drop(Reason.REPLAY);
  context.drop(Reason.REPLAY, 5);
  const counted = [...tables.dropped.entries()].filter(([, count]) => count > 0);
  assert.deepEqual(counted, [[REASON_COUNT + Reason.REPLAY, 6]]);
});

Deno.test("LaneContext.sessionToSend() names the current session of a peer", () => {
  const context = createContext();
  assert.equal(context.sessionToSend(ROW), ROW);
  assert.equal(context.events.size, 0);
});

const USELESS: [name: string, change: (context: LaneContext) => void][] = [
  ["that doesn't exist", ({ tables }) => tables.peerCurrentSession[ROW] = NO_ROW],
  ["that was withdrawn", ({ tables }) => tables.sessionState[ROW] = SessionState.NONE],
  ["that the peer hasn't confirmed", ({ tables }) => tables.sessionState[ROW] = SessionState.NEXT],
  ["that is too old", (context) => context.nowMs = REJECT_AFTER_MS],
  ["whose counters are used up", ({ tables }) => tables.sessionSendCounter[ROW] = 2 ** 32 - 2 ** 16],
];
for (const [name, change] of USELESS) {
  Deno.test(`LaneContext.sessionToSend() asks once for another in place of a session ${name}`, () => {
    const context = createContext();
    change(context);
    for (let count = 0; count < 3; count++) assert.equal(context.sessionToSend(ROW), NO_ROW);
    const events = takeEvents(context);
    assert.deepEqual(events.map(({ kind, peerRow }) => [kind, peerRow]), [[EventKind.SESSION_WANTED, ROW]]);
    // The control thread has taken note.
    context.tables.peerWantsSession[ROW] = 0;
    context.sessionToSend(ROW);
    assert.equal(takeEvents(context).length, 1);
  });
}

Deno.test("LaneContext.sessionToSend() asks again when the event found no room", () => {
  const context = createContext();
  context.tables.peerCurrentSession[ROW] = NO_ROW;
  for (let count = 0; count < EVENT_SLOTS; count++) context.noteConfirmed(0, 0);
  assert.equal(context.sessionToSend(ROW), NO_ROW);
  takeEvents(context);
  assert.equal(context.sessionToSend(ROW), NO_ROW);
  assert.deepEqual(takeEvents(context).map(({ kind }) => kind), [EventKind.SESSION_WANTED]);
});

Deno.test("LaneContext.sessionToSend() uses a session up to its last moment", () => {
  const context = createContext();
  context.nowMs = REJECT_AFTER_MS - 1;
  context.tables.sessionSendCounter[ROW] = 2 ** 32 - 2 ** 16 - 1;
  assert.equal(context.sessionToSend(ROW), ROW);
});

Deno.test("LaneContext.refreshEndpoint() copies an endpoint when its version has changed, and only then", () => {
  const context = createContext();
  const { tables, endpoints } = context;
  assert.equal(context.refreshEndpoint(ROW), 4);
  assert.equal(formatEndpoint(endpoints, ROW * ENDPOINT_WORDS), "192.0.2.2:3001");
  // What the lane changed in its copy stays until the table changes.
  endpoints[ROW * ENDPOINT_WORDS + 1] = 9;
  context.refreshEndpoint(ROW);
  assert.equal(formatEndpoint(endpoints, ROW * ENDPOINT_WORDS), "192.0.2.2:9");
  storeEndpoint(tables, ROW, parseEndpoint("[2001:db8::2]:7")!);
  assert.equal(context.refreshEndpoint(ROW), 6);
  assert.equal(formatEndpoint(endpoints, ROW * ENDPOINT_WORDS), "[2001:db8::2]:7");
  assert.equal(context.refreshEndpoint(ROW + 1), 0);
});

Deno.test("LaneContext.noteSource() reports another source, at most ten times a second", () => {
  const context = createContext();
  const sources = Uint32Array.from([...parseEndpoint("192.0.2.2:3001")!, ...parseEndpoint("198.51.100.1:5")!]);
  context.noteSource(ROW, ROW, sources, 0);
  assert.equal(context.events.size, 0);
  for (let count = 0; count < 5; count++) context.noteSource(ROW, ROW, sources, ENDPOINT_WORDS);
  const [event, ...others] = takeEvents(context);
  assert.equal(others.length, 0);
  assert.deepEqual([event.kind, event.peerRow, event.sessionRow, event.timeMs], [EventKind.ROAMED, ROW, ROW, 1000]);
  assert.equal(formatEndpoint(event.endpoint, 0), "198.51.100.1:5");
  context.nowMs += 100;
  context.noteSource(ROW, ROW, sources, ENDPOINT_WORDS);
  assert.equal(context.events.size, 1);
});

Deno.test("LaneContext.noteSource() reports that the peer was answered from another local address", () => {
  const context = createContext();
  const source = parseEndpoint("192.0.2.2:3001")!;
  source[11] = 2;
  context.noteSource(ROW, ROW, source, 0);
  assert.equal(takeEvents(context)[0].endpoint[11], 2);
});

Deno.test("LaneContext.noteSendFailure() reports at most ten times a second and peer", () => {
  const context = createContext();
  context.noteSendFailure(ROW, 101);
  context.noteSendFailure(ROW, 101);
  context.noteSendFailure(ROW + 1, 101);
  context.nowMs += 100;
  context.noteSendFailure(ROW, 113);
  assert.deepEqual(
    takeEvents(context).map(({ kind, peerRow, number }) => [kind, peerRow, number]),
    [
      [EventKind.SEND_FAILED, ROW, 101],
      [EventKind.SEND_FAILED, ROW + 1, 101],
      [EventKind.SEND_FAILED, ROW, 113],
    ],
  );
});

Deno.test("LaneContext rings the doorbell for every event", () => {
  const context = createContext();
  const rings = () => Atomics.load(context.tables.settings, Setting.DOORBELL);
  context.noteConfirmed(ROW, ROW);
  assert.equal(rings(), 1);
  context.noteLaneFailure(1, 9);
  assert.equal(rings(), 2);
  const events = takeEvents(context);
  assert.deepEqual(
    events.map(({ kind, peerRow, sessionRow, number }) => [kind, peerRow, sessionRow, number]),
    [[EventKind.CONFIRMED, ROW, ROW, 0], [EventKind.LANE_FAILED, 1, NO_ROW, 9]],
  );
});
