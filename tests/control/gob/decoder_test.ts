import { strict as assert } from "node:assert";
import { decodeGob, type GobLimits } from "../../../src/control/gob/decoder.ts";
import { encodeGob } from "../../../src/control/gob/encoder.ts";
import { GobFault } from "../../../src/control/gob/fault.ts";
import {
  GOB_FLOAT,
  GOB_INT,
  GOB_STRING,
  type GobArray,
  gobMap,
  type GobOpaque,
  gobSlice,
  gobStruct,
  type GobType,
  gobUint,
} from "../../../src/control/gob/type.ts";
import { EVERY_TYPE_VECTOR, REGISTER_VECTORS } from "../../vectors/gob.ts";
import { messagesOf, streamOf } from "./stream.ts";

const LIMITS: GobLimits = { octets: 1000, types: 20, fields: 20, elements: 100, stringLen: 50, depth: 4 };

const UINT8 = gobUint(255);
const KEY: GobArray = { kind: "array", name: "Key", length: 2 };
const CLOCK: GobOpaque = { kind: "opaque", name: "Clock" };
const WANTED = gobStruct("Wanted", { Wanted: UINT8 });

/** Every kind of type that we can want. */
const RECORD = gobStruct("Record", {
  Uint: UINT8,
  Int: GOB_INT,
  Float: GOB_FLOAT,
  String: GOB_STRING,
  Key: KEY,
  Clock: CLOCK,
  List: gobSlice("[]Wanted", WANTED),
  Map: gobMap("map[string]Wanted", WANTED),
  Struct: WANTED,
});
const VALUE = {
  Uint: 255,
  Int: -3,
  Float: 0.5,
  String: "text",
  Key: Uint8Array.of(1, 255),
  Clock: Uint8Array.of(1, 2, 3),
  List: [{ Wanted: 1 }, { Wanted: 0 }],
  Map: new Map([["a", { Wanted: 7 }], ["", { Wanted: 0 }]]),
  Struct: { Wanted: 9 },
};
const ZERO = {
  Uint: 0,
  Int: 0,
  Float: 0,
  String: "",
  Key: new Uint8Array(2),
  Clock: new Uint8Array(0),
  List: [],
  Map: undefined,
  Struct: undefined,
};

/** The descriptor of `Wanted` under the id 64, and a value of it. */
const WANTED_TYPE = "7f" + "0301010657616e74656401ff8000" + "0101" + "010657616e746564010600" + "00" + "00";
const WANTED_VALUE = "ff80" + "01ffc8" + "00";

function decodeWanted(...messages: string[]): unknown {
  return decodeGob(WANTED, streamOf(...messages), LIMITS);
}

/** Decodes a stream whose only field bears a name of ours, and another type. */
function decodeAs(name: string, type: GobType, value: never): unknown {
  return decodeGob(RECORD, encodeGob(gobStruct("Other", { [name]: type }), { [name]: value }), LIMITS);
}

Deno.test("decodeGob() reads every kind of type", () => {
  assert.deepEqual(decodeGob(RECORD, encodeGob(RECORD, VALUE), LIMITS), VALUE);
});

Deno.test("decodeGob() takes what is missing for zero, in the value and in the descriptor", () => {
  assert.deepEqual(decodeGob(RECORD, encodeGob(RECORD, ZERO), LIMITS), ZERO);
  const lesser = gobStruct("Lesser", { Uint: UINT8 });
  assert.deepEqual(decodeGob(RECORD, encodeGob(lesser, { Uint: 4 }), LIMITS), { ...ZERO, Uint: 4 });
});

Deno.test("decodeGob() passes over fields of every type that gob has", () => {
  assert.deepEqual(decodeGob(WANTED, EVERY_TYPE_VECTOR, LIMITS), { Wanted: 200 });
});

Deno.test("decodeGob() takes fields in another order, and types under any ids and names", () => {
  const reversed = Object.fromEntries(Object.entries(RECORD.fields).reverse()) as typeof RECORD.fields;
  assert.deepEqual(decodeGob(RECORD, encodeGob(gobStruct("", reversed), VALUE, 64), LIMITS), VALUE);
  assert.deepEqual(decodeGob(RECORD, encodeGob(gobStruct("Else", reversed), VALUE, 2 ** 40), LIMITS), VALUE);
});

Deno.test("decodeGob() takes descriptors in any order, also of types that nothing uses", () => {
  const messages = messagesOf(encodeGob(RECORD, VALUE));
  const [unused] = messagesOf(encodeGob(WANTED, { Wanted: 1 }, 1000));
  const value = messages.pop()!;
  assert.deepEqual(decodeGob(RECORD, streamOf(unused, ...messages.toReversed(), value), LIMITS), VALUE);
});

Deno.test("decodeGob() looks at nothing behind the first value", () => {
  assert.deepEqual(decodeWanted(WANTED_TYPE, WANTED_VALUE, "ff", "80"), { Wanted: 200 });
  assert.deepEqual(decodeWanted(WANTED_TYPE, WANTED_VALUE + "ffff"), { Wanted: 200 });
});

Deno.test("decodeGob() takes a field named like something that every object has for unknown", () => {
  const type = gobStruct("T", { constructor: UINT8, toString: GOB_STRING, Wanted: UINT8 });
  const value = { constructor: 1, toString: "x", Wanted: 2 } as never;
  assert.deepEqual(decodeGob(WANTED, encodeGob(type, value), LIMITS), { Wanted: 2 });
});

