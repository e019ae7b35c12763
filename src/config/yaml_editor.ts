/**
 * Changes to a YAML text that leave the rest as people wrote it: comments, order, anchors, the style of lists.
 *
 * As in `load.ts`, the document is parsed without types, so that a scalar keeps its source text (`010` stays `010`).
 * Blanks before a comment, escapes in quotes, and blanks and line ends within braces may change.
 *
 * @module
 */

import {
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Pair,
  parseAllDocuments,
  Scalar,
  visit,
  YAMLMap,
  YAMLSeq,
} from "yaml";

/** A map whose keys can be changed. */
export type EditableMap = YAMLMap<unknown, unknown>;
/** A list whose items can be changed. */
export type EditableList = YAMLSeq<unknown>;

/** An edit would change what other places of the text say, too, because they refer to it by an anchor. */
export class SharedNodeError extends Error {
  /** Name of the anchor. */
  readonly anchor: string;

  constructor(anchor: string) {
    super(`what the anchor "${anchor}" names is used in other places, too`);
    this.name = "SharedNodeError";
    this.anchor = anchor;
  }
}

/** A YAML text under change. Of several documents the first is changed, and the others stay. */
export class YamlEditor {
  readonly #document: Document.Parsed;
  readonly #others: readonly Document.Parsed[];
  readonly #style: { readonly indent: number; readonly indentSeq: boolean };
  readonly #root: EditableMap;

