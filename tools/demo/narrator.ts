/**
 * What the demonstration says: paragraphs, promises kept or broken, and a summary of them.
 *
 * @module
 */

import { monotonicMs } from "../../src/base/clock.ts";

/** Longest line, in characters. */
const LINE_LEN = 100;

interface Outcome {
  promise: string;
  /** What was seen; the reason if the promise was broken. */
  seen: string;
  isKept: boolean;
}

/** Tells the story and remembers which promises were kept. */
export class Narrator {
  readonly #write: (line: string) => void;
  readonly #outcomes: Outcome[] = [];
  readonly #beginMs = monotonicMs();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** A heading. */
  chapter(title: string): void {
    this.#write(`\n── ${title} ${"─".repeat(Math.max(2, LINE_LEN - title.length - 4))}\n`);
  }

  /** A paragraph, broken into lines. */
  say(text: string): void {
    for (const line of breakLines(text, LINE_LEN)) this.#write(line);
  }

  /** Lines as they are: a drawing or a table. */
  show(block: string): void {
    for (const line of block.split("\n")) this.#write(line === "" ? "" : `    ${line}`);
  }

  /**
   * Does something that was promised and says what was seen.
   *
   * @param promise What shall be true, as a sentence without a full stop.
   * @param deed Returns what was seen; throws what went wrong.
   * @returns Whether the promise was kept.
   */
  async promise(promise: string, deed: () => Promise<string>): Promise<boolean> {
    let outcome: Outcome;
    try {
      outcome = { promise, seen: await deed(), isKept: true };
    } catch (error) {
      outcome = { promise, seen: error instanceof Error ? error.message : String(error), isKept: false };
    }
    this.#outcomes.push(outcome);
    this.#write(`  ${markOf(outcome)} ${outcome.promise}: ${outcome.seen}`);
    return outcome.isKept;
  }

  /** Says what came of the promises. @returns Whether all were kept and there was at least one. */
  summarise(): boolean {
    this.chapter("Summary");
    for (const outcome of this.#outcomes) {
      this.#write(`  ${markOf(outcome)} ${outcome.promise}`);
      // The first line is what counts; a log that follows it was shown already.
      this.#write(`      ${outcome.seen.split("\n")[0]}`);
    }
    const kept = this.#outcomes.filter((outcome) => outcome.isKept).length;
    const seconds = Math.round((monotonicMs() - this.#beginMs) / 1000);
    this.#write(`\n${kept} of ${this.#outcomes.length} promises kept in ${seconds} seconds; nothing was left behind.`);
    return kept === this.#outcomes.length && kept > 0;
  }
}

/** Breaks a text at blanks into lines of a length at most; a longer word has a line to itself. */
export function breakLines(text: string, lineLen: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    if (line !== "" && line.length + 1 + word.length > lineLen) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

function markOf(outcome: Outcome): string {
  return outcome.isKept ? "✓" : "✗";
}
