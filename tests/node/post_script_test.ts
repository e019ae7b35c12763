import { strict as assert } from "node:assert";
import type { EdgeConfig } from "../../src/config/edge_config.ts";
import { postScriptEnvironment, runPostScript } from "../../src/node/post_script.ts";
import { readValid, SMALL_FILE } from "../config/edge_files.ts";

function configOf(nodeId: number): EdgeConfig {
  return { ...readValid(SMALL_FILE), nodeId, nodeName: "node seven" };
}

Deno.test("postScriptEnvironment() tells about node and interface", () => {
  assert.deepEqual(postScriptEnvironment(configOf(1), "eg0"), {
    EG_MODE: "edge",
    EG_NODE_NAME: "node seven",
    EG_NODE_ID_INT_DEC: "1",
    EG_NODE_ID_INT_HEX: "1",
    EG_NODE_ID_BYTE0_DEC: "1",
    EG_NODE_ID_BYTE1_DEC: "0",
    EG_NODE_ID_BYTE0_HEX: "1",
    EG_NODE_ID_BYTE1_HEX: "0",
    EG_INTERFACE_NAME: "eg0",
    EG_INTERFACE_TYPE: "tap",
    EG_INTERFACE_MAC_PREFIX: "AA:BB:CC:DD",
    EG_INTERFACE_MAC_ADDR: "aa:bb:cc:dd:00:01",
  });
});

Deno.test("postScriptEnvironment() tells the name of a dummy, which is no device, as it is written", () => {
  const config = readValid(SMALL_FILE.replace("IType: tap", "IType: dummy, Name: relay"));
  const variables = postScriptEnvironment(config, "");
  assert.equal(variables.EG_INTERFACE_NAME, "relay");
  assert.equal(variables.EG_INTERFACE_TYPE, "dummy");
});

Deno.test("postScriptEnvironment() writes a NodeId whole and by octets, in both bases", () => {
  const variables = postScriptEnvironment(configOf(0xabcd), "eg0");
  const numbers = Object.entries(variables).filter(([name]) => name.startsWith("EG_NODE_ID"));
  assert.deepEqual(Object.fromEntries(numbers), {
    EG_NODE_ID_INT_DEC: "43981",
    EG_NODE_ID_INT_HEX: "abcd",
    EG_NODE_ID_BYTE0_DEC: "205",
    EG_NODE_ID_BYTE1_DEC: "171",
    EG_NODE_ID_BYTE0_HEX: "CD",
    EG_NODE_ID_BYTE1_HEX: "AB",
  });
});

Deno.test("runPostScript() runs the program with arguments and variables, and returns what it prints", async () => {
  const script = 'echo "$1 on $EG_INTERFACE_NAME"; echo wrong >&2; test -n "$PATH"';
  const result = await runPostScript(["sh", "-c", script, "sh", "two words"], { EG_INTERFACE_NAME: "eg0" });
  assert.deepEqual(result, { exitCode: 0, output: "two words on eg0\nwrong\n" });
});

Deno.test("runPostScript() returns the exit code of a program that fails", async () => {
  assert.deepEqual(await runPostScript(["sh", "-c", "exit 7"], {}), { exitCode: 7, output: "" });
});

Deno.test("runPostScript() gives the program no input to wait for", async () => {
  assert.deepEqual(await runPostScript(["cat"], {}), { exitCode: 0, output: "" });
});

Deno.test("runPostScript() fails if there is no such program", async () => {
  await assert.rejects(runPostScript(["/nonexistent/program"], {}), Deno.errors.NotFound);
});
