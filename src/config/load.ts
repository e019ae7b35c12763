/**
 * Reads YAML against a schema: text in, a checked record and a list of findings out.
 *
 * The document is parsed without types, so that every scalar keeps its source text, and the schema decides what that
 * text means (`yaml_scalar.ts` tells why). All problems are reported at once, each with its line. The rules are those of
 * `config.md` §1.1; beyond the reference node, quoted numbers and quoted map keys are accepted.
 *
 * @module
 */

import { isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from "yaml";
import { Findings, joinPath } from "./findings.ts";
import { nearestName } from "./nearest_name.ts";
import {
  absentValue,
  type BlockField,
  type Field,
  findField,
  type ListField,
  type NodeMapField,
  type ScalarField,
  type ValueOf,
} from "./schema.ts";
import { isYamlNull } from "./yaml_scalar.ts";
import {
  entriesOf,
  type Entry,
  isPlain,
  lineOf,
  openDocument,
  type Reader,
  resolveAlias,
  textOf,
} from "./yaml_document.ts";

/** A file as read: the record is complete even if there are errors, but only fit for use if there are none. */
export interface Loaded<F> {
  readonly record: ValueOf<F>;
  readonly findings: Findings;
}

/**
 * Checks a YAML text against a schema. Never throws, whatever the text.
 *
 * @param text The whole file. Only its first document is read; an empty one is a record of absent keys.
 * @param file Path as the user wrote it, for messages.
 * @param schema What the file may hold.
 */
export function loadYaml<F extends BlockField>(text: string, file: string, schema: F): Loaded<F> {
  const findings = new Findings(file);
  const reader = openDocument(text, findings);
  // After a syntax error the parser guesses; complaints about its guesses would hide the cause.
  if (findings.hasErrors()) return { record: absentValue(schema) as ValueOf<F>, findings };
  if (reader === undefined) {
    reportMissing(schema, "", findings);
    return { record: absentValue(schema) as ValueOf<F>, findings };
  }
  return { record: readField(reader, schema, reader.document.contents, "", 1) as ValueOf<F>, findings };
}

/** Longest value that a message shows in full, in characters. */
const MAX_SHOWN_LEN = 60;

function readField(reader: Reader, field: Field, written: unknown, path: string, line: number): unknown {
  const node = resolveAlias(reader, written, path, line);
  if (path !== "") reader.findings.notePlace(path, line, describe(node, field));
  if (node === undefined || (isScalar(node) && isPlain(node) && isYamlNull(textOf(node)))) {
    reportMissing(field, path, reader.findings);
    return absentValue(field);
  }
  switch (field.kind) {
    case "scalar":
      return readScalar(reader, field, node, path);
    case "block":
      return readBlock(reader, field, node, path);
    case "list":
      return readList(reader, field, node, path);
    case "nodeMap":
      return readNodeMap(reader, field, node, path);
  }
}

function readScalar(reader: Reader, field: ScalarField<unknown>, node: Node, path: string): unknown {
  const { type } = field;
  const { allowed } = type;
  if (!isScalar(node)) {
    reader.findings.error(path, { allowed, remedy: "write one value" });
    return field.absent;
  }
  const parsed = type.parse(textOf(node), !isPlain(node));
  if ("remedy" in parsed) {
    reader.findings.error(path, { allowed, remedy: parsed.remedy });
    return field.absent;
  }
  if (parsed.doubt !== undefined) reader.findings.warn(path, { allowed, remedy: parsed.doubt });
  if (textOf(node) === "") reportMissing(field, path, reader.findings);
  // An empty or zero value is an absent one, as in the reference node; but a written `false` is a choice.
  return parsed.value === type.zero && typeof parsed.value !== "boolean" ? field.absent : parsed.value;
}

function readBlock(reader: Reader, field: BlockField, node: Node, path: string): unknown {
  const { findings } = reader;
  if (!isMap(node)) {
    const found = describe(node, field);
    findings.error(path, { found, allowed: "a block of keys", remedy: "write keys below it, indented" });
    return absentValue(field);
  }
  const values = new Map<string, unknown>();
  for (const { name, entry } of knownEntries(reader, field, node, path)) {
    values.set(name, readField(reader, field.fields[name], entry.value, joinPath(path, name), entry.line));
  }
  for (const [name, below] of Object.entries(field.fields)) {
    if (values.has(name)) continue;
    reportMissing(below, joinPath(path, name), findings);
    values.set(name, absentValue(below));
  }
  return Object.fromEntries(values);
}

/** The entries that a block's schema knows, each key once; the others are reported. */
function knownEntries(reader: Reader, field: BlockField, node: YAMLMap, path: string) {
  const known = new Map<string, { name: string; entry: Entry }>();
  for (const entry of entriesOf(reader, node, path)) {
    const found = findField(field.fields, entry.name);
    if (found === undefined) {
      reportUnknown(reader, field, entry, path);
      continue;
    }
    const [name] = found;
    if (known.has(name)) reportDuplicate(reader, joinPath(path, name), entry.line);
    known.set(name, { name, entry });
  }
  return known.values();
}

function readList(reader: Reader, field: ListField, node: Node, path: string): unknown {
  if (!isSeq(node)) {
    reader.findings.error(path, { allowed: "a list", remedy: 'begin each entry with "- "' });
    return [];
  }
  return (node as YAMLSeq).items.map((item, index) => {
    const line = lineOf(reader, item) ?? lineOf(reader, node) ?? 0;
    return readField(reader, field.item, item, `${path}[${index}]`, line);
  });
}

function readNodeMap(reader: Reader, field: NodeMapField, node: Node, path: string): unknown {
  const { findings } = reader;
  const { allowed } = field.keyType;
  if (!isMap(node)) {
    findings.error(path, { allowed: "a map from node ids", remedy: "write each as ID: …" });
    return new Map();
  }
  const entries = new Map<number, Entry>();
  for (const entry of entriesOf(reader, node, path)) {
    const parsed = field.keyType.parse(entry.name, entry.quoted);
    if ("remedy" in parsed) {
      findings.report(entry.line, path, "error", {
        found: `the key ${quoteName(entry.name)}`,
        allowed,
        remedy: parsed.remedy,
      });
      continue;
    }
    const entryPath = `${path}[${parsed.value}]`;
    if (parsed.doubt !== undefined) {
      const found = `the key ${quoteName(entry.name)}`;
      findings.report(entry.line, entryPath, "warning", { found, allowed, remedy: parsed.doubt });
    }
    if (entries.has(parsed.value)) reportDuplicate(reader, entryPath, entry.line);
    entries.set(parsed.value, entry);
  }
  const values = [...entries].map(([id, entry]): [number, unknown] => {
    return [id, readField(reader, field.value, entry.value, `${path}[${id}]`, entry.line)];
  });
  return new Map(values.sort(([a], [b]) => a - b));
}

/** Reports the keys that must be there, or should, of a field that the file leaves out. */
function reportMissing(field: Field, path: string, findings: Findings): void {
  if (field.kind === "block") {
    for (const [name, below] of Object.entries(field.fields)) reportMissing(below, joinPath(path, name), findings);
  } else if (field.kind === "scalar" && field.presence !== "optional") {
    const { allowed } = field.type;
    const found = findings.isWritten(path) ? "an empty value" : "nothing";
    if (field.presence === "required") findings.error(path, { found, allowed, remedy: "write this key" });
    else findings.warn(path, { found, allowed, remedy: `write this key; ${field.absent} is used` });
  }
}

function reportUnknown(reader: Reader, field: BlockField, entry: Entry, path: string): void {
  const { name } = entry;
  const nearest = nearestName(name, Object.keys(field.fields));
  reader.findings.report(entry.line, joinPath(path, quotableName(name) ?? "…"), "warning", {
    found: `the unknown key ${quoteName(name)}`,
    allowed: path === "" ? "the keys of the reference page" : `the keys of ${path}`,
    remedy: nearest === undefined ? "it is ignored: remove it" : `it is ignored: perhaps "${nearest}" is meant`,
  });
}

function reportDuplicate(reader: Reader, path: string, line: number): void {
  reader.findings.report(line, path, "warning", {
    found: "the key a second time",
    allowed: "each key once",
    remedy: "the last one counts: remove the others",
  });
}

/** Says what stands at a key. What a block or a list should be may be anything, so it is never quoted. */
function describe(node: Node | undefined, field: Field): string {
  if (node === undefined) return "nothing";
  if (isMap(node)) return "a block";
  if (isSeq(node)) return "a list";
  if (!isScalar(node)) return "nothing";
  const text = textOf(node);
  if (field.kind !== "scalar") return "a single value";
  const characters = [...text];
  if (field.type.secret) return text === "" ? '""' : `${characters.length} characters (not shown)`;
  if (characters.length > MAX_SHOWN_LEN) return JSON.stringify(`${characters.slice(0, MAX_SHOWN_LEN).join("")}…`);
  return JSON.stringify(text);
}

/** A name as a message may show it: a key that lost its colon or its blank may carry a secret. */
function quotableName(name: string): string | undefined {
  return /^[A-Za-z0-9_()<>.-][A-Za-z0-9_()<>. -]{0,39}$/.test(name) ? name : undefined;
}

function quoteName(name: string): string {
  const quotable = quotableName(name);
  return quotable === undefined ? `of ${name.length} characters (not shown)` : JSON.stringify(quotable);
}
