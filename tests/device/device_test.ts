import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, formatEndpoint, parseEndpoint } from "../../src/base/endpoint.ts";
import type { Logger } from "../../src/base/log.ts";
import { PATH_KIND_COUNT, PathKind } from "../../src/base/path_kind.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { EventKind, type LaneEvent } from "../../src/dataplane/events.ts";
import { createTables, droppedFor, NO_ROW, PeerState, type Tables } from "../../src/dataplane/tables.ts";
import { createTransmit, Device, type PeerOptions } from "../../src/device/device.ts";
import { DEFAULT_TIMER_PARAMS } from "../../src/noise/constants.ts";
import { noblePrimitives } from "../../src/noise/primitives.ts";
import { INITIATION_LEN } from "../../src/wire/handshake_message.ts";
import { watchStores } from "../dataplane/interleave.ts";
import { RecordingLog } from "../node/recording_log.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const WALL_MS = Date.UTC(2026, 0, 1);

function create(log: Logger = silent): { tables: Tables; device: Device } {
  const tables = createTables({ peerCapacity: 32, sourceCapacity: 1, laneCount: 2 });
  const device = new Device({
    privateKey: new Uint8Array(32).fill(3),
    tables,
    primitives: noblePrimitives,
    random: seededRandom(1),
    timers: DEFAULT_TIMER_PARAMS,
    settings: { allowPrivateIp: false, ignorePresharedKey: false, peerAliveTimeoutMs: 70_000 },
    log,
  });
  return { tables, device };
}

function endpoint(text: string): Uint32Array {
  const words = parseEndpoint(text);
  if (words === undefined) throw new TypeError(`Cannot parse "${text}"`);
  return words;
}

/** Where a peer is reached on a path, as text. */
function endpointText(tables: Tables, row: number, kind: number = PathKind.UDP4): string {
  return formatEndpoint(tables.pathEndpoint, (row * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS);
}

function publicKey(seed: number): Uint8Array {
  return noblePrimitives.x25519PublicKey(new Uint8Array(32).fill(seed));
}

function event(kind: number, peerRow: number, other: Partial<LaneEvent> = {}): LaneEvent {
  return {
    kind,
    peerRow,
    sessionRow: NO_ROW,
    timeMs: 0,
    number: 0,
    path: PathKind.UDP4,
    endpoint: new Uint32Array(ENDPOINT_WORDS),
    payload: new Uint8Array(0),
    ...other,
  };
}

Deno.test("addPeer() writes the row that lanes read", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  assert.equal(tables.peerState[row], PeerState.EDGE);
  assert.equal(tables.peerNodeId[row], 7);
  assert.equal(tables.peerCurrentSession[row], NO_ROW);
  assert.equal(endpointText(tables, row), "8.8.8.8:53");
  assert.equal(tables.pathEndpointVersion[row * PATH_KIND_COUNT + PathKind.UDP4] & 1, 0);
  assert.deepEqual([...device.peerRows], [[7, row]]);
});

Deno.test("setEndpoint() writes nothing that lanes could see under an even version", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  const path = row * PATH_KIND_COUNT + PathKind.UDP4;
  const look = () => assert.equal(tables.pathEndpointVersion[path] & 1, 1);
  const set = () => device.setEndpoint(row, PathKind.UDP4, endpoint("9.9.9.9:54"), true);
  assert.equal(watchStores(tables.pathEndpoint, look, set), ENDPOINT_WORDS);
  assert.equal(endpointText(tables, row), "9.9.9.9:54");
});

Deno.test("addPeer() uses a private endpoint only if the user wrote it", () => {
  const { tables, device } = create();
  const inside = endpoint("10.0.0.1:1");
  const learnt = device.addPeer({ nodeId: 1, publicKey: publicKey(4), endpoint: inside }, 0);
  assert.equal(endpointText(tables, learnt), "none");
  const written = device.addPeer(
    { nodeId: 2, publicKey: publicKey(5), endpoint: inside, endpointIsConfigured: true },
    0,
  );
  assert.equal(endpointText(tables, written), "10.0.0.1:1");
});

const REFUSED: [refusal: string, options: (device: Device) => PeerOptions][] = [
  ["its NodeId is reserved", () => ({ nodeId: 65532, publicKey: publicKey(5) })],
  ["its NodeId is reserved", () => ({ nodeId: 1, publicKey: publicKey(5), role: PeerState.SUPER })],
  ["its NodeId is in use", () => ({ nodeId: 7, publicKey: publicKey(5) })],
  ["its public key is our own", (device) => ({ nodeId: 8, publicKey: device.publicKey })],
  ["its public key is in use", () => ({ nodeId: 8, publicKey: publicKey(4) })],
  ["its public key has low order", () => ({ nodeId: 8, publicKey: new Uint8Array(32) })],
];

