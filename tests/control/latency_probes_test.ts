import fc from "fast-check";
import { strict as assert } from "node:assert";
import { type NodeId, SPREAD_NODE_ID, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import {
  type LatencyParameters,
  LatencyProbes,
  type LatencyProbesOptions,
  NO_RELAY_COST_MS,
  type ProbingDevice,
} from "../../src/control/latency_probes.ts";
import { decodePing, encodePing } from "../../src/control/message_codec.ts";
import type { Ping, Pong } from "../../src/control/messages.ts";
import type { ControlMessage } from "../../src/device/device.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { contentOf } from "../dataplane/datagram.ts";

const { UDP4, FAKETCP4 } = PathKind;
const EPOCH_MS = Date.UTC(2026, 0, 1);
const SELF = 1;
/** Neighbour in row 0. */
const PEER = 2;
const ROW = 0;
const PARAMETERS: LatencyParameters = {
  pingIntervalMs: 15_000,
  peerAliveTimeoutMs: 70_000,
  dampingFilterRadius: 0,
  additionalCostMs: 10,
};

interface SentPing {
  readonly row: number;
  readonly message: ControlMessage;
  readonly ping: Ping;
  readonly nowMs: number;
}

/** Probes of node 1, whose neighbours 2, 3 … are in rows 0, 1 …, with a wall clock of its own. */
class Bench {
  readonly probes: LatencyProbes;
  readonly rows = new Map<NodeId, number>();
  readonly withoutSession = new Set<number>();
  /** When something was last heard of each row; those left out are dead. */
  readonly heardMs = new Map<number, number>();
  offsetMs = 0;
  skewMs = 0;
  #sent: SentPing[] = [];

  constructor(peers = 1, change: Partial<LatencyProbesOptions> = {}) {
    for (let row = 0; row < peers; row++) this.rows.set(row + PEER, row);
    const device: ProbingDevice = {
      peerRows: this.rows,
      nodeOf: (row) => this.rows.entries().find((entry) => entry[1] === row)?.[0],
      reachablePeers: () => this.#reachablePeers(),
      hasSession: (row) => !this.withoutSession.has(row),
      isAlive: (row) => this.heardMs.has(row),
      lastReceivedMs: (row) => this.heardMs.get(row) ?? -Infinity,
      sendMessage: (row, message, nowMs) => {
        const ping = decodePing(message.body);
        assert.ok(typeof ping === "object");
        this.#sent.push({ row, message, ping, nowMs });
        return true;
      },
    };
    this.probes = new LatencyProbes({
      device,
      selfNodeId: SELF,
      random: seededRandom(1),
      wallClockOffsetMs: () => this.offsetMs,
      parameters: PARAMETERS,
      relays: true,
      ...change,
    });
  }

  *#reachablePeers(): ReturnType<ProbingDevice["reachablePeers"]> {
    for (const [nodeId, row] of this.rows) yield { row, nodeId };
  }

  wallMs(nowMs: number): number {
    return EPOCH_MS + this.skewMs + nowMs;
  }

  /** Runs up to and including a time, from deadline to deadline; returns what was sent. */
  run(untilMs: number): SentPing[] {
    for (let nowMs = this.probes.pollTimeout(); nowMs <= untilMs; nowMs = this.probes.pollTimeout()) {
      this.probes.handleTimeout(nowMs, this.wallMs(nowMs));
      this.takePongs();
    }
    return this.takeSent();
  }

  takeSent(): SentPing[] {
    return this.#sent.splice(0);
  }

  takePongs(): Pong[] {
    const pongs: Pong[] = [];
    for (let pong = this.probes.pollPong(); pong !== undefined; pong = this.probes.pollPong()) pongs.push(pong);
    return pongs;
  }

  /** Takes in a ping of node 2 that was on its way for a time; returns the reason. */
  ping(latencyMs: number, nowMs: number, path: number = UDP4, change: Partial<Ping> = {}): number {
    const sentAtMs = EPOCH_MS + nowMs - latencyMs;
    return this.take({ requestId: 7, source: PEER, sentAtMs, replyCount: 0, ...change }, nowMs, path);
  }

  take(ping: Ping, nowMs: number, path: number = UDP4, headerSource: NodeId = PEER, row = ROW): number {
    const content = contentOf(SPREAD_NODE_ID, headerSource, Uint8Array.of(...encodePing(ping), 0, 0, 0));
    return this.probes.handlePing(row, content, path, nowMs, this.wallMs(nowMs));
  }

  /** Takes in a ping, and returns the latency that a report tells then, ms. */
  measure(latencyMs: number, nowMs: number, path: number = UDP4): number {
    assert.equal(this.ping(latencyMs, nowMs, path), Reason.NONE);
    this.heardMs.set(ROW, nowMs);
    const [pong] = this.probes.pongs(nowMs);
    return Math.round(pong.latencyS * 1e6) / 1e3;
  }
}

