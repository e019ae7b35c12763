/**
 * Super mode without UDP: to the super node there is one open TCP port, at which it speaks FakeTCP; not even its HTTP can be
 * reached.
 *
 *     edge 1 ──── NAT 1 ──── Internet ──── NAT 2 ──── edge 2
 *                        ┌──────┴──────┐
 *                  super, TCP 3000   edge 3
 *
 * @module
 */

import { strict as assert } from "node:assert";
import type { RunningEdge } from "./harness/edge.ts";
import { speakFakeTcp } from "./harness/edge_config.ts";
import { siteAddress } from "./harness/internet.ts";
import type { Lab } from "./harness/lab.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { SUPER_PORT } from "./harness/super_config.ts";
import { SuperApi } from "./harness/super_node.ts";
import {
  buildSuperSite,
  type Place,
  startSuperSite,
  SUPER_SITE,
  type SuperSite,
  waitForMesh,
  waitForRoutes,
} from "./harness/super_site.ts";

/** How long edges that try UDP in vain may take to find each other, ms. */
const MESH_TIMEOUT_MS = 20_000;
const STATE_TIMEOUT_MS = 20_000;
const REQUESTS = 100;

labTest("edges behind NATs meet by simultaneous open, where FakeTCP is all there is", async ({ lab, step }) => {
  const { site, edges, api } = await startWithoutUdp(lab, ["nat", "nat", "open"]);

  await step("all pairs reach each other", () => waitForMesh(edges, MESH_TIMEOUT_MS));

  await step("the two behind NATs reach each other without a third", async () => {
    const [there, back] = [await site.internet.countPackets(1, 2), await site.internet.countPackets(2, 1)];
    assert.equal((await ping(edges[0].host, edges[1].address, { count: REQUESTS })).received, REQUESTS);
    assert.ok((await there()).packets >= REQUESTS, `${(await there()).packets} packets there`);
    assert.ok((await back()).packets >= REQUESTS, `${(await back()).packets} packets back`);
  });

  await step("the super node gets all reports, and computes routes", async () => {
    const { PeerInfo, NhTable } = await waitForRoutes(api, site.hosts.keys(), STATE_TIMEOUT_MS);
    assert.deepEqual(Object.keys(PeerInfo), ["1", "2", "3"]);
    assert.equal(NhTable[1][2], 2);
    assert.equal(NhTable[2][1], 1);
  });
});

labTest("edges behind NATs of which nobody foretells the ports reach each other by a third", async ({ lab, step }) => {
  const { site, edges, api } = await startWithoutUdp(lab, ["symmetric nat", "symmetric nat", "open"]);

  await step("the route between them leads over the third", async () => {
    const { NhTable } = await waitForRoutes(api, site.hosts.keys(), STATE_TIMEOUT_MS);
    assert.equal(NhTable[1][2], 3);
    assert.equal(NhTable[2][1], 3);
  });

  await step("all pairs reach each other", () => waitForMesh(edges, MESH_TIMEOUT_MS));

  await step("what they send each other passes the third", async () => {
    const [toThird, fromThird] = [await site.internet.countPackets(1, 3), await site.internet.countPackets(3, 2)];
    assert.equal((await ping(edges[0].host, edges[1].address, { count: REQUESTS })).received, REQUESTS);
    assert.ok((await toThird()).packets >= REQUESTS, `${(await toThird()).packets} packets to the third`);
    assert.ok((await fromThird()).packets >= REQUESTS, `${(await fromThird()).packets} packets from the third`);
  });
});

interface StartedSite {
  readonly site: SuperSite;
  readonly edges: readonly RunningEdge[];
  readonly api: SuperApi;
}

/** Builds and starts a network whose nodes all speak FakeTCP, and in which nothing else gets through. */
async function startWithoutUdp(lab: Lab, places: readonly Place[]): Promise<StartedSite> {
  const site = await buildSuperSite(lab, places);
  speakFakeTcp(site.plan);
  site.superNode.fakeTcp = { isEnabled: true };
  await site.internet.drop("meta l4proto udp");
  await site.internet.drop(`ip daddr ${siteAddress(SUPER_SITE)} tcp dport != ${SUPER_PORT}`);
  const [, edges] = await startSuperSite(site);
  return { site, edges, api: await SuperApi.connect(site.superHost) };
}
