/**
 * What strangers may send to the gob decoder: it never throws, never reads outside, and makes nothing that its limits forbid.
 *
 * fast-check prints seed and path of a failing run.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import fc from "fast-check";
import { decodeGob, type GobLimits } from "../../../src/control/gob/decoder.ts";
import { encodeGob } from "../../../src/control/gob/encoder.ts";
import { GOB_FAULT_NAMES, GobFault } from "../../../src/control/gob/fault.ts";
import {
  GOB_FLOAT,
  GOB_INT,
  GOB_STRING,
  gobMap,
  gobSlice,
  gobStruct,
  type GobType,
  gobUint,
  type GobValue,
} from "../../../src/control/gob/type.ts";
import { EVERY_TYPE_VECTOR, PEER_REPORT_VECTORS, PING_VECTORS, REGISTER_VECTORS } from "../../vectors/gob.ts";
import { messagesOf, streamOf } from "./stream.ts";

const LIMITS: GobLimits = { octets: 2000, types: 20, fields: 20, elements: 100, stringLen: 50, depth: 4 };

const UINT8 = gobUint(255);
const WANTED = gobStruct("Wanted", { Wanted: UINT8 });
const TEXTS = gobStruct("Texts", { Texts: gobSlice("[]string", GOB_STRING) });
const COSTS = gobStruct("Costs", { Costs: gobMap("map[string]float64", GOB_FLOAT) });
const NAMED = gobStruct("Named", { Name: GOB_STRING });

/** What the properties decode streams as: it has a field in common with each stream below. */
const ANYTHING = gobStruct("Anything", {
  Wanted: UINT8,
  Text: GOB_STRING,
  Node_id: gobUint(0xffff),
  JWTSecret: { kind: "array", name: "", length: 32 },
  Time: { kind: "opaque", name: "" },
  Pongs: gobSlice("", gobStruct("", { Dst_nodeID: UINT8, Timediff: GOB_FLOAT })),
  LocalV4s: gobMap("", GOB_FLOAT),
});
const STREAMS = [
  EVERY_TYPE_VECTOR,
  REGISTER_VECTORS[1],
  PING_VECTORS[1],
  PEER_REPORT_VECTORS[0],
  PEER_REPORT_VECTORS[2],
]
  .map((stream) => stream instanceof Uint8Array ? stream : stream.octets);

/** Returns the descriptor of struct 64 with the fields `Wanted`, a uint, and `Deeper`, of the type with that id. */
function nested(id: string): string {
  return "7f" + "0302" + "02" + "010657616e746564010600" + "0106446565706572" + "01" + id + "00" + "00" + "00";
}

function decodeAnything(octets: Uint8Array): unknown {
  const result = decodeGob(ANYTHING, octets, LIMITS);
  if (typeof result === "number") assert.ok(result > GobFault.NONE && result < GOB_FAULT_NAMES.length);
  return result;
}

/** Decodes octets that stand between others, and returns the result. */
function decodeBetween(filling: number, octets: Uint8Array): unknown {
  const buffer = new Uint8Array(octets.length + 40).fill(filling);
  buffer.set(octets, 20);
  return decodeAnything(buffer.subarray(20, 20 + octets.length));
}

