/**
 * Two hosts, one cable, one edge each, over IPv4 and over IPv6:
 *
 *     node 1 ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { waitForTunnel } from "./harness/edge.ts";
import { insideV6, TAP_NAME } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import { measureTcp } from "./harness/iperf.ts";
import { labTest } from "./harness/lab_steps.ts";
import { sendUdp, UdpCounter } from "./harness/packet_tool.ts";
import { ping } from "./harness/ping.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";

const FILE_LEN = 20_000_000;
const UDP_PORT = 7200;

for (const family of ["v4", "v6"] as const) {
  labTest(`two edges over IP${family} carry an Ethernet between two hosts`, async ({ lab, step }) => {
    const site = await buildChain(lab, 2, { family });
    const [one, two] = await startNodes(site);
    await waitForTunnel(one, two);

    await step("ping() loses nothing, with IPv4 and IPv6 inside", async () => {
      for (const address of [two.address, insideV6(2)]) {
        const result = await ping(one.host, address, { count: 20 });
        assert.equal(result.received, 20, result.output);
      }
    });

    await step("a file arrives unchanged by TCP in both directions, with IPv4 and IPv6 inside", async () => {
      const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
      assert.equal(there.receivedSha256, there.sentSha256);
      const back = await copyFile(two.host, one.host, insideV6(1), FILE_LEN);
      assert.equal(back.receivedSha256, back.sentSha256);
    });

    await step("TCP flows in both directions at once", async () => {
      const [there, back] = await Promise.all([
        measureTcp(one.host, two.host, two.address, { seconds: 1, limitBitsPerSecond: 5e7 }),
        measureTcp(two.host, one.host, one.address, { seconds: 1, limitBitsPerSecond: 5e7 }),
      ]);
      assert.ok(there.bytes > 1e6 && back.bytes > 1e6, `${there.bytes} and ${back.bytes} bytes`);
    });

    await step("small UDP datagrams at a moderate rate all arrive", async () => {
      await using counter = await UdpCounter.start(two.host, UDP_PORT);
      for (const [runNumber, length] of [8, 9, 64, 200].entries()) {
        const { sent } = await sendUdp(one.host, two.address, UDP_PORT, length, 2000, 0.25, runNumber);
        assert.ok(sent >= 400, `sent ${sent}`);
        assert.equal(await counter.settledCount(runNumber), sent, `datagrams of ${length} octets`);
      }
    });

    await step("an edge leaves no interface behind when it stops", async () => {
      const status = await one.process.stop("SIGTERM");
      assert.equal(status.code, 0, one.process.tail());
      assert.equal(await one.host.hasInterface(TAP_NAME), false);
      const interrupted = await two.process.stop("SIGINT");
      assert.equal(interrupted.code, 0, two.process.tail());
      assert.equal(await two.host.hasInterface(TAP_NAME), false);
    });
  });
}
