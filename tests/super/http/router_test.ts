import { strict as assert } from "node:assert";
import fc from "fast-check";
import { textAnswer } from "../../../src/super/http/answer.ts";
import { ApiError } from "../../../src/super/http/api_error.ts";
import { type RequestHandler, routeRequests } from "../../../src/super/http/router.ts";

const handler = routeRequests("/prefix", [
  { path: "/read", methods: ["GET"], answer: ({ query }) => textAnswer(200, JSON.stringify([...query])) },
  { path: "/write", methods: ["POST"], answer: () => textAnswer(200, "written") },
  {
    path: "/refuse",
    methods: ["GET"],
    answer: () => {
      throw new ApiError(417, "Something is wrong");
    },
  },
  {
    path: "/broken",
    methods: ["GET"],
    answer: () => Promise.reject(new TypeError("a mistake of ours")),
  },
]);

function ask(target: string, init: RequestInit = {}, by: RequestHandler = handler): Promise<Response> {
  return by(new Request("http://super.invalid/", init), { remoteAddress: "192.0.2.1", target });
}

const STATUSES: { name: string; target: string; init?: RequestInit; status: number }[] = [
  { name: "answers at the exact path", target: "/prefix/read", status: 200 },
  { name: "answers a path that is percent-encoded", target: "/prefix/%72ead", status: 200 },
  { name: "answers a whole address, as proxies get it", target: "http://any.example:80/prefix/read?a=1", status: 200 },
  { name: "answers HEAD where there is GET", target: "/prefix/read", init: { method: "HEAD" }, status: 200 },
  { name: "answers POST where it is to", target: "/prefix/write", init: { method: "POST" }, status: 200 },
  { name: "knows no path without the prefix", target: "/read", status: 404 },
  { name: "knows no path with the prefix twice", target: "/prefix/prefix/read", status: 404 },
  { name: "knows no path with a slash at the end", target: "/prefix/read/", status: 404 },
  { name: "knows no path in another case", target: "/prefix/Read", status: 404 },
  { name: "knows no path that doesn't decode", target: "/prefix/%zz", status: 404 },
  { name: "knows no path like *", target: "*", status: 404 },
  { name: "refuses an address that isn't percent-encoded", target: "/prefix/\u00e9", status: 400 },
  { name: "refuses an address that would be a header", target: "/prefix//a\r\nSet-Cookie:b", status: 400 },
  { name: "refuses GET where there is POST only", target: "/prefix/write", status: 405 },
  { name: "refuses HEAD where there is POST only", target: "/prefix/write", init: { method: "HEAD" }, status: 405 },
  { name: "refuses POST where there is GET only", target: "/prefix/read", init: { method: "POST" }, status: 405 },
  { name: "refuses other methods", target: "/prefix/read", init: { method: "DELETE" }, status: 405 },
  { name: "answers as the call refuses", target: "/prefix/refuse", status: 417 },
];
for (const { name, target, init, status } of STATUSES) {
  Deno.test(`routeRequests() ${name}: ${status}`, async () => {
    const response = await ask(target, init);
    assert.equal(response.status, status);
    await response.body?.cancel();
  });
}

Deno.test("routeRequests() says which methods are allowed", async () => {
  const [read, write] = [await ask("/prefix/read", { method: "PUT" }), await ask("/prefix/write")];
  assert.equal(read.headers.get("allow"), "GET, HEAD");
  assert.equal(write.headers.get("allow"), "POST");
  assert.match(await read.text(), /GET, HEAD/);
  await write.body?.cancel();
});

Deno.test("routeRequests() answers refusals with plain text that caches don't keep", async () => {
  const response = await ask("/prefix/refuse");
  assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(await response.text(), "Something is wrong");
});

Deno.test("routeRequests() hands the query to the call", async () => {
  const response = await ask("/prefix/read?a=1&b=%2B&a=2");
  assert.deepEqual(await response.json(), [["a", "1"], ["b", "+"]]);
});

Deno.test("routeRequests() doesn't turn a mistake of ours into an answer", async () => {
  await assert.rejects(ask("/prefix/broken"), TypeError);
});

const REDIRECTS: [string, string][] = [
  ["//prefix/read", "/prefix/read"],
  ["/prefix//read?a=1&b=%2F", "/prefix/read?a=1&b=%2F"],
  ["/x/../prefix/read", "/prefix/read"],
  ["/prefix/./read", "/prefix/read"],
  ["/../../prefix/read", "/prefix/read"],
  ["/prefix/read/.", "/prefix/read"],
  ["/prefix/x/..", "/prefix"],
  ["/prefix/x/../", "/prefix/"],
  ["/prefix/%2e%2e/read", "/read"],
  // Not to another host.
  ["//evil.example/..//x", "/x"],
  ["//evil.example//", "/evil.example/"],
  ["/%2F/evil.example", "/evil.example"],
  ["/a b".replace(" ", "%20") + "//c", "/a%20b/c"],
];
for (const [target, location] of REDIRECTS) {
  Deno.test(`routeRequests() redirects ${target} to ${location}`, async () => {
    const response = await ask(target);
    assert.equal(response.status, 301);
    assert.equal(response.headers.get("location"), location);
    await response.body?.cancel();
  });
}

const ORIGINS: { name: string; origin: string; host: string | undefined; status: number }[] = [
  { name: "takes", origin: "http://super.example:3456", host: "super.example:3456", status: 200 },
  { name: "takes, whatever the scheme,", origin: "https://Super.example", host: "super.EXAMPLE", status: 200 },
  { name: "refuses", origin: "http://evil.example", host: "super.example:3456", status: 403 },
  { name: "refuses", origin: "http://super.example", host: "super.example:3456", status: 403 },
  { name: "refuses", origin: "null", host: "super.example", status: 403 },
  { name: "refuses", origin: "", host: "", status: 403 },
  { name: "refuses", origin: "http://super.example", host: undefined, status: 403 },
];
for (const { name, origin, host, status } of ORIGINS) {
  Deno.test(`routeRequests() ${name} a request of a page from "${origin}" at ${host}`, async () => {
    const headers = new Headers({ origin, ...(host === undefined ? {} : { host }) });
    const response = await ask("/prefix/read", { headers });
    assert.equal(response.status, status);
    await response.body?.cancel();
  });
}

Deno.test("routeRequests() decodes a path, but finds nothing at one without a slash of its own at its start", async () => {
  for (const [target, status] of [["/prefix%2Fread", 200], ["%2Fprefix/read", 404], ["prefix/read", 404]] as const) {
    const response = await ask(target);
    assert.equal(response.status, status, target);
    await response.body?.cancel();
  }
});

/** Whether a target names the call of the tests, plainly or percent-encoded. */
function namesCall(target: string): boolean {
  const [path] = target.replace(/^http:\/\/x/, "").split("?");
  return path.startsWith("/") && path.replaceAll(/%2f/gi, "/") === "/prefix/read";
}

Deno.test("routeRequests() answers any target and method, and reaches no call by it", async () => {
  const targets = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom("/", "..", ".", "prefix", "read", "%2e", "%2F", "?", "#", "//", "http://x")).map((parts) =>
      parts.join("")
    ),
  );
  await fc.assert(
    fc.asyncProperty(targets, fc.constantFrom("GET", "POST", "PUT", "OPTIONS"), async (target, method) => {
      const response = await ask(target, { method });
      assert.ok(response.status >= 300 || namesCall(target), target);
      const location = response.headers.get("location");
      if (response.status === 301) assert.match(location ?? "", /^\/(?!\/)/);
      await response.body?.cancel();
    }),
    { numRuns: 500 },
  );
});
