/**
 * Type descriptors: how a stream says what its values look like.
 *
 * A descriptor is itself a gob value, of a struct type that both sides know without one. So it is declared here like any
 * other type, and the encoder and decoder of values serve descriptors too. Even the ids below need no list: numbering the
 * descriptor's own type as Go numbers types yields exactly those that Go has fixed, 16 to 24.
 *
 * Source: Go, `encoding/gob/type.go`; `wire.md` §5.2.
 *
 * @module
 */

import { GobFault } from "./fault.ts";
import {
  GOB_INT,
  GOB_STRING,
  type GobArray,
  type GobMap,
  type GobOpaque,
  type GobSlice,
  gobSlice,
  type GobStruct,
  gobStruct,
  type GobType,
  type GobValueOf,
} from "./type.ts";

/** Ids of the types that need no descriptor. */
export const BasicTypeId = {
  BOOL: 1,
  INT: 2,
  UINT: 3,
  FLOAT: 4,
  BYTES: 5,
  STRING: 6,
  COMPLEX: 7,
  INTERFACE: 8,
} as const;

/** Id of {@linkcode WIRE_TYPE}, the type of descriptors. */
export const WIRE_TYPE_ID = 16;
/** Least id that a descriptor may define. */
export const FIRST_DESCRIBED_ID = 64;

const COMMON_TYPE = gobStruct("CommonType", { Name: GOB_STRING, Id: GOB_INT });
const FIELD_TYPE = gobStruct("fieldType", { Name: GOB_STRING, Id: GOB_INT });
const GOB_ENCODER_TYPE = gobStruct("gobEncoderType", { CommonType: COMMON_TYPE });

/** The type of descriptors; exactly one field is present. */
export const WIRE_TYPE = gobStruct("wireType", {
  ArrayT: gobStruct("arrayType", { CommonType: COMMON_TYPE, Elem: GOB_INT, Len: GOB_INT }),
  SliceT: gobStruct("sliceType", { CommonType: COMMON_TYPE, Elem: GOB_INT }),
  StructT: gobStruct("structType", { CommonType: COMMON_TYPE, Field: gobSlice("[]fieldType", FIELD_TYPE) }),
  MapT: gobStruct("mapType", { CommonType: COMMON_TYPE, Key: GOB_INT, Elem: GOB_INT }),
  GobEncoderT: GOB_ENCODER_TYPE,
  BinaryMarshalerT: GOB_ENCODER_TYPE,
  TextMarshalerT: GOB_ENCODER_TYPE,
});

/** A descriptor as a value. */
export type Descriptor = GobValueOf<typeof WIRE_TYPE>;

/** A type as a stream describes it: how to pass over its values, and what to compare with ours. */
export type WireType =
  | { readonly form: "number" | "octets" | "complex" | "interface" }
  | { readonly form: "gobEncoder" | "marshaler" }
  | { readonly form: "array"; readonly element: number; readonly length: number }
  | { readonly form: "slice"; readonly element: number }
  | { readonly form: "map"; readonly key: number; readonly element: number }
  | { readonly form: "struct"; readonly fields: readonly WireField[] };

/** A field of a described struct. */
export interface WireField {
  readonly name: string;
  /** Of its type. */
  readonly id: number;
}

/** A type of ours that needs a descriptor. */
export type DescribedType = GobArray | GobOpaque | GobSlice | GobMap | GobStruct;

/**
 * Gives ids to a type and the types in it, as a fresh Go process does: a struct before its fields, the others after their
 * elements.
 *
 * @returns Ids from `firstId` on, without the basic types.
 */
export function numberTypes(type: DescribedType, firstId: number): ReadonlyMap<GobType, number> {
  const ids = new Map<GobType, number>();
  function visit(each: GobType): void {
    if (ids.has(each) || !isDescribed(each)) return;
    if (each.kind === "struct") {
      ids.set(each, firstId + ids.size);
      partsOf(each).forEach(visit);
    } else {
      partsOf(each).forEach(visit);
      ids.set(each, firstId + ids.size);
    }
  }
  visit(type);
  return ids;
}

/** Lists a type and the types in it that need descriptors, in the order in which Go sends them: each before its parts. */
export function typesToDescribe(type: DescribedType): readonly DescribedType[] {
  const types = new Set<DescribedType>();
  function visit(each: GobType): void {
    if (!isDescribed(each) || types.has(each)) return;
    types.add(each);
    partsOf(each).forEach(visit);
  }
  visit(type);
  return [...types];
}

