import { strict as assert } from "node:assert";
import { GobFault } from "../../../src/control/gob/fault.ts";
import {
  GOB_FLOAT,
  GOB_STRING,
  gobMap,
  type GobOpaque,
  gobSlice,
  gobStruct,
  gobUint,
} from "../../../src/control/gob/type.ts";
import {
  BasicTypeId,
  describeType,
  FIRST_DESCRIBED_ID,
  knownTypes,
  numberTypes,
  readDescriptor,
  typesToDescribe,
} from "../../../src/control/gob/type_descriptor.ts";

const UINT = gobUint(255);
const CLOCK: GobOpaque = { kind: "opaque", name: "Clock" };
const INNER = gobStruct("Inner", { A: UINT, At: CLOCK });
const INNERS = gobSlice("[]Inner", INNER);
const COSTS = gobMap("map[string]float64", GOB_FLOAT);
const OUTER = gobStruct("Outer", { Inners: INNERS, Costs: COSTS, MoreCosts: COSTS, One: INNER, Name: GOB_STRING });

const COMMON = { Name: "", Id: 65 };
const EMPTY = describeType(INNER, numberTypes(INNER, 65));
const NOTHING = { ...EMPTY, StructT: undefined };

Deno.test("numberTypes() numbers a struct before its fields, others after their elements, each type once", () => {
  assert.deepEqual([...numberTypes(OUTER, 70)], [[OUTER, 70], [INNER, 71], [CLOCK, 72], [INNERS, 73], [COSTS, 74]]);
});

Deno.test("typesToDescribe() lists each type before what it contains, and none twice", () => {
  assert.deepEqual(typesToDescribe(OUTER), [OUTER, INNERS, INNER, CLOCK, COSTS]);
});

Deno.test("describeType() says the same as readDescriptor() reads", () => {
  const ids = numberTypes(OUTER, 70);
  const read = typesToDescribe(OUTER).map((type) => readDescriptor(describeType(type, ids)));
  assert.deepEqual(read, [
    {
      form: "struct",
      fields: [
        { name: "Inners", id: 73 },
        { name: "Costs", id: 74 },
        { name: "MoreCosts", id: 74 },
        { name: "One", id: 71 },
        { name: "Name", id: BasicTypeId.STRING },
      ],
    },
    { form: "slice", element: 71 },
    { form: "struct", fields: [{ name: "A", id: BasicTypeId.UINT }, { name: "At", id: 72 }] },
    { form: "gobEncoder" },
    { form: "map", key: BasicTypeId.STRING, element: BasicTypeId.FLOAT },
  ]);
});

Deno.test("knownTypes() has the basic types and, under Go's ids, those that make up a descriptor", () => {
  const types = knownTypes();
  const forms = [...types].sort(([a], [b]) => a - b).map(([id, { form }]) => `${id} ${form}`);
  assert.deepEqual(forms, [
    "1 number",
    "2 number",
    "3 number",
    "4 number",
    "5 octets",
    "6 octets",
    "7 complex",
    "8 interface",
    "16 struct",
    "17 struct",
    "18 struct",
    "19 struct",
    "20 struct",
    "21 struct",
    "22 slice",
    "23 struct",
    "24 struct",
  ]);
  assert.deepEqual(types.get(18), { form: "struct", fields: [{ name: "Name", id: 6 }, { name: "Id", id: 2 }] });
  assert.deepEqual(types.get(22), { form: "slice", element: 21 });
  assert.ok(Math.max(...types.keys()) < FIRST_DESCRIBED_ID);
});

Deno.test("readDescriptor() refuses what describes nothing, two things, or two fields of one name", () => {
  assert.equal(readDescriptor(NOTHING), GobFault.TYPE_MALFORMED);
  const twice = { ...EMPTY, SliceT: { CommonType: COMMON, Elem: 3 } };
  assert.equal(readDescriptor(twice), GobFault.TYPE_MALFORMED);
  const Field = [{ Name: "A", Id: 3 }, { Name: "A", Id: 3 }];
  assert.equal(readDescriptor({ ...NOTHING, StructT: { CommonType: COMMON, Field } }), GobFault.TYPE_MALFORMED);
});

Deno.test("readDescriptor() needs no name and no id, and takes all that encodes itself", () => {
  assert.deepEqual(readDescriptor({ ...NOTHING, GobEncoderT: { CommonType: undefined } }), { form: "gobEncoder" });
  assert.deepEqual(readDescriptor({ ...NOTHING, BinaryMarshalerT: { CommonType: undefined } }), { form: "marshaler" });
  assert.deepEqual(readDescriptor({ ...NOTHING, TextMarshalerT: { CommonType: undefined } }), { form: "marshaler" });
});
