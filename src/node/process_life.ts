/**
 * A node as a process: the signals it understands, the user's program it runs, and what it tells systemd.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import { cString, type Shim } from "../ffi/shim.ts";
import { runPostScript } from "./post_script.ts";

/** What a node does on signals. */
export interface SignalHandlers {
  /** On SIGINT and SIGTERM. */
  stop(signal: string): void;
  /** On SIGUSR1. */
  status(): void;
}

/** Calls back on the signals that a node understands, until it is disposed of. */
export function onSignals(handlers: SignalHandlers): Disposable {
  const stopOnInt = () => handlers.stop("SIGINT");
  const stopOnTerm = () => handlers.stop("SIGTERM");
  Deno.addSignalListener("SIGINT", stopOnInt);
  Deno.addSignalListener("SIGTERM", stopOnTerm);
  Deno.addSignalListener("SIGUSR1", handlers.status);
  return {
    [Symbol.dispose]() {
      Deno.removeSignalListener("SIGINT", stopOnInt);
      Deno.removeSignalListener("SIGTERM", stopOnTerm);
      Deno.removeSignalListener("SIGUSR1", handlers.status);
    },
  };
}

/** Tells systemd, if it started us, that we are ready: sd_notify(3). */
export function notifySystemd(shim: Shim, log: Logger): void {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (path === undefined) return;
  const result = shim.symbols.eg_unix_notify(cString(path), cString("READY=1"));
  if (result < 0) log.warn("can't notify systemd", { cause: shim.errnoName(-result) });
}

/**
 * Runs the user's program, if there is one.
 *
 * @param command Program and arguments; empty for none.
 * @param environment What it is told besides our own environment.
 * @param showsOutput Whether its output is logged even if it ended well.
 * @returns Whether it ended well.
 */
export async function runUserProgram(
  command: readonly string[],
  environment: Record<string, string>,
  showsOutput: boolean,
  log: Logger,
): Promise<boolean> {
  if (command.length === 0) return true;
  try {
    const { exitCode, output } = await runPostScript(command, environment);
    if (showsOutput || exitCode !== 0) log.info("PostScript output", { output });
    if (exitCode === 0) return true;
    log.error("PostScript failed", { command: command.join(" "), exitCode });
  } catch (error) {
    log.error("PostScript can't be started", { command: command.join(" "), cause: (error as Error).message });
  }
  return false;
}