for (
  const { name, field, type, value } of [
    { name: "signed where unsigned is wanted", field: "Uint", type: GOB_INT, value: 1 },
    { name: "unsigned where signed is wanted", field: "Int", type: UINT8, value: 1 },
    { name: "an integer where a float is wanted", field: "Float", type: UINT8, value: 1 },
    { name: "a number where a string is wanted", field: "String", type: UINT8, value: 1 },
    { name: "an array of another length", field: "Key", type: { ...KEY, length: 3 }, value: new Uint8Array(3) },
    { name: "a slice where an array is wanted", field: "Key", type: gobSlice("", UINT8), value: [1, 2] },
    { name: "a string where the value encodes itself", field: "Clock", type: GOB_STRING, value: "abc" },
    { name: "a slice of others", field: "List", type: gobSlice("", UINT8), value: [1] },
    { name: "a struct where a slice is wanted", field: "List", type: WANTED, value: { Wanted: 1 } },
    { name: "a map to others", field: "Map", type: gobMap("", UINT8), value: new Map() },
    { name: "a string where a struct is wanted", field: "Struct", type: GOB_STRING, value: "abc" },
  ]
) {
  Deno.test(`decodeGob() refuses ${name}`, () => {
    assert.equal(decodeAs(field, type as GobType, value as never), GobFault.TYPE_MISMATCH);
  });
}

for (
  const { name, from, to, fault } of [
    {
      name: "bytes where a string is wanted",
      from: "56657273696f6e010c",
      to: "56657273696f6e010a",
      fault: "TYPE_MISMATCH",
    },
    {
      name: "bytes where an array is wanted",
      from: "53656372657401ff82",
      to: "53656372657401ff0a",
      fault: "TYPE_MISMATCH",
    },
    { name: "an array described as 31 long", from: "01060140", to: "0106013e", fault: "TYPE_MISMATCH" },
    { name: "an array of signed integers", from: "01060140", to: "01040140", fault: "TYPE_MISMATCH" },
    { name: "an array with 31 elements", from: "04200008", to: "041f0008", fault: "ARRAY_COUNT" },
    { name: "an element beyond an octet", from: "0420000810182028", to: "04200008fe010028", fault: "NUMBER_RANGE" },
    { name: "a NodeId beyond 16 bits", from: "ff8001010106", to: "ff8001fd0100", fault: "NUMBER_RANGE" },
    { name: "a field number that its type lacks", from: "ff80010101", to: "ff80080101", fault: "FIELD_UNKNOWN" },
    { name: "a number that begins wrongly", from: "ff80010101", to: "ff80018001", fault: "NUMBER_MALFORMED" },
  ] as const
) {
  Deno.test(`decodeGob() refuses ${name}`, () => {
    const register = gobStruct("RegisterMsg", {
      Node_id: gobUint(0xffff),
      Version: GOB_STRING,
      JWTSecret: { kind: "array", name: "JWTSecret", length: 32 } as GobArray,
    });
    const hex = REGISTER_VECTORS[0].octets.toHex();
    assert.ok(hex.includes(from) && from.length === to.length);
    assert.equal(decodeGob(register, Uint8Array.fromHex(hex.replace(from, to)), LIMITS), GobFault[fault]);
  });
}

for (
  const { name, messages, fault } of [
    { name: "nothing", messages: [], fault: GobFault.NO_VALUE },
    { name: "descriptors without a value", messages: [WANTED_TYPE], fault: GobFault.NO_VALUE },
    { name: "an empty message", messages: [""], fault: GobFault.TRUNCATED },
    { name: "a value before its descriptor", messages: [WANTED_VALUE, WANTED_TYPE], fault: GobFault.TYPE_UNKNOWN },
    { name: "a value of a reserved type", messages: ["24" + "00"], fault: GobFault.TYPE_UNKNOWN },
    { name: "a value that isn't a struct", messages: ["06" + "0007"], fault: GobFault.TYPE_UNKNOWN },
    { name: "a repeated id", messages: [WANTED_TYPE, WANTED_TYPE, WANTED_VALUE], fault: GobFault.TYPE_MALFORMED },
    {
      name: "a reserved id",
      messages: [WANTED_TYPE.replace("7f", "7d"), WANTED_VALUE],
      fault: GobFault.TYPE_MALFORMED,
    },
    { name: "an id in place of a basic type", messages: ["05" + WANTED_TYPE.slice(2)], fault: GobFault.TYPE_MALFORMED },
    { name: "a descriptor with something behind", messages: [WANTED_TYPE + "00"], fault: GobFault.TYPE_MALFORMED },
    { name: "a descriptor of nothing", messages: ["7f" + "00"], fault: GobFault.TYPE_MALFORMED },
    {
      name: "a struct without a field of ours",
      messages: [WANTED_TYPE.replaceAll("57616e746564", "57616e746566"), WANTED_VALUE],
      fault: GobFault.NO_FIELD,
    },
  ]
) {
  Deno.test(`decodeGob() refuses ${name}`, () => {
    assert.equal(decodeWanted(...messages), fault);
  });
}

Deno.test("decodeGob() refuses a stream that ends within a message", () => {
  const stream = streamOf(WANTED_TYPE, WANTED_VALUE);
  assert.equal(decodeGob(WANTED, stream.subarray(0, -1), LIMITS), GobFault.TRUNCATED);
});
