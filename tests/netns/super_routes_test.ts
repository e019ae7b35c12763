/**
 * Three edges in the open, of which the link between two becomes slow, in one direction or in both:
 *
 *     edge 1 ───── slow ───── edge 3
 *        └────── edge 2 ───────┘
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import type { RunningEdge } from "./harness/edge.ts";
import { SuperApi, type SuperState } from "./harness/super_node.ts";
import { buildSuperSite, startSuperSite, type SuperSite, waitForMesh, waitForState } from "./harness/super_site.ts";
import { eventually } from "./harness/wait.ts";

/** Between measurements. */
const PING_INTERVAL_S = 2;
/** A better route is taken within two ping intervals, ms. */
const REROUTE_TIMEOUT_MS = 2 * PING_INTERVAL_S * 1000;
/** One way over the slow link, ms. */
const DELAY_MS = 80;
/** What it costs to pass a node, ms: more than two cores that do all of this are late by, so that nothing else decides. */
const COST_MS = 20;
const MESH_TIMEOUT_MS = 5_000;
/** The state is collected every five seconds at most. */
const STATE_TIMEOUT_MS = 10_000;
const REQUESTS = 20;

labTest("a slow link is routed around, and used again when it has become fast", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open", "open"]);
  site.superNode.pingIntervalS = PING_INTERVAL_S;
  for (const peer of site.superNode.peers) peer.additionalCostMs = COST_MS;
  const [, edges] = await startSuperSite(site);
  const api = await SuperApi.connect(site.superHost);
  await waitForMesh(edges, MESH_TIMEOUT_MS);

  await step("links that are equally fast are used directly", async () => {
    await waitForState(api, nextHops(3, 1), STATE_TIMEOUT_MS);
  });

  await step("a link that is slow in both directions is left within two ping intervals", async () => {
    await site.internet.slowDown(1, 3, DELAY_MS);
    await site.internet.slowDown(3, 1, DELAY_MS);
    await eventually("the way over node 2 there and back", async () => {
      return (await passedDuringPing(site, edges)).averageMs < DELAY_MS;
    }, REROUTE_TIMEOUT_MS);
    const { overSecond, backOverSecond } = await passedDuringPing(site, edges);
    assert.ok(overSecond >= REQUESTS && backOverSecond >= REQUESTS, `${overSecond} there, ${backOverSecond} back`);
    const { Edges } = await waitForState(api, nextHops(2, 2), STATE_TIMEOUT_MS);
    for (const latencyS of [Edges[1][3], Edges[3][1]]) assert.ok(latencyS >= DELAY_MS / 1000, `${latencyS} s`);
  });

  await step("it is used again within two ping intervals after it has become fast", async () => {
    await site.internet.speedUp(1, 3);
    await site.internet.speedUp(3, 1);
    await eventually("the direct way there and back", async () => {
      const { direct, backDirect } = await passedDuringPing(site, edges);
      return direct >= REQUESTS && backDirect >= REQUESTS;
    }, REROUTE_TIMEOUT_MS);
    await waitForState(api, nextHops(3, 1), STATE_TIMEOUT_MS);
  });

  await step("a link that is slow in one direction is left in that direction alone", async () => {
    await site.internet.slowDown(1, 3, DELAY_MS);
    await eventually("the way over node 2 there, and directly back", async () => {
      const { averageMs, overSecond, backDirect } = await passedDuringPing(site, edges);
      return averageMs < DELAY_MS && overSecond >= REQUESTS && backDirect >= REQUESTS;
    }, REROUTE_TIMEOUT_MS);
    const { Edges } = await waitForState(api, nextHops(2, 1), STATE_TIMEOUT_MS);
    assert.ok(Edges[1][3] - Edges[3][1] >= DELAY_MS / 2000, `${Edges[1][3]} s there, ${Edges[3][1]} s back`);
  });
});

/** Tells whether edge 1 sends to edge 3 by one node, and edge 3 to edge 1 by another. */
function nextHops(there: number, back: number): (state: SuperState) => boolean {
  return ({ NhTable }) => NhTable[1]?.[3] === there && NhTable[3]?.[1] === back;
}

/** What happened while edge 1 pinged edge 3. */
interface Passed {
  /** From request to answer. */
  averageMs: number;
  /** Packets from site 1 to 3 and back. */
  direct: number;
  backDirect: number;
  /** Packets from site 1 to 2, and from 3 to 2. */
  overSecond: number;
  backOverSecond: number;
}

async function passedDuringPing({ internet }: SuperSite, [one, , three]: readonly RunningEdge[]): Promise<Passed> {
  const links = [[1, 3], [3, 1], [1, 2], [3, 2]] as const;
  const counts = await Promise.all(links.map(([from, to]) => internet.countPackets(from, to)));
  const { averageMs } = await ping(one.host, three.address, { count: REQUESTS, intervalS: 0.005 });
  const [direct, backDirect, overSecond, backOverSecond] = await Promise.all(
    counts.map(async (count) => (await count()).packets),
  );
  return { averageMs, direct, backDirect, overSecond, backOverSecond };
}
