import { strict as assert } from "node:assert";
import { splitCommandWords } from "../../src/config/command_words.ts";

const COMMANDS: readonly [text: string, words: string[] | undefined][] = [
  ["", []],
  ["   \t\n", []],
  ["ip link", ["ip", "link"]],
  ["  ip \t link\n", ["ip", "link"]],
  ["sh -c 'echo \"$X\" \\n'", ["sh", "-c", 'echo "$X" \\n']],
  ['echo "a \\"b\\" \\c \\\\ \\$X"', ["echo", 'a "b" \\c \\ $X']],
  ["a\\ b c\\'d", ["a b", "c'd"]],
  ["pre'mid'\"post\"", ["premidpost"]],
  ["'' \"\"", ["", ""]],
  ["a # comment ' here\nb", ["a", "b"]],
  ["a#b", ["a#b"]],
  ["a\\\nb", ["ab"]],
  ["a \\\n b", ["a", "b"]],
  ["'open", undefined],
  ['"open', undefined],
  ["end\\", undefined],
];

for (const [text, words] of COMMANDS) {
  Deno.test(`splitCommandWords() splits ${JSON.stringify(text)}`, () => {
    assert.deepEqual(splitCommandWords(text), words);
  });
}

Deno.test("splitCommandWords() takes many lines of comment", () => {
  assert.deepEqual(splitCommandWords("# comment\n".repeat(10_000) + "a"), ["a"]);
});
