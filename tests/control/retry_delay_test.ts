import { strict as assert } from "node:assert";
import { seededRandom } from "../../src/base/random.ts";
import { RetryDelay } from "../../src/control/retry_delay.ts";

Deno.test("RetryDelay.next() doubles up to its limit, within the upper half, and begins anew after a reset", () => {
  for (let seed = 0; seed < 100; seed++) {
    const delay = new RetryDelay(seededRandom(seed), 8_000);
    for (const longestMs of [2_000, 4_000, 8_000, 8_000, 8_000]) {
      const waitMs = delay.next();
      assert.ok(waitMs >= longestMs / 2 && waitMs < longestMs, `${waitMs} of ${longestMs}`);
    }
    delay.reset();
    assert.ok(delay.next() < 2_000);
  }
});

Deno.test("RetryDelay gives two nodes different waits", () => {
  const waits = Array.from({ length: 50 }, (_, seed) => new RetryDelay(seededRandom(seed), 8_000).next());
  assert.equal(new Set(waits).size, 50);
});
