/**
 * Tests of the kernel's TAP device; they change interfaces, so `linux_test.ts` runs them in a network namespace.
 *
 * ```text
 *   LinuxTap under test ── egone ── bridge ── egtwo ── LinuxTap on the other side
 * ```
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { SystemError } from "../../src/base/errors.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { loadShim } from "../../src/ffi/shim.ts";
import { createFrameBurst } from "../../src/tap/device.ts";
import { LinuxTap, openTapQueues, setUpTapLink, type TapLinkOptions, type TapQueues } from "../../src/tap/linux.ts";
import { GsoType, readGsoSize, readGsoType, VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { packFrames } from "../dataplane/tap_buffer.ts";
import { makeParts } from "../reference/frame.ts";
import { makeSuperFrame } from "../reference/offload.ts";
import { type JoinedTap, readFrames, testTapContract } from "./tap_contract.ts";

const shim = loadShim();
const DELIVERY_MS = 2_000;
const LINK: TapLinkOptions = {
  mtu: 1500,
  macAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
  addresses: [],
  flushAddresses: false,
};

/** Runs a program, which must succeed, and returns what it prints. */
function run(program: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args }).outputSync();
  assert.ok(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Makes a frame-forwarding bridge that says nothing by itself. */
function makeBridge(): void {
  run("ip", "link", "add", "egbridge", "type", "bridge", "mcast_snooping", "0", "stp_state", "0", "forward_delay", "0");
  run("ip", "link", "set", "egbridge", "up");
}

/** Makes an interface that is a port of the bridge. */
function openPort(name: string): LinuxTap {
  const { fds: [fd] } = openTapQueues(name, 1, shim);
  setUpTapLink(name, { ...LINK, macAddress: Uint8Array.of(2, 0, 0, 0, 0, name.length) }, shim);
  run("ip", "link", "set", name, "master", "egbridge");
  return new LinuxTap(fd, shim);
}

function waitReadable(fd: number): boolean {
  return shim.symbols.eg_poll(Int32Array.of(fd), new Uint32Array(1), 1, DELIVERY_MS, new Float64Array(1)) > 0;
}

makeBridge();

/** Two ports of the bridge: what one writes the other reads. */
function join(): JoinedTap & { readonly other: LinuxTap } {
  const tap = openPort("egone");
  const other = openPort("egothers");
  const taken: Uint8Array[] = [];
  return {
    tap,
    other,
    send(frames) {
      for (const frame of frames) assert.equal(writeFrame(other, new Uint8Array(VIRTIO_NET_HDR_LEN), frame), 1);
      assert.ok(waitReadable(tap.fd));
    },
    take(count) {
      while (taken.length < count && waitReadable(other.fd)) taken.push(...readFrames(other));
      return taken.splice(0, count);
    },
    [Symbol.dispose]() {
      tap[Symbol.dispose]();
      other[Symbol.dispose]();
    },
  };
}

/** Writes one frame behind its virtio header; returns how many frames were written. */
function writeFrame(tap: LinuxTap, header: Uint8Array, frame: Uint8Array): number {
  const frames = Uint32Array.of(0, VIRTIO_NET_HDR_LEN, 0, 1);
  const pieces = Uint32Array.of(0, frame.length);
  return tap.writeBurst(Uint8Array.from(header), Uint8Array.from(frame), frames, pieces, 1, new Int32Array(1));
}

testTapContract("LinuxTap", join);

Deno.test("LinuxTap carries a super-frame of TCP whole in both directions", () => {
  using joined = join();
  const parts = makeParts({ payload: new Uint8Array(20_000).fill(7), flags: 0x10 });
  parts.ethernet.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 1, 1]);
  const superFrame = makeSuperFrame(parts, 1400);
  const packed = packFrames([superFrame]);
  const header = packed.octets.slice(packed.frames[0].at - VIRTIO_NET_HDR_LEN, packed.frames[0].at);
  for (const [from, to] of [[joined.tap, joined.other], [joined.other, joined.tap]] as LinuxTap[][]) {
    assert.equal(writeFrame(from, header, superFrame.frame), 1);
    const burst = createFrameBurst();
    // Other frames of the kernel may come first.
    let longest = 0;
    while (longest < superFrame.frame.length && waitReadable(to.fd)) {
      for (let index = to.readBurst(burst) - 1; index >= 0; index--) {
        const [at, length] = burst.frames.subarray(index * 2, index * 2 + 2);
        longest = Math.max(longest, length);
        if (length !== superFrame.frame.length) continue;
        assert.equal(readGsoType(burst.view, at - VIRTIO_NET_HDR_LEN), GsoType.TCPV4);
        assert.equal(readGsoSize(burst.view, at - VIRTIO_NET_HDR_LEN), 1400);
        assert.deepEqual(burst.octets.slice(at + 54, at + length), superFrame.frame.slice(54));
      }
    }
    assert.equal(longest, superFrame.frame.length);
  }
});

