/**
 * Starting the program by hand on one host without a network: what it says and what it leaves.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { planEdges, renderEdgeConfig } from "./harness/edge_config.ts";
import type { Host } from "./harness/host.ts";
import { labTest } from "./harness/lab_steps.ts";
import type { CommandResult } from "./harness/process.ts";
import { compiledProgram, programEnvironment } from "./harness/program.ts";

const EXIT_OK = 0;
const EXIT_BAD_INPUT = 2;

labTest("the command line", async ({ lab, step }) => {
  const host = await lab.addHost("alone");
  const good = renderEdgeConfig(planEdges([{ a: 1, b: 2, addressOfB: "127.0.0.1" }]).get(1)!);

  await step("--check accepts a good file and leaves the system as it was", async () => {
    const result = await check(host, good);
    assert.equal(result.code, EXIT_OK, result.stderr);
    assert.deepEqual(await host.interfaces(), []);
  });

  await step("--check names every mistake with its line and leaves the system as it was", async () => {
    const bad = good.replace(/^PrivKey: .*$/m, "PrivKey: short").replace(/^DefaultTTL: .*$/m, "DefaultTTL: 0")
      .replace(/^ListenPort: .*$/m, "ListenPort: 70000");
    const lines = bad.split("\n");
    const result = await check(host, bad);
    assert.equal(result.code, EXIT_BAD_INPUT, result.stderr);
    for (const key of ["PrivKey", "DefaultTTL", "ListenPort"]) {
      const line = lines.findIndex((text) => text.startsWith(`${key}:`)) + 1;
      assert.match(result.stderr, new RegExp(`:${line}\\b.*${key}|${key}.*:${line}\\b`), result.stderr);
    }
    assert.deepEqual(await host.interfaces(), []);
  });

  await step("edge refuses a bad file the same way, without touching the system", async () => {
    const result = await etherguard(host, ["edge", "--config", await writeConfig(host, "NodeID: nobody\n")]);
    assert.equal(result.code, EXIT_BAD_INPUT, result.stderr);
    assert.deepEqual(await host.interfaces(), []);
  });

  await step("a file that doesn't exist, an unknown flag, no command", async () => {
    for (const words of [["edge", "--config", "/nonexistent.yaml"], ["edge", "--nonsense"], ["nonsense"]]) {
      const result = await etherguard(host, words);
      assert.equal(result.code, EXIT_BAD_INPUT, `${words.join(" ")}: ${result.stderr}`);
      assert.notEqual(result.stderr.trim(), "");
    }
  });

  await step("--version, --help and edge --example answer on standard output", async () => {
    for (const words of [["--version"], ["--help"], ["edge", "--example"]]) {
      const result = await etherguard(host, words);
      assert.equal(result.code, EXIT_OK, result.stderr);
      assert.notEqual(result.stdout.trim(), "");
    }
  });

  await step("the example passes --check", async () => {
    const { stdout } = await etherguard(host, ["edge", "--example"]);
    const result = await check(host, stdout);
    assert.equal(result.code, EXIT_OK, result.stderr);
  });
});

async function check(host: Host, config: string): Promise<CommandResult> {
  return await etherguard(host, ["edge", "--config", await writeConfig(host, config), "--check"]);
}

function etherguard(host: Host, words: readonly string[]): Promise<CommandResult> {
  return host.run([compiledProgram(), ...words], { env: programEnvironment(), allowFailure: true });
}

async function writeConfig(host: Host, config: string): Promise<string> {
  const file = `${host.folder}/edge.yaml`;
  await Deno.writeTextFile(file, config);
  return file;
}
