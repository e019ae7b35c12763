import { strict as assert } from "node:assert";
import { explainReferenceFlags } from "../../src/cli/reference_flags.ts";

const FORMS: readonly [args: string, remedy: string][] = [
  ["-mode edge -config F", "eg edge --config F"],
  ["--mode=edge --config=F -bind std -no-uapi", "eg edge --config F --bind std --no-uapi"],
  ["-config F -mode super", "eg super --config F"],
  ["-mode gencfg -cfgmode static -config F", "eg gencfg --mode static --config F"],
  ["-mode edge -example", "eg edge --example"],
  ["-mode solve -config path.txt", "eg solve --config path.txt"],
  ["-mode edge -help", "eg edge --help"],
  ["-mode nonsense", "eg edge --config FILE"],
  ["-config F", "eg edge --config FILE"],
  ["-version", "eg --version"],
  ["-help", "eg --help"],
];

for (const [args, remedy] of FORMS) {
  Deno.test(`explainReferenceFlags() turns "${args}" into "${remedy}"`, () => {
    assert.equal(explainReferenceFlags(args.split(" "), "eg")?.remedy, `write: ${remedy}`);
  });
}

Deno.test("explainReferenceFlags() quotes a path for the shell", () => {
  const issue = explainReferenceFlags(["-mode", "edge", "-config", "my file's.yaml"], "eg");
  assert.equal(issue?.remedy, "write: eg edge --config 'my file'\\''s.yaml'");
});

Deno.test("explainReferenceFlags() leaves other command lines alone", () => {
  for (const args of [[], ["edge", "-config", "F"], ["--verbose"], ["-x"], ["--version"], ["word"]]) {
    assert.equal(explainReferenceFlags(args, "eg"), undefined, args.join(" "));
  }
});
