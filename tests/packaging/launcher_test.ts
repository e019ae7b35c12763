import { strict as assert } from "node:assert";
import { buildSample, startCommand, startSample } from "./sample_executable.ts";

const asRoot = Deno.uid() === 0;
const NOBODY = 65534;
let samples = "";
let sample = "";

Deno.test.beforeAll(async () => {
  samples = await Deno.makeTempDir({ prefix: "etherguard-samples-" });
  sample = await buildSample(samples);
});

Deno.test.afterAll(async () => {
  await Deno.remove(samples, { recursive: true });
});

/** Runs a test with an empty cache directory that is removed afterwards. */
function testWithCache(name: string, body: (cache: string) => Promise<void>, ignore = false): void {
  Deno.test({
    name: `launcher ${name}`,
    ignore,
    async fn() {
      const cache = await Deno.makeTempDir({ prefix: "etherguard-cache-" });
      try {
        await body(cache);
      } finally {
        await Deno.remove(cache, { recursive: true });
      }
    },
  });
}

async function namesIn(directory: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(directory), (entry) => entry.name);
  return names.sort();
}

function permissionsOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

testWithCache("extracts once, into a directory that only its user can enter", async (cache) => {
  const first = await startSample(sample, cache);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr, "");
  assert.equal(permissionsOf(`${cache}/etherguard`), 0o700);
  assert.equal(permissionsOf(first.directory), 0o700);
  assert.equal(permissionsOf(`${first.directory}/script`), 0o500);
  assert.equal(permissionsOf(`${first.directory}/src/cli/main.js`), 0o400);

  const before = Deno.statSync(`${first.directory}/build/large`);
  const second = await startSample(sample, cache);
  assert.equal(second.directory, first.directory);
  assert.equal(Deno.statSync(`${first.directory}/build/large`).ino, before.ino);
});

testWithCache("hands arguments and the exit code through", async (cache) => {
  const { directory, runArguments } = await startSample(sample, cache, "--config", "a b", "");
  assert.deepEqual(runArguments, [`${directory}/src/cli/main.js`, "--config", "a b", ""]);
  assert.equal((await startSample(sample, cache, "exit", "42")).code, 42);
});

testWithCache("puts the command of its other name first", async (cache) => {
  const { directory, runArguments } = await startSample(`${samples}/sample-edge`, cache, "--version");
  assert.deepEqual(runArguments, [`${directory}/src/cli/main.js`, "edge", "--version"]);
});

for (const name of ["script", "src/cli/main.js", "build/large"]) {
  testWithCache(`finds a changed ${name} and extracts it anew`, async (cache) => {
    const { directory } = await startSample(sample, cache);
    const original = await Deno.readFile(`${directory}/${name}`);
    const changed = original.slice();
    changed[changed.length - 2] ^= 1;
    await Deno.chmod(`${directory}/${name}`, 0o700);
    await Deno.writeFile(`${directory}/${name}`, changed);

    const again = await startSample(sample, cache);
    assert.equal(again.code, 0);
    assert.match(again.stderr, /were changed: extracting them anew/);
    assert.deepEqual(await Deno.readFile(`${directory}/${name}`), original);
    assert.equal((await startSample(sample, cache)).stderr, "");
  });
}

testWithCache("finds a missing file and extracts it anew", async (cache) => {
  const { directory } = await startSample(sample, cache);
  await Deno.remove(`${directory}/src`, { recursive: true });
  assert.equal((await startSample(sample, cache)).code, 0);
  assert.deepEqual(await namesIn(`${directory}/src/cli`), ["main.js"]);
});

testWithCache("takes no file that everyone could have written", async (cache) => {
  const { directory } = await startSample(sample, cache);
  await Deno.chmod(`${directory}/src/cli/main.js`, 0o666);
  assert.match((await startSample(sample, cache)).stderr, /were changed/);
  assert.equal(permissionsOf(`${directory}/src/cli/main.js`), 0o400);
});

testWithCache("follows no link out of its directory", async (cache) => {
  const { directory } = await startSample(sample, cache);
  await Deno.rename(`${directory}/src`, `${cache}/elsewhere`);
  await Deno.symlink(`${cache}/elsewhere`, `${directory}/src`);
  assert.match((await startSample(sample, cache)).stderr, /were changed/);
  assert.ok(Deno.lstatSync(`${directory}/src`).isDirectory);
});

