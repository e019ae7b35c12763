/**
 * Explains, in our words, why a text is no YAML.
 *
 * The parser's own messages quote the text around the trouble. That may be a private key, so only their codes are used.
 *
 * @module
 */

import type { ErrorCode } from "yaml";
import type { Complaint } from "./findings.ts";

/** By the parser's code: what was found, and what to do. */
const EXPLANATIONS: Partial<Record<ErrorCode, readonly [found: string, remedy: string]>> = {
  ALIAS_PROPS: ["an alias with an anchor or tag", "remove the anchor or tag"],
  BAD_ALIAS: ["an alias without a proper name", "name the anchor it stands for"],
  BAD_COLLECTION_TYPE: ["a tag that contradicts the value", "remove the tag"],
  BAD_DIRECTIVE: ["a directive that has no meaning", "remove the line that begins with %"],
  BAD_DQ_ESCAPE: ["an unknown escape in double quotes", "double the backslash, or use single quotes"],
  BAD_INDENT: [
    "a line indented unlike its neighbours, or an unclosed brace or bracket",
    "align it with the other keys of its block, or close the brace",
  ],
  BAD_PROP_ORDER: ["an anchor or tag in the wrong place", "put it right before the value"],
  BAD_SCALAR_START: ["a value that begins with a reserved character", "put the value into quotes"],
  BLOCK_AS_IMPLICIT_KEY: [
    "two values on one line",
    "put the second on a line of its own, or quote a value with a colon",
  ],
  BLOCK_IN_FLOW: ["an indented block inside braces or brackets", "write it with braces or brackets, too"],
  KEY_OVER_1024_CHARS: ["a key of more than 1024 characters", "look for a missing quote or line end"],
  MISSING_CHAR: ["a missing character", "look for an unclosed quote, brace or bracket, or a missing colon"],
  MULTILINE_IMPLICIT_KEY: ["a key that spans lines", "put a colon and a blank after the key"],
  MULTIPLE_ANCHORS: ["two anchors at one value", "keep one"],
  MULTIPLE_TAGS: ["two tags at one value", "keep one"],
  TAB_AS_INDENT: ["a tab in the indentation", "indent with spaces"],
  UNEXPECTED_TOKEN: ["something that can't stand here", "check quotes, colons and the indentation of this line"],
};

/** Returns what to say about a text of which the parser would complain at each line; `undefined` if it is none. */
export function explainUnreadableText(text: string): Complaint | undefined {
  // What marks the beginning of UTF-16 is no UTF-8, and its other octets are mostly zero.
  if (/^\uFFFD\uFFFD|\0/.test(text)) {
    const remedy = 'save it as "UTF-8"';
    return { found: "characters of two octets, as in UTF-16, or zero octets", allowed: "text in UTF-8", remedy };
  }
  if (/\r[^\n]/.test(text) && !text.includes("\n")) {
    const remedy = 'save it with line ends "LF"';
    return { found: "lines that end with CR alone", allowed: "lines that end with LF, or CR and LF", remedy };
  }
  return undefined;
}

/** Returns what to say about a syntax error. */
export function explainSyntaxError(code: ErrorCode): Complaint {
  const [found, remedy] = EXPLANATIONS[code] ?? ["a text that is no YAML", "check the syntax of this line"];
  return { found, allowed: "YAML", remedy };
}
