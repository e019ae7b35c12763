/**
 * Reads a struct from a gob stream, whoever wrote it and however it numbered and ordered its types.
 *
 * Descriptors come first, in any order; the first value ends the reading, and what follows (padding, say) isn't looked at.
 * The stream's type is compared with ours before the value is read: a field of ours may be missing, but not be of another
 * type, and at least one must be there. Fields that we don't know are passed over by what their descriptor says, without
 * keeping anything. Ids and names of types decide nothing.
 *
 * A stream is a stranger's. Time and memory are bounded by the limits: every step takes an octet, recursion follows our
 * types or counts its depth, and nothing is made for a count that the octets at hand can't fill.
 *
 * @module
 */

import { GobFault } from "./fault.ts";
import { GobReader } from "./reader.ts";
import type { GobArray, GobRecord, GobStruct, GobType, GobValue, GobValueOf } from "./type.ts";
import {
  BasicTypeId,
  type Descriptor,
  FIRST_DESCRIBED_ID,
  knownTypes,
  readDescriptor,
  WIRE_TYPE,
  WIRE_TYPE_ID,
  type WireField,
  type WireType,
} from "./type_descriptor.ts";

/** How much of a stream is read at most; what exceeds a limit is refused as `OVERSIZED` or `TOO_DEEP`. */
export interface GobLimits {
  /** Octets of the stream with all that follows the value. */
  readonly octets: number;
  /** Descriptors. */
  readonly types: number;
  /** Fields of a struct, known or not. */
  readonly fields: number;
  /** Elements of all slices and maps that are kept, and fields of all descriptors, together. */
  readonly elements: number;
  /** Octets of a string or an opaque value that is kept. */
  readonly stringLen: number;
  /** Values within values that are passed over. */
  readonly depth: number;
}

/** What is known of a stream while it is read. */
interface Input {
  readonly reader: GobReader;
  readonly types: Map<number, WireType>;
  readonly limits: GobLimits;
  /** Elements that may still come; shared by all messages of the stream. */
  readonly budget: { elements: number };
}

/**
 * Decodes a struct.
 *
 * @param type What is wanted. Fields that the stream lacks or leaves out are zero: 0, empty, `undefined` for maps and
 * structs; arrays are full of zeros.
 * @param octets Begins with the stream. Nothing of it is kept.
 * @returns The value, or why there is none. Never throws.
 */
export function decodeGob<Type extends GobStruct>(
  type: Type,
  octets: Uint8Array,
  limits: GobLimits,
): GobValueOf<Type> | GobFault {
  if (octets.length > limits.octets) return GobFault.OVERSIZED;
  const stream = new GobReader(octets);
  const types = knownTypes();
  const budget = { elements: limits.elements };
  for (let described = 0; stream.remaining > 0; described++) {
    const reader = stream.readMessage();
    if (stream.fault !== GobFault.NONE) return stream.fault;
    const input = { reader, types, limits, budget };
    const id = reader.readSigned();
    if (id >= 0) return readTopLevel(input, id, type) as GobValueOf<Type> | GobFault;
    if (described === limits.types) return GobFault.OVERSIZED;
    const fault = defineType(input, -id);
    if (fault !== GobFault.NONE) return fault;
  }
  return GobFault.NO_VALUE;
}

/** Reads the descriptor that a message holds besides the id, and adds its type to the table. */
function defineType(input: Input, id: number): GobFault {
  const { reader, types, limits } = input;
  const descriptor = readStruct(input, WIRE_TYPE_ID, WIRE_TYPE) as Descriptor;
  if (reader.fault !== GobFault.NONE) return reader.fault;
  if (id < FIRST_DESCRIBED_ID || types.has(id) || reader.remaining > 0) return GobFault.TYPE_MALFORMED;
  const type = readDescriptor(descriptor);
  if (typeof type === "number") return type;
  if (type.form === "struct" && type.fields.length > limits.fields) return GobFault.OVERSIZED;
  types.set(id, type);
  return GobFault.NONE;
}

