/**
 * Measures etherguard, over UDP and over FakeTCP, beside the bare cable and Debian's wireguard-go, in one run; then what it
 * costs when UDP dies and comes back.
 *
 *     deno task bench [--quick] [--json FILE] [--subject NAME]… [--case NAME]…
 *
 * `--quick` measures each case once for two seconds. `--subject` and `--case` measure only what they name; the changes of
 * the transport are the case `failover`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { monotonicMs } from "../src/base/clock.ts";
import { CASES } from "../tests/bench/network/cases.ts";
import {
  type FailoverEffort,
  type FailoverRow,
  measureFailover,
  renderFailover,
} from "../tests/bench/network/failover.ts";
import { renderTable, toReport } from "../tests/bench/network/report.ts";
import { type Effort, measureAll } from "../tests/bench/network/schedule.ts";
import { COMPARED, SUBJECTS } from "../tests/bench/network/subjects.ts";

const FULL: Effort & FailoverEffort = { repetitions: 3, seconds: 3, firstRuns: 20, otherRuns: 5 };
const QUICK: Effort & FailoverEffort = { repetitions: 1, seconds: 2, firstRuns: 3, otherRuns: 1 };
const FAILOVER = "failover";

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
const cases = pick([...CASES, { name: FAILOVER }], options.case);
const effort = options.quick ? QUICK : FULL;
const beginMs = monotonicMs();

const result = await measureAll(subjects, cases.filter((one) => "measure" in one), effort, report);
const changes = cases.some((one) => one.name === FAILOVER) ? await tryFailover() : undefined;
console.log("\n" + renderTable(result, subjects.map((subject) => subject.name), COMPARED.ours, COMPARED.yardstick));
const { ratios } = toReport(result, COMPARED);
for (const [name, value] of Object.entries(ratios).filter(([name]) => name.startsWith("faketcp"))) {
  console.log(`${name}: ${value} of our UDP`);
}
if (changes !== undefined) console.log("\n" + renderFailover(changes));
if (options.json !== undefined) {
  const json = JSON.stringify(toReport(result, COMPARED, changes), undefined, 2);
  await Deno.writeTextFile(options.json, json + "\n");
}

function report(progress: string): void {
  console.log(`${String(Math.round((monotonicMs() - beginMs) / 1000)).padStart(4)} s  ${progress}`);
}

/** Not measured where subjects are named and FakeTCP isn't among them. */
async function tryFailover(): Promise<FailoverRow[] | undefined> {
  if (!subjects.some((subject) => subject.name === COMPARED.fakeTcp)) return undefined;
  return await measureFailover(effort, report);
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
