/**
 * A node whose address or port changes under way, as others see it.
 *
 *     node 1 ──── router ──── node 2
 *   10.9.1.2   masquerading   10.9.2.2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { type RunningEdge, startEdge, TUNNEL_TIMEOUT_MS, waitForTunnel } from "./harness/edge.ts";
import { planEdges } from "./harness/edge_config.ts";
import type { Host } from "./harness/host.ts";
import type { Lab } from "./harness/lab.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping, waitForPing } from "./harness/ping.ts";
import { buildChain, startNode, startNodes } from "./harness/topologies.ts";

/** A new address is learnt from the first datagram that comes from it: no handshake has to be waited for. */
const LEARN_TIMEOUT_MS = 3_000;

labTest("a peer's new port is learnt from what it sends", async ({ lab, step }) => {
  const { router, one, two } = await buildBehindRouter(lab);

  await step("when a router gives its traffic another source port", async () => {
    await masqueradeFrom(router, 6002);
    await waitForPing(one.host, two.address, LEARN_TIMEOUT_MS);
    const back = await ping(two.host, one.address, { count: 10 });
    assert.equal(back.received, 10, back.output);
  });

  await step("again, under traffic", async () => {
    const [during] = await Promise.all([
      ping(one.host, two.address, { count: 100, intervalS: 0.02 }),
      masqueradeFrom(router, 6003),
    ]);
    assert.ok(during.received >= 80, during.output);
  });
});

labTest("a peer that starts again on another port is found", async ({ lab }) => {
  const site = await buildChain(lab, 2);
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  await one.process.stop();
  site.plan.get(1)!.listenPort = 4900;
  const again = await startNode(site, 1);
  // Node 2 still has the old port in its file: it must take the new one from node 1's handshake.
  await waitForTunnel(again, two);
  await waitForTunnel(two, again);
});

labTest("a peer's new address is learnt from what it sends", async ({ lab }) => {
  const site = await buildChain(lab, 2);
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  const [during] = await Promise.all([
    ping(one.host, two.address, { count: 100, intervalS: 0.02 }),
    changeAddress(one.host, "next", "10.9.1.1/24", "10.9.1.77/24"),
  ]);

  assert.ok(during.received >= 80, during.output);
  const back = await ping(two.host, one.address, { count: 10 });
  assert.equal(back.received, 10, back.output);
});

interface BehindRouter {
  router: Host;
  one: RunningEdge;
  two: RunningEdge;
}

async function buildBehindRouter(lab: Lab): Promise<BehindRouter> {
  const [inner, router, outer] = [await lab.addHost("node1"), await lab.addHost("router"), await lab.addHost("node2")];
  await lab.connect(inner, "eth0", router, "lan");
  await lab.connect(outer, "eth0", router, "wan");
  await inner.addAddress("eth0", "10.9.1.2/24");
  await router.addAddress("lan", "10.9.1.1/24");
  await router.addAddress("wan", "10.9.2.1/24");
  await outer.addAddress("eth0", "10.9.2.2/24");
  await inner.ip("route add default via 10.9.1.1");
  await router.enableForwarding();
  await router.nft(`
    add table ip filter
    add chain ip filter forward { type filter hook forward priority 0; }
    add rule ip filter forward ct state invalid drop
  `);
  await masqueradeFrom(router, 6001);
  const plan = planEdges([{ a: 1, b: 2, addressOfB: "10.9.2.2" }]);
  const [one, two] = await Promise.all([startEdge(inner, plan.get(1)!), startEdge(outer, plan.get(2)!)]);
  await waitForTunnel(one, two, TUNNEL_TIMEOUT_MS);
  return { router, one, two };
}

async function changeAddress(host: Host, device: string, from: string, to: string): Promise<void> {
  // Otherwise the kernel would remove the second address of a network together with the first.
  await host.sysctl("net.ipv4.conf.all.promote_secondaries", 1);
  await host.addAddress(device, to);
  await host.ip(`addr del ${from} dev ${device}`);
}

/** Lets what leaves for node 2 come from this port, connections under way included. */
async function masqueradeFrom(router: Host, port: number): Promise<void> {
  await router.nft(`
    add table ip nat
    delete table ip nat
    add table ip nat
    add chain ip nat postrouting { type nat hook postrouting priority 100; }
    add rule ip nat postrouting oifname wan meta l4proto udp masquerade to :${port}
  `);
  // The kernel forgets the masqueraded connections of an interface that goes down.
  await router.ip("link set wan down");
  await router.ip("link set wan up");
}
