import { strict as assert } from "node:assert";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { formatKey } from "../../../src/config/key_text.ts";
import { FORM_LEN_MAX } from "../../../src/super/http/body.ts";
import { CLIENT, PASSWORDS, privateKeyOf, publicKeyOf, TestSuper } from "./test_super.ts";

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function read(response: Response): Promise<Answer> {
  return { status: response.status, text: await response.text() };
}

async function get(subject: TestSuper, path: string, query: Record<string, string>, from = CLIENT): Promise<Answer> {
  return await read(await subject.ask(`/manage/${path}?${new URLSearchParams(query)}`, { from }));
}

async function post(
  subject: TestSuper,
  path: string,
  query: Record<string, string>,
  form: Record<string, string> | string,
): Promise<Answer> {
  const body = new URLSearchParams(form);
  return await read(await subject.ask(`/manage/${path}?${new URLSearchParams(query)}`, { method: "POST", body }));
}

const NEW_PEER = {
  NodeID: "7",
  Name: "Seven",
  AdditionalCost: "1000",
  PubKey: publicKeyOf(7),
  SkipLocalIP: "TRUE",
  PSKey: "",
};
const ADD = { Password: PASSWORDS.addPeer };
const DEL = { Password: PASSWORDS.delPeer };
const UPDATE = { Password: PASSWORDS.updatePeer };
const SUPER = { Password: PASSWORDS.updateSuper };

const CALLS: {
  path: string;
  password: keyof typeof PASSWORDS;
  method: "GET" | "POST";
  query: Record<string, string>;
}[] = [
  { path: "super/state", password: "showState", method: "GET", query: {} },
  { path: "peer/add", password: "addPeer", method: "POST", query: NEW_PEER },
  { path: "peer/del", password: "delPeer", method: "GET", query: { NodeID: "1" } },
  { path: "peer/update", password: "updatePeer", method: "POST", query: { NodeID: "1", AdditionalCost: "5" } },
  { path: "super/update", password: "updateSuper", method: "POST", query: { DampingFilterRadius: "5" } },
];

for (const { path, password, method, query } of CALLS) {
  Deno.test(`/manage/${path} takes its own password, in the query or in a header, and no other`, async () => {
    const subject = new TestSuper();
    const before = subject.snapshot();
    const ask = (parameters: Record<string, string>, headers = {}) =>
      subject.ask(`/manage/${path}?${new URLSearchParams(parameters)}`, { method, headers }).then(read);
    assert.equal((await ask(query)).status, 400);
    assert.equal((await ask({ ...query, Password: "" })).status, 401);
    for (const [name, text] of Object.entries(PASSWORDS)) {
      if (name !== password) assert.equal((await ask({ ...query, Password: text })).status, 401, name);
    }
    assert.equal((await ask(query, { authorization: "Bearer wrong" })).status, 401);
    assert.equal(subject.snapshot(), before);

    assert.equal((await ask(query, { authorization: `Bearer ${PASSWORDS[password]}` })).status, 200);
    const other = new TestSuper();
    const target = `/manage/${path}?${new URLSearchParams({ ...query, Password: PASSWORDS[password] })}`;
    assert.equal((await read(await other.ask(target, { method }))).status, 200);
  });
}

Deno.test("/manage/… refuses an address after ten wrong passwords, with the right one too, and no other address", async () => {
  const subject = new TestSuper();
  const wrong = { Password: "wrong" };
  for (let guess = 0; guess < 10; guess++) assert.equal((await get(subject, "super/state", wrong)).status, 401);
  assert.equal((await get(subject, "super/state", wrong)).status, 429);
  assert.equal((await get(subject, "super/state", { Password: PASSWORDS.showState })).status, 429);
  assert.equal((await get(subject, "peer/del", { ...DEL, NodeID: "1" })).status, 429);
  assert.equal((await get(subject, "super/state", { Password: PASSWORDS.showState }, "192.0.2.2")).status, 200);
  subject.nowMs += 6_000;
  assert.equal((await get(subject, "super/state", { Password: PASSWORDS.showState })).status, 200);
});

Deno.test("/manage/… neither logs nor repeats passwords and private keys", async () => {
  const subject = new TestSuper();
  const answers = [
    await get(subject, "super/state", { Password: "wrong-password" }),
    await get(subject, "peer/del", { PrivKey: "no key, but secret" }),
    await get(subject, "peer/del", { PrivKey: formatKey(privateKeyOf(9)) }),
    await post(subject, "peer/add", ADD, NEW_PEER),
    await get(subject, "peer/del", { PrivKey: formatKey(privateKeyOf(1)) }),
  ];
  assert.deepEqual(answers.map(({ status }) => status), [401, 500, 404, 200, 200]);
  const said = JSON.stringify([answers, subject.log.take()]);
  const secrets = [
    "wrong-password",
    "but secret",
    ...Object.values(PASSWORDS),
    ...[1, 9].map(privateKeyOf).map(formatKey),
  ];
  for (const secret of secrets) assert.ok(!said.includes(secret), secret);
});

