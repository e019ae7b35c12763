/**
 * Runs every test and closes with one line of totals, `N passed, N failed`.
 *
 * In order: the shim's own tests, plain and under sanitizers; unit, vector, property and simulation tests; then the
 * executables are made, and tried in their packaging and on real interfaces. A later part runs also if an earlier
 * one failed, so that one run tells everything.
 *
 * In CI (the variable `CI` is set) a test that was skipped counts as failed: nothing there may go untested unnoticed.
 *
 * @module
 */

import { ROOT, run } from "./run.ts";
import { addTotals, countJunit, countLines, NO_TESTS, type Totals } from "./test_totals.ts";

const REPORTS = `${ROOT}/build/test`;
const ONE_FAILED: Totals = { ...NO_TESTS, failed: 1 };

/** One part of the run. */
interface Part {
  name: string;
  run(): Promise<Totals>;
}

const PARTS: Part[] = [
  { name: "shim", run: () => testShim("test") },
  { name: "shim under sanitizers", run: () => testShim("asan") },
  { name: "program", run: () => testDeno("program", ["--ignore=tests/netns,tests/packaging", "tests"]) },
  { name: "executables", run: compile },
  { name: "packaging", run: () => testDeno("packaging", ["tests/packaging"]) },
  { name: "network namespaces", run: () => testDeno("netns", ["tests/netns"]) },
];

/** Runs a target of the shim's Makefile; each of its programs prints `N passed, N failed`. */
async function testShim(target: string): Promise<Totals> {
  const process = new Deno.Command("make", {
    args: ["--no-print-directory", "-C", "ffi", target],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    await Deno.stdout.write(new TextEncoder().encode(chunk));
    output += chunk;
  }
  return reconcile(countLines(output), (await process.status).code);
}

/** Runs `deno test`, and counts in its JUnit report. */
async function testDeno(name: string, paths: string[]): Promise<Totals> {
  const report = `${REPORTS}/${name}.xml`;
  const code = await run(Deno.execPath(), [
    "test",
    "--allow-all",
    "--no-prompt",
    `--junit-path=${report}`,
    ...paths,
  ]);
  return reconcile(countJunit(await readReport(report)), code);
}

async function readReport(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    // No report is written where a test file doesn't even load.
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Makes the executables: no test, but what comes after is worth nothing without them. */
async function compile(): Promise<Totals> {
  return reconcile(NO_TESTS, await run(Deno.execPath(), ["run", "--allow-all", "tools/compile.ts"]));
}

/** A part that failed without naming a test counts as one failed test. */
function reconcile(totals: Totals, exitCode: number): Totals {
  return exitCode !== 0 && totals.failed === 0 ? addTotals(totals, ONE_FAILED) : totals;
}

async function main(): Promise<number> {
  await Deno.mkdir(REPORTS, { recursive: true });
  for (const entry of Deno.readDirSync(REPORTS)) await Deno.remove(`${REPORTS}/${entry.name}`);

  const summary: string[] = [];
  let sum = NO_TESTS;
  for (const part of [{ name: "setup", run: setup }, ...PARTS]) {
    console.log(`\n== ${part.name} ==`);
    const startMs = performance.now();
    const totals = await part.run();
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    sum = addTotals(sum, totals);
    summary.push(
      `${part.name}: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped, in ${seconds} s`,
    );
    if (part.name === "setup" && totals.failed > 0) break;
  }

  const skippedAsFailed = Deno.env.has("CI") ? sum.skipped : 0;
  console.log(`\n${summary.join("\n")}`);
  if (sum.skipped > 0) {
    console.log(`${sum.skipped} skipped${skippedAsFailed > 0 ? ", which counts as failed in CI" : ""}`);
  }
  const failed = sum.failed + skippedAsFailed;
  console.log(`${sum.passed} passed, ${failed} failed`);
  return failed === 0 && sum.passed > 0 ? 0 : 1;
}

async function setup(): Promise<Totals> {
  return reconcile(NO_TESTS, await run(Deno.execPath(), ["run", "--allow-all", "tools/setup.ts"]));
}

if (import.meta.main) Deno.exit(await main());
