/**
 * A self-extracting executable of a few kilobytes, to try the launcher with: instead of Deno it carries a shell script
 * that tells how it was started.
 *
 * @module
 */

import { buildSelfExtracting } from "../../tools/selfextract/build.ts";

/** What the script of the sample prints, parsed. */
export interface SampleOutput {
  code: number;
  stderr: string;
  /** Arguments of the script, the launcher's and the user's. */
  runArguments: string[];
  /** Directory of extraction, as the environment named it. */
  directory: string;
}

const SCRIPT = `#!/bin/sh
if [ "$2" = wait ]; then echo ready; read -r line; exit 0; fi
if [ "$2" = exit ]; then exit "$3"; fi
echo "directory=$SAMPLE_DIRECTORY"
for argument; do echo "argument=$argument"; done
`;

/** Builds `sample` in a directory, with the other name `sample-edge`; `version` makes contents differ. */
export async function buildSample(directory: string, version = "1"): Promise<string> {
  const output = `${directory}/sample`;
  await buildSelfExtracting({
    output,
    workDirectory: `${directory}/work`,
    files: [
      { name: "script", content: new TextEncoder().encode(SCRIPT), executable: true },
      { name: "src/cli/main.js", content: new TextEncoder().encode(`version ${version};`), executable: false },
      { name: "build/large", content: new Uint8Array(3_000_000).fill(7), executable: false },
    ],
    runArguments: ["@DIR@/src/cli/main.js"],
    environment: { SAMPLE_DIRECTORY: "@DIR@" },
    presets: { "sample-edge": "edge" },
  });
  await Deno.remove(`${directory}/sample-edge`).catch(() => {});
  await Deno.link(output, `${directory}/sample-edge`);
  return output;
}

/** Starts a sample with a cache of its own and waits for its end. */
export async function startSample(path: string, cache: string, ...userArguments: string[]): Promise<SampleOutput> {
  return await startCommand([path, ...userArguments], { XDG_CACHE_HOME: cache });
}

/** Starts a command that in the end is a sample. */
export async function startCommand(words: string[], env: Record<string, string>, uid?: number): Promise<SampleOutput> {
  const { code, stdout, stderr } = await new Deno.Command(words[0], { args: words.slice(1), env, uid, stdin: "null" })
    .output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  function valuesOf(key: string): string[] {
    return lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  }
  return {
    code,
    stderr: new TextDecoder().decode(stderr),
    runArguments: valuesOf("argument"),
    directory: valuesOf("directory")[0] ?? "",
  };
}
