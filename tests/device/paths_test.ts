import { strict as assert } from "node:assert";
import {
  ENDPOINT_CONNECTION,
  ENDPOINT_REMOTE_WORDS,
  ENDPOINT_WORDS,
  formatEndpoint,
  parseEndpoint,
} from "../../src/base/endpoint.ts";
import type { Logger } from "../../src/base/log.ts";
import { PATH_KIND_COUNT, PathKind } from "../../src/base/path_kind.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { EventKind } from "../../src/dataplane/events.ts";
import { createTables, droppedFor, NO_ROW, SessionState } from "../../src/dataplane/tables.ts";
import { createPathTraffic, createTransmit, Device, type DeviceEvent } from "../../src/device/device.ts";
import { DEFAULT_TIMER_PARAMS } from "../../src/noise/constants.ts";
import { noblePrimitives } from "../../src/noise/primitives.ts";
import { MessageType } from "../../src/wire/message_type.ts";

const { UDP6, UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const WALL_MS = Date.UTC(2026, 0, 1);

/** Where a node is reached, by kind; # stands for its number. */
const ADDRESSES = ["[2001:4860::#]:3001", "8.8.8.#:3001", "[2001:4860::#]:443", "8.8.8.#:443"];

function endpointOf(node: number, kind: number): Uint32Array {
  const endpoint = parseEndpoint(ADDRESSES[kind].replace("#", String(node)))!;
  if (kind === FAKETCP6 || kind === FAKETCP4) endpoint.set([kind + 1, 1], ENDPOINT_CONNECTION);
  return endpoint;
}

interface SentDatagram {
  readonly octets: Uint8Array;
  readonly to: string;
  readonly path: number;
}

/** One node with one peer, in row 0. */
class Side {
  readonly tables = createTables({ peerCapacity: 32, sourceCapacity: 1, laneCount: 2 });
  readonly device: Device;
  readonly number: number;
  readonly #events: DeviceEvent[] = [];

  constructor(number: number) {
    this.number = number;
    this.device = new Device({
      privateKey: new Uint8Array(32).fill(number),
      tables: this.tables,
      primitives: noblePrimitives,
      random: seededRandom(number),
      timers: DEFAULT_TIMER_PARAMS,
      settings: { allowPrivateIp: false, ignorePresharedKey: false, peerAliveTimeoutMs: 70_000 },
      log: silent,
    });
  }

  /** Adds the other side, reached on some paths. */
  know(other: Side, ...kinds: number[]): void {
    this.device.addPeer({ nodeId: other.number, publicKey: other.device.publicKey }, 0);
    for (const kind of kinds) this.device.setEndpoint(0, kind, endpointOf(other.number, kind), true);
  }

  takeSent(): SentDatagram[] {
    const out = createTransmit();
    const sent: SentDatagram[] = [];
    while (this.device.pollTransmit(out)) {
      sent.push({ octets: out.octets.slice(0, out.length), to: formatEndpoint(out.endpoint, 0), path: out.path });
    }
    for (let event = this.device.pollEvent(); event !== undefined; event = this.device.pollEvent()) {
      if (event.kind !== "wake lanes") this.#events.push(event);
    }
    return sent;
  }

  takeEvents(): DeviceEvent[] {
    this.takeSent();
    return this.#events.splice(0);
  }

  /** Takes in a handshake message that came on a path. */
  receive(payload: Uint8Array, path: number, source: Uint32Array, nowMs: number): void {
    const event = { kind: EventKind.HANDSHAKE, peerRow: NO_ROW, sessionRow: NO_ROW, timeMs: nowMs, number: 0 };
    this.device.handleEvent({ ...event, path, endpoint: source, payload }, nowMs, WALL_MS + nowMs);
  }

  /** Begins a handshake; returns its initiation and the paths on which it was sent. */
  initiate(nowMs: number): { readonly octets: Uint8Array; readonly paths: number[]; readonly atMs: number } {
    const event = { kind: EventKind.SESSION_WANTED, peerRow: 0, sessionRow: NO_ROW, timeMs: nowMs, number: 0 };
    const endpoint = new Uint32Array(ENDPOINT_WORDS);
    this.device.handleEvent({ ...event, path: -1, endpoint, payload: new Uint8Array(0) }, nowMs, WALL_MS);
    const atMs = Math.max(nowMs, this.device.pollTimeout());
    this.device.handleTimeout(atMs, WALL_MS + atMs);
    const sent = this.takeSent();
    for (const { octets, path, to } of sent) {
      assert.deepEqual(octets, sent[0].octets);
      assert.equal(to, formatEndpoint(endpointOf(3 - this.number, path), 0));
    }
    return { octets: sent[0].octets, paths: sent.map(({ path }) => path), atMs };
  }
}

/** Two nodes that know each other on some paths. */
function createPair(...kinds: number[]): [Side, Side] {
  const [one, two] = [new Side(1), new Side(2)];
  one.know(two, ...kinds);
  two.know(one, ...kinds);
  return [one, two];
}

/** Makes a session with node 1 as initiator, by UDP over IPv4. */
function connect(one: Side, two: Side): void {
  const { octets } = one.initiate(0);
  two.receive(octets, UDP4, endpointOf(1, UDP4), 0);
  one.receive(two.takeSent()[0].octets, UDP4, endpointOf(2, UDP4), 0);
  assert.ok(one.device.hasSession(0, 0));
  one.takeEvents();
}

function choosePaths(side: Side, current: number, mirrorMask: number, confirmedUntilMs = Infinity): void {
  side.device.setPaths(0, { current, mirrorMask, standbyMask: 0, confirmedUntilMs, maxDatagramLen: 0 });
}

Deno.test("an initiation goes out on every known path while there is no session", () => {
  const [one] = createPair(UDP4, FAKETCP6);
  assert.deepEqual(one.initiate(0).paths, [UDP4, FAKETCP6]);
});

Deno.test("an initiation that renews a session goes out on the paths in use, where these are known to work", () => {
  for (
    const [confirmedUntilMs, paths] of [[Infinity, [UDP4]], [150_000, [UDP4]], [0, [UDP6, UDP4, FAKETCP4]]] as const
  ) {
    const [one, two] = createPair(UDP6, UDP4, FAKETCP4);
    connect(one, two);
    choosePaths(one, UDP4, 0, confirmedUntilMs);
    // The session is renewed as soon as something is sent with it after two minutes.
    one.device.handleTimeout(121_000, WALL_MS + 121_000);
    one.tables.lastSentMs[0] = 121_000;
    one.device.handleTimeout(121_500, WALL_MS + 121_500);
    one.device.handleTimeout(122_000, WALL_MS + 122_000);
    assert.deepEqual(one.takeSent().map(({ path }) => path), paths);
  }
});

Deno.test("a repeated initiation goes out on every known path, also to a peer that can't be probed", () => {
  const [one, two] = createPair(UDP4, FAKETCP4);
  connect(one, two);
  one.tables.lastSentMs[0] = 121_000;
  one.device.handleTimeout(121_500, WALL_MS + 121_500);
  one.device.handleTimeout(122_000, WALL_MS + 122_000);
  assert.deepEqual(one.takeSent().map(({ path }) => path), [UDP4]);
  one.device.handleTimeout(128_000, WALL_MS + 128_000);
  assert.deepEqual(one.takeSent().map(({ path }) => path), [UDP4, FAKETCP4]);
});

/** Stores an endpoint as it is learnt from a datagram that came in at one of our addresses. */
function learnAt(side: Side, kind: number): void {
  const endpoint = endpointOf(3 - side.number, kind);
  endpoint.set([1, 2, 3, 4, 5], ENDPOINT_REMOTE_WORDS);
  side.device.setEndpoint(0, kind, endpoint, true);
}

function hasLocalAddress(side: Side, kind: number): boolean {
  return side.device.endpointOf(0, kind)[ENDPOINT_WORDS - 1] !== 0;
}

Deno.test("a repeated initiation leaves it to the system from which of our addresses it goes out", () => {
  const [one] = createPair(UDP6, UDP4, FAKETCP4);
  for (const kind of [UDP6, UDP4]) learnAt(one, kind);
  const { atMs } = one.initiate(0);
  assert.ok(hasLocalAddress(one, UDP6) && hasLocalAddress(one, UDP4));
  one.device.handleTimeout(atMs + 6_000, WALL_MS + atMs + 6_000);
  assert.equal(one.takeSent().length, 3);
  assert.ok(!hasLocalAddress(one, UDP6) && !hasLocalAddress(one, UDP4));
  assert.deepEqual(one.device.endpointOf(0, UDP4), endpointOf(2, UDP4));
  assert.deepEqual(one.device.endpointOf(0, FAKETCP4), endpointOf(2, FAKETCP4), "it names a connection");
});

Deno.test("setPaths() leaves it to the system from which of our addresses a path is used that was left", () => {
  const [one] = createPair(UDP6, UDP4);
  for (const kind of [UDP6, UDP4]) learnAt(one, kind);
  choosePaths(one, UDP4, 0);
  learnAt(one, UDP6);
  choosePaths(one, UDP4, 1 << UDP6);
  assert.ok(hasLocalAddress(one, UDP6) && hasLocalAddress(one, UDP4));
  choosePaths(one, UDP6, 0);
  assert.ok(hasLocalAddress(one, UDP6) && !hasLocalAddress(one, UDP4));
  choosePaths(one, -1, 0);
  assert.deepEqual([hasLocalAddress(one, UDP6), one.tables.peerPath[0]], [false, 0]);
});

Deno.test("a copy of an initiation on another path gets the same response there, once a path", () => {
  const [one, two] = createPair(UDP6, UDP4, FAKETCP4);
  const { octets } = one.initiate(0);
  for (const kind of [UDP4, FAKETCP4, UDP4, FAKETCP4, UDP6]) two.receive(octets, kind, endpointOf(1, kind), 100);
  const sent = two.takeSent();
  assert.deepEqual(sent.map(({ path }) => path), [UDP4, FAKETCP4, UDP6]);
  assert.equal(new Set(sent.map((datagram) => datagram.octets.toHex())).size, 1);
  assert.equal(droppedFor(two.tables, Reason.HANDSHAKE_REPLAY), 2);
  // Whichever arrives first makes the session, and the rest is not even looked at.
  for (const { octets: response, path } of sent.reverse()) one.receive(response, path, endpointOf(2, path), 200);
  assert.equal(one.takeEvents().filter(({ kind }) => kind === "session established").length, 1);
  assert.equal(droppedFor(one.tables, Reason.HANDSHAKE_UNEXPECTED), 2);
});

Deno.test("a copy of an initiation is a replay after five seconds", () => {
  const [one, two] = createPair(UDP6, UDP4, FAKETCP4);
  const { octets } = one.initiate(0);
  two.receive(octets, UDP4, endpointOf(1, UDP4), 1_000);
  two.receive(octets, UDP6, endpointOf(1, UDP6), 5_999);
  two.receive(octets, FAKETCP4, endpointOf(1, FAKETCP4), 6_000);
  assert.deepEqual(two.takeSent().map(({ path }) => path), [UDP4, UDP6]);
  assert.equal(droppedFor(two.tables, Reason.HANDSHAKE_REPLAY), 1);
});

Deno.test("a copy of an initiation teaches no address, and gets no answer at one that may not be learnt", () => {
  const [one, two] = createPair(UDP6, UDP4);
  const { octets } = one.initiate(0);
  two.receive(octets, UDP4, endpointOf(1, UDP4), 0);
  two.takeSent();
  two.receive(octets, FAKETCP4, parseEndpoint("10.0.0.1:443")!, 0);
  assert.deepEqual(two.takeSent(), []);
  two.receive(octets, UDP6, parseEndpoint("[2001:4860::99]:5")!, 0);
  assert.deepEqual(two.takeSent().map(({ to }) => to), ["[2001:4860::99]:5"]);
  assert.equal(formatEndpoint(two.device.endpointOf(0, UDP6), 0), "[2001:4860::1]:3001");
});

Deno.test("a source is learnt for the path that it came on", () => {
  const [one, two] = createPair(UDP6, UDP4);
  two.receive(one.initiate(0).octets, UDP4, parseEndpoint("8.8.4.4:5")!, 0);
  assert.equal(formatEndpoint(two.device.endpointOf(0, UDP4), 0), "8.8.4.4:5");
  assert.equal(formatEndpoint(two.device.endpointOf(0, UDP6), 0), "[2001:4860::1]:3001");
  assert.deepEqual(two.takeEvents(), [{ kind: "endpoint changed", peerRow: 0, path: UDP4 }]);
});

Deno.test("a FakeTCP connection is not learnt but reported, and answered all the same", () => {
  const [one, two] = createPair(UDP4);
  const source = endpointOf(1, FAKETCP4);
  two.receive(one.initiate(0).octets, FAKETCP4, source, 0);
  assert.deepEqual(two.takeSent().map(({ path, to }) => [path, to]), [[FAKETCP4, formatEndpoint(source, 0)]]);
  assert.deepEqual(two.takeEvents(), [{ kind: "connection used", peerRow: 0, path: FAKETCP4, endpoint: source }]);
  assert.equal(formatEndpoint(two.device.endpointOf(0, FAKETCP4), 0), "none");
  // What is the peer's path already is no news.
  two.device.setEndpoint(0, FAKETCP4, source, true);
  two.receive(one.initiate(10_000).octets, FAKETCP4, source, 10_000);
  assert.deepEqual(two.takeEvents(), []);
});

Deno.test("repeatInitiation() sends the initiation without an answer on a further path", () => {
  const [one, two] = createPair(UDP4);
  one.device.repeatInitiation(0, FAKETCP4);
  const { octets, paths } = one.initiate(0);
  assert.deepEqual(paths, [UDP4]);
  one.device.repeatInitiation(0, FAKETCP4);
  assert.deepEqual(one.takeSent(), [], "that path has no endpoint");
  one.device.setEndpoint(0, FAKETCP4, endpointOf(2, FAKETCP4), true);
  one.device.repeatInitiation(0, FAKETCP4);
  const [again] = one.takeSent();
  assert.deepEqual([again.path, again.octets], [FAKETCP4, octets]);
  two.receive(again.octets, FAKETCP4, endpointOf(1, FAKETCP4), 0);
  one.receive(two.takeSent()[0].octets, FAKETCP4, endpointOf(2, FAKETCP4), 0);
  one.takeSent();
  one.device.repeatInitiation(0, FAKETCP4);
  assert.deepEqual(one.takeSent(), [], "it has been answered");
});

Deno.test("beginHandshake() begins one with a peer whose endpoint is known, and none beside another", () => {
  const [one] = createPair();
  one.device.beginHandshake(0, 0);
  one.device.handleTimeout(1_000, WALL_MS);
  assert.deepEqual(one.takeSent(), [], "there is no endpoint");
  one.device.setEndpoint(0, UDP4, endpointOf(2, UDP4), true);
  one.device.beginHandshake(0, 1_000);
  one.device.handleTimeout(2_000, WALL_MS);
  one.device.beginHandshake(0, 2_000);
  one.device.handleTimeout(2_500, WALL_MS);
  assert.equal(one.takeSent().length, 1);
});

Deno.test("sendInitiationTo() sends the initiation without an answer to one more address, where the peer may answer", () => {
  const [one, two] = createPair(UDP4);
  const elsewhere = parseEndpoint("9.9.9.9:9")!;
  assert.equal(one.device.sendInitiationTo(0, UDP4, elsewhere), false, "there is none");
  const { octets } = one.initiate(0);
  assert.ok(one.device.sendInitiationTo(0, UDP4, elsewhere));
  const [copy] = one.takeSent();
  assert.deepEqual([copy.to, copy.octets], ["9.9.9.9:9", octets]);
  assert.equal(formatEndpoint(one.device.endpointOf(0, UDP4), 0), "8.8.8.2:3001", "the peer is where it was");
  assert.equal(one.device.sendInitiationTo(0, UDP4, parseEndpoint("10.0.0.1:9")!), false, "a private address");
  two.receive(copy.octets, UDP4, endpointOf(1, UDP4), 0);
  one.receive(two.takeSent()[0].octets, UDP4, elsewhere, 0);
  assert.equal(formatEndpoint(one.device.endpointOf(0, UDP4), 0), "9.9.9.9:9", "the answer came from there");
  assert.equal(one.device.sendInitiationTo(0, UDP4, elsewhere), false, "it has been answered");
});

Deno.test("setPresharedKey() counts for the next handshake and leaves the session alone", () => {
  const [one, two] = createPair(UDP4);
  connect(one, two);
  const key = new Uint8Array(32).fill(9);
  /** Whether a handshake with these keys succeeds. */
  function renew(ours: Uint8Array | undefined, theirs: Uint8Array | undefined, nowMs: number): boolean {
    one.device.setPresharedKey(0, ours);
    two.device.setPresharedKey(0, theirs);
    assert.ok(one.device.hasSession(0, nowMs));
    one.device.beginHandshake(0, nowMs);
    one.device.handleTimeout(nowMs + 1_000, WALL_MS + nowMs);
    two.receive(one.takeSent()[0].octets, UDP4, endpointOf(1, UDP4), nowMs + 1_000);
    one.receive(two.takeSent()[0].octets, UDP4, endpointOf(2, UDP4), nowMs + 1_000);
    return one.takeEvents().some(({ kind }) => kind === "session established");
  }
  assert.ok(renew(key, key, 10_000));
  assert.ok(renew(undefined, undefined, 20_000));
  assert.ok(!renew(key, undefined, 30_000));
});

const MESSAGE = { type: MessageType.PATH, ttl: 0, destination: 2, source: 1, body: new Uint8Array(8) };

Deno.test("sendMessageOn() keeps nothing for later", () => {
  const [one, two] = createPair(UDP4);
  assert.equal(one.device.sendMessageOn(0, 1 << UDP4, MESSAGE, 0), false);
  assert.equal(one.device.sendMessageOn(7, 1 << UDP4, MESSAGE, 0), false);
  connect(one, two);
  assert.equal(one.device.sendMessageOn(0, 1 << UDP6 | 1 << FAKETCP4, MESSAGE, 0), false);
  assert.deepEqual(one.takeSent(), []);
});

Deno.test("sendMessageOn() sends the same octets on each path, counts them there, and once for the peer", () => {
  const [one, two] = createPair(UDP6, UDP4, FAKETCP4);
  connect(one, two);
  const before = createPathTraffic();
  one.device.readPathTraffic(0, before);
  assert.ok(one.device.sendMessageOn(0, 1 << UDP4 | 1 << FAKETCP4 | 1 << FAKETCP6, MESSAGE, 5));
  const sent = one.takeSent();
  assert.deepEqual(sent.map(({ path }) => path), [UDP4, FAKETCP4]);
  assert.deepEqual(sent[0].octets, sent[1].octets);
  const after = createPathTraffic();
  one.device.readPathTraffic(0, after);
  assert.deepEqual(Array.from(after.sentPackets, (count, kind) => count - before.sentPackets[kind]), [0, 1, 0, 1]);
  assert.equal(after.sentOctets[FAKETCP4] - before.sentOctets[FAKETCP4], sent[1].octets.length);
  assert.equal(after.messagesSent - before.messagesSent, 1);
  assert.equal(after.sentMs, 0, "what the control thread sends is no traffic");
});

Deno.test("control messages go out on the paths in use", () => {
  const [one, two] = createPair(UDP6, UDP4, FAKETCP4);
  connect(one, two);
  choosePaths(one, FAKETCP4, 1 << UDP6);
  assert.ok(one.device.sendMessage(0, { ...MESSAGE, type: MessageType.PING }, 5));
  assert.deepEqual(one.takeSent().map(({ path }) => path), [UDP6, FAKETCP4]);
});

Deno.test("readPathTraffic() sums what all lanes and the control thread noted", () => {
  const [{ tables, device }] = createPair(UDP4);
  const columns = [
    [tables.pathReceivedPackets, "receivedPackets"],
    [tables.pathReceivedOctets, "receivedOctets"],
    [tables.pathSentPackets, "sentPackets"],
    [tables.pathSentOctets, "sentOctets"],
  ] as const;
  for (let lane = 0; lane < 3; lane++) {
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      columns.forEach(([column], index) => column[lane * tables.pathCount + kind] = 100 ** lane * (kind + 1) + index);
      tables.pathReceivedMs[lane * tables.pathCount + kind] = lane === kind ? 50 : 10;
    }
    tables.sentPackets[lane * 32] = 5;
    tables.receivedPackets[lane * 32] = 7;
    tables.lastDataSentMs[lane * 32] = lane;
  }
  const traffic = createPathTraffic();
  device.readPathTraffic(0, traffic);
  columns.forEach(([, name], index) => {
    assert.deepEqual([...traffic[name]], [1, 2, 3, 4].map((number) => 10_101 * number + 3 * index));
  });
  assert.deepEqual([...traffic.receivedMs], [50, 50, 50, 10]);
  assert.deepEqual([traffic.messagesSent, traffic.messagesReceived, traffic.sentMs], [15, 21, 1]);
});

