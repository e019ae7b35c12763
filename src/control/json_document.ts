/**
 * Reading JSON that came over the network by the rules of Go: names match without regard to case, unknown ones are ignored,
 * `null` is as good as nothing. What can't be read is a {@linkcode DocumentFault}; nothing throws.
 *
 * `JSON.parse` makes an own property even of `__proto__`; here objects are only asked for properties of their own, so that no
 * name has a special meaning.
 *
 * @module
 */

import { DOCUMENT_LEN_MAX } from "./documents.ts";

/** Why a document was refused. */
export interface DocumentFault {
  /** What is wrong, for the log: what is there and what should be. Quotes nothing of a document that may hold keys. */
  readonly fault: string;
}

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a document, which is always an object. It comes wrapped, because it may have a property `fault` itself. */
export function parseJsonObject(octets: Uint8Array): { readonly object: JsonObject } | DocumentFault {
  if (octets.length > DOCUMENT_LEN_MAX) {
    return { fault: `document has ${octets.length} octets; at most ${DOCUMENT_LEN_MAX} are taken in` };
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(octets));
  } catch {
    // The message of the exception quotes the document.
    return { fault: `document of ${octets.length} octets is no JSON` };
  }
  return isJsonObject(value) ? { object: value } : { fault: "document is no JSON object" };
}

/** Tells whether a value is an object, and neither an array nor `null`. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells whether what was parsed is a fault. */
export function isDocumentFault(result: object): result is DocumentFault {
  return Object.hasOwn(result, "fault");
}

/**
 * Returns the value of a name: of the very name, else of the last that differs in case only.
 *
 * @param name In ASCII.
 * @returns `undefined` if there is none, or if it is `null`.
 */
export function fieldOf(object: JsonObject, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name] ?? undefined;
  const lowerCase = name.toLowerCase();
  const key = Object.keys(object).findLast((candidate) => candidate.toLowerCase() === lowerCase);
  return key === undefined ? undefined : object[key] ?? undefined;
}
