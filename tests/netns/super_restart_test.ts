/**
 * A super node and edges that end in every way and come back, or come late, or are shouted at.
 *
 *     edge 1 ──── Internet ──── edge 2
 *             ┌──────┴──────┐
 *           super        attacker
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { startEdge } from "./harness/edge.ts";
import { INITIATION_LEN } from "./harness/datagram_counter.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { fakeTcpTraces } from "./harness/host_traces.ts";
import { siteAddress } from "./harness/internet.ts";
import { labTest } from "./harness/lab_steps.ts";
import { startFlood } from "./harness/packet_tool.ts";
import { ping } from "./harness/ping.ts";
import { SUPER_PORT } from "./harness/super_config.ts";
import { startSuper, startSuperAgain } from "./harness/super_node.ts";
import { buildSuperSite, startSuperSite, SUPER_SITE, waitForMesh } from "./harness/super_site.ts";
import { startNode, startNodes } from "./harness/topologies.ts";

/** An edge finds out in 4 s, not in 15, that whoever it had a session with was started anew. */
const TIMERS = { keepaliveTimeoutMs: 3_000, rekeyTimeoutMs: 1_000 };
/** A node that was killed still has a session with the others, which they find out by and by; or another attempt is due. */
const RETURN_TIMEOUT_MS = 20_000;
const BOTH_FAMILIES = { v4: siteAddress(SUPER_SITE), v6: siteAddress(SUPER_SITE, "v6") };

labTest("a super node and edges that are killed come back, and leave nothing behind", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"], BOTH_FAMILIES);
  speakFakeTcp(site.plan);
  site.superNode.fakeTcp = { isEnabled: true, tunIPv6: "fd00:201::1/64", tunPeerIPv6: "fd00:201::2" };
  const bare = await fakeTcpTraces(site.superHost);
  let [superNode, edges] = await startSuperSite(site, { timers: TIMERS });
  await waitForMesh(edges, RETURN_TIMEOUT_MS);
  const running = await fakeTcpTraces(site.superHost);

  await step("the super node, killed: its rules and devices don't pile up", async () => {
    assert.notDeepEqual(running, bare);
    await superNode.process.stop("SIGKILL");
    superNode = await startSuperAgain(superNode.host, superNode.file);
    assert.deepEqual(await fakeTcpTraces(site.superHost), running);
  });

  await step("an edge, killed: the super node and the other know it again", async () => {
    await edges[0].process.stop("SIGKILL");
    edges = [await startNode(site, 1, { timers: TIMERS }), edges[1]];
    await waitForMesh(edges, RETURN_TIMEOUT_MS);
  });

  await step("all of them, killed", async () => {
    await Promise.all([superNode, ...edges].map(({ process }) => process.stop("SIGKILL")));
    superNode = await startSuperAgain(superNode.host, superNode.file);
    edges = await startNodes(site, { timers: TIMERS });
    await waitForMesh(edges, RETURN_TIMEOUT_MS);
  });

  await step("SIGTERM: exit code 0, and the host is as it was before the first start", async () => {
    assert.equal((await superNode.process.stop("SIGTERM")).code, 0, superNode.process.tail());
    assert.deepEqual(await fakeTcpTraces(site.superHost), bare);
  });
});

labTest("edges wait for a super node that comes later than they do", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"], BOTH_FAMILIES);
  const edges = await startNodes(site);
  assert.equal((await ping(edges[0].host, edges[1].address, { count: 1 })).received, 0);

  await step("it comes: they find each other", async () => {
    await startSuper(site.superHost, site.superNode);
    await waitForMesh(edges, RETURN_TIMEOUT_MS);
  });
});

labTest("a super node serves edges that reach it by IPv6 alone", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"], BOTH_FAMILIES);
  await site.internet.drop("meta nfproto ipv4");
  const [, edges] = await startSuperSite(site);
  await step("they find each other", () => waitForMesh(edges, RETURN_TIMEOUT_MS));
});

labTest("a flood of garbage keeps no edge from joining", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open", "open"]);
  const plan = new Map([...site.plan].filter(([nodeId]) => nodeId !== 3));
  const [, edges] = await startSuperSite({ ...site, plan });
  const attacker = await lab.addHost("attacker");
  await site.internet.attach(lab, attacker, "eth0", 9);
  await waitForMesh(edges, RETURN_TIMEOUT_MS);

  for (const [kind, length] of [["random", 1400], ["initiation", INITIATION_LEN]] as const) {
    await step(`of kind ${kind}`, async () => {
      const received = await site.internet.countPackets(9, SUPER_SITE);
      const flood = await startFlood(attacker, siteAddress(SUPER_SITE), SUPER_PORT, kind, length);
      const third = await startEdge(site.hosts.get(3)!, site.plan.get(3)!);
      await waitForMesh([...edges, third], RETURN_TIMEOUT_MS);
      assert.equal(flood.hasEnded, false);
      assert.ok((await received()).packets > 10_000, `only ${(await received()).packets} packets`);
      await flood.stop("SIGKILL");
      await third.process.stop("SIGTERM");
    });
  }
});
