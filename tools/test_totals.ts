/**
 * Counts of tests, and how to read them from what test runners write.
 *
 * @module
 */

/** How many tests ended how. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** The counts of a run without tests. */
export const NO_TESTS: Totals = { passed: 0, failed: 0, skipped: 0 };

/** Adds two counts. */
export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/**
 * Counts the tests of a JUnit report as `deno test --junit-path` writes it; steps count as tests.
 *
 * An empty text, or one that isn't a report, has no tests.
 */
export function countJunit(report: string): Totals {
  let totals = NO_TESTS;
  for (const [suite] of report.matchAll(/<testsuite\s[^>]*>/g)) {
    const failed = readCount(suite, "failures") + readCount(suite, "errors");
    const skipped = readCount(suite, "disabled") + readCount(suite, "skipped");
    totals = addTotals(totals, { passed: readCount(suite, "tests") - failed - skipped, failed, skipped });
  }
  return totals;
}

function readCount(tag: string, attribute: string): number {
  return Number(tag.match(new RegExp(`\\s${attribute}="(\\d+)"`))?.[1] ?? 0);
}

/** Sums the lines `N passed, N failed` of an output; a name and a colon may stand before, `, N skipped` may follow. */
export function countLines(output: string): Totals {
  let totals = NO_TESTS;
  for (const match of output.matchAll(/^(?:\S+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)) {
    totals = addTotals(totals, {
      passed: Number(match[1]),
      failed: Number(match[2]),
      skipped: Number(match[3] ?? 0),
    });
  }
  return totals;
}
