import { strict as assert } from "node:assert";

/** What makes the rest of a command line run in a network namespace of its own: as root, or as root of a user namespace. */
const WAYS = [["--net"], ["--user", "--map-root-user", "--net"]];

/** Returns the first of these in which the kernel lets us change rules. */
async function findWay(): Promise<string[] | undefined> {
  for (const way of WAYS) {
    const trial = new Deno.Command("unshare", {
      args: [...way, "nft", "list", "tables"],
      stdout: "null",
      stderr: "null",
    });
    if ((await trial.output()).success) return way;
  }
  return undefined;
}

const way = await findWay();

Deno.test({
  name: "HostRules passes its tests in a network namespace of its own",
  ignore: way === undefined,
  fn: async () => {
    const tests = new URL("host_rules_in_namespace.ts", import.meta.url).pathname;
    const command = new Deno.Command("unshare", {
      args: [...way!, Deno.execPath(), "test", "--allow-all", "--no-prompt", tests],
      env: { NO_COLOR: "1" },
    });
    const { success, stdout, stderr } = await command.output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.ok(success, output);
    assert.match(output, /ok \| [1-9]\d* passed \| 0 failed/);
  },
});
