/**
 * Two hosts that speak FakeTCP alone, of which one ends in every way and comes back, with a router in between that drops
 * what fits to no connection, and UDP:
 *
 *     node 1 ──── router ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { launchEdge, type RunningEdge, waitForEvent, waitForTunnel } from "./harness/edge.ts";
import { renderEdgeConfig, speakFakeTcp } from "./harness/edge_config.ts";
import { fakeTcpTraces } from "./harness/host_traces.ts";
import { labTest } from "./harness/lab_steps.ts";
import { waitForFakeTcp } from "./harness/path_events.ts";
import { ping } from "./harness/ping.ts";
import { buildThroughRouter, startNode, startNodes } from "./harness/topologies.ts";
import { blockUdp, Fault } from "./harness/udp_block.ts";

const START_TIMEOUT_MS = 20_000;

labTest("a node that speaks FakeTCP comes back after every kind of end", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  speakFakeTcp(site.plan);
  const ports = [...site.plan.values()].map((settings) => settings.listenPort);
  await blockUdp(ports.map((port) => ({ host: site.router.host, hook: "forward", port })), Fault.DROP);
  const bare = await fakeTcpTraces(site.hosts.get(2)!);
  let [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  const running = await fakeTcpTraces(two.host);

  await step("SIGTERM: the host is as it was before the start", async () => {
    const status = await two.process.stop("SIGTERM");
    assert.equal(status.code, 0, two.process.tail());
    assert.deepEqual(await fakeTcpTraces(two.host), bare);
    two = await startNode(site, 2);
    await service(one, two);
  });

  await step("kill -9 of the node that is dialled: the rules of the dead don't pile up", async () => {
    await two.process.stop("SIGKILL");
    two = await startNode(site, 2);
    await service(one, two);
    assert.deepEqual(await fakeTcpTraces(two.host), running);
  });

  await step("kill -9 of the node that dials", async () => {
    await one.process.stop("SIGKILL");
    one = await startNode(site, 1);
    await service(one, two);
  });

  await step("kill -9 of both", async () => {
    await Promise.all([one, two].map((edge) => edge.process.stop("SIGKILL")));
    [one, two] = await startNodes(site);
    await service(one, two);
  });

  await step("SIGTERM after all that: the host is as it was before the first start", async () => {
    await two.process.stop("SIGTERM");
    assert.deepEqual(await fakeTcpTraces(two.host), bare);
  });

  await step("the router found no fault", async () => {
    assert.equal(await site.router.invalidCount(), 0);
  });
});

labTest("a node that is stopped in the middle of its start leaves the host as it was", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  speakFakeTcp(site.plan);
  const settings = site.plan.get(2)!;
  const host = site.hosts.get(2)!;
  const config = `${renderEdgeConfig(settings)}\nPostScript: sleep 600\n`;
  const bare = await fakeTcpTraces(host);

  for (const event of ["host rules set", "lanes running"]) {
    await step(`SIGTERM after "${event}": exit code 0`, async () => {
      const edge = await launchEdge(host, settings, { config });
      await waitForEvent(edge, (line) => line.event === event, START_TIMEOUT_MS);
      const status = await edge.process.stop("SIGTERM");
      assert.equal(status.code, 0, edge.process.tail());
      assert.deepEqual(await fakeTcpTraces(host), bare);
    });
  }
});

async function service(one: RunningEdge, two: RunningEdge): Promise<void> {
  await waitForTunnel(one, two);
  await waitForFakeTcp(one, two);
  assert.equal((await ping(two.host, one.address, { count: 10 })).received, 10);
}
