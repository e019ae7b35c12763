/**
 * The command line of the reference node: recognised, so that a user who moves over is told the new form.
 *
 * Its flags take one or two dashes, and the command is a flag: `-mode edge -config FILE`. Source: `config.md` §2.
 *
 * @module
 */

import type { ConfigIssue } from "../base/errors.ts";
import { argumentIssue } from "./arguments.ts";

/** Flags with a value, and flags without. */
const VALUE_FLAGS: ReadonlySet<string> = new Set(["mode", "config", "cfgmode", "bind", "pprof"]);
const SWITCHES: ReadonlySet<string> = new Set(["example", "no-uapi", "version", "help"]);
const MODES: ReadonlySet<string> = new Set(["edge", "super", "gencfg", "solve"]);

/**
 * Returns the error to show if `args` are those of the reference node.
 *
 * @param args The whole command line of the program.
 * @param programName How the program is called.
 * @returns An issue whose remedy is the new command line, or `undefined` if `args` aren't of that form.
 */
export function explainReferenceFlags(args: readonly string[], programName: string): ConfigIssue | undefined {
  const flags = readFlags(args);
  if (flags === undefined || !isReferenceForm(args, flags)) return undefined;
  const found = "flags of the Go program";
  const allowed = `${programName} COMMAND [OPTIONS]`;
  return argumentIssue(args[0], found, allowed, `write: ${newForm(flags, programName)}`);
}

/** `-version` is the old form; `--version` and `--help` are also ours. */
function isReferenceForm(args: readonly string[], flags: ReadonlyMap<string, string>): boolean {
  return flags.has("mode") || flags.has("config") || args.every((arg) => !arg.startsWith("--"));
}

function readFlags(args: readonly string[]): Map<string, string> | undefined {
  const flags = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/s.exec(args[index]);
    if (match === null) return undefined;
    const [, name, value] = match;
    if (SWITCHES.has(name)) flags.set(name, "");
    else if (!VALUE_FLAGS.has(name)) return undefined;
    else flags.set(name, value ?? args[++index] ?? "");
  }
  return flags.size > 0 ? flags : undefined;
}

function newForm(flags: ReadonlyMap<string, string>, programName: string): string {
  if (flags.has("version")) return `${programName} --version`;
  const mode = flags.get("mode") ?? "";
  if (!MODES.has(mode)) return flags.has("help") ? `${programName} --help` : `${programName} edge --config FILE`;
  const words = [programName, mode];
  if (flags.has("help")) words.push("--help");
  if (flags.has("cfgmode")) words.push("--mode", flags.get("cfgmode")!);
  if (flags.has("config")) words.push("--config", flags.get("config")!);
  if (flags.has("bind")) words.push("--bind", flags.get("bind")!);
  for (const name of ["no-uapi", "example"]) if (flags.has(name)) words.push(`--${name}`);
  return words.map((word) => /^[\w./:~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}
