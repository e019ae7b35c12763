/**
 * Hosts in a row, where only neighbours have a cable: what lies further apart is relayed.
 *
 *     node 1 ──── node 2 ──── node 3 ( ──── node 4 )
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { waitForTunnel } from "./harness/edge.ts";
import { insideV6, TAP_NAME } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { receiveFrames, sendFrame } from "./harness/packet_tool.ts";
import { ping } from "./harness/ping.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";

/** EtherType for experiments. Source: IEEE 802, Local Experimental Ethertype 1. */
const EXPERIMENTAL = 0x88b5;
const BROADCAST_FRAME = "ffffffffffff" + "02eeccdd00aa" + "88b5" + "0123456789abcdef".repeat(6);
const FRAME_TIMEOUT_MS = 3_000;

labTest("three edges in a chain reach each other through the one in the middle", async ({ lab, step }) => {
  const site = await buildChain(lab, 3);
  const [one, two, three] = await startNodes(site);
  await waitForTunnel(one, three);

  await step("the ends have no way to each other but the VPN", async () => {
    assert.equal((await ping(one.host, "10.9.2.2", { count: 1 })).received, 0);
  });

  await step("ping() passes the relay with IPv4 and IPv6", async () => {
    for (const address of [three.address, insideV6(3)]) {
      const result = await ping(one.host, address, { count: 20 });
      assert.equal(result.received, 20, result.output);
    }
  });

  await step("a file arrives unchanged over the relay, in both directions", async () => {
    const there = await copyFile(one.host, three.host, three.address, 10_000_000);
    assert.equal(there.receivedSha256, there.sentSha256);
    const back = await copyFile(three.host, one.host, one.address, 10_000_000);
    assert.equal(back.receivedSha256, back.sentSha256);
  });

  await step("a broadcast frame reaches every node exactly once and doesn't come back", async () => {
    await using atOne = await receiveFrames(one.host, TAP_NAME, EXPERIMENTAL);
    await using atTwo = await receiveFrames(two.host, TAP_NAME, EXPERIMENTAL);
    await using atThree = await receiveFrames(three.host, TAP_NAME, EXPERIMENTAL);
    await sendFrame(one.host, TAP_NAME, BROADCAST_FRAME);
    for (const receiver of [atTwo, atThree]) {
      await receiver.waitForLine((line) => line.startsWith(BROADCAST_FRAME), FRAME_TIMEOUT_MS);
    }
    // The answer to a later request follows whatever the frame has set off.
    assert.equal((await ping(one.host, three.address)).received, 3);
    const counts = [atOne, atTwo, atThree].map((one) => one.lines.filter((line) => line.text !== "ready").length);
    assert.deepEqual(counts, [0, 1, 1]);
  });
});

labTest("DefaultTTL limits how many relays a frame passes", async ({ lab, step }) => {
  const site = await buildChain(lab, 4);
  for (const settings of site.plan.values()) settings.defaultTtl = 1;
  const [one, two, three, four] = await startNodes(site);
  await waitForTunnel(one, two);
  await waitForTunnel(two, three);
  await waitForTunnel(three, four);

  await step("one relay is allowed", () => waitForTunnel(one, three));

  await step("two relays are not", async () => {
    assert.equal((await ping(one.host, four.address)).received, 0);
  });
});
