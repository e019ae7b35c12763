/**
 * Waiting for what has no event of its own: a condition is asked again and again until a deadline.
 *
 * @module
 */

import { monotonicMs } from "../../../src/base/clock.ts";

/** How often {@linkcode eventually} asks, in milliseconds. */
const POLL_INTERVAL_MS = 25;

/** Resolves after the given time. For polling, and where a time is what is tried: how long somebody is away, or late. */
export function pauseMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/**
 * Asks a condition until it answers with something other than `undefined` or `false`, and returns that answer.
 *
 * @param what What is waited for, as the error message should say it.
 * @param condition Asked about forty times per second, never twice at once.
 * @param timeoutMs Time after which the wait fails.
 * @throws {Error} When the deadline passes.
 */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs: number,
): Promise<T> {
  const deadlineMs = monotonicMs() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer !== undefined && answer !== false) return answer;
    if (monotonicMs() >= deadlineMs) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await pauseMs(POLL_INTERVAL_MS);
  }
}
