/**
 * A network in super mode: two edges behind different NATs, one in the open, and the super node.
 *
 *     edge 1 ──── NAT 1 ──── Internet ──── NAT 2 ──── edge 2
 *                        ┌──────┴──────┐
 *                      super         edge 3
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { type RunningEdge, startEdge, waitForEvent } from "./harness/edge.ts";
import { generateKeys, generatePresharedKey, renderEdgeConfig } from "./harness/edge_config.ts";
import type { Host } from "./harness/host.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { reportOn, Stream } from "./harness/stream.ts";
import { startSuperAgain, SuperApi } from "./harness/super_node.ts";
import {
  buildSuperSite,
  orderedPairs,
  startSuperSite,
  type SuperSite,
  waitForMesh,
  waitForRoutes,
} from "./harness/super_site.ts";
import { eventually, pauseMs } from "./harness/wait.ts";

/** All pairs of edges reach each other within this after the last start, ms. */
const MESH_TIMEOUT_MS = 5_000;
/** Datagrams per second from every edge to every other. */
const RATE = 100;
/** How long traffic is watched without a super node, and with one that came back, ms. */
const WITHOUT_SUPER_MS = 10_000;
const WITH_NEW_SUPER_MS = 20_000;
/** How long the super node may take to hear of all edges again, and to know all routes. */
const RETURN_TIMEOUT_MS = 20_000;
/** An edge that is removed is told so for a second. */
const REMOVAL_TIMEOUT_MS = 5_000;

labTest("edges behind NATs find each other by a super node, and outlive it", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["nat", "nat", "open"]);
  site.superNode.edgeTemplate = await writeTemplate(site);
  let [superNode, edges] = await startSuperSite(site);
  const api = await SuperApi.connect(site.superHost);

  await step("all pairs reach each other", () => waitForMesh(edges, MESH_TIMEOUT_MS));

  await step("the two behind NATs reach each other without a third", async () => {
    const toOther = await site.internet.countPackets(1, 2);
    const fromOther = await site.internet.countPackets(2, 1);
    const { received } = await ping(edges[0].host, edges[1].address, { count: 100 });
    assert.equal(received, 100);
    const [there, back] = [await toOther(), await fromOther()];
    assert.ok(there.packets >= 100 && back.packets >= 100, `${there.packets} there, ${back.packets} back`);
  });

  await step("no packet is lost while the super node is dead, nor when it comes back", async () => {
    await using streams = new AsyncDisposableStack();
    const pairs = orderedPairs(edges);
    const running = await Promise.all(pairs.map(async ([from, to]) => {
      return streams.use(await Stream.start(from.host, to.host, to.address, { rate: RATE }));
    }));
    await superNode.process.stop("SIGKILL");
    await pauseMs(WITHOUT_SUPER_MS);
    superNode = await startSuperAgain(superNode.host, superNode.file);
    await Promise.all([waitForRoutes(api, site.hosts.keys(), RETURN_TIMEOUT_MS), pauseMs(WITH_NEW_SUPER_MS)]);
    const reports = await Promise.all(running.map(async (stream) => reportOn(await stream.finish())));
    for (const [index, [from, to]] of pairs.entries()) {
      const { sent, lostSentMs } = reports[index];
      const name = `${from.settings.nodeId}→${to.settings.nodeId}`;
      assert.ok(sent >= (WITHOUT_SUPER_MS + WITH_NEW_SUPER_MS) / 1000 * RATE, `${name}: ${sent} sent`);
      assert.deepEqual(lostSentMs, [], `${name}: ${lostSentMs.length} of ${sent} lost`);
    }
  });

  await step("an edge that is added by the manage interface joins with the file that it answers", async () => {
    const host = await lab.addHost("node4");
    await site.internet.attach(lab, host, "eth0", 4);
    edges = [...edges, await addEdge(site, api, 4, host)];
    await waitForMesh(edges, MESH_TIMEOUT_MS);
  });

  await step("an edge that is removed ends with exit code 0, and the others drop it", async () => {
    const removedMs = wallClockMs();
    assert.equal((await api.removePeer(4)).status, 200);
    const gone = edges[3];
    await eventually("the end of node 4", () => gone.process.hasEnded, REMOVAL_TIMEOUT_MS);
    assert.equal((await gone.process.status).code, 0, gone.process.tail());
    await Promise.all(
      edges.slice(0, 3).map((edge) =>
        waitForEvent(edge, ({ event }) => event === "peers removed", REMOVAL_TIMEOUT_MS, removedMs)
      ),
    );
    await waitForMesh(edges.slice(0, 3), MESH_TIMEOUT_MS);
    assert.deepEqual(Object.keys((await api.state()).PeerInfo), ["1", "2", "3"]);
  });
});

/** Writes the file from which the super node makes those of new edges: all is there but what is theirs alone. */
async function writeTemplate({ plan, superHost }: SuperSite): Promise<string> {
  const path = `${superHost.folder}/template.yaml`;
  await Deno.writeTextFile(path, renderEdgeConfig({ ...plan.get(1)!, listenPort: 4000 }));
  return path;
}

/** Adds an edge in the open by the manage interface, and starts it with the answered file and its private key. */
async function addEdge(site: SuperSite, api: SuperApi, nodeId: number, host: Host): Promise<RunningEdge> {
  const keys = generateKeys();
  const { status, body } = await api.addPeer({
    NodeID: String(nodeId),
    Name: "added",
    PubKey: keys.publicKey,
    PSKey: generatePresharedKey(),
    AdditionalCost: "1",
    SkipLocalIP: "false",
  });
  assert.equal(status, 200, body);
  const config = body.replace("Your_Private_Key", keys.privateKey);
  return await startEdge(host, { ...site.plan.get(1)!, nodeId, keys }, { config });
}
