/**
 * The general types of scalars: booleans, numbers, words, text, keys. Those with network meaning are in
 * `network_types.ts`.
 *
 * @module
 */

import { isZeroKey, KEY_LEN, parseKey } from "./key_text.ts";
import type { Accepted, Refused, ScalarType } from "./schema.ts";
import { parseYamlBoolean, parseYamlNumber } from "./yaml_scalar.ts";
import { splitCommandWords } from "./command_words.ts";
import { nearestName } from "./nearest_name.ts";

/** `true` and `false` in all spellings of YAML 1.1. */
export const BOOLEAN: ScalarType<boolean> = {
  name: "boolean",
  allowed: "true or false (also yes, no, on, off, y, n)",
  zero: false,
  secret: false,
  parse(text, quoted) {
    const value = quoted ? undefined : parseYamlBoolean(text);
    if (value !== undefined) return { value };
    return { remedy: quoted ? "write it without quotes" : "write true or false" };
  },
};

/**
 * A whole number within a range.
 *
 * A fraction is cut, as the reference node does, with a warning.
 *
 * @param zeroMeaning Set if 0 is allowed beside the range, and says what it stands for.
 */
export function wholeNumber(min: number, max: number, zeroMeaning?: string): ScalarType<number> {
  const range = `whole number, ${min} to ${max}${zeroMeaning === undefined ? "" : `, or 0 for ${zeroMeaning}`}`;
  return {
    name: "integer",
    allowed: range,
    zero: 0,
    secret: false,
    parse(text) {
      const number = parseYamlNumber(text);
      if (number === undefined || Number.isNaN(number)) return { remedy: "write a whole number" };
      // Adding 0 turns the -0 that cutting -0.5 leaves into 0.
      const value = Math.trunc(number) + 0;
      if ((value < min || value > max) && !(value === 0 && zeroMeaning !== undefined)) {
        return { remedy: "write a number of this range" };
      }
      return value === number ? { value } : { value, doubt: `the fraction is cut: write ${value}` };
    },
  };
}

/** One of a few whole numbers. */
export function oneOfNumbers<N extends number>(...numbers: readonly N[]): ScalarType<N> {
  return {
    name: "integer",
    allowed: numbers.join(", "),
    zero: numbers[0],
    secret: false,
    parse(text) {
      const number = parseYamlNumber(text);
      const value = numbers.find((candidate) => candidate === number);
      return value === undefined ? { remedy: "write one of these numbers" } : { value };
    },
  };
}

/**
 * A number, fractions allowed, within a range; `.inf` only if `max` is `Infinity`.
 *
 * @param zeroMeaning Set if 0 is allowed beside the range, and says what it stands for.
 */
export function number(min: number, max: number, zeroMeaning?: string): ScalarType<number> {
  return {
    name: "number",
    allowed: `number${rangeText(min, max)}${zeroMeaning === undefined ? "" : `, or 0 for ${zeroMeaning}`}`,
    zero: 0,
    secret: false,
    parse(text) {
      const value = parseYamlNumber(text);
      if (value === undefined || Number.isNaN(value)) return { remedy: "write a number" };
      const isAllowed = (value >= min && value <= max) || (value === 0 && zeroMeaning !== undefined);
      // Adding 0 turns -0 into 0.
      return isAllowed ? { value: value + 0 } : { remedy: "write a number of this range" };
    },
  };
}

/** Any text of at most so many octets; `undefined` for no limit. */
export function text(maxLen?: number): ScalarType<string> {
  return {
    name: "text",
    allowed: maxLen === undefined ? "text" : `text of at most ${maxLen} octets`,
    zero: "",
    secret: false,
    parse(value) {
      if (CONTROL_CHARACTER.test(value)) return { remedy: "remove the control characters" };
      const length = new TextEncoder().encode(value).length;
      return maxLen !== undefined && length > maxLen ? { remedy: `it has ${length}: shorten it` } : { value };
    },
  };
}

/** A word of printable ASCII characters; empty for none. */
export function asciiWord(maxLen: number): ScalarType<string | undefined> {
  return {
    name: "word",
    allowed: `1 to ${maxLen} printable ASCII characters without blanks`,
    zero: undefined,
    secret: false,
    parse(value) {
      if (value === "") return { value: undefined };
      if (!/^[\x21-\x7e]+$/.test(value)) return { remedy: "remove the other characters" };
      return value.length > maxLen ? { remedy: `it has ${value.length}: shorten it` } : { value };
    },
  };
}

