import { strict as assert } from "node:assert";
import { DialWay } from "../../src/base/dial_way.ts";
import { ENDPOINT_CONNECTION, parseEndpoint, sameRemote } from "../../src/base/endpoint.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { DIAL_HANDSHAKE_MS, DIAL_PATIENCE_MS, DIAL_SPACING_MS, DIAL_WARM_MS } from "../../src/control/dial_plan.ts";
import { ATTEMPT_MS, PUNCH_DELAY_MS, PUNCH_MS } from "../../src/control/dial_round.ts";
import type { Candidate } from "../../src/control/documents.ts";
import { type Dialler, FakeTcpPaths, type OpenConnection } from "../../src/control/fake_tcp_paths.ts";

const { UDP6, UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const ORDER = [UDP6, UDP4, FAKETCP6, FAKETCP4];
const TARGET = parseEndpoint("192.0.2.1:443")!;
const TARGET6 = parseEndpoint("[2001:db8::1]:443")!;
const PEER = 3;

/** A connection in a row. */
function connection(row: number, dialled: boolean, generation = 1): OpenConnection {
  const endpoint = TARGET.slice();
  endpoint.set([row + 1, generation], ENDPOINT_CONNECTION);
  return { row, generation, dialled, endpoint, maxDatagramLen: 1400 };
}

/** The connections of a node, with a stack and an owner that write down what happens. */
class Bench {
  readonly paths: FakeTcpPaths;
  /** Rows dialled, by time. */
  readonly dials: {
    readonly row: number;
    readonly target: Uint32Array;
    readonly atMs: number;
    readonly way: number;
  }[] = [];
  readonly notes: string[] = [];
  refusesToDial = false;
  #nextRow = 100;

  constructor(order = ORDER) {
    const dialler: Dialler = {
      dial: (target, atMs, way) => {
        if (this.refusesToDial) return -1;
        this.dials.push({ row: this.#nextRow, target: target.slice(), atMs, way });
        return this.#nextRow++;
      },
      close: (row) => this.notes.push(`close ${row}`),
      abort: (row) => this.notes.push(`abort ${row}`),
      setSingles: () => {},
    };
    this.paths = new FakeTcpPaths(dialler, order, {
      onPath: (peerRow, kind, { row }) => this.notes.push(`peer ${peerRow} path ${kind} is ${row}`),
      onOtherUsed: (peerRow, kind) => this.notes.push(`peer ${peerRow} uses another path ${kind}`),
      onPathGone: (peerRow, kind, why) => this.notes.push(`peer ${peerRow} path ${kind} is gone: ${why}`),
    });
  }

  /** Adds peer 3 with an address to dial. */
  addPeer(isLower: boolean): this {
    this.paths.addPeer(PEER, isLower);
    this.paths.configureTarget(PEER, FAKETCP4, TARGET);
    return this;
  }

  /** Lets time pass up to a moment, doing what is due when it is due. */
  runUntil(endMs: number): void {
    for (let dueMs = this.paths.pollTimeout(); dueMs <= endMs; dueMs = this.paths.pollTimeout()) {
      this.paths.handleTimeout(dueMs);
    }
  }

  /** Dials peer 3 and opens the connection; returns its row. */
  open(nowMs: number): number {
    this.paths.wantWarm(PEER, nowMs);
    this.runUntil(nowMs + 10_000);
    const { row } = this.dials[this.dials.length - 1];
    this.paths.handleOpened(connection(row, true), nowMs + 10_000);
    return row;
  }

  takeNotes(): string[] {
    return this.notes.splice(0);
  }
}

Deno.test("FakeTcpPaths lets the lower NodeId dial soon and the higher one after three seconds", () => {
  for (const [isLower, atMs] of [[true, 1_000 + DIAL_WARM_MS], [false, 1_000 + DIAL_PATIENCE_MS]] as const) {
    const bench = new Bench().addPeer(isLower);
    bench.paths.wantWarm(PEER, 1_000);
    bench.runUntil(60_000);
    assert.deepEqual(bench.dials.map((dial) => dial.atMs), [atMs]);
    assert.ok(sameRemote(bench.dials[0].target, 0, TARGET, 0));
  }
});

Deno.test("FakeTcpPaths dials for a handshake soon, and only once while a dial goes on", () => {
  const bench = new Bench().addPeer(false);
  bench.paths.wantForHandshake(PEER, 1_000);
  bench.runUntil(5_000);
  bench.paths.wantForHandshake(PEER, 6_000);
  bench.runUntil(60_000);
  assert.deepEqual(bench.dials.map((dial) => dial.atMs), [1_000 + DIAL_HANDSHAKE_MS]);
});

Deno.test("FakeTcpPaths dials nobody whose address it doesn't know", () => {
  const bench = new Bench();
  bench.paths.addPeer(PEER, true);
  assert.equal(bench.paths.hasTarget(PEER), false);
  bench.paths.wantWarm(PEER, 0);
  bench.runUntil(100_000);
  assert.equal(bench.dials.length, 0);
  bench.paths.learnTarget(PEER, FAKETCP4, TARGET);
  assert.ok(bench.paths.hasTarget(PEER));
  bench.paths.wantWarm(PEER, 100_000);
  bench.runUntil(101_000);
  assert.equal(bench.dials.length, 1);
});

Deno.test("FakeTcpPaths dials what the user wrote rather than what was learnt", () => {
  const bench = new Bench().addPeer(true);
  bench.paths.learnTarget(PEER, FAKETCP4, parseEndpoint("198.51.100.1:1")!);
  bench.open(0);
  assert.ok(sameRemote(bench.dials[0].target, 0, TARGET, 0));
});

Deno.test("FakeTcpPaths makes a connection that it dialled the peer's path", () => {
  const bench = new Bench().addPeer(true);
  const row = bench.open(0);
  assert.deepEqual(bench.takeNotes(), [`peer 3 path ${FAKETCP4} is ${row}`]);
  assert.deepEqual(bench.paths.ownerOf(row), { peerRow: PEER, kind: FAKETCP4 });
  assert.equal(bench.paths.connectionOf(PEER, FAKETCP4)?.row, row);
  bench.paths.wantWarm(PEER, 100_000);
  bench.runUntil(200_000);
  assert.equal(bench.dials.length, 1, "one connection a peer");
});

Deno.test("FakeTcpPaths closes a connection that nobody waits for any more", () => {
  const bench = new Bench().addPeer(true);
  bench.paths.wantWarm(PEER, 0);
  bench.runUntil(1_000);
  bench.paths.removePeer(PEER, 1_000);
  bench.paths.handleOpened(connection(100, true), 1_000);
  assert.deepEqual(bench.takeNotes(), ["abort 100", "close 100"]);
});

Deno.test("FakeTcpPaths gives an accepted connection to the peer that used it", () => {
  const bench = new Bench().addPeer(false);
  const accepted = connection(7, false);
  bench.paths.handleOpened(accepted, 0);
  assert.deepEqual(bench.takeNotes(), []);
  // Another connection has had the row before.
  bench.paths.handleUsed(PEER, FAKETCP4, connection(7, false, 2).endpoint, 10);
  assert.deepEqual(bench.takeNotes(), []);
  bench.paths.handleUsed(PEER, FAKETCP4, accepted.endpoint, 20);
  bench.paths.handleUsed(PEER, FAKETCP4, accepted.endpoint, 30);
  assert.deepEqual(bench.takeNotes(), [`peer 3 path ${FAKETCP4} is 7`]);
  bench.runUntil(60_000);
  assert.deepEqual(bench.takeNotes(), []);
});

Deno.test("FakeTcpPaths closes accepted connections that are nobody's after 15 seconds", () => {
  const bench = new Bench().addPeer(false);
  for (let row = 0; row < 5; row++) bench.paths.handleOpened(connection(row, false), row * 1_000);
  bench.paths.handleClosed(1, 1, "reset", 5_000);
  assert.equal(bench.paths.pollTimeout(), 15_000);
  bench.runUntil(17_999);
  assert.deepEqual(bench.takeNotes(), ["close 0", "close 2"]);
  bench.runUntil(60_000);
  assert.deepEqual(bench.takeNotes(), ["close 3", "close 4"]);
});

Deno.test("two nodes that dial each other settle on the connection of the lower one, in whatever order they see it", () => {
  for (const usedFirst of [true, false]) {
    // At the lower node its own dial is row 100, the other's is row 7; at the higher one the other way round.
    const lower = new Bench().addPeer(true);
    const higher = new Bench().addPeer(false);
    for (const bench of [lower, higher]) {
      bench.paths.wantForHandshake(PEER, 0);
      bench.runUntil(1_000);
      const own = connection(100, true);
      const other = connection(7, false);
      bench.paths.handleOpened(other, 1_000);
      if (usedFirst) bench.paths.handleUsed(PEER, FAKETCP4, other.endpoint, 1_000);
      bench.paths.handleOpened(own, 1_000);
      if (!usedFirst) bench.paths.handleUsed(PEER, FAKETCP4, other.endpoint, 1_000);
    }
    assert.equal(lower.paths.connectionOf(PEER, FAKETCP4)?.row, 100);
    assert.equal(higher.paths.connectionOf(PEER, FAKETCP4)?.row, 7);
    // The other one stays open for a while: the peer may still send on it.
    for (const bench of [lower, higher]) {
      bench.runUntil(5_999);
      assert.ok(bench.notes.every((note) => !note.startsWith("close")));
      bench.runUntil(6_000);
    }
    assert.ok(lower.notes.includes("close 7"));
    assert.ok(higher.notes.includes("close 100"));
  }
});

Deno.test("FakeTcpPaths prefers the newer of two connections of one dialler: the older is what a restart left", () => {
  const bench = new Bench().addPeer(false);
  for (const row of [7, 8]) {
    const accepted = connection(row, false);
    bench.paths.handleOpened(accepted, 0);
    bench.paths.handleUsed(PEER, FAKETCP4, accepted.endpoint, 0);
  }
  bench.runUntil(60_000);
  assert.deepEqual(bench.takeNotes(), [`peer 3 path ${FAKETCP4} is 7`, `peer 3 path ${FAKETCP4} is 8`, "close 7"]);
});

Deno.test("FakeTcpPaths dials a thousand peers one by one", () => {
  const bench = new Bench();
  for (let peerRow = 0; peerRow < 1_000; peerRow++) {
    bench.paths.addPeer(peerRow, true);
    bench.paths.configureTarget(peerRow, FAKETCP4, TARGET);
    bench.paths.wantWarm(peerRow, 0);
  }
  bench.runUntil(60_000);
  const times = bench.dials.map(({ atMs }) => atMs);
  assert.equal(times.length, 1_000);
  assert.ok(times.slice(1).every((atMs, index) => atMs - times[index] >= DIAL_SPACING_MS));
  assert.ok(times[999] <= DIAL_WARM_MS + 1_000 * DIAL_SPACING_MS);
});

Deno.test("FakeTcpPaths waits longer after each dial that fails", () => {
  const bench = new Bench().addPeer(true);
  bench.paths.wantWarm(PEER, 0);
  for (let failures = 0; failures < 5; failures++) {
    bench.runUntil(bench.paths.pollTimeout());
    const { row, atMs } = bench.dials[failures];
    bench.paths.handleClosed(row, 1, "no answer", atMs + 100);
  }
  const waits = bench.dials.slice(1).map(({ atMs }, index) => atMs - bench.dials[index].atMs - 100);
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000]);
});

Deno.test("FakeTcpPaths waits after a dial that can't even begin, and tries no harder", () => {
  const bench = new Bench().addPeer(true);
  bench.refusesToDial = true;
  bench.paths.wantWarm(PEER, 0);
  bench.runUntil(500);
  assert.equal(bench.paths.pollTimeout(), 1_000 + DIAL_WARM_MS);
});

Deno.test("FakeTcpPaths dials the families in turn after failures, as far as there are addresses", () => {
  const bench = new Bench().addPeer(true);
  bench.paths.learnTarget(PEER, FAKETCP6, TARGET6);
  bench.paths.wantWarm(PEER, 0);
  for (let failures = 0; failures < 4; failures++) {
    bench.runUntil(bench.paths.pollTimeout());
    bench.paths.handleClosed(bench.dials[failures].row, 1, "no answer", bench.dials[failures].atMs);
  }
  assert.deepEqual(bench.dials.map(({ target }) => target[0]), [6, 4, 6, 4]);
});

Deno.test("FakeTcpPaths.giveUp() forgets a connection and dials another", () => {
  const bench = new Bench().addPeer(true);
  const row = bench.open(0);
  bench.takeNotes();
  bench.paths.giveUp(PEER, FAKETCP4, 50_000);
  bench.paths.giveUp(PEER, FAKETCP4, 50_000);
  assert.deepEqual(bench.takeNotes(), [`abort ${row}`, `peer 3 path ${FAKETCP4} is gone: no answer`]);
  bench.paths.handleClosed(row, 1, "abort", 50_000);
  assert.deepEqual(bench.takeNotes(), []);
  bench.runUntil(51_000);
  assert.deepEqual(bench.dials.map(({ atMs }) => atMs), [DIAL_WARM_MS, 51_000]);
});

Deno.test("FakeTcpPaths.rest() lets a peer alone for a time", () => {
  const bench = new Bench().addPeer(true);
  bench.open(0);
  bench.paths.rest(PEER, FAKETCP4, 600_000, 50_000);
  bench.paths.wantWarm(PEER, 60_000);
  bench.paths.wantForHandshake(PEER, 60_000);
  bench.runUntil(599_999);
  assert.equal(bench.dials.length, 1);
  bench.runUntil(600_000);
  assert.equal(bench.dials.length, 2);
});

Deno.test("FakeTcpPaths.handleClosed() tells of a path that is gone, and only of the connection in use", () => {
  const bench = new Bench().addPeer(true);
  const row = bench.open(0);
  bench.takeNotes();
  bench.paths.handleClosed(row, 2, "reset", 50_000);
  bench.paths.handleClosed(row + 1, 1, "reset", 50_000);
  assert.deepEqual(bench.takeNotes(), []);
  bench.paths.handleClosed(row, 1, "reset", 50_000);
  assert.deepEqual(bench.takeNotes(), [`peer 3 path ${FAKETCP4} is gone: reset`]);
  assert.equal(bench.paths.ownerOf(row), undefined);
});

Deno.test("FakeTcpPaths keeps its peace when a dial fails and the peer has dialled us meanwhile", () => {
  const bench = new Bench().addPeer(true);
  bench.paths.wantWarm(PEER, 0);
  bench.runUntil(1_000);
  const accepted = connection(7, false);
  bench.paths.handleOpened(accepted, 3_000);
  bench.paths.handleUsed(PEER, FAKETCP4, accepted.endpoint, 3_000);
  bench.paths.handleClosed(100, 1, "no answer", 60_000);
  assert.equal(bench.paths.pollTimeout(), Infinity);
  assert.equal(bench.paths.connectionOf(PEER, FAKETCP4)?.row, 7);
});

Deno.test("FakeTcpPaths.handleLimit() names the path that a connection carries", () => {
  const bench = new Bench().addPeer(true);
  const row = bench.open(0);
  assert.equal(bench.paths.handleLimit(row + 1, 1_000), undefined);
  assert.deepEqual(bench.paths.handleLimit(row, 1_000), { peerRow: PEER, kind: FAKETCP4 });
  assert.equal(bench.paths.connectionOf(PEER, FAKETCP4)?.maxDatagramLen, 1_000);
});

Deno.test("FakeTcpPaths.removePeer() closes what a peer has, and ignores peers that it doesn't know", () => {
  const bench = new Bench().addPeer(true);
  const row = bench.open(0);
  bench.takeNotes();
  bench.paths.removePeer(PEER, 20_000);
  assert.deepEqual(bench.takeNotes(), [`close ${row}`]);
  for (const peerRow of [PEER, 9]) {
    bench.paths.removePeer(peerRow, 0);
    bench.paths.wantWarm(peerRow, 0);
    bench.paths.wantForHandshake(peerRow, 0);
    bench.paths.cancel(peerRow);
    bench.paths.giveUp(peerRow, FAKETCP4, 0);
    bench.paths.handleUsed(peerRow, FAKETCP4, connection(7, false).endpoint, 0);
    assert.equal(bench.paths.connectionOf(peerRow, FAKETCP4), undefined);
    assert.equal(bench.paths.hasTarget(peerRow), false);
  }
});

Deno.test("FakeTcpPaths forgets a replaced connection that the other side closes", () => {
  const bench = new Bench().addPeer(false);
  for (const row of [7, 8]) {
    const accepted = connection(row, false);
    bench.paths.handleOpened(accepted, 0);
    bench.paths.handleUsed(PEER, FAKETCP4, accepted.endpoint, 0);
  }
  bench.paths.handleClosed(7, 1, "finished", 100);
  assert.equal(bench.paths.pollTimeout(), Infinity);
  assert.ok(bench.notes.every((note) => !note.startsWith("close")));
});

const MAPPED: Candidate = { kind: FAKETCP4, endpoint: parseEndpoint("198.51.100.1:50001")!, rank: 14 };
const LISTENING: Candidate = { kind: FAKETCP4, endpoint: parseEndpoint("198.51.100.1:3000")!, rank: 4 };
const LOCAL: Candidate = { kind: FAKETCP4, endpoint: parseEndpoint("10.0.0.1:3000")!, rank: 100 };

/** A node with a peer that a super node lists. */
function benchWithCandidates(isLower: boolean, candidates: readonly Candidate[]): Bench {
  const bench = new Bench();
  bench.paths.addPeer(PEER, isLower);
  bench.paths.setCandidates(PEER, candidates, 0);
  return bench;
}

Deno.test("FakeTcpPaths.setCandidates() has candidates dialled by rank, and punched by both sides at one time", () => {
  for (const isLower of [true, false]) {
    const bench = benchWithCandidates(isLower, [LOCAL, MAPPED, LISTENING]);
    bench.runUntil(10_000);
    assert.equal(bench.dials.length, 0, "nobody wants it");
    bench.paths.wantForHandshake(PEER, 10_000);
    bench.runUntil(10_000 + PUNCH_MS);
    const beginMs = 10_000 + DIAL_HANDSHAKE_MS;
    assert.deepEqual(bench.dials.map(({ target, atMs, way }) => [target[1], atMs - beginMs, way]), [
      [3000, 0, DialWay.ORDINARY],
      [50001, PUNCH_DELAY_MS, DialWay.PUNCH],
      [3000, ATTEMPT_MS, DialWay.ORDINARY],
    ]);
    assert.deepEqual(bench.takeNotes(), ["abort 100"]);
  }
});

Deno.test("FakeTcpPaths punches again after a pause, and gives up the punch before", () => {
  const bench = benchWithCandidates(false, [MAPPED]);
  bench.paths.wantForHandshake(PEER, 0);
  bench.runUntil(60_000);
  const gaps = bench.dials.slice(1).map(({ atMs }, index) => atMs - bench.dials[index].atMs);
  const roundMs = PUNCH_DELAY_MS + PUNCH_MS;
  assert.deepEqual(gaps, [1, 2, 4, 8].map((seconds) => roundMs + seconds * 1000));
  assert.deepEqual(bench.takeNotes(), [100, 101, 102, 103].map((row) => `abort ${row}`));
});

Deno.test("FakeTcpPaths takes a punch that succeeds between two rounds", () => {
  const bench = benchWithCandidates(true, [MAPPED]);
  bench.paths.wantForHandshake(PEER, 0);
  bench.runUntil(7_000);
  bench.paths.handleOpened(connection(100, true), 7_100);
  assert.equal(bench.paths.connectionOf(PEER, FAKETCP4)?.row, 100);
  bench.runUntil(600_000);
  assert.equal(bench.dials.length, 1);
});

Deno.test("FakeTcpPaths.setCandidates() with news dials anew at once, without news changes nothing", () => {
  const bench = benchWithCandidates(true, [MAPPED]);
  bench.paths.wantForHandshake(PEER, 0);
  bench.runUntil(100_000);
  const before = bench.dials.length;
  bench.paths.setCandidates(PEER, [{ ...MAPPED }], 100_000);
  bench.runUntil(100_000 + DIAL_HANDSHAKE_MS + PUNCH_DELAY_MS);
  assert.equal(bench.dials.length, before);
  bench.takeNotes();
  const moved = { ...MAPPED, endpoint: parseEndpoint("198.51.100.1:50002")! };
  bench.paths.setCandidates(PEER, [moved], 101_000);
  bench.runUntil(101_000 + DIAL_HANDSHAKE_MS + PUNCH_DELAY_MS);
  assert.equal(bench.dials.length, before + 1);
  assert.equal(bench.dials[before].target[1], 50002);
  assert.deepEqual(bench.takeNotes(), [`abort ${bench.dials[before - 1].row}`]);
});

Deno.test("FakeTcpPaths dials super nodes from the rendezvous port", () => {
  const bench = new Bench();
  bench.paths.addPeer(PEER, true, true);
  bench.paths.configureTarget(PEER, FAKETCP4, TARGET);
  bench.open(0);
  assert.deepEqual(bench.dials.map(({ way }) => way), [DialWay.RENDEZVOUS]);
});

Deno.test("two nodes settle on one of all connections that they may have, in whatever order they see them", () => {
  // What is dialled by the lower one, by both, by the higher one; each has its row at both nodes.
  const [byLower, byBoth, byHigher] = [10, 101, 12];
  const orders = [
    [byLower, byBoth, byHigher],
    [byHigher, byBoth, byLower],
    [byBoth, byLower, byHigher],
    [byBoth, byHigher, byLower],
  ];
  for (const present of [[byLower, byBoth, byHigher], [byBoth, byHigher], [byLower, byBoth]]) {
    const settled = orders.flatMap((order) =>
      [true, false].map((isLower) => {
        const bench = benchWithCandidates(isLower, [LISTENING, MAPPED]);
        bench.paths.wantForHandshake(PEER, 0);
        bench.runUntil(2_000);
        const own = isLower ? byLower : byHigher;
        for (const row of order.filter((each) => present.includes(each))) {
          // Our ordinary dial has row 100.
          if (row === byBoth) bench.paths.handleOpened(connection(byBoth, true), 2_000);
          else if (row === own) bench.paths.handleOpened(connection(100, true), 2_000);
          else {
            bench.paths.handleOpened(connection(row, false), 2_000);
            bench.paths.handleUsed(PEER, FAKETCP4, connection(row, false).endpoint, 2_000);
          }
        }
        const used = bench.paths.connectionOf(PEER, FAKETCP4)?.row;
        return used === 100 ? own : used;
      })
    );
    assert.deepEqual(new Set(settled), new Set([present[0]]));
  }
});
