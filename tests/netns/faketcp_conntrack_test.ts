/**
 * A router that tracks connections and drops what fits to none must never find anything to drop:
 *
 *     node 1 ──── router ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { type RunningEdge, waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { measureTcp } from "./harness/iperf.ts";
import type { Lab } from "./harness/lab.ts";
import { labTest } from "./harness/lab_steps.ts";
import { waitForTransport } from "./harness/path_events.ts";
import { ping } from "./harness/ping.ts";
import { reportOn, Stream } from "./harness/stream.ts";
import { buildThroughRouter, type RoutedSite, startNodes } from "./harness/topologies.ts";
import { eventually } from "./harness/wait.ts";

/** Twice the range in which sequence numbers of a window of 8 MB are told apart, and then some. */
const BULK_SECONDS = 2;
const LEAST_BULK_LEN = 100_000_000;
/** Longest silence of a stream when its connection is forgotten on the way. */
/** A segment is acknowledged within 40 ms; a busy machine included. */
const ACKNOWLEDGED_TIMEOUT_MS = 3_000;
const FORGET_LIMIT_MS = 1_000;

labTest("conntrack on the way finds no fault", async ({ lab, step }) => {
  const { site, one, two } = await startFakeTcpOnly(lab, true);
  const { router } = site;

  await step("in bulk, one way and the other", async () => {
    for (const reverse of [false, true]) {
      const result = await measureTcp(one.host, two.host, two.address, { seconds: BULK_SECONDS, reverse });
      assert.ok(result.bytes > LEAST_BULK_LEN, `${result.bytes} octets`);
      assert.equal(await router.invalidCount(), 0);
    }
  });

  await step("in bulk both ways at once", async () => {
    await Promise.all([
      measureTcp(one.host, two.host, two.address, { seconds: 1 }),
      measureTcp(two.host, one.host, one.address, { seconds: 1 }),
    ]);
    assert.equal(await router.invalidCount(), 0);
  });

  await step("when data flows one way only", async () => {
    await using stream = await Stream.start(one.host, two.host, two.address, { rate: 2000, datagramLen: 1200 });
    await stream.progress(2000);
    const report = reportOn(await stream.finish());
    assert.deepEqual(report.lostSentMs, []);
    assert.equal(await router.invalidCount(), 0);
    // Between a segment and its acknowledgment the router reckons with five minutes only.
    await eventually("the router to remember the connection for days", async () => {
      const connections = (await router.connections()).filter((one) => one.protocol === "tcp");
      return connections.some((one) => one.state === "ESTABLISHED" && one.timeoutS > 400_000);
    }, ACKNOWLEDGED_TIMEOUT_MS);
  });

  await step("when it forgets all connections in the middle", async () => {
    await using stream = await Stream.start(one.host, two.host, two.address);
    await using back = await Stream.start(two.host, one.host, one.address);
    await router.forgetConnections();
    await Promise.all([stream.progress(500), back.progress(500)]);
    for (const each of [stream, back]) {
      const report = reportOn(await each.finish());
      assert.ok(report.darkMs < FORGET_LIMIT_MS, `dark for ${report.darkMs} ms`);
    }
    assert.equal(await router.invalidCount(), 0);
  });

  await step("when it forgets them and demands a handshake: a new connection is dialled", async () => {
    await router.host.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0);
    await router.forgetConnections();
    await waitForTunnel(one, two, 15_000);
    assert.equal((await ping(one.host, two.address, { count: 20 })).received, 20);
  });
});

labTest("conntrack on the way finds no fault where packets are lost", async ({ lab, step }) => {
  const { site, one, two } = await startFakeTcpOnly(lab, false);
  const { router } = site;
  // Half is lost before the router has seen it, and half behind.
  const places = { before: "prerouting priority raw - 10", behind: "postrouting priority srcnat + 10" };
  for (const percent of [1, 5, 20]) {
    await step(`${percent} % each way`, async () => {
      const rules = ["add table inet lossy"];
      for (const [name, hook] of Object.entries(places)) {
        rules.push(
          `add chain inet lossy ${name} { type filter hook ${hook}; }`,
          `add rule inet lossy ${name} meta l4proto tcp numgen random mod 200 < ${percent} drop`,
        );
      }
      await router.host.nft(rules.join("\n"));
      await using back = await Stream.start(two.host, one.host, one.address, { rate: 1000, datagramLen: 1000 });
      await measureTcp(one.host, two.host, two.address, { seconds: 1 });
      await back.progress(500);
      await router.host.nft("delete table inet lossy");
      const report = reportOn(await back.finish());
      const share = report.lostSentMs.length / report.sent;
      // What one packet lost takes no other with it: nothing waits for a retransmission.
      assert.ok(share < 1.7 * percent / 100 + 0.01, `${share} of ${report.sent} lost`);
      assert.equal(await router.invalidCount(), 0);
    });
  }
});

async function startFakeTcpOnly(
  lab: Lab,
  offload: boolean,
): Promise<{ site: RoutedSite; one: RunningEdge; two: RunningEdge }> {
  const site = await buildThroughRouter(lab, { offload });
  speakFakeTcp(site.plan, { order: ["faketcp4", "udp4"], holdTimeS: 0.1 });
  // No second path may hide what becomes of the first.
  await site.router.host.nft("insert rule inet guard forward meta l4proto udp drop");
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  await waitForTransport([one, two], "faketcp", 10_000);
  return { site, one, two };
}