Deno.test("GET /manage/super/state answers with JSON, compressed if asked for", async () => {
  const subject = new TestSuper();
  const target = `/manage/super/state?Password=${PASSWORDS.showState}`;
  const plain = await subject.ask(target);
  assert.equal(plain.headers.get("content-type"), "application/json");
  const text = await plain.text();
  assert.equal(plain.headers.get("content-length"), String(text.length));
  assert.deepEqual(Object.keys(JSON.parse(text)), [
    "PeerInfo",
    "Infinity",
    "Edges",
    "Edges_Nh",
    "NhTable",
    "Dist",
    "Dist_noAC",
  ]);
  const packed = await subject.ask(target, { headers: { "accept-encoding": "gzip" } });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(gunzipSync(await packed.arrayBuffer()).toString(), text);
});

Deno.test("GET /manage/super/state sends a large state in pieces, the same every time for five seconds", async () => {
  const subject = new TestSuper();
  let collected = 0;
  const table = new TextEncoder().encode(`{"1":{${Array.from({ length: 60_000 }, (_, id) => `"${id}":1`).join()}}}`);
  subject.routeState = () => {
    collected++;
    return Promise.resolve({ edges: table, usedEdges: table, nextHops: table, costs: table, latencies: undefined });
  };
  const query = { Password: PASSWORDS.showState };
  const first = await get(subject, "super/state", query);
  assert.equal(Object.keys(JSON.parse(first.text).Edges[1]).length, 60_000);
  subject.nowMs += 4_999;
  assert.equal((await get(subject, "super/state", query)).text, first.text);
  assert.equal(collected, 1);
  subject.nowMs += 1;
  await get(subject, "super/state", query);
  assert.equal(collected, 2);
});

Deno.test("GET /manage/super/state shows a change at once", async () => {
  const subject = new TestSuper();
  const query = { Password: PASSWORDS.showState };
  const peers = async () => Object.keys(JSON.parse((await get(subject, "super/state", query)).text).PeerInfo);
  assert.deepEqual(await peers(), ["1", "2"]);
  await post(subject, "peer/add", ADD, NEW_PEER);
  assert.deepEqual(await peers(), ["1", "2", "7"]);
  await get(subject, "peer/del", { ...DEL, NodeID: "1" });
  assert.deepEqual(await peers(), ["2", "7"]);
});

Deno.test("POST /manage/peer/add adds a node as its form says, and answers with its configuration", async () => {
  const subject = new TestSuper();
  assert.deepEqual(await post(subject, "peer/add", ADD, NEW_PEER), { status: 200, text: "NodeID: 7\n" });
  const node = subject.registry.node(7);
  assert.equal(node?.name, "Seven");
  assert.equal(node?.publicKeyText, publicKeyOf(7));
  assert.equal(node?.additionalCostMs, 1000);
  assert.equal(node?.skipsLocalAddresses, true);
  assert.deepEqual(subject.deeds, ["saved: add 7", "sessions for 7", "ring"]);
});

Deno.test("POST /manage/peer/add prefers the form to the query, and takes what only the query has", async () => {
  const subject = new TestSuper();
  const { Name, ...form } = NEW_PEER;
  const { status } = await post(subject, "peer/add", { ...ADD, Name, NodeID: "8" }, form);
  assert.equal(status, 200);
  assert.equal(subject.registry.node(7)?.name, "Seven");
});

