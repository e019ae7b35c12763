import { strict as assert } from "node:assert";
import { formatConfigIssue } from "../../src/base/errors.ts";
import { loadYaml } from "../../src/config/load.ts";
import { NODE_ID } from "../../src/config/network_types.ts";
import { BOOLEAN, number, oneOfWords, PRIVATE_KEY, text, wholeNumber } from "../../src/config/scalar_types.ts";
import { block, list, nodeMap, scalar } from "../../src/config/schema.ts";

const SCHEMA = block("", {
  Flag: scalar(BOOLEAN, ""),
  Count: scalar(wholeNumber(0, 65535), ""),
  Some: scalar(wholeNumber(10, 20), ""),
  Rate: scalar(number(-Infinity, Infinity), ""),
  Name: scalar(text(20), ""),
  Default: scalar(wholeNumber(0, 9000), "", { absent: 1500 }),
  Word: scalar(oneOfWords({ red: "red", blue: "blue" }, "red", "blue"), ""),
  Secret: scalar(PRIVATE_KEY, ""),
  Block: block("", { Inner: scalar(wholeNumber(0, 9), ""), Other: scalar(text(), "", { aliases: ["Else"] }) }),
  Names: list("", scalar(text(), "")),
  Items: list("", block("", { Id: scalar(NODE_ID, "", { presence: "required" }), Note: scalar(text(), "") })),
  Table: nodeMap("", NODE_ID, nodeMap("", NODE_ID, scalar(NODE_ID, ""))),
});

function load(text: string) {
  const { record, findings } = loadYaml(text, "f.yaml", SCHEMA);
  return { record, issues: findings.list() };
}

/** Issues in short: line, key, severity. */
function shortIssues(text: string): string[] {
  return load(text).issues.map(({ line, key, severity }) => `${line} ${key} ${severity}`);
}

