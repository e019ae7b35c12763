/**
 * Two hosts, of which one ends in every way there is and comes back.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { type RunningEdge, waitForTunnel } from "./harness/edge.ts";
import { TAP_NAME } from "./harness/edge_config.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping } from "./harness/ping.ts";
import { buildChain, startNode, startNodes } from "./harness/topologies.ts";
import { eventually } from "./harness/wait.ts";

/** How long the interface of a killed program may live on. */
const REMOVAL_TIMEOUT_MS = 3_000;
/** How long a node that lost its device may take to end or to have made a new one. */
const DEVICE_LOSS_TIMEOUT_MS = 10_000;

labTest("an edge comes back after every kind of end", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  let [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  await step("after SIGTERM: exit code 0, interface gone, service again after the start", async () => {
    const status = await two.process.stop("SIGTERM");
    assert.equal(status.code, 0, two.process.tail());
    assert.equal(await two.host.hasInterface(TAP_NAME), false);
    two = await startNode(site, 2);
    await waitForTunnel(one, two);
  });

  await step("after kill -9: interface gone, no busy device, service again after the start", async () => {
    await two.process.stop("SIGKILL");
    await interfaceGone(two);
    two = await startNode(site, 2);
    await waitForTunnel(one, two);
  });

  await step("after kill -9 of the side that dialled first", async () => {
    await one.process.stop("SIGKILL");
    await interfaceGone(one);
    one = await startNode(site, 1);
    await waitForTunnel(two, one);
  });

  await step("a start while another edge has the interface fails with the reason and harms nobody", async () => {
    const settings = { ...site.plan.get(2)!, listenPort: 4999 };
    const second = await startNode({ ...site, plan: new Map([[2, settings]]) }, 2).then(() => undefined, String);
    assert.match(second ?? "it started", /ended with code 1/);
    assert.match(second!, new RegExp(TAP_NAME));
    await waitForTunnel(one, two);
  });
});

labTest("an edge whose interface is deleted says so and ends with code 1, or makes it anew", async ({ lab }) => {
  const site = await buildChain(lab, 2);
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);
  const linesBefore = two.process.lines.length;

  await two.host.ip(`link delete ${TAP_NAME}`);

  const outcome = await eventually("an end or a recovery", async () => {
    if (two.process.hasEnded) return `code ${(await two.process.status).code}`;
    const answers = await ping(one.host, two.address, { count: 1 });
    return answers.received > 0 && "recovery";
  }, DEVICE_LOSS_TIMEOUT_MS);
  assert.match(outcome, /^(code 1|recovery)$/, two.process.tail());
  const said = two.process.lines.slice(linesBefore).map((line) => line.text).join("\n");
  assert.match(said, new RegExp(TAP_NAME));
});

async function interfaceGone(edge: RunningEdge): Promise<void> {
  await eventually(
    `the end of ${TAP_NAME} on ${edge.host.label}`,
    async () => !(await edge.host.hasInterface(TAP_NAME)),
    REMOVAL_TIMEOUT_MS,
  );
}
