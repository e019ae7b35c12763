/**
 * Splits a command line into words as a POSIX shell does, without running one.
 *
 * @module
 */

/**
 * Splits at blanks; `'…'` keeps everything, `"…"` everything but a backslash before `"`, `\`, `$`, `` ` `` or a line
 * end, a bare backslash keeps the next character, and `#` at the start of a word begins a comment. Variables, globs and
 * operators have no meaning: the words are passed to the program as they are. Source: `behaviour.md` §9.2.
 *
 * @returns The words, none for a blank line, or `undefined` if a quote isn't closed or a backslash ends the text.
 */
export function splitCommandWords(text: string): string[] | undefined {
  const words: string[] = [];
  let rest = text.replace(BETWEEN_WORDS, "");
  while (rest !== "") {
    let word = "";
    while (rest !== "" && !/^\s/.test(rest)) {
      const part = WORD_PART.exec(rest);
      if (part === null) return undefined;
      word += unquote(part[0]);
      rest = rest.slice(part[0].length);
    }
    words.push(word);
    rest = rest.replace(BETWEEN_WORDS, "");
  }
  return words;
}

/** Blanks, line ends, escaped ones too, and comments. */
const BETWEEN_WORDS = /^(?:\s+|\\\n|#[^\n]*)+/;
/** A quoted string, an escaped character, or a run without either. */
const WORD_PART = /^(?:'[^']*'|"(?:[^"\\]|\\[^])*"|\\[^]|[^\s'"\\]+)/;

function unquote(part: string): string {
  switch (part[0]) {
    case "'":
      return part.slice(1, -1);
    case '"':
      return part.slice(1, -1).replace(/\\([$`"\\\n])/g, (_, kept: string) => kept === "\n" ? "" : kept);
    case "\\":
      return part[1] === "\n" ? "" : part[1];
    default:
      return part;
  }
}
