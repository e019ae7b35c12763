import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { DocumentExchange, FRAGMENTS_PER_CALL, REQUEST_MEMORY_MAX } from "../../src/control/document_exchange.ts";
import { type Document, DOCUMENT_LEN_MAX, DocumentKind, DocumentStatus } from "../../src/control/documents.ts";
import { BODY_LEN_MAX, DocumentNet, type DocumentNode, documentOf, type LinkOptions, noise } from "./document_net.ts";

const { PARAMETERS, PEERS, NEXT_HOPS, REPORT } = DocumentKind;
const TOKEN = new TextEncoder().encode("0123456789abcdef0123456789abcdef");
const JSON_LIKE = new TextEncoder().encode('{"Infinity":99999,"NodeID_1":65533,"latency":0.0123},'.repeat(4_000));

interface Two {
  readonly net: DocumentNet;
  readonly edge: DocumentNode;
  readonly superNode: DocumentNode;
}

/** An edge, which knows the super as peer 0, and a super, which knows the edge as peer 7. */
function createTwo(seed: number, options: LinkOptions): Two {
  const net = new DocumentNet(seed);
  const edge = net.addNode();
  const superNode = net.addNode();
  net.join(edge, 0, superNode, 7, options);
  return { net, edge, superNode };
}

function assertNothingLeft({ net, edge, superNode }: Two): void {
  net.run(net.nowMs + 120_000);
  assert.equal(edge.exchange.pollTimeout(), Infinity);
  assert.equal(superNode.exchange.pollTimeout(), Infinity);
  assert.equal(superNode.exchange.requestMemoryLen, 0);
}

Deno.test("DocumentExchange asks, serves and answers with three messages if all is short and nothing is lost", () => {
  const two = createTwo(1, {});
  const document = documentOf(new TextEncoder().encode('{"PingInterval":15}'));
  two.superNode.answer = () => ({ status: 200, document });
  const asked = two.edge.ask(0, PARAMETERS, TOKEN);
  assert.equal(asked.calls, 0, "never before request() returns");
  two.net.run(1_000);
  assert.equal(asked.status, 200);
  assert.deepEqual(asked.body, document.plain);
  assert.deepEqual(two.superNode.served, [{ peerRow: 7, kind: PARAMETERS, payload: TOKEN }]);
  assert.equal(two.edge.sentCount + two.superNode.sentCount, 3);
  assert.equal(document.gzipCalls, 0, "what fits a message isn't compressed");
  assertNothingLeft(two);
});

Deno.test("DocumentExchange hands on each status, and an answer without a document as an empty body", () => {
  for (const status of [100, DocumentStatus.OK, DocumentStatus.NOT_FOUND, DocumentStatus.TOO_MANY, 599]) {
    const two = createTwo(2, {});
    two.superNode.answer = () => ({ status, document: undefined });
    const asked = two.edge.ask(0, PEERS, TOKEN);
    two.net.run(1_000);
    assert.deepEqual([asked.status, asked.body?.length, asked.calls], [status, 0, 1]);
  }
});

Deno.test("DocumentExchange carries bodies of every length around the borders of fragments", () => {
  const fragmentLen = BODY_LEN_MAX - 22;
  for (const count of [1, 2, 3, 256, 257, 258]) {
    for (const difference of [-1, 0, 1]) {
      const two = createTwo(count, {});
      const plain = noise(count * fragmentLen + difference, count);
      two.superNode.answer = () => ({ status: 200, document: documentOf(plain) });
      const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
      two.net.run(20_000);
      assert.deepEqual(asked.body, plain, `${count} fragments ${difference}`);
    }
  }
});

Deno.test("DocumentExchange compresses a document if that makes it shorter, and shows it inflated", () => {
  for (const [plain, isShorter] of [[JSON_LIKE, true], [noise(50_000, 1), false]] as const) {
    const two = createTwo(3, {});
    const document = documentOf(plain);
    two.superNode.answer = () => ({ status: 200, document });
    const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
    two.net.run(10_000);
    assert.deepEqual(asked.body, plain);
    assert.equal(two.superNode.sentCount < 10, isShorter);
  }
});

