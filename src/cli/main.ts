/**
 * The program: finds the command that is meant, runs it, and exits with its code. Nothing else exits.
 *
 * @module
 */

import { PROGRAM_VERSION, WIRE_VERSION } from "../base/version.ts";
import { nearestName } from "../config/nearest_name.ts";
import { argumentIssue } from "./arguments.ts";
import { type Command, ExitCode } from "./command.ts";
import { EDGE_COMMAND } from "./edge_command.ts";
import { writeOutput } from "./output.ts";
import { explainReferenceFlags } from "./reference_flags.ts";
import { showIssues } from "./show_issues.ts";
import { SUPER_COMMAND } from "./super_command.ts";

const PROGRAM_NAME = "etherguard";
const COMMANDS: readonly Command[] = [EDGE_COMMAND, SUPER_COMMAND];
/** Commands of later releases: their names are taken, and a user who knows them deserves an answer. */
const LATER_COMMANDS: readonly string[] = ["gencfg", "solve"];

/**
 * Runs the program.
 *
 * @param args The command line, without the program's name.
 * @returns The exit code, see {@linkcode ExitCode}.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args;
  if (word === undefined) {
    console.error(programUsage());
    return ExitCode.USAGE;
  }
  if (isHelp(word)) return await writeOutput(`${programUsage()}\n`);
  if (word === "--version") return await writeOutput(`${versionText()}\n`);
  const command = COMMANDS.find(({ name }) => name === word);
  if (command !== undefined && rest.some(isHelp)) return await writeOutput(`${command.usage}\n`);
  if (command !== undefined) return await command.run(rest);
  showIssues([explainReferenceFlags(args, PROGRAM_NAME) ?? unknownCommand(word)], "text");
  return ExitCode.USAGE;
}

function isHelp(arg: string): boolean {
  return arg === "--help" || arg === "-h";
}

function programUsage(): string {
  const commands = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`);
  return `${PROGRAM_NAME} COMMAND [OPTIONS]

Joins the Ethernet interfaces of many hosts into one network, over sealed datagrams.

Commands:
${commands.join("\n")}

  --version   print the version
  --help      print this text; after a command, its own

Try: ${PROGRAM_NAME} edge --help`;
}

function versionText(): string {
  return `${PROGRAM_NAME} ${PROGRAM_VERSION}
wire version ${WIRE_VERSION}
platform ${Deno.build.os}-${Deno.build.arch}
Deno ${Deno.version.deno}`;
}

function unknownCommand(word: string) {
  const names = COMMANDS.map(({ name }) => name);
  const allowed = [...names, "--version", "--help"].join(", ");
  if (LATER_COMMANDS.includes(word)) {
    return argumentIssue(word, "a command that is not in this release", allowed, "it comes in a later release");
  }
  const nearest = nearestName(word, names);
  const remedy = nearest === undefined ? "write one of these" : `perhaps "${nearest}" is meant`;
  return argumentIssue("COMMAND", JSON.stringify(word), allowed, remedy);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