/** Makes the descriptor of a type. @param ids From {@linkcode numberTypes}. */
export function describeType(type: DescribedType, ids: ReadonlyMap<GobType, number>): Descriptor {
  const CommonType = { Name: type.name, Id: typeId(type, ids) };
  switch (type.kind) {
    case "array":
      return { ...NOTHING_DESCRIBED, ArrayT: { CommonType, Elem: BasicTypeId.UINT, Len: type.length } };
    case "opaque":
      return { ...NOTHING_DESCRIBED, GobEncoderT: { CommonType } };
    case "slice":
      return { ...NOTHING_DESCRIBED, SliceT: { CommonType, Elem: typeId(type.element, ids) } };
    case "map":
      return { ...NOTHING_DESCRIBED, MapT: { CommonType, Key: BasicTypeId.STRING, Elem: typeId(type.element, ids) } };
    case "struct": {
      const Field = Object.entries(type.fields).map(([Name, field]) => ({ Name, Id: typeId(field, ids) }));
      return { ...NOTHING_DESCRIBED, StructT: { CommonType, Field } };
    }
  }
}

/**
 * Reads what a descriptor says. Its name and its own copy of the id aren't looked at, as in Go.
 *
 * A struct with two fields of one name is refused: Go has none, and comparing it with ours would take time without bound.
 *
 * @returns The type, or `TYPE_MALFORMED`.
 */
export function readDescriptor(descriptor: Descriptor): WireType | GobFault {
  if (Object.values(descriptor).filter((each) => each !== undefined).length !== 1) return GobFault.TYPE_MALFORMED;
  const { ArrayT, SliceT, StructT, MapT, GobEncoderT } = descriptor;
  if (ArrayT !== undefined) return { form: "array", element: ArrayT.Elem, length: ArrayT.Len };
  if (SliceT !== undefined) return { form: "slice", element: SliceT.Elem };
  if (MapT !== undefined) return { form: "map", key: MapT.Key, element: MapT.Elem };
  if (GobEncoderT !== undefined) return { form: "gobEncoder" };
  if (StructT === undefined) return { form: "marshaler" };
  const fields = StructT.Field.map(({ Name, Id }) => ({ name: Name, id: Id }));
  const names = new Set(fields.map(({ name }) => name));
  return names.size === fields.length ? { form: "struct", fields } : GobFault.TYPE_MALFORMED;
}

/** Returns a table of the types that every stream knows, for its own to be added. */
export function knownTypes(): Map<number, WireType> {
  return new Map(KNOWN_TYPES);
}

/** Returns the id of a type of ours. @param ids From {@linkcode numberTypes}, for a type that contains this one. */
export function typeId(type: GobType, ids: ReadonlyMap<GobType, number>): number {
  switch (type.kind) {
    case "uint":
      return BasicTypeId.UINT;
    case "int":
      return BasicTypeId.INT;
    case "float":
      return BasicTypeId.FLOAT;
    case "string":
      return BasicTypeId.STRING;
    default:
      return ids.get(type)!;
  }
}

const NOTHING_DESCRIBED: Descriptor = {
  ArrayT: undefined,
  SliceT: undefined,
  StructT: undefined,
  MapT: undefined,
  GobEncoderT: undefined,
  BinaryMarshalerT: undefined,
  TextMarshalerT: undefined,
};

const KNOWN_TYPES: ReadonlyMap<number, WireType> = new Map([...basicTypes(), ...descriptorTypes()]);

function basicTypes(): [number, WireType][] {
  return [
    [BasicTypeId.BOOL, { form: "number" }],
    [BasicTypeId.INT, { form: "number" }],
    [BasicTypeId.UINT, { form: "number" }],
    [BasicTypeId.FLOAT, { form: "number" }],
    [BasicTypeId.BYTES, { form: "octets" }],
    [BasicTypeId.STRING, { form: "octets" }],
    [BasicTypeId.COMPLEX, { form: "complex" }],
    [BasicTypeId.INTERFACE, { form: "interface" }],
  ];
}

function descriptorTypes(): [number, WireType][] {
  const ids = numberTypes(WIRE_TYPE, WIRE_TYPE_ID);
  return typesToDescribe(WIRE_TYPE).map((type) => [
    typeId(type, ids),
    readDescriptor(describeType(type, ids)) as WireType,
  ]);
}

function isDescribed(type: GobType): type is DescribedType {
  return "name" in type;
}

function partsOf(type: DescribedType): readonly GobType[] {
  if (type.kind === "struct") return Object.values(type.fields);
  return "element" in type ? [type.element] : [];
}
