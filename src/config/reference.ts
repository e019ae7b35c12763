/**
 * Writes the reference page of a configuration file from its schema, as Markdown.
 *
 * @module
 */

import { EDGE_SCHEMA } from "./edge_schema.ts";
import { presenceText } from "./field_text.ts";
import type { BlockField, Field } from "./schema.ts";
import { SUPER_SCHEMA } from "./super_schema.ts";

const PREFACE = `This page is generated from the program's own table of keys.

A key that is absent, or has nothing after its colon, has the default. Empty text and the number 0 count as absent, too.
Booleans may be written \`true yes on y\` and \`false no off n\`; numbers also as \`0x1F\`, \`0b1\`, \`0o17\`, \`010\` (octal),
\`1_000\`. Unknown keys are ignored with a warning. Anchors, aliases and \`<<\` work; only the first document of a file is
read.`;

/** Returns the reference page of the edge file. */
export function renderEdgeReference(): string {
  return renderPage("Edge configuration", EDGE_SCHEMA);
}

/** Returns the reference page of the super file. */
export function renderSuperReference(): string {
  return renderPage("Super configuration", SUPER_SCHEMA);
}

function renderPage(title: string, schema: BlockField): string {
  return `<!-- deno-fmt-ignore-file -->\n\n# ${title}\n\n${PREFACE}\n${renderTables("", schema, schema.doc)}`;
}

/** Renders a table for a block and, after it, one for each block within. */
function renderTables(path: string, block: BlockField, doc: string): string {
  const heading = path === "" ? "Top level" : `\`${path}\``;
  const rows = Object.entries(block.fields).map(([name, field]) => renderRow(name, field, path));
  const table = ["| key | type | default | allowed | meaning |", "| --- | --- | --- | --- | --- |", ...rows];
  const inner = Object.entries(block.fields).flatMap(([name, field]) => renderInner(path, name, field));
  return `\n## ${heading}\n\n${doc}\n\n${table.join("\n")}\n${inner.join("")}`;
}

function renderInner(path: string, name: string, field: Field): string[] {
  const innerPath = path === "" ? name : `${path}.${name}`;
  if (field.kind === "block") return [renderTables(innerPath, field, field.doc)];
  if (field.kind === "list" && field.item.kind === "block") {
    return [renderTables(`${innerPath}[]`, field.item, field.doc)];
  }
  return [];
}

function renderRow(name: string, field: Field, path: string): string {
  const cells = [`\`${name}\``, ...rowCells(name, field, path)];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** Type, default, allowed values and meaning of a key. */
function rowCells(name: string, field: Field, path: string): [string, string, string, string] {
  switch (field.kind) {
    case "scalar": {
      const unit = field.unit === "" ? "" : `, ${field.unit}`;
      const aliases = field.aliases.map((alias) => ` Also written \`${alias}\`.`).join("");
      const fallback = presenceText(field).replace(/^default /, "");
      return [`${field.type.name}${unit}`, fallback, field.type.allowed, field.doc + aliases];
    }
    case "block":
      return ["block", "all keys absent", `see \`${path === "" ? name : `${path}.${name}`}\` below`, field.doc];
    case "list":
      return [`list of ${valueName(field.item)}`, "empty", allowedItems(field.item), field.doc];
    case "nodeMap":
      return [valueName(field), "empty", `ids: ${field.keyType.allowed}`, field.doc];
  }
}

function valueName(field: Field): string {
  switch (field.kind) {
    case "scalar":
      return field.unit === "" ? field.type.name : `${field.type.name} (${field.unit})`;
    case "nodeMap":
      return `map ${field.keyType.name} → ${valueName(field.value)}`;
    case "block":
      return "block";
    case "list":
      return `list of ${valueName(field.item)}`;
  }
}

function allowedItems(item: Field): string {
  return item.kind === "scalar" ? `each ${item.type.allowed}` : "see below";
}
