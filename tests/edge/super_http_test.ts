import { strict as assert } from "node:assert";
import { gunzipSync, gzipSync } from "node:zlib";
import type { DocumentPayload, SourceAnswer } from "../../src/control/document_source.ts";
import { DOCUMENT_LEN_MAX, DocumentKind } from "../../src/control/documents.ts";
import { decodePeerReport } from "../../src/control/message_codec.ts";
import type { PeerReport } from "../../src/control/messages.ts";
import { reportBodyHash, signReportToken } from "../../src/edge/report_token.ts";
import { HttpDocumentSource } from "../../src/edge/super_http.ts";
import { RecordingLog } from "../node/recording_log.ts";

const { PARAMETERS, PEERS, NEXT_HOPS, REPORT } = DocumentKind;

const PUBLIC_KEY = Uint8Array.fromBase64("McGb3nIj3KDvQdMes/sEWgBhaUkUsshNdkz+zaNAFkQ=");
const TOKEN_KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const STATE = { stateToken: "0123456789abcdef0123456789abcdef" };
/** What no line may contain: state token, public key, signature. */
const SECRETS = [STATE.stateToken, "McGb3nIj", "JWTSig", "State=", "PubKey="];

const PEER_REPORT: PeerReport = {
  pongs: [{ requestId: 0, source: 2, destination: 1, latencyS: 0.0125, timeToLiveS: 53.5, additionalCostMs: 0 }],
  localV4: new Map([["192.0.2.10:3001", 100]]),
  localV6: new Map(),
};

/** A source beside the server that it asks. */
interface World {
  readonly url: string;
  readonly source: HttpDocumentSource;
  readonly log: RecordingLog;
  /** Asks, and waits for the answer. */
  ask(kind: number, payload?: DocumentPayload): Promise<SourceAnswer | undefined>;
}

interface WorldOptions {
  readonly apiUrl?: (url: string) => string;
  readonly timeoutMs?: number;
}

/** Runs a test with a server on a port of this host. */
async function withServer(
  handle: (request: Request) => Response | Promise<Response>,
  test: (world: World) => Promise<void>,
  { apiUrl = (url) => url, timeoutMs }: WorldOptions = {},
): Promise<void> {
  const ended = new AbortController();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, signal: ended.signal, onListen: () => {} }, handle);
  const url = `http://127.0.0.1:${server.addr.port}`;
  await withSource(apiUrl(url), timeoutMs, (world) => test({ ...world, url }));
  ended.abort();
  await server.finished;
}

async function withSource(
  apiUrl: string,
  timeoutMs: number | undefined,
  test: (world: World) => Promise<void>,
): Promise<void> {
  const log = new RecordingLog();
  let rung = 0;
  using source = new HttpDocumentSource({
    apiUrl,
    selfNodeId: 1,
    selfPublicKey: PUBLIC_KEY,
    tokenKey: TOKEN_KEY,
    log,
    nowMs: () => 4_711,
    onAnswered: () => rung++,
    timeoutMs,
  });
  let asked = 0;
  const ask = (kind: number, payload: DocumentPayload = STATE) =>
    new Promise<SourceAnswer | undefined>((resolve) => {
      asked++;
      source.request(kind, payload, (answer, nowMs) => {
        assert.equal(nowMs, 4_711);
        resolve(answer);
      }, 0);
    });
  await test({ url: apiUrl, source, log, ask });
  await Promise.resolve();
  assert.equal(rung, asked, "the loop is rung for each answer");
}

function textOf(answer: SourceAnswer | undefined): string {
  return new TextDecoder().decode(answer?.body);
}

/** Lines of a log, none of which may hold a secret. */
function safeLines(log: RecordingLog): string[] {
  const lines = log.take().map(({ level, event, fields }) => `${level} ${event}: ${fields.cause ?? ""}`);
  for (const secret of SECRETS) {
    assert.ok(lines.every((line) => !line.includes(secret)), `${secret} is in ${JSON.stringify(lines)}`);
  }
  return lines;
}

Deno.test("HttpDocumentSource asks for each document as a reference edge does", async () => {
  const seen: string[] = [];
  await withServer((request) => {
    seen.push(`${request.method} ${request.url.slice(request.url.indexOf("/", 8))}`);
    return new Response('{"1":{}}');
  }, async ({ ask }) => {
    for (const kind of [PARAMETERS, PEERS, NEXT_HOPS]) {
      const answer = await ask(kind);
      assert.equal(answer?.status, 200);
      assert.equal(textOf(answer), '{"1":{}}');
    }
  }, { apiUrl: (url) => `${url}/eg_net/eg_api` });
  const query = `NodeID=1&PubKey=McGb3nIj3KDvQdMes%2FsEWgBhaUkUsshNdkz%2BzaNAFkQ%3D&State=${STATE.stateToken}`;
  assert.deepEqual(
    seen,
    ["superparams", "peerinfo", "nhtable"].map((name) => `GET /eg_net/eg_api/edge/${name}?${query}`),
  );
});

