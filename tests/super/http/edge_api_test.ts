import { strict as assert } from "node:assert";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { ServerAction } from "../../../src/control/messages.ts";
import { reportBodyHash, signReportToken } from "../../../src/edge/report_token.ts";
import { REPORT_BODY_LEN_MAX, REPORT_LEN_MAX } from "../../../src/super/http/edge_api.ts";
import { createDocument } from "../../../src/super/json_document.ts";
import { PEER_REPORT_VECTORS } from "../../vectors/gob.ts";
import { GO_BODY, GO_TOKEN } from "../../vectors/report.ts";
import { publicKeyOf, REPORT, reportBody, reportTarget, signToken, TestSuper, TOKEN_KEY } from "./test_super.ts";

const S = 1000;

/** Returns the tokens that node 1 is told, by action. */
function tokensOf(subject: TestSuper): Map<number, string> {
  const tokens = new Map<number, string>();
  const { registry } = subject;
  for (let second = 0; second < 3; second++) {
    registry.handleTimeout(subject.nowMs += S);
    for (let push = registry.pollPush(); push !== undefined; push = registry.pollPush()) {
      if (push.nodeId === 1) tokens.set(push.update.action, push.update.params);
    }
  }
  return tokens;
}

function documentTarget(path: string, parameters: Record<string, string>): string {
  return `/edge/${path}?${new URLSearchParams({ NodeID: "1", PubKey: publicKeyOf(1), ...parameters })}`;
}

async function textOf(response: Response): Promise<string> {
  const octets = new Uint8Array(await response.arrayBuffer());
  assert.equal(response.headers.get("content-length"), String(octets.length));
  const isPacked = response.headers.get("content-encoding") === "gzip";
  return new TextDecoder().decode(isPacked ? gunzipSync(octets) : octets);
}

const DOCUMENTS = [
  { path: "superparams", action: ServerAction.UPDATE_PARAMETERS },
  { path: "peerinfo", action: ServerAction.UPDATE_PEERS },
  { path: "nhtable", action: ServerAction.UPDATE_NEXT_HOP },
];

for (const { path, action } of DOCUMENTS) {
  Deno.test(`GET /edge/${path} answers whoever shows the current token with JSON, compressed if asked for`, async () => {
    const subject = new TestSuper();
    subject.registry.setNextHops(createDocument(new TextEncoder().encode('{"1":{"2":2},"2":{"1":1}}')));
    const state = tokensOf(subject).get(action);
    assert.match(state ?? "", /^[0-9a-f]{32}$/);
    const target = documentTarget(path, { State: state ?? "" });

    const plain = await subject.ask(target);
    assert.equal(plain.status, 200);
    assert.equal(plain.headers.get("content-type"), "application/json");
    assert.equal(plain.headers.get("content-encoding"), null);
    const text = await textOf(plain);
    JSON.parse(text);

    const packed = await subject.ask(target, { headers: { "accept-encoding": "deflate, gzip;q=0.5" } });
    assert.equal(packed.headers.get("content-encoding"), "gzip");
    assert.equal(await textOf(packed), text);

    const unwanted = await subject.ask(target, { headers: { "accept-encoding": "br, gzip;q=0" } });
    assert.equal(unwanted.headers.get("content-encoding"), null);
    assert.equal(await textOf(unwanted), text);
  });

  Deno.test(`GET /edge/${path} refuses in the order of the specification, and changes nothing`, async () => {
    const subject = new TestSuper();
    const state = tokensOf(subject).get(action) ?? "";
    const before = subject.snapshot();
    const all = { NodeID: "1", PubKey: publicKeyOf(1), State: state };
    const cases: { name: string; parameters: Record<string, string>; status: number; says: RegExp }[] = [
      { name: "nothing", parameters: {}, status: 400, says: /missing/ },
      { name: "no NodeID", parameters: without(all, "NodeID"), status: 400, says: /NodeID is missing/ },
      { name: "no PubKey", parameters: without(all, "PubKey"), status: 400, says: /PubKey is missing/ },
      { name: "no State", parameters: without(all, "State"), status: 400, says: /State is missing/ },
      { name: "names in lower case", parameters: lowerCase(all), status: 400, says: /missing/ },
      { name: "no number", parameters: { ...all, NodeID: "one" }, status: 400, says: /NodeID/ },
      { name: "a number too large", parameters: { ...all, NodeID: "65536" }, status: 400, says: /NodeID/ },
      { name: "a reserved number", parameters: { ...all, NodeID: "65533" }, status: 400, says: /reserved/ },
      { name: "another node", parameters: { ...all, NodeID: "2" }, status: 404, says: /NodeID and PubKey/ },
      { name: "no node", parameters: { ...all, NodeID: "3" }, status: 404, says: /NodeID and PubKey/ },
      { name: "another key", parameters: { ...all, PubKey: publicKeyOf(2) }, status: 404, says: /NodeID and PubKey/ },
      { name: "no key", parameters: { ...all, PubKey: "" }, status: 404, says: /NodeID and PubKey/ },
      { name: "another token", parameters: { ...all, State: "0".repeat(32) }, status: 404, says: /State/ },
      { name: "a token with more", parameters: { ...all, State: `${state}0` }, status: 404, says: /State/ },
    ];
    for (const { name, parameters, status, says } of cases) {
      const response = await subject.ask(`/edge/${path}?${new URLSearchParams(parameters)}`);
      assert.equal(response.status, status, name);
      assert.match(await response.text(), says, name);
    }
    assert.equal(subject.snapshot(), before);
  });
}

