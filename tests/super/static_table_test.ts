import { strict as assert } from "node:assert";
import fc from "fast-check";
import { readStaticTable } from "../../src/super/static_table.ts";

const NODES = [1, 2, 3];
const TABLE = { 1: { 2: 2, 3: 2 }, 2: { 1: 1, 3: 3 }, 3: { 1: 2, 2: 2 } };

Deno.test("readStaticTable() reads a table that leads from each node to each other one", () => {
  assert.deepEqual(readStaticTable(JSON.stringify(TABLE), NODES), TABLE);
});

Deno.test("readStaticTable() keeps rows of nodes that it doesn't know", () => {
  const more = { ...TABLE, 9: { 1: 1 } };
  assert.deepEqual(readStaticTable(JSON.stringify(more), NODES), more);
});

Deno.test("readStaticTable() wants nothing of a network of one node", () => {
  assert.deepEqual(readStaticTable("{}", [5]), {});
});

const MALFORMED: { name: string; text: string }[] = [
  { name: "nothing", text: "" },
  { name: "no JSON", text: "{1:{2:2}}" },
  { name: "null", text: "null" },
  { name: "a list", text: "[]" },
  { name: "a row that is a list", text: '{"1":[2]}' },
  { name: "a row that is null", text: '{"1":null}' },
  { name: "a next hop that is a text", text: '{"1":{"2":"2"}}' },
  { name: "half a next hop", text: '{"1":{"2":2.5}}' },
  { name: "a negative next hop", text: '{"1":{"2":-2}}' },
  { name: "a reserved next hop", text: '{"1":{"2":65535}}' },
  { name: "a reserved source", text: '{"65533":{"2":2}}' },
  { name: "a source that is no number", text: '{"__proto__":{"2":2}}' },
  { name: "a destination that is no number", text: '{"1":{"two":2}}' },
  { name: "a destination too large", text: '{"1":{"65536":2}}' },
];
for (const { name, text } of MALFORMED) {
  Deno.test(`readStaticTable() refuses ${name}`, () => {
    const refusal = readStaticTable(text, NODES);
    assert.ok(typeof refusal === "string");
    assert.match(refusal, /should be JSON/);
  });
}

const INCOMPLETE: { name: string; table: object; says: RegExp }[] = [
  { name: "without a row", table: { 1: TABLE[1], 2: TABLE[2] }, says: /\[3\]\[1\] is missing/ },
  { name: "without an entry", table: { ...TABLE, 2: { 1: 1 } }, says: /\[2\]\[3\] is missing/ },
  { name: "through a node that isn't there", table: { ...TABLE, 1: { 2: 2, 3: 9 } }, says: /\[1\]\[3\] is 9/ },
  { name: "that leads in a circle", table: { ...TABLE, 2: { 1: 1, 3: 1 } }, says: /circle from 1 to 3/ },
  { name: "that leads back to its source", table: { ...TABLE, 1: { 2: 2, 3: 1 } }, says: /circle from 1 to 3/ },
];
for (const { name, table, says } of INCOMPLETE) {
  Deno.test(`readStaticTable() refuses a table ${name}`, () => {
    const refusal = readStaticTable(JSON.stringify(table), NODES);
    assert.ok(typeof refusal === "string");
    assert.match(refusal, says);
  });
}

Deno.test("readStaticTable() never throws on any text or JSON", () => {
  const texts = fc.oneof(fc.string(), fc.json());
  fc.assert(fc.property(texts, (text) => assert.equal(typeof readStaticTable(text, NODES), "string")), {
    numRuns: 500,
  });
});
