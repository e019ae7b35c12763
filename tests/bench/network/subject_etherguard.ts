/**
 * etherguard itself, two edges in static mode: over UDP, and over FakeTCP.
 *
 * @module
 */

import { type RunningEdge, startEdge, waitForTunnel } from "../../netns/harness/edge.ts";
import { DEFAULT_MTU, type EdgeSettings, planEdges, speakFakeTcp } from "../../netns/harness/edge_config.ts";
import { waitForTransport } from "../../netns/harness/path_events.ts";
import type { BenchCable, RunningSubject, Subject } from "./subject.ts";

/** Frames over encrypted UDP. */
export const etherguardUdpSubject: Subject = {
  name: "etherguard-udp",
  start: (cable) => start("etherguard-udp", cable, () => {}),
};

/** Frames over encrypted datagrams dressed as TCP, by nodes that could speak UDP as well. */
export const etherguardFakeTcpSubject: Subject = {
  name: "etherguard-faketcp",
  start: (cable) => start("etherguard-faketcp", cable, preferFakeTcp, waitForFakeTcpPath),
};

const SWITCH_TIMEOUT_MS = 15_000;

async function start(
  name: string,
  cable: BenchCable,
  prepare: (plan: ReadonlyMap<number, EdgeSettings>) => void,
  waitUntilReady: (edges: readonly RunningEdge[]) => Promise<void> = () => Promise.resolve(),
): Promise<RunningSubject> {
  const plan = planEdges([{ a: 1, b: 2, addressOfA: cable.clientAddress, addressOfB: cable.serverAddress }]);
  // Ready is logged as information, all else that would be written during a measurement lies below.
  for (const settings of plan.values()) settings.logLevel = "info";
  prepare(plan);
  const [client, server] = await Promise.all([
    startEdge(cable.client, plan.get(1)!),
    startEdge(cable.server, plan.get(2)!),
  ]);
  await waitForTunnel(client, server);
  await waitUntilReady([client, server]);
  return {
    name,
    serverAddress: server.address,
    programs: [client.process, server.process],
    async [Symbol.asyncDispose]() {
      await Promise.all([client.process.stop(), server.process.stop()]);
    },
  };
}

function preferFakeTcp(plan: ReadonlyMap<number, EdgeSettings>): void {
  speakFakeTcp(plan, { order: ["faketcp4", "udp4"], holdTimeS: 0.1 });
  for (const settings of plan.values()) {
    // As over UDP: what FakeTCP can't carry of it is part of what it costs.
    settings.mtu = DEFAULT_MTU;
    // The first choice of a path is logged as a detail.
    settings.logLevel = "debug";
  }
}

async function waitForFakeTcpPath(edges: readonly RunningEdge[]): Promise<void> {
  await waitForTransport(edges, "faketcp", SWITCH_TIMEOUT_MS);
}
