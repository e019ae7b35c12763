/**
 * Super nodes that can't start, and edges that a super node doesn't want: each ends with the reason and its exit code.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { eventsOf, launchEdge, type RunningEdge, startEdge, waitForEvent } from "./harness/edge.ts";
import { generateKeys } from "./harness/edge_config.ts";
import { labTest } from "./harness/lab_steps.ts";
import type { CommandResult } from "./harness/process.ts";
import { compiledProgram, programEnvironment } from "./harness/program.ts";
import { EDGE_API_PORT, planSuperNetwork, renderSuperConfig, SUPER_PORT } from "./harness/super_config.ts";
import { launchSuper, startSuper } from "./harness/super_node.ts";
import { buildSuperSite, startSuperSite, waitForMesh } from "./harness/super_site.ts";
import { eventually } from "./harness/wait.ts";

const EXIT_FAILURE = 1;
const EXIT_BAD_INPUT = 2;
/** How a super node refuses a version: errno ENOSYS. Source: `behaviour.md` §2.6. */
const EXIT_VERSION_REFUSED = 38;
/** Versions of a network that doesn't have ours: what comes after the "-" may differ. */
const SUPER_VERSION = "v0.2.9-super";
const EDGE_VERSION = "v0.2.9-edge";
/** A start, a handshake and a registration. */
const END_TIMEOUT_MS = 15_000;
const MESH_TIMEOUT_MS = 5_000;

labTest("a super node that can't start says why", async ({ lab, step }) => {
  const host = await lab.addHost("super");
  const { superNode } = planSuperNetwork(2, { v4: "127.0.0.1" });
  const good = renderSuperConfig(superNode);
  let files = 0;

  async function writeConfig(text: string): Promise<string> {
    const file = `${host.folder}/super${files++}.yaml`;
    await Deno.writeTextFile(file, text);
    return file;
  }

  /** What a super node with this file says at its end, and its exit code. */
  async function endOf(text: string): Promise<{ code: number; said: string }> {
    const { process } = launchSuper(host, await writeConfig(text));
    await eventually("the end of the super node", () => process.hasEnded, END_TIMEOUT_MS);
    const { code } = await process.status;
    return { code, said: process.text("stderr") };
  }

  async function etherguard(words: readonly string[]): Promise<CommandResult> {
    return await host.run([compiledProgram(), ...words], { env: programEnvironment(), allowFailure: true });
  }

  await step("--check accepts a good file, and the example", async () => {
    const { stdout: example } = await etherguard(["super", "--example"]);
    for (const text of [good, example]) {
      const result = await etherguard(["super", "--config", await writeConfig(text), "--check"]);
      assert.equal(result.code, 0, result.stderr);
    }
  });

  await step("many mistakes: exit code 2, and each with its line", async () => {
    const bad = good.replace(/^PrivKeyV4: .*$/m, "PrivKeyV4: short").replace(/^ListenPort: .*$/m, "ListenPort: 70000")
      .replace(/^SendPingInterval: .*$/m, "SendPingInterval: 0").replace(
        /^PeerAliveTimeout: .*$/m,
        "PeerAliveTime: 70",
      );
    const { code, stderr } = await etherguard(["super", "--config", await writeConfig(bad)]);
    assert.equal(code, EXIT_BAD_INPUT, stderr);
    const lines = bad.split("\n");
    for (const key of ["PrivKeyV4", "ListenPort", "SendPingInterval", "PeerAliveTime"]) {
      const line = lines.findIndex((text) => text.startsWith(`${key}:`)) + 1;
      assert.match(stderr, new RegExp(`:${line}\\b.*${key}`), key);
    }
  });

  await step("a port that another program has: exit code 1, and the address", async () => {
    const { process } = await startSuper(host, superNode);
    const otherUdpPort = good.replace(/^ListenPort: .*$/m, "ListenPort: 3999");
    for (const [text, port] of [[good, SUPER_PORT], [otherUdpPort, EDGE_API_PORT]] as const) {
      const { code, said } = await endOf(text);
      assert.equal(code, EXIT_FAILURE, said);
      assert.match(said, new RegExp(`\\b${port}\\b.*EADDRINUSE`));
    }
    assert.equal(process.hasEnded, false);
  });
});

labTest("a super node tells edges that it doesn't want why, and serves the others", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open", "open"]);
  site.superNode.wireVersion = SUPER_VERSION;
  for (const settings of site.plan.values()) settings.wireVersion = EDGE_VERSION;
  const misfit = site.plan.get(3)!;
  const host = site.hosts.get(3)!;
  const [superNode, edges] = await startSuperSite({
    ...site,
    plan: new Map([...site.plan].filter(([nodeId]) => nodeId !== 3)),
  });

  await step("another NodeID than the super node has for its key: exit code 1", async () => {
    const edge = await launchEdge(host, { ...misfit, nodeId: 2 });
    assert.equal(await exitCodeOf(edge), EXIT_FAILURE, edge.process.tail());
    assert.match(reasonOf(edge), /refuses NodeID 2\b.*node 3\b/);
  });

  await step("another release: exit code 38", async () => {
    const edge = await launchEdge(host, { ...misfit, wireVersion: undefined });
    assert.equal(await exitCodeOf(edge), EXIT_VERSION_REFUSED, edge.process.tail());
    assert.match(reasonOf(edge), new RegExp(`refuses version "v0.3.5-.*${SUPER_VERSION}.*WireVersion`));
  });

  await step("the NodeID of another with a key that nobody knows: no answer", async () => {
    const stranger = await startEdge(host, { ...misfit, nodeId: 2, keys: generateKeys() });
    await waitForEvent(superNode, ({ event }) => /initiation refused: .*no peer/.test(event), END_TIMEOUT_MS);
    assert.deepEqual(eventsOf(stranger).filter(({ event }) => event === "session established"), []);
    assert.equal((await stranger.process.stop("SIGTERM")).code, 0);
  });

  await step("the others reach each other all the same", () => waitForMesh(edges, MESH_TIMEOUT_MS));

  await step("and the one that was refused joins as what it is", async () => {
    await waitForMesh([...edges, await startEdge(host, misfit)], MESH_TIMEOUT_MS);
  });
});

async function exitCodeOf({ process }: RunningEdge): Promise<number> {
  await eventually("the end of the edge", () => process.hasEnded, END_TIMEOUT_MS);
  return (await process.status).code;
}

/** Why an edge says to have ended. */
function reasonOf(edge: RunningEdge): string {
  const event = eventsOf(edge).findLast(({ reason, why }) => reason !== undefined || why !== undefined);
  return String(event?.reason ?? event?.why);
}