  private constructor(documents: readonly Document.Parsed[], root: EditableMap, text: string) {
    [this.#document, ...this.#others] = documents;
    this.#root = root;
    this.#style = styleOf(root, text);
  }

  /** Parses a text; `undefined` if it is no YAML, or something else than a map. */
  static parse(text: string): YamlEditor | undefined {
    const documents = parseAllDocuments(text, {
      schema: "failsafe",
      uniqueKeys: false,
      strict: false,
      prettyErrors: false,
      logLevel: "silent",
    }) as readonly Document.Parsed[];
    const root = documents[0]?.contents;
    if (documents[0]?.errors.length !== 0 || !isMap(root)) return undefined;
    return new YamlEditor(documents, root as EditableMap, text);
  }

  /** The outermost map. */
  get root(): EditableMap {
    return this.#root;
  }

  /** Returns the whole text as it is now. */
  toString(): string {
    const options = { ...this.#style, lineWidth: 0 };
    return [this.#document, ...this.#others].map((document) => document.toString(options)).join("");
  }

  /**
   * Returns the value of a key, aliases followed: what a reader of the file sees, including what `<<` brings in.
   *
   * @returns Source text of a scalar; `undefined` for anything else.
   */
  textAt(map: EditableMap, name: string): string | undefined {
    const value = this.#resolve(pairOf(map, name)?.value ?? this.#mergedValue(map, name));
    return isScalar(value) ? String(value.value ?? "") : undefined;
  }

  /**
   * Returns the map at a key, and makes one if there is none.
   *
   * @throws {SharedNodeError} If other places refer to it, or `<<` brings it in.
   */
  mapAt(map: EditableMap, name: string): EditableMap {
    return this.#collectionAt(map, name, isMap, () => new YAMLMap());
  }

  /**
   * Returns the list at a key, and makes one if there is none.
   *
   * @throws {SharedNodeError} If other places refer to it, or `<<` brings it in.
   */
  listAt(map: EditableMap, name: string): EditableList {
    return this.#collectionAt(map, name, isSeq, () => new YAMLSeq());
  }

  /** Lists the items of a list that are maps, each with its place. */
  *mapsIn(list: EditableList): Generator<[index: number, map: EditableMap]> {
    for (const [index, item] of list.items.entries()) {
      const map = this.#resolve(item);
      if (isMap(map)) yield [index, map as EditableMap];
    }
  }

  /**
   * Sets a key to a scalar, at its place if it is there, and at the end of the map if not. A comment beside it stays.
   *
   * @throws {SharedNodeError} If other places refer to the old value, or to the map.
   */
  set(map: EditableMap, name: string, scalar: Scalar): void {
    this.#refuseShared(map);
    const pair = pairOf(map, name);
    if (pair === undefined) {
      map.items.push(new Pair(plainScalar(name), scalar));
      return;
    }
    this.#refuseShared(pair.value);
    pair.value = keepComments(scalar, pair.value);
  }

  /**
   * Sets a key to a collection as {@linkcode set} does to a scalar. Comments within the old value go with it.
   *
   * @throws {SharedNodeError} If other places refer to the old value, to something in it, or to the map.
   */
  replace(map: EditableMap, name: string, collection: EditableMap | EditableList): void {
    this.#refuseShared(map);
    const pair = pairOf(map, name);
    if (pair === undefined) {
      map.items.push(new Pair(plainScalar(name), collection));
      return;
    }
    this.#refuseSharedWithin(pair.value);
    pair.value = collection;
  }

  /** Adds an item to the end of a list. */
  append(list: EditableList, item: EditableMap): void {
    // What was empty was written "[]", which says nothing about the style of what comes.
    if (list.items.length === 0) list.flow = false;
    list.items.push(item);
  }

  /**
   * Removes an item from a list, with the comments between it and the item before it.
   *
   * @throws {SharedNodeError} If other places refer to it, or to something in it.
   */
  remove(list: EditableList, index: number): void {
    this.#refuseSharedWithin(list.items[index]);
    const [removed] = list.items.splice(index, 1);
    // A list that has become empty can only be written "[]".
    if (list.items.length === 0) list.flow = true;
    // The comment after the last item belongs to what follows the list.
    const comment = (removed as { comment?: string | null } | null)?.comment;
    if (comment && index === list.items.length && isMap(removed) && !removed.flow) {
      list.comment = list.comment ? `${comment}\n${list.comment}` : comment;
    }
  }

  /** Removes a key, if it is there. */
  delete(map: EditableMap, name: string): void {
    this.#refuseShared(map);
    map.items = map.items.filter((pair) => !isKey(pair, name));
  }

  #collectionAt<C extends EditableMap | EditableList>(
    map: EditableMap,
    name: string,
    isWanted: (value: unknown) => boolean,
    create: () => EditableMap | EditableList,
  ): C {
    const pair = pairOf(map, name);
    const value = pair?.value;
    if (isWanted(value)) {
      this.#refuseShared(value);
      return value as C;
    }
    if (isAlias(value)) throw new SharedNodeError(value.source);
    // A new one would hide all of it.
    const isMerged = pair === undefined && isWanted(this.#resolve(this.#mergedValue(map, name)));
    if (isMerged) throw new SharedNodeError(mergedAnchor(map));
    const created = keepComments(create(), value);
    if (pair === undefined) map.items.push(new Pair(plainScalar(name), created));
    else pair.value = created;
    return created as C;
  }

  /** The value that `<<` brings in; of a list of maps the first that has it counts. */
  #mergedValue(map: EditableMap, name: string, depth = 0): unknown {
    const merged = this.#resolve(pairOf(map, "<<")?.value);
    const maps = isSeq(merged) ? merged.items.map((item) => this.#resolve(item)) : [merged];
    for (const candidate of maps) {
      if (!isMap(candidate) || depth >= MAX_MERGE_DEPTH) continue;
      const inner = candidate as EditableMap;
      const value = pairOf(inner, name)?.value ?? this.#mergedValue(inner, name, depth + 1);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #refuseShared(node: unknown): void {
    if (isAlias(node)) return;
    const anchor = (node as { anchor?: string } | null | undefined)?.anchor;
    if (anchor !== undefined && this.#aliases().has(anchor)) throw new SharedNodeError(anchor);
  }

  #refuseSharedWithin(node: unknown): void {
    const anchors: string[] = [];
    visit(node as Document, { Node: (_key, { anchor }: { anchor?: string }) => void (anchor && anchors.push(anchor)) });
    if (anchors.length === 0) return;
    const aliases = this.#aliases();
    const shared = anchors.find((anchor) => aliases.has(anchor));
    if (shared !== undefined) throw new SharedNodeError(shared);
  }

  /** Names of all anchors that something refers to. */
  #aliases(): Set<string> {
    const names = new Set<string>();
    visit(this.#document, { Alias: (_key, alias) => void names.add(alias.source) });
    return names;
  }
}

/** More maps within each other are a circle. */
const MAX_MERGE_DEPTH = 32;

/** Makes a scalar without quotes: a number, a boolean, a key. */
export function plainScalar(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.PLAIN;
  return scalar;
}

/** Makes a scalar in quotes, which is text whatever it looks like. */
export function quotedScalar(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** Makes a map of scalars, in the order given; `isFlow` writes it in braces, on one line. */
export function scalarMap(entries: Iterable<readonly [name: string, value: Scalar]>, isFlow = false): EditableMap {
  const map = new YAMLMap<unknown, unknown>();
  for (const [name, value] of entries) map.items.push(new Pair(plainScalar(name), value));
  map.flow = isFlow;
  return map;
}

/** Makes an empty map: `{}`. */
export function emptyMap(): EditableMap {
  return scalarMap([], true);
}

/** Makes an empty list: `[]`. */
export function emptyList(): EditableList {
  const list = new YAMLSeq<unknown>();
  list.flow = true;
  return list;
}

/** Of a key that stands twice the last one counts, as for whoever reads the file. */
function pairOf(map: EditableMap, name: string): Pair<unknown, unknown> | undefined {
  return map.items.findLast((pair) => isKey(pair, name));
}

/** Names what `<<` brings in, by the first anchor if there are several. */
function mergedAnchor(map: EditableMap): string {
  const merged = pairOf(map, "<<")?.value;
  const alias = isSeq(merged) ? merged.items.find(isAlias) : merged;
  return isAlias(alias) ? alias.source : "<<";
}

function isKey(pair: Pair, name: string): boolean {
  return isScalar(pair.key) && pair.key.value === name;
}

function keepComments<N extends Scalar | EditableMap | EditableList>(node: N, old: unknown): N {
  if (!isScalar(old) && !isMap(old) && !isSeq(old)) return node;
  node.comment ??= old.comment;
  node.commentBefore ??= old.commentBefore;
  node.spaceBefore ??= old.spaceBefore;
  return node;
}

/** Finds out how many blanks the text indents by, and whether it indents lists below their keys. */
function styleOf(root: EditableMap, text: string): { indent: number; indentSeq: boolean } {
  const style = { indent: 2, indentSeq: true };
  let hasIndent = false;
  let hasList = false;
  visit(root, {
    Pair(_key, { key, value }) {
      if (isMap(value) && !value.flow && !hasIndent) {
        style.indent = Math.max(1, lineIndent(value.items[0].key, text) - lineIndent(key, text));
        hasIndent = true;
      } else if (isSeq(value) && !value.flow && !hasList) {
        style.indentSeq = lineIndent(value.items[0], text) > lineIndent(key, text);
        hasList = true;
      }
      return hasIndent && hasList ? visit.BREAK : undefined;
    },
  });
  return style;
}

/** Blanks at the start of the line that a node begins in. */
function lineIndent(node: unknown, text: string): number {
  const start = (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  return text.slice(lineStart, start).search(/[^ ]|$/);
}
