import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { BULK_MIN_LEN, PathMtu, SMALL_PROBE_LEN } from "../../src/conn/path_mtu.ts";
import type { SentProbe } from "../../src/conn/path_probes.ts";

const CEILING = 1472;

function probe(length: number, isRegular = true): SentProbe {
  return { sentMs: 0, length, isRegular, isLate: false };
}

function mtuOf(ceiling = CEILING): PathMtu {
  const mtu = new PathMtu();
  mtu.reset(ceiling);
  return mtu;
}

/** Sends probes small and full in turn, and all that a search wants, over a path that carries so much; counts the full ones. */
function probeOver(
  mtu: PathMtu,
  carries: number,
  rounds: number,
  nowMs = 0,
  isLost: () => boolean = () => false,
): number {
  let long = 0;
  const send = (length: number, isRegular: boolean) => {
    if (length > carries || isLost()) mtu.handleMissed(probe(length, isRegular), nowMs);
    else mtu.handleAnswered(probe(length, isRegular), length, nowMs);
  };
  for (let round = 0; round < rounds; round++) {
    long++;
    mtu.maybeRaise(nowMs);
    send(mtu.longProbeLen(), true);
    for (let length = mtu.takeSearchLen(); length > 0; length = mtu.takeSearchLen()) send(length, false);
    send(SMALL_PROBE_LEN, true);
    for (let length = mtu.takeSearchLen(); length > 0; length = mtu.takeSearchLen()) send(length, false);
  }
  return long;
}

Deno.test("SMALL_PROBE_LEN is a whole number of blocks behind the header", () => {
  assert.equal(SMALL_PROBE_LEN, 46);
});

Deno.test("PathMtu begins with what interface and transport allow, and keeps it while it gets through", () => {
  const mtu = mtuOf();
  probeOver(mtu, CEILING, 20);
  assert.equal(mtu.limit, CEILING);
  assert.equal(mtu.isDoubtful(), false);
});

Deno.test("PathMtu comes into doubt with the second long probe missed, and searches after the third", () => {
  const mtu = mtuOf();
  probeOver(mtu, 1400, 1);
  assert.deepEqual([mtu.isHasty(), mtu.isDoubtful()], [true, false]);
  probeOver(mtu, 1400, 1);
  assert.deepEqual([mtu.isDoubtful(), mtu.limit], [true, CEILING]);
  probeOver(mtu, 1400, 1);
  assert.deepEqual([mtu.isDoubtful(), mtu.limit, mtu.isSmallOnly()], [false, 1392, false]);
});

Deno.test("PathMtu forgets a long probe missed by chance, also where padding makes the others shorter than asked for", () => {
  const mtu = mtuOf(1446);
  for (let chance = 0; chance < 5; chance++) {
    mtu.handleMissed(probe(mtu.longProbeLen()), 0);
    assert.equal(mtu.isHasty(), true);
    mtu.handleAnswered(probe(SMALL_PROBE_LEN), SMALL_PROBE_LEN, 0);
    mtu.handleAnswered(probe(mtu.longProbeLen()), 1438, 0);
    assert.deepEqual([mtu.isHasty(), mtu.isDoubtful(), mtu.limit], [false, false, 1446]);
  }
});

Deno.test("PathMtu doesn't search when small probes are missed as well", () => {
  const mtu = mtuOf();
  probeOver(mtu, 0, 30);
  assert.equal(mtu.limit, CEILING);
  assert.equal(mtu.isDoubtful(), false);
});

for (
  const [carries, limit] of [[1471, 1452], [1452, 1452], [1300, 1252], [1252, 1252], [BULK_MIN_LEN, BULK_MIN_LEN]]
) {
  Deno.test(`PathMtu settles at ${limit} on a path that carries ${carries}`, () => {
    const mtu = mtuOf();
    probeOver(mtu, carries, 4);
    assert.equal(mtu.limit, limit);
    assert.equal(mtu.isSmallOnly(), false);
  });
}

for (const [carries, limit] of [[1199, 1000], [600, 536], [100, 536]]) {
  Deno.test(`PathMtu finds a path that carries ${carries} good for small datagrams only`, () => {
    const mtu = mtuOf();
    probeOver(mtu, carries, 4);
    assert.equal(mtu.limit, limit);
    assert.equal(mtu.isSmallOnly(), true);
    assert.equal(mtu.longProbeLen(), CEILING, "it asks whether everything is well again");
    probeOver(mtu, CEILING, 1);
    assert.deepEqual([mtu.limit, mtu.isSmallOnly()], [CEILING, false]);
  });
}

Deno.test("PathMtu looks for more after a minute, and keeps its limit meanwhile", () => {
  const mtu = mtuOf();
  probeOver(mtu, 1400, 4);
  probeOver(mtu, CEILING, 4, 59_000);
  assert.equal(mtu.limit, 1392);
  mtu.maybeRaise(60_000);
  assert.deepEqual([mtu.limit, mtu.isDoubtful()], [1392, false]);
  probeOver(mtu, 1440, 1, 60_000);
  assert.equal(mtu.limit, 1432);
  probeOver(mtu, 1440, 4, 121_000);
  assert.equal(mtu.limit, 1432, "a search in vain changes nothing");
  probeOver(mtu, CEILING, 1, 182_000);
  assert.equal(mtu.limit, CEILING);
});

Deno.test("setCeiling() lowers the limit at once, and lets a greater one be tried", () => {
  const mtu = mtuOf();
  mtu.setCeiling(1300, 0);
  assert.equal(mtu.limit, 1300);
  mtu.setCeiling(1472, 0);
  assert.equal(mtu.limit, 1472, "what was never limited but by the ceiling follows it");
  probeOver(mtu, 1400, 4);
  mtu.setCeiling(8972, 0);
  assert.equal(mtu.limit, 1392);
  probeOver(mtu, 8972, 1);
  assert.equal(mtu.limit, 8972);
});

Deno.test("PathMtu isn't small-only where interface and transport allow no more", () => {
  const mtu = mtuOf(1000);
  probeOver(mtu, 1000, 10);
  assert.deepEqual([mtu.limit, mtu.isSmallOnly()], [1000, false]);
});

Deno.test("PathMtu settles within the ladder's reach of what a path carries, though some probes are lost by chance", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: BULK_MIN_LEN, max: CEILING }),
      fc.nat(),
      (carries, seed) => {
        const random = seededRandom(seed);
        const isLost = () => random.uint32() < 0.05 * 2 ** 32;
        const mtu = mtuOf();
        for (let minute = 0; minute < 5; minute++) probeOver(mtu, carries, 40, minute * 61_000, isLost);
        assert.ok(mtu.limit <= carries, `limit ${mtu.limit}`);
        assert.ok(mtu.limit >= carries - 100, `limit ${mtu.limit}`);
      },
    ),
    { numRuns: 200 },
  );
});
