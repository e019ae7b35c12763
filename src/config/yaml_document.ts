/**
 * A YAML document without types: its maps with what `<<` brings in, its aliases followed, and the line of everything.
 *
 * @module
 */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from "yaml";
import { type Findings, joinPath } from "./findings.ts";
import { explainSyntaxError, explainUnreadableText } from "./yaml_syntax.ts";

/** What every step of the walk through a document needs. */
export interface Reader {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly findings: Findings;
  /** What the maps hold that `<<` has brought in so far: merges of merges name the same map again and again. */
  readonly merged: Map<YAMLMap, readonly Entry[]>;
}

/** One key of a map with its value. */
export interface Entry {
  /** Source text of the key. */
  readonly name: string;
  /** Whether the key stood in quotes. */
  readonly quoted: boolean;
  readonly value: unknown;
  readonly line: number;
}

/** Most aliases that lead to each other, and most `<<` within each other: more is a circle. */
const MAX_INDIRECTIONS = 32;

/**
 * Parses a text and reports what is no YAML.
 *
 * @returns The first document, or `undefined` if there is none: the text is empty, or nothing but comments, or unreadable.
 */
export function openDocument(text: string, findings: Findings): Reader | undefined {
  const unreadable = explainUnreadableText(text);
  if (unreadable !== undefined) {
    findings.report(0, "", "error", unreadable);
    return undefined;
  }
  const lines = new LineCounter();
  // "failsafe" makes every scalar a string. `strict` would add errors about style that do no harm.
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    lineCounter: lines,
    uniqueKeys: false,
    strict: false,
    prettyErrors: false,
    logLevel: "silent",
  }) as readonly Document.Parsed[];
  if (documents.length === 0) return undefined;
  const document = documents[0];
  for (const error of document.errors) {
    findings.report(lines.linePos(error.pos[0]).line, "", "error", explainSyntaxError(error.code));
  }
  if (documents.length > 1) {
    findings.report(lines.linePos(documents[1].range[0]).line, "", "warning", {
      found: `${documents.length} documents`,
      allowed: "one document",
      remedy: 'everything after the line "---" is ignored: remove it',
    });
  }
  return { document, lines, findings, merged: new Map() };
}

/**
 * Lists the keys of a map: those that `<<` brings in first, so that the map's own keys override them. Keys that `<<`
 * brings in twice stand once; a key that the map itself has twice stands twice.
 */
export function entriesOf(reader: Reader, node: YAMLMap, path: string, depth = 0): Entry[] {
  const merged = new Map<string, Entry>();
  const own: Entry[] = [];
  for (const pair of node.items as Pair[]) {
    const line = lineOf(reader, pair.key) ?? lineOf(reader, node) ?? 0;
    const key = resolveAlias(reader, pair.key, path, line);
    if (!isScalar(key)) {
      reader.findings.report(line, path, "error", {
        found: "a list or block as a key",
        allowed: "a name or a number as a key",
        remedy: "write the key as one word",
      });
    } else if (key.value === "<<" && isPlain(key)) {
      for (const entry of mergedEntries(reader, pair.value, path, line, depth)) merged.set(entry.name, entry);
    } else {
      own.push({ name: textOf(key), quoted: !isPlain(key), value: pair.value, line });
    }
  }
  const overridden = new Set(own.map((entry) => entry.name));
  return [...[...merged.values()].filter((entry) => !overridden.has(entry.name)), ...own];
}

/** The entries of the map, or of the list of maps, that stands behind `<<`; of a list, earlier maps come last. */
function mergedEntries(reader: Reader, value: unknown, path: string, line: number, depth: number): Entry[] {
  const node = resolveAlias(reader, value, path, line);
  const maps = isSeq(node) ? node.items.map((item) => resolveAlias(reader, item, path, line)) : [node];
  if (depth < MAX_INDIRECTIONS && maps.every((map) => isMap(map))) {
    return maps.reverse().flatMap((map) => {
      const entries = reader.merged.get(map) ?? entriesOf(reader, map, path, depth + 1);
      reader.merged.set(map, entries);
      return entries;
    });
  }
  reader.findings.report(line, joinPath(path, "<<"), "error", {
    found: depth < MAX_INDIRECTIONS ? "a value that is no block" : "a block that contains itself",
    allowed: "an alias of a block, or a list of such aliases",
    remedy: "name an anchor that stands before a block",
  });
  return [];
}

/**
 * Follows an alias to what it stands for; anything else is returned as it is, and nothing as `undefined`.
 *
 * @param path Key that the alias stands at, and `line` its line, for the message if it leads nowhere.
 */
export function resolveAlias(reader: Reader, written: unknown, path: string, line: number): Node | undefined {
  let node = written;
  for (let step = 0; isAlias(node); step++) {
    const target = step < MAX_INDIRECTIONS ? node.resolve(reader.document) : undefined;
    if (target === undefined) {
      reader.findings.report(line, path, "error", {
        found: "an alias of an anchor that isn't there",
        allowed: "an alias of an anchor above it",
        remedy: "correct the name after the asterisk, or quote the value",
      });
    }
    node = target;
  }
  return (node ?? undefined) as Node | undefined;
}

/** Returns the line of a node, from 1; `undefined` for a node that isn't in the text. */
export function lineOf(reader: Reader, node: unknown): number | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range ? reader.lines.linePos(range[0]).line : undefined;
}

/** Tells whether a scalar stands without quotes and isn't a block of text. */
export function isPlain(node: Scalar): boolean {
  return node.type === undefined || node.type === "PLAIN";
}

/** Returns the text of a scalar, without quotes and escapes. */
export function textOf(node: Scalar): string {
  return typeof node.value === "string" ? node.value : String(node.value ?? "");
}
