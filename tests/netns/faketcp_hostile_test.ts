/**
 * A router between the nodes that means no good. It knows every sequence number, and UDP doesn't pass it:
 *
 *     node 1 ──── router ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { type RunningEdge, waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { floodWithSyns, forgeClosing } from "./harness/forge.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { readProcessUsage } from "./harness/process_usage.ts";
import { reportOn, Stream } from "./harness/stream.ts";
import { buildThroughRouter, startNodes } from "./harness/topologies.ts";

/**
 * Forged RSTs and FINs, towards each node; and SYNs. Not as many per second as the forger could: it shares two cores with the
 * nodes and the kernel here, and the test would measure how the scheduler divides them.
 */
const CLOSING = { count: 500_000, rate: 100_000 };
const ANY_PORT = 0;
const SYNS = { count: 300_000, rate: 100_000 };
/** What a flood may add to a node's memory, in units of 10^6 octets: caches that fill, and no entry per SYN. */
const MOST_GROWTH_MB = 30;

labTest("a hostile router can't end a FakeTCP connection", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  speakFakeTcp(site.plan);
  const router = site.router.host;
  await router.nft("insert rule inet guard forward meta l4proto udp drop");
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  /** Ports of all TCP connections that the router knows, in whatever state it takes them for. */
  async function connections(): Promise<string[]> {
    const tcp = (await site.router.connections()).filter((one) => one.protocol === "tcp");
    return tcp.map((one) => `${one.sourcePort} to ${one.destinationPort}`).sort();
  }

  /** Fails if a connection was dialled since, which means that one was given up. */
  async function assertNoneIsNew(before: readonly string[]): Promise<void> {
    assert.deepEqual((await connections()).filter((one) => !before.includes(one)), []);
  }

  for (const { device, title } of [{ device: "wan", title: "node 2" }, { device: "lan", title: "node 1" }]) {
    await step(`${CLOSING.count} forged RSTs and FINs towards ${title}: the connection lives`, async () => {
      const before = await connections();
      await using there = await Stream.start(one.host, two.host, two.address, { rate: 200 });
      await using back = await Stream.start(two.host, one.host, one.address, { rate: 200 });
      const { sent } = await forgeClosing(router, device, ANY_PORT, CLOSING);
      assert.equal(sent, CLOSING.count);
      await Promise.all([there.progress(100), back.progress(100)]);
      const calmMs = wallClockMs();
      await Promise.all([there.progress(100), back.progress(100)]);
      for (const stream of [there, back]) {
        assert.deepEqual(reportOn(await stream.finish(), { fromMs: calmMs }).lostSentMs, []);
      }
      await assertNoneIsNew(before);
    });
  }

  await step(`${SYNS.count} SYNs from everywhere: memory is bounded, and the connection lives`, async () => {
    const [memoryBefore, before] = [await memoryOf(two), await connections()];
    await using stream = await Stream.start(one.host, two.host, two.address, { rate: 200 });
    // Answers have a way to go, so that none comes back as an error.
    await router.ip("route add blackhole 198.18.0.0/15");
    const target = { mac: await two.host.macAddress("eth0"), address: "10.9.2.2", port: two.settings.listenPort };
    await floodWithSyns(router, "wan", target, SYNS);
    await stream.progress(200);
    const growth = await memoryOf(two) - memoryBefore;
    assert.ok(growth < MOST_GROWTH_MB, `memory grew by ${growth.toFixed(1)} MB`);
    await assertNoneIsNew(before);
    assert.equal((await ping(one.host, two.address, { count: 20 })).received, 20);
  });
});

async function memoryOf(edge: RunningEdge): Promise<number> {
  return (await readProcessUsage(edge.process.pid)).peakMemoryMB;
}
