/**
 * A link that takes its time, as a TUN device; runs inside a namespace.
 *
 *     slow_link.ts DEVICE DELAY    what is routed to DEVICE comes in there again after DELAY ms
 *
 * It prints `ready`. The kernel can delay packets by itself (`tc-netem(8)`), but not every kernel has that built in.
 *
 * @module
 */

import { parseIpAddress } from "../../../src/base/endpoint.ts";
import { createPacketList } from "../../../src/faketcp/packet_queue.ts";
import { openTun, TunQueue } from "../../../src/faketcp/tun.ts";
import { loadShim } from "../../../src/ffi/shim.ts";
import { VIRTIO_NET_HDR_LEN } from "../../../src/wire/virtio_net_hdr.ts";
import { pauseMs } from "./wait.ts";

const TURN_MS = 1;
const BUFFER_LEN = 1 << 20;

const [name, delayMs] = Deno.args;
const shim = loadShim();
const ipv4 = { host: parseIpAddress("192.168.199.1")!, stack: parseIpAddress("192.168.199.2")! };
const options = { name, queueCount: 1, mtu: 1500, queueLen: 2000, offload: false, ipv4, ipv6: undefined };
const queue = new TunQueue(openTun(options, shim).fds[0], false, shim);
const octets = new Uint8Array(BUFFER_LEN);
const packets = createPacketList();
const nothing = new Uint8Array(1);
const waiting: { readonly packet: Uint8Array<ArrayBuffer>; readonly dueMs: number }[] = [];

console.log("ready");
for (;;) {
  const nowMs = shim.nowMs();
  for (let count = queue.read(octets, packets); count > 0; count = queue.read(octets, packets)) {
    for (let index = 0; index < count; index++) {
      const [at, length] = packets.subarray(index * 2, index * 2 + 2);
      waiting.push({ packet: octets.slice(at - VIRTIO_NET_HDR_LEN, at + length), dueMs: nowMs + Number(delayMs) });
    }
  }
  while (waiting.length > 0 && waiting[0].dueMs <= nowMs) {
    const { packet } = waiting.shift()!;
    queue.write(packet, packet.length, nothing, 0, 0);
  }
  await pauseMs(TURN_MS);
}
