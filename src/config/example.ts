/**
 * Writes an example file from a schema: every key, with its text as a comment and a value that passes the check.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { EDGE_SCHEMA } from "./edge_schema.ts";
import { absentText, presenceText } from "./field_text.ts";
import { BOOLEAN } from "./scalar_types.ts";
import type { BlockField, Field, ScalarField } from "./schema.ts";
import { SUPER_SCHEMA } from "./super_schema.ts";

/** Width of comments in characters. */
const COMMENT_WIDTH = 110;

const EDGE_PREFACE =
  `Configuration of an etherguard edge in static mode. Check it with: etherguard edge --check --config FILE
PrivKey is freshly made and may stay. PubKey and PSKey of the peer are samples: PubKey must be the peer's own, and
PSKey the same in both files. Durations are in seconds, costs and latencies in milliseconds.`;

const SUPER_PREFACE = `Configuration of an etherguard super. Check it with: etherguard super --check --config FILE
PrivKeyV4, PrivKeyV6 and Passwords are freshly made and may stay; edges need the public keys of the two. PubKey and
PSKey of the peer are samples: PubKey must be the edge's own, and PSKey the same in its file. Durations are in seconds,
costs and latencies in milliseconds.`;

/**
 * Returns a commented example of an edge file. It passes the check without a warning.
 *
 * @param random Source of the keys in it; each example has its own.
 */
export function renderEdgeExample(random: RandomSource): string {
  return `${prefaceComment(EDGE_PREFACE)}\n${renderEdgeKeys(random)}`;
}

/** Returns the same without the text at its start. */
export function renderEdgeKeys(random: RandomSource): string {
  return renderBlock(EDGE_SCHEMA, "", random);
}

/**
 * Returns a commented example of a super file. It passes the check without a warning.
 *
 * @param random Source of the keys and passwords in it; each example has its own.
 */
export function renderSuperExample(random: RandomSource): string {
  return `${prefaceComment(SUPER_PREFACE)}\n${renderBlock(SUPER_SCHEMA, "", random)}`;
}

function prefaceComment(text: string): string {
  return text.split("\n").map((line) => `# ${line}\n`).join("");
}

/** Renders the keys of a block, each after its comment, a blank line between those of the outermost level. */
function renderBlock(block: BlockField, indent: string, random: RandomSource): string {
  const keys = Object.entries(block.fields).map(([name, field]) => {
    return comment(field, indent) + renderField(name, field, indent, random);
  });
  return keys.join(indent === "" ? "\n" : "");
}

function renderField(name: string, field: Field, indent: string, random: RandomSource): string {
  switch (field.kind) {
    case "scalar":
      return `${indent}${name}: ${exampleText(field, random)}\n`;
    case "block":
      return `${indent}${name}:\n${renderBlock(field, `${indent}  `, random)}`;
    case "list":
      return `${indent}${name}:${renderItems(field.item, field.example, indent, random)}`;
    case "nodeMap":
      if (field.example.length === 0) return `${indent}${name}: {}\n`;
      return `${indent}${name}:\n${field.example.map((line) => `${indent}  ${line}\n`).join("")}`;
  }
}

/** Renders a list: one block as a sample, or the scalars of the example. */
function renderItems(item: Field, example: readonly string[], indent: string, random: RandomSource): string {
  if (item.kind === "block") {
    const keys = renderBlock(item, `${indent}    `, random);
    // The dash takes the place of the indentation before the first key; comments stand above it.
    const firstKey = keys.search(/^ *[^ #]/m);
    const dash = `${indent}  - `;
    return `\n${keys.slice(0, firstKey)}${dash}${keys.slice(firstKey + dash.length)}`;
  }
  return example.length === 0 ? " []\n" : `\n${example.map((text) => `${indent}  - ${text}\n`).join("")}`;
}

function exampleText(field: ScalarField<unknown>, random: RandomSource): string {
  if (typeof field.example === "function") return field.example(random);
  const text = field.example ?? absentText(field);
  return text === "" ? '""' : text;
}

function comment(field: Field, indent: string): string {
  const facts = field.kind === "scalar" ? ` ${scalarFacts(field)}` : "";
  return wrap(`${field.doc}${facts}`, COMMENT_WIDTH - indent.length).map((line) => `${indent}# ${line}\n`).join("");
}

/** Range, unit and default, in brackets. The text of a boolean says what true does, which is all there is to choose. */
function scalarFacts(field: ScalarField<unknown>): string {
  if (field.type.name === BOOLEAN.name) return `[${presenceText(field)}]`;
  const unit = field.unit === "" ? "" : `, in ${field.unit}`;
  return `[${field.type.allowed}${unit}; ${presenceText(field)}]`;
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
