import { MAX_FILE_LINES } from "./max_file_length.ts";
import { testRule } from "./run_rule.ts";

function linesOf(count: number): string {
  return "f();\n".repeat(count);
}

testRule("max-file-length", [
  { name: "allows 500 lines", path: "src/wire/tcp.ts", source: linesOf(MAX_FILE_LINES), reports: [] },
  {
    name: "refuses 501 lines",
    path: "src/wire/tcp.ts",
    source: linesOf(MAX_FILE_LINES + 1),
    reports: ["the file has 501 lines"],
  },
  {
    name: "applies to tests and tools as well",
    path: "tests/wire/tcp_test.ts",
    source: linesOf(MAX_FILE_LINES + 1),
    reports: ["the file has 501 lines"],
  },
  {
    name: "allows more if the first line says why",
    path: "src/config/schema.ts",
    source: "// Longer than 500 lines: one table, read from top to bottom.\n" + linesOf(MAX_FILE_LINES + 1),
    reports: [],
  },
  {
    name: "refuses a first line without a reason",
    path: "src/config/schema.ts",
    source: "// Longer than 500 lines.\n" + linesOf(MAX_FILE_LINES + 1),
    reports: ["the file has 502 lines"],
  },
]);