Deno.test("LatencyProbes pings every peer at once, and then every interval", () => {
  const bench = new Bench(2);
  const rounds = [0, 15_000, 30_000];
  const sent = bench.run(30_000);
  assert.deepEqual(sent.map(({ row, nowMs }) => [row, nowMs]), rounds.flatMap((atMs) => [[0, atMs], [1, atMs]]));
  for (const { message, ping, nowMs } of sent) {
    const { type, ttl, destination, source } = message;
    assert.deepEqual([type, ttl, destination, source], [MessageType.PING, 0, SPREAD_NODE_ID, SELF]);
    assert.deepEqual([ping.source, ping.sentAtMs, ping.replyCount], [SELF, EPOCH_MS + nowMs, 0]);
  }
});

Deno.test("LatencyProbes sends no two pings with one body, however the clock stands still", () => {
  const bench = new Bench(40, { parameters: { ...PARAMETERS, pingIntervalMs: 1 } });
  bench.wallMs = () => EPOCH_MS;
  const bodies = bench.run(500).map(({ message }) => message.body.toHex());
  assert.ok(bodies.length > 200);
  assert.equal(new Set(bodies).size, bodies.length);
});

Deno.test("LatencyProbes says the corrected time", () => {
  const bench = new Bench();
  bench.skewMs = 3_600_000;
  bench.offsetMs = -3_600_000;
  const [{ ping }] = bench.run(0);
  assert.equal(ping.sentAtMs, EPOCH_MS);
});

Deno.test("LatencyProbes pings once and when it is asked where the interval is switched off", () => {
  const bench = new Bench(1, { parameters: { ...PARAMETERS, pingIntervalMs: 0 } });
  assert.equal(bench.run(1e9).length, 1);
  bench.probes.pingAll(2e9);
  assert.deepEqual(bench.run(3e9).map(({ nowMs }) => nowMs), [2e9]);
});

Deno.test("LatencyProbes pings at once when parameters come, and keeps to the new interval", () => {
  const bench = new Bench();
  bench.run(1_000);
  bench.probes.setParameters({ ...PARAMETERS, pingIntervalMs: 4_000 }, 2_000);
  assert.deepEqual(bench.run(10_000).map(({ nowMs }) => nowMs), [2_000, 6_000, 10_000]);
});

Deno.test("LatencyProbes spreads the pings to a thousand peers over less than a second, some at a time", () => {
  const bench = new Bench(1_000);
  const sent = bench.run(1_000);
  assert.equal(new Set(sent.map(({ row }) => row)).size, 1_000);
  const counts = Map.groupBy(sent, ({ nowMs }) => nowMs);
  for (const batch of counts.values()) assert.ok(batch.length <= 16);
  for (const { ping, nowMs } of sent) assert.equal(ping.sentAtMs, EPOCH_MS + nowMs);
});

