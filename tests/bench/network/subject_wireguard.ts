/**
 * Debian's wireguard-go: the yardstick. It carries IP packets, not frames, which is a little less work.
 *
 * @module
 */

import { generateKeys } from "../../netns/harness/edge_config.ts";
import type { Host } from "../../netns/harness/host.ts";
import { waitForPing } from "../../netns/harness/ping.ts";
import type { RunningProcess } from "../../netns/harness/process.ts";
import { eventually } from "../../netns/harness/wait.ts";
import type { BenchCable, RunningSubject, Subject } from "./subject.ts";

const PORT = 51820;
const NETWORK = "10.78.0.0/24";
const START_TIMEOUT_MS = 5_000;

/** wireguard-go on both hosts, with its own default MTU. */
export const wireguardSubject: Subject = { name: "wireguard-go", start };

async function start(cable: BenchCable): Promise<RunningSubject> {
  const keys = { client: generateKeys(), server: generateKeys() };
  // Both control sockets lie in one folder under the name of the interface, so the names must differ.
  const client = await startNode(cable.client, `wgc${Deno.pid % 100000}`, "10.78.0.1", {
    privateKey: keys.client.privateKey,
    peerKey: keys.server.publicKey,
    endpoint: `${cable.serverAddress}:${PORT}`,
  });
  const server = await startNode(cable.server, `wgs${Deno.pid % 100000}`, "10.78.0.2", {
    privateKey: keys.server.privateKey,
    peerKey: keys.client.publicKey,
    endpoint: `${cable.clientAddress}:${PORT}`,
  });
  await waitForPing(cable.client, "10.78.0.2", START_TIMEOUT_MS);
  return {
    name: "wireguard-go",
    serverAddress: "10.78.0.2",
    programs: [client, server],
    async [Symbol.asyncDispose]() {
      // SIGTERM, so that it removes its control socket.
      await Promise.all([client.stop(), server.stop()]);
    },
  };
}

interface NodeSettings {
  privateKey: string;
  peerKey: string;
  endpoint: string;
}

async function startNode(host: Host, device: string, address: string, settings: NodeSettings): Promise<RunningProcess> {
  const process = host.spawn(["wireguard-go", "--foreground", device], {
    // It warns that the kernel's own implementation is to be preferred; this says that we know.
    env: { WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: "1", LOG_LEVEL: "error" },
  });
  const file = `${host.folder}/${device}.conf`;
  await Deno.writeTextFile(
    file,
    `[Interface]\nPrivateKey = ${settings.privateKey}\nListenPort = ${PORT}\n` +
      `[Peer]\nPublicKey = ${settings.peerKey}\nEndpoint = ${settings.endpoint}\nAllowedIPs = ${NETWORK}\n`,
  );
  await eventually(
    `the control socket of wireguard-go\n${process.tail()}`,
    async () => (await host.run(["wg", "setconf", device, file], { allowFailure: true })).code === 0,
    START_TIMEOUT_MS,
  );
  await host.addAddress(device, `${address}/24`);
  await host.ip(`link set ${device} up`);
  return process;
}
