/**
 * Two hosts where nothing is in the way: UDP carries the traffic, and a FakeTCP connection stands by.
 *
 *     node 1 ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { Capture, packetsWithBadChecksum } from "./harness/capture.ts";
import { waitForTunnel } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import { labTest } from "./harness/lab_steps.ts";
import { transportOf, waitForFakeTcp } from "./harness/path_events.ts";
import { ping } from "./harness/ping.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";
import { countTraffic } from "./harness/traffic_counter.ts";

const FILE_LEN = 20_000_000;
/** What may cross as TCP beside a file: probes and keepalives. */
const MOST_STANDBY_LEN = 200_000;
/** A SYN as Linux sends it over a link of 1500 octets; `tcpdump` prints a random IP identification, so that isn't here. */
const LINUX_SYN =
  /ttl 64, .*flags \[DF\].*Flags \[S\], .*win 64240, options \[mss 1460,sackOK,TS val \d+ ecr 0,nop,wscale 7\], length 0/;
const LINUX_SYN_ACK =
  /ttl 64, id 0, .*flags \[DF\].*Flags \[S\.\], .*options \[mss 1460,sackOK,TS val \d+ ecr [1-9]\d*,nop,wscale 7\], length 0/;

labTest("two edges with UDP and FakeTCP use UDP, and keep a connection warm", async ({ lab, step }) => {
  // Without offload, so that what is captured has its checksums.
  const site = await buildChain(lab, 2, { offload: false });
  speakFakeTcp(site.plan);
  await using capture = await Capture.start(site.hosts.get(2)!, "prev");
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  await waitForFakeTcp(one, two);

  await step("a file goes over UDP, in both directions", async () => {
    const read = await countTraffic(two.host, "prev");
    const there = await copyFile(one.host, two.host, two.address, FILE_LEN);
    assert.equal(there.receivedSha256, there.sentSha256);
    const back = await copyFile(two.host, one.host, one.address, FILE_LEN);
    assert.equal(back.receivedSha256, back.sentSha256);
    const { udp, tcp } = await read();
    assert.ok(udp > FILE_LEN, `${udp} octets as UDP`);
    assert.ok(tcp < MOST_STANDBY_LEN, `${tcp} octets as TCP`);
    assert.deepEqual([transportOf(one), transportOf(two)], ["udp", "udp"]);
  });

  await step("ping() loses nothing", async () => {
    assert.equal((await ping(one.host, two.address, { count: 50 })).received, 50);
  });

  await step("the connection was opened as Linux opens one, and nothing ended it", async () => {
    const packets = await capture.stop("tcp");
    assert.ok(packets.some((packet) => LINUX_SYN.test(packet)), packets.slice(0, 3).join("\n"));
    assert.ok(packets.some((packet) => LINUX_SYN_ACK.test(packet)), packets.slice(0, 3).join("\n"));
    assert.deepEqual(packets.filter((packet) => /Flags \[[^\]]*[RF]/.test(packet)), []);
    assert.deepEqual(packetsWithBadChecksum(packets), []);
  });
});

labTest("an edge with FakeTCP and one without use UDP", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  speakFakeTcp(site.plan);
  site.plan.get(2)!.fakeTcp = undefined;
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  await step("ping() loses nothing, in both directions", async () => {
    assert.equal((await ping(one.host, two.address, { count: 20 })).received, 20);
    assert.equal((await ping(two.host, one.address, { count: 20 })).received, 20);
  });
});
