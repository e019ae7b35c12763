/**
 * The forms that failures take: what the user gave, and what the system refused.
 *
 * What the network sent is never an error but a number; see `reason.ts`.
 *
 * @module
 */

/** One thing that is wrong, or doubtful, in a configuration file or on the command line. */
export interface ConfigIssue {
  /** Path of the file as the user wrote it; `"command line"` for arguments. */
  file: string;
  /** Line in the file, from 1; 0 where there is none. */
  line: number;
  /** Dotted path of the key, such as `Peers[0].PubKey`. */
  key: string;
  /** What is there, quoted as written; secrets are never quoted. */
  found: string;
  /** What may be there. */
  allowed: string;
  /** What to do about it. */
  remedy: string;
  /** An error stops the start; a warning is shown and ignored. */
  severity: "error" | "warning";
}

/** Formats an issue as one line: `file:line: key: found …; allowed: …; remedy`. */
export function formatConfigIssue(issue: ConfigIssue): string {
  const place = issue.line > 0 ? `${issue.file}:${issue.line}` : issue.file;
  return `${place}: ${issue.severity}: ${issue.key}: found ${issue.found}; allowed: ${issue.allowed}; ${issue.remedy}`;
}

/** The user's input can't be used. Carries every problem found, not only the first. */
export class ConfigError extends Error {
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(formatConfigIssue).join("\n"));
    this.name = "ConfigError";
    this.issues = issues;
  }
}

/** The operating system refused an operation. */
export class SystemError extends Error {
  /** System call or request, such as `TUNSETIFF`. */
  readonly operation: string;
  /** What it was applied to, such as an interface or an address. */
  readonly object: string;
  /** Positive error number; 0 when the system gave none. */
  readonly errno: number;
  /** Symbolic name, such as `EPERM`. */
  readonly code: string;
  /** What the user can do. */
  readonly remedy: string;

  constructor(operation: string, object: string, errno: number, code: string, remedy: string, cause?: unknown) {
    super(`${operation} ${object}: ${code}${remedy === "" ? "" : `: ${remedy}`}`, { cause });
    this.name = "SystemError";
    this.operation = operation;
    this.object = object;
    this.errno = errno;
    this.code = code;
    this.remedy = remedy;
  }
}
