/**
 * A node as a process: the signals it understands, the user's program it runs, and what it tells systemd.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import { cString, type Shim } from "../ffi/shim.ts";
import type { ProcFiles } from "../host/proc.ts";
import { runPostScript } from "./post_script.ts";

/** What a node does on signals. */
export interface SignalHandlers {
  /** On SIGINT, SIGTERM and SIGHUP, of which the last comes when the terminal goes away. */
  stop(signal: string): void;
  /** On SIGUSR1. */
  status(): void;
}

/** Number of SIGHUP. */
const SIGHUP = 1;

/**
 * Calls back on the signals that a node understands, until it is disposed of.
 *
 * SIGHUP stays ignored if it was: whoever starts a program by nohup(1) wants that.
 *
 * @param files Tell about this process.
 */
export function onSignals(handlers: SignalHandlers, files: Pick<ProcFiles, "read">): Disposable {
  const isIgnored = isSignalIgnored(files.read("self/status") ?? "", SIGHUP);
  const hangUp = isIgnored ? () => {} : () => handlers.stop("SIGHUP");
  const listeners: readonly [Deno.Signal, () => void][] = [
    ["SIGINT", () => handlers.stop("SIGINT")],
    ["SIGTERM", () => handlers.stop("SIGTERM")],
    // With a listener for any signal the runtime ends the program on this one, even if it was ignored.
    ["SIGHUP", hangUp],
    ["SIGUSR1", () => handlers.status()],
  ];
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

/**
 * Tells whether a process ignored a signal when it was started.
 *
 * @param processStatus Content of its `/proc/self/status`: proc_pid_status(5).
 * @param signal Number of the signal.
 */
export function isSignalIgnored(processStatus: string, signal: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(processStatus)?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
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
 * @param ending Aborted when the node is to end: then the program is told to end, too, but not waited for.
 * @returns Whether it ended well, or the node is to end.
 */
export async function runUserProgram(
  command: readonly string[],
  environment: Record<string, string>,
  showsOutput: boolean,
  log: Logger,
  ending: AbortSignal,
): Promise<boolean> {
  if (command.length === 0 || ending.aborted) return true;
  try {
    const aborted = new Promise<undefined>((resolve) => ending.addEventListener("abort", () => resolve(undefined)));
    const result = await Promise.race([aborted, runPostScript(command, environment, ending)]);
    if (result === undefined || ending.aborted) return true;
    const { exitCode, output } = result;
    if (showsOutput || exitCode !== 0) log.info("PostScript output", { output });
    if (exitCode === 0) return true;
    log.error("PostScript failed", { command: command.join(" "), exitCode });
  } catch (error) {
    log.error("PostScript can't be started", { command: command.join(" "), cause: (error as Error).message });
  }
  return false;
}
