import { strict as assert } from "node:assert";
import { countJunit, countLines } from "../../tools/test_totals.ts";

Deno.test("countJunit() sums the suites of a report", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="2" errors="1" time="0.036">
    <testsuite name="./a_test.ts" tests="6" disabled="1" errors="0" failures="2">
        <testcase name="a &gt; b tests=&quot;7&quot;" classname="./a_test.ts" time="0.002" line="1" col="6">
    </testsuite>
    <testsuite name="./b_test.ts" tests="3" disabled="0" errors="1" failures="0"></testsuite>
</testsuites>`;
  assert.deepEqual(countJunit(report), { passed: 5, failed: 3, skipped: 1 });
});

Deno.test("countJunit() finds no tests in what isn't a report", () => {
  assert.deepEqual(countJunit(""), { passed: 0, failed: 0, skipped: 0 });
});

Deno.test("countLines() sums the closing lines of an output and no others", () => {
  const output = `seal: 3 passed, 0 failed\n12 passed, 1 failed, 2 skipped\nwe say: 5 passed, 5 failed in all\n`;
  assert.deepEqual(countLines(output), { passed: 15, failed: 1, skipped: 2 });
});
