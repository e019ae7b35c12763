import { strict as assert } from "node:assert";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { SystemError } from "../../../src/base/errors.ts";
import type { TlsConfig } from "../../../src/config/super_config.ts";
import { REPORT_BODY_LEN_MAX, REPORT_LEN_MAX } from "../../../src/super/http/edge_api.ts";
import { HEADER_LEN_MAX, Listener, SERVER_LIMITS, type ServerLimits } from "../../../src/super/http/listener.ts";
import { type HttpConfig, HttpServer } from "../../../src/super/http/server.ts";
import { reportBodyHash } from "../../../src/edge/report_token.ts";
import { GO_BODY, GO_TOKEN } from "../../vectors/report.ts";
import { makeCertificate } from "../../netns/harness/certificate.ts";
import { RecordingLog } from "../../node/recording_log.ts";
import { CLIENT, PASSWORDS, PREFIX, reportBody, reportTarget, signToken, TestSuper } from "./test_super.ts";

const ANY_PORT = { host: "127.0.0.1", port: 0 };
const ONE_SERVER: HttpConfig = { edgeApi: ANY_PORT, manageApi: ANY_PORT, tls: undefined, apiPrefix: PREFIX };
/** Slow ones don't have to be waited for. */
const IMPATIENT: ServerLimits = { ...SERVER_LIMITS, requestMs: 200 };

function start(subject: TestSuper, change: Partial<HttpConfig> = {}, limits?: ServerLimits): Promise<HttpServer> {
  return HttpServer.start({ ...ONE_SERVER, ...change }, subject.api, subject.log, limits);
}

function portOf(server: HttpServer, index = 0): number {
  return server.listeners[index].port;
}

/** Asks, and reads the whole answer. */
async function ask(port: number, path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${PREFIX}${path}`, { redirect: "manual", ...init });
  return { status: response.status, text: await response.text() };
}

/** Sends text over a connection, and returns all that comes back until the other side closes it. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => received += chunk);
    // A reset is a way of closing it, too.
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
  });
}

function request(line: string, headers = "", body = ""): string {
  return `${line} HTTP/1.1\r\nHost: super.example\r\n${headers}\r\n${body}`;
}

const STATE = `/manage/super/state?Password=${PASSWORDS.showState}`;
const SUPERPARAMS = "/edge/superparams";

Deno.test("HttpServer answers edges and administrators at one address if both are equal", async () => {
  const subject = new TestSuper();
  await using server = await start(subject);
  assert.equal(server.listeners.length, 1);
  assert.equal((await ask(portOf(server), STATE)).status, 200);
  assert.equal((await ask(portOf(server), SUPERPARAMS)).status, 400);
  const headers = { "content-type": "application/octet-stream", "content-encoding": "gzip" };
  const report = { method: "POST", body: GO_BODY, headers };
  assert.deepEqual(await ask(portOf(server), reportTarget(GO_TOKEN), report), { status: 200, text: "OK" });
  assert.equal(subject.reports.length, 1);
});

Deno.test("HttpServer answers edges and administrators each at their own address", async () => {
  const subject = new TestSuper();
  await using server = await start(subject, { manageApi: { host: "127.0.0.2", port: 0 } });
  const [edge, manage] = server.listeners;
  assert.match(edge.address, /^127\.0\.0\.1:\d+$/);
  assert.match(manage.address, /^127\.0\.0\.2:\d+$/);
  assert.equal((await ask(edge.port, SUPERPARAMS)).status, 400);
  assert.equal((await ask(edge.port, STATE)).status, 404);
  const response = await fetch(`http://127.0.0.2:${manage.port}${PREFIX}${STATE}`);
  assert.equal(response.status, 200);
  await response.body?.cancel();
  const wrong = await fetch(`http://127.0.0.2:${manage.port}${PREFIX}${SUPERPARAMS}`);
  assert.equal(wrong.status, 404);
  await wrong.body?.cancel();
});

Deno.test("HttpServer answers edges only if there is no address for administrators", async () => {
  await using server = await start(new TestSuper(), { manageApi: undefined });
  assert.equal(server.listeners.length, 1);
  assert.equal((await ask(portOf(server), STATE)).status, 404);
});

