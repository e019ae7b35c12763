/**
 * What nodes do while the user's program runs: they answer, and they end when they are told to.
 *
 *     edge 1 ──── Internet ──── edge 2
 *                    │
 *                  super
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { eventsOf, launchEdge, type LoggingNode, type RunningEdge, startEdge, waitForEvent } from "./harness/edge.ts";
import { renderEdgeConfig } from "./harness/edge_config.ts";
import type { Host } from "./harness/host.ts";
import { labTest } from "./harness/lab_steps.ts";
import { renderSuperConfig } from "./harness/super_config.ts";
import { launchSuper, type RunningSuper } from "./harness/super_node.ts";
import { buildSuperSite, waitForMesh } from "./harness/super_site.ts";
import { buildThroughRouter } from "./harness/topologies.ts";
import { eventually, pauseMs } from "./harness/wait.ts";

const EXIT_FAILURE = 1;
/** A start on a busy machine. */
const START_TIMEOUT_MS = 15_000;
/** A handshake, or a registration and what follows from it. */
const REACTION_TIMEOUT_MS = 5_000;

/** A program that runs until the test lets it end, or a signal does; it says which. */
class Gate {
  readonly #folder: string;

  constructor(host: Host) {
    this.#folder = host.folder;
  }

  /** The line of a configuration. */
  get line(): string {
    const script = `cd ${this.#folder}; rm -f open told; touch running; trap "touch told; exit 1" TERM; ` +
      "until test -e open; do sleep 0.05; done; exit $(cat open)";
    return `PostScript: ${JSON.stringify(`sh -c '${script}'`)}\n`;
  }

  /** Waits until the program runs. */
  async isRunning(): Promise<void> {
    await this.#waitFor("running");
    await Deno.remove(`${this.#folder}/running`);
  }

  async open(exitCode: number): Promise<void> {
    await Deno.writeTextFile(`${this.#folder}/opening`, String(exitCode));
    await Deno.rename(`${this.#folder}/opening`, `${this.#folder}/open`);
  }

  /** Waits until it was told to end. */
  async isTold(): Promise<void> {
    await this.#waitFor("told");
  }

  async #waitFor(file: string): Promise<void> {
    const isThere = () => Deno.stat(`${this.#folder}/${file}`).then(() => true, () => false);
    await eventually(`${file} of the program`, isThere, START_TIMEOUT_MS);
  }
}

function hasSaid(node: LoggingNode, event: string): boolean {
  return eventsOf(node).some((line) => line.event === event);
}

labTest("a super node serves while PostScript runs, and says that it is ready afterwards", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"]);
  const gate = new Gate(site.superHost);
  const file = `${site.superHost.folder}/super.yaml`;
  await Deno.writeTextFile(file, renderSuperConfig(site.superNode) + gate.line);

  async function launch(): Promise<RunningSuper> {
    const node = launchSuper(site.superHost, file);
    await gate.isRunning();
    return node;
  }

  await step("SIGTERM ends both: exit code 0", async () => {
    const { process } = await launch();
    assert.equal((await process.stop("SIGTERM")).code, 0, process.tail());
    await gate.isTold();
    assert.doesNotMatch(process.text("stderr"), /PostScript failed|super ready/);
  });

  await step("a program that fails ends the super node: exit code 1", async () => {
    const { process } = await launch();
    await gate.open(7);
    await eventually("the end of the super node", () => process.hasEnded, REACTION_TIMEOUT_MS);
    assert.equal((await process.status).code, EXIT_FAILURE);
    assert.match(process.text("stderr"), /PostScript failed.*\b7\b/);
  });

  const superNode = await launch();
  const edges: RunningEdge[] = [];
  await step("edges register and reach each other", async () => {
    for (const nodeId of [1, 2]) edges.push(await startEdge(site.hosts.get(nodeId)!, site.plan.get(nodeId)!));
    await waitForMesh(edges, START_TIMEOUT_MS);
    assert.ok(!hasSaid(superNode, "super ready"));
  });

  await step("and are served on", async () => {
    await gate.open(0);
    await waitForEvent(superNode, ({ event }) => event === "super ready", REACTION_TIMEOUT_MS);
    await waitForMesh(edges, REACTION_TIMEOUT_MS);
    assert.equal((await superNode.process.stop("SIGTERM")).code, 0);
  });
});

labTest("an edge registers when PostScript has ended, and not before", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open"]);
  const file = `${site.superHost.folder}/super.yaml`;
  await Deno.writeTextFile(file, renderSuperConfig(site.superNode));
  const superNode = launchSuper(site.superHost, file);
  await waitForEvent(superNode, ({ event }) => event === "super ready", START_TIMEOUT_MS);
  const host = site.hosts.get(1)!;
  const settings = site.plan.get(1)!;
  const gate = new Gate(host);
  const edge = await launchEdge(host, settings, { config: renderEdgeConfig(settings) + gate.line });

  await step("it has a session, and doesn't register", async () => {
    await gate.isRunning();
    await waitForEvent(superNode, ({ event }) => event === "session established", REACTION_TIMEOUT_MS);
    await pauseMs(1_000);
    assert.ok(!hasSaid(superNode, "node is alive"));
    assert.ok(!hasSaid(edge, "edge ready"));
  });

  await step("it registers", async () => {
    await gate.open(0);
    await waitForEvent(superNode, ({ event }) => event === "node is alive", REACTION_TIMEOUT_MS);
    assert.ok(hasSaid(edge, "edge ready"));
    assert.equal((await edge.process.stop("SIGTERM")).code, 0);
  });
});

labTest("an edge answers while PostScript runs", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  const host = site.hosts.get(2)!;
  const settings = site.plan.get(2)!;
  const gate = new Gate(host);
  const config = renderEdgeConfig(settings) + gate.line;

  await step("others make sessions with it, and their frames come through", async () => {
    const waiting = await launchEdge(host, settings, { config });
    await gate.isRunning();
    const other = await startEdge(site.hosts.get(1)!, site.plan.get(1)!);
    await waitForMesh([other, waiting], START_TIMEOUT_MS);
    assert.ok(!hasSaid(waiting, "edge ready"));
    assert.equal((await waiting.process.stop("SIGTERM")).code, 0, waiting.process.tail());
    await gate.isTold();
  });

  await step("a program that fails ends it: exit code 1", async () => {
    const edge = await launchEdge(host, settings, { config });
    await gate.isRunning();
    await gate.open(7);
    await eventually("the end of the edge", () => edge.process.hasEnded, REACTION_TIMEOUT_MS);
    assert.equal((await edge.process.status).code, EXIT_FAILURE);
  });
});
