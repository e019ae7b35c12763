/**
 * The types that we write and want to read: our side of a gob stream.
 *
 * Gob matches the fields of a struct by name, so a type says what Go calls its fields, in Go's order; what else a stream
 * describes is skipped. Only what the nodes tell each other is here: no bool, bytes, complex, interface, no array but of
 * octets and no map but of strings.
 *
 * @module
 */

/** An integer from 0 to `max`, at most 2^53 − 1; every unsigned type of Go. */
export interface GobUint {
  readonly kind: "uint";
  readonly max: number;
}

/** An integer from −2^52 to 2^52 − 1; every signed type of Go. Go's reach further, but nothing that we exchange does. */
export interface GobInt {
  readonly kind: "int";
}

/** A double. Infinities and NaN, which Go allows, are refused: no quantity of ours may be one. */
export interface GobFloat {
  readonly kind: "float";
}

/** A string. */
export interface GobString {
  readonly kind: "string";
}

/** A byte array of fixed length. Gob treats it as an array of unsigned integers: an octet from 128 on takes two. */
export interface GobArray {
  readonly kind: "array";
  readonly name: string;
  readonly length: number;
}

/** A value that encodes itself (Go: `GobEncoder`): octets without a meaning to gob, none for the zero value. */
export interface GobOpaque {
  readonly kind: "opaque";
  readonly name: string;
}

/** A list of any length. */
export interface GobSlice<Element extends GobType = GobType> {
  readonly kind: "slice";
  readonly name: string;
  readonly element: Element;
}

/** A map from strings. */
export interface GobMap<Element extends GobType = GobType> {
  readonly kind: "map";
  readonly name: string;
  readonly element: Element;
}

/** A struct. The order of the fields is Go's, and counts. */
export interface GobStruct<Fields extends GobFields = GobFields> {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: Fields;
}

/** The fields of a struct by name. No name may look like an array index: those would move to the front. */
export interface GobFields {
  readonly [name: string]: GobType;
}

/** A type. Two fields share a type on the wire if they share the object here. */
export type GobType =
  | GobUint
  | GobInt
  | GobFloat
  | GobString
  | GobArray
  | GobOpaque
  | GobSlice
  | GobMap
  | GobStruct;

/** What a value of a type is in TypeScript. */
export type GobValueOf<Type extends GobType> = Type extends GobStruct<infer Fields> ? GobRecordOf<Fields>
  : Type extends GobSlice<infer Element> ? readonly GobValueOf<Element>[]
  : Type extends GobMap<infer Element> ? ReadonlyMap<string, GobValueOf<Element>>
  : Type extends GobString ? string
  : Type extends GobArray | GobOpaque ? Uint8Array
  : number;

/** What a struct with these fields is in TypeScript. A map that is nil and a struct that is absent are `undefined`. */
export type GobRecordOf<Fields extends GobFields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends GobMap | GobStruct ? GobValueOf<Fields[Name]> | undefined
    : GobValueOf<Fields[Name]>;
};

/** A value of any type. */
export type GobValue = number | string | Uint8Array | readonly GobValue[] | ReadonlyMap<string, GobValue> | GobRecord;

/** A struct of any type. */
export interface GobRecord {
  readonly [name: string]: GobValue | undefined;
}

/** A signed integer. */
export const GOB_INT: GobInt = { kind: "int" };
/** A finite double. */
export const GOB_FLOAT: GobFloat = { kind: "float" };
/** A string. */
export const GOB_STRING: GobString = { kind: "string" };

/** Makes the type of unsigned integers up to `max`. */
export function gobUint(max: number): GobUint {
  return { kind: "uint", max };
}

/** Makes a struct type. @param name What Go calls it; nodes don't look at it. */
export function gobStruct<Fields extends GobFields>(name: string, fields: Fields): GobStruct<Fields> {
  return { kind: "struct", name, fields };
}

/** Makes a slice type. @param name What Go calls it; nodes don't look at it. */
export function gobSlice<Element extends GobType>(name: string, element: Element): GobSlice<Element> {
  return { kind: "slice", name, element };
}

/** Makes a map type. @param name What Go calls it; nodes don't look at it. */
export function gobMap<Element extends GobType>(name: string, element: Element): GobMap<Element> {
  return { kind: "map", name, element };
}
