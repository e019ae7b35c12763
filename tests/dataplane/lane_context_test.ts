import { strict as assert } from "node:assert";
import {
  ENDPOINT_CONNECTION,
  ENDPOINT_GENERATION,
  ENDPOINT_WORDS,
  formatEndpoint,
  parseEndpoint,
} from "../../src/base/endpoint.ts";
import { PathKind, Transport } from "../../src/base/path_kind.ts";
import { Reason, REASON_COUNT } from "../../src/base/reason.ts";
import { EVENT_SLOTS, EventKind } from "../../src/dataplane/events.ts";
import { LaneContext } from "../../src/dataplane/lane_context.ts";
import { pathWord } from "../../src/dataplane/path_word.ts";
import { NO_ROW, SessionState, Setting } from "../../src/dataplane/tables.ts";
import { ERROR_ENDPOINT, ERROR_WORDS } from "../../src/ffi/symbols.ts";
import { actBeforeLoad } from "./interleave.ts";
import {
  createTestContext,
  createTestTables,
  enterNeighbour,
  pathOf,
  REJECT_AFTER_MS,
  storeEndpoint,
  takeEvents,
} from "./test_node.ts";

const ROW = 3;
const { UDP6, UDP4, FAKETCP4 } = PathKind;
const ALL_MASK = 0b1111;

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
  for (let count = 0; count < EVENT_SLOTS; count++) context.noteConfirmed(0, 0, UDP4);
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

/** The endpoint of a path as the lane has copied it. */
function copiedEndpoint({ endpoints }: LaneContext, kind: number): string {
  return formatEndpoint(endpoints, pathOf(ROW, kind) * ENDPOINT_WORDS);
}

Deno.test("LaneContext.refreshPaths() copies an endpoint when the version of its path has changed, and only then", () => {
  const context = createContext();
  const { tables, endpoints } = context;
  tables.peerPath[ROW] = pathWord(UDP4, 1 << UDP6, 0);
  storeEndpoint(tables, ROW, UDP6, parseEndpoint("[2001:db8::2]:7")!);
  assert.equal(context.refreshPaths(ROW), 1 << UDP4 | 1 << UDP6);
  assert.deepEqual([UDP4, UDP6].map((kind) => copiedEndpoint(context, kind)), ["192.0.2.2:3001", "[2001:db8::2]:7"]);
  // What the lane changed in its copy stays until that path changes in the table.
  for (const kind of [UDP4, UDP6]) endpoints[pathOf(ROW, kind) * ENDPOINT_WORDS + 1] = 9;
  storeEndpoint(tables, ROW, UDP6, parseEndpoint("[2001:db8::3]:8")!);
  context.refreshPaths(ROW);
  assert.deepEqual([UDP4, UDP6].map((kind) => copiedEndpoint(context, kind)), ["192.0.2.2:9", "[2001:db8::3]:8"]);
});

Deno.test("LaneContext.refreshPaths() copies no halves of two endpoints", () => {
  const context = createContext();
  const { tables } = context;
  const step = { column: tables.pathEndpoint, index: pathOf(ROW, UDP4) * ENDPOINT_WORDS + 2 };
  const move = () => storeEndpoint(tables, ROW, UDP4, parseEndpoint("198.51.100.9:77")!);
  assert.ok(actBeforeLoad(step, move, () => context.refreshPaths(ROW)));
  assert.equal(copiedEndpoint(context, UDP4), "198.51.100.9:77");
});

Deno.test("LaneContext.refreshPaths() leaves out paths whose endpoint isn't known", () => {
  const context = createContext();
  const { tables } = context;
  tables.peerPath[ROW] = pathWord(FAKETCP4, ALL_MASK, 0);
  assert.equal(context.refreshPaths(ROW), 1 << UDP4);
  assert.equal(context.paths[ROW], 1 << UDP4);
  storeEndpoint(tables, ROW, UDP4, new Uint32Array(ENDPOINT_WORDS));
  assert.equal(context.refreshPaths(ROW), 0);
  assert.equal(context.paths[ROW], 0);
});

