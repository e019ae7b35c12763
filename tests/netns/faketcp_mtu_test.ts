/**
 * A narrow cable behind the router: what fits the first doesn't fit the second.
 *
 *     node 1 ──── router ──── node 2
 *         1500          1400 or 1280
 *
 * The interface inside is made for 1404 octets, so that full frames fit neither path whole.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { FAILOVER_CASES } from "./harness/failover.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { waitForFakeTcp, waitForSwitch } from "./harness/path_events.ts";
import { answeredMtu, ping } from "./harness/ping.ts";
import { buildThroughRouter, startNodes } from "./harness/topologies.ts";

const TAP_MTU = 1404;
const FILE_LEN = 10_000_000;
/** IPv4 and ICMP header in front of ping's payload. */
const PING_HEADERS_LEN = 28;

for (const outerMtu of [1400, 1280]) {
  labTest(`over a cable of ${outerMtu}`, async ({ lab, step }) => {
    const site = await buildThroughRouter(lab, { outerMtu });
    speakFakeTcp(site.plan, { holdTimeS: 1 });
    for (const settings of site.plan.values()) settings.mtu = TAP_MTU;
    const [one, two] = await startNodes(site);
    await waitForTunnel(one, two);
    await waitForFakeTcp(one, two);

    await step("a TCP connection inside outlives the end of UDP with full segments", async () => {
      const started = Promise.withResolvers<void>();
      const copying = copyFile(one.host, two.host, two.address, FILE_LEN, {
        bytesPerSecond: 4_000_000,
        onStart: started.resolve,
      });
      await started.promise;
      const cutMs = wallClockMs();
      await FAILOVER_CASES[0].block(one, two);
      await waitForSwitch(one, "faketcp", 5_000, cutMs);
      const copy = await copying;
      assert.equal(copy.receivedSha256, copy.sentSha256);
    });

    await step("new connections carry files unchanged, in both directions", async () => {
      const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
      assert.equal(there.receivedSha256, there.sentSha256);
      const back = await copyFile(two.host, one.host, one.address, FILE_LEN);
      assert.equal(back.receivedSha256, back.sentSha256);
    });

    await step("a packet that doesn't fit is answered with what would", async () => {
      const mtu = await answeredMtu(one.host, two.address, TAP_MTU - PING_HEADERS_LEN);
      assert.ok(mtu !== undefined && mtu < outerMtu && mtu >= 576, `${mtu}`);
      const fitting = await ping(one.host, two.address, { payloadLen: mtu - PING_HEADERS_LEN, dontFragment: true });
      assert.equal(fitting.received, 3, fitting.output);
    });

    await step("the router found no fault", async () => {
      assert.equal(await site.router.invalidCount(), 0);
    });
  });
}
