/**
 * The demonstration: three edges in a chain, tried from one end to the other, what they do when UDP dies, and nodes that find
 * each other by a super node.
 *
 * @module
 */

import { type RunningEdge, startEdge, waitForTunnel } from "../../tests/netns/harness/edge.ts";
import { speakFakeTcp } from "../../tests/netns/harness/edge_config.ts";
import { measureTcp } from "../../tests/netns/harness/iperf.ts";
import { Lab } from "../../tests/netns/harness/lab.ts";
import { waitForFakeTcp, waitForSwitch } from "../../tests/netns/harness/path_events.ts";
import { ping } from "../../tests/netns/harness/ping.ts";
import { checkoutProgram } from "../../tests/netns/harness/program.ts";
import { buildChain } from "../../tests/netns/harness/topologies.ts";
import { wallClockMs } from "../../src/base/clock.ts";
import type { Narrator } from "./narrator.ts";
import { tellOfSuperMode } from "./super_mode.ts";
import { cutUdp, tellHowUdpDies } from "./udp_dies.ts";

const MEASURE_SECONDS = 2;
const SWITCH_TIMEOUT_MS = 15_000;

const PICTURE = `\
 host 1 ──────────── host 2 ──────────── host 3      cables; host 1 and host 3 have none in common
10.9.1.1       10.9.1.2 10.9.2.1       10.9.2.2

10.77.0.1 ═════════ 10.77.0.2 ═════════ 10.77.0.3    one Ethernet, which etherguard makes of it`;

/** Tells the story from beginning to end and removes all it made, also after a failure. */
export async function tellStory(narrator: Narrator): Promise<void> {
  await tellOfUdp(narrator);
  await tellOfSuperMode(narrator);
}

async function tellOfUdp(narrator: Narrator): Promise<void> {
  narrator.chapter("Three hosts");
  await using lab = await Lab.create();
  const site = await buildChain(lab, 3);
  speakFakeTcp(site.plan);
  narrator.say(
    `etherguard joins hosts into one Ethernet, as if they were plugged into one switch, and encrypts what passes between ` +
      `them. Three network namespaces stand for hosts (${lab.privilegeDescription}):`,
  );
  narrator.show("\n" + PICTURE + "\n");

  const edges: RunningEdge[] = [];
  const command = [checkoutProgram()];
  const hasStarted = await narrator.promise("An edge starts on every host", async () => {
    const starts = [...site.plan].map(([nodeId, settings]) =>
      startEdge(site.hosts.get(nodeId)!, settings, { command })
    );
    edges.push(...await Promise.all(starts));
    return "three interfaces named tap0 are up";
  });
  if (!hasStarted) return;
  const [one, two, three] = edges;

  narrator.chapter("Who reaches whom");
  await narrator.promise("Without etherguard, host 1 can't reach host 3", async () => {
    const result = await ping(one.host, "10.9.2.2", { count: 1 });
    if (result.received > 0) throw new Error("an answer came from 10.9.2.2");
    return "no answer from 10.9.2.2";
  });
  await narrator.promise("Neighbours shake hands and reach each other", () => reach(one, two));
  await narrator.promise("Host 3 is reached through host 2", () => reach(one, three));

  await narrator.promise(
    "Neighbours also open a connection that looks like TCP, to have it when UDP fails",
    async () => {
      await waitForFakeTcp(one, two, three);
      return "FakeTCP stands by between host 1 and host 2, and between host 2 and host 3";
    },
  );

  narrator.chapter("UDP dies");
  await tellHowUdpDies(narrator, one, two, three, "prev");

  narrator.chapter("How fast");
  narrator.say(
    `One TCP stream for ${MEASURE_SECONDS} seconds each. All programs of all hosts share the ${navigator.hardwareConcurrency} ` +
      `processors of this machine, so real hosts are faster.`,
  );
  await narrator.promise("TCP flows between neighbours, over the relay, and without UDP", async () => {
    const bare = await speed(one, two, "10.9.1.2");
    const direct = await speed(one, two, two.address);
    const relayed = await speed(one, three, three.address);
    const disguised = await speedWithoutUdp(one, two);
    narrator.show(`\nbare cable            host 1 → host 2            ${bare}`);
    narrator.show(`etherguard, UDP       host 1 → host 2            ${direct}`);
    narrator.show(`etherguard, UDP       host 1 → host 2 → host 3   ${relayed}`);
    narrator.show(`etherguard, FakeTCP   host 1 → host 2            ${disguised}\n`);
    return `${direct} and ${relayed}, over FakeTCP ${disguised}, where the bare cable does ${bare}`;
  });

  await narrator.promise("The edges stop when told, and take their interfaces with them", async () => {
    for (const edge of edges) {
      const status = await edge.process.stop("SIGTERM");
      if (status.code !== 0) throw new Error(`node ${edge.settings.nodeId} ended with code ${status.code}`);
      const left = (await edge.host.interfaces()).filter((name) => name.startsWith("tap") || name.includes("tcp"));
      if (left.length > 0) throw new Error(`node ${edge.settings.nodeId} left ${left.join(" and ")} behind`);
    }
    return "exit code 0, no interface left";
  });
}

async function reach(from: RunningEdge, to: RunningEdge): Promise<string> {
  await waitForTunnel(from, to);
  const result = await ping(from.host, to.address, { count: 10, intervalS: 0.05 });
  if (result.received < result.sent) throw new Error(`${result.received} answers to ${result.sent} requests`);
  return `10 answers from ${to.address}, ${result.averageMs.toFixed(2)} ms on average`;
}

/** Takes UDP away between two neighbours first, and doesn't give it back. */
async function speedWithoutUdp(one: RunningEdge, two: RunningEdge): Promise<string> {
  const cutMs = wallClockMs();
  await cutUdp(one, two);
  // Silence is only noticed by who sends.
  const [result] = await Promise.all([
    speed(one, two, two.address),
    ...[one, two].map((edge) => waitForSwitch(edge, "faketcp", SWITCH_TIMEOUT_MS, cutMs)),
  ]);
  return result;
}

async function speed(from: RunningEdge, to: RunningEdge, address: string): Promise<string> {
  const result = await measureTcp(from.host, to.host, address, { seconds: MEASURE_SECONDS });
  if (result.bytes === 0) throw new Error("nothing arrived");
  return `${(result.bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
}
