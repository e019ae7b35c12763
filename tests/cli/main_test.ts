import { strict as assert } from "node:assert";
import { PROGRAM_VERSION, WIRE_VERSION } from "../../src/base/version.ts";

const ROOT = new URL("../../", import.meta.url);

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the program in a process of its own, which may read files and nothing else that it would have to ask for. */
function run(...args: string[]): Promise<Outcome> {
  return runWith(["--allow-read", "--allow-env"], args);
}

async function runWith(permissions: string[], args: string[]): Promise<Outcome> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--cached-only", ...permissions, "src/cli/main.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs the program on a file with this text. */
function runOn(text: string, ...args: string[]): Promise<Outcome> {
  return runOnWith(["--allow-read", "--allow-env"], "edge", text, args);
}

async function runOnWith(permissions: string[], word: string, text: string, args: string[]): Promise<Outcome> {
  const path = await Deno.makeTempFile({ prefix: "node-", suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, text);
    const outcome = await runWith(permissions, [word, "--config", path, ...args]);
    return {
      ...outcome,
      stdout: outcome.stdout.replaceAll(path, "FILE"),
      stderr: outcome.stderr.replaceAll(path, "FILE"),
    };
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("main() prints versions, platform and runtime", async () => {
  const { code, stdout } = await run("--version");
  assert.equal(code, 0);
  assert.deepEqual(stdout.split("\n"), [
    `etherguard ${PROGRAM_VERSION}`,
    `wire version ${WIRE_VERSION}`,
    `platform ${Deno.build.os}-${Deno.build.arch}`,
    `Deno ${Deno.version.deno}`,
    "",
  ]);
});

const HELP: readonly [args: string[], code: number][] = [[["--help"], 0], [["-h"], 0], [["edge", "--help"], 0], [
  ["super", "--help"],
  0,
], [[], 2]];

for (const [args, code] of HELP) {
  Deno.test(`main() answers ${JSON.stringify(args)} with a help text and ends with ${code}`, async () => {
    const outcome = await run(...args);
    assert.equal(outcome.code, code);
    assert.match(code === 0 ? outcome.stdout : outcome.stderr, /^etherguard /);
    assert.equal(code === 0 ? outcome.stderr : outcome.stdout, "");
  });
}

/** Runs the program with standard output as a shell script says; returns what it writes to standard error, and its exit code. */
async function runInto(redirection: string, args: string): Promise<string> {
  const program = `${Deno.execPath()} run --quiet --no-prompt --cached-only --allow-read --allow-env src/cli/main.ts`;
  const script = `{ ${program} ${args}; echo $? >&2; } ${redirection}`;
  const { stderr } = await new Deno.Command("sh", { args: ["-c", script], cwd: ROOT }).output();
  return new TextDecoder().decode(stderr);
}

for (
  const args of [
    "--version",
    "--help",
    "edge --help",
    "super --example",
    "edge --config examples/static/n1.yaml --check",
  ]
) {
  Deno.test(`main() says in one line that what ${args} prints can't be written, and ends with 1`, async () => {
    assert.match(await runInto(">/dev/full", args), /^can't write to standard output: .*No space.*\n1\n$/);
  });
}

Deno.test("main() ends without a word when nobody reads what it prints", async () => {
  assert.equal(await runInto("| true", "edge --example"), "0\n");
});

const WRONG: readonly [args: string[], stderr: RegExp][] = [
  [["super"], /--config: found nothing/],
  [["super", "--config", "no-such.yaml"], /no-such\.yaml: error: the file: found no such file/],
  [["super", "--example", "--check"], /--check: found it beside --example/],
  [["super", "--config", "x", "--bind", "foo"], /--bind: found "foo"/],
  [["gencfg"], /gencfg: found a command that is not in this release/],
  [["solve"], /solve: found a command that is not in this release/],
  [["egde"], /perhaps "edge" is meant/],
  [["-mode", "edge", "-config", "F"], /write: etherguard edge --config F/],
  [["edge"], /--config: found nothing/],
  [["edge", "--config", "no-such.yaml"], /no-such\.yaml: error: the file: found no such file/],
  [["edge", "--example", "--check"], /--check: found it beside --example/],
  [["edge", "--example", "--print-rules"], /--print-rules: found it beside --example/],
  [["edge", "--print-rules"], /--config: found nothing/],
  [["edge", "--config", "x", "--check", "--print-rules"], /--print-rules: found it beside --check/],
  [["edge", "--config", "x", "--bind", "foo"], /--bind: found "foo"/],
];

for (const [args, stderr] of WRONG) {
  Deno.test(`main() refuses ${JSON.stringify(args)} with exit code 2`, async () => {
    const outcome = await run(...args);
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, stderr);
    assert.equal(outcome.stdout, "");
  });
}

const SUMMARIES = {
  edge: 'node 1 "Node01", tap tap1, static mode, 1 peer',
  super:
    'super "NodeSuper", IPv4 and IPv6, UDP port 3000, HTTP for edges at port 3456, manage at 127.0.0.1:3457, 1 peer',
};

for (const [word, summary] of Object.entries(SUMMARIES)) {
  Deno.test(`main() prints an example for ${word} that passes its own check`, async () => {
    const example = await run(word, "--example");
    assert.equal(example.code, 0);
    assert.equal(example.stderr, "");
    const checked = await runOnWith(["--allow-read", "--allow-env"], word, example.stdout, ["--check"]);
    assert.deepEqual(checked, { code: 0, stdout: `FILE: configuration is valid: ${summary}\n`, stderr: "" });
  });
}

Deno.test("main() tells where the super is of an edge in super mode", async () => {
  const { code, stdout } = await run("edge", "--config", "examples/super/edge1.yaml", "--check");
  assert.equal(code, 0);
  assert.match(stdout, /node 1 "edge1", tap egsuper1, super mode, super at 127\.0\.0\.1:3000 and \[::1\]:3000\n$/);
});

Deno.test("main() shows warnings of a valid file, and still ends with 0", async () => {
  const { stdout } = await run("edge", "--example");
  const checked = await runOn(`${stdout}ResetConnInterval: 5\n`, "--check");
  assert.equal(checked.code, 0);
  assert.match(checked.stderr, /^FILE:\d+: warning: ResetConnInterval: found the unknown key/);
});

Deno.test("main() shows all errors of a file, as text or as JSON, and runs nothing", async () => {
  const text = "NodeID: 1\nDefaultTTL: 0\nPrivKey: x\nInterface: {IType: dummy}\n";
  for (const args of [["--check"], []]) {
    const outcome = await runOn(text, ...args);
    assert.equal(outcome.code, 2);
    assert.equal(outcome.stdout, "");
    const lines = outcome.stderr.trimEnd().split("\n");
    assert.match(lines[0], /^FILE:2: error: DefaultTTL: /);
    assert.match(lines[1], /^FILE:3: error: PrivKey: /);
    assert.equal(lines[2], "FILE: 2 errors: nothing was started");
  }
  const json = await runOn(text, "--check", "--log-format", "json");
  assert.equal(json.code, 2);
  const events = json.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(events.map(({ level, component, event, line }) => ({ level, component, event, line })), [
    { level: "error", component: "config", event: "configuration error", line: 2 },
    { level: "error", component: "config", event: "configuration error", line: 3 },
  ]);
});

const RELAY = `NodeID: 1
DefaultTTL: 200
PrivKey: QGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=
Interface: {IType: dummy}
`;

Deno.test("main() prints no rules, says why, and ends with 0 if FakeTCP is off", async () => {
  const { code, stdout, stderr } = await runOn(RELAY, "--print-rules");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /^FILE: FakeTCP is off, so that no rules are needed/);
});

Deno.test("main() prints the rules of a file with FakeTCP, and changes nothing", async () => {
  const text = `${RELAY}ListenPort: 3001\nFakeTCP: {Enabled: true, TunName: egprinted0, ListenPorts: [443]}\n`;
  const { code, stdout, stderr } = await runOnWith(["--allow-all"], "edge", text, ["--print-rules"]);
  // A machine with neither nftables nor iptables has no rules to show, and says what to install.
  if (code === 1) return assert.match(stderr, /^FILE: can't tell the rules: .*install one of them/);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^# Input of \S*/);
  for (const part of ["egprinted0", "192.168.200.2", "3001", "443"]) assert.ok(stdout.includes(part), part);
  const interfaces = Deno.networkInterfaces().map(({ name }) => name);
  assert.equal(interfaces.includes("egprinted0"), false);
});

Deno.test("main() prints the rules of both stacks of a super", async () => {
  const text = Deno.readTextFileSync(new URL("examples/super/super.yaml", ROOT)).replace(/^EdgeTemplate.*$/m, "");
  const { code, stdout, stderr } = await runOnWith(["--allow-all"], "super", text, ["--print-rules"]);
  if (code === 1) return assert.match(stderr, /^FILE: can't tell the rules: .*install one of them/);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const part of ["etherguard-tcp-", "etherguard-tcp6", "192.168.201.2", "fd00:201::2", "3000"]) {
    assert.ok(stdout.includes(part), part);
  }
});
