import { strict as assert } from "node:assert";
import fc from "fast-check";
import { PathKind } from "../../src/base/path_kind.ts";
import { comparePaths, gradeOf, PathGrade, type PathStanding, type PathState } from "../../src/conn/path_score.ts";

const { UDP6, UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const USUAL = [UDP6, UDP4, FAKETCP6, FAKETCP4];
const FAKETCP_FIRST = [FAKETCP4, FAKETCP6, UDP4, UDP6];

function standing(kind: number, changes: Partial<PathStanding> = {}): PathStanding {
  return { kind, isUsable: true, state: "alive", isSmallOnly: false, isLossy: false, ...changes };
}

/** Each row: the better path, the worse one, and the order of preference. */
const COMPARISONS: readonly [name: string, PathStanding, PathStanding, readonly number[]][] = [
  ["of two good paths the preferred one", standing(UDP6), standing(UDP4), USUAL],
  ["UDP before FakeTCP", standing(UDP4), standing(FAKETCP6), USUAL],
  ["FakeTCP before UDP if so ordered", standing(FAKETCP4), standing(UDP6), FAKETCP_FIRST],
  ["what is in the order before what isn't", standing(FAKETCP4), standing(UDP6), [FAKETCP4]],
  ["a good path before a lossy one", standing(FAKETCP4), standing(UDP6, { isLossy: true }), USUAL],
  [
    "a lossy path before a small-only one",
    standing(UDP4, { isLossy: true }),
    standing(UDP6, { isSmallOnly: true }),
    USUAL,
  ],
  [
    "a lossy path before a lossy small-only one",
    standing(UDP4, { isLossy: true }),
    standing(UDP6, { isSmallOnly: true, isLossy: true }),
    USUAL,
  ],
  [
    "a small-only path before an unanswered one",
    standing(UDP4, { isSmallOnly: true }),
    standing(UDP6, { state: "suspect" }),
    USUAL,
  ],
  [
    "of two unanswered paths the preferred one",
    standing(UDP6, { state: "unknown" }),
    standing(UDP4, { state: "suspect" }),
    USUAL,
  ],
  [
    "an untried path before a dead one",
    standing(FAKETCP4, { state: "unknown" }),
    standing(UDP6, { state: "dead" }),
    USUAL,
  ],
  [
    "a dead path before an unusable one",
    standing(FAKETCP4, { state: "dead" }),
    standing(UDP6, { isUsable: false }),
    USUAL,
  ],
  [
    "of two lossy paths the preferred one",
    standing(UDP6, { isLossy: true }),
    standing(FAKETCP6, { isLossy: true }),
    USUAL,
  ],
];

for (const [name, better, worse, order] of COMPARISONS) {
  Deno.test(`comparePaths() puts ${name}`, () => {
    assert.ok(comparePaths(better, worse, order) < 0);
    assert.ok(comparePaths(worse, better, order) > 0);
  });
}

const anyStanding: fc.Arbitrary<PathStanding> = fc.record({
  kind: fc.nat(3),
  isUsable: fc.boolean(),
  state: fc.constantFrom<PathState>("unknown", "probing", "alive", "suspect", "dead"),
  isSmallOnly: fc.boolean(),
  isLossy: fc.boolean(),
});

Deno.test("comparePaths() is an order: antisymmetric, transitive, and 0 only for one kind", () => {
  const order = fc.shuffledSubarray(USUAL);
  fc.assert(
    fc.property(anyStanding, anyStanding, anyStanding, order, (a, b, c, order) => {
      assert.equal(Math.sign(comparePaths(a, b, order)), -Math.sign(comparePaths(b, a, order)) + 0);
      if (a.kind !== b.kind) assert.notEqual(comparePaths(a, b, order), 0);
      if (comparePaths(a, b, order) <= 0 && comparePaths(b, c, order) <= 0) {
        assert.ok(comparePaths(a, c, order) <= 0);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("gradeOf() doesn't let quality count while a path doesn't answer", () => {
  for (const state of ["unknown", "probing", "suspect"] as const) {
    assert.equal(gradeOf(standing(UDP6, { state, isLossy: true })), PathGrade.UNPROVEN);
  }
});