Deno.test("DocumentExchange delivers both ways at once over lossy, reordering, duplicating paths, and serves each once", () => {
  for (let seed = 1; seed <= 120; seed++) {
    const loss = (seed % 9) / 20;
    const options = { delayMs: 5 + seed % 70, jitterMs: seed % 4 * 15, loss, duplicates: seed % 3 / 10 };
    const two = createTwo(seed, options);
    const { net, edge, superNode } = two;
    const report = noise(1 + seed * 701, seed);
    const table = noise(1 + (seed * 7919) % 150_000, seed + 1_000);
    superNode.answer = (_peer, kind) => ({ status: 200, document: kind === REPORT ? undefined : documentOf(table) });
    edge.answer = () => ({ status: 200, document: documentOf(report) });
    const asked = [edge.ask(0, REPORT, report), edge.ask(0, NEXT_HOPS, TOKEN), edge.ask(0, PARAMETERS, TOKEN)];
    const back = superNode.ask(7, PEERS, TOKEN);
    net.run(1_200_000);
    const name = `seed ${seed}, loss ${loss}`;
    assert.deepEqual([...asked, back].map((one) => [one.status, one.calls]), Array(4).fill([200, 1]), name);
    assert.ok(asked[0].body?.length === 0 && isSame(asked[1].body, table), name);
    assert.ok(isSame(asked[2].body, table) && isSame(back.body, report), name);
    assert.deepEqual(superNode.served.map(({ kind }) => kind).sort(), [PARAMETERS, NEXT_HOPS, REPORT], name);
    assert.ok(isSame(superNode.served.find(({ kind }) => kind === REPORT)?.payload, report), name);
    assert.equal(edge.served.length, 1, name);
    assertNothingLeft(two);
  }
});

function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

for (const queueLen of [10, 30, 100]) {
  Deno.test(`DocumentExchange fills a link of 5 Mbit/s with 10 MB, where ${queueLen} datagrams wait at most`, () => {
    const bitsPerSecond = 5e6;
    const two = createTwo(5, { delayMs: 20, bitsPerSecond, queueLen });
    const plain = noise(10_000_000, 5);
    two.superNode.answer = () => ({ status: 200, document: documentOf(plain) });
    const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
    two.net.run(100_000);
    assert.equal(asked.status, 200);
    const goodput = plain.length * 8 / (asked.answeredMs / 1000);
    const fragments = Math.ceil(plain.length / (BODY_LEN_MAX - 22));
    assert.ok(goodput >= 0.7 * bitsPerSecond, `${Math.round(goodput)} bit/s`);
    assert.ok(two.superNode.sentCount <= 1.05 * fragments, `${two.superNode.sentCount} messages`);
    assert.ok(two.edge.sentCount <= 0.6 * fragments, `${two.edge.sentCount} acknowledgements`);
  });
}

Deno.test("DocumentExchange has at most 64 fragments on their way to a peer, and sends a limited number in a call", () => {
  const two = createTwo(6, { delayMs: 300 });
  const documents = new Map<number, Document>(
    [PARAMETERS, PEERS, NEXT_HOPS].map((kind) => [kind, documentOf(noise(2_000_000, kind))]),
  );
  two.superNode.answer = (_peer, kind) => ({ status: 200, document: documents.get(kind) });
  const asked = [PARAMETERS, PEERS, NEXT_HOPS].map((kind) => two.edge.ask(0, kind, TOKEN));
  let sentBefore = 0;
  for (let roundTrips = 0; asked.some(({ calls }) => calls === 0); roundTrips++) {
    two.net.run(two.net.nowMs + 600);
    assert.ok(two.superNode.sentCount - sentBefore <= 64 + 2);
    sentBefore = two.superNode.sentCount;
    assert.ok(roundTrips < 200);
  }
  assert.ok(two.superNode.burstMax > 1 && two.superNode.burstMax <= 64);
  const answeredMs = asked.map((one) => one.answeredMs);
  assert.ok(Math.max(...answeredMs) < 1.05 * Math.min(...answeredMs), "transfers take turns");
});

Deno.test("DocumentExchange sends a thousand edges one document of 8 MB without a copy of it for each", () => {
  const superNode = new DocumentNet(7).addNode();
  const document = documentOf(noise(8_000_000, 7));
  superNode.answer = () => ({ status: 200, document });
  const request = captureFirst(NEXT_HOPS, TOKEN);
  superNode.receive(5_000, request);
  const before = Deno.memoryUsage();
  for (let row = 0; row < 1_000; row++) superNode.receive(row, request);
  while (superNode.exchange.pollTimeout() <= 0) superNode.exchange.handleTimeout(0);
  const after = Deno.memoryUsage();
  assert.ok(superNode.sentCount >= 1_000);
  assert.ok(after.rss - before.rss < 400e6, `${after.rss - before.rss} octets`);
});

