import { strict as assert } from "node:assert";
import { searchHighestRate } from "./udp_rate.ts";

const CAPACITY = 57_300;

function channel(capacity: number, senderLimit = Infinity) {
  return (rate: number) => {
    const sentRate = Math.min(rate, senderLimit);
    return Promise.resolve({ sentRate, receivedRate: Math.min(sentRate, capacity) });
  };
}

Deno.test("searchHighestRate() finds the capacity of a channel within the precision", async () => {
  for (const capacity of [CAPACITY, 9_000, 1_500, 900_000]) {
    const rate = await searchHighestRate(channel(capacity));
    assert.ok(rate >= capacity / 1.06 && rate <= capacity, `${rate} of ${capacity}`);
  }
});

Deno.test("searchHighestRate() ends at what the sender can do when nothing is lost", async () => {
  assert.equal(await searchHighestRate(channel(Infinity, 123_000)), 123_000);
});

Deno.test("searchHighestRate() returns 0 when every rate loses too much", async () => {
  assert.equal(await searchHighestRate((rate) => Promise.resolve({ sentRate: rate, receivedRate: rate / 2 })), 0);
});

Deno.test("searchHighestRate() isn't ended by one chance loss", async () => {
  let trials = 0;
  const steady = channel(CAPACITY);
  const rate = await searchHighestRate(async (asked) => {
    trials++;
    return trials === 1 ? { sentRate: asked, receivedRate: 0 } : await steady(asked);
  });
  assert.ok(rate >= CAPACITY / 1.06, String(rate));
});
