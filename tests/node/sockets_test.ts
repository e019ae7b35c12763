import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { SystemError } from "../../src/base/errors.ts";
import type { AddressFamilyConfig } from "../../src/config/node_config.ts";
import { closeNodeSockets, type NodeSocketOptions, type NodeSockets, openNodeSockets } from "../../src/node/sockets.ts";
import { Errno, systemError } from "../../src/ffi/errno.ts";
import { loadShim, type Shim, type ShimSymbols } from "../../src/ffi/shim.ts";
import { UdpFlag } from "../../src/ffi/symbols.ts";
import { RecordingLog } from "./recording_log.ts";

const shim = loadShim();
const BOTH: AddressFamilyConfig = {
  ipv4: true,
  ipv6: true,
  listenIpv4: undefined,
  listenIpv6: undefined,
  preferred: 0,
};
const LOOPBACK: AddressFamilyConfig = {
  ...BOTH,
  listenIpv4: parseIpAddress("127.0.0.1"),
  listenIpv6: parseIpAddress("::1"),
};

function optionsOf(change: Partial<NodeSocketOptions> = {}): NodeSocketOptions {
  return { families: LOOPBACK, port: 0, fwmark: 0, packetInfo: true, laneCount: 1, ...change };
}

/** Opens real sockets for the time of a test. */
function open(change: Partial<NodeSocketOptions>): { readonly sockets: NodeSockets } & Disposable {
  const sockets = openNodeSockets(optionsOf(change), shim, new RecordingLog());
  return { sockets, [Symbol.dispose]: () => closeNodeSockets(sockets, shim) };
}

Deno.test("openNodeSockets() opens both families on one port, a socket for each lane", () => {
  for (const laneCount of [1, 3]) {
    using opened = open({ laneCount });
    const { port, families } = opened.sockets;
    assert.deepEqual(families.map(({ family }) => family), [4, 6]);
    for (const { fds } of families) {
      assert.equal(fds.length, laneCount);
      for (const fd of fds) assert.equal(shim.symbols.eg_udp_port(fd), port);
    }
  }
});

Deno.test("openNodeSockets() opens the families that are switched on, on the port that is asked for", () => {
  using first = open({ families: { ...LOOPBACK, ipv4: false } });
  const { port, families } = first.sockets;
  assert.deepEqual(families.map(({ family }) => family), [6]);
  using second = open({ families: { ...LOOPBACK, ipv6: false }, port });
  assert.deepEqual(second.sockets.families.map(({ family }) => family), [4]);
  assert.equal(second.sockets.port, port);
});

Deno.test("openNodeSockets() refuses a port in use and leaves nothing open", () => {
  using first = open({ families: { ...LOOPBACK, ipv4: false } });
  const { port } = first.sockets;
  assert.throws(() => open({ port }), (error) => {
    assert.ok(error instanceof SystemError);
    assert.deepEqual([error.code, error.object], ["EADDRINUSE", `UDP [::1]:${port}`]);
    return true;
  });
  // The IPv4 socket, which had been opened first, is closed.
  using _second = open({ families: { ...LOOPBACK, ipv6: false }, port });
});

/** A kernel that opens sockets as told, and counts those that are open. */
class FakeKernel {
  /** Ports of the open sockets by descriptor. */
  readonly open = new Map<number, number>();
  readonly asked: { readonly family: number; readonly port: number; readonly flags: number }[] = [];
  /** The answer to each attempt to open: 0, or an error number. */
  refuse: (family: number, flags: number) => number = () => 0;
  #next = 100;

