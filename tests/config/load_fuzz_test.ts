import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import type { ConfigReading } from "../../src/config/config_file.ts";
import { renderEdgeExample, renderSuperExample } from "../../src/config/example.ts";
import { read } from "./edge_files.ts";
import { readSuper } from "./super_files.ts";

/** Pieces that YAML gives a meaning to, and keys that a schema knows. */
const FRAGMENT = fc.constantFrom(
  ..."\n,  ,\t,- ,: ,:,?,[,],{,},#,&a ,*a,<<: ,!t ,|,>,',\",%,@,`,---\n,...\n,\r,\0,\u{feff},~,null,0x,1e9,.inf,-1"
    .split(","),
  ...["Interface:", "NodeID: 1", "Peers:", "NextHopTable:", "PrivKey:", "DynamicRoute:", "SuperNode:", "\n  ", "\n- "],
  ...["PrivKeyV4:", "StaticMode: true", "EdgeTemplate: ", "CertFile: ", "/dev/zero", "tests", "ListenPort_EdgeAPI: "],
);

/** Each kind of file with its example. */
const KINDS: readonly [name: string, parse: (text: string) => ConfigReading<unknown>, example: string][] = [
  ["parseEdgeConfig", read, renderEdgeExample(seededRandom(1))],
  ["parseSuperConfig", readSuper, renderSuperExample(seededRandom(1))],
];

function assertSound(parse: (text: string) => ConfigReading<unknown>, text: string): void {
  const { config, issues } = parse(text);
  assert.equal(config === undefined, issues.some((issue) => issue.severity === "error"));
  const lines = text.split("\n").length;
  for (const issue of issues) {
    assert.ok(Number.isInteger(issue.line) && issue.line >= 0 && issue.line <= lines, `line ${issue.line}`);
    for (const part of [issue.file, issue.key, issue.found, issue.allowed, issue.remedy]) assert.notEqual(part, "");
  }
}

for (const [name, parse, example] of KINDS) {
  Deno.test(`${name}() never throws on any text`, () => {
    const text = fc.string({ unit: "binary", maxLength: 200 });
    fc.assert(fc.property(text, (text) => assertSound(parse, text)), { numRuns: 300 });
  });

  Deno.test(`${name}() never throws on what looks like YAML`, () => {
    const parts = fc.array(fc.oneof(FRAGMENT, fc.string({ maxLength: 4 })), { maxLength: 60 });
    fc.assert(fc.property(parts, (parts) => assertSound(parse, parts.join(""))), { numRuns: 500 });
  });

  Deno.test(`${name}() never throws on a valid file with some of it replaced`, () => {
    const change = fc.record({
      at: fc.nat(example.length),
      length: fc.nat(60),
      text: fc.oneof(FRAGMENT, fc.string({ unit: "binary", maxLength: 10 })),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (changes) => {
        let text = example;
        for (const { at, length, text: put } of changes) text = text.slice(0, at) + put + text.slice(at + length);
        assertSound(parse, text);
      }),
      { numRuns: 150 },
    );
  });

  Deno.test(`${name}() survives nesting, long lines and many aliases`, () => {
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
    for (const text of texts) assertSound(parse, text);
  });
}
