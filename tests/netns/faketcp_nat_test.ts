/**
 * Both nodes behind NAT, with one port open on one side; UDP has none:
 *
 *     node 1 ──── NAT 1 ──── NAT 2 ──── node 2
 *
 * The node with the lower NodeId dials first by rule, which is in vain where the open port is its own.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { buildBetweenNats, startNodes } from "./harness/topologies.ts";

const PORT = 8443;
const FILE_LEN = 5_000_000;

for (const reachable of [1, 2] as const) {
  labTest(`two nodes behind NAT meet at a TCP port of node ${reachable}`, async ({ lab, step }) => {
    const site = await buildBetweenNats(lab, reachable, [{ protocol: "tcp", port: PORT }]);
    speakFakeTcp(site.plan);
    site.plan.get(reachable)!.fakeTcp!.listenPort = PORT;
    site.plan.get(3 - reachable)!.peers[0].fakeTcpEndpoint = `10.9.9.${reachable}:${PORT}`;
    const [one, two] = await startNodes(site);
    await waitForTunnel(one, two);

    await step("ping() loses nothing, in both directions", async () => {
      assert.equal((await ping(one.host, two.address, { count: 20 })).received, 20);
      assert.equal((await ping(two.host, one.address, { count: 20 })).received, 20);
    });

    await step("a file arrives unchanged, in both directions", async () => {
      const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
      assert.equal(there.receivedSha256, there.sentSha256);
      const back = await copyFile(two.host, one.host, one.address, FILE_LEN);
      assert.equal(back.receivedSha256, back.sentSha256);
    });

    await step("neither NAT found a fault", async () => {
      assert.deepEqual([await site.router.invalidCount(), await site.otherRouter.invalidCount()], [0, 0]);
    });
  });
}