Deno.test("setPaths() tells lanes what to do, and does nothing for a row that is free", () => {
  const [{ tables, device }] = createPair(UDP4);
  const choice = { current: FAKETCP4, mirrorMask: 1, standbyMask: 2, confirmedUntilMs: 77, maxDatagramLen: 1300 };
  device.setPaths(5, choice);
  assert.equal(tables.peerPath[5], 0);
  device.setPaths(0, choice);
  assert.equal(tables.peerPath[0], (FAKETCP4 + 1) | 1 << 4 | 2 << 8);
  assert.deepEqual([tables.peerConfirmedUntilMs[0], tables.peerMaxDatagramLen[0]], [77, 1300]);
  device.setPaths(0, { ...choice, current: -1 });
  assert.equal(tables.peerPath[0], 0);
});

Deno.test("a peer that is added finds nothing of the one that had its row before", () => {
  const [one] = createPair(UDP6, UDP4, FAKETCP6, FAKETCP4);
  const { tables, device } = one;
  choosePaths(one, FAKETCP4, 0b1111, 77);
  tables.peerMaxDatagramLen[0] = 1300;
  tables.peerWantsProbe[0] = 1;
  device.removePeer(0);
  assert.equal(tables.peerPath[0], 0);
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) assert.equal(tables.pathEndpoint[kind * ENDPOINT_WORDS], 0);
  // The row that was freed last is given out last.
  const options = { nodeId: 9, publicKey: new Side(9).device.publicKey };
  for (let row = device.addPeer(options, 0); row !== 0; row = device.addPeer(options, 0)) device.removePeer(row);
  assert.deepEqual(
    [tables.peerPath[0], tables.peerConfirmedUntilMs[0], tables.peerMaxDatagramLen[0], tables.peerWantsProbe[0]],
    [0, Infinity, 0, 0],
  );
});

