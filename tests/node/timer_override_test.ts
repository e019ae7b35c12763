import { strict as assert } from "node:assert";
import { ConfigError } from "../../src/base/errors.ts";
import { readTimers } from "../../src/node/timer_override.ts";
import { DEFAULT_TIMER_PARAMS } from "../../src/noise/constants.ts";

Deno.test("readTimers() returns the specification's times when nothing is given", () => {
  assert.equal(readTimers(undefined), DEFAULT_TIMER_PARAMS);
  assert.deepEqual(readTimers("{}"), DEFAULT_TIMER_PARAMS);
});

Deno.test("readTimers() replaces the times that are given, and no others", () => {
  const given = { rekeyAfterTimeMs: 1500, jitterMaxMs: 0 };
  assert.deepEqual(readTimers(JSON.stringify(given)), { ...DEFAULT_TIMER_PARAMS, ...given });
});

const WRONG = [
  "",
  "null",
  "7",
  '"rekeyAfterTimeMs"',
  "[]",
  "[1]",
  "{",
  '{"rekeyAfterTime": 5}',
  '{"toString": 5}',
  '{"rekeyAfterTimeMs": -1}',
  '{"rekeyAfterTimeMs": 1.5}',
  '{"rekeyAfterTimeMs": "5"}',
  '{"rekeyAfterTimeMs": null}',
];
for (const text of WRONG) {
  Deno.test(`readTimers() refuses ${text === "" ? "an empty text" : text} and says what is allowed`, () => {
    assert.throws(() => readTimers(text), (error) => {
      assert.ok(error instanceof ConfigError);
      const [issue] = error.issues;
      assert.deepEqual([issue.file, issue.key, issue.severity], ["environment", "ETHERGUARD_TEST_TIMERS", "error"]);
      assert.equal(issue.found, `"${text}"`);
      assert.ok(issue.allowed.includes("rekeyAfterTimeMs"));
      return true;
    });
  });
}