Deno.test("LinuxTap reports with -EBADFD that its interface was removed", () => {
  const { fds: [fd], name } = openTapQueues("eggone", 1, shim);
  using tap = new LinuxTap(fd, shim);
  run("ip", "link", "delete", name);
  assert.ok(waitReadable(fd));
  assert.equal(tap.readBurst(createFrameBurst()), -Errno.EBADFD);
});

/** What the system says of an interface. */
interface LinkReport {
  readonly mtu: number;
  readonly address: string;
  readonly txqlen: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

function reportOf(name: string): LinkReport {
  return JSON.parse(run("ip", "-json", "address", "show", "dev", name))[0];
}

function addressesOf(name: string): string[] {
  return reportOf(name).addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort();
}

/** Opens queues of one name for the time of a test. */
function openQueues(name: string, count: number): TapQueues & Disposable {
  const queues = openTapQueues(name, count, shim);
  return { ...queues, [Symbol.dispose]: () => queues.fds.forEach((fd) => shim.symbols.eg_close(fd)) };
}

Deno.test("openTapQueues() opens queues of one interface, which goes with the last of them", () => {
  {
    using opened = openQueues("egqueues", 4);
    assert.deepEqual([opened.name, opened.fds.length], ["egqueues", 4]);
    assert.equal(reportOf("egqueues").mtu, 1500);
  }
  assert.ok(!run("ip", "-brief", "link").includes("egqueues"));
});

Deno.test("openTapQueues() lets the kernel choose a name", () => {
  using opened = openQueues("", 2);
  assert.equal(opened.name, "etherguard0");
});

const REFUSALS: [name: string, code: string, remedy: RegExp][] = [
  ["a234567890123456", "ENAMETOOLONG", /15 octets/],
  // Another program's, of whatever kind.
  ["egbridge", "EBUSY", /an interface of this name exists: .*change Interface\.Name/],
  ["egtaken", "EBUSY", /an interface of this name exists: .*change Interface\.Name/],
];
for (const [name, code, remedy] of REFUSALS) {
  Deno.test(`openTapQueues() refuses ${name} with ${code} and says what to do`, () => {
    using _opened = openQueues("egtaken", 1);
    assert.throws(() => openTapQueues(name, 1, shim), (error) => {
      assert.ok(error instanceof SystemError);
      assert.deepEqual([error.operation, error.object, error.code], ["TUNSETIFF", name, code]);
      assert.match(error.remedy, remedy);
      return true;
    });
  });
}

Deno.test("setUpTapLink() sets MTU, MAC address, queue length and addresses, and brings the interface up", () => {
  using _opened = openQueues("eglink", 1);
  setUpTapLink("eglink", {
    mtu: 1404,
    macAddress: Uint8Array.of(2, 0x11, 0x22, 0x33, 0x44, 0x55),
    addresses: [
      { octets: Uint8Array.of(10, 1, 2, 3), prefixLen: 24 },
      { octets: Uint8Array.of(0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9), prefixLen: 64 },
    ],
    flushAddresses: true,
  }, shim);
  const { mtu, address, txqlen, flags } = reportOf("eglink");
  assert.deepEqual([mtu, address], [1404, "02:11:22:33:44:55"]);
  // The root of a user namespace may not change the length of the queue.
  assert.ok(txqlen === 2000 || txqlen === 1000);
  assert.ok(flags.includes("UP"));
  assert.deepEqual(addressesOf("eglink"), ["10.1.2.3/24", "fd01::9/64"]);
});

Deno.test("setUpTapLink() leaves the address that the kernel gave unless told to remove it", () => {
  using _opened = openQueues("eglink", 1);
  setUpTapLink("eglink", LINK, shim);
  assert.deepEqual(addressesOf("eglink"), ["fe80::ff:fe00:1/64"]);
  setUpTapLink("eglink", { ...LINK, flushAddresses: true }, shim);
  assert.deepEqual(addressesOf("eglink"), []);
});

const BAD_LINKS: [what: string, change: Partial<TapLinkOptions>][] = [
  ["MTU 10", { mtu: 10 }],
  ["MAC address", { macAddress: Uint8Array.of(1, 0, 0, 0, 0, 1) }],
  ["address 10.1.2.3/40", { addresses: [{ octets: Uint8Array.of(10, 1, 2, 3), prefixLen: 40 }] }],
];
for (const [what, change] of BAD_LINKS) {
  Deno.test(`setUpTapLink() names what the kernel refuses: ${what}`, () => {
    using _opened = openQueues("eglink", 1);
    assert.throws(() => setUpTapLink("eglink", { ...LINK, ...change }, shim), (error) => {
      assert.ok(error instanceof SystemError);
      assert.deepEqual([error.operation, error.object], ["set up interface", `eglink (${what})`]);
      return true;
    });
  });
}

Deno.test("setUpTapLink() refuses an interface that isn't there", () => {
  assert.throws(() => setUpTapLink("egnone", LINK, shim), /set up interface egnone \(MTU 1500\): ENODEV/);
});
