/**
 * A firewall that lets out nothing but TCP connections to port 443, hides who opens them, and demands that each begins with a
 * handshake and keeps to the rules of TCP:
 *
 *     node 1 ──── firewall ──── node 2
 *   10.9.1.2    masquerading    10.9.2.2:443
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { Capture, packetsWithBadChecksum } from "./harness/capture.ts";
import { waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { waitForTransport } from "./harness/path_events.ts";
import { ping } from "./harness/ping.ts";
import { buildThroughRouter, startNodes } from "./harness/topologies.ts";
import { eventually } from "./harness/wait.ts";

const PORT = 443;
const FILE_LEN = 20_000_000;
/** What conntrack grants an established connection that has nothing unacknowledged, in seconds, less what a test takes. */
const LONG_TIMEOUT_S = 400_000;
/** A quiet connection acknowledges within five seconds. */
const ACKNOWLEDGEMENT_TIMEOUT_MS = 7_000;

labTest("FakeTCP passes a firewall that lets only TCP 443 through", async ({ lab, step }) => {
  // Without offload, so that what is captured has its checksums.
  const site = await buildThroughRouter(lab, {
    offload: false,
    router: { onlyTcpPort: PORT, demandsHandshake: true, masquerade: ["wan"] },
  });
  speakFakeTcp(site.plan);
  site.plan.get(2)!.fakeTcp!.listenPort = PORT;
  site.plan.get(1)!.peers[0].fakeTcpEndpoint = `10.9.2.2:${PORT}`;
  await using capture = await Capture.start(site.hosts.get(2)!, "eth0");
  const [one, two] = await startNodes(site);

  await step("the nodes find each other though UDP never worked", async () => {
    await waitForTunnel(one, two);
    await waitForTransport([one, two], "faketcp", 5_000);
  });

  await step("ping() loses nothing, in both directions", async () => {
    assert.equal((await ping(one.host, two.address, { count: 50 })).received, 50);
    assert.equal((await ping(two.host, one.address, { count: 50 })).received, 50);
  });

  await step("a file arrives unchanged, in both directions", async () => {
    const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
    assert.equal(there.receivedSha256, there.sentSha256);
    const back = await copyFile(two.host, one.host, one.address, FILE_LEN);
    assert.equal(back.receivedSha256, back.sentSha256);
  });

  await step("the firewall found no fault, and will remember the connection", async () => {
    assert.equal(await site.router.invalidCount(), 0);
    const connections = (await site.router.connections()).filter((one) => one.protocol === "tcp");
    assert.ok(connections.every((one) => one.destinationPort === PORT), JSON.stringify(connections));
    // The long time is granted again when the last data has been acknowledged.
    await eventually("one connection that is acknowledged and will be remembered", async () => {
      const inUse = (await site.router.connections()).filter((one) => one.state === "ESTABLISHED");
      return inUse.length === 1 && inUse[0].isAssured && inUse[0].timeoutS > LONG_TIMEOUT_S;
    }, ACKNOWLEDGEMENT_TIMEOUT_MS);
  });

  await step("every checksum is right, and nothing was reset", async () => {
    const packets = await capture.stop(`tcp port ${PORT}`);
    assert.ok(packets.length > 100);
    assert.deepEqual(packetsWithBadChecksum(packets).slice(0, 3), []);
    assert.deepEqual(packets.filter((packet) => /Flags \[[^\]]*R/.test(packet)), []);
  });
});
