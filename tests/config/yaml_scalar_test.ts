import { strict as assert } from "node:assert";
import { isYamlNull, parseYamlBoolean, parseYamlNumber } from "../../src/config/yaml_scalar.ts";

Deno.test("parseYamlBoolean() reads each word of YAML 1.1 in lower, Capital and UPPER case", () => {
  const words: readonly [string, boolean][] = [
    ["y", true],
    ["yes", true],
    ["true", true],
    ["on", true],
    ["n", false],
    ["no", false],
    ["false", false],
    ["off", false],
  ];
  for (const [word, value] of words) {
    assert.equal(parseYamlBoolean(word), value, word);
    assert.equal(parseYamlBoolean(word.toUpperCase()), value);
    assert.equal(parseYamlBoolean(word[0].toUpperCase() + word.slice(1)), value);
  }
});

Deno.test("parseYamlBoolean() refuses everything else", () => {
  for (const text of ["", "1", "0", "tRue", "oN", "yEs", "t", "enabled", "true ", "~"]) {
    assert.equal(parseYamlBoolean(text), undefined, text);
  }
});

const NUMBERS: readonly [text: string, value: number | undefined][] = [
  ["0", 0],
  ["7", 7],
  ["+7", 7],
  ["-7", -7],
  ["0x1F", 31],
  ["0X1f", 31],
  ["-0x10", -16],
  ["0b101", 5],
  ["0b2", undefined],
  ["0o17", 15],
  ["0o18", undefined],
  ["010", 8],
  ["-010", -8],
  ["00", 0],
  // No octal digit: go-yaml falls back to a decimal number.
  ["08", 8],
  ["1_000", 1000],
  ["1__0", 10],
  ["0x1_F", 31],
  ["_1", undefined],
  ["1_", undefined],
  ["1_.5", undefined],
  ["1e2", 100],
  ["1E+2", 100],
  ["1.5", 1.5],
  [".5", 0.5],
  ["5.", 5],
  ["1e400", Infinity],
  [".inf", Infinity],
  ["+.Inf", Infinity],
  ["-.INF", -Infinity],
  [".nan", NaN],
  [".NaN", NaN],
  ["Inf", undefined],
  ["NaN", undefined],
  ["inf", undefined],
  [".iNF", undefined],
  ["", undefined],
  [".", undefined],
  ["-", undefined],
  ["1:30", undefined],
  ["1 000", undefined],
  ["0x", undefined],
  ["12abc", undefined],
  ["2001-01-01", undefined],
  ["١", undefined],
];

for (const [text, value] of NUMBERS) {
  Deno.test(`parseYamlNumber() reads ${JSON.stringify(text)} as ${value}`, () => {
    assert.equal(parseYamlNumber(text), value);
  });
}

Deno.test("isYamlNull() knows nothing, the tilde, and null in three cases", () => {
  for (const text of ["", "~", "null", "Null", "NULL"]) assert.ok(isYamlNull(text), text);
  for (const text of ["nUll", "none", "nil", "0", " "]) assert.ok(!isYamlNull(text), text);
});
