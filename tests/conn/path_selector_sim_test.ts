/**
 * What users notice when paths fail, over hundreds of seeds: dark time, losses, changes of path.
 *
 * Each seed has its own latencies (5 to 40 ms one way), jitter (up to 10 ms) and moment of the failure. Node 0 is looked at;
 * both send one full datagram each 5 ms.
 */

import { strict as assert } from "node:assert";
import { PATH_KIND_COUNT, PathKind } from "../../src/base/path_kind.ts";
import { type PathConditions, PathSim, percentile, reportStream, type SimNode } from "./path_sim.ts";

const { UDP6, UDP4 } = PathKind;
const UDP: readonly number[] = [UDP6, UDP4];
const ALL = [0, 1, 2, 3];
const BOTH = [0, 1];
/** Node 0 to node 1. */
const OUT = [0];

/** What one failure and its end did to the data of node 0. */
interface Failover {
  /** Longest time without data after the failure, ms. */
  readonly darkMs: number;
  readonly suspectedAfterMs: number;
  readonly switchedAfterMs: number;
  readonly lostAfterSuspicion: number;
  /** From the end of the failure to being back on the path used before, ms. */
  readonly returnedAfterMs: number;
  readonly lostOnReturn: number;
  readonly switches: number;
  /** Switches of the other side. */
  readonly peerSwitches: number;
}

/** Lets a failure happen under traffic, waits until the traffic is on a path of the other transport, and ends it. */
function failOver(
  seed: number,
  begin: (sim: PathSim, node: SimNode) => void,
  end: (sim: PathSim, node: SimNode) => void,
): Failover {
  const sim = new PathSim({ seed });
  const [node, peer] = sim.nodes;
  sim.run(4_000 + sim.fraction() * 1_000);
  const beginMs = sim.nowMs;
  const told = node.events.length;
  const switchesBefore = node.switches().length;
  const peerSwitchesBefore = peer.switches().length;
  assert.equal(node.selector.current, UDP6, `seed ${seed}`);

  begin(sim, node);
  const switchedAfterMs = sim.runUntilHolds(() => !UDP.includes(node.selector.current), 5_000);
  sim.run(1_500);
  const doubt = node.events.slice(told).find(({ kind }) => kind === "suspected" || kind === "switched");
  const failure = reportStream(node, beginMs - 200, sim.nowMs, doubt?.atMs);

  const endMs = sim.nowMs;
  end(sim, node);
  const returnedAfterMs = sim.runUntilHolds(() => node.selector.current === UDP6, 15_000);
  sim.run(1_000);
  return {
    darkMs: failure.darkMs,
    suspectedAfterMs: (doubt?.atMs ?? Infinity) - beginMs,
    switchedAfterMs,
    lostAfterSuspicion: failure.lostAfter,
    returnedAfterMs,
    // What was under way when the failure ended is lost to the failure.
    lostOnReturn: reportStream(node, endMs, sim.nowMs - 200).lost,
    switches: node.switches().length - switchesBefore,
    peerSwitches: peer.switches().length - peerSwitchesBefore,
  };
}

function failOvers(
  seeds: number,
  begin: (sim: PathSim, node: SimNode) => void,
  end: (sim: PathSim, node: SimNode) => void,
): Failover[] {
  return Array.from({ length: seeds }, (_, index) => failOver(index + 1, begin, end));
}

/** Asserts a bound on the value that 99 of 100 runs don't exceed. */
function assertP99(runs: readonly Failover[], key: keyof Failover, limit: number): void {
  const p99 = percentile(runs.map((run) => run[key]), 0.99);
  assert.ok(p99 <= limit, `${key}: p99 is ${p99}, should be ${limit} at most`);
}

/** Asserts a bound that no run may exceed, and names the seed that does. */
function assertMax(runs: readonly Failover[], key: keyof Failover, limit: number): void {
  for (const [index, run] of runs.entries()) {
    assert.ok(run[key] <= limit, `${key} is ${run[key]}, should be ${limit} at most: seed ${index + 1}`);
  }
}

function conditions(kinds: readonly number[], directions: readonly number[], changes: Partial<PathConditions>) {
  return (sim: PathSim) => sim.change(kinds, directions, changes);
}

