import { strict as assert } from "node:assert";
import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, ENDPOINT_WORDS } from "../../src/base/endpoint.ts";
import { SEGMENT_RUN_LEN_MAX, SEND_WINDOW_MAX } from "../../src/faketcp/segment_sender.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { GsoType } from "../../src/wire/virtio_net_hdr.ts";
import {
  CLOSED,
  createPair,
  HALF_OPEN,
  sendRun,
  SINGLES,
  takeWritten,
  TIMESTAMPS,
  WINDOW_SCALE,
} from "./connection.ts";

const { ACK, PSH } = TcpFlag;

for (const family of [4, 6] as const) {
  Deno.test(`sendRuns() writes a run as one super-segment over IPv${family}`, () => {
    const [sender, receiver] = createPair(family);
    sender.bind.service(5000);
    const octets = Uint8Array.from({ length: 4300 }, (_, index) => index * 7);
    assert.equal(sendRun(sender, 4300, 1000, octets), 0);
    assert.equal(sendRun(sender, 700), 0);
    const [first, second] = takeWritten(sender, receiver);
    assert.deepEqual(
      [first.flagsOfHeader, first.gsoType, first.gsoSize, first.isIntact],
      [1, family === 4 ? GsoType.TCPV4 : GsoType.TCPV6, 1000, true],
    );
    assert.deepEqual(first.payload, octets);
    assert.deepEqual([first.flags, first.seq, first.ack, first.window], [ACK | PSH, 1001, 2001, 0xffff]);
    assert.deepEqual([first.tsVal, first.tsEcr], [0x80000000 + 5000, 0x80000000]);
    assert.deepEqual([second.gsoType, second.gsoSize, second.seq, second.isIntact], [GsoType.NONE, 0, 5301, true]);
    // The kernel counts on for the segments that it cuts.
    if (family === 4) assert.equal(second.identification - first.identification, 5);
    assert.equal(sender.table.lastSentMs[0], 5000);
  });
}

Deno.test("sendRuns() writes each datagram by itself where super-segments are re-cut, or the device takes none", () => {
  const ways = [createPair(4, { flags: SINGLES | WINDOW_SCALE }), createPair(4, { flags: WINDOW_SCALE }, false)];
  for (const [sender, receiver] of ways) {
    assert.equal(sendRun(sender, 2300, 1000), 0);
    const written = takeWritten(sender, receiver);
    assert.deepEqual(
      written.map(({ payloadLen, seq, flags, gsoType, hasTimestamps }) => [
        payloadLen,
        seq,
        flags,
        gsoType,
        hasTimestamps,
      ]),
      [[1000, 1001, ACK | PSH, 0, false], [1000, 2001, ACK | PSH, 0, false], [300, 3001, ACK | PSH, 0, false]],
    );
    assert.ok(written.every(({ isIntact }) => isIntact));
  }
});

Deno.test("sendRuns() takes up a change of the connection's flags at once", () => {
  const [sender] = createPair();
  sendRun(sender, 3000, 1000);
  Atomics.or(sender.table.flags, 0, SINGLES);
  sendRun(sender, 3000, 1000);
  assert.equal(sender.queue.written.length, 1 + 3);
});

Deno.test("sendRuns() lets sequence numbers wrap around", () => {
  const [sender, receiver] = createPair(4, { iss: 0xffffff00, irs: 0xfffffffe });
  sendRun(sender, 1000);
  sendRun(sender, 1000);
  assert.deepEqual(takeWritten(sender, receiver).map(({ seq, ack }) => [seq, ack]), [
    [0xffffff01, 0xffffffff],
    [0x2e9, 0xffffffff],
  ]);
});

Deno.test("sendRuns() acknowledges what arrived, and notes it", () => {
  const [sender, receiver] = createPair();
  sender.table.rcvNxt[0] = 77_777;
  sendRun(sender, 100);
  assert.equal(takeWritten(sender, receiver)[0].ack, 77_777);
  assert.equal(sender.table.ackSent[0], 77_777);
});

Deno.test("sendRuns() never writes a packet longer than IP allows", () => {
  for (const family of [4, 6] as const) {
    const [sender, receiver] = createPair(family);
    assert.equal(sendRun(sender, SEGMENT_RUN_LEN_MAX, 1400), 0);
    const [{ headerLen, payloadLen }] = takeWritten(sender, receiver);
    assert.ok(headerLen + payloadLen <= 0xffff);
    assert.equal(sendRun(sender, SEGMENT_RUN_LEN_MAX + 1, 1400), Errno.EMSGSIZE);
  }
});

