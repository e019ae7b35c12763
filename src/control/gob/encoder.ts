/**
 * Writes a struct as a gob stream of its own, octet for octet as a fresh Go process writes it: the descriptors of all types
 * in it, then the value.
 *
 * @module
 */

import { GobWriter } from "./writer.ts";
import type { GobRecord, GobStruct, GobType, GobValue, GobValueOf } from "./type.ts";
import {
  describeType,
  FIRST_DESCRIBED_ID,
  numberTypes,
  typeId,
  typesToDescribe,
  WIRE_TYPE,
} from "./type_descriptor.ts";

/**
 * Id of the first type that a stream of ours describes.
 *
 * Current Go begins at 64, older Go at 65 and takes 64 for reserved. Source: `wire.md` §5.1.
 */
export const FIRST_TYPE_ID = 65;

/**
 * Encodes a struct.
 *
 * Fields that are zero are left out: 0, empty strings, slices and opaque values, and what is `undefined`. Arrays are always
 * written, and so are maps that are merely empty, in their own order.
 *
 * @param firstTypeId Ids go from here; at least 64.
 * @returns A new buffer.
 * @throws {RangeError} If a number is no integer or beyond its type's range, a float isn't finite, an array has another
 * length than its type, or the id is reserved.
 */
export function encodeGob<Type extends GobStruct>(
  type: Type,
  value: GobValueOf<Type>,
  firstTypeId = FIRST_TYPE_ID,
): Uint8Array {
  if (firstTypeId < FIRST_DESCRIBED_ID) {
    throw new RangeError(`Cannot number gob types from ${firstTypeId}: ids below ${FIRST_DESCRIBED_ID} are reserved`);
  }
  const ids = numberTypes(type, firstTypeId);
  const stream = new GobWriter();
  for (const each of typesToDescribe(type)) {
    writeMessage(stream, -typeId(each, ids), WIRE_TYPE, describeType(each, ids));
  }
  writeMessage(stream, typeId(type, ids), type, value as GobRecord);
  return stream.written.slice();
}

/** Writes a message: its length, an id (negative for a descriptor of that type), a struct. */
function writeMessage(stream: GobWriter, id: number, type: GobStruct, record: GobRecord): void {
  const message = new GobWriter();
  message.writeSigned(id);
  writeStruct(message, type, record);
  stream.writeOctets(message.written);
}

/** Writes the fields that aren't zero, each behind its distance from the one before, then a distance of 0. */
function writeStruct(writer: GobWriter, type: GobStruct, record: GobRecord): void {
  let distance = 0;
  for (const [name, fieldType] of Object.entries(type.fields)) {
    distance++;
    const value = record[name];
    if (value === undefined || isOmitted(fieldType, value)) continue;
    writer.writeUnsigned(distance);
    writeValue(writer, fieldType, value);
    distance = 0;
  }
  writer.writeUnsigned(0);
}

/** Tells whether a field is left out for being zero. A float's −0 is, too, as in Go. */
function isOmitted(type: GobType, value: GobValue): boolean {
  switch (type.kind) {
    case "array":
    case "map":
    case "struct":
      return false;
    case "string":
    case "opaque":
    case "slice":
      return (value as string | Uint8Array | readonly GobValue[]).length === 0;
    default:
      return value === 0;
  }
}

function writeValue(writer: GobWriter, type: GobType, value: GobValue): void {
  switch (type.kind) {
    case "uint":
      return writer.writeUnsigned(checkInteger(value as number, 0, type.max));
    case "int":
      return writer.writeSigned(checkInteger(value as number, -(2 ** 52), 2 ** 52 - 1));
    case "float":
      return writer.writeFloat(checkFinite(value as number));
    case "string":
      return writer.writeString(value as string);
    case "array":
      return writeArray(writer, value as Uint8Array, type.length);
    case "opaque":
      return writer.writeOctets(value as Uint8Array);
    case "slice":
      return writeSlice(writer, type.element, value as readonly GobValue[]);
    case "map":
      return writeMap(writer, type.element, value as ReadonlyMap<string, GobValue>);
    case "struct":
      return writeStruct(writer, type, value as GobRecord);
  }
}

function writeArray(writer: GobWriter, octets: Uint8Array, length: number): void {
  if (octets.length !== length) {
    throw new RangeError(`Cannot encode an array of ${octets.length} octets: it must have ${length}`);
  }
  writer.writeUnsigned(length);
  for (const octet of octets) writer.writeUnsigned(octet);
}

function writeSlice(writer: GobWriter, type: GobType, elements: readonly GobValue[]): void {
  writer.writeUnsigned(elements.length);
  for (const element of elements) writeValue(writer, type, element);
}

function writeMap(writer: GobWriter, type: GobType, map: ReadonlyMap<string, GobValue>): void {
  writer.writeUnsigned(map.size);
  for (const [key, element] of map) {
    writer.writeString(key);
    writeValue(writer, type, element);
  }
}

function checkInteger(value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`Cannot encode ${value}: it must be an integer from ${min} to ${max}`);
}

function checkFinite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new RangeError(`Cannot encode ${value}: it must be finite`);
}
