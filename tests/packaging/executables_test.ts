import { strict as assert } from "node:assert";
import { ROOT } from "../../tools/run.ts";

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function start(program: string, ...programArguments: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(`${ROOT}/${program}`, {
    args: programArguments,
    cwd: "/",
    // The checkout's launcher is to find the very Deno that runs this test.
    env: program === "etherguard" ? { DENO: Deno.execPath() } : {},
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

for (
  const programArguments of [["--version"], ["--help"], ["edge", "--help"], ["edge", "--no-such-option"], ["nothing"]]
) {
  Deno.test(`dist/etherguard ${programArguments.join(" ")} answers as the checkout does`, async () => {
    const compiled = await start("dist/etherguard", ...programArguments);
    assert.deepEqual(compiled, await start("etherguard", ...programArguments));
  });
}

Deno.test("dist/etherguard-edge is the command edge", async () => {
  const whole = await start("dist/etherguard", "edge", "--help");
  assert.equal(whole.code, 0, whole.stderr);
  assert.deepEqual(await start("dist/etherguard-edge", "--help"), whole);
});

Deno.test("dist/etherguard reports a missing configuration with exit code 2", async () => {
  const { code, stderr } = await start("dist/etherguard", "edge", "--config", "/nonexistent/edge.yaml");
  assert.equal(code, 2, stderr);
  assert.match(stderr, /\/nonexistent\/edge\.yaml/);
});
