/**
 * Keeps something that fails again and again from filling the log.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";

/** Causes that are told of one thing until it works again: those that take turns, and no flood. */
const CAUSES_MAX = 8;

/** Says once what fails and why, and once that it works again. */
export class FailureLog {
  readonly #log: Logger;
  readonly #told = new Map<string, Set<string>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Something failed.
   *
   * @param what From a closed set: what failed, in the words of the line.
   * @param cause Told once until it works again.
   */
  fail(what: string, cause: string): void {
    const told = this.#told.get(what) ?? new Set();
    this.#told.set(what, told);
    if (told.has(cause) || told.size >= CAUSES_MAX) return;
    told.add(cause);
    this.#log.warn(`${what} failed`, { cause });
  }

  /** It worked. */
  succeed(what: string): void {
    if (this.#told.delete(what)) this.#log.info(`${what} works again`);
  }
}
