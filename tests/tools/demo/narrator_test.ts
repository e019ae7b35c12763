import { strict as assert } from "node:assert";
import { breakLines, Narrator } from "../../../tools/demo/narrator.ts";

function collect(): { narrator: Narrator; lines: string[] } {
  const lines: string[] = [];
  return { narrator: new Narrator((line) => lines.push(line)), lines };
}

Deno.test("breakLines() breaks at blanks and keeps long words whole", () => {
  assert.deepEqual(breakLines("one two  three\nfour", 9), ["one two", "three", "four"]);
  assert.deepEqual(breakLines("a verylongword b", 5), ["a", "verylongword", "b"]);
  assert.deepEqual(breakLines("", 5), []);
});

Deno.test("summarise() returns true when every promise was kept", async () => {
  const { narrator, lines } = collect();
  assert.equal(await narrator.promise("Water is wet", () => Promise.resolve("it is")), true);
  assert.equal(narrator.summarise(), true);
  assert.ok(lines.some((line) => line === "  ✓ Water is wet: it is"));
});

Deno.test("summarise() returns false after a broken promise, and shows the reason", async () => {
  const { narrator, lines } = collect();
  await narrator.promise("Water is wet", () => Promise.resolve("it is"));
  assert.equal(await narrator.promise("Stones swim", () => Promise.reject(new Error("sank\nat once"))), false);
  assert.equal(narrator.summarise(), false);
  assert.equal(lines.filter((line) => line.startsWith("  ✗ Stones swim")).length, 2);
  assert.ok(lines.includes("      sank"));
});

Deno.test("summarise() returns false when nothing was promised", () => {
  assert.equal(collect().narrator.summarise(), false);
});
