import { strict as assert } from "node:assert";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import type { Candidate } from "../../src/control/documents.ts";
import {
  COPIES_AFTER_MS,
  PeerTrials,
  type PeerTrialsOptions,
  TRIAL_SPACING_MS,
  type TryingDevice,
} from "../../src/control/peer_trials.ts";
import type { PeerPaths } from "../../src/control/peer_paths.ts";
import type { DeviceEvent } from "../../src/device/device.ts";
import { RecordingLog } from "../node/recording_log.ts";
import { type SimAddress, SimNetwork } from "../simnet/network.ts";
import { countInitiations, forSeeds } from "../simnet/pair.ts";
import { candidateAt, CHECK_INTERVAL_MS, DirectoryNode, publicAddress } from "./directory_node.ts";

const { UDP4 } = PathKind;
const SELF = 5;
const NOWHERE = new Uint32Array(12);

/** Trials with a device that notes what it is told. */
class Bench {
  readonly trials: PeerTrials;
  readonly sessions = new Set<number>();
  readonly alive = new Set<number>();
  /** Rows whose handshake has an initiation without an answer. */
  readonly pending = new Set<number>();
  readonly endpoints = new Map<number, Uint32Array>();
  readonly deadPaths = new Set<number>();
  #done: string[] = [];
  #nowMs = 0;

  constructor(change: Partial<PeerTrialsOptions> = {}) {
    const device: TryingDevice = {
      beginHandshake: (row, nowMs) => void this.#done.push(`${nowMs} begin ${row}`),
      sendInitiationTo: (row, _kind, endpoint) => {
        if (this.pending.has(row)) this.#done.push(`copy ${row} ${formatEndpoint(endpoint, 0)}`);
        return this.pending.has(row);
      },
      hasSession: (row) => this.sessions.has(row),
      isAlive: (row) => this.alive.has(row),
      endpointOf: (row) => this.endpoints.get(row) ?? NOWHERE,
    };
    this.trials = new PeerTrials({
      device,
      paths: {
        setEndpoint: (row, _kind, endpoint, _nowMs, isConfigured) => {
          assert.equal(isConfigured, false);
          this.endpoints.set(row, endpoint);
        },
        pathsOf: (row) => ({ stateOf: () => this.deadPaths.has(row) ? "dead" : "alive" }) as unknown as PeerPaths,
      },
      selfNodeId: SELF,
      checkIntervalMs: CHECK_INTERVAL_MS,
      log: new RecordingLog(),
      ...change,
    });
  }

  add(row: number, nodeId: number, candidates = [CANDIDATE_A, CANDIDATE_B]): void {
    this.trials.addPeer(row, nodeId);
    this.set(row, candidates, 0);
  }

  set(row: number, candidates: readonly Candidate[], nowMs: number): void {
    this.#nowMs = nowMs;
    this.trials.setCandidates(row, candidates, nowMs);
  }

  event(kind: "initiation sent", row: number, nowMs: number, attempts?: number): void;
  event(kind: "session established" | "handshake given up", row: number, nowMs: number): void;
  event(kind: DeviceEvent["kind"], peerRow: number, nowMs: number, attempts = 1): void {
    this.#nowMs = nowMs;
    if (kind === "initiation sent") this.pending.add(peerRow);
    else this.pending.delete(peerRow);
    if (kind === "session established") this.sessions.add(peerRow);
    const event = { kind, peerRow, attempts, renewed: false, path: UDP4 } as DeviceEvent;
    this.trials.handleDeviceEvent(event, nowMs);
  }

