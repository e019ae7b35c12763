/**
 * Shorter protocol times for tests of a running program.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { DEFAULT_TIMER_PARAMS, type TimerParams } from "../noise/constants.ts";

const VARIABLE = "ETHERGUARD_TEST_TIMERS";

/**
 * Returns the specification's times, or what a test puts in their place: a JSON object with some fields of
 * {@linkcode TimerParams} in the environment variable `ETHERGUARD_TEST_TIMERS`.
 *
 * @throws {ConfigError} If the variable holds anything else.
 */
export function readTimers(text: string | undefined = Deno.env.get(VARIABLE)): TimerParams {
  if (text === undefined) return DEFAULT_TIMER_PARAMS;
  const given = parseObject(text);
  const isValid = given !== undefined &&
    Object.entries(given).every(([name, value]) =>
      Object.hasOwn(DEFAULT_TIMER_PARAMS, name) && Number.isInteger(value) && value >= 0
    );
  if (isValid) return { ...DEFAULT_TIMER_PARAMS, ...given };
  throw new ConfigError([{
    file: "environment",
    line: 0,
    key: VARIABLE,
    found: `"${text}"`,
    allowed: `a JSON object with integers for ${Object.keys(DEFAULT_TIMER_PARAMS).join(", ")}`,
    remedy: "unset it: it is for tests only",
    severity: "error",
  }]);
}

function parseObject(text: string): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? value as Record<string, number> : undefined;
  } catch {
    return undefined;
  }
}
