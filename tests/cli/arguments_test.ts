import { strict as assert } from "node:assert";
import { formatConfigIssue } from "../../src/base/errors.ts";
import { readOptions } from "../../src/cli/arguments.ts";

const RULES = {
  config: { type: "string", allowed: "a path" },
  bind: { type: "string", choices: ["linux", "std"] },
  check: { type: "boolean" },
} as const;

const GOOD: readonly [args: string[], values: Record<string, string | boolean>][] = [
  [[], {}],
  [["--config", "a.yaml"], { config: "a.yaml" }],
  [["--config=a.yaml", "--check"], { config: "a.yaml", check: true }],
  [["--config", "a=b"], { config: "a=b" }],
  [["--config", "-"], { config: "-" }],
  [["--bind", "std"], { bind: "std" }],
];

for (const [args, values] of GOOD) {
  Deno.test(`readOptions() reads ${JSON.stringify(args)}`, () => {
    assert.deepEqual(readOptions(args, RULES), { values, issues: [] });
  });
}

const BAD: readonly [args: string[], keys: string[]][] = [
  [["--confg", "a"], ["--confg", "a"]],
  [["--bind", "foo"], ["--bind"]],
  [["--bind"], ["--bind"]],
  [["--config="], ["--config"]],
  [["--config", "--check"], ["--config"]],
  [["--check=yes"], ["--check"]],
  [["--check", "--check"], ["--check"]],
  [["--config", "a", "--config", "b"], ["--config"]],
  [["word"], ["word"]],
  [["-x"], ["-x"]],
  [["-config", "a"], ["-config"]],
  [["--", "word"], ["word"]],
  [["--constructor"], ["--constructor"]],
  [["--__proto__=1"], ["--__proto__"]],
];

for (const [args, keys] of BAD) {
  Deno.test(`readOptions() refuses ${JSON.stringify(args)}`, () => {
    assert.deepEqual(readOptions(args, RULES).issues.map((issue) => issue.key), keys);
  });
}

Deno.test("readOptions() reports all mistakes at once", () => {
  const { issues } = readOptions(["--confg=x", "--bind", "foo", "extra"], RULES);
  assert.deepEqual(issues.map(formatConfigIssue), [
    'command line: error: --confg: found an unknown option; allowed: --config, --bind, --check; perhaps "--config" is meant',
    'command line: error: --bind: found "foo"; allowed: linux, std; write one of these',
    "command line: error: extra: found a word that belongs to no option; allowed: --config, --bind, --check; remove it",
  ]);
});