  /** Runs up to and including a time; returns what was done, each with when that was. */
  run(untilMs: number): string[] {
    const done = this.#done.splice(0);
    while (this.trials.pollTimeout() <= untilMs) {
      // What is overdue is done now.
      this.#nowMs = Math.max(this.#nowMs, this.trials.pollTimeout());
      this.trials.handleTimeout(this.#nowMs);
      done.push(...this.#done.splice(0).map((text) => text.startsWith("copy") ? `${this.#nowMs} ${text}` : text));
    }
    return done;
  }
}

const CANDIDATE_A = candidateAt({ ip: "192.0.2.1", port: 1 }, 4);
const CANDIDATE_B = candidateAt({ ip: "192.0.2.2", port: 2 }, 100);

Deno.test("PeerTrials copies an initiation to all addresses at once, and again for 4 s", () => {
  const bench = new Bench();
  bench.add(0, 7);
  assert.deepEqual(bench.run(0), ["0 begin 0"]);
  assert.equal(formatEndpoint(bench.endpoints.get(0)!, 0), "192.0.2.1:1");
  bench.event("initiation sent", 0, 100);
  // The device itself has sent it to the best address.
  assert.deepEqual(bench.run(100), ["copy 0 192.0.2.2:2"]);
  const expected = COPIES_AFTER_MS.slice(1).flatMap((afterMs) => [
    `${100 + afterMs} copy 0 192.0.2.1:1`,
    `${100 + afterMs} copy 0 192.0.2.2:2`,
  ]);
  assert.deepEqual(bench.run(CHECK_INTERVAL_MS - 1), expected);
  // Each further one goes to all, once.
  bench.event("initiation sent", 0, 5_200, 2);
  assert.deepEqual(bench.run(15_000), ["copy 0 192.0.2.2:2"]);
});

Deno.test("PeerTrials ends a trial when there is a session, or no initiation without an answer", () => {
  const bench = new Bench();
  bench.add(0, 7);
  bench.add(1, 8);
  bench.run(50);
  for (const row of [0, 1]) bench.event("initiation sent", row, 100);
  bench.run(100);
  bench.event("session established", 0, 200);
  // This one was answered, and the session isn't confirmed yet.
  bench.pending.delete(1);
  assert.deepEqual(bench.run(15_000), []);
});

Deno.test("PeerTrials tries again what was given up, and what has died, every interval", () => {
  const bench = new Bench();
  bench.add(0, 7);
  bench.add(1, 8);
  bench.run(50);
  for (const row of [0, 1]) bench.event("initiation sent", row, 100);
  bench.event("session established", 0, 200);
  bench.alive.add(0);
  bench.event("handshake given up", 1, 10_000);
  assert.deepEqual(bench.run(19_999).filter((text) => text.includes("begin")), []);
  assert.deepEqual(bench.run(30_000), ["20000 begin 1"]);
  bench.event("session established", 1, 31_000);
  bench.alive.add(1);
  bench.alive.delete(0);
  assert.deepEqual(bench.run(50_000), ["40000 begin 0"]);
  bench.event("session established", 0, 50_000);
  // It has had no time to say anything yet.
  assert.deepEqual(bench.run(60_000), []);
  assert.deepEqual(bench.run(80_000), ["80000 begin 0"]);
});

Deno.test("PeerTrials looks for nothing where the interval is switched off", () => {
  const bench = new Bench({ checkIntervalMs: 0 });
  bench.add(0, 7);
  bench.run(0);
  bench.event("initiation sent", 0, 100);
  bench.event("handshake given up", 0, 100_000);
  assert.equal(bench.trials.pollTimeout(), Infinity);
});

Deno.test("PeerTrials begins again when addresses change, but for a peer that is reached", () => {
  const bench = new Bench();
  bench.add(0, 7);
  bench.add(1, 8);
  bench.run(50);
  bench.event("initiation sent", 0, 100);
  bench.event("session established", 1, 100);
  bench.alive.add(1);
  bench.run(5_000);
  const moved = candidateAt({ ip: "192.0.2.3", port: 3 }, 4);
  for (const row of [0, 1]) bench.set(row, [moved], 6_000);
  // The initiation that was sent to the old addresses has no answer yet, so it goes to the new one, too.
  const copies = COPIES_AFTER_MS.map((afterMs) => `${6_000 + afterMs} copy 0 192.0.2.3:3`);
  assert.deepEqual(bench.run(15_000), ["6000 begin 0", ...copies]);
});

Deno.test("PeerTrials helps a handshake that the device began, unless it only renews a session", () => {
  const bench = new Bench();
  bench.sessions.add(0);
  bench.alive.add(0);
  // It was learnt from what the peer sent.
  bench.endpoints.set(0, candidateAt({ ip: "192.0.2.9", port: 9 }, 0).endpoint);
  bench.add(0, 7);
  bench.event("initiation sent", 0, 120_000);
  assert.deepEqual(bench.run(0), []);
  bench.event("initiation sent", 0, 125_000, 2);
  assert.equal(bench.run(0).length, 2);
  bench.sessions.delete(0);
  bench.event("session established", 0, 126_000);
  bench.sessions.delete(0);
  bench.event("initiation sent", 0, 400_000);
  assert.equal(bench.run(0).length, 2);
});

Deno.test("PeerTrials gives a peer that is reached by other ways its UDP addresses, too, unless it has some that may work", () => {
  const bench = new Bench();
  for (const row of [0, 1, 2]) {
    bench.sessions.add(row);
    bench.alive.add(row);
  }
  for (const row of [1, 2]) bench.endpoints.set(row, CANDIDATE_B.endpoint);
  bench.deadPaths.add(2);
  for (const row of [0, 1, 2]) bench.add(row, 7 + row);
  const endpoints = [0, 1, 2].map((row) => formatEndpoint(bench.endpoints.get(row)!, 0));
  assert.deepEqual(endpoints, ["192.0.2.1:1", "192.0.2.2:2", "192.0.2.1:1"]);
  assert.deepEqual(bench.run(CHECK_INTERVAL_MS), []);
});

Deno.test("PeerTrials begins trials at a distance, so that pairs of nodes begin together", () => {
  const beginsOf = (selfNodeId: number, peers: readonly number[]) => {
    const bench = new Bench({ selfNodeId });
    for (const nodeId of peers) if (nodeId !== selfNodeId) bench.add(nodeId, nodeId, [CANDIDATE_A]);
    return bench.run(2_000).map((text) => text.split(" begin ").map(Number));
  };
  const ids = Array.from({ length: 64 }, (_, index) => index);
  const partners = new Map(ids.map((id) => [id, beginsOf(id, ids)]));
  for (const [id, begins] of partners) {
    assert.equal(begins.length, 63);
    for (const [index, [atMs, peer]] of begins.entries()) {
      assert.equal(atMs, index * TRIAL_SPACING_MS);
      assert.deepEqual(partners.get(peer)![index], [atMs, id]);
    }
  }
});

Deno.test("PeerTrials forgets a peer that is removed, wherever its trial is", () => {
  const bench = new Bench();
  for (const row of [0, 1, 2]) bench.add(row, 7 + row);
  // 5 ^ 7 < 5 ^ 8 < 5 ^ 9 doesn't hold: the order is 7, 9, 8.
  assert.deepEqual(bench.run(TRIAL_SPACING_MS), ["0 begin 0", `${TRIAL_SPACING_MS} begin 2`]);
  bench.event("initiation sent", 0, 30);
  bench.run(30);
  for (const row of [0, 1, 2]) bench.trials.removePeer(row);
  bench.event("initiation sent", 0, 31, 2);
  assert.deepEqual(bench.run(100_000), []);
});

Deno.test("PeerTrials takes up a handshake that came to nothing before it began", () => {
  const bench = new Bench();
  bench.add(0, 7);
  assert.deepEqual(bench.run(10_000), ["0 begin 0"]);
  assert.deepEqual(bench.run(20_000), ["20000 begin 0"]);
});

/** Nodes 1 and 2, each behind a translator of its own unless it is to be public. */
function createBehindTranslators(seed: number, isPublic = [false, false]): [SimNetwork, DirectoryNode, DirectoryNode] {
  const network = new SimNetwork(seed);
  network.traces = false;
  const nodes = [1, 2].map((nodeId, index) => {
    const inside: SimAddress = { ip: `10.0.${nodeId}.2`, port: 3001 };
    const link = { latencyMs: 5 + seed * 13 % 60, jitterMs: seed % 10 };
    return isPublic[index]
      ? new DirectoryNode(network, nodeId, publicAddress(nodeId), { link })
      : new DirectoryNode(network, nodeId, inside, { link, behind: `20.0.9.${nodeId}` });
  });
  return [network, nodes[0], nodes[1]];
}

const DISTANCES_MS = [0, 300, 2_000, 15_000, 60_000];
for (const distanceMs of DISTANCES_MS) {
  Deno.test(`two nodes behind translators that hear of each other ${distanceMs} ms apart are connected within 6 s`, () => {
    forSeeds(10, (seed) => {
      const [network, a, b] = createBehindTranslators(seed);
      const entries = [a.entry(), b.entry()];
      a.list(...entries);
      network.run(distanceMs);
      assert.equal(a.hasSession(b), distanceMs === 0 ? false : a.hasSession(b));
      b.list(...entries);
      assert.ok(network.runUntilHolds(() => a.hasSession(b) && b.hasSession(a), 6_000));
    });
  });
}

for (const isPublic of [[true, false], [false, true]]) {
  Deno.test(`a node behind a translator and a public one are connected at once: ${isPublic.join(", ")}`, () => {
    forSeeds(5, (seed) => {
      const [network, a, b] = createBehindTranslators(seed, isPublic);
      const entries = [a.entry(), b.entry()];
      a.list(...entries);
      b.list(...entries);
      assert.ok(network.runUntilHolds(() => a.hasSession(b) && b.hasSession(a), 1_500));
    });
  });
}

Deno.test("two nodes find each other where the best addresses of both lead nowhere", () => {
  const network = new SimNetwork(3);
  const [a, b] = [1, 2].map((nodeId) => new DirectoryNode(network, nodeId, publicAddress(nodeId)));
  const [entryA, entryB] = [a, b].map((node) => {
    const stale = Array.from({ length: 7 }, (_, index) => candidateAt({ ip: "20.0.9.9", port: index + 1 }, index));
    const { candidates } = node.entry();
    return node.entry({ candidates: [...candidates.map((candidate) => ({ ...candidate, rank: 100 })), ...stale] });
  });
  a.list(entryB);
  b.list(entryA);
  assert.ok(network.runUntilHolds(() => a.hasSession(b) && b.hasSession(a), 1_000));
  assert.equal(formatEndpoint(a.sim.device.endpointOf(a.directory.rowOf(2)!, UDP4), 0), "20.0.0.2:3001");
});

Deno.test("private addresses aren't tried where they may not be learnt", () => {
  const network = new SimNetwork(3);
  const sent: string[] = [];
  network.onTransit = ({ to }) => void sent.push(to.ip);
  const a = new DirectoryNode(network, 1, publicAddress(1), { allowPrivateIp: false });
  const candidates: Candidate[] = [{ ip: "10.1.1.1", port: 1 }, publicAddress(77)].map((address) =>
    candidateAt(address, 4)
  );
  a.list({ nodeId: 2, publicKey: new Uint8Array(32).fill(9), presharedKey: undefined, candidates });
  network.run(10_000);
  assert.ok(sent.length > COPIES_AFTER_MS.length);
  assert.deepEqual([...new Set(sent)], [publicAddress(77).ip]);
});

Deno.test("a peer that has moved without a word is found at its new address, and traffic goes on", () => {
  const network = new SimNetwork(4);
  const [a, b] = [1, 2].map((nodeId) => new DirectoryNode(network, nodeId, publicAddress(nodeId)));
  const entries = [a.entry(), b.entry()];
  for (const node of [a, b]) node.list(...entries);
  network.run(3_000);
  assert.ok(a.hasSession(b));
  b.sim.attachment.moveTo(publicAddress(3));
  network.run(100_000);
  a.list(a.entry(), b.entry());
  const rowOfB = a.directory.rowOf(2)!;
  assert.ok(network.runUntilHolds(() => a.sim.device.isAlive(rowOfB, network.nowMs), 30_000));
  a.sim.send(rowOfB, "still there");
  network.run(200);
  assert.ok(b.sim.received.includes("still there"));
});

Deno.test("an established pair sends no initiations but to renew its session", () => {
  const network = new SimNetwork(5);
  const [a, b] = [1, 2].map((nodeId) => new DirectoryNode(network, nodeId, publicAddress(nodeId)));
  const entries = [a.entry(), b.entry()];
  for (const node of [a, b]) node.list(...entries);
  network.run(5_000);
  const initiations = countInitiations(network);
  const rowOfB = a.directory.rowOf(2)!;
  for (let second = 0; second < 115; second++) {
    network.at(network.nowMs + second * 1_000, () => {
      a.sim.send(rowOfB, "x");
      b.sim.send(b.directory.rowOf(1)!, "y");
    });
  }
  network.run(115_000);
  assert.equal(initiations(), 0);
});
