import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { isHashOfBody, readReportToken, type ReportToken } from "../../../src/super/http/report_token.ts";
import { GO_BODY_BASE64, GO_TOKEN } from "../../vectors/report.ts";
import { base64Url, signToken, TOKEN_KEY } from "./test_super.ts";

const NOW_MS = Date.UTC(2026, 10, 22);
const NOW_S = NOW_MS / 1000;
const CLAIMS = { PostCount: 7, BodyHash: "AAAA" };
const SHORT_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJQb3N0Q291bnQiOjcsIkJvZHlIYXNoIjoiQUFBQSJ9." +
  "zaNm6IyVllP8_ZQ0BECwDdC14oLKYEI6X1XR9Wx3hwE";

function read(token: string): ReportToken | string {
  return readReportToken(token, TOKEN_KEY, NOW_MS);
}

Deno.test("readReportToken() reads the tokens of the specification", () => {
  assert.deepEqual(read(SHORT_TOKEN), { count: 7, bodyHash: "AAAA" });
  assert.equal(GO_TOKEN.length, 600);
  assert.deepEqual(read(GO_TOKEN), { count: 7, bodyHash: GO_BODY_BASE64 });
});

Deno.test("signToken() of these tests writes what reference nodes write", () => {
  assert.equal(signToken(CLAIMS), SHORT_TOKEN);
  assert.equal(signToken({ PostCount: 7, BodyHash: GO_BODY_BASE64 }), GO_TOKEN);
});

const VALID: { name: string; token: string }[] = [
  { name: "that will expire", token: signToken({ ...CLAIMS, exp: NOW_S + 1 }) },
  { name: "that was made before now", token: signToken({ ...CLAIMS, iat: NOW_S, nbf: NOW_S - 1 }) },
  { name: "with claims that mean nothing to us", token: signToken({ ...CLAIMS, iss: "x", PostCount2: {} }) },
  { name: "with the greatest count", token: signToken({ ...CLAIMS, PostCount: Number.MAX_SAFE_INTEGER }) },
  { name: "without a type in its header", token: signToken(CLAIMS, TOKEN_KEY, { alg: "HS256" }) },
];
for (const { name, token } of VALID) {
  Deno.test(`readReportToken() takes a token ${name}`, () => {
    assert.equal(typeof read(token), "object");
  });
}

const [HEADER, PAYLOAD, SIGNATURE] = SHORT_TOKEN.split(".");
const INVALID: { name: string; token: string; says: RegExp }[] = [
  { name: "is empty", token: "", says: /three parts/ },
  { name: "has two parts", token: `${HEADER}.${PAYLOAD}`, says: /three parts/ },
  { name: "has four parts", token: `${SHORT_TOKEN}.x`, says: /three parts/ },
  { name: "has no signature", token: `${HEADER}.${PAYLOAD}.`, says: /signature/ },
  { name: "has another node's signature", token: signToken(CLAIMS, new Uint8Array(32)), says: /signature/ },
  { name: "has padding", token: `${SHORT_TOKEN}=`, says: /signature/ },
  { name: "has the other base64 alphabet", token: `${HEADER}.${PAYLOAD}.${SIGNATURE.replace("_", "/")}`, says: /sign/ },
  { name: "says none", token: unsigned({ alg: "none" }), says: /signature/ },
  { name: "says none but is signed", token: signToken(CLAIMS, TOKEN_KEY, { alg: "none" }), says: /HS256/ },
  { name: "says HS384", token: signToken(CLAIMS, TOKEN_KEY, { alg: "HS384" }), says: /HS256/ },
  { name: "says RS256", token: signToken(CLAIMS, TOKEN_KEY, { alg: "RS256" }), says: /HS256/ },
  { name: "says nothing of its algorithm", token: signToken(CLAIMS, TOKEN_KEY, {}), says: /HS256/ },
  { name: "has a list for a header", token: signToken(CLAIMS, TOKEN_KEY, ["HS256"]), says: /HS256/ },
  { name: "wants an extension", token: signToken(CLAIMS, TOKEN_KEY, { alg: "HS256", crit: ["x"] }), says: /extension/ },
  { name: "has no claims", token: signToken({}), says: /PostCount/ },
  { name: "has a list for claims", token: signToken([7]), says: /PostCount/ },
  { name: "has a negative count", token: signToken({ ...CLAIMS, PostCount: -1 }), says: /PostCount/ },
  { name: "has half a count", token: signToken({ ...CLAIMS, PostCount: 0.5 }), says: /PostCount/ },
  { name: "has a text for a count", token: signToken({ ...CLAIMS, PostCount: "7" }), says: /PostCount/ },
  { name: "has a count of 2^53", token: signToken({ ...CLAIMS, PostCount: 2 ** 53 }), says: /PostCount/ },
  { name: "has no hash", token: signToken({ PostCount: 7 }), says: /BodyHash/ },
  { name: "has a number for a hash", token: signToken({ ...CLAIMS, BodyHash: 7 }), says: /BodyHash/ },
  { name: "has expired", token: signToken({ ...CLAIMS, exp: NOW_S - 1 }), says: /exp/ },
  { name: "was made in the future", token: signToken({ ...CLAIMS, iat: NOW_S + 1 }), says: /iat/ },
  { name: "is for later", token: signToken({ ...CLAIMS, nbf: NOW_S + 1 }), says: /nbf/ },
  { name: "has a text for a time", token: signToken({ ...CLAIMS, exp: "tomorrow" }), says: /exp/ },
  { name: "has half a second", token: signToken({ ...CLAIMS, iat: 0.5 }), says: /iat/ },
  { name: "is very long", token: signToken({ ...CLAIMS, BodyHash: "A".repeat(65_536) }), says: /long/ },
];
for (const { name, token, says } of INVALID) {
  Deno.test(`readReportToken() refuses a token that ${name}`, () => {
    const refusal = read(token);
    assert.ok(typeof refusal === "string");
    assert.match(refusal, says);
  });
}

