/**
 * Runs the system's own programs: with arguments, never through a shell.
 *
 * @module
 */

import { SystemError } from "../base/errors.ts";
import { Errno } from "../ffi/errno.ts";

/** What a program that has ended left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with arguments and standard input; `undefined` if it isn't installed. */
export type CommandRunner = (
  program: string,
  args: readonly string[],
  stdin?: string,
) => Promise<CommandResult | undefined>;

/** Where programs for the administrator are, also for those whose `PATH` doesn't name it. */
const FOLDERS = ["", "/usr/sbin/", "/sbin/"];

/**
 * Runs a program of this machine; messages are in English.
 *
 * @throws {SystemError} If it can't be started: there may be no process, memory or descriptor left just now.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  stdin?: string,
): Promise<CommandResult | undefined> {
  for (const folder of FOLDERS) {
    try {
      return await runAt(folder + program, args, stdin);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw startError(folder + program, error);
    }
  }
  return undefined;
}

function startError(program: string, error: unknown): SystemError {
  const { code = "EIO", message } = error as Error & { code?: string };
  return new SystemError("start program", program, 0, code, message, error);
}

async function runAt(path: string, args: readonly string[], stdin: string | undefined): Promise<CommandResult> {
  const child = new Deno.Command(path, {
    args: [...args],
    env: { LC_ALL: "C" },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writing = stdin === undefined ? undefined : feed(child.stdin, stdin);
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), writing]);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Writes all input. A program that ends before it has read it says why by itself. */
async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * Makes the error for a program that failed, or is missing.
 *
 * @param object What it was to change.
 */
export function commandError(program: string, object: string, result: CommandResult | undefined): SystemError {
  if (result === undefined) {
    return new SystemError(program, object, Errno.ENOENT, "ENOENT", `${program} isn't installed: install it`);
  }
  const said = result.stderr.trim().split("\n")[0];
  if (/not permitted|permission denied|must be root/i.test(said)) {
    const remedy = "needs CAP_NET_ADMIN: run as root, or in systemd set AmbientCapabilities=CAP_NET_ADMIN";
    return new SystemError(program, object, Errno.EPERM, "EPERM", remedy);
  }
  return new SystemError(program, object, 0, `exit code ${result.code}`, said);
}
