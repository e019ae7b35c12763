/**
 * Measures etherguard beside the bare cable and Debian's wireguard-go, in one run and in the same namespaces.
 *
 *     deno task bench [--quick] [--json FILE] [--subject NAME]… [--case NAME]…
 *
 * `--quick` measures each case once for two seconds. `--subject` and `--case` measure only what they name.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { monotonicMs } from "../src/base/clock.ts";
import { CASES } from "../tests/bench/network/cases.ts";
import { renderTable, toReport } from "../tests/bench/network/report.ts";
import { type Effort, measureAll } from "../tests/bench/network/schedule.ts";
import { OURS, SUBJECTS, YARDSTICK } from "../tests/bench/network/subjects.ts";

const FULL: Effort = { repetitions: 3, seconds: 3 };
const QUICK: Effort = { repetitions: 1, seconds: 2 };

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    subject: { type: "string", multiple: true },
    case: { type: "string", multiple: true },
  },
});

const subjects = pick(SUBJECTS, options.subject);
const cases = pick(CASES, options.case);
const beginMs = monotonicMs();
const result = await measureAll(subjects, cases, options.quick ? QUICK : FULL, (progress) => {
  console.log(`${String(Math.round((monotonicMs() - beginMs) / 1000)).padStart(4)} s  ${progress}`);
});
console.log("\n" + renderTable(result, subjects.map((subject) => subject.name), OURS, YARDSTICK));
if (options.json !== undefined) {
  const report = toReport(result, OURS, YARDSTICK);
  await Deno.writeTextFile(options.json, JSON.stringify(report, undefined, 2) + "\n");
}

function pick<T extends { name: string }>(all: readonly T[], names: readonly string[] | undefined): readonly T[] {
  for (const name of names ?? []) {
    if (!all.some((one) => one.name === name)) {
      console.error(`"${name}" isn't one of ${all.map((one) => one.name).join(", ")}`);
      Deno.exit(2);
    }
  }
  return names === undefined ? all : all.filter((one) => names.includes(one.name));
}