const REFUSALS: [name: string, errno: number, change: (side: ReturnType<typeof createPair>[0]) => void][] = [
  ["an endpoint without a connection", Errno.ENOTCONN, ({ peer }) => peer[ENDPOINT_CONNECTION] = 0],
  ["an endpoint with an impossible row", Errno.ENOTCONN, ({ peer }) => peer[ENDPOINT_CONNECTION] = 1000],
  ["a connection that was replaced", Errno.ENOTCONN, ({ peer }) => peer[ENDPOINT_GENERATION]++],
  ["a connection that is closed", Errno.ENOTCONN, ({ table }) => table.state[0] = CLOSED],
  ["a connection that is half open", Errno.ENOTCONN, ({ table }) => table.state[0] = HALF_OPEN],
  ["datagrams that the path doesn't carry", Errno.EMSGSIZE, ({ table }) => table.maxDatagramLen[0] = 999],
  ["a run that the window has no room for", Errno.ENOBUFS, ({ table }) => table.sndWnd[0] = 2999],
];
for (const [name, errno, change] of REFUSALS) {
  Deno.test(`sendRuns() refuses ${name}`, () => {
    const [sender, receiver] = createPair();
    change(sender);
    assert.equal(sendRun(sender, 3000, 1000), errno);
    assert.deepEqual(takeWritten(sender, receiver).filter(({ payloadLen }) => payloadLen > 0), []);
    assert.equal(sender.table.sndNxt[0], 1001);
  });
}

Deno.test("sendRuns() lets a run that fails keep no other back, but for a device without room", () => {
  const [sender] = createPair();
  const endpoints = new Uint32Array(2 * ENDPOINT_WORDS);
  endpoints.set(sender.peer);
  const runs = Uint32Array.of(0, 10, 0, 1, 9, 0, 10, 0, 0, 9, 0, 0, 0, 0, 9, 0, 10, 0, 0, 9);
  assert.equal(sender.bind.sendRuns(new Uint8Array(10), runs, 4, endpoints), 2);
  assert.deepEqual([4, 9, 14, 19].map((at) => runs[at]), [Errno.ENOTCONN, 0, Errno.EINVAL, 0]);
  sender.queue.refusal = Errno.EAGAIN;
  assert.equal(sender.bind.sendRuns(new Uint8Array(10), runs, 4, endpoints), 0);
  assert.deepEqual([4, 9, 14, 19].map((at) => runs[at]), [Errno.ENOTCONN, Errno.EAGAIN, Errno.EAGAIN, Errno.EAGAIN]);
});

Deno.test("sendRuns() keeps within the peer's window and within 8 MB, and asks while the window is full", () => {
  for (const window of [1 << 20, 1 << 29]) {
    const [sender, receiver] = createPair();
    sender.table.sndWnd[0] = window;
    let octets = 0;
    while (sendRun(sender, 60_000, 1000) === 0) octets += 60_000;
    const limit = Math.min(window, SEND_WINDOW_MAX);
    assert.ok(octets <= limit && octets > limit - 60_000);
    sendRun(sender, 60_000, 1000);
    const questions = takeWritten(sender, receiver).filter(({ payloadLen }) => payloadLen === 0);
    assert.deepEqual(questions.map(({ seq, flags }) => [seq, flags]), [[1000, ACK]]);
    sender.bind.service(200);
    sendRun(sender, 60_000, 1000);
    assert.equal(takeWritten(sender, receiver).length, 1);
    // The answer makes room.
    sender.table.sndUna[0] = sender.table.sndNxt[0];
    assert.equal(sendRun(sender, 60_000, 1000), 0);
  }
});

Deno.test("sendRuns() goes on towards a peer that doesn't scale its window, and asks every 32 KiB", () => {
  const [sender, receiver] = createPair(4, { flags: TIMESTAMPS });
  for (let run = 0; run < 30; run++) assert.equal(sendRun(sender, 10_000, 1000), 0);
  const written = takeWritten(sender, receiver);
  const questions = written.filter(({ payloadLen }) => payloadLen === 0);
  assert.equal(written.length - questions.length, 30);
  assert.deepEqual(questions.map(({ seq }) => seq - 1000), [
    40_000,
    80_000,
    120_000,
    160_000,
    200_000,
    240_000,
    280_000,
  ]);
  // As long as it acknowledges by itself it isn't asked.
  for (let run = 0; run < 30; run++) {
    sender.table.sndUna[0] = sender.table.sndNxt[0];
    sendRun(sender, 10_000, 1000);
  }
  assert.equal(takeWritten(sender, receiver).length, 30);
});

Deno.test("FakeTcpBind.writePacket() writes a packet as it stands", () => {
  const [sender] = createPair();
  assert.equal(sender.bind.writePacket(Uint8Array.of(9, 9, 1, 2, 3, 9), 2, 3), 0);
  assert.deepEqual(sender.queue.written, [Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3)]);
  sender.queue.refusal = Errno.ENETDOWN;
  assert.equal(sender.bind.writePacket(new Uint8Array(3), 0, 3), Errno.ENETDOWN);
});