  /** The functions of the shim that opening sockets needs. */
  get shim(): Shim {
    const symbols: Partial<ShimSymbols> = {
      eg_udp_open: (local, flags) => {
        const [family, port] = local as Uint32Array;
        this.asked.push({ family, port, flags });
        const errno = this.refuse(family, flags);
        if (errno !== 0) return -errno;
        this.open.set(this.#next, port === 0 ? 40_000 + this.#next : port);
        return this.#next++;
      },
      eg_udp_port: (fd) => this.open.get(fd) ?? -Errno.EBADF,
      eg_close: (fd) => this.open.delete(fd) ? 0 : -Errno.EBADF,
    };
    return {
      ...shim,
      symbols: { ...shim.symbols, ...symbols },
      check(operation, object, result) {
        if (result < 0) throw systemError(operation, object, result, shim.errnoName);
        return result;
      },
    };
  }
}

Deno.test("openNodeSockets() tries other ports when the one that the kernel chose is taken in the other family", () => {
  const kernel = new FakeKernel();
  let refusals = 3;
  kernel.refuse = (family) => family === 6 && refusals-- > 0 ? Errno.EADDRINUSE : 0;
  const { families, port } = openNodeSockets(optionsOf(), kernel.shim, new RecordingLog());
  assert.equal(families.length, 2);
  assert.equal(kernel.open.size, 2);
  const asked = kernel.asked.filter(({ family }) => family === 6).map((attempt) => attempt.port);
  assert.equal(new Set(asked).size, 4);
  assert.equal(asked.at(-1), port);
});

Deno.test("openNodeSockets() gives up after eight ports, and leaves nothing open", () => {
  const kernel = new FakeKernel();
  kernel.refuse = (family) => family === 6 ? Errno.EADDRINUSE : 0;
  assert.throws(() => openNodeSockets(optionsOf(), kernel.shim, new RecordingLog()), /EADDRINUSE/);
  assert.equal(kernel.asked.filter(({ family }) => family === 6).length, 8);
  assert.equal(kernel.open.size, 0);
});

Deno.test("openNodeSockets() tries no other port than the one that is asked for", () => {
  const kernel = new FakeKernel();
  kernel.refuse = (family) => family === 6 ? Errno.EADDRINUSE : 0;
  assert.throws(() => openNodeSockets(optionsOf({ port: 5000 }), kernel.shim, new RecordingLog()), /EADDRINUSE/);
  assert.equal(kernel.asked.length, 2);
  assert.equal(kernel.open.size, 0);
});

for (const errno of [Errno.EAFNOSUPPORT, Errno.EADDRNOTAVAIL]) {
  for (const missing of [4, 6]) {
    Deno.test(`openNodeSockets() goes on without IPv${missing} after error ${errno}, and warns`, () => {
      const kernel = new FakeKernel();
      const log = new RecordingLog();
      kernel.refuse = (family) => family === missing ? errno : 0;
      const { families } = openNodeSockets(optionsOf({ families: BOTH }), kernel.shim, log);
      assert.deepEqual(families.map(({ family }) => family), [missing === 4 ? 6 : 4]);
      const [{ event, fields }, ...others] = log.take("warn");
      assert.equal(others.length, 0);
      assert.equal(event, `IPv${missing} is not available; going on without it`);
      assert.deepEqual(fields, { cause: shim.errnoName(errno) });
    });
  }

  Deno.test(`openNodeSockets() fails with error ${errno} when no family remains`, () => {
    const kernel = new FakeKernel();
    kernel.refuse = () => errno;
    const options = optionsOf({ families: BOTH });
    assert.throws(() => openNodeSockets(options, kernel.shim, new RecordingLog()), SystemError);
    assert.equal(kernel.open.size, 0);
  });
}

Deno.test("openNodeSockets() fails when the address that the user wrote isn't there", () => {
  const kernel = new FakeKernel();
  kernel.refuse = (family) => family === 6 ? Errno.EADDRNOTAVAIL : 0;
  assert.throws(() => openNodeSockets(optionsOf(), kernel.shim, new RecordingLog()), /UDP \[::1\]:\d+: EADDRNOTAVAIL/);
  assert.equal(kernel.open.size, 0);
});

Deno.test("openNodeSockets() goes on where the kernel merges nothing, and says so", () => {
  const kernel = new FakeKernel();
  const log = new RecordingLog();
  kernel.refuse = (_family, flags) => flags & UdpFlag.GRO ? Errno.ENOPROTOOPT : 0;
  const { families } = openNodeSockets(optionsOf({ laneCount: 2 }), kernel.shim, log);
  assert.deepEqual(families.map(({ fds }) => fds.length), [2, 2]);
  assert.deepEqual(log.take("warn").map(({ fields }) => fields.family), [4, 6]);
});

Deno.test("openNodeSockets() asks for local addresses only where answers leave from them", () => {
  for (const packetInfo of [true, false]) {
    const kernel = new FakeKernel();
    openNodeSockets(optionsOf({ packetInfo }), kernel.shim, new RecordingLog());
    for (const { flags } of kernel.asked) assert.equal((flags & UdpFlag.PKTINFO) !== 0, packetInfo);
  }
});
