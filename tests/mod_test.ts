import { strict as assert } from "node:assert";
import * as library from "../mod.ts";

Deno.test("mod.ts offers what its documentation names", () => {
  for (const name of ["readEdgeConfig", "parseEdgeConfig", "runEdge", "formatConfigIssue", "nextHopPath"] as const) {
    assert.equal(typeof library[name], "function", name);
  }
});

Deno.test("examples/programs/show_routes.ts prints the way through a relay", async () => {
  const root = new URL("..", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-env", "examples/programs/show_routes.ts", "examples/static/n1.yaml"],
    cwd: root,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.deepEqual(new TextDecoder().decode(stdout).trim().split("\n"), ["1 - 2", "1 - 2 - 3"]);
});