testWithCache("refuses a cache that others can write", async (cache) => {
  await Deno.mkdir(`${cache}/etherguard`);
  await Deno.chmod(`${cache}/etherguard`, 0o777);
  const { code, stderr, runArguments } = await startSample(sample, cache);
  assert.equal(code, 1);
  assert.match(stderr, /isn't yours alone \(owner \d+, mode 0777\)/);
  assert.deepEqual(runArguments, []);
});

testWithCache("refuses a cache below a directory that everyone can rename in", async (cache) => {
  await Deno.mkdir(`${cache}/open`);
  await Deno.chmod(`${cache}/open`, 0o777);
  const { code, stderr } = await startSample(sample, `${cache}/open`);
  assert.equal(code, 1);
  assert.match(stderr, /open is writable by everyone/);
});

testWithCache("refuses a cache that is a link", async (cache) => {
  await Deno.mkdir(`${cache}/elsewhere`, { mode: 0o700 });
  await Deno.symlink(`${cache}/elsewhere`, `${cache}/etherguard`);
  const { code, stderr } = await startSample(sample, cache);
  assert.equal(code, 1);
  assert.match(stderr, /can't make or open the directory/);
});

testWithCache("refuses a cache of another user", async (cache) => {
  await Deno.mkdir(`${cache}/etherguard`, { mode: 0o700 });
  await Deno.chown(`${cache}/etherguard`, NOBODY, NOBODY);
  const { code, stderr } = await startSample(sample, cache);
  assert.equal(code, 1);
  assert.match(stderr, /isn't yours alone \(owner 65534/);
}, !asRoot);

testWithCache("refuses to run with more rights than its caller", async (cache) => {
  await Deno.copyFile(sample, `${cache}/sample`);
  await Deno.chmod(cache, 0o755);
  await Deno.chmod(`${cache}/sample`, 0o4755);
  const { code, stderr } = await startCommand([`${cache}/sample`], { XDG_CACHE_HOME: cache }, NOBODY);
  assert.equal(code, 1);
  assert.match(stderr, /set-user-ID or file capabilities/);
}, !asRoot);

testWithCache("refuses a damaged payload and leaves nothing of it", async (cache) => {
  const damaged = await Deno.readFile(sample);
  damaged[damaged.length - 1000] ^= 1;
  await Deno.writeFile(`${cache}/damaged`, damaged, { mode: 0o755 });
  const { code, stderr, runArguments } = await startSample(`${cache}/damaged`, cache);
  assert.equal(code, 1);
  assert.match(stderr, /can't extract build\/large to .*: this executable is damaged; get it anew/);
  assert.deepEqual(runArguments, []);
  assert.deepEqual(await namesIn(`${cache}/etherguard`), ["lock"]);
});

testWithCache("refuses a payload that is cut short", async (cache) => {
  const whole = await Deno.readFile(sample);
  await Deno.writeFile(`${cache}/short`, whole.subarray(0, whole.length - 1), { mode: 0o755 });
  const { code, runArguments } = await startSample(`${cache}/short`, cache);
  assert.equal(code, 1);
  assert.deepEqual(runArguments, []);
});

testWithCache("copes with many starts at once", async (cache) => {
  const starts = await Promise.all(Array.from({ length: 8 }, () => startSample(sample, cache)));
  for (const { code, stderr } of starts) assert.equal(code, 0, stderr);
  assert.equal(new Set(starts.map((start) => start.directory)).size, 1);
  assert.equal((await namesIn(`${cache}/etherguard`)).length, 2);
});

testWithCache("says how much space it needs where there is none", async (cache) => {
  const script = `mount -t tmpfs -o size=1m,mode=0700 tmpfs "$1" && exec "$2"`;
  const { code, stderr } = await startCommand(
    ["unshare", "--mount", "sh", "-c", script, "sh", cache, sample],
    { XDG_CACHE_HOME: cache },
  );
  assert.equal(code, 1);
  assert.match(stderr, /No space left on device: 4 MB are needed; XDG_CACHE_HOME names another place/);
}, !asRoot);

testWithCache("removes what an earlier version extracted, but not while that runs", async (cache) => {
  const earlier = new Deno.Command(sample, {
    args: ["wait"],
    env: { XDG_CACHE_HOME: cache },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = earlier.stdout.getReader();
  await output.read(); // "ready"
  const [earlierName] = (await namesIn(`${cache}/etherguard`)).filter((name) => name !== "lock");

  const newer = await Deno.makeTempDir({ prefix: "etherguard-newer-" });
  const second = await buildSample(newer, "2");
  assert.equal((await startSample(second, cache)).code, 0);
  assert.ok((await namesIn(`${cache}/etherguard`)).includes(earlierName));

  await earlier.stdin.close();
  await output.cancel();
  await earlier.status;
  const third = await buildSample(newer, "3");
  assert.equal((await startSample(third, cache)).code, 0);
  assert.equal((await namesIn(`${cache}/etherguard`)).length, 2);
  await Deno.remove(newer, { recursive: true });
});