Deno.test("HttpServer listens at all addresses of both families if none is named", async () => {
  const anywhere = { host: undefined, port: 0 };
  await using server = await start(new TestSuper(), { edgeApi: anywhere, manageApi: anywhere });
  for (const host of ["127.0.0.1", "[::1]"]) {
    const response = await fetch(`http://${host}:${portOf(server)}${PREFIX}${STATE}`);
    assert.equal(response.status, 200, host);
    await response.body?.cancel();
  }
});

Deno.test("HttpServer.start() says where it can't listen, and leaves nothing behind", async () => {
  const subject = new TestSuper();
  await using server = await start(subject);
  const taken = { host: "127.0.0.1", port: portOf(server) };
  const cases = [
    { manageApi: taken, says: /EADDRINUSE: another program/ },
    { manageApi: { host: "192.0.2.1", port: 80 }, says: /no such address.*ListenPort/ },
    { manageApi: { host: "nowhere.invalid", port: 80 }, says: /no address of this name.*ListenPort/ },
  ];
  for (const { manageApi, says } of cases) {
    await assert.rejects(start(subject, { manageApi }), (error) => {
      assert.ok(error instanceof SystemError);
      assert.equal(error.object, `${manageApi.host}:${manageApi.port}`);
      assert.match(error.message, says);
      return true;
    });
  }
});

Deno.test("HttpServer shows the client's address to those who count wrong passwords", async () => {
  const subject = new TestSuper();
  await using server = await start(subject);
  const guess = () => ask(portOf(server), "/manage/super/state?Password=wrong");
  for (let count = 0; count < 10; count++) assert.equal((await guess()).status, 401);
  assert.equal((await guess()).status, 429);
  assert.equal((await subject.ask(STATE, { from: CLIENT })).status, 200);
});

Deno.test("HttpServer answers HEAD without a body", async () => {
  await using server = await start(new TestSuper());
  const answer = await exchange(portOf(server), request(`HEAD ${PREFIX}${STATE}`, "Connection: close\r\n"));
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /content-length: \d{2,}/i);
  assert.match(answer, /\r\n\r\n$/);
});

Deno.test("HttpServer redirects to the path without .. and //", async () => {
  await using server = await start(new TestSuper());
  const lines = request(`GET /x/..${PREFIX}//edge/superparams?NodeID=1`, "Connection: close\r\n");
  const answer = await exchange(portOf(server), lines);
  assert.match(answer, /^HTTP\/1\.1 301 /);
  assert.match(answer, new RegExp(`\r\nlocation: ${PREFIX}/edge/superparams\\?NodeID=1\r\n`, "i"));
});