/** Reads the value that a message holds besides the id of its type. */
function readTopLevel(input: Input, id: number, type: GobStruct): GobRecord | GobFault {
  const { reader, types } = input;
  if (reader.fault !== GobFault.NONE) return reader.fault;
  const described = types.get(id);
  if (described === undefined || id < FIRST_DESCRIBED_ID) return GobFault.TYPE_UNKNOWN;
  if (described.form !== "struct" || !fits(types, id, type)) return GobFault.TYPE_MISMATCH;
  if (!described.fields.some(({ name }) => Object.hasOwn(type.fields, name))) return GobFault.NO_FIELD;
  const record = readStruct(input, id, type);
  return reader.fault === GobFault.NONE ? record : reader.fault;
}

/**
 * Tells whether values of a described type can be read as one of ours. By the rules of Go's `compatibleType`: signed and
 * unsigned are two types, octets and strings, too, and an array has its length.
 */
function fits(types: ReadonlyMap<number, WireType>, id: number, type: GobType): boolean {
  const described = types.get(id);
  switch (type.kind) {
    case "uint":
      return id === BasicTypeId.UINT;
    case "int":
      return id === BasicTypeId.INT;
    case "float":
      return id === BasicTypeId.FLOAT;
    case "string":
      return id === BasicTypeId.STRING;
    case "array":
      return described?.form === "array" && described.element === BasicTypeId.UINT &&
        described.length === type.length;
    case "opaque":
      return described?.form === "gobEncoder";
    case "slice":
      return described?.form === "slice" && fits(types, described.element, type.element);
    case "map":
      return described?.form === "map" && described.key === BasicTypeId.STRING &&
        fits(types, described.element, type.element);
    case "struct":
      return described?.form === "struct" &&
        described.fields.every(({ name, id }) =>
          !Object.hasOwn(type.fields, name) || fits(types, id, type.fields[name])
        );
  }
}

/** Reads a value. The described type fits ours: so its form needs no look here. */
function readValue(input: Input, id: number, type: GobType): GobValue {
  const { reader, limits } = input;
  switch (type.kind) {
    case "uint": {
      const value = reader.readUnsigned();
      return value <= type.max ? value : reader.fail(GobFault.NUMBER_RANGE);
    }
    case "int":
      return reader.readSigned();
    case "float": {
      const value = reader.readFloat();
      return Number.isFinite(value) ? value : reader.fail(GobFault.NUMBER_RANGE);
    }
    case "string":
      return reader.readString(limits.stringLen);
    case "array":
      return readArray(reader, type);
    case "opaque":
      return reader.readOctets(limits.stringLen);
    case "slice":
      return readSlice(input, elementOf(input, id), type.element);
    case "map":
      return readMap(input, elementOf(input, id), type.element);
    case "struct":
      return readStruct(input, id, type);
  }
}

function readStruct(input: Input, id: number, type: GobStruct): GobRecord {
  const record = zeroRecord(type);
  forEachField(input, id, (field) => {
    if (Object.hasOwn(type.fields, field.name)) {
      record[field.name] = readValue(input, field.id, type.fields[field.name]);
    } else skipValue(input, field.id, 0);
  });
  return record;
}

/** Calls a function at each field of a struct that is present; it reads the field's value. */
function forEachField(input: Input, id: number, readField: (field: WireField) => void): void {
  const { reader } = input;
  const { fields } = input.types.get(id) as WireType & { form: "struct" };
  for (let number = -1;;) {
    const distance = reader.readUnsigned();
    if (distance === 0) return;
    number += distance;
    if (number >= fields.length) {
      reader.fail(GobFault.FIELD_UNKNOWN);
      return;
    }
    readField(fields[number]);
  }
}

function readArray(reader: GobReader, type: GobArray): Uint8Array {
  const octets = new Uint8Array(type.length);
  if (reader.readCount() !== type.length) reader.fail(GobFault.ARRAY_COUNT);
  for (let index = 0; index < type.length && reader.remaining > 0; index++) {
    const value = reader.readUnsigned();
    octets[index] = value <= 0xff ? value : reader.fail(GobFault.NUMBER_RANGE);
  }
  return octets;
}

