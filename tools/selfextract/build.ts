/**
 * Builds a self-extracting executable: the launcher of `launcher.c`, followed by the files it extracts and runs.
 *
 * The digests of the files are compiled into the launcher, so nothing that was appended or extracted is trusted for
 * where it lies.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { runOrThrow } from "../run.ts";

/** One file to pack. */
export interface PayloadFile {
  /** Path below the directory of extraction, such as `src/cli/main.js`. */
  name: string;
  content: Uint8Array;
  executable: boolean;
}

/** What goes into the executable. */
export interface SelfExtractingOptions {
  /** Path of the executable; an existing file is replaced, also while it runs. */
  output: string;
  /** Directory for what the compiler needs; made if missing. */
  workDirectory: string;
  /** The files; the first is the one that is run. At least one. */
  files: PayloadFile[];
  /** Arguments of the first file, before the user's; `@DIR@` stands for the directory of extraction. */
  runArguments: string[];
  /** Variables that are set in its environment; `@DIR@` as above. */
  environment: Record<string, string>;
  /** First argument of the user, by the name under which the executable is called. */
  presets: Record<string, string>;
}

const LAUNCHER = new URL("./launcher.c", import.meta.url).pathname;

/**
 * Compiles the launcher and appends the files.
 *
 * @throws {Error} If the compiler fails; its messages have been shown.
 */
export async function buildSelfExtracting(options: SelfExtractingOptions): Promise<void> {
  await Deno.mkdir(options.workDirectory, { recursive: true });
  await Deno.writeTextFile(`${options.workDirectory}/payload.h`, renderHeader(options));
  const launcher = `${options.workDirectory}/launcher`;
  const common = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-I",
    options.workDirectory,
    "-o",
    launcher,
    LAUNCHER,
  ];
  // Static where the C library allows it, so that only Deno's own needs decide where the executable runs.
  if (!await compiles([...common, "-static", "-lcrypto"])) {
    await runOrThrow("gcc", [...common, "-Wl,-Bstatic", "-lcrypto", "-Wl,-Bdynamic"]);
  }

  const partial = `${options.output}.part`;
  await Deno.copyFile(launcher, partial);
  using file = await Deno.open(partial, { append: true });
  for (const { content } of options.files) await writeAll(file, content);
  await Deno.chmod(partial, 0o755);
  await Deno.rename(partial, options.output);
}

async function compiles(gccArguments: string[]): Promise<boolean> {
  const { success } = await new Deno.Command("gcc", { args: gccArguments, stdout: "null", stderr: "null" }).output();
  return success;
}

async function writeAll(file: Deno.FsFile, content: Uint8Array): Promise<void> {
  for (let offset = 0; offset < content.length;) offset += await file.write(content.subarray(offset));
}

function renderHeader(options: SelfExtractingOptions): string {
  const rows = options.files.map(({ name, content, executable }) => {
    const digest = createHash("sha256").update(content).digest();
    const octets = [...digest].map((octet) => `0x${octet.toString(16).padStart(2, "0")}`).join(", ");
    return `  {${quote(name)}, ${content.length}u, ${executable}, {${octets}}},`;
  });
  // Names the directory of extraction: another content, another directory.
  const id = createHash("sha256").update(rows.join("\n")).digest("hex").slice(0, 32);
  return `/* Written by build.ts. */
#define PAYLOAD_ID "${id}"
static const struct payload_file PAYLOAD[] = {
${rows.join("\n")}
};
static const char *const RUN_ARGUMENTS[] = {${options.runArguments.map(quote).join(", ")}};
static const struct variable ENVIRONMENT[] = {${renderPairs(options.environment)}};
static const struct preset PRESETS[] = {${renderPairs(options.presets)}};
`;
}

function renderPairs(pairs: Record<string, string>): string {
  return Object.entries(pairs).map(([name, value]) => `{${quote(name)}, ${quote(value)}}`).join(", ");
}

/** Returns a C string literal; the texts are ours, so quotes and backslashes are all that can occur. */
function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
