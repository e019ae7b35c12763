/**
 * Two hosts, UDP between them taken away and given back in every way there is, under load in both directions:
 *
 *     node 1 ──── node 2
 *
 * Each way is tried a few times here; `deno task bench` tries more often, and tells percentiles.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { timeOf } from "./harness/edge.ts";
import { type PathSelectionSettings, speakFakeTcp } from "./harness/edge_config.ts";
import {
  checkpoint,
  failOver,
  FAILOVER_CASES,
  type FailoverCase,
  startPair,
  type Transition,
} from "./harness/failover.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { switchesOf, waitForSwitch } from "./harness/path_events.ts";
import { reportOn, Stream } from "./harness/stream.ts";
import { buildChain } from "./harness/topologies.ts";
import { blockUdp, Fault, lossOf } from "./harness/udp_block.ts";

/** From when UDP works again until it is used again. */
const RETURN_LIMIT_MS = 10_000;
/** A return is no emergency: all goes over both paths until the new one is proven. */
const RETURN_DARK_LIMIT_MS = 100;
/** What a machine with more to do than it has processors may add to any run. */
const BUSY_LIMIT_MS = 1_000;
/** Runs of each case, of which the best shows what the program needs and the worst what the machine adds. */
const RUNS = 2;
/** For all but the tests of the hold time itself, so that each run takes a second and not six. */
const SHORT_HOLD: PathSelectionSettings = { holdTimeS: 1, recoveryProbeIntervalS: 0.3 };
const RUNS_WITH_DEFAULTS = 2;

labTest("UDP dies in silence under load, with the default times", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  speakFakeTcp(site.plan);
  const [silent] = FAILOVER_CASES;
  for (let run = 1; run <= RUNS_WITH_DEFAULTS; run++) {
    await step(`${silent.title}, run ${run}`, async () => {
      await using pair = await startPair(site);
      assertTransitions(silent, [await failOver(pair.edges, silent)]);
    });
  }
});

labTest("UDP dies in other ways under load", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  speakFakeTcp(site.plan, SHORT_HOLD);
  for (const failure of FAILOVER_CASES.slice(1)) {
    await step(failure.title, async () => {
      await using pair = await startPair(site);
      const runs: [Transition, Transition][] = [];
      for (let run = 0; run < RUNS; run++) runs.push(await failOver(pair.edges, failure));
      assertTransitions(failure, runs);
    });
  }

  await step("a TCP connection inside goes on, and its octets are right", async () => {
    await using pair = await startPair(site);
    const [one, two] = pair.edges;
    const started = Promise.withResolvers<void>();
    const copying = copyFile(one.host, two.host, two.address, 30_000_000, {
      bytesPerSecond: 10_000_000,
      onStart: started.resolve,
    });
    await started.promise;
    const cutMs = wallClockMs();
    const block = await FAILOVER_CASES[0].block(one, two);
    await waitForSwitch(one, "faketcp", 5_000, cutMs);
    await block.lift();
    const copy = await copying;
    assert.equal(copy.receivedSha256, copy.sentSha256);
  });
});

labTest("UDP half works", async ({ lab, step }) => {
  // Without offload, so that the rules meet single datagrams.
  const site = await buildChain(lab, 2, { offload: false });
  speakFakeTcp(site.plan, SHORT_HOLD);
  await using lossy = await startPair(site);
  const [one, two] = lossy.edges;
  const everywhere = [checkpoint(one, "input"), checkpoint(two, "input")];

  await step("30 % loss: at most one switch a minute", async () => {
    const block = await blockUdp(everywhere, lossOf(30));
    const fromMs = wallClockMs();
    await using stream = await Stream.start(one.host, two.host, two.address, { rate: 500 });
    await using back = await Stream.start(two.host, one.host, one.address, { rate: 500 });
    await stream.progress(500 * 0.7 * 12);
    for (const edge of lossy.edges) {
      const switches = switchesOf(edge, fromMs);
      assert.ok(switches.length <= 1, switches.map((event) => JSON.stringify(event)).join("\n"));
    }
    await block.lift();
    await back.progress(10);
    await Promise.all(lossy.edges.map((edge) => edge.process.stop()));
  });

  await step("small packets only: UDP is left for good, and large datagrams arrive", async () => {
    await using pair = await startPair(site);
    const [one, two] = pair.edges;
    const block = await blockUdp(everywhere, Fault.ONLY_SMALL);
    const fromMs = wallClockMs();
    await using stream = await Stream.start(one.host, two.host, two.address, { rate: 200, datagramLen: 1200 });
    const switchedMs = timeOf(await waitForSwitch(one, "faketcp", 5_000, fromMs)) + 1;
    await stream.progress(200 * 5);
    assert.deepEqual(switchesOf(one, switchedMs), []);
    const report = reportOn(await stream.finish(), { fromMs: switchedMs });
    assert.deepEqual(report.lostSentMs, []);
    await block.lift();
  });
});

function assertTransitions(failure: FailoverCase, runs: readonly (readonly [Transition, Transition])[]): void {
  const told = JSON.stringify(runs);
  const [leavingDarkMs, returningDarkMs] = [0, 1].map((which) => runs.map((run) => run[which].darkMs));
  assert.ok(Math.min(...leavingDarkMs) <= failure.darkLimitMs, told);
  assert.ok(Math.max(...leavingDarkMs) <= Math.max(failure.darkLimitMs, BUSY_LIMIT_MS), told);
  assert.ok(Math.min(...returningDarkMs) <= RETURN_DARK_LIMIT_MS, told);
  assert.ok(Math.max(...returningDarkMs) <= BUSY_LIMIT_MS, told);
  for (const [leaving, returning] of runs) {
    assert.equal(leaving.lostLate, 0, told);
    assert.equal(leaving.switches, 1, told);
    assert.ok(returning.tookMs <= RETURN_LIMIT_MS, told);
    assert.equal(returning.lost, 0, told);
    assert.equal(returning.switches, 1, told);
    // The replay window takes one of two copies.
    assert.deepEqual([leaving.duplicated, returning.duplicated], [0, 0], told);
  }
}