Deno.test("POST /manage/peer/add doesn't read a body of another kind", async () => {
  const subject = new TestSuper();
  const response = await subject.ask(`/manage/peer/add?Password=${PASSWORDS.addPeer}`, {
    method: "POST",
    body: JSON.stringify(NEW_PEER),
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual(await read(response), { status: 400, text: "NodeID is missing" });
});

const BAD_PEERS: { name: string; change: Record<string, string | undefined>; status: number; says: RegExp }[] = [
  { name: "no NodeID", change: { NodeID: undefined }, status: 400, says: /NodeID/ },
  { name: "no Name", change: { Name: undefined }, status: 400, says: /Name/ },
  { name: "no AdditionalCost", change: { AdditionalCost: undefined }, status: 400, says: /AdditionalCost/ },
  { name: "no PubKey", change: { PubKey: undefined }, status: 400, says: /PubKey/ },
  { name: "no SkipLocalIP", change: { SkipLocalIP: undefined }, status: 400, says: /SkipLocalIP/ },
  { name: "an id that is no number", change: { NodeID: "seven" }, status: 400, says: /NodeID/ },
  { name: "an id too large", change: { NodeID: "65536" }, status: 400, says: /NodeID/ },
  { name: "a cost that is no number", change: { AdditionalCost: "NaN" }, status: 400, says: /AdditionalCost/ },
  { name: "an infinite cost", change: { AdditionalCost: "+Inf" }, status: 400, says: /AdditionalCost/ },
  { name: "a cost of 1e308", change: { AdditionalCost: "1e308" }, status: 400, says: /AdditionalCost/ },
  { name: "a name that is long", change: { Name: "é".repeat(17) }, status: 400, says: /Name/ },
  { name: "a name of two lines", change: { Name: "a\nb" }, status: 400, says: /Name/ },
  { name: "an id in use", change: { NodeID: "2" }, status: 409, says: /NodeID/ },
  { name: "a name in use", change: { Name: "Node_2" }, status: 409, says: /Name/ },
  { name: "a key in use", change: { PubKey: publicKeyOf(2) }, status: 409, says: /PubKey/ },
  { name: "a reserved id", change: { NodeID: "65533" }, status: 417, says: /reserved/ },
  { name: "a key that is none", change: { PubKey: "AAAA" }, status: 417, says: /PubKey/ },
  { name: "a key of zeros", change: { PubKey: formatKey(new Uint8Array(32)) }, status: 417, says: /PubKey/ },
  { name: "a preshared key that is none", change: { PSKey: "secret" }, status: 417, says: /PSKey/ },
];
for (const { name, change, status, says } of BAD_PEERS) {
  Deno.test(`POST /manage/peer/add refuses ${name} with ${status}, and changes nothing`, async () => {
    const subject = new TestSuper();
    const before = subject.snapshot();
    const form = Object.entries({ ...NEW_PEER, ...change }).filter(([, value]) => value !== undefined);
    const answer = await post(subject, "peer/add", ADD, Object.fromEntries(form) as Record<string, string>);
    assert.equal(answer.status, status);
    assert.match(answer.text, says);
    assert.equal(subject.snapshot(), before);
  });
}

Deno.test("POST /manage/peer/add refuses a form that is too long", async () => {
  const subject = new TestSuper();
  const answer = await post(subject, "peer/add", ADD, { ...NEW_PEER, Padding: "x".repeat(FORM_LEN_MAX) });
  assert.equal(answer.status, 413);
});

Deno.test("/manage/peer/del removes a node by its id", async () => {
  const subject = new TestSuper();
  const answer = await get(subject, "peer/del", { ...DEL, NodeID: "2" });
  assert.equal(answer.status, 200);
  assert.match(answer.text, /\b2\b/);
  assert.equal(subject.registry.node(2), undefined);
  assert.deepEqual(subject.deeds, ["saved: remove 2", "dismiss 2", "ring"]);
});

Deno.test("/manage/peer/del removes a node that proves itself by its private key, in the query or in a form", async () => {
  const PrivKey = formatKey(privateKeyOf(1));
  const subject = new TestSuper();
  assert.equal((await get(subject, "peer/del", { PrivKey })).status, 200);
  assert.equal(subject.registry.node(1), undefined);
  const other = new TestSuper();
  assert.equal((await post(other, "peer/del", {}, { PrivKey })).status, 200);
  assert.equal(other.registry.node(1), undefined);
});

const BAD_REMOVALS: { name: string; query: Record<string, string>; status: number; says: RegExp }[] = [
  { name: "neither password nor key", query: { NodeID: "1" }, status: 400, says: /Password or PrivKey/ },
  { name: "no id", query: DEL, status: 400, says: /NodeID/ },
  { name: "an id that is no number", query: { ...DEL, NodeID: "-1" }, status: 400, says: /NodeID/ },
  { name: "an id of nobody", query: { ...DEL, NodeID: "9" }, status: 404, says: /9/ },
  { name: "a wrong password beside a right key", query: wrongBesideKey(), status: 401, says: /Password/ },
  { name: "a key that is none", query: { PrivKey: "AAAA" }, status: 500, says: /PrivKey/ },
  {
    name: "a key of nobody",
    query: { PrivKey: formatKey(privateKeyOf(9)) },
    status: 404,
    says: new RegExp(RegExp.escape(publicKeyOf(9))),
  },
];

function wrongBesideKey(): Record<string, string> {
  return { Password: "wrong", PrivKey: formatKey(privateKeyOf(1)) };
}

for (const { name, query, status, says } of BAD_REMOVALS) {
  Deno.test(`/manage/peer/del refuses ${name} with ${status}, and changes nothing`, async () => {
    const subject = new TestSuper();
    const before = subject.snapshot();
    const answer = await get(subject, "peer/del", query);
    assert.equal(answer.status, status);
    assert.match(answer.text, says);
    assert.equal(subject.snapshot(), before);
  });
}

Deno.test("/manage/peer/del counts wrong private keys as wrong passwords", async () => {
  const subject = new TestSuper();
  const query = { PrivKey: formatKey(privateKeyOf(9)) };
  for (let guess = 0; guess < 10; guess++) assert.equal((await get(subject, "peer/del", query)).status, 404);
  assert.equal((await get(subject, "peer/del", { PrivKey: formatKey(privateKeyOf(1)) })).status, 429);
  assert.equal((await get(subject, "super/state", { Password: PASSWORDS.showState })).status, 429);
});

Deno.test("POST /manage/peer/update changes what it is given, and says so", async () => {
  const subject = new TestSuper();
  const answer = await post(subject, "peer/update", { ...UPDATE, NodeID: "1" }, {
    AdditionalCost: "-1",
    SkipLocalIP: "True",
  });
  assert.equal(answer.status, 200);
  const [first, ...lines] = answer.text.split("\n");
  assert.match(first, /\b1\b/);
  assert.deepEqual(lines, ["AdditionalCost = -1", "SkipLocalIP = true"]);
  assert.equal(subject.registry.node(1)?.additionalCostMs, -1);
  assert.equal(subject.registry.node(1)?.skipsLocalAddresses, true);
  assert.deepEqual(subject.deeds, ['saved: change 1 {"additionalCostMs":-1,"skipsLocalAddresses":true}', "ring"]);
});

Deno.test("POST /manage/peer/update ignores what doesn't convert, and changes nothing if nothing is left", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  for (const AdditionalCost of ["", "ten", "NaN", "Inf", "1e999"]) {
    const answer = await post(subject, "peer/update", { ...UPDATE, NodeID: "1" }, { AdditionalCost });
    assert.equal(answer.status, 200);
    assert.match(answer.text, /Nothing changed/);
  }
  assert.equal(subject.snapshot(), before);
});

Deno.test("POST /manage/peer/update refuses nodes that aren't there and costs out of range", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  const statusOf = async (query: Record<string, string>, form: Record<string, string>) =>
    (await post(subject, "peer/update", { ...UPDATE, ...query }, form)).status;
  assert.equal(await statusOf({}, { NodeID: "1", AdditionalCost: "5" }), 400);
  assert.equal(await statusOf({ NodeID: "one" }, { AdditionalCost: "5" }), 400);
  assert.equal(await statusOf({ NodeID: "9" }, { AdditionalCost: "5" }), 404);
  assert.equal(await statusOf({ NodeID: "9" }, {}), 404);
  assert.equal(await statusOf({ NodeID: "1" }, { AdditionalCost: "1e308" }), 400);
  assert.equal(subject.snapshot(), before);
});

