import { testRule } from "./run_rule.ts";

testRule("no-process-exit", [
  {
    name: "refuses to end the process below the command line",
    path: "src/edge/edge.ts",
    source: `Deno.exit(1); process.exit(1);`,
    reports: ["only src/cli/main.ts", "only src/cli/main.ts"],
  },
  {
    name: "refuses it in the commands too",
    path: "src/cli/edge_command.ts",
    source: `Deno.exit(0);`,
    reports: ["only src/cli/main.ts"],
  },
  { name: "allows it in the program's main file", path: "src/cli/main.ts", source: `Deno.exit(0);`, reports: [] },
  { name: "leaves files outside src alone", path: "tools/setup.ts", source: `Deno.exit(1);`, reports: [] },
]);
