import { strict as assert } from "node:assert";
import { BorderCheck, BorderVerdict } from "../../src/dataplane/border_check.ts";

const CONNECTION = 2;
const { NONE, MERGED, ALL } = BorderVerdict;

/** Judges a message of which some datagrams are authentic, on a connection. */
function judge(borders: BorderCheck, pieces: number, authentic: number, connection = CONNECTION): number {
  borders.begin(5, pieces);
  for (let count = 0; count < authentic; count++) borders.noteAuthentic(5);
  return borders.judge(5, connection);
}

/** Judges as many messages of which nothing is authentic; returns the verdicts. */
function judgeFailures(borders: BorderCheck, pieces: number, count: number): number[] {
  return Array.from({ length: count }, () => judge(borders, pieces, 0));
}

Deno.test("BorderCheck.judge() finds merged segments re-cut after four in a row, and again after four more", () => {
  const verdicts = judgeFailures(new BorderCheck(4), 20, 9);
  assert.deepEqual(verdicts, [NONE, NONE, NONE, MERGED, NONE, NONE, NONE, MERGED, NONE]);
});

Deno.test("BorderCheck.judge() finds a proxy after 16 single segments in a row, and again after as many", () => {
  const verdicts = judgeFailures(new BorderCheck(4), 1, 32);
  assert.deepEqual(verdicts.flatMap((verdict, index) => verdict === NONE ? [] : [[index, verdict]]), [[15, ALL], [
    31,
    ALL,
  ]]);
});

Deno.test("BorderCheck.judge() clears a connection when two datagrams of a merged segment are authentic", () => {
  const borders = new BorderCheck(4);
  judgeFailures(borders, 20, 3);
  assert.equal(judge(borders, 20, 2), NONE);
  assert.deepEqual(judgeFailures(borders, 20, 4), [NONE, NONE, NONE, MERGED]);
});

Deno.test("BorderCheck.judge() lets one authentic datagram at the beginning prove nothing about the borders behind it", () => {
  const borders = new BorderCheck(4);
  judgeFailures(borders, 20, 3);
  assert.equal(judge(borders, 20, 1), NONE);
  assert.deepEqual(judgeFailures(borders, 20, 1), [MERGED]);
});

Deno.test("BorderCheck.judge() lets a single segment clear the count of single ones only", () => {
  const borders = new BorderCheck(4);
  judgeFailures(borders, 20, 3);
  judgeFailures(borders, 1, 15);
  assert.equal(judge(borders, 1, 1), NONE);
  assert.deepEqual(judgeFailures(borders, 1, 1), [NONE]);
  assert.deepEqual(judgeFailures(borders, 20, 1), [MERGED]);
});

Deno.test("BorderCheck.judge() keeps connections apart", () => {
  const borders = new BorderCheck(4);
  judgeFailures(borders, 20, 3);
  assert.equal(judge(borders, 20, 0, CONNECTION + 1), NONE);
  assert.equal(judge(borders, 20, 0), MERGED);
});
