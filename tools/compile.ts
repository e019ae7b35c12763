/**
 * Makes `dist/etherguard`, `dist/etherguard-edge` and `dist/etherguard-super`: the program as one executable file, with
 * the shim and the workers inside.
 *
 * `deno compile` does it where its base program is at hand: given by `DENORT_BIN`, or in Deno's cache (which
 * `--download` lets Deno fill from its download site). Anywhere else the same files are made as self-extracting
 * executables from the running Deno.
 *
 * `--directory DIR` makes them there instead of in `dist`.
 *
 * Both kinds keep the tree's layout inside (`src/cli/main`, `build/libetherguard.so`), so that paths relative to a module
 * hold in a checkout and in the executables alike.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { readRunFlags } from "./run_flags.ts";
import { exists, ROOT, runOrThrow } from "./run.ts";
import { buildSelfExtracting, type PayloadFile } from "./selfextract/build.ts";

const MAIN = "src/cli/main.ts";
const SHIM = "build/libetherguard.so";
const NAME = "etherguard";
/** The executables that are one command of the program. */
const PRESETS = { [`${NAME}-edge`]: "edge", [`${NAME}-super`]: "super" };

/** Returns the entry points of workers, as paths from the root of the repository; each is named `*_worker.ts`. */
function findWorkers(directory = "src"): string[] {
  const found: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(`${ROOT}/${directory}`)) {
    const path = `${directory}/${name}`;
    if (isDirectory) found.push(...findWorkers(path));
    else if (name.endsWith("_worker.ts")) found.push(path);
  }
  return found.sort();
}

/** Returns whether `deno compile` finds its base program without downloading it. */
async function hasCompileBase(): Promise<boolean> {
  if (Deno.env.get("DENORT_BIN")) return true;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  return exists(`${denoDir}/dl/release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`);
}

/** Compiles the three executables by `deno compile`. */
async function compileByDeno(directory: string, workers: string[]): Promise<void> {
  // The embedded shim is loaded from where the executable unpacks it, which isn't known before it runs: hence the
  // permission without a path. A file on disk is needed for that, and not one in a temporary directory that everybody
  // can write to: hence --self-extracting.
  const flags = readRunFlags("").map((flag) => flag.replace(/^--allow-ffi=$/, "--allow-ffi"));
  const include = [SHIM, ...workers].flatMap((path) => ["--include", path]);
  for (const [name, ...presetArguments] of [[NAME], ...Object.entries(PRESETS)]) {
    await runOrThrow(Deno.execPath(), [
      "compile",
      "--quiet",
      "--no-check",
      "--self-extracting",
      "--exclude-unused-npm",
      ...flags,
      ...include,
      "--output",
      `${directory}/${name}`,
      MAIN,
      ...presetArguments,
    ]);
  }
}

/** Bundles a module with everything it imports, and returns the text. */
async function bundle(path: string): Promise<string> {
  const output = `${ROOT}/build/selfextract/${path.replaceAll("/", "_")}.js`;
  await runOrThrow(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--no-check",
    "--platform",
    "deno",
    "--output",
    output,
    path,
  ]);
  return await Deno.readTextFile(output);
}

/** Returns the name of a bundled module in the executable. */
function bundledName(path: string): string {
  return path.replace(/\.ts$/, ".js");
}

/**
 * Points the `new URL("…_worker.ts", import.meta.url)` of a bundle at the bundled worker.
 *
 * A bundle lies where its entry point lay, so a path relative to some module that went into it no longer holds.
 *
 * @throws {Error} If a worker of that name doesn't exist.
 */
export function pointAtWorkers(text: string, entry: string, workers: string[]): string {
  return text.replaceAll(/new URL\("(?:[^"]*\/)?(\w+_worker\.ts)", import\.meta\.url\)/g, (_, name: string) => {
    const worker = workers.find((path) => path.endsWith(`/${name}`));
    if (worker === undefined) throw new Error(`no worker is named "${name}"; there are: ${workers.join(", ")}`);
    const up = "../".repeat(entry.split("/").length - 1);
    return `new URL("${up}${bundledName(worker)}", import.meta.url)`;
  });
}

/** Builds the self-extracting executable, and links its other names to it. */
async function buildFromRunningDeno(directory: string, workers: string[]): Promise<void> {
  await Deno.mkdir(`${ROOT}/build/selfextract`, { recursive: true });
  const files: PayloadFile[] = [
    { name: "deno", content: await Deno.readFile(Deno.execPath()), executable: true },
    { name: SHIM, content: await Deno.readFile(`${ROOT}/${SHIM}`), executable: true },
  ];
  for (const entry of [MAIN, ...workers]) {
    const text = pointAtWorkers(await bundle(entry), entry, workers);
    files.push({ name: bundledName(entry), content: new TextEncoder().encode(text), executable: false });
  }
  await buildSelfExtracting({
    output: `${directory}/${NAME}`,
    workDirectory: `${ROOT}/build/selfextract`,
    files,
    runArguments: [
      "run",
      // Nothing around the caller's directory, and nothing from outside, becomes part of the program.
      "--quiet",
      "--no-config",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      "--no-code-cache",
      ...readRunFlags(`@DIR@/${SHIM}`),
      `@DIR@/${bundledName(MAIN)}`,
    ],
    environment: {
      ETHERGUARD_SHIM: `@DIR@/${SHIM}`,
      // Deno keeps its caches in memory where it can't make their directory: only verified files are used.
      DENO_DIR: "/dev/null",
      // One heap for all threads of the C library: each of its own costs megabytes that stay unused.
      MALLOC_ARENA_MAX: "1",
      DENO_NO_UPDATE_CHECK: "1",
    },
    presets: PRESETS,
  });
  for (const name of Object.keys(PRESETS)) {
    const path = `${directory}/${name}`;
    if (exists(path)) await Deno.remove(path);
    await Deno.link(`${directory}/${NAME}`, path);
  }
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    args: Deno.args,
    options: { directory: { type: "string", default: `${ROOT}/dist` }, download: { type: "boolean", default: false } },
  });
  const directory = resolve(options.directory);
  const startMs = performance.now();
  const workers = findWorkers();
  await Deno.mkdir(directory, { recursive: true });
  if (options.download || await hasCompileBase()) {
    console.log("Making the executables by deno compile.");
    await compileByDeno(directory, workers);
  } else {
    console.log(
      "The base program of deno compile isn't on this machine: neither in Deno's cache nor named by DENORT_BIN.\n" +
        "Making self-extracting executables from the running Deno instead; they behave the same.\n" +
        "For the other kind, `deno task compile --download` lets Deno download its base program.",
    );
    await buildFromRunningDeno(directory, workers);
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  for (const name of [NAME, ...Object.keys(PRESETS)]) console.log(`made ${directory}/${name}`);
  const { size } = await Deno.stat(`${directory}/${NAME}`);
  console.log(`${Math.round(size / 1e6)} MB each, in ${seconds} s`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`compile: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