function without(record: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}

function lowerCase(record: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key.toLowerCase(), value]));
}

Deno.test("GET /edge/nhtable answers with nothing before there is a table", async () => {
  const response = await new TestSuper().ask(documentTarget("nhtable", { State: "" }), {
    headers: { "accept-encoding": "gzip" },
  });
  assert.equal(response.status, 200);
  assert.equal(await textOf(response), "");
});

/** Sends a report of node 1. */
async function post(
  subject: TestSuper,
  token: string,
  body: Uint8Array<ArrayBuffer>,
  target = reportTarget(token),
): Promise<{ status: number; text: string }> {
  const headers = { "content-type": "application/octet-stream", "content-encoding": "gzip" };
  const response = await subject.ask(target, { method: "POST", body, headers });
  return { status: response.status, text: await response.text() };
}

function tokenFor(body: Uint8Array, count = 0, key = TOKEN_KEY): string {
  return signToken({ PostCount: count, BodyHash: reportBodyHash(body) }, key);
}

Deno.test("POST /edge/post/nodeinfo takes what a reference node sends, once", async () => {
  const subject = new TestSuper();
  subject.wallMs += S;
  assert.deepEqual(await post(subject, GO_TOKEN, GO_BODY), { status: 200, text: "OK" });
  assert.deepEqual(subject.reports, [{ nodeId: 1, report: REPORT }]);
  assert.equal(subject.registry.node(1)?.lastSeenWallMs, subject.wallMs);

  assert.equal((await post(subject, GO_TOKEN, GO_BODY)).status, 400);
  assert.equal(subject.reports.length, 1);
});

Deno.test("POST /edge/post/nodeinfo takes what our edges send", async () => {
  const subject = new TestSuper();
  const body = reportBody();
  const token = signReportToken(TOKEN_KEY, { PostCount: 0, BodyHash: reportBodyHash(body) });
  assert.equal((await post(subject, token, body)).status, 200);
  assert.equal(subject.reports.length, 1);
});

Deno.test("POST /edge/post/nodeinfo takes numbers in ascending order, and from the start after a restart of the edge", async () => {
  const subject = new TestSuper();
  const body = reportBody();
  const statusOf = async (count: number, key = TOKEN_KEY) =>
    (await post(subject, tokenFor(body, count, key), body)).status;
  const statuses: number[] = [];
  for (const count of [0, 0, 5, 4, 6]) statuses.push(await statusOf(count));
  assert.deepEqual(statuses, [200, 400, 200, 400, 200]);

  const newKey = new Uint8Array(32).fill(9);
  subject.register({ tokenKey: newKey, reportCount: 2 });
  assert.equal(await statusOf(7), 400);
  assert.deepEqual([await statusOf(1, newKey), await statusOf(2, newKey)], [400, 200]);
  assert.equal(subject.reports.length, 4);
});

Deno.test("POST /edge/post/nodeinfo takes one of two reports with one number that come at once", async () => {
  const subject = new TestSuper();
  const body = reportBody();
  const answers = await Promise.all([0, 1].map(() => post(subject, tokenFor(body), body)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400]);
  assert.equal(subject.reports.length, 1);
});

