/**
 * What is found in a file: where each key stands, how it was written, and what is wrong with it.
 *
 * The loader notes the place of every key; whoever checks later names only the key and gets line and text from here.
 *
 * @module
 */

import type { ConfigIssue } from "../base/errors.ts";

/** Where a key stands and what was written there. */
interface Place {
  readonly line: number;
  /** As a message shows it; a secret is described instead. */
  readonly shown: string;
}

/** What a message says besides the place. */
export interface Complaint {
  /** What may be there. */
  allowed: string;
  /** What to do about it. */
  remedy: string;
  /** Overrides what was written, where that doesn't tell the trouble. */
  found?: string;
}

/** Collects the issues of one file. Keys are named by paths such as `Peers[0].PubKey`; `""` is the whole file. */
export class Findings {
  readonly #file: string;
  readonly #places = new Map<string, Place>();
  readonly #issues: ConfigIssue[] = [];
  readonly #wrongKeys = new Set<string>();

  /** @param file Path as the user wrote it. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Notes that a key is written at `line`; the last note counts. */
  notePlace(path: string, line: number, shown: string): void {
    this.#places.set(path, { line, shown });
  }

  /** Tells whether the file has this key, be it empty. */
  isWritten(path: string): boolean {
    return this.#places.has(path);
  }

  /** Tells whether none of these keys is wrong, so that checks of one against another make sense. */
  areSound(...paths: string[]): boolean {
    return paths.every((path) => !this.#wrongKeys.has(path));
  }

  /** Reports an error. The first error of a key counts: what follows from it is no news. */
  error(path: string, complaint: Complaint): void {
    if (this.#wrongKeys.has(path)) return;
    this.#wrongKeys.add(path);
    this.#add(path, complaint, "error");
  }

  /** Reports a doubt that doesn't stop the start. */
  warn(path: string, complaint: Complaint): void {
    this.#add(path, complaint, "warning");
  }

  /** Reports an issue at a line of its own: what isn't about a known key. */
  report(line: number, key: string, severity: ConfigIssue["severity"], complaint: Complaint): void {
    const { allowed, remedy, found = "nothing" } = complaint;
    if (severity === "error") this.#wrongKeys.add(key);
    this.#issues.push({ file: this.#file, line, key: key || "the file", found, allowed, remedy, severity });
  }

  /** Tells whether there is an error. */
  hasErrors(): boolean {
    return this.#wrongKeys.size > 0;
  }

  /** Returns all issues by line; those of one line in the order in which they were found. */
  list(): ConfigIssue[] {
    return this.#issues.toSorted((a, b) => a.line - b.line);
  }

  #add(path: string, complaint: Complaint, severity: ConfigIssue["severity"]): void {
    const found = complaint.found ?? this.#places.get(path)?.shown;
    this.report(this.#lineOf(path), path, severity, { ...complaint, found });
  }

  /** The line of a key, or of the nearest key around it that is written; 0 if there is none. */
  #lineOf(path: string): number {
    for (let outer = path; outer !== ""; outer = outer.replace(/(?:\.[^.[\]]*|\[[^[\]]*\]|^[^.[\]]*)$/, "")) {
      const place = this.#places.get(outer);
      if (place !== undefined) return place.line;
    }
    return 0;
  }
}

/** Returns the path of a key within a block; `""` is the outermost. */
export function joinPath(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
