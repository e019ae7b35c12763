import { testRule } from "./run_rule.ts";

testRule("ignore-has-reason", [
  {
    name: "refuses to ignore a rule without saying why",
    path: "src/wire/tcp.ts",
    source: "// deno-lint-ignore no-debugger\nf();\n// deno-lint-ignore-file\n",
    reports: ["without a reason", "without a reason"],
  },
  {
    name: "allows it with a reason",
    path: "src/wire/tcp.ts",
    source: "// deno-lint-ignore no-explicit-any -- a field of any scalar type\nf();",
    reports: [],
  },
  { name: "leaves other comments alone", path: "src/wire/tcp.ts", source: "// Why not ignore it?\nf();", reports: [] },
]);
