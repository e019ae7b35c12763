/**
 * What a plain YAML scalar means when its key wants a boolean or a number.
 *
 * The reference node's files follow the habits of YAML 1.1 (`yes`, `010` as octal) and of 1.2 (`0o10`), and no standard
 * resolver reads both: a 1.1 resolver turns the MAC prefix `11:22:33:44` into a number, a 1.2 resolver loses `on`.
 * So a document is parsed without types, and the key that wants a value converts its source text here.
 * Source: `config.md` §1.1.
 *
 * @module
 */

const TRUE = /^(?:y|yes|true|on)$/;
const FALSE = /^(?:n|no|false|off)$/;
const PREFIXED = /^([-+]?)0([xob])([0-9a-f]+)$/i;
const LEADING_ZERO_OCTAL = /^([-+]?)0([0-7]+)$/;
const DECIMAL = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?$/i;
const INFINITY = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NOT_A_NUMBER = /^\.(?:nan|NaN|NAN)$/;
const UNDERSCORE_WITHOUT_DIGITS = /(?<![0-9a-f_])_|_(?![0-9a-f_])/i;
const BASES: Readonly<Record<string, number>> = { x: 16, o: 8, b: 2 };

/** Tells whether plain text stands for "nothing here": empty, `~`, or `null` in lower, Capital or UPPER case. */
export function isYamlNull(text: string): boolean {
  return text === "" || text === "~" || (hasUniformCase(text) && text.toLowerCase() === "null");
}

/**
 * Reads `y yes true on` and `n no false off`, each in lower, Capital or UPPER case.
 *
 * @returns The value, or `undefined` for anything else; `1`, `0` and `tRue` are not booleans.
 */
export function parseYamlBoolean(text: string): boolean | undefined {
  if (!hasUniformCase(text)) return undefined;
  const lower = text.toLowerCase();
  if (TRUE.test(lower)) return true;
  return FALSE.test(lower) ? false : undefined;
}

/**
 * Reads a number: decimal, with fraction or exponent, `0x1F`, `0b1`, `0o17`, octal by a leading zero (`010` is 8), with
 * `_` between digits, `.inf` and `.nan`.
 *
 * @returns The value, or `undefined` if `text` is none of these. Beyond 2^53 it is the nearest double.
 */
export function parseYamlNumber(text: string): number | undefined {
  if (UNDERSCORE_WITHOUT_DIGITS.test(text)) return undefined;
  const plain = text.replaceAll("_", "");
  const prefixed = PREFIXED.exec(plain);
  if (prefixed !== null) return signed(prefixed[1], parseDigits(prefixed[3], BASES[prefixed[2].toLowerCase()]));
  const octal = LEADING_ZERO_OCTAL.exec(plain);
  if (octal !== null) return signed(octal[1], parseDigits(octal[2], 8));
  if (DECIMAL.test(plain)) return Number(plain);
  const infinity = INFINITY.exec(plain);
  if (infinity !== null) return signed(infinity[1], Infinity);
  return NOT_A_NUMBER.test(plain) ? NaN : undefined;
}

/** `parseInt` stops at the first wrong digit and keeps what it has; here a wrong digit spoils the number. */
function parseDigits(digits: string, base: number): number | undefined {
  const valid = base === 16 ? /^[0-9a-f]+$/i : base === 8 ? /^[0-7]+$/ : /^[01]+$/;
  return valid.test(digits) ? parseInt(digits, base) : undefined;
}

function signed(sign: string, magnitude: number | undefined): number | undefined {
  return magnitude === undefined ? undefined : sign === "-" ? 0 - magnitude : magnitude;
}

function hasUniformCase(text: string): boolean {
  return /^(?:[a-z]+|[A-Z][a-z]*|[A-Z]+)$/.test(text);
}