Deno.test("LatencyProbes lets no ping wait for a handshake, and sends it once there is a session", () => {
  const bench = new Bench(2);
  bench.withoutSession.add(0);
  assert.deepEqual(bench.run(10).map(({ row }) => row), [1]);
  bench.withoutSession.clear();
  const established = { kind: "session established", peerRow: 0, path: UDP4 } as const;
  bench.probes.handleDeviceEvent({ ...established, renewed: false }, 3_000);
  const sentMs = [3_000, 3_200, 3_400, 3_600];
  assert.deepEqual(bench.run(3_999).map(({ row, nowMs }) => [row, nowMs]), sentMs.map((nowMs) => [0, nowMs]));
  bench.probes.handleDeviceEvent({ ...established, renewed: true }, 4_000);
  bench.probes.handleDeviceEvent({ ...established, peerRow: 9, renewed: false }, 4_000);
  assert.deepEqual(bench.run(5_000), []);
});

Deno.test("LatencyProbes sends nothing to a peer that was removed while its round went on", () => {
  const bench = new Bench(20);
  bench.probes.handleTimeout(0, EPOCH_MS);
  const pinged = bench.takeSent().map(({ row }) => row);
  assert.deepEqual(pinged, Array.from({ length: 16 }, (_, row) => row));
  bench.rows.delete(PEER + 17);
  assert.deepEqual(bench.run(100).map(({ row }) => row), [16, 18, 19]);
});

Deno.test("LatencyProbes.handlePing() tells the super what the ping took, and for how long that holds", () => {
  const bench = new Bench();
  assert.equal(bench.ping(31, 1_000), Reason.NONE);
  assert.equal(bench.probes.pollTimeout(), 1_000);
  const [{ requestId: _, ...pong }] = bench.takePongs();
  assert.deepEqual(pong, {
    source: PEER,
    destination: SELF,
    latencyS: 0.031,
    timeToLiveS: 70,
    additionalCostMs: 10,
  });
});

Deno.test("LatencyProbes keeps one pong for each peer, the latest, with a number of its own", () => {
  const bench = new Bench();
  bench.run(0);
  const ids = new Set<number>();
  for (const [index, latencyMs] of [10, 20, 30].entries()) bench.ping(latencyMs, index * 1_000);
  const pongs = bench.takePongs();
  assert.deepEqual(pongs.map(({ latencyS }) => latencyS), [0.03]);
  for (let index = 0; index < 5; index++) {
    bench.ping(10 + 2 * index, 10_000 + index * 1_000);
    ids.add(bench.takePongs()[0].requestId);
  }
  assert.equal(ids.size, 5);
});

Deno.test("LatencyProbes tells the super what is new, what has changed by a millisecond, and what would expire", () => {
  const bench = new Bench();
  const told: number[] = [];
  const latencies = [[0, 10], [7_000, 10.9], [14_000, 9.1], [21_000, 11], [36_000, 11], [48_900, 11], [49_000, 11]];
  for (const [nowMs, latencyMs] of latencies) {
    bench.ping(latencyMs, nowMs);
    if (bench.takePongs().length > 0) told.push(nowMs);
  }
  assert.deepEqual(told, [0, 21_000, 49_000]);
});

Deno.test("LatencyProbes tells a latency that no report tells so often that one pong may get lost before it expires", () => {
  const bench = new Bench();
  const told: number[] = [];
  for (let nowMs = 0; nowMs <= 600_000; nowMs += PARAMETERS.pingIntervalMs) {
    bench.ping(10, nowMs);
    if (bench.takePongs().length > 0) told.push(nowMs);
  }
  for (const [index, nowMs] of told.slice(2).entries()) {
    assert.ok(nowMs - told[index] < PARAMETERS.peerAliveTimeoutMs, `${told[index]} to ${nowMs} ms`);
  }
});

Deno.test("LatencyProbes tells by a pong what is right when it goes out, not when the ping came in", () => {
  const bench = new Bench();
  bench.ping(10, 0);
  bench.offsetMs = 500;
  assert.deepEqual(bench.takePongs().map(({ latencyS }) => latencyS), [0.51]);
});

