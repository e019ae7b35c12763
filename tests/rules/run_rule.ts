/**
 * Runs one rule of the plugin on a source text, for the rules' own tests.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import plugin from "./plugin.ts";

/** One source text and what the rule must say of it. */
export interface RuleCase {
  /** What the case shows. */
  name: string;
  /** Path of the file, from the root of the repository. */
  path: string;
  /** Its content; need not type-check. */
  source: string;
  /** A part of each expected message, in order; empty where the rule must keep silent. */
  reports: string[];
}

/** Registers a test for each case of a table. */
export function testRule(rule: string, cases: RuleCase[]): void {
  for (const { name, path, source, reports } of cases) {
    Deno.test(`${rule} ${name}`, () => {
      const messages = Deno.lint.runPlugin(plugin, `/checkout/${path}`, source)
        .filter((diagnostic) => diagnostic.id === `etherguard/${rule}`)
        .map((diagnostic) => diagnostic.message);
      assert.equal(messages.length, reports.length, `reported: ${JSON.stringify(messages)}`);
      for (const [index, part] of reports.entries()) assert.ok(messages[index].includes(part), messages[index]);
    });
  }
}
