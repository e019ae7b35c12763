import { strict as assert } from "node:assert";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { FakeTcpBind } from "../../src/conn/faketcp_bind.ts";
import { PACKET_HEADROOM, type PacketQueue } from "../../src/faketcp/packet_queue.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { allocatedPerCall } from "../dataplane/allocation.ts";
import { COOKIES, createSide, sendRun } from "./connection.ts";

/** Gives out the same packets at every read, and swallows what is written. */
class ReplayedQueue implements PacketQueue {
  readonly fd = -1;
  readonly offload = true;
  written = 0;
  readonly #packets: readonly Uint8Array[];

  constructor(packets: readonly Uint8Array[]) {
    this.#packets = packets;
  }

  read(octets: Uint8Array, packets: Uint32Array): number {
    let at = 0;
    for (let index = 0; index < this.#packets.length; index++) {
      const packet = this.#packets[index];
      octets.set(packet, at + PACKET_HEADROOM);
      packets[index * 2] = at + PACKET_HEADROOM + VIRTIO_NET_HDR_LEN;
      packets[index * 2 + 1] = packet.length - VIRTIO_NET_HDR_LEN;
      at = (at + PACKET_HEADROOM + packet.length + 47) & ~15;
    }
    return this.#packets.length;
  }

  write(): number {
    this.written++;
    return 0;
  }

  /** Right for every packet here: they are marked as verified. */
  sum(): number {
    return 0xffff;
  }

  waitForRoom(): void {}

  [Symbol.dispose](): void {}
}

/** Datagrams of a super-segment, and super-segments of a burst. */
const DATAGRAMS = 43;
const PACKETS = 24;

/** Returns how many bytes are allocated for each super-segment that is received and each that is sent. */
function measurePerPacket(iss: number, irs: number): number {
  const sender = createSide(0, 4, { iss: irs, irs: iss });
  const receiver = createSide(1, 4, { iss, irs });
  for (let run = 0; run < PACKETS; run++) sendRun(sender, DATAGRAMS * 1400, 1400);
  const packets = sender.queue.written;
  // One that is dropped for its checksum.
  packets.push(Uint8Array.from(packets[0], (octet, index) => index < VIRTIO_NET_HDR_LEN ? 0 : octet));
  const queue = new ReplayedQueue(packets);
  const { table, local, peer } = receiver;
  const sink = { takeSegment: () => true, drop: () => {} };
  const bind = new FakeTcpBind({ table, local, queue, sink, cookies: COOKIES, verifiesChecksums: true });
  const burst = createDatagramBurst();
  const octets = new Uint8Array(DATAGRAMS * 1000);
  const runs = Uint32Array.from(Array.from({ length: PACKETS }, () => [0, octets.length, 1000, 0, 0]).flat());
  // A number in a variable of its own would be an object once it is no small integer.
  const time = Float64Array.of(5000);
  let turns = 0;
  let messages = 0;
  const bytes = allocatedPerCall(() => {
    turns++;
    time[0] += 0.25;
    bind.service(time[0]);
    // The same data is new each time, so that acknowledgments fall due.
    table.rcvNxt[0] = table.ackSent[0] = irs + 1;
    table.sndUna[0] = table.sndNxt[0] = iss + 1;
    messages += bind.receiveBurst(burst);
    bind.sendRuns(octets, runs, PACKETS, peer);
  }, 2_000);
  assert.equal(messages, turns * PACKETS);
  assert.ok(queue.written >= turns * PACKETS);
  return bytes / PACKETS;
}

Deno.test("FakeTcpBind allocates nothing per datagram, sending and receiving", () => {
  assert.ok(measurePerPacket(2000, 1000) < DATAGRAMS);
});

Deno.test("FakeTcpBind allocates a few numbers for each super-segment whose sequence numbers are great", () => {
  // What `Atomics` take and return is an object of 12 bytes from 2^30 on.
  assert.ok(measurePerPacket(0xd0000000, 0xe0000000) < 16 * 12);
});