Deno.test("two selectors survive a silent cut of UDP in both directions: 150 seeds", () => {
  const runs = failOvers(150, conditions(UDP, BOTH, { isCut: true }), conditions(UDP, BOTH, { isCut: false }));
  assertP99(runs, "suspectedAfterMs", 260);
  assertP99(runs, "darkMs", 300);
  assertMax(runs, "darkMs", 1_000);
  assertMax(runs, "switchedAfterMs", 1_000);
  assertMax(runs, "lostAfterSuspicion", 0);
  assertMax(runs, "returnedAfterMs", 10_000);
  assertMax(runs, "lostOnReturn", 0);
  assertMax(runs, "switches", 2);
});

Deno.test("two selectors survive a silent cut of UDP in one direction, and the other one stays: 150 seeds", () => {
  const runs = failOvers(150, conditions(UDP, OUT, { isCut: true }), conditions(UDP, OUT, { isCut: false }));
  assertP99(runs, "darkMs", 350);
  assertMax(runs, "darkMs", 1_000);
  assertMax(runs, "switchedAfterMs", 1_000);
  assertMax(runs, "lostAfterSuspicion", 0);
  assertMax(runs, "returnedAfterMs", 10_000);
  assertMax(runs, "lostOnReturn", 0);
  assertMax(runs, "switches", 2);
  assertMax(runs, "peerSwitches", 0);
});

Deno.test("two selectors leave UDP within 100 ms when the system refuses to send: 50 seeds", () => {
  const runs = failOvers(50, (_, node) => {
    for (const kind of UDP) node.refused.add(kind);
  }, (_, node) => node.refused.clear());
  assertMax(runs, "darkMs", 100);
  assertMax(runs, "switchedAfterMs", 10);
  assertMax(runs, "lostOnReturn", 0);
  assertMax(runs, "returnedAfterMs", 10_000);
});

Deno.test("two selectors mirror at once when an ICMP error comes: 50 seeds", () => {
  const runs = failOvers(50, (sim, node) => {
    sim.change(UDP, OUT, { isCut: true });
    sim.queue.push(sim.nowMs + 10, () => node.tell((selector, nowMs) => selector.handleUnreachable(UDP6, nowMs)));
  }, conditions(UDP, OUT, { isCut: false }));
  assertMax(runs, "darkMs", 100);
  assertMax(runs, "lostAfterSuspicion", 0);
  assertMax(runs, "switchedAfterMs", 1_000);
});

Deno.test("two selectors leave UDP that carries small datagrams only, and return when it carries all: 75 seeds", () => {
  const runs = failOvers(75, conditions(UDP, BOTH, { mtu: 600 }), conditions(UDP, BOTH, { mtu: 1500 }));
  assertMax(runs, "darkMs", 700);
  assertMax(runs, "switchedAfterMs", 1_500);
  assertMax(runs, "lostAfterSuspicion", 0);
  assertMax(runs, "returnedAfterMs", 10_000);
  assertMax(runs, "lostOnReturn", 0);
  assertMax(runs, "switches", 2);
});

Deno.test("two selectors stay on UDP that carries a little less, and tell how much: 50 seeds", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const sim = new PathSim({ seed });
    const [node] = sim.nodes;
    sim.run(3_000);
    const beginMs = sim.nowMs;
    sim.change(UDP, BOTH, { mtu: 1400 });
    sim.run(3_000);
    assert.deepEqual([node.selector.current, node.selector.maxDatagramLen, node.switches().length], [UDP6, 1392, 1]);
    assert.ok(reportStream(node, beginMs, sim.nowMs - 200).darkMs < 700, `seed ${seed}`);
  }
});

/** Counts the switches of node 0 within the minute that has most of them. */
function switchesInWorstMinute(node: SimNode, fromMs: number): number {
  const times = node.switches().map(({ atMs }) => atMs).filter((atMs) => atMs >= fromMs);
  return Math.max(0, ...times.map((startMs) => times.filter((ms) => ms >= startMs && ms < startMs + 60_000).length));
}

for (const [name, kinds] of [["UDP", UDP], ["UDP over IPv6", [UDP6 as number]]] as const) {
  Deno.test(`two selectors leave ${name} for a clean path when 30 % is lost, and stay away: 20 seeds, 3 min each`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const sim = new PathSim({ seed, dataIntervalMs: 50 });
      const [node] = sim.nodes;
      sim.run(3_000);
      const beginMs = sim.nowMs;
      sim.change(kinds, BOTH, { loss: 0.3 });
      sim.run(180_000);
      assert.ok(!kinds.includes(node.selector.current), `seed ${seed}`);
      assert.ok(switchesInWorstMinute(node, beginMs) <= 1, `seed ${seed}`);
      const { lost, sent } = reportStream(node, beginMs + 15_000, sim.nowMs - 200);
      assert.ok(lost <= sent * 0.005, `seed ${seed}: ${lost} of ${sent} lost`);
    }
  });
}

