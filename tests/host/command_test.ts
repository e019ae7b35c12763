import { strict as assert } from "node:assert";
import { commandError, runCommand } from "../../src/host/command.ts";

Deno.test("runCommand() passes arguments and input on as they are, and returns what is said", async () => {
  assert.deepEqual(await runCommand("cat", ["-", "--"], "$(echo) 'x'\n"), {
    code: 0,
    stdout: "$(echo) 'x'\n",
    stderr: "",
  });
  const { code, stderr } = (await runCommand("cat", ["/none of these"]))!;
  assert.equal(code, 1);
  assert.match(stderr, /cat: '\/none of these': No such file or directory\n$/);
});

Deno.test("runCommand() tells that a program isn't installed", async () => {
  assert.equal(await runCommand("etherguard-none", []), undefined);
});

Deno.test("runCommand() names what keeps a program from being started", async () => {
  await assert.rejects(runCommand("/etc/passwd", []), {
    name: "SystemError",
    message: /^start program \/etc\/passwd: EACCES: .*Permission denied/,
  });
});

Deno.test("runCommand() copes with a program that doesn't read its input", async () => {
  assert.equal((await runCommand("true", [], "x".repeat(1_000_000)))?.code, 0);
});

const ERRORS: [what: string, stderr: string | undefined, message: string][] = [
  ["a missing program", undefined, "nft table x: ENOENT: nft isn't installed: install it"],
  [
    "a missing right",
    "Operation not permitted (you must be root)\nnetlink: Error: cache",
    "nft table x: EPERM: needs CAP_NET_ADMIN: run as root, or in systemd set AmbientCapabilities=CAP_NET_ADMIN",
  ],
  ["another failure by its first line", "Error: syntax error\n  ^^^", "nft table x: exit code 1: Error: syntax error"],
];
for (const [what, stderr, message] of ERRORS) {
  Deno.test(`commandError() names ${what}`, () => {
    const result = stderr === undefined ? undefined : { code: 1, stdout: "", stderr };
    assert.equal(commandError("nft", "table x", result).message, message);
  });
}
