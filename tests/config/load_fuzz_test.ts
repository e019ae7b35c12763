import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { renderEdgeExample } from "../../src/config/example.ts";
import { read } from "./edge_files.ts";

const EXAMPLE = renderEdgeExample(seededRandom(1));

/** Pieces that YAML gives a meaning to, and keys that the schema knows. */
const FRAGMENT = fc.constantFrom(
  ..."\n,  ,\t,- ,: ,:,?,[,],{,},#,&a ,*a,<<: ,!t ,|,>,',\",%,@,`,---\n,...\n,\r,\0,\u{feff},~,null,0x,1e9,.inf,-1"
    .split(","),
  ...["Interface:", "NodeID: 1", "Peers:", "NextHopTable:", "PrivKey:", "DynamicRoute:", "SuperNode:", "\n  ", "\n- "],
);

function assertSound(text: string): void {
  const { config, issues } = read(text);
  assert.equal(config === undefined, issues.some((issue) => issue.severity === "error"));
  const lines = text.split("\n").length;
  for (const issue of issues) {
    assert.ok(Number.isInteger(issue.line) && issue.line >= 0 && issue.line <= lines, `line ${issue.line}`);
    for (const part of [issue.file, issue.key, issue.found, issue.allowed, issue.remedy]) assert.notEqual(part, "");
  }
}

Deno.test("parseEdgeConfig() never throws on any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), assertSound), { numRuns: 300 });
});

Deno.test("parseEdgeConfig() never throws on what looks like YAML", () => {
  const text = fc.array(fc.oneof(FRAGMENT, fc.string({ maxLength: 4 })), { maxLength: 60 }).map((parts) =>
    parts.join("")
  );
  fc.assert(fc.property(text, assertSound), { numRuns: 500 });
});

Deno.test("parseEdgeConfig() never throws on a valid file with some of it replaced", () => {
  const change = fc.record({
    at: fc.nat(EXAMPLE.length),
    length: fc.nat(60),
    text: fc.oneof(FRAGMENT, fc.string({ unit: "binary", maxLength: 10 })),
  });
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(changes, (changes) => {
      let text = EXAMPLE;
      for (const { at, length, text: put } of changes) text = text.slice(0, at) + put + text.slice(at + length);
      assertSound(text);
    }),
    { numRuns: 150 },
  );
});

Deno.test("parseEdgeConfig() survives nesting, long lines and many aliases", () => {
  const texts = [
    "[".repeat(20_000),
    "Peers: " + "[".repeat(20_000) + "]".repeat(20_000),
    "- ".repeat(5_000),
    "NodeName: " + "x".repeat(1_000_000),
    `${"y".repeat(100_000)}: 1`,
    "Peers: &a [&b {NodeID: 2}, *b, *b, *a]",
    "NextHopTable: &a {1: *a, 2: *a}",
    `PostScript: "${"\\\\ ".repeat(10_000)}"`,
  ];
  for (const text of texts) assertSound(text);
});