for (
  const { name, limits, decode } of [
    {
      name: "octets",
      limits: { octets: 27 },
      decode: (limits: GobLimits) => decodeGob(NAMED, new Uint8Array(28), limits),
    },
    {
      name: "types",
      limits: { types: 1 },
      decode: (limits: GobLimits) => decodeGob(TEXTS, encodeGob(TEXTS, { Texts: ["a"] }), limits),
    },
    {
      name: "fields of a struct",
      limits: { fields: 6 },
      decode: (limits: GobLimits) => decodeGob(ANYTHING, REGISTER_VECTORS[0].octets, limits),
    },
    {
      name: "fields of all structs together",
      limits: { elements: 6 },
      decode: (limits: GobLimits) => decodeGob(ANYTHING, REGISTER_VECTORS[0].octets, limits),
    },
    {
      name: "elements of a slice",
      limits: { elements: 3 },
      decode: (limits: GobLimits) => decodeGob(TEXTS, encodeGob(TEXTS, { Texts: ["", "", ""] }), limits),
    },
    {
      name: "elements of a map",
      limits: { elements: 3 },
      decode: (limits: GobLimits) =>
        decodeGob(COSTS, encodeGob(COSTS, { Costs: new Map([["a", 1], ["b", 1], ["c", 1]]) }), limits),
    },
    {
      name: "octets of a string",
      limits: { stringLen: 5 },
      decode: (limits: GobLimits) => decodeGob(NAMED, encodeGob(NAMED, { Name: "123456" }), limits),
    },
    {
      name: "octets of a field's name",
      limits: { stringLen: 5 },
      decode: (limits: GobLimits) => decodeGob(WANTED, encodeGob(WANTED, { Wanted: 1 }), limits),
    },
  ]
) {
  Deno.test(`decodeGob() refuses more ${name} than its limits allow`, () => {
    assert.equal(decode({ ...LIMITS, ...limits }), GobFault.OVERSIZED);
  });
}

Deno.test("decodeGob() passes over values as deep as its limits allow, and refuses deeper ones", () => {
  const type = nested("ff80");
  for (const [depth, expected] of [[5, { Wanted: 1 }], [6, GobFault.TOO_DEEP], [300, GobFault.TOO_DEEP]] as const) {
    // The field is the next one at the top, and the second of each struct below, where the first is left out.
    const levels = "ff80" + "0101" + "01" + "02".repeat(depth - 1) + "00".repeat(depth) + "00";
    assert.deepEqual(
      decodeGob(WANTED, streamOf(type, levels), { ...LIMITS, octets: 10_000 }),
      expected,
      `depth ${depth}`,
    );
  }
});

Deno.test("decodeGob() refuses a slice of itself once it is too deep", () => {
  const slice = "ff81" + "02" + "02ff82" + "00" + "00";
  const value = "ff80" + "0101" + "01" + "01".repeat(200) + "00" + "00";
  assert.equal(decodeGob(WANTED, streamOf(nested("ff82"), slice, value), LIMITS), GobFault.TOO_DEEP);
});

Deno.test("decodeGob() refuses a count that no octets stand behind, before it makes room", () => {
  const stream = encodeGob(TEXTS, { Texts: ["a"] }).toHex();
  const counts = ["f91fffffffffffff", "fc7fffffff", "64"];
  for (const count of counts) {
    const messages = messagesOf(Uint8Array.fromHex(stream));
    messages.push(messages.pop()!.replace("0101" + "0161", "01" + count + "0161"));
    const limits = { ...LIMITS, elements: Infinity };
    assert.equal(decodeGob(TEXTS, streamOf(...messages), limits), GobFault.TRUNCATED, count);
  }
});

Deno.test("decodeGob() refuses a message that says to be longer than the stream", () => {
  for (const length of ["05", "f8ffffffffffffffff"]) {
    const fault = decodeGob(WANTED, Uint8Array.fromHex(length + "7f"), LIMITS);
    assert.ok(fault === GobFault.TRUNCATED || fault === GobFault.NUMBER_RANGE);
  }
});

Deno.test("decodeGob() keeps nothing of a megabyte that it passes over", () => {
  const type = gobStruct("T", { Unknown: gobSlice("[]uint", UINT8), Wanted: UINT8 });
  const stream = encodeGob(type, { Unknown: new Array(2 ** 20).fill(1), Wanted: 7 });
  // The limit on elements is for those that are kept.
  assert.deepEqual(decodeGob(WANTED, stream, { ...LIMITS, octets: 2 ** 21 }), { Wanted: 7 });
});

Deno.test("decodeGob() refuses fields of one name in a struct, so that comparing types takes no longer than reading them", () => {
  const field = "010657616e746564010600";
  const type = "7f" + "0302" + "03" + field.repeat(3) + "00" + "00";
  assert.equal(decodeGob(WANTED, streamOf(type, "ff80" + "0101" + "00"), LIMITS), GobFault.TYPE_MALFORMED);
});