for (const [refusal, options] of REFUSED) {
  Deno.test(`addPeer() refuses a peer because ${refusal}`, () => {
    const { device } = create();
    device.addPeer({ nodeId: 7, publicKey: publicKey(4) }, 0);
    assert.equal(device.refusalOf(options(device)), refusal);
    assert.throws(() => device.addPeer(options(device), 0), new RegExp(refusal));
    assert.equal(device.snapshot(0).length, 1);
  });
}

Deno.test("addPeer() refuses a peer when there is no room", () => {
  const { device } = create();
  for (let index = 0; index < 32; index++) device.addPeer({ nodeId: index, publicKey: publicKey(10 + index) }, 0);
  assert.equal(device.refusalOf({ nodeId: 100, publicKey: publicKey(99) }), "there is no room");
  device.removePeer(3);
  assert.equal(device.addPeer({ nodeId: 100, publicKey: publicKey(99) }, 0), 3);
});

Deno.test("addPeer() takes two sessions with a super node, and routes to neither", () => {
  const { tables, device } = create();
  const v4 = device.addPeer({ nodeId: 65533, publicKey: publicKey(4), role: PeerState.SUPER }, 0);
  const v6 = device.addPeer({ nodeId: 65533, publicKey: publicKey(5), role: PeerState.SUPER }, 0);
  assert.notEqual(v4, v6);
  assert.equal(tables.peerState[v6], PeerState.SUPER);
  assert.equal(device.peerRows.size, 0);
});

Deno.test("removePeer() frees the row for lanes first and clears what it held", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  const epoch = tables.peerStagedEpoch[row];
  device.removePeer(row);
  assert.equal(tables.peerState[row], PeerState.FREE);
  assert.equal(endpointText(tables, row), "none");
  assert.equal(tables.peerStagedEpoch[row], epoch + 1);
  assert.equal(device.peerRows.size, 0);
  assert.deepEqual(device.pollEvent(), { kind: "wake lanes" });
  device.removePeer(row);
  device.removePeer(31);
});

Deno.test("handleEvent() begins a handshake for a lane that wants a session, and pollTransmit() gives it out", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  assert.equal(device.pollTimeout(), Infinity);
  tables.peerWantsSession[row] = 1;
  device.handleEvent(event(EventKind.SESSION_WANTED, row), 1_000, WALL_MS);
  const dueMs = device.pollTimeout();
  assert.ok(dueMs >= 1_000 && dueMs <= 1_333);
  device.handleTimeout(dueMs, WALL_MS);
  assert.equal(device.pollTimeout(), dueMs, "while output waits, the next deadline is now");
  const out = createTransmit();
  assert.equal(device.pollTransmit(out), true);
  assert.equal(out.length, INITIATION_LEN);
  assert.equal(out.peerRow, row);
  assert.equal(formatEndpoint(out.endpoint, 0), "8.8.8.8:53");
  assert.equal(device.pollTransmit(out), false);
  assert.equal(device.snapshot(dueMs)[0].state, "handshake");
});

Deno.test("handleEvent() lets a lane ask again when the peer has no endpoint", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4) }, 0);
  tables.peerWantsSession[row] = 1;
  device.handleEvent(event(EventKind.SESSION_WANTED, row), 0, WALL_MS);
  assert.equal(tables.peerWantsSession[row], 0);
  assert.equal(device.pollTimeout(), Infinity);
});

Deno.test("handleEvent() ignores reports about rows that are free, never were, or had another peer", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  for (const kind of Object.values(EventKind)) {
    for (const peerRow of [-1, 31, 99_999]) {
      device.handleEvent(event(kind, peerRow, { sessionRow: 0, endpoint: endpoint("1.1.1.1:1") }), 0, WALL_MS);
    }
  }
  device.handleEvent(event(EventKind.CONFIRMED, row, { sessionRow: 3 }), 0, WALL_MS);
  device.handleEvent(event(EventKind.ROAMED, row, { sessionRow: 3, endpoint: endpoint("1.1.1.1:1") }), 0, WALL_MS);
  assert.equal(endpointText(tables, row), "8.8.8.8:53");
  assert.equal(tables.peerCurrentSession[row], NO_ROW);
});