Deno.test("POST /edge/post/nodeinfo refuses everybody until the node has registered", async () => {
  const subject = new TestSuper();
  const body = reportBody();
  const token = tokenFor(body, 0, new Uint8Array(32));
  const target = reportTarget(token, 2, publicKeyOf(2));
  const { status, text } = await post(subject, token, body, target);
  assert.equal(status, 400);
  assert.match(text, /registered/);
  assert.equal(subject.reports.length, 0);
});

const BODY = reportBody();
const TOKEN = tokenFor(BODY);
const REFUSALS: { name: string; target: string; body?: Uint8Array<ArrayBuffer>; status: number; says: RegExp }[] = [
  { name: "no token", target: withoutToken(), status: 400, says: /JWTSig is missing/ },
  { name: "no number for an id", target: reportTarget(TOKEN, "x"), status: 400, says: /NodeID/ },
  { name: "a reserved id", target: reportTarget(TOKEN, 65535), status: 400, says: /reserved/ },
  { name: "a reserved id and no token", target: withoutToken(65535), status: 400, says: /reserved/ },
  { name: "a node that isn't there", target: reportTarget(TOKEN, 9), status: 404, says: /NodeID and PubKey/ },
  { name: "another node's key", target: reportTarget(TOKEN, 1, publicKeyOf(2)), status: 404, says: /PubKey/ },
  {
    name: "another node's token",
    target: reportTarget(tokenFor(BODY, 0, new Uint8Array(32))),
    status: 400,
    says: /sig/,
  },
  { name: "another body", target: reportTarget(TOKEN), body: Uint8Array.of(...BODY, 0), status: 400, says: /BodyHash/ },
  { name: "no body", target: reportTarget(TOKEN), body: new Uint8Array(0), status: 400, says: /BodyHash/ },
  signed("an empty body", new Uint8Array(0), 400, /gzip/),
  signed("a body that is no gzip", new TextEncoder().encode("plain"), 400, /gzip/),
  signed("gzip of nothing", pack(new Uint8Array(0)), 400, /gob/),
  signed("gzip of something else", pack(new TextEncoder().encode("not gob at all")), 400, /gob/),
  signed("a gzip bomb", pack(new Uint8Array(REPORT_LEN_MAX + 1)), 413, /8388608/),
  signed("a body that is too long", new Uint8Array(REPORT_BODY_LEN_MAX + 1), 413, /1048576/),
  signed("a latency that is no number", withLatency("010000000000f87f"), 400, /gob|number/),
  signed("an infinite latency", withLatency("000000000000f0ff"), 400, /gob|number/),
  signed("a latency of 1e308", withPong({ latencyS: 1e308 }), 400, /number/),
  signed("a life of 1e13 s", withPong({ timeToLiveS: 1e13 }), 400, /number/),
  signed("a cost of -1e300 ms", withPong({ additionalCostMs: -1e300 }), 400, /number/),
  signed("a rank of 1e308", reportBody({ ...REPORT, localV4: new Map([["192.0.2.1:1", 1e308]]) }), 400, /number/),
];

function withoutToken(nodeId = 1): string {
  return `/edge/post/nodeinfo?${new URLSearchParams({ NodeID: String(nodeId), PubKey: publicKeyOf(1) })}`;
}

function signed(name: string, body: Uint8Array<ArrayBuffer>, status: number, says: RegExp) {
  return { name, target: reportTarget(tokenFor(body)), body, status, says };
}

function pack(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(octets));
}

function withPong(change: Partial<typeof REPORT.pongs[0]>): Uint8Array<ArrayBuffer> {
  return reportBody({ ...REPORT, pongs: [{ ...REPORT.pongs[0], ...change }] });
}

/** Puts another number in the place of the latency: eight octets, last one first. Our encoder writes finite ones only. */
function withLatency(hex: string): Uint8Array<ArrayBuffer> {
  const gob = PEER_REPORT_VECTORS.at(-1)?.octets.toHex() ?? "";
  assert.match(gob, /f89a9999999999893f/);
  return pack(Uint8Array.fromHex(gob.replace("f89a9999999999893f", `f8${hex}`)));
}

for (const { name, target, body = BODY, status, says } of REFUSALS) {
  Deno.test(`POST /edge/post/nodeinfo refuses ${name} with ${status}, and changes nothing`, async () => {
    const subject = new TestSuper();
    const before = subject.snapshot();
    const answer = await post(subject, "", body, target);
    assert.equal(answer.status, status);
    assert.match(answer.text, says);
    assert.equal(subject.snapshot(), before);
  });
}