Deno.test("LatencyProbes doesn't tell the super again what a report has told it, once the report has arrived", () => {
  const tellsAfter = (hasArrived: boolean) => {
    const bench = new Bench();
    bench.ping(10, 0);
    bench.takePongs();
    bench.heardMs.set(ROW, 50_000);
    assert.equal(bench.probes.pongs(50_000).length, 1);
    if (hasArrived) bench.probes.handleReported(50_100);
    bench.ping(10, 60_000);
    return bench.takePongs().length > 0;
  };
  assert.deepEqual([tellsAfter(true), tellsAfter(false)], [false, true]);
});

Deno.test("LatencyProbes pings a new session at once and three times more soon after", () => {
  const bench = new Bench();
  assert.equal(bench.run(0).length, 1);
  bench.probes.handleDeviceEvent({ kind: "session established", peerRow: ROW, renewed: false, path: UDP4 }, 1_000);
  assert.deepEqual(bench.run(14_999).map(({ nowMs }) => nowMs), [1_000, 1_200, 1_400, 1_600]);
  bench.probes.handleDeviceEvent({ kind: "session established", peerRow: ROW, renewed: true, path: UDP4 }, 16_000);
  assert.deepEqual(bench.run(29_999).map(({ nowMs }) => nowMs), [15_000]);
});

Deno.test("LatencyProbes tells the least of the first measurements of a session: of three, or of those that come in time", () => {
  const established = { kind: "session established", peerRow: ROW, renewed: false, path: UDP4 } as const;
  const bench = new Bench();
  bench.probes.handleDeviceEvent(established, 1_000);
  for (const [latencyMs, nowMs] of [[48, 1_010], [9, 1_210]]) bench.ping(latencyMs, nowMs);
  assert.deepEqual(bench.takePongs(), []);
  bench.ping(12, 1_410);
  assert.deepEqual(bench.takePongs().map(({ latencyS }) => latencyS), [0.009]);
  bench.ping(30, 1_610);
  assert.deepEqual(bench.takePongs().map(({ latencyS }) => latencyS), [0.03]);

  const alone = new Bench();
  alone.probes.handleDeviceEvent(established, 1_000);
  alone.ping(20, 1_010);
  alone.run(1_999);
  assert.ok(alone.probes.pollTimeout() <= 2_000);
  alone.probes.handleTimeout(2_000, alone.wallMs(2_000));
  assert.deepEqual(alone.takePongs().map(({ latencyS }) => latencyS), [0.02]);
});

const SKEWS_MS = [-3_600_000, 0, 3_600_000];
for (const skewMs of SKEWS_MS) {
  Deno.test(`LatencyProbes measures right with a clock that is ${skewMs / 3_600_000} h ahead, if it is corrected`, () => {
    const bench = new Bench();
    bench.skewMs = skewMs;
    bench.offsetMs = -skewMs;
    assert.equal(bench.measure(25, 1_000), 25);
    // Without the correction the sum of both directions is still right.
    bench.offsetMs = 0;
    assert.equal(bench.measure(25, 2_000), 25 + skewMs);
  });
}

Deno.test("LatencyProbes applies a new offset to what was measured before, too", () => {
  const bench = new Bench(1, { parameters: { ...PARAMETERS, dampingFilterRadius: 2 } });
  bench.heardMs.set(ROW, 5_000);
  for (let index = 0; index < 5; index++) bench.measure(20, index * 1_000);
  bench.offsetMs = 500;
  assert.deepEqual(bench.probes.pongs(5_000).map(({ latencyS }) => latencyS), [0.52]);
  assert.equal(bench.measure(900, 6_000), 520);
});

Deno.test("LatencyProbes tells the median of the last measurements, apart for each kind of path", () => {
  const bench = new Bench(1, { parameters: { ...PARAMETERS, dampingFilterRadius: 1 } });
  const told = [20, 21, 500, 22, 23].map((latencyMs, index) => bench.measure(latencyMs, index * 1_000));
  assert.deepEqual(told, [20, 21, 21, 22, 23]);
  // On another path nothing is known yet.
  assert.equal(bench.measure(80, 6_000, FAKETCP4), 80);
  assert.equal(bench.measure(24, 7_000), 23);
});