Deno.test("LaneContext.refreshPaths() mirrors on the standby paths once the current one isn't confirmed any more", () => {
  const context = createContext();
  const { tables } = context;
  for (const kind of [UDP6, FAKETCP4]) storeEndpoint(tables, ROW, kind, parseEndpoint("[2001:db8::2]:7")!);
  tables.peerPath[ROW] = pathWord(UDP4, 1 << UDP6, 1 << FAKETCP4);
  tables.peerConfirmedUntilMs[ROW] = context.nowMs;
  assert.equal(context.refreshPaths(ROW), 1 << UDP4 | 1 << UDP6);
  assert.equal(context.events.size, 0);
  context.nowMs += 0.1;
  assert.equal(context.refreshPaths(ROW), 1 << UDP4 | 1 << UDP6 | 1 << FAKETCP4);
  tables.peerConfirmedUntilMs[ROW] = context.nowMs + 100;
  assert.equal(context.refreshPaths(ROW), 1 << UDP4 | 1 << UDP6);
});

Deno.test("LaneContext.refreshPaths() asks for a probe of an unconfirmed path once until the control thread takes note", () => {
  const context = createContext();
  const { tables } = context;
  tables.peerConfirmedUntilMs[ROW] = context.nowMs - 1;
  for (let count = 0; count < 3; count++) context.refreshPaths(ROW);
  const events = takeEvents(context);
  assert.deepEqual(events.map(({ kind, peerRow, path }) => [kind, peerRow, path]), [[EventKind.PROBE_WANTED, ROW, -1]]);
  tables.peerWantsProbe[ROW] = 0;
  context.refreshPaths(ROW);
  assert.equal(takeEvents(context).length, 1);
});

Deno.test("LaneContext.refreshPaths() asks for a probe again when the event found no room", () => {
  const context = createContext();
  context.tables.peerConfirmedUntilMs[ROW] = context.nowMs - 1;
  for (let count = 0; count < EVENT_SLOTS; count++) context.noteConfirmed(0, 0, UDP4);
  context.refreshPaths(ROW);
  takeEvents(context);
  context.refreshPaths(ROW);
  assert.deepEqual(takeEvents(context).map(({ kind }) => kind), [EventKind.PROBE_WANTED]);
});

Deno.test("LaneContext.refreshPaths() asks for no probe of a peer without a path, nor of one that can't be probed", () => {
  const context = createContext();
  context.tables.peerConfirmedUntilMs[ROW + 1] = context.nowMs - 1;
  assert.equal(context.refreshPaths(ROW + 1), 0);
  context.nowMs = 1e12;
  context.refreshPaths(ROW);
  assert.equal(context.events.size, 0);
});

Deno.test("LaneContext.otherPaths() names what stands by, and the current path if that isn't the one that failed", () => {
  const context = createContext();
  const { tables } = context;
  for (const kind of [UDP6, FAKETCP4]) storeEndpoint(tables, ROW, kind, parseEndpoint("[2001:db8::2]:7")!);
  tables.peerPath[ROW] = pathWord(UDP4, 0, 1 << FAKETCP4 | 1 << PathKind.FAKETCP6);
  assert.equal(context.otherPaths(ROW, UDP4), 1 << FAKETCP4, "one without an endpoint is of no use");
  assert.equal(context.otherPaths(ROW, UDP6), 1 << UDP4 | 1 << FAKETCP4);
  assert.equal(context.otherPaths(ROW + 1, UDP4), 0);
});

Deno.test("LaneContext.noteSource() reports another source, at most ten times a second", () => {
  const context = createContext();
  const sources = Uint32Array.from([...parseEndpoint("192.0.2.2:3001")!, ...parseEndpoint("198.51.100.1:5")!]);
  context.noteSource(ROW, UDP4, ROW, sources, 0);
  assert.equal(context.events.size, 0);
  for (let count = 0; count < 5; count++) context.noteSource(ROW, UDP4, ROW, sources, ENDPOINT_WORDS);
  const [event, ...others] = takeEvents(context);
  assert.equal(others.length, 0);
  const { kind, peerRow, sessionRow, path, timeMs } = event;
  assert.deepEqual([kind, peerRow, sessionRow, path, timeMs], [EventKind.ROAMED, ROW, ROW, UDP4, 1000]);
  assert.equal(formatEndpoint(event.endpoint, 0), "198.51.100.1:5");
  context.nowMs += 100;
  context.noteSource(ROW, UDP4, ROW, sources, ENDPOINT_WORDS);
  assert.equal(context.events.size, 1);
});

