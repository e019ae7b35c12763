/**
 * Two hosts with two lanes each: several flows share them.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { waitForTunnel } from "./harness/edge.ts";
import { copyFile } from "./harness/file_copy.ts";
import { measureTcp } from "./harness/iperf.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";

labTest("two lanes carry four streams", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  for (const settings of site.plan.values()) settings.lanes = 2;
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  await step("every stream makes progress, in both directions", async () => {
    for (const reverse of [false, true]) {
      const result = await measureTcp(one.host, two.host, two.address, { seconds: 2, streams: 4, reverse });
      assert.equal(result.streamBytes.length, 4);
      assert.ok(result.streamBytes.every((bytes) => bytes > 0), `bytes by stream: ${result.streamBytes}`);
    }
  });

  await step("a file arrives unchanged while other streams run", async () => {
    const [copy] = await Promise.all([
      copyFile(one.host, two.host, two.address, 10_000_000),
      measureTcp(one.host, two.host, two.address, { seconds: 1, streams: 3 }),
    ]);
    assert.equal(copy.receivedSha256, copy.sentSha256);
  });

  await step("ping() loses nothing afterwards", async () => {
    assert.equal((await ping(one.host, two.address, { count: 20 })).received, 20);
  });
});
