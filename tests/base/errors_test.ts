import { strict as assert } from "node:assert";
import { ConfigError, type ConfigIssue, formatConfigIssue, SystemError } from "../../src/base/errors.ts";

const ISSUE: ConfigIssue = {
  file: "edge.yaml",
  line: 7,
  key: "Peers[0].PubKey",
  found: '"abc"',
  allowed: "44 characters of base64",
  remedy: "copy the whole key",
  severity: "error",
};

Deno.test("formatConfigIssue() says where, what, what is allowed, and what to do", () => {
  assert.equal(
    formatConfigIssue(ISSUE),
    'edge.yaml:7: error: Peers[0].PubKey: found "abc"; allowed: 44 characters of base64; copy the whole key',
  );
});

Deno.test("formatConfigIssue() leaves out a line that isn't there", () => {
  const issue: ConfigIssue = { ...ISSUE, file: "command line", line: 0, severity: "warning" };
  assert.match(formatConfigIssue(issue), /^command line: warning: Peers/);
});

Deno.test("ConfigError carries every issue, one a line", () => {
  const error = new ConfigError([ISSUE, { ...ISSUE, line: 9 }]);
  assert.ok(error instanceof Error);
  assert.equal(error.name, "ConfigError");
  assert.equal(error.issues.length, 2);
  assert.deepEqual(error.message.split("\n").map((line) => line.slice(0, 12)), ["edge.yaml:7:", "edge.yaml:9:"]);
});

Deno.test("SystemError names operation, object, error and remedy, and keeps the cause", () => {
  const cause = new Error("because");
  const error = new SystemError("TUNSETIFF", "eg0", 1, "EPERM", "run as root", cause);
  assert.equal(error.name, "SystemError");
  assert.equal(error.message, "TUNSETIFF eg0: EPERM: run as root");
  assert.equal(error.cause, cause);
  assert.equal(new SystemError("bind", "UDP", 5, "EIO", "").message, "bind UDP: EIO");
});
