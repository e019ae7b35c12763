/**
 * A machine in memory: its kernel parameters, its tables, and programs that note what they were told.
 *
 * @module
 */

import type { CommandResult, CommandRunner } from "../../src/host/command.ts";
import type { ProcFiles } from "../../src/host/proc.ts";

/** Files below `/proc` in memory. */
export class MemoryProc implements ProcFiles {
  readonly content: Map<string, string>;
  /** Parameters that were written, in order, as `name=value`. */
  readonly written: string[] = [];

  /** @param sysctls Values by their paths below `/proc/sys`. @param others Other files by their paths below `/proc`. */
  constructor(sysctls: Record<string, string> = {}, others: Record<string, string> = {}) {
    this.content = new Map([
      ...Object.entries(sysctls).map(([name, value]): [string, string] => [`sys/${name}`, `${value}\n`]),
      ...Object.entries(others),
    ]);
  }

  read(name: string): string | undefined {
    return this.content.get(name);
  }

  link(name: string): string {
    return this.content.get(name) ?? "";
  }

  writeSysctl(name: string, value: string): boolean {
    if (!this.content.has(`sys/${name}`)) return false;
    this.content.set(`sys/${name}`, `${value}\n`);
    this.written.push(`${name}=${value}`);
    return true;
  }

  /** Value of a kernel parameter. */
  sysctl(name: string): string | undefined {
    return this.content.get(`sys/${name}`)?.trim();
  }
}

/** A program that succeeded and said nothing else. */
export function said(stdout: string): CommandResult {
  return { code: 0, stdout, stderr: "" };
}

/** A program that failed. */
export function failed(stderr: string): CommandResult {
  return { code: 1, stdout: "", stderr };
}

/** Answers commands from a table, whose keys are the words of the command line; what isn't in it isn't installed. */
export function answering(answers: Record<string, CommandResult>): CommandRunner {
  return (program, args) => Promise.resolve(answers[[program, ...args].join(" ")]);
}

/** nft with a memory for tables: keeps what it is fed, and shows it. */
export function memoryNft(): { run: CommandRunner; tables: Map<string, string> } {
  const tables = new Map<string, string>();
  const missing = failed("Error: No such file or directory");
  return {
    tables,
    run: (program, args, stdin = "") => {
      if (program !== "nft") return Promise.resolve(undefined);
      const name = args.at(-1)!;
      switch (args[0]) {
        case "-f":
          tables.set(/^table inet (\S+)$/m.exec(stdin)![1], stdin);
          return Promise.resolve(said(""));
        case "list":
          return Promise.resolve(tables.has(name) ? said(tables.get(name)!) : missing);
        case "delete":
          return Promise.resolve(tables.delete(name) ? said("") : missing);
        default:
          return Promise.resolve(said(""));
      }
    },
  };
}
