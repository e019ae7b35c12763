/**
 * Reads command lines: all that is wrong with one is reported at once.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { ConfigIssue } from "../base/errors.ts";
import { nearestName } from "../config/nearest_name.ts";

/** An option of a command: `--name` or `--name VALUE`. */
export interface OptionRule {
  readonly type: "boolean" | "string";
  /** What the value may be, for messages; only for `string`. */
  readonly allowed?: string;
  /** The values there are, if they can be listed; only for `string`. */
  readonly choices?: readonly string[];
}

/** The values of a command line by option; options that were not given are missing. */
export type OptionValues<R extends Readonly<Record<string, OptionRule>>> = {
  readonly [Name in keyof R]?: R[Name]["type"] extends "boolean" ? boolean
    : R[Name]["choices"] extends readonly (infer Choice)[] ? Choice
    : string;
};

/** What became of a command line. */
export interface ArgumentsReading<R extends Readonly<Record<string, OptionRule>>> {
  readonly values: OptionValues<R>;
  /** All errors; empty if the values are fit for use. */
  readonly issues: readonly ConfigIssue[];
}

/** An error of the command line. */
export function argumentIssue(key: string, found: string, allowed: string, remedy: string): ConfigIssue {
  return { file: "command line", line: 0, key, found, allowed, remedy, severity: "error" };
}

/**
 * Reads the options of a command. Never throws.
 *
 * @param args What follows the command's name.
 * @param rules The options there are. Each may be given once.
 */
export function readOptions<const R extends Readonly<Record<string, OptionRule>>>(
  args: readonly string[],
  rules: R,
): ArgumentsReading<R> {
  const options = Object.fromEntries(Object.entries(rules).map(([name, { type }]) => [name, { type }]));
  // Strict parsing would stop at the first mistake.
  const { tokens } = parseArgs({ args: args.map(withTwoDashes), options, strict: false, tokens: true });
  const issues = args.filter((arg) => arg !== withTwoDashes(arg)).map((arg) => {
    return argumentIssue(arg, "one dash", "two dashes", `write ${withTwoDashes(arg)}`);
  });
  const values: Record<string, string | boolean> = {};
  for (const token of tokens) {
    if (token.kind === "positional") {
      issues.push(argumentIssue(token.value, "a word that belongs to no option", listOf(rules), "remove it"));
    } else if (token.kind === "option") {
      const issue = checkOption(token.name, token.rawName, token.value, rules, values);
      if (issue === undefined) values[token.name] = token.value ?? true;
      else issues.push(issue);
    }
  }
  return { values: values as OptionValues<R>, issues };
}

/** A long option with one dash, as the Go program takes it, would be read as a heap of single letters. */
function withTwoDashes(arg: string): string {
  return /^-[a-z]{2}/.test(arg) ? `-${arg}` : arg;
}

function checkOption(
  name: string,
  rawName: string,
  value: string | undefined,
  rules: Readonly<Record<string, OptionRule>>,
  earlier: Readonly<Record<string, unknown>>,
): ConfigIssue | undefined {
  if (!rawName.startsWith("--") || !Object.hasOwn(rules, name)) return unknownOption(rawName, rules);
  const { type, allowed = "", choices } = rules[name];
  if (Object.hasOwn(earlier, name)) return argumentIssue(rawName, "it a second time", "it once", "keep one");
  if (type === "boolean") {
    if (value === undefined) return undefined;
    return argumentIssue(rawName, JSON.stringify(value), "no value", "remove everything from the equals sign on");
  }
  const values = choices?.join(", ") ?? allowed;
  if (value === undefined || value === "") {
    return argumentIssue(rawName, "no value", values, "write it after the option");
  }
  // Most likely a forgotten value: `--config --check` would otherwise look for a file named "--check".
  if (value.startsWith("--")) {
    return argumentIssue(rawName, JSON.stringify(value), values, `write a value before ${value}`);
  }
  if (choices === undefined || choices.includes(value)) return undefined;
  return argumentIssue(rawName, JSON.stringify(value), values, "write one of these");
}

function unknownOption(rawName: string, rules: Readonly<Record<string, OptionRule>>): ConfigIssue {
  const nearest = nearestName(rawName.replace(/^-+/, ""), Object.keys(rules));
  const remedy = nearest === undefined ? "remove it" : `perhaps "--${nearest}" is meant`;
  return argumentIssue(rawName, "an unknown option", listOf(rules), remedy);
}

function listOf(rules: Readonly<Record<string, OptionRule>>): string {
  return Object.keys(rules).map((name) => `--${name}`).join(", ");
}