function readSlice(input: Input, elementId: number, type: GobType): GobValue[] {
  const elements: GobValue[] = [];
  const count = readElementCount(input);
  while (elements.length < count && input.reader.fault === GobFault.NONE) {
    elements.push(readValue(input, elementId, type));
  }
  return elements;
}

function readMap(input: Input, elementId: number, type: GobType): Map<string, GobValue> {
  const map = new Map<string, GobValue>();
  const count = readElementCount(input);
  for (let index = 0; index < count && input.reader.fault === GobFault.NONE; index++) {
    const key = input.reader.readString(input.limits.stringLen);
    map.set(key, readValue(input, elementId, type));
  }
  return map;
}

function readElementCount({ reader, budget }: Input): number {
  const count = reader.readCount();
  if (count > budget.elements) return reader.fail(GobFault.OVERSIZED);
  budget.elements -= count;
  return count;
}

/** Passes over a value of any described type. @param depth Of the value that is passed over first: 0. */
function skipValue(input: Input, id: number, depth: number): void {
  const { reader, types, limits } = input;
  const type = types.get(id);
  if (type === undefined) return void reader.fail(GobFault.TYPE_UNKNOWN);
  if (depth > limits.depth) return void reader.fail(GobFault.TOO_DEEP);
  switch (type.form) {
    case "number":
      return reader.skipNumber();
    case "complex":
      reader.skipNumber();
      return reader.skipNumber();
    case "octets":
    case "gobEncoder":
    case "marshaler":
      return void reader.skipOctets();
    case "interface":
      return skipInterface(reader);
    case "struct":
      return forEachField(input, id, (field) => skipValue(input, field.id, depth + 1));
    case "array":
    case "slice":
    case "map": {
      const count = reader.readCount();
      if (type.form === "array" && count !== type.length) return void reader.fail(GobFault.ARRAY_COUNT);
      for (let index = 0; index < count && reader.fault === GobFault.NONE; index++) {
        if (type.form === "map") skipValue(input, type.key, depth + 1);
        skipValue(input, type.element, depth + 1);
      }
    }
  }
}

/**
 * Passes over an interface value: nothing but an empty name, or the name of a type, its id, and the value behind its length.
 * Go may define types in between if interfaces lie within interfaces; then the id is negative, and we give up.
 */
function skipInterface(reader: GobReader): void {
  if (reader.skipOctets() === 0) return;
  if (reader.readSigned() < 0) reader.fail(GobFault.TYPE_UNKNOWN);
  reader.skipOctets();
}

function elementOf({ types }: Input, id: number): number {
  return (types.get(id) as WireType & { form: "slice" | "map" }).element;
}

/** What a record of each type is before anything was read, and the fields of which each record needs a value of its own. */
const ZERO_RECORDS = new WeakMap<GobStruct, { readonly zero: GobRecord; readonly own: [string, GobType][] }>();

/** A report has a thousand records of one type: a copy of a record costs far less than making it field by field. */
function zeroRecord(type: GobStruct): Record<string, GobValue | undefined> {
  let known = ZERO_RECORDS.get(type);
  if (known === undefined) {
    const fields = Object.entries(type.fields);
    known = {
      zero: Object.fromEntries(fields.map(([name, field]) => [name, zeroValue(field)])),
      own: fields.filter(([, field]) => typeof zeroValue(field) === "object"),
    };
    ZERO_RECORDS.set(type, known);
  }
  const record = { ...known.zero };
  for (const [name, field] of known.own) record[name] = zeroValue(field);
  return record;
}

function zeroValue(type: GobType): GobValue | undefined {
  switch (type.kind) {
    case "string":
      return "";
    case "array":
      return new Uint8Array(type.length);
    case "opaque":
      return new Uint8Array(0);
    case "slice":
      return [];
    case "map":
    case "struct":
      return undefined;
    default:
      return 0;
  }
}
