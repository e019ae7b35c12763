/**
 * Two hosts that have IPv6 alone, through a router that tracks connections:
 *
 *     node 1 ──── router ──── node 2
 *   fd09:1::2              fd09:2::2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { Capture, packetsWithBadChecksum } from "./harness/capture.ts";
import { waitForTunnel } from "./harness/edge.ts";
import { insideV6, speakFakeTcp } from "./harness/edge_config.ts";
import { failOver, FAILOVER_CASES } from "./harness/failover.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { waitForFakeTcp, waitForSwitch } from "./harness/path_events.ts";
import { ping } from "./harness/ping.ts";
import { buildThroughRouter, startNodes } from "./harness/topologies.ts";

const FILE_LEN = 10_000_000;

labTest("UDP and FakeTCP over IPv6", async ({ lab, step }) => {
  // Without offload, so that what is captured has its checksums.
  const site = await buildThroughRouter(lab, { family: "v6", offload: false });
  speakFakeTcp(site.plan, { holdTimeS: 1, recoveryProbeIntervalS: 0.3 });
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  await waitForFakeTcp(one, two);
  const [silent] = FAILOVER_CASES;

  await step(
    "UDP dies in silence under load: one second of darkness at most, nothing lost after suspicion",
    async () => {
      const [leaving, returning] = await failOver([one, two], silent);
      const told = JSON.stringify([leaving, returning]);
      assert.ok(leaving.darkMs <= silent.darkLimitMs, told);
      assert.deepEqual([leaving.lostLate, returning.lost], [0, 0], told);
    },
  );

  await step("FakeTCP carries files unchanged and pings, with IPv4 and IPv6 inside, and right checksums", async () => {
    const cutMs = wallClockMs();
    const block = await silent.block(one, two);
    // Silence is only noticed by who sends.
    const [switched] = await Promise.all([
      waitForSwitch(one, "faketcp", 5_000, cutMs),
      ping(one.host, two.address, { count: 50 }),
    ]);
    assert.equal(switched.to, "faketcp6");
    await using capture = await Capture.start(two.host, "eth0");
    const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
    assert.equal(there.receivedSha256, there.sentSha256);
    const back = await copyFile(two.host, one.host, insideV6(1), FILE_LEN);
    assert.equal(back.receivedSha256, back.sentSha256);
    for (const address of [two.address, insideV6(2)]) {
      assert.equal((await ping(one.host, address, { count: 20 })).received, 20);
    }
    const packets = await capture.stop("ip6 and tcp");
    assert.ok(packets.length > 100);
    assert.deepEqual(packetsWithBadChecksum(packets).slice(0, 3), []);
    await block.lift();
  });

  await step("the router found no fault", async () => {
    assert.equal(await site.router.invalidCount(), 0);
  });
});
