import { strict as assert } from "node:assert";
import { HANDSHAKES_BURST, RATE_LIMITER_CAPACITY, RateLimiter } from "../../src/device/rate_limiter.ts";

Deno.test("allow() lets an address send 5 at once and then 20 a second", () => {
  const limiter = new RateLimiter();
  const burst = Array.from({ length: 7 }, () => limiter.allow("192.0.2.1", 0));
  assert.deepEqual(burst, [true, true, true, true, true, false, false]);
  assert.equal(limiter.allow("192.0.2.1", 49), false);
  assert.equal(limiter.allow("192.0.2.1", 50), true);
  assert.equal(limiter.allow("192.0.2.1", 51), false);
  let allowed = 0;
  for (let nowMs = 1_000; nowMs < 11_000; nowMs += 5) if (limiter.allow("192.0.2.1", nowMs)) allowed++;
  assert.ok(allowed >= 199 && allowed <= 205, `${allowed} in 10 s`);
});

Deno.test("allow() judges each address by itself", () => {
  const limiter = new RateLimiter();
  for (let count = 0; count < 10; count++) limiter.allow("192.0.2.1", 0);
  assert.equal(limiter.allow("192.0.2.1", 0), false);
  assert.equal(limiter.allow("192.0.2.2", 0), true);
  assert.equal(limiter.allow("2001:db8::1", 0), true);
});

Deno.test("allow() gives no tokens for a clock that stands still or is set back", () => {
  const limiter = new RateLimiter();
  for (let count = 0; count < HANDSHAKES_BURST; count++) limiter.allow("192.0.2.1", 1_000);
  assert.equal(limiter.allow("192.0.2.1", 1_000), false);
  assert.equal(limiter.allow("192.0.2.1", 500), false);
});

Deno.test("allow() remembers a bounded number of addresses and forgets the one that was quiet longest", () => {
  const limiter = new RateLimiter();
  for (let count = 0; count < HANDSHAKES_BURST; count++) limiter.allow("quiet", 0);
  for (let count = 0; count < HANDSHAKES_BURST; count++) limiter.allow("busy", 0);
  for (let index = 0; index < RATE_LIMITER_CAPACITY - 1; index++) {
    limiter.allow(`other ${index}`, 0);
    assert.equal(limiter.allow("busy", 0), false);
  }
  assert.equal(limiter.size, RATE_LIMITER_CAPACITY);
  assert.equal(limiter.allow("quiet", 0), true, "its empty bucket was forgotten");
});