Deno.test("HttpServer speaks TLS by the certificate that it is given", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tls = await makeTls(folder);
    await using server = await start(new TestSuper(), { tls });
    using client = Deno.createHttpClient({ caCerts: [tls.certificate] });
    const response = await fetch(`https://127.0.0.1:${portOf(server)}${PREFIX}${STATE}`, { client });
    assert.equal(response.status, 200);
    await response.body?.cancel();
    // Not without.
    await assert.rejects(fetch(`http://127.0.0.1:${portOf(server)}/`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("HttpServer closes a TLS connection that never says hello", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await start(new TestSuper(), { tls: await makeTls(folder) }, IMPATIENT);
    assert.equal(await exchange(portOf(server), ""), "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function makeTls(folder: string): Promise<TlsConfig> {
  const { certFile, keyFile } = await makeCertificate(folder, ["127.0.0.1"]);
  return { certificate: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) };
}

const SLOW: { name: string; text: string }[] = [
  { name: "nothing", text: "" },
  { name: "half a request line", text: `GET ${PREFIX}/edge` },
  { name: "half a header", text: `GET / HTTP/1.1\r\nHost: super` },
  { name: "half a body", text: request(`POST ${PREFIX}${reportTarget("x")}`, "Content-Length: 1000\r\n", "half") },
  { name: "half a form", text: slowForm() },
];

function slowForm(): string {
  const type = "Content-Type: application/x-www-form-urlencoded\r\n";
  return request(
    `POST ${PREFIX}/manage/peer/add?Password=${PASSWORDS.addPeer}`,
    `${type}Content-Length: 9\r\n`,
    "NodeID",
  );
}

for (const { name, text } of SLOW) {
  Deno.test(`HttpServer closes a connection that sends ${name} and no more`, async () => {
    const subject = new TestSuper();
    const before = subject.snapshot();
    await using server = await start(subject, {}, IMPATIENT);
    const answer = await exchange(portOf(server), text);
    assert.match(answer, /^(HTTP\/1\.1 (400|408) |$)/);
    assert.equal(subject.snapshot(), before);
    assert.equal((await ask(portOf(server), STATE)).status, 200);
  });
}

const HOSTILE: { name: string; text: string; status: RegExp }[] = [
  { name: "no HTTP", text: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", status: /^HTTP\/1\.1 400 / },
  { name: "an address of a megabyte", text: request(`GET /${"a".repeat(2 ** 20)}`), status: /^(HTTP\/1\.1 4\d\d |$)/ },
  {
    name: "a header of a megabyte",
    text: request("GET /", `X: ${"a".repeat(2 ** 20)}\r\n`),
    status: /^(HTTP\/1\.1 4\d\d |$)/,
  },
  { name: "two lengths", text: smuggled(), status: /^HTTP\/1\.1 400 / },
  { name: "the method TRACE", text: request("TRACE /", "Connection: close\r\n"), status: /^HTTP\/1\.1 40[05] / },
  { name: "the method CONNECT", text: "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", status: /^(HTTP\/1\.1 40[05] |$)/ },
  { name: "a method that nobody knows", text: request("STEAL /"), status: /^HTTP\/1\.1 400 / },
  {
    name: "an upgrade",
    text: request("GET /", "Connection: Upgrade, close\r\nUpgrade: websocket\r\n"),
    status: /^HTTP\/1\.1 404 /,
  },
  { name: "octets above ASCII", text: request("GET /\xff", "Connection: close\r\n"), status: /^HTTP\/1\.1 400 / },
  { name: "no host", text: "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", status: /^HTTP\/1\.1 400 / },
];

function smuggled(): string {
  return request("POST /", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n");
}

for (const { name, text, status } of HOSTILE) {
  Deno.test(`HttpServer refuses ${name}, logs nothing, and goes on`, async () => {
    const subject = new TestSuper();
    await using server = await start(subject, {}, IMPATIENT);
    subject.log.take();
    assert.match(await exchange(portOf(server), text), status);
    assert.deepEqual(subject.log.take(), []);
    assert.equal((await ask(portOf(server), STATE)).status, 200);
  });
}

Deno.test("HttpServer takes the address of a reference edge's report with a thousand peers", async () => {
  const subject = new TestSuper();
  await using server = await start(subject);
  const token = signToken({ PostCount: 0, BodyHash: "A".repeat(48_000) });
  const target = reportTarget(token);
  assert.ok(target.length > 64_000 && target.length < HEADER_LEN_MAX);
  const { status, text } = await ask(portOf(server), target, { method: "POST", body: reportBody() });
  assert.equal(status, 400);
  assert.match(text, /BodyHash/);
});

Deno.test("HttpServer refuses bodies that are too long, packed or unpacked, and the client hears of it", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  await using server = await start(subject);
  const bodies = [
    new Uint8Array(REPORT_BODY_LEN_MAX + 1),
    new Uint8Array(gzipSync(new Uint8Array(2 * REPORT_LEN_MAX))),
  ];
  for (const body of bodies) {
    const token = signToken({ PostCount: 0, BodyHash: reportBodyHash(body) });
    assert.equal((await ask(portOf(server), reportTarget(token), { method: "POST", body })).status, 413);
    // Of unknown length.
    const stream = ReadableStream.from([body]);
    assert.equal((await ask(portOf(server), reportTarget(token), { method: "POST", body: stream })).status, 413);
  }
  assert.equal(subject.snapshot(), before);
});

Deno.test("HttpServer stands a thousand bad requests at once", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  await using server = await start(subject);
  const port = portOf(server);
  const kinds: (() => Promise<unknown>)[] = [
    () => ask(port, "/nowhere"),
    () => ask(port, `${SUPERPARAMS}?NodeID=65536`),
    () => ask(port, reportTarget("a.b.c"), { method: "POST", body: new Uint8Array(1000) }),
    () => ask(port, "/manage/peer/add?Password=wrong", { method: "POST", body: new URLSearchParams({ NodeID: "1" }) }),
    () => exchange(port, "\0\x01\x02\r\n\r\n"),
    () => exchange(port, request("GET /", "Connection: close\r\nX\0: y\r\n")),
  ];
  const answers = await Promise.all(Array.from({ length: 1000 }, (_, index) => kinds[index % kinds.length]()));
  for (const answer of answers) {
    if (typeof answer === "string") assert.match(answer, /^HTTP\/1\.1 400 /);
    else assert.ok((answer as { status: number }).status >= 400);
  }
  assert.equal(subject.snapshot(), before);
  assert.equal((await subject.ask(STATE, { from: CLIENT })).status, 200);
});

Deno.test("Listener closes connections beyond its number, and takes new ones when there is room again", async () => {
  const log = new RecordingLog();
  const handler = () => Promise.resolve(new Response("here"));
  const limits = { ...SERVER_LIMITS, connections: 2 };
  await using listener = await Listener.start({ address: ANY_PORT, handler, tls: undefined, limits, log });
  const held = await Promise.all([1, 2].map(() => Deno.connect({ hostname: "127.0.0.1", port: listener.port })));
  // Both are known to the server once it has answered them.
  for (const connection of held) {
    await connection.write(new TextEncoder().encode(request("GET /")));
    await connection.read(new Uint8Array(1000));
  }
  assert.equal(await exchange(listener.port, request("GET /")), "");
  for (const connection of held) connection.close();
  let answer = "";
  while (answer === "") answer = await exchange(listener.port, request("GET /", "Connection: close\r\n"));
  assert.match(answer, /\bhere\b/);
});

Deno.test("Listener closes a connection whose client doesn't take its answer", async () => {
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(2 ** 16)) });
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  const body = endless.pipeThrough(new TransformStream({ cancel: () => resolve() }));
  const handler = () => Promise.resolve(new Response(body));
  const limits = { ...SERVER_LIMITS, idleMs: 200 };
  const log = new RecordingLog();
  await using listener = await Listener.start({ address: ANY_PORT, handler, tls: undefined, limits, log });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
  await connection.write(new TextEncoder().encode(request("GET /")));
  await cancelled;
  assert.deepEqual(log.take(), []);
});

