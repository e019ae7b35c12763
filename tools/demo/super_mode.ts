/**
 * The second part of the demonstration: nodes that know nobody but a super node, two of them behind NATs.
 *
 * @module
 */

import { monotonicMs } from "../../src/base/clock.ts";
import type { RunningEdge } from "../../tests/netns/harness/edge.ts";
import { speakFakeTcp } from "../../tests/netns/harness/edge_config.ts";
import { Lab } from "../../tests/netns/harness/lab.ts";
import { ping } from "../../tests/netns/harness/ping.ts";
import { PingWatch } from "../../tests/netns/harness/ping_watch.ts";
import { checkoutProgram } from "../../tests/netns/harness/program.ts";
import { type RunningSuper, startSuper, startSuperAgain } from "../../tests/netns/harness/super_node.ts";
import { buildSuperSite, type SuperSite, waitForMesh } from "../../tests/netns/harness/super_site.ts";
import { startNodes } from "../../tests/netns/harness/topologies.ts";
import type { Narrator } from "./narrator.ts";

const MESH_LIMIT_MS = 5_000;
const PING_INTERVAL_S = 0.01;
/** Answers to wait for while the super node is dead, and after it is back. */
const PINGS_BETWEEN = 200;
const PING_TIMEOUT_MS = 10_000;

const PICTURE = `\
 home 1 ── NAT ──┐                   ┌── NAT ── home 2
                 ├──── Internet ─────┤
     super node ─┘                   └── server 3`;

/** Tells the part, and removes all it made. */
export async function tellOfSuperMode(narrator: Narrator): Promise<void> {
  narrator.chapter("A super node");
  await using lab = await Lab.create();
  const site = await buildSuperSite(lab, ["nat", "nat", "open"]);
  speakFakeTcp(site.plan);
  narrator.say(
    `Another network. No file names an address but that of the super node; homes 1 and 2 have private addresses behind NATs ` +
      `that let nobody in.`,
  );
  narrator.show("\n" + PICTURE + "\n");
  const command = [checkoutProgram()];
  let superNode: RunningSuper | undefined;
  const edges: RunningEdge[] = [];
  const hasStarted = await narrator.promise("Within five seconds all nodes reach each other", async () => {
    superNode = await startSuper(site.superHost, site.superNode, { command });
    edges.push(...await startNodes(site, { command }));
    const startedMs = monotonicMs();
    await waitForMesh(edges, MESH_LIMIT_MS);
    return `after ${((monotonicMs() - startedMs) / 1000).toFixed(1)} s`;
  });
  if (!hasStarted || superNode === undefined) return;
  const [one, two] = edges;
  await narrator.promise("The two homes reach each other directly: both NATs were opened from inside", () => {
    return countDirect(site, one, two);
  });
  await narrator.promise("The super node is killed and comes back, and nobody notices", async () => {
    await using pings = await PingWatch.start(one.host, two.address, PING_INTERVAL_S);
    await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);
    await superNode!.process.stop("SIGKILL");
    await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);
    superNode = await startSuperAgain(site.superHost, superNode!.file, { command });
    await pings.progress(PINGS_BETWEEN, PING_TIMEOUT_MS);
    const { answered, lost } = pings.report();
    if (lost > 0) throw new Error(`${lost} of ${answered + lost} pings lost`);
    return `0 of ${answered} pings lost`;
  });
}

async function countDirect(site: SuperSite, one: RunningEdge, two: RunningEdge): Promise<string> {
  const read = await site.internet.countPackets(one.settings.nodeId, two.settings.nodeId);
  const { received, averageMs } = await ping(one.host, two.address, { count: 50 });
  const { packets } = await read();
  if (received < 50 || packets < 50) throw new Error(`${received} answers, ${packets} packets between the NATs`);
  return `50 answers, ${averageMs.toFixed(2)} ms on average, ${packets} packets from NAT to NAT`;
}
