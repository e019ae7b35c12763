import { strict as assert } from "node:assert";
import { isSignalIgnored, runUserProgram } from "../../src/node/process_life.ts";
import { RecordingLog } from "./recording_log.ts";

const STATUS = "Name:\tetherguard\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000004002\n";
const PROCESS_LIFE = new URL("../../src/node/process_life.ts", import.meta.url);

Deno.test("isSignalIgnored() reads the mask that a process was started with", () => {
  const ignored = Array.from({ length: 64 }, (_, index) => index + 1).filter((signal) =>
    isSignalIgnored(STATUS, signal)
  );
  assert.deepEqual(ignored, [1, 13], "SIGHUP and SIGPIPE");
  assert.equal(isSignalIgnored("", 1), false);
});

const CASES: readonly [disposition: string, signals: readonly string[], told: string][] = [
  ["--default-signal=HUP", ["SIGHUP"], "SIGHUP"],
  ["--default-signal=HUP", ["SIGINT"], "SIGINT"],
  ["--default-signal=HUP", ["SIGTERM"], "SIGTERM"],
  // As nohup does.
  ["--ignore-signal=HUP", ["SIGHUP", "SIGTERM"], "SIGTERM"],
];
for (const [disposition, signals, told] of CASES) {
  Deno.test(`onSignals() stops for ${told} when ${signals.join(", ")} come after ${disposition}`, async () => {
    const program = `
      import { onSignals } from ${JSON.stringify(PROCESS_LIFE.href)};
      const stop = (signal) => {
        console.log(signal);
        Deno.exit();
      };
      onSignals({ stop, status() {} }, { read: (name) => Deno.readTextFileSync("/proc/" + name) });
      for (const signal of ${JSON.stringify(signals)}) Deno.kill(Deno.pid, signal);
      setInterval(() => {}, 1000);`;
    const args = [disposition, Deno.execPath(), "run", "--quiet", "--allow-all", "--no-check", "-"];
    const child = new Deno.Command("env", { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
    const { stdout, stderr } = await child.output();
    assert.equal(new TextDecoder().decode(stdout), `${told}\n`, new TextDecoder().decode(stderr));
  });
}

Deno.test("runUserProgram() tells whether the program ended well", async () => {
  const log = new RecordingLog();
  const { signal } = new AbortController();
  assert.equal(await runUserProgram([], {}, false, log, signal), true);
  assert.equal(await runUserProgram(["true"], {}, false, log, signal), true);
  assert.equal(await runUserProgram(["sh", "-c", "exit 7"], {}, false, log, signal), false);
  assert.equal(log.take("error")[0].fields.exitCode, 7);
  assert.equal(await runUserProgram(["/nonexistent/program"], {}, false, log, signal), false);
  assert.equal(log.take("error").length, 1);
});

Deno.test("runUserProgram() tells the program to end when the node does, and waits for it no longer", async () => {
  const folder = await Deno.makeTempDir();
  const log = new RecordingLog();
  const ending = new AbortController();
  // It hears the signal, and takes its time all the same.
  const script = 'trap "touch told; sleep 1; touch ended; exit 1" TERM; touch started; while :; do sleep 0.05; done';
  const running = runUserProgram(["sh", "-c", `cd ${folder}; ${script}`], {}, true, log, ending.signal);
  await fileAt(`${folder}/started`);
  ending.abort();
  assert.equal(await running, true);
  await fileAt(`${folder}/told`);
  assert.throws(() => Deno.statSync(`${folder}/ended`), Deno.errors.NotFound);
  await fileAt(`${folder}/ended`);
  assert.deepEqual(log.take(), []);
  assert.equal(await runUserProgram(["/nonexistent/program"], {}, true, log, ending.signal), true);
  await Deno.remove(folder, { recursive: true });
});

async function fileAt(path: string): Promise<void> {
  for (;;) {
    if (await Deno.stat(path).then(() => true, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