/** Text that is never shown. */
export const PASSWORD: ScalarType<string> = { ...text(), name: "password", secret: true };

/**
 * One of a few words.
 *
 * @param words Each accepted word with what it stands for.
 * @param zero What an empty or absent value stands for.
 * @param otherwise Set if an unknown word is only a warning, and says what it then stands for.
 */
export function oneOfWords<W extends string>(
  words: Readonly<Record<string, W>>,
  zero: W,
  otherwise?: W,
): ScalarType<W> {
  const known = Object.keys(words);
  return {
    name: "word",
    allowed: known.join(", "),
    zero,
    secret: false,
    parse(written) {
      if (written === "") return { value: zero };
      if (Object.hasOwn(words, written)) return { value: words[written] };
      const nearest = nearestName(written, known);
      const remedy = nearest === undefined ? "write one of these words" : `perhaps "${nearest}" is meant`;
      if (otherwise === undefined) return { remedy };
      const meant = known.find((word) => words[word] === otherwise);
      return { value: otherwise, doubt: `${remedy}; acts as "${meant}"` };
    },
  };
}

/** Octets to send: text, or pairs of hexadecimal digits after `0x`. An empty value is the same array each time. */
export function octets(maxLen: number): ScalarType<Uint8Array> {
  const none = new Uint8Array();
  return {
    name: "octets",
    allowed: `text, or 0x and pairs of hexadecimal digits; at most ${maxLen} octets`,
    zero: none,
    secret: false,
    parse(written) {
      if (written === "") return { value: none };
      const value = /^0x/i.test(written) ? octetsOfHex(written.slice(2)) : new TextEncoder().encode(written);
      if (value === undefined) return { remedy: "write two hexadecimal digits for each octet after 0x" };
      return value.length <= maxLen ? { value } : { remedy: `it has ${value.length}: shorten it` };
    },
  };
}

/** A program and its arguments, split as a shell does. */
export const COMMAND: ScalarType<readonly string[]> = {
  name: "command",
  allowed: "a program and its arguments, quoted as for a shell",
  zero: [],
  secret: false,
  parse(text) {
    if (text.includes("\0")) return { remedy: "remove the NUL character" };
    const value = splitCommandWords(text);
    if (value === undefined) return { remedy: "close the quote, or double the backslash at the end" };
    return value[0] === "" ? { remedy: "the name of the program is empty: write it" } : { value };
  },
};

/** A public key: written like a secret one, but everyone may see it. */
export const PUBLIC_KEY: ScalarType<Uint8Array | undefined> = key("public key", false);
/** A private key. */
export const PRIVATE_KEY: ScalarType<Uint8Array | undefined> = key("private key", true);
/** A preshared key; 32 zero octets are what "none" is on the wire, so they mean none here too. */
export const PRESHARED_KEY: ScalarType<Uint8Array | undefined> = {
  ...key("preshared key", true),
  allowed: `${KEY_LEN} octets in base64: 44 characters, the last one "="; or empty for none`,
  parse(text) {
    const parsed = parseKeyText(text);
    return "value" in parsed && parsed.value !== undefined && isZeroKey(parsed.value) ? { value: undefined } : parsed;
  },
};

/** Large bounds are limits of good sense, so they are written short: `1e9`. */
function rangeText(min: number, max: number): string {
  if (min === -Infinity && max === Infinity) return "";
  const short = (bound: number) => Math.abs(bound) >= 1e6 ? bound.toExponential().replace("+", "") : String(bound);
  return max === Infinity ? `, ${short(min)} or more` : `, ${short(min)} to ${short(max)}`;
}

function octetsOfHex(digits: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})+$/i.test(digits) ? Uint8Array.fromHex(digits) : undefined;
}

const CONTROL_CHARACTER = /\p{Cc}/u;

function key(name: string, secret: boolean): ScalarType<Uint8Array | undefined> {
  return {
    name,
    allowed: `${KEY_LEN} octets in base64: 44 characters, the last one "="`,
    zero: undefined,
    secret,
    parse(text) {
      const parsed = parseKeyText(text);
      if ("value" in parsed && parsed.value !== undefined && isZeroKey(parsed.value)) {
        return { remedy: "32 zero octets are no key: generate one" };
      }
      return parsed;
    },
  };
}

function parseKeyText(text: string): Accepted<Uint8Array | undefined> | Refused {
  if (text === "") return { value: undefined };
  const value = parseKey(text);
  if (value !== undefined) return { value };
  return { remedy: text.length === 44 ? "copy the key again: a character is wrong" : "copy the whole key" };
}