Deno.test("DocumentExchange serves a thousand edges at once, with limited work in a call", () => {
  const net = new DocumentNet(7);
  const superNode = net.addNode();
  const edges = Array.from({ length: 1_000 }, (_, row) => {
    const edge = net.addNode();
    net.join(edge, 0, superNode, row, { delayMs: 20 + row % 40, jitterMs: 5, loss: 0.02 });
    return edge;
  });
  const document = documentOf(JSON_LIKE);
  superNode.answer = () => ({ status: 200, document });
  const asked = edges.map((edge) => edge.ask(0, NEXT_HOPS, TOKEN));
  net.run(60_000);
  assert.ok(asked.every(({ body }) => isSame(body, JSON_LIKE)));
  assert.ok(superNode.burstMax <= FRAGMENTS_PER_CALL);
  assert.equal(superNode.served.length, 1_000);
  assert.equal(superNode.exchange.pollTimeout(), Infinity);
});

Deno.test("DocumentExchange takes in a thousand reports of 1 MiB in turn: no more at a time than there is memory for", () => {
  const net = new DocumentNet(8);
  const superNode = net.addNode();
  const announced = Array.from({ length: 1_000 }, () => 0);
  // One fragment of each: what the memory is reserved by.
  const first = captureFirst(REPORT, noise(1 << 20, 8));
  for (const row of announced.keys()) announced[row] = superNode.receive(row, first);
  assert.equal(superNode.exchange.requestMemoryLen, REQUEST_MEMORY_MAX);
  assert.equal(announced.filter((reason) => reason === Reason.NONE).length, 64);
  assert.equal(announced.filter((reason) => reason === Reason.RATE_LIMITED).length, 936);
  net.run(31_000);
  assert.equal(superNode.exchange.requestMemoryLen, 0, "given back after half a minute without progress");
  const edge = net.addNode();
  net.join(edge, 0, superNode, 5_000, {});
  superNode.answer = () => ({ status: 200, document: undefined });
  const asked = edge.ask(0, REPORT, noise(1 << 20, 9));
  net.run(60_000);
  assert.equal(asked.status, 200);
});

/** Returns the first message that a request makes. */
function captureFirst(kind: number, payload: Uint8Array): Uint8Array {
  const messages = captureAll(kind, payload, 1);
  return messages[0];
}

/** Returns the messages of a request to somebody who never answers. */
function captureAll(kind: number, payload: Uint8Array, seed: number): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const exchange = new DocumentExchange({
    send: (_peer, body) => {
      messages.push(body);
      return true;
    },
    serve: () => ({ status: 404, document: undefined }),
    random: seededRandom(seed),
    bodyLenMax: BODY_LEN_MAX,
  });
  assert.ok(exchange.request(0, kind, payload, 0, () => {}));
  while (exchange.pollTimeout() <= 0) exchange.handleTimeout(0);
  return messages;
}

Deno.test("request() refuses a second request of a kind to a peer while one is under way, and one that is too long", () => {
  const { exchange } = createTwo(9, {}).edge;
  function ignore(): void {}
  for (const kind of [PARAMETERS, PEERS, NEXT_HOPS, REPORT]) {
    assert.ok(exchange.request(0, kind, TOKEN, 0, ignore));
    assert.ok(!exchange.request(0, kind, TOKEN, 0, ignore));
    assert.ok(exchange.request(1, kind, TOKEN, 0, ignore), "to another peer");
  }
  assert.ok(!exchange.request(2, REPORT, new Uint8Array((1 << 20) + 1), 0, ignore));
  assert.ok(!exchange.request(2, PEERS, new Uint8Array(1025), 0, ignore));
  assert.ok(exchange.request(2, REPORT, new Uint8Array(1 << 20), 0, ignore));
});

Deno.test("request() may be called by the one that is told an answer", () => {
  const two = createTwo(10, {});
  let answers = 0;
  function ask(nowMs: number): boolean {
    return two.edge.exchange.request(0, PEERS, TOKEN, nowMs, (_answer, laterMs) => {
      if (++answers < 3) assert.ok(ask(laterMs));
    });
  }
  assert.ok(ask(0));
  two.edge.wake();
  two.net.run(10_000);
  assert.equal(answers, 3);
  assert.equal(two.superNode.served.length, 3);
});

