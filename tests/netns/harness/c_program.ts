/**
 * The C programs of this folder, compiled when they are first needed.
 *
 * @module
 */

import { run } from "./process.ts";

const SOURCES = new URL("./", import.meta.url).pathname;
const PROGRAMS = new URL("../../../build/", import.meta.url).pathname;
/** What all of them include. */
const SHARED_HEADER = `${SOURCES}tool.h`;

const compilations = new Map<string, Promise<string>>();

/** Returns the path of a program such as `"packet_tool"`; it is compiled first if it is older than its source. */
export function compiledTool(name: string): Promise<string> {
  let compilation = compilations.get(name);
  if (compilation === undefined) {
    compilation = compile(name);
    compilations.set(name, compilation);
  }
  return compilation;
}

async function compile(name: string): Promise<string> {
  const [source, program] = [`${SOURCES}${name}.c`, `${PROGRAMS}${name}`];
  const [made, ...written] = await Promise.all([program, source, SHARED_HEADER].map(modifiedMs));
  if (written.every((ms) => ms <= made)) return program;
  await Deno.mkdir(PROGRAMS, { recursive: true });
  const unfinished = `${program}.${Deno.pid}`;
  await run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", unfinished, source]);
  await Deno.rename(unfinished, program);
  return program;
}

/** When a file was written, ms; a file that doesn't exist is older than all others. */
async function modifiedMs(path: string): Promise<number> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.mtime?.getTime() ?? -Infinity;
}
