import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { reportBodyHash, signReportToken } from "../../src/edge/report_token.ts";

/** 00 01 … 1f: the secret of the vectors. */
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index);

/** The gzipped report of `http-api.md` §5, as a reference edge puts it into its token. */
const REFERENCE_BODY_HASH =
  "H4sIAAAAAAAA/0zOT0rDQBTH8fdrtMY/qOgBBA8QkloKurHBLqwoFC2ClBJCMwkDSSadGQWX1vrvCHoaj+VGRyZI8e0+j/eFd2oeHGA3" +
  "HPQjySohdVQxJnmZCpgZwcHyQJSZgnkmuOdiEufXbQXzulCnFtGeeWoA26Nxoe8rpjybXaisDs2caGoeHWBlsZ4Tmli9ZNNbpnS/hyZh" +
  "7UpOolIk7I89pf/RHfKCJTxN4RLWLYYizPkds94Mk4RrLso4PxFKwyWiffOyBOwUcTVSWvIyG6e5iHWnXb+/YW98MwMaDQBfH+923o7x" +
  "/XnWJWArOGx5vtfyAv/owPeDn5suiH4DAAD//7FpxS8vAQAA";

Deno.test("signReportToken() makes the tokens of the specification", () => {
  assert.equal(
    signReportToken(KEY, { PostCount: 7, BodyHash: "AAAA" }),
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJQb3N0Q291bnQiOjcsIkJvZHlIYXNoIjoiQUFBQSJ9." +
      "zaNm6IyVllP8_ZQ0BECwDdC14oLKYEI6X1XR9Wx3hwE",
  );
  const long = signReportToken(KEY, { PostCount: 7, BodyHash: REFERENCE_BODY_HASH });
  assert.equal(long.length, 600);
  assert.ok(long.startsWith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
  assert.ok(long.endsWith(".rlcVoCfztgV5eFSaIO7l1EiHLfut6Cxkhbf9eOuJhbk"));
});

Deno.test("reportBodyHash() is the SHA-256 in base64, and not what reference supers refuse", () => {
  const body = new TextEncoder().encode("abc");
  assert.equal(reportBodyHash(body), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  assert.notEqual(reportBodyHash(body), createHash("sha3-512").update(body).digest("base64"));
});
