import { Buffer } from "node:buffer";
import { strict as assert } from "node:assert";
import { createSocket } from "node:dgram";
import { wallClockMs } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/random.ts";
import { createNtpQuery, type NtpAnswer, splitServer } from "../../src/edge/ntp_query.ts";

const ERA_0_MS = Date.UTC(1900, 0, 1);
const LONG_MS = 5_000;
const SHORT_MS = 60;

/** What a server answers with instead of one right answer. */
type Answerer = (answer: Uint8Array, request: Uint8Array) => readonly Uint8Array[];

/** A time server on this machine, whose clock is ahead. */
class FakeServer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly #socket = createSocket("udp4");
  readonly #aheadMs: number;
  readonly #answer: Answerer;

  private constructor(aheadMs: number, answer: Answerer) {
    this.#aheadMs = aheadMs;
    this.#answer = answer;
  }

  static async start(aheadMs = 0, answer: Answerer = (packet) => [packet]): Promise<FakeServer> {
    const server = new FakeServer(aheadMs, answer);
    const { promise, resolve } = Promise.withResolvers<void>();
    server.#socket.bind(0, "127.0.0.1", resolve);
    server.#socket.on("message", (request, from) => {
      server.requests.push(request.toHex());
      for (const packet of server.#answer(server.#packetFor(request), request)) {
        server.#socket.send(Buffer.from(packet), from.port, from.address);
      }
    });
    await promise;
    return server;
  }

  get name(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  #packetFor(request: Uint8Array): Uint8Array {
    const octets = new Uint8Array(48);
    const view = new DataView(octets.buffer);
    octets.set([0x24, 2, 6, 0xe8]);
    octets.set(request.subarray(40, 48), 24);
    for (const at of [32, 40]) {
      const seconds = (wallClockMs() + this.#aheadMs - ERA_0_MS) / 1000;
      view.setUint32(at, Math.floor(seconds));
      view.setUint32(at + 4, Math.floor((seconds % 1) * 2 ** 32));
    }
    return octets;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(resolve);
    await promise;
  }
}

function ask(server: string, timeoutMs = LONG_MS, signal = new AbortController().signal): Promise<NtpAnswer> {
  return createNtpQuery({ random: seededRandom(1), signal })(server, timeoutMs);
}

for (const aheadMs of [0, 3_600_000, -3_600_000]) {
  Deno.test(`the query finds by how much a server is ahead: ${aheadMs} ms`, async () => {
    await using server = await FakeServer.start(aheadMs);
    const answer = await ask(server.name);
    assert.ok(answer.kind === "sample");
    const { offsetMs, roundTripMs } = answer.sample;
    // The wall clock is read in whole milliseconds.
    assert.ok(Math.abs(offsetMs - aheadMs) <= roundTripMs / 2 + 2, `${offsetMs}`);
    assert.equal(answer.address, "127.0.0.1");
  });
}

Deno.test("no two requests are alike, and none tells our time", async () => {
  await using server = await FakeServer.start();
  const query = createNtpQuery({ random: seededRandom(1), signal: new AbortController().signal });
  await query(server.name, LONG_MS);
  await query(server.name, LONG_MS);
  const [first, second] = server.requests;
  assert.equal(first.slice(0, 80), "23" + "00".repeat(39));
  assert.notEqual(first.slice(80), second.slice(80));
});

Deno.test("the query goes on waiting after datagrams that answer nothing", async () => {
  await using server = await FakeServer.start(0, (packet, request) => {
    const forged = packet.with(24, packet[24] ^ 1);
    return [new Uint8Array(0), request, forged, packet.slice(0, 20), packet];
  });
  assert.ok((await ask(server.name)).kind === "sample");
});

const FAILURES: [name: string, change: Answerer, expected: NtpAnswer][] = [
  ["is silent", () => [], { kind: "failure", cause: "no answer" }],
  ["echoes another cookie", (packet) => [packet.with(24, packet[24] ^ 1)], { kind: "failure", cause: "no answer" }],
  ["answers too little", (packet) => [packet.slice(0, 47)], { kind: "failure", cause: "no answer" }],
  ["has no time", (packet) => [packet.with(0, 0xe4)], { kind: "failure", cause: "unsynchronized" }],
  ["contradicts itself", (packet) => [packet.with(40, packet[40] - 1)], { kind: "failure", cause: "timestamps" }],
  ["wants to be left alone", kissOf("DENY"), { kind: "kiss", code: "DENY" }],
];
for (const [name, change, expected] of FAILURES) {
  Deno.test(`the query tells what a server did that ${name}`, async () => {
    await using server = await FakeServer.start(0, change);
    assert.deepEqual(await ask(server.name, SHORT_MS), expected);
  });
}

function kissOf(code: string): Answerer {
  return (packet) => {
    packet[1] = 0;
    packet.set(new TextEncoder().encode(code), 12);
    return [packet];
  };
}

Deno.test("the query asks a second address where the first is silent, and looks names up", async () => {
  await using silent = await FakeServer.start(0, () => []);
  const port = silent.name.slice("127.0.0.1:".length);
  const asked: string[] = [];
  const lookUp = (host: string) => {
    asked.push(host);
    return Promise.resolve(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  };
  const query = createNtpQuery({ random: seededRandom(1), signal: new AbortController().signal, lookUp });
  assert.deepEqual(await query(`time.test:${port}`, SHORT_MS), { kind: "failure", cause: "no answer" });
  assert.deepEqual([asked, silent.requests.length], [["time.test"], 2]);
});

Deno.test("the query tells that a name can't be looked up, or has no address", async () => {
  const signal = new AbortController().signal;
  const failing = createNtpQuery({
    random: seededRandom(1),
    signal,
    lookUp: () => Promise.reject(new Error("no such name")),
  });
  assert.deepEqual(await failing("time.test", LONG_MS), { kind: "failure", cause: "no such name" });
  const empty = createNtpQuery({ random: seededRandom(1), signal, lookUp: () => Promise.resolve([]) });
  assert.deepEqual(await empty("time.test", LONG_MS), { kind: "failure", cause: "its name has no address" });
});

Deno.test("the query ends at once when it is stopped, and leaves nothing open", async () => {
  await using server = await FakeServer.start(0, () => []);
  const stopper = new AbortController();
  const answer = ask(server.name, LONG_MS, stopper.signal);
  while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  stopper.abort();
  assert.deepEqual(await answer, { kind: "failure", cause: "stopped" });
  assert.deepEqual(await ask(server.name, LONG_MS, stopper.signal), { kind: "failure", cause: "stopped" });
});

Deno.test("splitServer() takes a port from what is written, or 123", () => {
  const cases: [text: string, host: string, port: number][] = [
    ["time.test", "time.test", 123],
    ["time.test:1123", "time.test", 1123],
    ["192.0.2.1", "192.0.2.1", 123],
    ["192.0.2.1:1123", "192.0.2.1", 1123],
    ["2001:db8::1", "2001:db8::1", 123],
    ["[2001:db8::1]", "2001:db8::1", 123],
    ["[2001:db8::1]:1123", "2001:db8::1", 1123],
  ];
  for (const [text, host, port] of cases) assert.deepEqual(splitServer(text), { host, port });
});
