import { strict as assert } from "node:assert";
import { ROOT } from "../../tools/run.ts";

async function runTestFile(source: string): Promise<{ success: boolean; output: string }> {
  const directory = await Deno.makeTempDir({ prefix: "etherguard-sanitizers-" });
  try {
    await Deno.writeTextFile(`${directory}/leak_test.ts`, source);
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", "--no-check", "--config", `${ROOT}/deno.json`, `${directory}/leak_test.ts`],
      env: { NO_COLOR: "1" },
    }).output();
    return { success, output: new TextDecoder().decode(stdout) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("deno.json makes a test fail that leaves a file open", async () => {
  const { success, output } = await runTestFile(`Deno.test("leak", async () => { await Deno.open("/dev/null"); });`);
  assert.equal(success, false);
  assert.match(output, /A file was opened during the test, but not closed/);
});

Deno.test("deno.json makes a test fail that leaves a timer running", async () => {
  const { success, output } = await runTestFile(`Deno.test("leak", () => { setTimeout(() => {}, 60_000); });`);
  assert.equal(success, false);
  assert.match(output, /A timer was started in this test, but never completed/);
});

Deno.test("deno.json lets a test pass that leaves nothing behind", async () => {
  const { success, output } = await runTestFile(`Deno.test("clean", () => {});`);
  assert.equal(success, true, output);
});