Deno.test("LatencyProbes forgets what it measured before a peer was dead", () => {
  const bench = new Bench(1, { parameters: { ...PARAMETERS, dampingFilterRadius: 1 } });
  for (let index = 0; index < 3; index++) bench.measure(20, index * 1_000);
  assert.equal(bench.measure(400, 2_000 + 70_000), 20);
  assert.equal(bench.measure(400, 72_000 + 70_001), 400);
});

Deno.test("LatencyProbes.setParameters() changes filters that hold something", () => {
  const bench = new Bench(1, { parameters: { ...PARAMETERS, dampingFilterRadius: 1 } });
  for (let index = 0; index < 3; index++) bench.measure(20, index * 1_000);
  bench.probes.setParameters({ ...PARAMETERS, dampingFilterRadius: 0, peerAliveTimeoutMs: 5_000 }, 3_000);
  assert.equal(bench.ping(400, 4_000), Reason.NONE);
  const [pong] = bench.takePongs();
  assert.deepEqual([pong.latencyS, pong.timeToLiveS], [0.4, 5]);
});

Deno.test("LatencyProbes says the super's additional cost, the file's if it has none, and a huge one without relaying", () => {
  const costOf = (bench: Bench, additionalCostMs: number) => {
    bench.probes.setParameters({ ...PARAMETERS, additionalCostMs }, 1_000);
    bench.ping(5, 1_000);
    return bench.takePongs()[0].additionalCostMs;
  };
  assert.deepEqual([costOf(new Bench(), 25), costOf(new Bench(), 0), costOf(new Bench(), -1)], [25, 0, 10]);
  const relays = false;
  assert.equal(costOf(new Bench(1, { relays }), 25), NO_RELAY_COST_MS);
  const parameters = { ...PARAMETERS, additionalCostMs: -3 };
  assert.equal(costOf(new Bench(1, { parameters }), -1), 0);
});

Deno.test("LatencyProbes.pongs() has one for each living peer that was measured, and how long it still holds", () => {
  const bench = new Bench(4);
  const take = (source: NodeId, latencyMs: number) => {
    const ping = { requestId: 1, source, sentAtMs: EPOCH_MS + 1_000 - latencyMs, replyCount: 0 };
    assert.equal(bench.take(ping, 1_000, UDP4, source, source - PEER), Reason.NONE);
  };
  for (const [source, latencyMs] of [[4, 40], [2, -20], [3, 30]]) take(source, latencyMs);
  for (const [row, heardMs] of [[0, 60_000], [2, 1_000], [3, 60_000]]) bench.heardMs.set(row, heardMs);
  const told = bench.probes.pongs(61_000);
  assert.deepEqual(told.map(({ source, latencyS, timeToLiveS }) => [source, latencyS, timeToLiveS]), [
    [2, -0.02, 69],
    [4, 0.04, 10],
  ]);
  assert.ok(told.every(({ destination, additionalCostMs }) => destination === SELF && additionalCostMs === 10));
  // Whoever has the NodeId next has been measured by nobody.
  bench.rows.set(2, 9);
  bench.heardMs.set(9, 61_000);
  assert.deepEqual(bench.probes.pongs(61_000).map(({ source }) => source), [4]);
});

Deno.test("LatencyProbes answers a ping that asks for replies, one every 3 s, ten at most", () => {
  const quiet = { parameters: { ...PARAMETERS, pingIntervalMs: 0 } };
  for (const [replyCount, expected] of [[-1, 0], [0, 0], [1, 1], [3, 3], [1e9, 10]]) {
    const bench = new Bench(1, quiet);
    bench.run(0);
    bench.ping(5, 1_000, UDP4, { replyCount });
    const sent = bench.run(1e6);
    assert.deepEqual(
      sent.map(({ nowMs }) => nowMs),
      Array.from({ length: expected }, (_, index) => 1_000 + index * 3_000),
    );
    assert.ok(sent.every(({ ping }) => ping.replyCount === 0));
  }
});

