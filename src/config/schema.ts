/**
 * The language in which a configuration file is described: fields, and what is said about each.
 *
 * One description serves five purposes: `load.ts` checks a file against it, the type of the checked record follows from
 * it ({@linkcode ValueOf}), the example file and the reference page are generated from it, and it tells the nearest
 * known name of a misspelt key. So whatever a user must know about a key stands beside the key, once.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";

/** A scalar that was understood. */
export interface Accepted<T> {
  readonly value: T;
  /** Set if the value was bent to fit; becomes the remedy of a warning. */
  readonly doubt?: string;
}

/** A scalar that was not understood. */
export interface Refused {
  /** What the user can do about it. */
  readonly remedy: string;
}

/** How the text of a scalar becomes a value. Types are values themselves, listed in `scalar_types.ts`. */
export interface ScalarType<T> {
  /** One or two words for the reference page, such as `endpoint`. */
  readonly name: string;
  /** What may be written, for messages and the reference page. */
  readonly allowed: string;
  /** The value of an absent or empty key. */
  readonly zero: T;
  /** True for keys and passwords: what was written is never shown. */
  readonly secret: boolean;
  /** Converts the source text of a scalar; `quoted` tells whether it stood in quotes or a block. Never throws. */
  parse(text: string, quoted: boolean): Accepted<T> | Refused;
}

/** What an absent key means to the user: an error, a warning, or nothing. */
export type Presence = "required" | "expected" | "optional";

/** YAML text of an example value; a function where each example needs a value of its own. */
export type Example = string | ((random: RandomSource) => string);

/** A key with one value. */
export interface ScalarField<T> {
  readonly kind: "scalar";
  readonly type: ScalarType<T>;
  readonly doc: string;
  /** Unit of a quantity, such as `s`. */
  readonly unit: string;
  /** The value in force if the key is absent, empty or zero. */
  readonly absent: T;
  /** The same for the reference page, where the value alone doesn't tell it. */
  readonly absentText: string | undefined;
  readonly presence: Presence;
  /** Other accepted spellings of the key. */
  readonly aliases: readonly string[];
  /** Absent: the example shows the value in force without the key. */
  readonly example: Example | undefined;
}

/** A key with keys below it. */
export interface BlockField<F extends Fields = Fields> {
  readonly kind: "block";
  readonly doc: string;
  readonly fields: F;
}

/** A key with a list of blocks or scalars. */
export interface ListField<I extends Field = Field> {
  readonly kind: "list";
  readonly doc: string;
  readonly item: I;
  /** YAML text of the example's scalars; a list of blocks shows one block. */
  readonly example: readonly string[];
}

/** A key with a map from node identifiers. */
export interface NodeMapField<V extends Field = Field> {
  readonly kind: "nodeMap";
  readonly doc: string;
  readonly keyType: ScalarType<number>;
  readonly value: V;
  /** YAML text, one line for each entry. */
  readonly example: readonly string[];
}

// deno-lint-ignore no-explicit-any -- a field of any scalar type; `unknown` would refuse each concrete one.
export type Field = ScalarField<any> | BlockField | ListField | NodeMapField;

/** The keys of a block, in the order in which they are written. */
export interface Fields {
  readonly [name: string]: Field;
}

/** The type of the checked value of a field. */
export type ValueOf<F> = F extends ScalarField<infer T> ? T
  : F extends BlockField<infer B> ? { readonly [Name in keyof B]: ValueOf<B[Name]> }
  : F extends ListField<infer I> ? readonly ValueOf<I>[]
  : F extends NodeMapField<infer V> ? ReadonlyMap<number, ValueOf<V>>
  : never;

/** Everything about a scalar field that may be left out. */
export interface ScalarOptions<T> {
  unit?: string;
  absent?: T;
  absentText?: string;
  presence?: Presence;
  aliases?: readonly string[];
  example?: Example;
}

/** Describes a key with one value. */
export function scalar<T>(type: ScalarType<T>, doc: string, options: ScalarOptions<T> = {}): ScalarField<T> {
  return {
    kind: "scalar",
    type,
    doc,
    unit: options.unit ?? "",
    absent: options.absent ?? type.zero,
    absentText: options.absentText,
    presence: options.presence ?? "optional",
    aliases: options.aliases ?? [],
    example: options.example,
  };
}

/** Describes a key with keys below it. */
export function block<F extends Fields>(doc: string, fields: F): BlockField<F> {
  return { kind: "block", doc, fields };
}

/** Describes a key with a list. */
export function list<I extends Field>(doc: string, item: I, example: readonly string[] = []): ListField<I> {
  return { kind: "list", doc, item, example };
}

/** Describes a key with a map from node identifiers. */
export function nodeMap<V extends Field>(
  doc: string,
  keyType: ScalarType<number>,
  value: V,
  example: readonly string[] = [],
): NodeMapField<V> {
  return { kind: "nodeMap", doc, keyType, value, example };
}

/** Returns the field of a block that a written key names, by its name or an alias, with its proper name. */
export function findField(fields: Fields, written: string): [name: string, field: Field] | undefined {
  if (Object.hasOwn(fields, written)) return [written, fields[written]];
  return Object.entries(fields).find(([_, field]) => field.kind === "scalar" && field.aliases.includes(written));
}

/** Returns the value in force for a field that the file doesn't mention. */
export function absentValue(field: Field): unknown {
  switch (field.kind) {
    case "scalar":
      return field.absent;
    case "block":
      return Object.fromEntries(Object.entries(field.fields).map(([name, below]) => [name, absentValue(below)]));
    case "list":
      return [];
    case "nodeMap":
      return new Map();
  }
}