/** Each habit of `config.md` §1.1: text of a key, and its value; `"error"` if it is refused. */
const HABITS: readonly [text: string, key: keyof typeof SCHEMA["fields"], value: unknown][] = [
  ["Flag: yes", "Flag", true],
  ["Flag: ON", "Flag", true],
  ["Flag: Y", "Flag", true],
  ["Flag: off", "Flag", false],
  ["Flag: N", "Flag", false],
  ["Flag:", "Flag", false],
  ["Flag: null", "Flag", false],
  ["Flag: ~", "Flag", false],
  ['Flag: "true"', "Flag", "error"],
  ["Flag: 1", "Flag", "error"],
  ["Flag: 0", "Flag", "error"],
  ["Flag: tRue", "Flag", "error"],
  ["Count: 10", "Count", 10],
  ["Count: 010", "Count", 8],
  ["Count: 0x1F", "Count", 31],
  ["Count: 0b1", "Count", 1],
  ["Count: 0o17", "Count", 15],
  ["Count: 1_000", "Count", 1000],
  ["Count: 1e2", "Count", 100],
  ["Count: 1.5", "Count", 1],
  ["Count: -0.5", "Count", 0],
  ['Count: "12"', "Count", 12],
  ["Count: '0x10'", "Count", 16],
  ["Count: -1", "Count", "error"],
  ["Count: 65536", "Count", "error"],
  ["Count: .inf", "Count", "error"],
  ["Count: .nan", "Count", "error"],
  ["Count: ten", "Count", "error"],
  ["Count: [1]", "Count", "error"],
  ["Count: {a: 1}", "Count", "error"],
  ['Count: ""', "Count", "error"],
  ["Rate: 1.5", "Rate", 1.5],
  ["Rate: 16", "Rate", 16],
  ["Rate: .inf", "Rate", Infinity],
  ["Rate: -.Inf", "Rate", -Infinity],
  ["Rate: '2.5'", "Rate", 2.5],
  ["Rate: .nan", "Rate", "error"],
  ["Rate: Inf", "Rate", "error"],
  ["Name: plain text", "Name", "plain text"],
  ["Name: 3456", "Name", "3456"],
  ["Name: true", "Name", "true"],
  ["Name: 11:22:33:44", "Name", "11:22:33:44"],
  ["Name: 2001-01-01", "Name", "2001-01-01"],
  ["Name: 010", "Name", "010"],
  ['Name: "null"', "Name", "null"],
  ["Name: null", "Name", ""],
  ["Name: ~", "Name", ""],
  ["Name: 'it''s'", "Name", "it's"],
  ['Name: "a\\u0041"', "Name", "aA"],
  ["Name: |-\n  block", "Name", "block"],
  ["Name: # a comment", "Name", ""],
  ['Name: "a\\nb"', "Name", "error"],
  ["Name: [a]", "Name", "error"],
  ["Name: äöüäöüäöüäö", "Name", "error"],
  ["Name: !!str 5", "Name", "5"],
  ["Default: 0", "Default", 1500],
  ["Default:", "Default", 1500],
  ["Other: x", "Default", 1500],
  ["Default: 9", "Default", 9],
  ["Word:", "Word", "red"],
  ['Word: ""', "Word", "red"],
  ["Word: blue", "Word", "blue"],
  ["Word: green", "Word", "blue"],
  ["Block: {Inner: 3}", "Block", { Inner: 3, Other: "" }],
  ["Block: {Else: x}", "Block", { Inner: 0, Other: "x" }],
  ["Block:", "Block", { Inner: 0, Other: "" }],
  ["Block: 5", "Block", "error"],
  ["Block: [1]", "Block", "error"],
  ["Names: [a, 1, yes]", "Names", ["a", "1", "yes"]],
  ["Names:\n- a\n-\n- b", "Names", ["a", "", "b"]],
  ["Names:", "Names", []],
  ["Names: a", "Names", "error"],
  ["Names: {a: b}", "Names", "error"],
  ["Table: {1: {2: 3}}", "Table", new Map([[1, new Map([[2, 3]])]])],
  ['Table: {"1": {0x2: 3}}', "Table", new Map([[1, new Map([[2, 3]])]])],
  ["Table: {1: }", "Table", new Map([[1, new Map()]])],
  ["Table: {one: {2: 3}}", "Table", "error"],
  ["Table: {65532: {2: 3}}", "Table", "error"],
  ["Table: {1: {2: 65535}}", "Table", "error"],
  ["Table: [1]", "Table", "error"],
];

for (const [text, key, value] of HABITS) {
  Deno.test(`loadYaml() reads ${JSON.stringify(text)} as ${Deno.inspect(value, { compact: true })}`, () => {
    const { record, issues } = load(text);
    const hasError = issues.some((issue) => issue.severity === "error");
    assert.equal(hasError, value === "error", issues.map(formatConfigIssue).join("\n"));
    if (value !== "error") assert.deepEqual(record[key], value);
  });
}

Deno.test("loadYaml() reads an empty text as a record of absent keys", () => {
  for (const text of ["", "\n\n", "# only a comment\n", "---\n", "~", "{}"]) {
    const { record, issues } = load(text);
    assert.deepEqual(issues, [], JSON.stringify(text));
    assert.deepEqual(record, {
      Flag: false,
      Count: 0,
      Some: 0,
      Rate: 0,
      Name: "",
      Default: 1500,
      Word: "red",
      Secret: undefined,
      Block: { Inner: 0, Other: "" },
      Names: [],
      Items: [],
      Table: new Map(),
    });
  }
});

Deno.test("loadYaml() takes the last of two equal keys and warns", () => {
  const { record } = load("Count: 1\nName: a\nCount: 2\n");
  assert.equal(record.Count, 2);
  assert.deepEqual(shortIssues("Count: 1\nName: a\nCount: 2\n"), ["3 Count warning"]);
  assert.deepEqual(shortIssues('Table:\n  1: {2: 2}\n  "1": {2: 3}\n'), ["3 Table[1] warning"]);
  assert.deepEqual(shortIssues("Block:\n  Other: a\n  Else: b\n"), ["3 Block.Other warning"]);
});

