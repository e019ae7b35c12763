/**
 * Frames that aren't plain TCP in plain IP, and the checksums of those that are split and merged. Host 3 has no edge: it
 * is reached through a bridge on host 2, so that what it gets has left the VPN by a real cable.
 *
 *     node 1 ════ node 2 ──── host 3
 *            VPN      bridge, cable without offload
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { Capture, packetsWithBadChecksum } from "./harness/capture.ts";
import { type RunningEdge, waitForTunnel } from "./harness/edge.ts";
import { TAP_NAME } from "./harness/edge_config.ts";
import { copyFile } from "./harness/file_copy.ts";
import type { Host } from "./harness/host.ts";
import type { Lab } from "./harness/lab.ts";
import { labTest } from "./harness/lab_steps.ts";
import { receiveFrames, sendFrame } from "./harness/packet_tool.ts";
import { ping, waitForPing } from "./harness/ping.ts";
import { buildChain, startNodes } from "./harness/topologies.ts";

/** EtherTypes for experiments. Source: IEEE 802, Local Experimental Ethertype 1 and 2. */
const EXPERIMENTAL = 0x88b5;
const EXPERIMENTAL_2 = 0x88b6;
const FRAME_TIMEOUT_MS = 3_000;
/** Contents are padded to sixteen octets and can't be cut to their length again. Source: wire format, 3.2. */
const MOST_PADDING_LEN = 15;
const FILE_LEN = 3_000_000;

labTest("frames of every kind cross", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  await step("a frame of 14 octets arrives, padded with zeros at most", async () => {
    await using receiver = await receiveFrames(two.host, TAP_NAME, EXPERIMENTAL);
    const frame = await macAddress(two) + "02eeccdd00aa" + "88b5";
    await sendFrame(one.host, TAP_NAME, frame);
    const received = await receiver.waitForLine((line) => line.startsWith(frame), FRAME_TIMEOUT_MS);
    assert.match(received.slice(frame.length), /^0*$/);
    assert.ok(received.length / 2 <= frame.length / 2 + MOST_PADDING_LEN, received);
  });

  await step("frames of odd lengths arrive octet by octet", async () => {
    await using receiver = await receiveFrames(two.host, TAP_NAME, EXPERIMENTAL_2);
    const header = await macAddress(two) + "02eeccdd00aa" + "88b6";
    for (const payloadLen of [1, 17, 63, 333, 1403, 1404]) {
      const payload = Array.from({ length: payloadLen }, (_, i) => (i % 255 + 1).toString(16).padStart(2, "0")).join(
        "",
      );
      await sendFrame(one.host, TAP_NAME, header + payload);
      const received = await receiver.waitForLine((line) => line.startsWith(header + payload), FRAME_TIMEOUT_MS);
      assert.match(received.slice(header.length + payload.length), /^0{0,30}$/);
    }
  });

  await step("fragments of a long packet arrive and are put together", async () => {
    const result = await ping(one.host, two.address, { count: 5, payloadLen: 5001 });
    assert.equal(result.received, 5, result.output);
  });

  await step("frames with a VLAN tag arrive with it", async () => {
    await using receiver = await receiveFrames(two.host, TAP_NAME, EXPERIMENTAL);
    for (const tag of ["81000007", "8100e123", "88a80042"]) {
      const frame = await macAddress(two) + "02eeccdd00aa" + tag + "88b5" + "0123456789abcdef".repeat(8);
      await sendFrame(one.host, TAP_NAME, frame);
      const received = await receiver.waitForLine((line) => line.startsWith(frame), FRAME_TIMEOUT_MS);
      assert.match(received.slice(frame.length), /^0{0,30}$/);
    }
  });
});

labTest("what was split and merged has right checksums", async ({ lab, step }) => {
  const site = await buildChain(lab, 2, { offload: false });
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  const three = await lab.addHost("host3");
  await bridgeOnto(lab, two, three);
  await three.addAddress("eth0", "10.77.0.103/24");
  await waitForPing(three, one.address, FRAME_TIMEOUT_MS);

  await step("inside: what host 3 gets from node 1 and sends to it", async () => {
    await using capture = await Capture.start(three, "eth0");
    const there = await copyFile(one.host, three, "10.77.0.103", FILE_LEN);
    const back = await copyFile(three, one.host, one.address, FILE_LEN);
    assert.equal(there.receivedSha256, there.sentSha256);
    assert.equal(back.receivedSha256, back.sentSha256);
    assertGoodChecksums(await capture.stop("tcp or udp or icmp"), 2 * FILE_LEN / 1404);
  });

  await step("outside: the datagrams on the cable between the nodes", async () => {
    await using capture = await Capture.start(two.host, "prev");
    const copy = await copyFile(one.host, three, "10.77.0.103", FILE_LEN);
    assert.equal(copy.receivedSha256, copy.sentSha256);
    assertGoodChecksums(await capture.stop("udp"), FILE_LEN / 1404);
  });
});

/** Joins the interface of an edge and a cable to a host by a bridge. */
async function bridgeOnto(lab: Lab, edge: RunningEdge, neighbour: Host): Promise<void> {
  await lab.connect(edge.host, "lan", neighbour, "eth0", { mtu: 1404, offload: false });
  await edge.host.ip("link add bridge type bridge");
  await edge.host.ip("link set bridge mtu 1404 up");
  for (const port of [TAP_NAME, "lan"]) await edge.host.ip(`link set ${port} master bridge`);
}

async function macAddress(edge: RunningEdge): Promise<string> {
  return (await edge.host.macAddress(TAP_NAME)).replaceAll(":", "");
}

function assertGoodChecksums(packets: readonly string[], leastCount: number): void {
  assert.ok(packets.length >= leastCount, `only ${packets.length} packets recorded`);
  const bad = packetsWithBadChecksum(packets);
  assert.equal(bad.length, 0, bad.slice(0, 5).join("\n"));
}