Deno.test("DocumentExchange tells that there is no answer once nothing came for a minute", () => {
  const net = new DocumentNet(11);
  const edge = net.addNode();
  const asked = edge.ask(0, PEERS, TOKEN);
  net.run(59_999);
  assert.equal(asked.calls, 0);
  net.run(60_001);
  assert.deepEqual([asked.status, asked.calls, asked.answeredMs], [-1, 1, 60_000]);
  net.run(200_000);
  assert.equal(asked.calls, 1);
});

Deno.test("DocumentExchange waits longer than a minute for an answer that gets on", () => {
  const two = createTwo(12, { bitsPerSecond: 200_000, queueLen: 50 });
  const plain = noise(3_000_000, 12);
  two.superNode.answer = () => ({ status: 200, document: documentOf(plain) });
  const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
  two.net.run(300_000);
  assert.ok(isSame(asked.body, plain));
  assert.ok(asked.answeredMs > 120_000);
});

Deno.test("forgetPeer() tells whoever waits that there is no answer, once, and lets everything go", () => {
  const two = createTwo(13, { delayMs: 50 });
  two.superNode.answer = () => ({ status: 200, document: documentOf(noise(1_000_000, 13)) });
  const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
  const report = two.edge.ask(0, REPORT, noise(1 << 20, 1));
  two.net.run(400);
  assert.ok(two.superNode.exchange.requestMemoryLen > 0);
  two.edge.exchange.forgetPeer(0, 400);
  assert.deepEqual([asked.calls, asked.status, report.calls, report.status], [1, -1, 1, -1]);
  assert.equal(two.edge.exchange.pollTimeout(), Infinity);
  two.superNode.exchange.forgetPeer(7, 400);
  assert.equal(two.superNode.exchange.requestMemoryLen, 0);
  assert.equal(two.superNode.exchange.pollTimeout(), Infinity);
  two.net.run(10_000);
  assert.deepEqual([asked.calls, report.calls], [1, 1]);
  two.superNode.answer = () => ({ status: 404, document: undefined });
  const again = two.edge.ask(0, NEXT_HOPS, TOKEN);
  two.net.run(20_000);
  assert.equal(again.status, 404, "and one can begin anew");
});

Deno.test("DocumentExchange stops sending what its requester doesn't want any more", () => {
  const two = createTwo(14, { delayMs: 20 });
  two.superNode.answer = () => ({ status: 200, document: documentOf(noise(5_000_000, 14)) });
  two.edge.ask(0, NEXT_HOPS, TOKEN);
  two.net.run(300);
  two.edge.exchange.forgetPeer(0, 300);
  two.net.run(400);
  const { sentCount } = two.superNode;
  two.net.run(100_000);
  assert.equal(two.superNode.sentCount, sentCount);
  assert.equal(two.superNode.exchange.pollTimeout(), Infinity);
});

Deno.test("DocumentExchange ends a request soon if the one asked has begun anew and knows nothing of it", () => {
  const two = createTwo(15, { delayMs: 50 });
  two.superNode.answer = () => ({ status: 200, document: documentOf(noise(5_000_000, 15)) });
  const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
  two.net.run(500);
  two.superNode.exchange.forgetPeer(7, 500);
  two.net.run(4_000);
  assert.deepEqual([asked.status, asked.calls], [-1, 1]);
});

Deno.test("DocumentExchange keeps an answer for 10 s after its end, and one that gets stuck for 30 s", () => {
  for (const [length, keptMs] of [[100, 10_000], [5_000_000, 30_000]]) {
    const two = createTwo(16, { delayMs: 20 });
    two.superNode.answer = () => ({ status: 200, document: documentOf(noise(length, 16)) });
    // The answer goes nowhere.
    two.superNode.link(7, undefined);
    two.superNode.receive(7, captureFirst(NEXT_HOPS, TOKEN));
    two.net.run(keptMs - 1);
    assert.ok(two.superNode.exchange.pollTimeout() < Infinity);
    two.net.run(keptMs + 1);
    assert.equal(two.superNode.exchange.pollTimeout(), Infinity);
  }
});