Deno.test("LatencyProbes lets no flood of pings draw more than one reply every 3 s", () => {
  const bench = new Bench(1, { parameters: { ...PARAMETERS, pingIntervalMs: 0 } });
  bench.run(0);
  let [replies, limited] = [0, 0];
  for (let nowMs = 0; nowMs < 30_000; nowMs += 10) {
    if (bench.ping(5, nowMs, UDP4, { replyCount: 10 }) === Reason.RATE_LIMITED) limited++;
    replies += bench.run(nowMs).length;
  }
  assert.equal(replies, 10);
  assert.ok(limited > 2_800);
});

const FORGED: [name: string, ping: Partial<Ping>, headerSource: NodeId, row: number, reason: number][] = [
  ["names another source than its header", { source: 3 }, 2, 0, Reason.MESSAGE_FORGED],
  ["was relayed", { source: 3 }, 3, 0, Reason.MESSAGE_FORGED],
  ["comes from a super node", { source: SUPER_NODE_ID }, SUPER_NODE_ID, 7, Reason.MESSAGE_FORGED],
  ["comes from nobody that we know", { source: 99 }, 99, 0, Reason.MESSAGE_FORGED],
  ["has no time", { sentAtMs: -62_135_596_800_000 }, 2, 0, Reason.MESSAGE_MALFORMED],
  ["is more than a day old", { sentAtMs: EPOCH_MS - 100_000_000 }, 2, 0, Reason.MESSAGE_MALFORMED],
  ["comes from the day after tomorrow", { sentAtMs: EPOCH_MS + 1e8 + 1e4 }, 2, 0, Reason.MESSAGE_MALFORMED],
];
for (const [name, change, headerSource, row, reason] of FORGED) {
  Deno.test(`LatencyProbes.handlePing() refuses a ping that ${name}`, () => {
    const bench = new Bench(2);
    const ping = { requestId: 1, source: PEER, sentAtMs: EPOCH_MS, replyCount: 5, ...change };
    assert.equal(bench.take(ping, 1_000, UDP4, headerSource, row), reason);
    assert.deepEqual(bench.takePongs(), []);
    assert.equal(bench.run(10).length, 2);
    assert.deepEqual(bench.run(10_000), []);
  });
}

Deno.test("LatencyProbes.handlePing() survives any content, and learns nothing from what isn't a ping", () => {
  const valid = encodePing({ requestId: 1, source: PEER, sentAtMs: EPOCH_MS, replyCount: 0 });
  const mutated = fc.tuple(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length)).map(([at, octet, end]) => {
    const octets = valid.slice(0, end);
    if (at < end) octets[at] = octet;
    return octets;
  });
  const body = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated);
  fc.assert(
    fc.property(body, fc.boolean(), (octets, hasHeader) => {
      const bench = new Bench();
      const content = hasHeader ? contentOf(SPREAD_NODE_ID, PEER, octets) : octets;
      const reason = bench.probes.handlePing(ROW, content, UDP4, 1_000, EPOCH_MS + 1_000);
      const pongs = bench.takePongs();
      assert.equal(pongs.length, reason === Reason.NONE ? 1 : 0);
      for (const { latencyS, source } of pongs) {
        assert.ok(Math.abs(latencyS) < 99_999);
        assert.equal(source, PEER);
      }
      if (reason === Reason.NONE) assert.equal((decodePing(octets) as Ping).source, PEER);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("LatencyProbes tells nothing beyond what it was told: each latency lies between the extremes", () => {
  const samples = fc.array(fc.double({ min: -5e7, max: 5e7, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(samples, fc.nat(6), (latencies, dampingFilterRadius) => {
      const bench = new Bench(1, { parameters: { ...PARAMETERS, dampingFilterRadius } });
      for (const [index, latencyMs] of latencies.entries()) {
        const told = bench.measure(latencyMs, index * 1_000);
        const window = latencies.slice(Math.max(0, index - 2 * dampingFilterRadius), index + 1);
        assert.ok(told >= Math.min(...window) - 0.01 && told <= Math.max(...window) + 0.01);
      }
    }),
    { numRuns: 300 },
  );
});
