/**
 * A transparent TCP proxy on the way, which copies octets with borders of its own: what was one segment arrives in pieces.
 *
 *     node 1 ──── router with proxy ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { eventsOf, type LogEvent, waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import { measureTcp } from "./harness/iperf.ts";
import { labTest } from "./harness/lab_steps.ts";
import { transportOf, waitForTransport } from "./harness/path_events.ts";
import { Resegmenter } from "./harness/resegment.ts";
import { buildThroughRouter, startNodes } from "./harness/topologies.ts";
import { eventually } from "./harness/wait.ts";

const CONNECTION_TIMEOUT_MS = 10_000;
const COMPLAINT_TIMEOUT_MS = 15_000;
/** Long enough for FakeTCP to be taken after its hold time, and found wanting. */
const LOAD_SECONDS = 6;
const FILE_LEN = 5_000_000;

labTest("a proxy that re-cuts the stream is found out, named, and gone around", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  speakFakeTcp(site.plan, { order: ["faketcp4", "udp4"], holdTimeS: 1 });
  const port = site.plan.get(2)!.listenPort;
  await using proxy = await Resegmenter.start(site.router.host, "lan", port);
  const [one, two] = await startNodes(site);

  await step("the nodes reach each other by UDP", async () => {
    await waitForTunnel(one, two);
    await proxy.connection(CONNECTION_TIMEOUT_MS);
  });

  await step("a file arrives unchanged, in both directions", async () => {
    const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
    assert.equal(there.receivedSha256, there.sentSha256);
    const back = await copyFile(two.host, one.host, one.address, FILE_LEN);
    assert.equal(back.receivedSha256, back.sentSha256);
    assert.deepEqual([transportOf(one), transportOf(two)], ["udp", "udp"]);
  });

  await step(
    "FakeTCP, which they prefer, fails under load, the log says why, and they go on over UDP",
    async () => {
      const copies = [one, two].map((edge, index) => {
        const other = [two, one][index];
        return measureTcp(edge.host, other.host, other.address, { seconds: LOAD_SECONDS, limitBitsPerSecond: 5e7 });
      });
      const complaint = () => [one, two].flatMap(eventsOf).some(isComplaint);
      await eventually("a word about the proxy", complaint, COMPLAINT_TIMEOUT_MS);
      // At once: a connection from the other side, which doesn't pass the proxy, may be tried later, and is good.
      await waitForTransport([one, two], "udp", COMPLAINT_TIMEOUT_MS);
      await Promise.all(copies);
    },
  );

  await step("a file arrives unchanged, in both directions, as before", async () => {
    const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
    assert.equal(there.receivedSha256, there.sentSha256);
    const back = await copyFile(two.host, one.host, one.address, FILE_LEN);
    assert.equal(back.receivedSha256, back.sentSha256);
  });
});

function isComplaint({ level, event }: LogEvent): boolean {
  return ["warning", "error"].includes(level) && /proxy|re-cut/i.test(event);
}
