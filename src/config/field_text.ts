/**
 * How the example and the reference page speak of a field's default.
 *
 * @module
 */

import type { ScalarField } from "./schema.ts";

/** Returns YAML text of the value in force if the key is absent; empty where that is nothing. */
export function absentText(field: ScalarField<unknown>): string {
  const { absent } = field;
  if (field.absentText !== undefined && typeof absent === "object") return field.absentText;
  return absent === undefined || typeof absent === "object" ? "" : String(absent);
}

/** Says what happens if the key is absent: `required`, or the default. */
export function presenceText(field: ScalarField<unknown>): string {
  if (field.presence === "required") return "required";
  const text = field.absentText ?? absentText(field);
  const warning = field.presence === "expected" ? ", with a warning" : "";
  return `default ${text === "" ? "empty" : text}${warning}`;
}