Deno.test("a peer's first endpoint is its path until somebody decides", () => {
  const one = new Side(1);
  one.know(new Side(2));
  one.device.setEndpoint(0, FAKETCP4, endpointOf(2, FAKETCP4), true);
  one.device.setEndpoint(0, UDP4, endpointOf(2, UDP4), true);
  assert.equal(one.tables.peerPath[0], FAKETCP4 + 1);
  assert.deepEqual(one.initiate(0).paths, [UDP4, FAKETCP4]);
});

Deno.test("setEndpoint() takes a path away, even where private addresses aren't learnt", () => {
  const [one] = createPair(UDP4, FAKETCP4);
  assert.ok(one.device.setEndpoint(0, FAKETCP4, new Uint32Array(ENDPOINT_WORDS), false));
  assert.equal(one.device.endpointOf(0, FAKETCP4)[0], 0);
  assert.deepEqual(one.initiate(0).paths, [UDP4]);
});

Deno.test("allowProbeRequest() lets lanes ask again", () => {
  const [{ tables, device }] = createPair(UDP4);
  tables.peerWantsProbe[0] = 1;
  device.allowProbeRequest(0);
  assert.equal(tables.peerWantsProbe[0], 0);
});

Deno.test("hasSession() is true for a session that may send, until it is too old", () => {
  const [one, two] = createPair(UDP4);
  assert.equal(one.device.hasSession(0, 0), false);
  assert.equal(one.device.hasSession(9, 0), false);
  connect(one, two);
  assert.ok(one.device.hasSession(0, DEFAULT_TIMER_PARAMS.rejectAfterTimeMs - 1));
  assert.ok(!one.device.hasSession(0, DEFAULT_TIMER_PARAMS.rejectAfterTimeMs));
  assert.ok(!two.device.hasSession(0, 0), "the initiator hasn't confirmed it");
  const session = two.tables.sessionState.indexOf(SessionState.NEXT);
  const confirmed = { kind: EventKind.CONFIRMED, peerRow: 0, sessionRow: session, timeMs: 0, number: 0, path: -1 };
  const endpoint = new Uint32Array(ENDPOINT_WORDS);
  two.device.handleEvent({ ...confirmed, endpoint, payload: new Uint8Array(0) }, 0, WALL_MS);
  assert.ok(two.device.hasSession(0, 0));
});

Deno.test("the session that a response completed is confirmed on the path that it came by, too, and so is what waited", () => {
  const [one, two] = createPair(UDP4, FAKETCP4);
  const { octets } = one.initiate(0);
  choosePaths(one, UDP4, 0);
  assert.ok(one.device.sendMessage(0, { ...MESSAGE, type: MessageType.PING }, 0));
  two.receive(octets, FAKETCP4, endpointOf(1, FAKETCP4), 0);
  one.receive(two.takeSent()[0].octets, FAKETCP4, endpointOf(2, FAKETCP4), 0);
  const sent = one.takeSent().map(({ octets: [type], path }) => [type, path]);
  const { TRANSPORT, PING } = MessageType;
  assert.deepEqual(sent, [[TRANSPORT, UDP4], [TRANSPORT, FAKETCP4], [PING, UDP4], [PING, FAKETCP4]]);
  assert.deepEqual(one.takeEvents().at(-1), {
    kind: "session established",
    peerRow: 0,
    renewed: false,
    path: FAKETCP4,
  });
});
