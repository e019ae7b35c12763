import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, parseIpAddress, sameRemote, writeEndpoint } from "../../src/base/endpoint.ts";
import { SystemError } from "../../src/base/errors.ts";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { openUdpSockets, UdpBind, type UdpSockets } from "../../src/conn/udp_bind.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { loadShim } from "../../src/ffi/shim.ts";
import { ERROR_WORDS, ErrorOrigin, PollEvent, RECEIVED_ENDPOINT } from "../../src/ffi/symbols.ts";
import { type JoinedBinds, testBindContract } from "./bind_contract.ts";

const shim = loadShim();
/** Time within which the kernel has surely delivered what was sent on this machine. */
const DELIVERY_MS = 2_000;

function endpointOf(address: string, port: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(words, 0, parseIpAddress(address)!, port);
  return words;
}

function open(address: string, port = 0, count = 1): UdpSockets {
  return openUdpSockets({ local: endpointOf(address, port), count, fwMark: 0, packetInfo: true }, shim);
}

function close({ fds }: UdpSockets): void {
  for (const fd of fds) shim.symbols.eg_close(fd);
}

/** Waits until one of the sockets has something to read. */
function waitReadable(fds: readonly number[]): boolean {
  return shim.symbols.eg_poll(
    Int32Array.from(fds),
    new Uint32Array(fds.length),
    fds.length,
    DELIVERY_MS,
    new Float64Array(1),
  ) > 0;
}

function join(address: string): JoinedBinds {
  const sockets = [open(address), open(address)];
  const family = address.includes(":") ? 6 : 4;
  const [sender, receiver] = sockets.map(({ fds }) => new UdpBind(fds[0], family, shim));
  return {
    sender,
    receiver,
    carriesEmpty: true,
    senderEndpoint: endpointOf(address, sockets[0].port),
    receiverEndpoint: endpointOf(address, sockets[1].port),
    deliver: () => void waitReadable([sender.fd, receiver.fd]),
    [Symbol.dispose]() {
      sender[Symbol.dispose]();
      receiver[Symbol.dispose]();
    },
  };
}

testBindContract("UdpBind over IPv4", () => join("127.0.0.1"));
testBindContract("UdpBind over IPv6", () => join("::1"));

/** Tells with which error a function fails. */
function errnoOf(action: () => UdpSockets): number {
  try {
    close(action());
    return 0;
  } catch (error) {
    assert.ok(error instanceof SystemError);
    assert.equal(error.operation, "bind");
    return error.errno;
  }
}

Deno.test("openUdpSockets() refuses a port in use, and says which", () => {
  const sockets = open("127.0.0.1");
  try {
    assert.throws(() => open("127.0.0.1", sockets.port), (error) => {
      assert.ok(error instanceof SystemError);
      assert.match(
        error.message,
        new RegExp(`^bind UDP 127\\.0\\.0\\.1:${sockets.port}: EADDRINUSE: .*change ListenPort$`),
      );
      return true;
    });
  } finally {
    close(sockets);
  }
  close(open("127.0.0.1", sockets.port));
});

Deno.test("openUdpSockets() shares a port among lanes, and with nobody else", () => {
  for (const address of ["127.0.0.1", "::1"]) {
    const lanes = open(address, 0, 2);
    try {
      assert.equal(lanes.fds.length, 2);
      assert.deepEqual(lanes.fds.map((fd) => shim.symbols.eg_udp_port(fd)), [lanes.port, lanes.port]);
      for (const count of [1, 2]) {
        assert.equal(errnoOf(() => open(address, lanes.port, count)), Errno.EADDRINUSE, `${count} lanes`);
      }
    } finally {
      close(lanes);
    }
    // Nothing of the refused ones stayed open.
    close(open(address, lanes.port, 2));
  }
});

Deno.test("openUdpSockets() spreads senders over the lanes, each on one of them", () => {
  const lanes = open("127.0.0.1", 0, 2);
  const senders = Array.from({ length: 32 }, () => open("127.0.0.1"));
  try {
    const burst = createDatagramBurst();
    const runs = Uint32Array.of(0, 10, 0, 0, 9);
    for (const { fds } of senders) {
      new UdpBind(fds[0], 4, shim).sendRuns(new Uint8Array(10), runs, 1, endpointOf("127.0.0.1", lanes.port));
    }
    const counts = [0, 0];
    while (counts[0] + counts[1] < senders.length && waitReadable(lanes.fds)) {
      lanes.fds.forEach((fd, lane) => counts[lane] += Math.max(0, new UdpBind(fd, 4, shim).receiveBurst(burst)));
    }
    assert.equal(counts[0] + counts[1], senders.length);
    // All on one lane is a chance of one in two thousand million.
    assert.ok(counts[0] > 0 && counts[1] > 0);
  } finally {
    for (const sockets of [lanes, ...senders]) close(sockets);
  }
});

Deno.test("openUdpSockets() refuses an address that isn't ours", () => {
  for (const count of [1, 2]) {
    assert.equal(errnoOf(() => open("192.0.2.1", 0, count)), Errno.EADDRNOTAVAIL);
  }
});

Deno.test("UdpBind.readErrors() names the endpoint that refuses, and no other run bears its error", () => {
  for (
    const [address, family, origin] of [["127.0.0.1", 4, ErrorOrigin.ICMP], ["::1", 6, ErrorOrigin.ICMP6]] as const
  ) {
    const local = endpointOf(address, 0);
    const { fds } = openUdpSockets({ local, count: 1, fwMark: 0, packetInfo: true, reportErrors: true }, shim);
    using bind = new UdpBind(fds[0], family, shim);
    const [closed, listening] = [open(address), open(address)];
    close(closed);
    using receiver = new UdpBind(listening.fds[0], family, shim);
    const endpoints = Uint32Array.from([...endpointOf(address, closed.port), ...endpointOf(address, listening.port)]);
    const records = new Uint32Array(2 * ERROR_WORDS);
    for (let round = 0; round < 3; round++) {
      // On the loopback interface the answer to the first is there before the second is sent.
      const runs = Uint32Array.of(0, 10, 0, 0, 9, 0, 20, 0, 1, 9, 0, 30, 0, 1, 9);
      assert.equal(bind.sendRuns(new Uint8Array(30), runs, 3, endpoints), 3);
      assert.deepEqual([runs[4], runs[9], runs[14]], [0, 0, 0]);
      const revents = new Uint32Array(1);
      shim.symbols.eg_poll(Int32Array.of(bind.fd), revents, 1, DELIVERY_MS, new Float64Array(1));
      assert.equal(revents[0] & PollEvent.ERR, PollEvent.ERR);
      assert.equal(bind.receiveBurst(createDatagramBurst()), -Errno.EAGAIN);
      assert.equal(bind.readErrors(records), 1);
      assert.deepEqual([...records.subarray(0, 2)], [Errno.ECONNREFUSED, origin]);
      assert.ok(sameRemote(records, RECEIVED_ENDPOINT, endpoints, 0));
      assert.equal(bind.readErrors(records), 0);
      assert.equal(receiver.receiveBurst(createDatagramBurst()), 2);
    }
  }
});
