/**
 * From the path of a configuration file to a checked record and all that is wrong with it.
 *
 * @module
 */

import type { ConfigIssue } from "../base/errors.ts";
import type { Findings } from "./findings.ts";
import { loadYaml } from "./load.ts";
import type { BlockField, ValueOf } from "./schema.ts";

/** What became of a file: a configuration, unless an issue is an error. */
export interface ConfigReading<C> {
  readonly config: C | undefined;
  /** Errors and warnings by line. */
  readonly issues: readonly ConfigIssue[];
}

/**
 * Reads a file and checks its text. Never throws: a file that can't be read is an issue, too.
 *
 * @param path Path as the user wrote it.
 * @param parse What checks the text; takes the path for messages.
 */
export function readConfigFile<C>(
  path: string,
  parse: (text: string, file: string) => ConfigReading<C>,
): ConfigReading<C> {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    const found = error instanceof Deno.errors.NotFound ? "no such file" : `"${(error as Error).message}"`;
    const remedy = "check the path and the permissions";
    const issue = { file: path, line: 0, key: "the file", found, allowed: "a readable file", remedy };
    return { config: undefined, issues: [{ ...issue, severity: "error" }] };
  }
  return parse(text, path);
}

/**
 * Checks a text, first key by key and then the keys against each other. Never throws, whatever the text.
 *
 * @param text The whole file.
 * @param file Path as the user wrote it, for messages.
 * @param schema What the file may hold.
 * @param read Checks the record and converts it; what it returns counts only if no error was found.
 */
export function parseConfigText<F extends BlockField, C>(
  text: string,
  file: string,
  schema: F,
  read: (record: ValueOf<F>, findings: Findings) => C,
): ConfigReading<C> {
  const { record, findings } = loadYaml(text, file, schema);
  // A file that is no YAML has no content to check.
  const config = findings.areSound("") ? read(record, findings) : undefined;
  return { config: findings.hasErrors() ? undefined : config, issues: findings.list() };
}