Deno.test("POST /edge/post/nodeinfo reads no body of somebody who doesn't say who they are", async () => {
  const subject = new TestSuper();
  let pulled = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1024));
    },
  }, { highWaterMark: 0 });
  const response = await subject.ask(reportTarget(TOKEN, 2), { method: "POST", body });
  assert.equal(response.status, 404);
  assert.equal(pulled, 0);
  await response.body?.cancel();
});

Deno.test("POST /edge/post/nodeinfo reads no more of a body than its limit, whatever the headers say", async () => {
  const subject = new TestSuper();
  let pulled = 0;
  let cancelled = false;
  const body = new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(REPORT_BODY_LEN_MAX / 4));
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  const response = await subject.ask(reportTarget(TOKEN), { method: "POST", body, headers: { "content-length": "5" } });
  assert.equal(response.status, 413);
  assert.deepEqual({ pulled, cancelled }, { pulled: 5, cancelled: true });
  await response.body?.cancel();
});

Deno.test("POST /edge/post/nodeinfo refuses a body that breaks off", async () => {
  const subject = new TestSuper();
  const body = new ReadableStream({
    pull(controller) {
      controller.error(new Error("the connection was reset"));
    },
  });
  const response = await subject.ask(reportTarget(TOKEN), { method: "POST", body });
  assert.equal(response.status, 400);
  assert.match(await response.text(), /complete/);
});

Deno.test("POST /edge/post/nodeinfo takes ten reports at once and two a second after that", async () => {
  const subject = new TestSuper();
  let count = 0;
  async function accepted(reports: number): Promise<number> {
    let taken = 0;
    for (let report = 0; report < reports; report++) {
      const { status } = await post(subject, tokenFor(BODY, count), BODY);
      assert.ok(status === 200 || status === 429);
      if (status === 200) taken++, count++;
    }
    return taken;
  }
  assert.equal(await accepted(12), 10);
  subject.nowMs += S;
  assert.equal(await accepted(4), 2);
  // Forged ones use nothing up.
  subject.nowMs += S;
  for (let forged = 0; forged < 20; forged++) await post(subject, tokenFor(BODY, count, new Uint8Array(32)), BODY);
  assert.equal(await accepted(4), 2);
});

Deno.test("POST /edge/post/nodeinfo refuses garbage of any kind with a 4xx, and changes nothing", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map(pack),
    fc.tuple(fc.nat(BODY.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
      const octets = Uint8Array.from(BODY);
      octets[at] ^= flip;
      return octets;
    }),
  ).map((octets) => new Uint8Array(octets));
  await fc.assert(
    fc.asyncProperty(garbage, fc.boolean(), async (body, isSigned) => {
      // The ten octets at its start say when and where the gzip was made: that doesn't matter.
      const content = safeGunzip(body);
      fc.pre(content === undefined || !isSigned || content !== safeGunzip(BODY));
      subject.nowMs += S;
      const { status } = await post(subject, isSigned ? tokenFor(body) : TOKEN, body);
      if (isSigned || body.toHex() !== BODY.toHex()) assert.ok(status >= 400 && status < 500, String(status));
      assert.equal(subject.snapshot(), before);
    }),
    { numRuns: 300 },
  );
});

function safeGunzip(octets: Uint8Array): string | undefined {
  try {
    return new Uint8Array(gunzipSync(octets)).toHex();
  } catch {
    return undefined;
  }
}

Deno.test("GET /edge/… refuses any parameters but the right ones, and changes nothing", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  const texts = fc.oneof(
    fc.string(),
    fc.constantFrom("1", "2", "NaN", "Inf", "1e308", "-1", "65533", "65536", publicKeyOf(1)),
  );
  const parameters = fc.record({
    NodeID: texts,
    PubKey: texts,
    State: fc.oneof(fc.stringMatching(/^[0-9a-f]{32}$/), texts),
  }, {
    requiredKeys: [],
  });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("superparams", "peerinfo"), parameters, async (path, parameters) => {
      const response = await subject.ask(`/edge/${path}?${new URLSearchParams(parameters as Record<string, string>)}`);
      assert.ok(response.status === 400 || response.status === 404, String(response.status));
      assert.equal(subject.snapshot(), before);
      await response.body?.cancel();
    }),
    { numRuns: 300 },
  );
});
