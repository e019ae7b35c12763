import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  parseFloat64,
  parseNodeId,
  parseParameters,
  parseSwitch,
  parseWholeNumber,
} from "../../../src/super/http/parameters.ts";

const QUERIES: { name: string; text: string; expected: Record<string, string> }[] = [
  { name: "pairs", text: "a=1&b=2", expected: { a: "1", b: "2" } },
  { name: "the first of a repeated name", text: "a=1&a=2", expected: { a: "1" } },
  { name: "an empty value, and a missing one", text: "a=&b", expected: { a: "", b: "" } },
  { name: "an equals sign in a value", text: "a=b=c", expected: { a: "b=c" } },
  { name: "percent-encoding in names and values", text: "P%75bKey=%2B%2F%3D", expected: { PubKey: "+/=" } },
  { name: "a plus as a blank", text: "a+b=c+d%2B", expected: { "a b": "c d+" } },
  { name: "upper and lower case apart", text: "nodeid=1&NodeID=2", expected: { nodeid: "1", NodeID: "2" } },
  { name: "pairs beside those that don't decode", text: "a=%zz&b=2&%=3&c=%e", expected: { b: "2" } },
  { name: "pairs beside one with a semicolon", text: "a=1;b=2&c=3", expected: { c: "3" } },
  { name: "a second value if the first doesn't decode", text: "a=%&a=2", expected: { a: "2" } },
  { name: "nothing in nothing", text: "", expected: {} },
  { name: "nothing between ampersands", text: "&&a=1&&", expected: { a: "1" } },
  { name: "an empty name", text: "=1", expected: { "": "1" } },
  { name: "names of JavaScript as any other", text: "__proto__=1", expected: { ["__proto__"]: "1" } },
];
for (const { name, text, expected } of QUERIES) {
  Deno.test(`parseParameters() finds ${name}`, () => {
    assert.deepEqual([...parseParameters(text)], Object.entries(expected));
  });
}

Deno.test("parseParameters() never throws, and finds what URLSearchParams wrote", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseParameters(text)), { numRuns: 500 });
  const pairs = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.string({ unit: "grapheme" })), {
    selector: ([name]) => name,
  });
  fc.assert(
    fc.property(pairs, (pairs) => {
      assert.deepEqual([...parseParameters(String(new URLSearchParams(pairs)))], pairs);
    }),
    { numRuns: 300 },
  );
});

const FLOATS: [string, number | undefined][] = [
  ["5", 5],
  ["+5.5", 5.5],
  ["-1", -1],
  ["5.", 5],
  [".5", 0.5],
  ["1e3", 1000],
  ["1E-3", 0.001],
  ["0x1p-2", 0.25],
  ["-0X1.8P3", -12],
  ["0x.8p0", 0.5],
  ["1e308", 1e308],
  ["1e309", undefined],
  ["0x1p1024", undefined],
  [`0x${"f".repeat(400)}p0`, undefined],
  ["inf", undefined],
  ["-Infinity", undefined],
  ["NaN", undefined],
  ["", undefined],
  [" 5", undefined],
  ["5 ", undefined],
  ["5s", undefined],
  ["0x10", undefined],
  ["0x.p1", undefined],
  ["1_000", 1000],
  ["-1_0.2_5e1_0", -10.25e10],
  ["0x_1_0p0_1", 32],
  ["_1", undefined],
  ["1_", undefined],
  ["1__0", undefined],
  ["1_.5", undefined],
  ["1_e3", undefined],
  ["0x1_p0", undefined],
  [".", undefined],
  ["1e", undefined],
  ["٣", undefined],
];
for (const [text, expected] of FLOATS) {
  Deno.test(`parseFloat64() makes ${expected ?? "nothing"} of ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.equal(parseFloat64(text), expected);
  });
}

Deno.test("parseFloat64() returns a finite number or nothing for any text", () => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[+-]?[0-9a-fxpeEinf.]{0,12}$/), fc.double().map(String));
  fc.assert(
    fc.property(texts, (text) => {
      const value = parseFloat64(text);
      assert.ok(value === undefined || Number.isFinite(value));
    }),
    { numRuns: 500 },
  );
});

const IDS: [string, number | undefined][] = [
  ["0", 0],
  ["65535", 65535],
  ["007", 7],
  ["65536", undefined],
  ["99999999999999999999", undefined],
  ["9".repeat(400), undefined],
  ["-1", undefined],
  ["+1", undefined],
  ["1.0", undefined],
  ["0x1", undefined],
  ["1e3", undefined],
  ["", undefined],
  [" 1", undefined],
];
for (const [text, expected] of IDS) {
  Deno.test(`parseNodeId() makes ${expected ?? "nothing"} of ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.equal(parseNodeId(text), expected);
  });
}

Deno.test("parseWholeNumber() keeps to its limit", () => {
  assert.equal(parseWholeNumber("10", 10), 10);
  assert.equal(parseWholeNumber("11", 10), undefined);
});

Deno.test("parseSwitch() takes true in any case for true, and all else for false", () => {
  for (const text of ["true", "TRUE", "True"]) assert.equal(parseSwitch(text), true, text);
  for (const text of ["false", "1", "yes", "", " true"]) assert.equal(parseSwitch(text), false, text);
});
