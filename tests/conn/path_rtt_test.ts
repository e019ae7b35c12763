import { strict as assert } from "node:assert";
import { DEFAULT_PATH_PARAMS } from "../../src/conn/path_params.ts";
import { PathRtt } from "../../src/conn/path_rtt.ts";

function sampled(...samples: number[]): PathRtt {
  const rtt = new PathRtt(DEFAULT_PATH_PARAMS);
  for (const sample of samples) rtt.sample(sample);
  return rtt;
}

Deno.test("timeoutMs is 300 before the first sample, and again after reset()", () => {
  const rtt = sampled();
  assert.equal(rtt.timeoutMs, 300);
  rtt.sample(20);
  rtt.reset();
  assert.equal(rtt.timeoutMs, 300);
  assert.equal(rtt.srttMs, 0);
});

Deno.test("sample() follows RFC 6298 §2.2 and §2.3", () => {
  const rtt = sampled(100);
  assert.deepEqual([rtt.srttMs, rtt.rttvarMs, rtt.timeoutMs], [100, 50, 300]);
  rtt.sample(140);
  // RTTVAR = 3/4 × 50 + 1/4 × |100 − 140|; SRTT = 7/8 × 100 + 1/8 × 140.
  assert.deepEqual([rtt.srttMs, rtt.rttvarMs, rtt.timeoutMs], [105, 47.5, 295]);
});

Deno.test("timeoutMs stays between 60 and 600", () => {
  assert.equal(sampled(...new Array(50).fill(1)).timeoutMs, 60);
  assert.equal(sampled(10, 900, 10, 900).timeoutMs, 600);
});

Deno.test("timeoutMs exceeds 600 on a path whose round trip alone takes longer", () => {
  const rtt = sampled(...new Array(50).fill(800));
  assert.ok(rtt.timeoutMs >= 1_000 && rtt.timeoutMs < 1_010, String(rtt.timeoutMs));
});
