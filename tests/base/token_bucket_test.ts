import { strict as assert } from "node:assert";
import { TokenBucket } from "../../src/base/token_bucket.ts";

/** Returns how many of `count` tries at one time succeed. */
function takeMany(bucket: TokenBucket, nowMs: number, count: number): number {
  return Array.from({ length: count }, () => bucket.take(nowMs)).filter(Boolean).length;
}

Deno.test("TokenBucket.take() lets a burst through, then the rate", () => {
  const bucket = new TokenBucket(100);
  assert.equal(takeMany(bucket, 5000, 1000), 100);
  assert.equal(takeMany(bucket, 5005, 10), 0);
  assert.equal(takeMany(bucket, 5010, 10), 1);
  assert.equal(takeMany(bucket, 5510, 1000), 50);
});

Deno.test("TokenBucket.take() keeps no more than its capacity", () => {
  const bucket = new TokenBucket(100, 10);
  assert.equal(takeMany(bucket, 0, 100), 10);
  assert.equal(takeMany(bucket, 1e9, 100), 10);
});
