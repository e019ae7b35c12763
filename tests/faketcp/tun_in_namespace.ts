/**
 * Tests of the TUN device, and of FakeTCP over it; they change interfaces, so `tun_test.ts` runs them in namespaces.
 *
 * ```text
 *   this namespace                                    namespace "far"
 *   stack .2 ── egnear ── router, masquerade ── va ═══ vb ── router, dnat ── egfar ── stack .2
 *         192.168.200.0                       10.77.0.1   10.77.0.2        192.168.201.0
 *         fd00:200::                         fd00:77::1   fd00:77::2       fd00:201::
 * ```
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, parseEndpoint, parseIpAddress, sameRemote } from "../../src/base/endpoint.ts";
import { SystemError } from "../../src/base/errors.ts";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { FakeTcpBind } from "../../src/conn/faketcp_bind.ts";
import { openUdpSockets, UdpBind } from "../../src/conn/udp_bind.ts";
import { type ConnectionTable, createConnectionTable } from "../../src/faketcp/connection_table.ts";
import {
  completeChecksum,
  createLocalHost,
  type LocalHost,
  SEGMENT_HEADER_MAX,
  SynOption,
  writeSyn,
} from "../../src/faketcp/packet.ts";
import { openTun, type Tun, type TunOptions, TunQueue } from "../../src/faketcp/tun.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { loadShim } from "../../src/ffi/shim.ts";
import { ERROR_WORDS, ErrorOrigin, RECEIVED_AT, RECEIVED_ENDPOINT, RECEIVED_WORDS } from "../../src/ffi/symbols.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { COOKIES, countingRandom, endpointOfRow, enterConnection, RecordingSink } from "./connection.ts";

const shim = loadShim();
const DELIVERY_MS = 5_000;
const RETRANSMIT_MS = 300;
const burst = createDatagramBurst();
const { SYN, ACK } = TcpFlag;

/** Runs a program, which must succeed, and returns what it prints. */
function run(command: string): string {
  const [program, ...args] = command.split(" ");
  const { success, stdout, stderr } = new Deno.Command(program, { args }).outputSync();
  assert.ok(success, `${command}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The same in the other namespace. */
function runFar(command: string): string {
  return run(`ip netns exec far ${command}`);
}

function address(text: string): Uint8Array {
  return parseIpAddress(text)!;
}

const OPTIONS: TunOptions = {
  name: "egnear",
  queueCount: 1,
  mtu: 1500,
  queueLen: 2000,
  offload: true,
  ipv4: { host: address("192.168.200.1"), stack: address("192.168.200.2") },
  ipv6: { host: address("fd00:200::1"), stack: address("fd00:200::2") },
};

run("mount -t tmpfs none /run");
run("ip link set lo up");

/** Opens a device for the time of a test. */
function open(change: Partial<TunOptions> = {}): Tun & Disposable {
  const tun = openTun({ ...OPTIONS, ...change }, shim);
  return { ...tun, [Symbol.dispose]: () => tun.fds.forEach((fd) => shim.symbols.eg_close(fd)) };
}

/** Expects a refusal, and returns it. */
function refusalOf(change: Partial<TunOptions>): SystemError {
  try {
    open(change)[Symbol.dispose]();
  } catch (error) {
    assert.ok(error instanceof SystemError);
    return error;
  }
  throw new Error("openTun() refused nothing");
}

Deno.test("openTun() makes a point-to-point device with one route of each family", () => {
  {
    using tun = open({ mtu: 1400, queueCount: 3 });
    assert.deepEqual([tun.name, tun.fds.length, tun.offload, tun.ipv6Refusal], ["egnear", 3, true, undefined]);
    const [link] = JSON.parse(run("ip -json link show dev egnear"));
    assert.equal(link.mtu, 1400);
    // The root of a user namespace may not change the length of the queue.
    assert.ok(link.txqlen === 2000 || link.txqlen === 500);
    assert.ok(link.flags.includes("UP"));
    assert.match(run("ip -4 route show dev egnear"), /^192\.168\.200\.2 \S.* src 192\.168\.200\.1 *\n$/);
    assert.match(run("ip -6 route show dev egnear"), /fd00:200::2 proto kernel/);
    assert.match(run("ip -6 address show dev egnear"), /fd00:200::1 peer fd00:200::2\/128/);
  }
  assert.ok(!run("ip -brief link").includes("egnear"));
});

Deno.test("openTun() makes a device whose routes come back when somebody sets it down and up", () => {
  using _tun = open();
  run("ip link set egnear down");
  run("ip link set egnear up");
  assert.match(run("ip -4 route show dev egnear"), /^192\.168\.200\.2 /);
  assert.match(run("ip -6 route show dev egnear"), /fd00:200::2 proto kernel/);
});

Deno.test("openTun() refuses a name that is taken, whatever takes it", () => {
  using _tun = open();
  const other = { ipv4: { host: address("192.168.209.1"), stack: address("192.168.209.2") }, ipv6: undefined };
  const refusal = refusalOf(other);
  assert.deepEqual([refusal.operation, refusal.object, refusal.code], ["open TUN device", "egnear", "EBUSY"]);
  assert.match(refusal.remedy, /FakeTCP\.TunName/);
  assert.equal(refusalOf({ ...other, name: "a234567890123456" }).code, "ENAMETOOLONG");
});

Deno.test("openTun() refuses addresses in use, and names the interface that has them", () => {
  using _tun = open();
  for (const [host, stack] of [["192.168.200.1", "192.168.209.2"], ["192.168.209.1", "192.168.200.1"]]) {
    const refusal = refusalOf({
      name: "egmore",
      ipv4: { host: address(host), stack: address(stack) },
      ipv6: undefined,
    });
    assert.equal(refusal.code, "EADDRINUSE");
    assert.equal(refusal.object, "egmore (address 192.168.200.1, in use on egnear)");
  }
});

Deno.test("openTun() names what the kernel refuses, and leaves nothing behind", () => {
  const refusal = refusalOf({ mtu: 10 });
  assert.deepEqual([refusal.operation, refusal.object], ["set up TUN device", "egnear (MTU 10)"]);
  assert.ok(!run("ip -brief link").includes("egnear"));
});

Deno.test("openTun() goes on without IPv6 where the kernel has it switched off, and says why", () => {
  run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
  try {
    using tun = open();
    assert.match(tun.ipv6Refusal!.remedy, /IPv6 is off in the kernel/);
    assert.match(refusalOf({ name: "egsix", ipv4: undefined }).remedy, /IPv6 is off in the kernel/);
  } finally {
    run("sysctl -qw net.ipv6.conf.default.disable_ipv6=0");
  }
});

Deno.test("TunQueue.write() tells that its device is down, and TunQueue.read() that it is gone", () => {
  using tun = open({ ipv6: undefined });
  const queue = new TunQueue(tun.fds[0], true, shim);
  const packet = new Uint8Array(50);
  packet[10] = 0x45;
  assert.equal(queue.write(packet, 50, packet, 0, 0), 0);
  run("ip link set egnear down");
  assert.equal(queue.write(packet, 50, packet, 0, 0), Errno.ENETDOWN);
  run("ip link delete egnear");
  assert.equal(queue.read(burst.octets as Uint8Array<ArrayBuffer>, new Uint32Array(64)), -Errno.EBADFD);
});

/** One node: a table with one connection, and a lane. */
interface Node {
  readonly table: ConnectionTable;
  readonly local: LocalHost;
  readonly bind: FakeTcpBind;
  readonly sink: RecordingSink;
}

function createNode(fd: number, offload: boolean, v4: string, v6: string): Node {
  const table = createConnectionTable(4, countingRandom());
  const local = createLocalHost(address(v4), address(v6), 64);
  const sink = new RecordingSink();
  return {
    table,
    local,
    sink,
    bind: new FakeTcpBind({
      table,
      local,
      queue: new TunQueue(fd, offload, shim),
      sink,
      cookies: COOKIES,
      verifiesChecksums: true,
    }),
  };
}

const RULES = (side: string) => `
table inet eg {
  chain forward {
    type filter hook forward priority 0
    ct state invalid counter drop
  }
  chain nat {
    ${
  side === "near"
    ? `type nat hook postrouting priority 100
    oifname "va" ip saddr 192.168.200.2 masquerade
    oifname "va" ip6 saddr fd00:200::2 masquerade`
    : `type nat hook prerouting priority -100
    iifname "vb" meta nfproto ipv4 tcp dport 3000 dnat ip to 192.168.201.2
    iifname "vb" meta nfproto ipv6 tcp dport 3000 dnat ip6 to fd00:201::2`
}
  }
}`;

/** Builds the two hosts of the picture above, with offloads of the link between them as told. */
function createHosts(offloads: string): { near: Node; far: Node } & Disposable {
  run("ip netns add far");
  run("ip link add va type veth peer name vb netns far");
  const tuns = [
    openTun(OPTIONS, shim),
    openTun({
      ...OPTIONS,
      name: "egfar",
      ipv4: { host: address("192.168.201.1"), stack: address("192.168.201.2") },
      ipv6: undefined,
    }, shim),
  ];
  run("ip link set egfar netns far");
  const sides: [string, typeof run, string, string, string][] = [
    ["near", run, "va", "10.77.0.1", "fd00:77::1"],
    ["far", runFar, "vb", "10.77.0.2", "fd00:77::2"],
  ];
  for (const [side, runThere, link, v4, v6] of sides) {
    runThere(`ip address add ${v4}/24 dev ${link}`);
    runThere(`ip address add ${v6}/64 dev ${link} nodad`);
    runThere(`ip link set ${link} up`);
    if (offloads !== "") runThere(`ethtool -K ${link} ${offloads}`);
    runThere("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    const file = Deno.makeTempFileSync();
    Deno.writeTextFileSync(file, RULES(side));
    runThere(`nft -f ${file}`);
    Deno.removeSync(file);
  }
  // The kernel adds the IPv6 route to the other end only if the device is up by then.
  runFar("ip link set egfar up");
  runFar("ip address add 192.168.201.1 peer 192.168.201.2 dev egfar");
  runFar("ip address add fd00:201::1 peer fd00:201::2 dev egfar nodad");
  const near = createNode(tuns[0].fds[0], tuns[0].offload, "192.168.200.2", "fd00:200::2");
  const far = createNode(tuns[1].fds[0], tuns[1].offload, "192.168.201.2", "fd00:201::2");
  return {
    near,
    far,
    [Symbol.dispose]() {
      near.bind[Symbol.dispose]();
      far.bind[Symbol.dispose]();
      run("ip link delete va");
      run("nft delete table inet eg");
      run("ip netns delete far");
    },
  };
}

/** Receives until `isDone`, or fails after a while. */
function receiveUntil(node: Node, isDone: () => boolean, onMessage: (word: number) => void): void {
  const endMs = shim.nowMs() + DELIVERY_MS;
  while (!isDone()) {
    assert.ok(shim.nowMs() < endMs, `nothing came; dropped: ${JSON.stringify(node.sink.takeDropped())}`);
    shim.symbols.eg_poll(Int32Array.of(node.bind.fd), new Uint32Array(1), 1, 100, new Float64Array(1));
    node.bind.service(shim.nowMs());
    const count = node.bind.receiveBurst(burst);
    for (let message = 0; message < count; message++) onMessage(message * RECEIVED_WORDS);
  }
}

/** Sends a SYN or SYN-ACK of row 0, and waits until the other side's control thread would see it. */
function sendSyn(from: Node, to: Node, flags: number, ack: number): void {
  const octets = new Uint8Array(SEGMENT_HEADER_MAX);
  const view = new DataView(octets.buffer);
  const options = SynOption.MSS | SynOption.SACK_PERMITTED | SynOption.TIMESTAMPS | SynOption.WINDOW_SCALE;
  const { remote, iss } = from.table;
  const length = writeSyn(view, 0, remote, 0, from.local, 0, flags, iss[0], ack, 64240, options, 1460, 7, 1, 0);
  completeChecksum(view, 0, length);
  // IPv6 needs a moment until the link's own addresses are settled: a packet before that is lost.
  let sentMs = -Infinity;
  receiveUntil(to, () => {
    if (shim.nowMs() - sentMs > RETRANSMIT_MS) {
      assert.equal(from.bind.writePacket(octets, 0, length), 0);
      sentMs = shim.nowMs();
    }
    return to.sink.taken.length > 0;
  }, () => {});
  to.sink.taken.length = 0;
}

/** Connects both nodes in the given family; returns the endpoints that each sends to. */
function connect(near: Node, far: Node, family: 4 | 6): [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>] {
  const target = parseEndpoint(family === 4 ? "10.77.0.2:3000" : "[fd00:77::2]:3000")!;
  const source = parseEndpoint(family === 4 ? "10.77.0.1:61000" : "[fd00:77::1]:61000")!;
  const nowMs = shim.nowMs();
  enterConnection(near.table, 0, target, 61000, { iss: 7000, irs: 9000, maxDatagramLen: 1400 });
  enterConnection(far.table, 0, source, 3000, { iss: 9000, irs: 7000, maxDatagramLen: 1400 });
  for (const { table } of [near, far]) {
    table.tsOffset[0] = -nowMs;
    table.tsRecent[0] = 0;
  }
  sendSyn(near, far, SYN, 0);
  sendSyn(far, near, SYN | ACK, 7001);
  return [endpointOfRow(near.table, 0, target), endpointOfRow(far.table, 0, source)];
}

/** Sends datagrams of 1400 octets and shorter in runs, and checks that they arrive with their borders. */
function checkTransfer(from: Node, to: Node, endpoint: Uint32Array<ArrayBuffer>, source: Uint32Array): number {
  const lengths = [1400 * 40 + 77, 1000, 900 * 3, 1400 * 2];
  const segments = [1400, 0, 900, 1400];
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const octets = Uint8Array.from({ length: total }, (_, index) => index * 7 + (index >> 8));
  let at = 0;
  const runs = Uint32Array.from(lengths.flatMap((length, index) => {
    at += length;
    return [at - length, length, segments[index], 0, 99];
  }));
  from.bind.service(shim.nowMs());
  assert.equal(from.bind.sendRuns(octets, runs, lengths.length, endpoint), lengths.length);

  const received: number[] = [];
  const content: number[] = [];
  let messages = 0;
  receiveUntil(to, () => content.length >= total, (word) => {
    const [length, segment] = burst.received.subarray(word, word + 2);
    const start = burst.received[word + RECEIVED_AT];
    assert.ok(sameRemote(burst.received, word + RECEIVED_ENDPOINT, source, 0));
    for (let offset = 0; offset < length; offset += segment) received.push(Math.min(segment, length - offset));
    content.push(...burst.octets.subarray(start, start + length));
    messages++;
  });
  const sent = lengths.flatMap((length, index) => {
    const segment = segments[index] || length;
    return Array.from({ length: Math.ceil(length / segment) }, (_, part) => Math.min(segment, length - part * segment));
  });
  assert.deepEqual(received, sent);
  assert.deepEqual(Uint8Array.from(content), octets);
  return messages;
}

const LINKS: [name: string, offloads: string, areMerged: boolean][] = [
  ["with all offloads", "", true],
  ["without offloads", "tso off gso off gro off tx off", false],
  ["that merges what it receives", "tso off gso off gro on", true],
];
for (const [name, offloads, areMerged] of LINKS) {
  Deno.test(`FakeTcpBind carries runs through NAT and firewalls over a link ${name}, borders kept`, () => {
    using hosts = createHosts(offloads);
    const { near, far } = hosts;
    for (const family of [4, 6] as const) {
      const [toFar, toNear] = connect(near, far, family);
      for (let round = 0; round < 3; round++) {
        const there = checkTransfer(near, far, toFar, toNear);
        const back = checkTransfer(far, near, toNear, toFar);
        if (areMerged) assert.ok(there < 20 && back < 20, `${there} and ${back} messages`);
        else assert.deepEqual([there, back], [41 + 1 + 3 + 2, 41 + 1 + 3 + 2]);
      }
      assert.deepEqual([near.sink.takeDropped()["segment-checksum"], far.sink.takeDropped()["segment-checksum"]], [
        undefined,
        undefined,
      ]);
      // A connection of the other family takes the row.
      for (const { table } of [near, far]) table.bucket.fill(-1);
    }
    for (const rules of [run("nft list ruleset"), runFar("nft list ruleset")]) {
      assert.match(rules, /ct state invalid counter packets 0 bytes 0 drop/);
    }
  });
}

Deno.test("UdpBind.readErrors() tells the MTU that a router reports, and to whom the datagram went", () => {
  using _hosts = createHosts("");
  runFar("ip link set egfar mtu 1300");
  run("ip route add 192.168.201.2 via 10.77.0.2");
  const local = new Uint32Array(ENDPOINT_WORDS);
  local[0] = 4;
  const { fds } = openUdpSockets({ local, count: 1, fwMark: 0, packetInfo: true, reportErrors: true }, shim);
  using bind = new UdpBind(fds[0], 4, shim);
  const target = parseEndpoint("192.168.201.2:9")!;
  assert.equal(bind.sendRuns(new Uint8Array(1400), Uint32Array.of(0, 1400, 0, 0, 9), 1, Uint32Array.from(target)), 1);
  shim.symbols.eg_poll(Int32Array.of(bind.fd), new Uint32Array(1), 1, DELIVERY_MS, new Float64Array(1));
  const records = new Uint32Array(4 * ERROR_WORDS);
  assert.equal(bind.readErrors(records), 1);
  assert.deepEqual([...records.subarray(0, 4)], [Errno.EMSGSIZE, ErrorOrigin.ICMP, (3 << 8) | 4, 1300]);
  assert.ok(sameRemote(records, RECEIVED_ENDPOINT, target, 0));
});