Deno.test("HttpDocumentSource posts a report, gzipped, with a token that is signed for this body and this number", async () => {
  await withServer(async (request) => {
    const body = new Uint8Array(await request.arrayBuffer());
    const { pathname, searchParams } = new URL(request.url);
    assert.equal(request.method, "POST");
    assert.equal(pathname, "/edge/post/nodeinfo");
    assert.deepEqual([...searchParams.keys()], ["JWTSig", "NodeID", "PubKey"]);
    assert.equal(
      searchParams.get("JWTSig"),
      signReportToken(TOKEN_KEY, { PostCount: 7, BodyHash: reportBodyHash(body) }),
    );
    assert.equal(searchParams.get("PubKey"), PUBLIC_KEY.toBase64());
    assert.equal(request.headers.get("content-type"), "application/octet-stream");
    assert.equal(request.headers.get("content-encoding"), "gzip");
    assert.deepEqual(decodePeerReport(new Uint8Array(gunzipSync(body))), PEER_REPORT);
    return new Response("OK");
  }, async ({ ask, log }) => {
    assert.equal((await ask(REPORT, { report: PEER_REPORT, count: 7 }))?.status, 200);
    assert.deepEqual(safeLines(log), []);
  });
});

Deno.test("HttpDocumentSource understands a gzipped answer", async () => {
  const body = gzipSync(new TextEncoder().encode("{}"));
  await withServer(
    () => new Response(new Uint8Array(body), { headers: { "content-encoding": "gzip" } }),
    async ({ ask }) => {
      assert.equal(textOf(await ask(PEERS)), "{}");
    },
  );
});

Deno.test("HttpDocumentSource hands on every status, with the beginning of what was said", async () => {
  await withServer((request) => {
    const status = request.url.includes("peerinfo") ? 404 : 503;
    return new Response("x".repeat(5_000), { status });
  }, async ({ ask, log }) => {
    const answers = [await ask(PEERS), await ask(NEXT_HOPS), await ask(REPORT, { report: PEER_REPORT, count: 0 })];
    assert.deepEqual(answers.map((answer) => answer?.status), [404, 503, 503]);
    assert.ok(answers.every((answer) => textOf(answer) === "x".repeat(1_024)));
    assert.deepEqual(safeLines(log), []);
  });
});

Deno.test("HttpDocumentSource takes a document of the greatest length in, and refuses one octet more", async () => {
  await withServer((request) => {
    return new Response(new Uint8Array(request.url.includes("peerinfo") ? DOCUMENT_LEN_MAX : DOCUMENT_LEN_MAX + 1));
  }, async ({ ask }) => {
    assert.equal((await ask(PEERS))?.body.length, DOCUMENT_LEN_MAX);
    const refused = await ask(NEXT_HOPS);
    assert.equal(refused?.status, 413);
    assert.match(textOf(refused), /longer than 16777216 octets/);
  });
});

Deno.test("HttpDocumentSource stops reading a bomb where its limit is", async () => {
  const bomb = new Uint8Array(gzipSync(new Uint8Array(256 * 2 ** 20)));
  await withServer(() => new Response(bomb, { headers: { "content-encoding": "gzip" } }), async ({ ask }) => {
    assert.equal((await ask(NEXT_HOPS))?.status, 413);
  });
});

Deno.test("HttpDocumentSource stops reading a stream without an end, and lets go of it", async () => {
  let isCancelled: (value: boolean) => void;
  const cancelled = new Promise<boolean>((resolve) => isCancelled = resolve);
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => isCancelled(true),
    });
  await withServer(() => new Response(endless()), async ({ ask }) => {
    assert.equal((await ask(NEXT_HOPS))?.status, 413);
    assert.ok(await cancelled);
  });
});

Deno.test("HttpDocumentSource follows redirects of a download", async () => {
  await withServer((request) => {
    const { pathname, search } = new URL(request.url);
    if (pathname.startsWith("/new")) return new Response(pathname + search);
    return new Response(null, { status: 302, headers: { location: `/new${pathname}${search}` } });
  }, async ({ ask }) => {
    const answer = await ask(PEERS);
    assert.equal(answer?.status, 200);
    assert.ok(textOf(answer).startsWith("/new/edge/peerinfo?NodeID=1&"));
  });
});

