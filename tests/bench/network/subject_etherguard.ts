/**
 * etherguard itself, two edges in static mode.
 *
 * @module
 */

import { startEdge, waitForTunnel } from "../../netns/harness/edge.ts";
import { planEdges } from "../../netns/harness/edge_config.ts";
import type { BenchCable, RunningSubject, Subject } from "./subject.ts";

const NAME = "etherguard-udp";

/** Frames over encrypted UDP. */
export const etherguardUdpSubject: Subject = { name: NAME, start };

async function start(cable: BenchCable): Promise<RunningSubject> {
  const plan = planEdges([{ a: 1, b: 2, addressOfA: cable.clientAddress, addressOfB: cable.serverAddress }]);
  // Ready is logged as information, all else that would be written during a measurement lies below.
  for (const settings of plan.values()) settings.logLevel = "info";
  const [client, server] = await Promise.all([
    startEdge(cable.client, plan.get(1)!),
    startEdge(cable.server, plan.get(2)!),
  ]);
  await waitForTunnel(client, server);
  return {
    name: NAME,
    serverAddress: server.address,
    programs: [client.process, server.process],
    async [Symbol.asyncDispose]() {
      await Promise.all([client.process.stop(), server.process.stop()]);
    },
  };
}
