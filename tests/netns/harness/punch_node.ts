/**
 * FakeTCP on a TUN device and nothing above it; runs inside a namespace.
 *
 *     punch_node.ts INTERFACE FOLDER    INTERFACE leads to the world, FOLDER is for what is to be undone
 *
 * It reads commands, one a line:
 *
 * | command | does |
 * | --- | --- |
 * | `rendezvous ADDRESS:PORT` | dials from the rendezvous port |
 * | `punch ADDRESS:PORT` | dials from there while the other side does |
 * | `send COUNT` | sends as many datagrams on the connection that was opened last |
 *
 * and prints `ready`, `opened ADDRESS:PORT`, `closed WHY` and, with the total, `received COUNT`.
 *
 * @module
 */

import { DialWay } from "../../../src/base/dial_way.ts";
import { formatEndpoint, parseEndpoint, parseIpAddress } from "../../../src/base/endpoint.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { createDatagramBurst } from "../../../src/conn/bind.ts";
import { FakeTcpBind } from "../../../src/conn/faketcp_bind.ts";
import { attachConnectionTable } from "../../../src/faketcp/connection_table.ts";
import { DIAL_PORTS } from "../../../src/faketcp/constants.ts";
import { createLocalHost } from "../../../src/faketcp/packet.ts";
import { TunQueue } from "../../../src/faketcp/tun.ts";
import { loadShim } from "../../../src/ffi/shim.ts";
import { RECEIVED_WORDS } from "../../../src/ffi/symbols.ts";
import { HostRules } from "../../../src/host/host_rules.ts";
import { type ConnectionOwner, FakeTcpNode } from "../../../src/node/fake_tcp.ts";
import { pauseMs } from "./wait.ts";

const LISTEN_PORT = 8443;
const TUN_NAME = "egtcp0";
const STACK = parseIpAddress("192.168.200.2")!;
const DATAGRAM_LEN = 1200;
const TURN_MS = 1;
const WAYS: Record<string, number> = { rendezvous: DialWay.RENDEZVOUS, punch: DialWay.PUNCH };

const [world, folder] = Deno.args;
const shim = loadShim();
const node = new FakeTcpNode({
  config: {
    isEnabled: true,
    tunName: TUN_NAME,
    ipv4: { host: { address: parseIpAddress("192.168.200.1")!, prefixLength: 24 }, stack: STACK },
    ipv6: undefined,
    tunMtu: 1500,
    listenPort: LISTEN_PORT,
    moreListenPorts: [],
    firstPayload: new Uint8Array(),
    isn: "random",
    managesRules: true,
  },
  listenPorts: [LISTEN_PORT],
  laneCount: 1,
  peerCount: 1,
  random: systemRandom,
}, shim);
await HostRules.apply({
  tunName: TUN_NAME,
  stackV4: STACK,
  listenPorts: [LISTEN_PORT],
  dialPorts: DIAL_PORTS,
  usedInterfaces: [world],
}, { folder });

const { connections, queueFd, offload, ttl, cookies } = node.laneOptions(0, true);
const lane = new FakeTcpBind({
  table: attachConnectionTable(connections),
  local: createLocalHost(STACK, undefined, ttl),
  queue: new TunQueue(queueFd, offload, shim),
  sink: {
    takeSegment(octets, at, length) {
      node.handlePacket(octets.slice(at, at + length), shim.nowMs());
      return true;
    },
    drop() {},
  },
  cookies,
  verifiesChecksums: true,
});
const burst = createDatagramBurst();
let endpoint: Uint32Array | undefined;
let received = 0;

const owner: ConnectionOwner = {
  handleConnectionOpened(connection) {
    endpoint = connection.endpoint;
    console.log(`opened ${formatEndpoint(endpoint, 0)}`);
  },
  handleConnectionClosed: (_row, _generation, why) => console.log(`closed ${why}`),
  handleConnectionDoubted() {},
  handleConnectionLimit() {},
};

function obey(command: string, argument: string): void {
  if (command in WAYS) node.dial(parseEndpoint(argument)!, shim.nowMs(), WAYS[command]);
  if (command !== "send" || endpoint === undefined) return;
  const datagram = new Uint8Array(DATAGRAM_LEN);
  for (let count = 0; count < Number(argument); count++) {
    lane.sendRuns(datagram, Uint32Array.of(0, DATAGRAM_LEN, 0, 0, 0), 1, endpoint);
  }
}

/** One turn of lane and control thread. */
function turn(nowMs: number): void {
  lane.service(nowMs);
  for (let count = lane.receiveBurst(burst); count >= 0; count = lane.receiveBurst(burst)) {
    for (let message = 0; message < count; message++) {
      const [length, datagramLen] = burst.received.subarray(message * RECEIVED_WORDS, message * RECEIVED_WORDS + 2);
      received += Math.ceil(length / datagramLen);
    }
    if (count > 0) console.log(`received ${received}`);
  }
  node.handleTimeout(nowMs);
  while (node.drain(owner, nowMs));
}

async function readCommands(): Promise<void> {
  let rest = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) obey(...line.split(" ") as [string, string]);
  }
}

console.log("ready");
readCommands();
for (;;) {
  turn(shim.nowMs());
  await pauseMs(TURN_MS);
}