Deno.test("two selectors stay where they are when 1 % is lost: 20 seeds, 2 min each", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const sim = new PathSim({ seed, dataIntervalMs: 50 });
    sim.change(ALL, BOTH, { loss: 0.01 });
    sim.run(120_000);
    assert.equal(sim.nodes[0].switches().length, 1, `seed ${seed}`);
  }
});

Deno.test("two selectors that have nowhere to go don't change paths all the time when 30 % is lost: 15 seeds", () => {
  for (let seed = 1; seed <= 15; seed++) {
    const sim = new PathSim({ seed, dataIntervalMs: 50 });
    sim.change(ALL, BOTH, { loss: 0.3 });
    sim.run(120_000);
    assert.ok(sim.nodes[0].switches().length <= 4, `seed ${seed}: ${sim.nodes[0].switches().length}`);
  }
});

Deno.test("two selectors follow a path that comes and goes every 15 s without losing data on the returns: 20 seeds", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const sim = new PathSim({ seed, dataIntervalMs: 20 });
    const [node] = sim.nodes;
    sim.run(3_000);
    for (let round = 0; round < 4; round++) {
      sim.change(UDP, BOTH, { isCut: true });
      sim.run(3_000);
      const endMs = sim.nowMs;
      sim.change(UDP, BOTH, { isCut: false });
      const backMs = sim.runUntilHolds(() => node.selector.current === UDP6, 10_000);
      assert.ok(backMs <= 10_000, `seed ${seed}, round ${round}: ${backMs} ms`);
      sim.run(12_000 - backMs);
      assert.equal(reportStream(node, endMs, sim.nowMs - 200).lost, 0, `seed ${seed}, round ${round}`);
    }
  }
});

Deno.test("two selectors without traffic send no more than the standby probes, and stay: 50 seeds, 10 min each", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const sim = new PathSim({ seed, dataIntervalMs: 0 });
    sim.run(10_000);
    const before = sim.nodes.map(({ probes }) => probes.slice());
    sim.run(600_000);
    for (const [index, node] of sim.nodes.entries()) {
      assert.equal(node.switches().length, 1, `seed ${seed}`);
      for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
        const count = node.probes[kind] - before[index][kind];
        // One each 30 s, and up to a tenth sooner.
        assert.ok(count >= 19 && count <= 23, `seed ${seed}: ${count} on path ${kind}`);
      }
    }
  }
});

Deno.test("two selectors begin on a path that works when UDP is cut from the start: 50 seeds", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const sim = new PathSim({ seed });
    sim.change(UDP, BOTH, { isCut: true });
    const [node] = sim.nodes;
    sim.run(1_500);
    assert.ok(!UDP.includes(node.selector.current), `seed ${seed}`);
    assert.ok(reportStream(node, 5, 1_300).lost <= 1, `seed ${seed}: mirrored from the first datagram on`);
  }
});

Deno.test("two selectors are back within 2 s after a time in which nothing worked: 50 seeds", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const sim = new PathSim({ seed });
    const [node] = sim.nodes;
    sim.run(3_000);
    sim.change(ALL, BOTH, { isCut: true });
    sim.run(20_000);
    const endMs = sim.nowMs;
    sim.change(ALL, BOTH, { isCut: false });
    sim.run(12_000);
    assert.ok(UDP.includes(node.selector.current), `seed ${seed}`);
    assert.equal(reportStream(node, endMs + 1, sim.nowMs - 200).lost, 0, `seed ${seed}: mirrored all the time`);
    assert.ok(node.switches().filter(({ atMs }) => atMs > endMs).length <= 2, `seed ${seed}`);
  }
});

Deno.test("two runs with one seed give one trace, and another seed gives another", () => {
  const trace = (seed: number) => {
    const sim = new PathSim({ seed, dataIntervalMs: 20 });
    sim.run(2_000);
    sim.change(UDP, BOTH, { loss: 0.2 });
    sim.run(5_000);
    sim.change(UDP, OUT, { isCut: true });
    sim.run(5_000);
    return sim.trace;
  };
  assert.deepEqual(trace(7), trace(7));
  assert.notDeepEqual(trace(7), trace(8));
});