Deno.test("POST /manage/super/update changes what it is given, and says so", async () => {
  const subject = new TestSuper();
  const form = { SendPingInterval: "20", HttpPostInterval: "0", PeerAliveTimeout: "1.5e2", DampingFilterRadius: "7" };
  const answer = await post(subject, "super/update", SUPER, form);
  assert.deepEqual(answer, {
    status: 200,
    text: "SendPingInterval = 20\nHttpPostInterval = 0\nPeerAliveTimeout = 150\nDampingFilterRadius = 7",
  });
  const { parameters } = subject.registry;
  assert.deepEqual([parameters.pingIntervalMs, parameters.reportIntervalMs], [20_000, 0]);
  assert.deepEqual([parameters.peerAliveTimeoutMs, parameters.dampingFilterRadius], [150_000, 7]);
  assert.equal(parameters.rePushIntervalMs, 30_000);
});

Deno.test("POST /manage/super/update takes the interval of reports alone", async () => {
  const subject = new TestSuper();
  assert.equal((await post(subject, "super/update", SUPER, { HttpPostInterval: "70" })).status, 200);
  assert.equal(subject.registry.parameters.reportIntervalMs, 70_000);
});

const BAD_PARAMETERS: { name: string; form: Record<string, string>; says: RegExp }[] = [
  { name: "no time until a peer counts as dead", form: { PeerAliveTimeout: "0" }, says: /PeerAliveTimeout/ },
  { name: "a negative one", form: { PeerAliveTimeout: "-1" }, says: /PeerAliveTimeout/ },
  { name: "one of 1e308", form: { PeerAliveTimeout: "1e308" }, says: /PeerAliveTimeout/ },
  { name: "one below the present interval of pings", form: { PeerAliveTimeout: "15" }, says: /SendPingInterval/ },
  { name: "one below the present interval of reports", form: { PeerAliveTimeout: "20" }, says: /HttpPostInterval/ },
  { name: "no interval of pings", form: { SendPingInterval: "0" }, says: /SendPingInterval/ },
  { name: "one that is no time at all", form: { SendPingInterval: "1e-9" }, says: /SendPingInterval/ },
  { name: "pings as rare as the timeout", form: { SendPingInterval: "70" }, says: /SendPingInterval/ },
  { name: "a negative interval of reports", form: { HttpPostInterval: "-1" }, says: /HttpPostInterval/ },
  { name: "reports rarer than the timeout", form: { HttpPostInterval: "70.1" }, says: /HttpPostInterval/ },
  { name: "a great radius", form: { DampingFilterRadius: "65536" }, says: /DampingFilterRadius/ },
  {
    name: "one bad value of two",
    form: { SendPingInterval: "10", HttpPostInterval: "4000" },
    says: /HttpPostInterval/,
  },
];
for (const { name, form, says } of BAD_PARAMETERS) {
  Deno.test(`POST /manage/super/update refuses ${name}, and changes nothing`, async () => {
    const subject = new TestSuper();
    const before = subject.snapshot();
    const answer = await post(subject, "super/update", SUPER, form);
    assert.equal(answer.status, 400);
    assert.match(answer.text, says);
    assert.equal(subject.snapshot(), before);
  });
}