Deno.test("LaneContext.noteSource() compares a source with the endpoint of its own path", () => {
  const context = createContext();
  const source = parseEndpoint("192.0.2.2:3001")!;
  context.noteSource(ROW, FAKETCP4, ROW, source, 0);
  context.noteSource(ROW, UDP4, ROW, source, 0);
  assert.deepEqual(takeEvents(context).map(({ path }) => path), [FAKETCP4]);
});

Deno.test("LaneContext.noteSource() reports another connection of the same remote", () => {
  const context = createContext();
  const source = parseEndpoint("192.0.2.2:443")!;
  source.set([5, 1], ENDPOINT_CONNECTION);
  storeEndpoint(context.tables, ROW, FAKETCP4, source);
  context.noteSource(ROW, FAKETCP4, ROW, source, 0);
  assert.equal(context.events.size, 0);
  source[ENDPOINT_GENERATION] = 2;
  context.noteSource(ROW, FAKETCP4, ROW, source, 0);
  assert.deepEqual([...takeEvents(context)[0].endpoint.subarray(ENDPOINT_CONNECTION)], [5, 2, 0, 0, 0]);
});

Deno.test("LaneContext.noteSource() reports that the peer was answered from another local address", () => {
  const context = createContext();
  const source = parseEndpoint("192.0.2.2:3001")!;
  source[11] = 2;
  context.noteSource(ROW, UDP4, ROW, source, 0);
  assert.equal(takeEvents(context)[0].endpoint[11], 2);
});

Deno.test("LaneContext.noteSendFailure() reports at most ten times a second and path", () => {
  const context = createContext();
  context.noteSendFailure(pathOf(ROW, UDP4), 101);
  context.noteSendFailure(pathOf(ROW, UDP4), 101);
  context.noteSendFailure(pathOf(ROW, UDP6), 101);
  context.noteSendFailure(pathOf(ROW + 1, UDP4), 101);
  context.nowMs += 100;
  context.noteSendFailure(pathOf(ROW, UDP4), 113);
  assert.deepEqual(
    takeEvents(context).map(({ kind, peerRow, path, number }) => [kind, peerRow, path, number]),
    [
      [EventKind.SEND_FAILED, ROW, UDP4, 101],
      [EventKind.SEND_FAILED, ROW, UDP6, 101],
      [EventKind.SEND_FAILED, ROW + 1, UDP4, 101],
      [EventKind.SEND_FAILED, ROW, UDP4, 113],
    ],
  );
});

Deno.test("LaneContext.noteUnreachable() reports the address, and the kind of path that leads there", () => {
  const context = createContext();
  const errors = new Uint32Array(2 * ERROR_WORDS);
  errors[ERROR_WORDS] = 111;
  errors.set(parseEndpoint("[2001:db8::2]:7")!, ERROR_WORDS + ERROR_ENDPOINT);
  context.noteUnreachable(Transport.UDP, errors, ERROR_WORDS);
  context.noteUnreachable(Transport.FAKETCP, errors, ERROR_WORDS);
  assert.deepEqual(
    takeEvents(context).map(({ kind, peerRow, path, number, endpoint }) => [
      kind,
      peerRow,
      path,
      number,
      formatEndpoint(endpoint, 0),
    ]),
    [UDP6, PathKind.FAKETCP6].map((path) => [EventKind.UNREACHABLE, NO_ROW, path, 111, "[2001:db8::2]:7"]),
  );
});

Deno.test("LaneContext rings the doorbell for every event", () => {
  const context = createContext();
  const rings = () => Atomics.load(context.tables.settings, Setting.DOORBELL);
  context.noteConfirmed(ROW, ROW, UDP4);
  assert.equal(rings(), 1);
  context.noteLaneFailure(1, 9);
  assert.equal(rings(), 2);
  const events = takeEvents(context);
  assert.deepEqual(
    events.map(({ kind, peerRow, sessionRow, number }) => [kind, peerRow, sessionRow, number]),
    [[EventKind.CONFIRMED, ROW, ROW, 0], [EventKind.LANE_FAILED, 1, NO_ROW, 9]],
  );
});