function unsigned(header: object): string {
  const encoder = new TextEncoder();
  return `${base64Url(encoder.encode(JSON.stringify(header)))}.${PAYLOAD}.`;
}

Deno.test("readReportToken() refuses a token with one character changed, anywhere", () => {
  fc.assert(
    fc.property(fc.nat(SHORT_TOKEN.length - 2), fc.constantFrom(..."AZaz09-_.=+"), (at, put) => {
      fc.pre(SHORT_TOKEN[at] !== put);
      assert.equal(typeof read(SHORT_TOKEN.slice(0, at) + put + SHORT_TOKEN.slice(at + 1)), "string");
    }),
    { numRuns: 300 },
  );
});

Deno.test("readReportToken() refuses any text, and any claims signed with another key, without throwing", () => {
  const parts = fc.tuple(fc.base64String(), fc.string({ unit: "binary" }), fc.string());
  const texts = fc.oneof(fc.string({ unit: "binary" }), parts.map((parts) => parts.join(".")));
  fc.assert(fc.property(texts, (text) => assert.equal(typeof read(text), "string")), { numRuns: 300 });
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(key, fc.maxSafeNat(), (key, count) => {
      assert.equal(typeof read(signToken({ PostCount: count, BodyHash: "" }, key)), "string");
    }),
    { numRuns: 100 },
  );
});

Deno.test("readReportToken() never throws on any signed claims, and takes only whole counts", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (count, bodyHash) => {
      const token = read(signToken({ PostCount: count, BodyHash: bodyHash }));
      if (typeof token === "string") return;
      assert.ok(Number.isSafeInteger(token.count) && token.count >= 0);
      assert.equal(token.bodyHash, bodyHash);
    }),
    { numRuns: 300 },
  );
});

Deno.test("isHashOfBody() knows the body itself and its SHA-256 in base64, and no other hash", () => {
  const body = Uint8Array.of(1, 2, 3);
  const sha256 = createHash("sha256").update(body).digest();
  assert.equal(isHashOfBody("AQID", body), true);
  assert.equal(isHashOfBody(sha256.toString("base64"), body), true);
  for (const hash of ["", "AQI=", "AQID\n", sha256.toString("hex"), sha256.toString("base64url")]) {
    assert.equal(isHashOfBody(hash, body), false, hash);
  }
  // What the reference node means by a hash, and refuses because its comparison is the wrong way round.
  assert.equal(isHashOfBody(createHash("sha3-512").update(body).digest("base64"), body), false);
});
