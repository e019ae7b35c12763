import { strict as assert } from "node:assert";
import { DialWay } from "../../src/base/dial_way.ts";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import { ATTEMPT_MS, DialRound, PUNCH_DELAY_MS, PUNCH_MS } from "../../src/control/dial_round.ts";
import type { DialTarget } from "../../src/control/dial_targets.ts";

const endpoint = parseEndpoint("192.0.2.1:443")!;

function target(way: number = DialWay.ORDINARY, kind: number = PathKind.FAKETCP4): DialTarget {
  return { kind, endpoint, way };
}

Deno.test("DialRound dials ordinary targets one after another, each for four seconds", () => {
  const targets = [target(), target()];
  const round = new DialRound(targets, [], 0);
  assert.equal(round.next(0), targets[0]);
  round.begin(targets[0], 7, 0);
  assert.equal(round.next(0), undefined);
  assert.equal(round.dueMs(), ATTEMPT_MS);
  assert.equal(round.overdueRow(ATTEMPT_MS - 1), -1);
  assert.equal(round.overdueRow(ATTEMPT_MS), 7);
  round.end(7);
  assert.equal(round.dueMs(), -Infinity);
  assert.equal(round.next(ATTEMPT_MS), targets[1]);
  round.begin(targets[1], 8, ATTEMPT_MS);
  assert.equal(round.isOver(ATTEMPT_MS), false);
  assert.deepEqual([round.targetOf(7), round.targetOf(8)], [undefined, targets[1]]);
  round.end(8);
  assert.equal(round.isOver(ATTEMPT_MS), true);
});

Deno.test("DialRound dials the only target as long as the stack does", () => {
  const round = new DialRound([target()], [], 0);
  round.begin(round.next(0)!, 7, 0);
  assert.equal(round.dueMs(), Infinity);
  assert.equal(round.overdueRow(1e9), -1);
});

Deno.test("DialRound begins all punches at a fixed time, whatever else goes on, and waits six seconds for them", () => {
  const punches = [target(DialWay.PUNCH, PathKind.FAKETCP6), target(DialWay.PUNCH)];
  for (const ordinary of [[], [target()]]) {
    const round = new DialRound(ordinary, punches, 1000);
    if (ordinary.length > 0) round.begin(round.next(1000)!, 7, 1000);
    assert.equal(round.next(1000 + PUNCH_DELAY_MS - 1), undefined);
    assert.equal(round.dueMs(), 1000 + PUNCH_DELAY_MS);
    for (const [index, punch] of punches.entries()) {
      assert.equal(round.next(1000 + PUNCH_DELAY_MS), punch);
      round.begin(punch, 20 + index, 1000 + PUNCH_DELAY_MS);
    }
    round.end(7);
    const endMs = 1000 + PUNCH_DELAY_MS + PUNCH_MS;
    assert.equal(round.dueMs(), endMs);
    assert.deepEqual([round.isOver(endMs - 1), round.isOver(endMs)], [false, true]);
    assert.deepEqual(round.rows(), [20, 21], "they go on");
  }
});

Deno.test("DialRound.stop() begins nothing more, and is over when the dial that goes on is", () => {
  const round = new DialRound([target(), target()], [target(DialWay.PUNCH)], 0);
  round.begin(round.next(0)!, 7, 0);
  round.stop();
  assert.equal(round.next(10_000), undefined);
  assert.equal(round.isOver(0), false);
  round.end(7);
  assert.equal(round.isOver(0), true);
});