Deno.test("loadYaml() reads only the first document and warns of others", () => {
  const text = "Count: 1\n---\nCount: 2\n";
  assert.equal(load(text).record.Count, 1);
  assert.deepEqual(shortIssues(text), ["2 the file warning"]);
});

Deno.test("loadYaml() takes a byte order mark and any line ends", () => {
  assert.equal(load("\u{feff}Count: 1\n").record.Count, 1);
  assert.deepEqual(shortIssues("Name: a\r\nCount: x\r\n"), ["2 Count error"]);
});

Deno.test("loadYaml() says once what is wrong with a text in UTF-16, or with line ends that it can't tell", () => {
  const lines = "Count: 1\nBogus: 2\n";
  const octets = new Uint8Array(Uint16Array.from(`\u{feff}${lines}`, (character) => character.charCodeAt(0)).buffer);
  const swapped = octets.map((_, index) => octets[index ^ 1]);
  for (const text of [octets, octets.subarray(2), swapped].map((octets) => new TextDecoder().decode(octets))) {
    assert.match(load(text).issues.map(formatConfigIssue).join("\n"), /^f\.yaml: error: the file: found .*UTF-8.*$/);
  }
  const { issues } = load(lines.replaceAll("\n", "\r"));
  assert.match(issues.map(formatConfigIssue).join("\n"), /^f\.yaml: error: the file: found .*CR alone.*$/);
});

Deno.test("loadYaml() follows aliases and merges", () => {
  const { record, issues } = load(`
Name: &name shared
Names: [*name, b]
Block: &block {Inner: 3, Other: x}
Items:
  - &first {Id: 1, Note: one}
  - {<<: *first, Id: 2}
  - <<: [{Note: wins}, {Id: 9, Note: loses}]
`);
  assert.deepEqual(issues, []);
  assert.deepEqual(record.Names, ["shared", "b"]);
  assert.deepEqual(record.Items, [{ Id: 1, Note: "one" }, { Id: 2, Note: "one" }, { Id: 9, Note: "wins" }]);
});

Deno.test("loadYaml() refuses aliases and merges that lead nowhere or in a circle", () => {
  assert.deepEqual(shortIssues("Name: *none"), ["1 Name error"]);
  assert.deepEqual(shortIssues("Block: {<<: 5}"), ["1 Block.<< error"]);
  assert.deepEqual(shortIssues("Block: &b\n  <<: *b\n"), ["2 Block.<< error"]);
  assert.deepEqual(shortIssues("Items: &i [*i]"), ["1 Items[0] error"]);
});

Deno.test("loadYaml() reads a block once that merges of merges bring in over and over", () => {
  const blocks = Array.from({ length: 30 }, (_, index) => `  - &b${index + 1} {<<: [*b${index}, *b${index}]}\n`);
  const { record, issues } = load(`Items:\n  - &b0 {Id: 1, Note: one}\n${blocks.join("")}Block:\n  <<: *b30\n`);
  assert.deepEqual(record.Items[30], { Id: 1, Note: "one" });
  assert.deepEqual(issues.map(({ key }) => key), ["Block.Id", "Block.Note"]);
  assert.deepEqual(shortIssues("Block: &b {<<: [*b, *b]}"), ["1 Block.<< error"]);
});

Deno.test("loadYaml() warns of an identifier with a fraction in a map", () => {
  assert.deepEqual(shortIssues("Table:\n  1.5: {2: 3}\n"), ["2 Table[1] warning"]);
});

Deno.test("loadYaml() tells by the file's own word what an unknown word acts as", () => {
  const schema = block("", { Mode: scalar(oneOfWords({ nochg: "unchanged", noL2: "none" }, "none", "unchanged"), "") });
  const [issue] = loadYaml("Mode: zzz", "f.yaml", schema).findings.list();
  assert.equal(issue.remedy, 'write one of these words; acts as "nochg"');
});