Deno.test("Listener answers 500 after a mistake of ours, and logs where it was but nothing of the request", async () => {
  const log = new RecordingLog();
  const handler = () => Promise.reject(new TypeError("Cannot read secret"));
  await using listener = await Listener.start({ address: ANY_PORT, handler, tls: undefined, log });
  const response = await fetch(`http://127.0.0.1:${listener.port}/?Password=secret`);
  assert.equal(response.status, 500);
  await response.body?.cancel();
  const [logged] = log.take("error");
  assert.equal(logged.fields.error, "TypeError");
  assert.match(String(logged.fields.at), /server_test\.ts/);
  assert.ok(!JSON.stringify(logged).includes("secret"));
});

Deno.test("Listener finishes the answer that it is giving before it closes", async () => {
  const log = new RecordingLog();
  const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
  const { promise: mayAnswer, resolve: letAnswer } = Promise.withResolvers<void>();
  async function handler(): Promise<Response> {
    noteAsked();
    await mayAnswer;
    return new Response("finished");
  }
  const listener = await Listener.start({ address: ANY_PORT, handler, tls: undefined, log });
  const answer = fetch(`http://127.0.0.1:${listener.port}/`).then((response) => response.text());
  await asked;
  const closed = listener[Symbol.asyncDispose]();
  await assert.rejects(fetch(`http://127.0.0.1:${listener.port}/`));
  letAnswer();
  assert.equal(await answer, "finished");
  await closed;
});
