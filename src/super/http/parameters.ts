/**
 * The parameters of a request: pairs of a query or a form, and the texts of numbers and switches in them.
 *
 * The rules are those of Go's `net/url` and `strconv`, which clients were written against: the first value of a name counts,
 * a pair that can't be decoded or has a semicolon is as if it weren't there, and a name without a value is there. Source:
 * `http-api.md` §2; Go, `net/url/url.go` (parseQuery), `strconv/atof.go`.
 *
 * @module
 */

import { NODE_ID_SPACE, type NodeId } from "../../base/node_id.ts";
import { ApiError } from "./api_error.ts";

/** Values by name: the first of each. */
export type Parameters = ReadonlyMap<string, string>;

/** Parses a query without its question mark, or the body of a form. Never throws. */
export function parseParameters(text: string): Parameters {
  const values = new Map<string, string>();
  for (const pair of text.split("&")) {
    if (pair === "" || pair.includes(";")) continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? "" : pair.slice(equals + 1));
    if (name !== undefined && value !== undefined && !values.has(name)) values.set(name, value);
  }
  return values;
}

/**
 * Returns a value that may be empty, but not missing.
 *
 * @throws {ApiError} It is missing.
 */
export function required(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new ApiError(400, `${name} is missing`);
  return value;
}

/** Reads decimal digits as a whole number of at most `max`; `undefined` for anything else. */
export function parseWholeNumber(text: string, max: number): number | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

/** Reads an identifier, which may be a reserved one. */
export function parseNodeId(text: string): NodeId | undefined {
  return parseWholeNumber(text, NODE_ID_SPACE - 1);
}

/**
 * Reads a floating-point number as Go writes them in a program, decimal or hexadecimal.
 *
 * @returns A finite number; `undefined` for anything else. Go takes infinities and NaN as well; no quantity of ours can be
 *   one.
 */
export function parseFloat64(text: string): number | undefined {
  const isHexadecimal = /^[+-]?0[xX]/.test(text);
  const joined = text.replace(isHexadecimal ? HEXADECIMAL_SEPARATOR : SEPARATOR, "");
  const value = DECIMAL.test(joined) ? Number(joined) : parseHexadecimal(joined);
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

/** Reads a switch: `true` in upper or lower case is true, and everything else false. */
export function parseSwitch(text: string): boolean {
  return text.toLowerCase() === "true";
}

/** Go takes `_` between digits, and between `0x` and a digit. */
const SEPARATOR = /(?<=\d)_(?=\d)/g;
const HEXADECIMAL_SEPARATOR = /(?<=[0-9a-fA-FxX])_(?=[0-9a-fA-F])/g;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Go's `0x1.8p3`: digits to the base 16, and an exponent to the base 2 that may not be missing. */
const HEXADECIMAL = /^([+-]?)0[xX](?=\.?[0-9a-fA-F])([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/;

/** One digit too many for the mantissa of a number is enough; more would make it infinite. */
const HEXADECIMAL_DIGITS_MAX = 32;

function parseHexadecimal(text: string): number | undefined {
  const match = HEXADECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction, exponent] = match;
  if (whole.length + fraction.length > HEXADECIMAL_DIGITS_MAX) return undefined;
  const magnitude = parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === "-" ? -magnitude : magnitude;
}

/** Undoes percent-encoding, and `+` for a blank; `undefined` if that can't be done. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