Deno.test("loadYaml() warns of an unknown key and names the nearest known one", () => {
  const { issues } = load("Cuont: 1\nBlock:\n  Iner: 2\nflag: true\nZzz: 1\n");
  assert.deepEqual(issues.map(({ line, key, remedy }) => [line, key, remedy]), [
    [1, "Cuont", 'it is ignored: perhaps "Count" is meant'],
    [3, "Block.Iner", 'it is ignored: perhaps "Inner" is meant'],
    [4, "flag", 'it is ignored: perhaps "Flag" is meant'],
    [5, "Zzz", "it is ignored: remove it"],
  ]);
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.deepEqual(shortIssues(`${name}: 1`), [`1 ${name} warning`]);
  }
});

Deno.test("loadYaml() reports every wrong value with its line and path", () => {
  const text = `Flag: maybe
Count: -1
Some: 5
Items:
  - Id: 70000
  - Note: x
  -
Table:
  1:
    2: nine
  x: {}
`;
  assert.deepEqual(shortIssues(text), [
    "1 Flag error",
    "2 Count error",
    "3 Some error",
    "5 Items[0].Id error",
    "6 Items[1].Id error",
    "7 Items[2].Id error",
    "10 Table[1][2] error",
    "11 Table error",
  ]);
});

Deno.test("loadYaml() tells what was found, but nothing of a secret", () => {
  const found = (text: string) => load(text).issues.map((issue) => issue.found);
  assert.deepEqual(found("Count: many"), ['"many"']);
  assert.deepEqual(found("Count: [1]"), ["a list"]);
  assert.deepEqual(found(`Count: ${"x".repeat(100)}`), [JSON.stringify(`${"x".repeat(60)}…`)]);
  assert.deepEqual(found("Items: [{Note: a}]"), ["nothing"]);
  assert.deepEqual(found("Items: [{Id: }]"), ["an empty value"]);
  assert.deepEqual(found("Secret: hunter2hunter2"), ["14 characters (not shown)"]);
});

Deno.test("loadYaml() never quotes a secret, however it is misplaced", () => {
  const secret = "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd28h";
  const places = [
    `Secret: ${secret}x`,
    `Secret: "${secret}`,
    `Secret:${secret}`,
    `Secret:${secret}\nCount: 1`,
    `{Secret:${secret}}`,
    `Secret: "${secret}" ${secret}`,
    `Secret: [${secret}]`,
    `Secret: {${secret}: 1}`,
    `Secret: @${secret}`,
    `Secret: *${secret}`,
    `Secret: !${secret} x`,
    `Secret: "\\q${secret}"`,
    `- Secret: ${secret}`,
    `Block: ${secret}`,
    `Names: ${secret}`,
    `Table: ${secret}`,
    `Table: {${secret}: 1}`,
    secret,
    `${secret}: 1`,
    `\tSecret: ${secret}`,
    `Secret: ${secret}\n Secret: ${secret}`,
  ];
  for (const text of places) {
    const shown = load(text).issues.map(formatConfigIssue).join("\n");
    assert.ok(!shown.includes(secret.slice(0, 12)), `${text}\n${shown}`);
  }
});

Deno.test("loadYaml() explains what is no YAML, and then says nothing of missing keys", () => {
  const explained: readonly [string, number, RegExp][] = [
    ["Count: 1\n\tName: a", 2, /a tab/],
    ['Name: "open', 1, /missing character/],
    ["Block: {Inner: 1", 1, /unclosed brace/],
    ["Name: a: b", 1, /two values on one line/],
    ["Name: @x", 1, /reserved character/],
    ['Name: "\\q"', 1, /unknown escape/],
  ];
  for (const [text, line, found] of explained) {
    const { issues } = load(text);
    assert.ok(issues.length > 0, text);
    assert.equal(issues[0].line, line, text);
    assert.match(issues[0].found, found, text);
    assert.ok(issues.every((issue) => issue.key === "the file"), text);
  }
});

Deno.test("loadYaml() refuses a top level that is no block", () => {
  for (const text of ["- a", "word", "[1, 2]"]) {
    const errors = load(text).issues.filter((issue) => issue.severity === "error");
    assert.deepEqual(errors.map((issue) => issue.key), ["the file"], text);
  }
});