Deno.test("HttpDocumentSource says what to do about a redirect that cost a report its body", async () => {
  await withServer((request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/new")) return new Response(null, { status: request.method === "GET" ? 405 : 200 });
    return new Response(null, { status: 301, headers: { location: "/new" } });
  }, async ({ ask, log }) => {
    assert.equal((await ask(REPORT, { report: PEER_REPORT, count: 0 }))?.status, 405);
    const [line, ...others] = safeLines(log);
    assert.match(line, /^warn HTTP report to the super node failed: it was redirected.*EndpointEdgeAPIUrl$/);
    assert.deepEqual(others, []);
  });
});

Deno.test("HttpDocumentSource gives up a circle of redirects", async () => {
  const handle = (request: Request) => new Response(null, { status: 302, headers: { location: request.url } });
  await withServer(handle, async ({ ask, log }) => {
    assert.equal(await ask(PEERS), undefined);
    assert.match(safeLines(log)[0], /^warn HTTP request to the super node failed: .*redirects/);
  });
});

Deno.test("HttpDocumentSource gives up a server that doesn't answer in time, or doesn't come to an end", async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const slow = () => {
    let count = 0;
    return new ReadableStream<Uint8Array>({
      pull: (controller) => count++ === 0 ? controller.enqueue(new Uint8Array(10)) : ended,
    });
  };
  await withServer(
    (request) => request.url.includes("peerinfo") ? ended.then(() => new Response("late")) : new Response(slow()),
    async ({ ask, log }) => {
      assert.equal(await ask(PEERS), undefined);
      assert.equal(await ask(NEXT_HOPS), undefined);
      end();
      assert.deepEqual(safeLines(log), ["warn HTTP request to the super node failed: no answer in time"]);
    },
    { timeoutMs: 50 },
  );
});

Deno.test("HttpDocumentSource says once why nobody answers, without the query, and once that it works again", async () => {
  // A port that was free a moment ago.
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  taken.close();
  await withSource(`http://user:password@127.0.0.1:${port}/api`, undefined, async ({ ask, log }) => {
    for (let times = 0; times < 5; times++) assert.equal(await ask(PEERS), undefined);
    const refusals = safeLines(log);
    assert.equal(refusals.length, 1);
    assert.match(refusals[0], /^warn HTTP request to the super node failed: client error \(Connect\).*refused/i);
    assert.ok(!refusals[0].includes("password"));
    const server = Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, () => new Response("{}"));
    assert.equal((await ask(PEERS))?.status, 200);
    assert.equal((await ask(PEERS))?.status, 200);
    assert.deepEqual(safeLines(log), ["info HTTP request to the super node works again: "]);
    await server.shutdown();
  });
});

Deno.test("HttpDocumentSource tells a second cause beside the first", async () => {
  await withSource("http://127.0.0.1:6000", undefined, async ({ ask, log }) => {
    assert.equal(await ask(PEERS), undefined);
    assert.match(safeLines(log)[0], /blocked/);
  });
  await withSource("http://name.invalid", undefined, async ({ ask, log }) => {
    assert.equal(await ask(PEERS), undefined);
    assert.equal(await ask(PEERS), undefined);
    assert.equal(safeLines(log).length, 1);
  });
});

Deno.test("HttpDocumentSource takes garbage in place of HTTP for no answer", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const pieces = ["garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", ""];
  const corrupt = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip";
  const served = (async () => {
    for (const piece of [...pieces, corrupt]) {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(4_096));
      await connection.write(new TextEncoder().encode(piece));
    }
  })();
  await withSource(`http://127.0.0.1:${port}`, undefined, async ({ ask, log }) => {
    for (let times = 0; times <= pieces.length; times++) assert.equal(await ask(PEERS), undefined);
    assert.ok(safeLines(log).length >= 1);
  });
  await served;
});

Deno.test("HttpDocumentSource ends what is under way when it is closed, and answers nothing any more", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const log = new RecordingLog();
  const source = new HttpDocumentSource({
    apiUrl: `http://127.0.0.1:${listener.addr.port}`,
    selfNodeId: 1,
    selfPublicKey: PUBLIC_KEY,
    tokenKey: TOKEN_KEY,
    log,
    nowMs: () => 0,
    onAnswered: () => assert.fail("an answer after the end"),
  });
  source.request(PEERS, STATE, () => assert.fail("an answer after the end"), 0);
  using connection = await listener.accept();
  await connection.read(new Uint8Array(4_096));
  source[Symbol.dispose]();
  assert.equal(await connection.read(new Uint8Array(1)), null, "the connection is closed");
  assert.deepEqual(safeLines(log), []);
});
