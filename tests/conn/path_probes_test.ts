import { strict as assert } from "node:assert";
import fc from "fast-check";
import { PathProbes, PROBE_WINDOW } from "../../src/conn/path_probes.ts";

const TIMEOUT_MS = 60;

/** Sends probes of length 46, one each 100 ms from 0 on, with the ids 0, 1, 2 … */
function sent(count: number): PathProbes {
  const probes = new PathProbes();
  for (let id = 0; id < count; id++) probes.note(id, 46, true, id * 100);
  return probes;
}

Deno.test("answer() returns the probe once, and nothing for an unknown id", () => {
  const probes = sent(2);
  assert.deepEqual(probes.answer(1), { sentMs: 100, length: 46, isRegular: true, isLate: false });
  assert.equal(probes.answer(1), undefined);
  assert.equal(probes.answer(7), undefined);
});

Deno.test("expire() returns each probe once its time is over, oldest first, but not what was answered", () => {
  const probes = sent(3);
  probes.answer(1);
  assert.deepEqual(probes.expire(59, TIMEOUT_MS), []);
  assert.equal(probes.nextExpiryMs(TIMEOUT_MS), 60);
  assert.deepEqual(probes.expire(260, TIMEOUT_MS).map(({ sentMs }) => sentMs), [0, 200]);
  assert.deepEqual(probes.expire(1_000, TIMEOUT_MS), []);
  assert.equal(probes.nextExpiryMs(TIMEOUT_MS), Infinity);
});

Deno.test("answer() turns a missed probe into an answered one and says that it is late", () => {
  const probes = sent(1);
  probes.expire(500, TIMEOUT_MS);
  assert.deepEqual(probes.tally(0, 1500), { answered: 0, missed: 1 });
  assert.equal(probes.answer(0)?.isLate, true);
  assert.deepEqual(probes.tally(0, 1500), { answered: 1, missed: 0 });
});

Deno.test("missedInRow() counts what was sent after the youngest answered probe", () => {
  const probes = sent(5);
  probes.expire(500, TIMEOUT_MS);
  assert.equal(probes.missedInRow(), 5);
  probes.answer(2);
  assert.equal(probes.missedInRow(), 2);
  assert.equal(probes.missedSinceMs(), 300);
  probes.answer(0);
  assert.equal(probes.missedInRow(), 2, "an older reply says nothing about the younger probes");
  probes.answer(4);
  assert.equal(probes.missedInRow(), 0);
  assert.equal(probes.missedSinceMs(), Infinity);
});

Deno.test("tally() leaves out what is too old, too long, outstanding, or part of a search", () => {
  const probes = sent(3);
  probes.note(10, 1472, true, 300);
  probes.note(11, 46, false, 310);
  probes.expire(400, TIMEOUT_MS);
  probes.note(12, 46, true, 400);
  assert.deepEqual(probes.tally(100, 1400), { answered: 0, missed: 2 });
  assert.deepEqual(probes.tally(100, 1472), { answered: 0, missed: 3 });
});

Deno.test("PathProbes forgets what is older than its window", () => {
  const probes = sent(PROBE_WINDOW + 1);
  assert.equal(probes.answer(0), undefined);
  assert.equal(probes.answer(1)?.sentMs, 100);
  probes.expire(100_000, TIMEOUT_MS);
  assert.deepEqual(probes.tally(0, 1500), { answered: 1, missed: PROBE_WINDOW - 1 });
});

Deno.test("PathProbes agrees with a plain list, whatever is sent, answered and missed", () => {
  const step = fc.record({ waitMs: fc.nat(80), answer: fc.option(fc.nat(90), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const probes = new PathProbes();
      const plain: { sentMs: number; outcome: "open" | "missed" | "answered" }[] = [];
      let nowMs = 0;
      for (const { waitMs, answer } of steps) {
        nowMs += waitMs;
        probes.expire(nowMs, TIMEOUT_MS);
        for (const probe of plain) {
          if (probe.outcome === "open" && nowMs >= probe.sentMs + TIMEOUT_MS) probe.outcome = "missed";
        }
        if (answer !== undefined && answer < plain.length) {
          const isKnown = answer >= plain.length - PROBE_WINDOW && plain[answer].outcome !== "answered";
          assert.equal(probes.answer(answer) !== undefined, isKnown);
          if (isKnown) plain[answer].outcome = "answered";
        }
        probes.note(plain.length, 46, true, nowMs);
        plain.push({ sentMs: nowMs, outcome: "open" });
        const window = plain.slice(-PROBE_WINDOW);
        const count = (wanted: string) => window.filter(({ outcome }) => outcome === wanted).length;
        assert.deepEqual(probes.tally(0, 1500), { answered: count("answered"), missed: count("missed") });
        const youngest = plain.findLastIndex(({ outcome }) => outcome === "answered");
        const after = plain.slice(Math.max(youngest + 1, plain.length - PROBE_WINDOW));
        assert.equal(probes.missedInRow(), after.filter(({ outcome }) => outcome === "missed").length);
      }
    }),
    { numRuns: 200 },
  );
});