Deno.test("decodeGob() refuses recorded streams truncated at every length", () => {
  for (const stream of STREAMS) {
    assert.equal(typeof decodeAnything(stream), "object");
    for (let length = 0; length < stream.length; length++) {
      const fault = decodeAnything(stream.subarray(0, length));
      assert.ok(fault === GobFault.TRUNCATED || fault === GobFault.NO_VALUE, `${length} octets: ${fault}`);
    }
  }
});

Deno.test("decodeGob() never throws and sees nothing outside, whatever the octets", () => {
  const random = fc.uint8Array({ maxLength: 200 });
  const mutated = fc.tuple(
    fc.constantFrom(...STREAMS),
    fc.array(fc.tuple(fc.nat(700), fc.oneof(fc.nat(255), fc.nat(9))), { minLength: 1, maxLength: 4 }),
  ).map(([stream, changes]) => {
    const changed = stream.slice();
    for (const [at, value] of changes) changed[at % changed.length] = value;
    return changed;
  });
  const octets = fc.oneof({ weight: 1, arbitrary: random }, { weight: 5, arbitrary: mutated });
  fc.assert(
    fc.property(octets, (stream) => {
      assert.deepEqual(decodeBetween(0xff, stream), decodeBetween(0x01, stream));
    }),
    { numRuns: 1500 },
  );
});

Deno.test("decodeGob() never throws, however messages are mixed", () => {
  const messages = STREAMS.flatMap(messagesOf);
  const mixed = fc.array(fc.constantFrom(...messages), { maxLength: 8 });
  fc.assert(fc.property(mixed, (chosen) => void decodeAnything(streamOf(...chosen))), { numRuns: 500 });
});

/** A type with a value of it. */
interface Typed {
  readonly type: GobType;
  readonly value: GobValue;
}

const leaf: fc.Arbitrary<Typed> = fc.oneof(
  fc.nat(255).map((value): Typed => ({ type: UINT8, value })),
  fc.integer().map((value): Typed => ({ type: GOB_INT, value })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value): Typed => ({ type: GOB_FLOAT, value: value + 0 })),
  fc.string({ unit: "grapheme", maxLength: 8 }).map((value): Typed => ({ type: GOB_STRING, value })),
  fc.uint8Array({ maxLength: 9 }).map((value): Typed => ({ type: { kind: "opaque", name: "O" }, value })),
  fc.uint8Array({ maxLength: 9 }).map((value): Typed => ({
    type: { kind: "array", name: "A", length: value.length },
    value,
  })),
);

const { typed } = fc.letrec<{ typed: Typed }>((tie) => ({
  typed: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    tie("typed").map(({ type, value }) => ({ type: gobSlice("S", type), value: [value, value] })),
    fc.tuple(fc.string(), tie("typed")).map(([key, { type, value }]) => ({
      type: gobMap("M", type),
      value: new Map([[key, value]]),
    })),
    fc.array(tie("typed"), { minLength: 1, maxLength: 4 }).map(structOf),
  ),
}));

function structOf(parts: readonly Typed[]): Typed {
  return {
    type: gobStruct("T", Object.fromEntries(parts.map(({ type }, index) => [`F${index}`, type]))),
    value: Object.fromEntries(parts.map(({ value }, index) => [`F${index}`, value])),
  };
}

Deno.test("decodeGob() reads what encodeGob() wrote, whatever the type and the value", () => {
  const wide: GobLimits = { octets: 1e6, types: 1e4, fields: 1e4, elements: 1e6, stringLen: 1e4, depth: 100 };
  fc.assert(fc.property(typed, ({ type, value }) => {
    const top = gobStruct("Top", { Value: type, Wanted: UINT8 });
    const record = { Value: value, Wanted: 1 };
    const stream = encodeGob(top, record as never);
    assert.deepEqual(decodeGob(top, stream, wide), record);
    // The same stream for a reader that doesn't know the field.
    assert.deepEqual(decodeGob(WANTED, stream, wide), { Wanted: 1 });
  }));
});