Deno.test("POST /manage/super/update ignores what doesn't convert", async () => {
  const subject = new TestSuper();
  const before = subject.snapshot();
  const form = {
    SendPingInterval: "fast",
    HttpPostInterval: "NaN",
    PeerAliveTimeout: "Inf",
    DampingFilterRadius: "-1",
  };
  assert.deepEqual(await post(subject, "super/update", SUPER, form), { status: 200, text: "Nothing changed" });
  assert.equal(subject.snapshot(), before);
});

Deno.test("/manage/… changes nothing whatever is sent without a password, and stays sound whatever is sent with one", async () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("0", "1", "2", "7", "65533", "65536", "NaN", "Inf", "-Inf", "1e308", "1e-308", "0x1p9", "true", ""),
    fc.constantFrom(publicKeyOf(1), publicKeyOf(7), formatKey(new Uint8Array(32)), "{}", '{"1":{"2":2}}', "null"),
  );
  const names = ["NodeID", "Name", "AdditionalCost", "PubKey", "SkipLocalIP", "PSKey", "NextHopTable"];
  const parameters = ["SendPingInterval", "HttpPostInterval", "PeerAliveTimeout", "DampingFilterRadius"];
  const form = fc.dictionary(fc.constantFrom(...names, ...parameters, "PrivKey"), value);
  const call = fc.constantFrom(...CALLS);
  await fc.assert(
    fc.asyncProperty(call, form, fc.boolean(), async ({ path, method, password }, form, isKnown) => {
      const subject = new TestSuper();
      const before = subject.snapshot();
      const query: Record<string, string> = isKnown ? { Password: PASSWORDS[password] } : {};
      if (method === "GET" || form.NodeID !== undefined) Object.assign(query, form);
      const target = `/manage/${path}?${new URLSearchParams(query)}`;
      const body = method === "POST" ? new URLSearchParams(form) : null;
      const { status } = await read(await subject.ask(target, { method, body }));
      assert.ok([200, 400, 401, 404, 409, 417, 500].includes(status), String(status));
      if (status !== 200) assert.equal(subject.snapshot(), before);
      if (!isKnown) assert.ok(status >= 400);
      const { pingIntervalMs, peerAliveTimeoutMs, reportIntervalMs } = subject.registry.parameters;
      assert.ok(pingIntervalMs > 0 && pingIntervalMs < peerAliveTimeoutMs && reportIntervalMs <= peerAliveTimeoutMs);
      for (const node of subject.registry.nodes()) assert.ok(Math.abs(node.additionalCostMs) <= 1e9);
    }),
    { numRuns: 300 },
  );
});
