/**
 * The demonstration: three edges in a chain, tried from one end to the other.
 *
 * @module
 */

import { type RunningEdge, startEdge, waitForTunnel } from "../../tests/netns/harness/edge.ts";
import { copyFile } from "../../tests/netns/harness/file_copy.ts";
import { measureTcp } from "../../tests/netns/harness/iperf.ts";
import { Lab } from "../../tests/netns/harness/lab.ts";
import { ping } from "../../tests/netns/harness/ping.ts";
import { checkoutProgram } from "../../tests/netns/harness/program.ts";
import { buildChain } from "../../tests/netns/harness/topologies.ts";
import type { Narrator } from "./narrator.ts";

const FILE_MB = 50;
const MEASURE_SECONDS = 3;

const PICTURE = `\
 host 1 ──────────── host 2 ──────────── host 3      cables; host 1 and host 3 have none in common
10.9.1.1       10.9.1.2 10.9.2.1       10.9.2.2

10.77.0.1 ═════════ 10.77.0.2 ═════════ 10.77.0.3    one Ethernet, which etherguard makes of it`;

/** Tells the story from beginning to end and removes all it made, also after a failure. */
export async function tellStory(narrator: Narrator): Promise<void> {
  narrator.chapter("Three hosts");
  await using lab = await Lab.create();
  const site = await buildChain(lab, 3);
  narrator.say(
    `etherguard joins hosts into one Ethernet, as if they were plugged into one switch, and encrypts what passes between ` +
      `them. Three network namespaces stand for hosts (${lab.privilegeDescription}):`,
  );
  narrator.show("\n" + PICTURE + "\n");

  const edges: RunningEdge[] = [];
  const program = checkoutProgram();
  const hasStarted = await narrator.promise("An edge starts on every host", async () => {
    const starts = [...site.plan].map(([nodeId, settings]) =>
      startEdge(site.hosts.get(nodeId)!, settings, { program })
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

  narrator.chapter("A file");
  await narrator.promise(`${FILE_MB} MB of random octets arrive unchanged by TCP from host 1 at host 3`, async () => {
    const copy = await copyFile(one.host, three.host, three.address, FILE_MB * 1e6);
    if (copy.sentSha256 !== copy.receivedSha256) {
      throw new Error(`SHA-256 ${copy.sentSha256} was sent, ${copy.receivedSha256} was received`);
    }
    return `SHA-256 ${copy.receivedSha256.slice(0, 16)}… at both ends, ${copy.seconds.toFixed(1)} s`;
  });

  narrator.chapter("How fast");
  narrator.say(
    `One TCP stream for ${MEASURE_SECONDS} seconds each. All programs of all hosts share the ${navigator.hardwareConcurrency} ` +
      `processors of this machine, so real hosts are faster.`,
  );
  await narrator.promise("TCP flows between neighbours and over the relay", async () => {
    const bare = await speed(one, two, "10.9.1.2");
    const direct = await speed(one, two, two.address);
    const relayed = await speed(one, three, three.address);
    narrator.show(`\nbare cable   host 1 → host 2            ${bare}`);
    narrator.show(`etherguard   host 1 → host 2            ${direct}`);
    narrator.show(`etherguard   host 1 → host 2 → host 3   ${relayed}\n`);
    return `${direct} and ${relayed}, where the bare cable does ${bare}`;
  });

  narrator.chapter("The end");
  await narrator.promise("The edges stop when told, and take their interfaces with them", async () => {
    for (const edge of edges) {
      const status = await edge.process.stop("SIGTERM");
      if (status.code !== 0) throw new Error(`node ${edge.settings.nodeId} ended with code ${status.code}`);
      if (await edge.host.hasInterface("tap0")) throw new Error(`node ${edge.settings.nodeId} left tap0 behind`);
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

async function speed(from: RunningEdge, to: RunningEdge, address: string): Promise<string> {
  const result = await measureTcp(from.host, to.host, address, { seconds: MEASURE_SECONDS });
  if (result.bytes === 0) throw new Error("nothing arrived");
  return `${(result.bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
}
