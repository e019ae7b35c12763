/**
 * Running a file of tests in namespaces of its own: as root, or as root of a user namespace.
 *
 * @module
 */

import { strict as assert } from "node:assert";

/** What the tests of a file need. */
export interface NamespaceOptions {
  /** Whether they have mounts of their own, so that `ip netns` leaves nothing behind. */
  readonly mounts?: boolean;
  /** Command that succeeds where they can run; `true` if absent. */
  readonly probe?: readonly string[];
}

/**
 * Registers one test that runs another file of tests with `deno test` in a network namespace of its own. Where the kernel
 * gives us none, the test is ignored, and in CI that is a failure (`tools/test.ts`).
 *
 * @param file URL of the file.
 */
export async function testInNamespace(name: string, file: URL, options: NamespaceOptions = {}): Promise<void> {
  const way = await findWay(options);
  Deno.test({
    name,
    ignore: way === undefined,
    fn: async () => {
      const command = new Deno.Command("unshare", {
        args: [...way!, Deno.execPath(), "test", "--allow-all", "--no-prompt", file.pathname],
        env: { NO_COLOR: "1" },
      });
      const { success, stdout, stderr } = await command.output();
      const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.ok(success, output);
      assert.match(output, /ok \| [1-9]\d* passed \| 0 failed/);
    },
  });
}

/** Returns the first way to make the namespaces that the kernel allows: arguments of `unshare`. */
async function findWay({ mounts = false, probe = ["true"] }: NamespaceOptions): Promise<string[] | undefined> {
  const namespaces = mounts ? ["--net", "--mount"] : ["--net"];
  for (const way of [namespaces, ["--user", "--map-root-user", ...namespaces]]) {
    const trial = new Deno.Command("unshare", { args: [...way, ...probe], stdout: "null", stderr: "null" });
    if ((await trial.output()).success) return way;
  }
  return undefined;
}