Deno.test("DocumentExchange serves a request once, even if its messages come again much later", () => {
  const two = createTwo(17, {});
  const messages = captureAll(REPORT, noise(5_000, 17), 17);
  assert.equal(messages.length, 4);
  two.superNode.answer = () => ({ status: 200, document: undefined });
  for (let round = 0; round < 5; round++) {
    for (const message of messages) two.superNode.receive(7, message);
    two.net.run(two.net.nowMs + round * 20_000);
  }
  assert.equal(two.superNode.served.length, 1);
  // Nor after later requests of its kind.
  const next = two.edge.ask(0, REPORT, TOKEN);
  two.net.run(two.net.nowMs + 1_000);
  assert.equal(next.status, 200);
});

Deno.test("DocumentExchange drops messages of earlier requests after later ones of their kind", () => {
  const superNode = new DocumentNet(18).addNode();
  const first = captureFirst(REPORT, TOKEN);
  const id = new DataView(first.buffer).getUint32(4);
  const requests = Array.from({ length: 5 }, (_, number) => {
    const message = first.slice();
    new DataView(message.buffer).setUint32(4, id + number);
    return message;
  });
  for (const message of requests) assert.equal(superNode.receive(7, message), Reason.NONE);
  for (const message of requests.slice(0, -1)) assert.equal(superNode.receive(7, message), Reason.DOCUMENT_UNEXPECTED);
  assert.equal(superNode.served.length, 5);
  assert.equal(superNode.receive(8, first), Reason.NONE, "ids of another peer are others");
});

Deno.test("DocumentExchange answers a request that is too long with 413, and takes none of it in", () => {
  for (const [kind, length] of [[PEERS, 1025], [REPORT, (1 << 20) + 1], [REPORT, 16 << 20]] as const) {
    const two = createTwo(19, {});
    const asked = two.edge.ask(0, kind, TOKEN);
    const forged = captureFirst(kind, TOKEN);
    new DataView(forged.buffer).setUint32(8, length);
    assert.equal(two.superNode.receive(7, withPayload(forged)), Reason.DOCUMENT_TOO_LARGE);
    assert.equal(two.superNode.exchange.requestMemoryLen, 0);
    assert.equal(two.superNode.served.length, 0);
    assert.equal(two.superNode.sentCount, 1);
    two.net.run(1_000);
    assert.equal(asked.status, 404, "the answer to another request concerns nobody");
  }
});

/** Fills a fragment up to its full length. */
function withPayload(message: Uint8Array): Uint8Array {
  const whole = new Uint8Array(BODY_LEN_MAX);
  whole.set(message);
  return whole;
}

Deno.test("DocumentExchange refuses a bomb, and what can't be inflated, with the reason for it, and no answer", () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(DOCUMENT_LEN_MAX + 1)));
  const largest = new Uint8Array(gzipSync(new Uint8Array(DOCUMENT_LEN_MAX)));
  const cases: [Uint8Array<ArrayBuffer>, number, number][] = [
    [bomb, -1, Reason.DOCUMENT_TOO_LARGE],
    [largest, 200, Reason.NONE],
    [largest.slice(0, -9), -1, Reason.DOCUMENT_MALFORMED],
    [noise(4_000, 20), -1, Reason.DOCUMENT_MALFORMED],
  ];
  for (const [compressed, status, reason] of cases) {
    const two = createTwo(20, {});
    const plain = new Uint8Array(DOCUMENT_LEN_MAX);
    two.superNode.answer = () => ({ status: 200, document: { plain, gzip: () => compressed } });
    const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
    two.net.run(10_000);
    assert.deepEqual([asked.status, asked.calls], [status, 1]);
    assert.deepEqual([...two.edge.reasons.keys()], reason === Reason.NONE ? [] : [reason]);
    assertNothingLeft(two);
  }
});

Deno.test("DocumentExchange says 413 itself instead of a document that nobody would take in", () => {
  const two = createTwo(21, {});
  const document = documentOf(new Uint8Array(DOCUMENT_LEN_MAX + 1));
  two.superNode.answer = () => ({ status: 200, document });
  const asked = two.edge.ask(0, NEXT_HOPS, TOKEN);
  two.net.run(1_000);
  assert.deepEqual([asked.status, asked.body?.length], [DocumentStatus.TOO_LARGE, 0]);
});

Deno.test("DocumentExchange refuses to be made with messages too short for the longest document", () => {
  const options = { send: () => true, serve: () => ({ status: 404, document: undefined }), random: seededRandom(1) };
  assert.throws(() => new DocumentExchange({ ...options, bodyLenMax: 278 }), RangeError);
  new DocumentExchange({ ...options, bodyLenMax: 279 });
});