Deno.test("handleEvent() counts handshakes that aren't any", () => {
  const { tables, device } = create();
  for (const length of [0, 1, 30, 61, 89, 144, 145, 146]) {
    const payload = new Uint8Array(length).fill(length === 0 ? 0 : 1);
    device.handleEvent(event(EventKind.HANDSHAKE, NO_ROW, { payload, endpoint: endpoint("1.1.1.1:1") }), 0, WALL_MS);
  }
  assert.equal(droppedFor(tables, Reason.DATAGRAM_TRUNCATED), 1);
  assert.equal(droppedFor(tables, Reason.HANDSHAKE_LENGTH), 6);
  assert.equal(droppedFor(tables, Reason.HANDSHAKE_MAC1), 1);
});

Deno.test("handleTimeout() begins a handshake for a persistent keepalive, and copes with being called too often", () => {
  const { device } = create();
  device.addPeer(
    { nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53"), persistentKeepaliveMs: 25_000 },
    5_000,
  );
  assert.equal(device.pollTimeout(), 5_000);
  let sent = 0;
  const out = createTransmit();
  for (let nowMs = 5_000; nowMs < 9_000; nowMs += 10) {
    device.handleTimeout(nowMs, WALL_MS + nowMs);
    while (device.pollTransmit(out)) sent++;
  }
  assert.equal(sent, 1);
});

Deno.test("the log names a peer as a text, whatever is said of it", () => {
  const log = new RecordingLog();
  const { device } = create(log);
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  const superRow = device.addPeer(
    { nodeId: 65533, publicKey: publicKey(5), endpoint: endpoint("8.8.4.4:53"), role: PeerState.SUPER },
    0,
  );
  for (const each of [row, superRow]) device.beginHandshake(each, 0);
  for (let nowMs = 0; nowMs < 150_000; nowMs += 1_000) device.handleTimeout(nowMs, WALL_MS + nowMs);
  const said = new Set(log.take().map((logged) => `${logged.event}: ${JSON.stringify(logged.fields.peer)}`));
  assert.deepEqual([...said].sort(), [
    'initiation sent: "7"',
    'initiation sent: "super"',
    `peer doesn't answer handshakes: "7"`,
    `peer doesn't answer handshakes: "super"`,
  ]);
});

Deno.test("handleTimeout() that comes late sends one initiation, not all that were missed", () => {
  const { device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  device.handleEvent(event(EventKind.SESSION_WANTED, row), 0, WALL_MS);
  device.handleTimeout(60_000, WALL_MS);
  const out = createTransmit();
  assert.equal(device.pollTransmit(out), true);
  assert.equal(device.pollTransmit(out), false);
});

Deno.test("sendMessage() refuses a peer that is unknown or has no endpoint", () => {
  const { tables, device } = create();
  const message = { type: 7, ttl: 0, destination: 65534, source: 1, body: new Uint8Array(5) };
  assert.equal(device.sendMessage(0, message, 0), false);
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4) }, 0);
  assert.equal(device.sendMessage(row, message, 0), false);
  assert.equal(droppedFor(tables, Reason.NO_ENDPOINT), 1);
});

Deno.test("sendMessage() keeps 16 messages for a session and drops the oldest", () => {
  const { tables, device } = create();
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), endpoint: endpoint("8.8.8.8:53") }, 0);
  const message = { type: 7, ttl: 0, destination: 65534, source: 1, body: new Uint8Array(5) };
  for (let count = 0; count < 20; count++) assert.equal(device.sendMessage(row, message, 0), true);
  assert.equal(droppedFor(tables, Reason.STAGED_OVERFLOW), 4);
});

Deno.test("snapshot() shows a peer without its keys", () => {
  const { device } = create();
  const presharedKey = new Uint8Array(32).fill(9);
  const row = device.addPeer({ nodeId: 7, publicKey: publicKey(4), presharedKey, persistentKeepaliveMs: 30_000 }, 0);
  assert.deepEqual(device.snapshot(0), [{
    row,
    nodeId: 7,
    role: PeerState.EDGE,
    publicKey: publicKey(4),
    hasPresharedKey: true,
    endpoint: "none",
    persistentKeepaliveMs: 30_000,
    state: "idle",
    lastHandshakeWallMs: 0,
    lastReceivedMs: 0,
    receivedPackets: 0,
    receivedOctets: 0,
    sentPackets: 0,
    sentOctets: 0,
  }]);
});
