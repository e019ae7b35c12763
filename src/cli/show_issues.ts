/**
 * Shows what is wrong with a file or a command line on standard error.
 *
 * @module
 */

import { type ConfigIssue, formatConfigIssue } from "../base/errors.ts";
import { configureLog, getLogger, type LogFormat } from "../base/log.ts";

/** Writes one line for each issue: as people read it, or as an event of the log in JSON. */
export function showIssues(issues: readonly ConfigIssue[], format: LogFormat): void {
  if (format === "text") {
    for (const issue of issues) console.error(formatConfigIssue(issue));
    return;
  }
  configureLog({ level: "info", format, nodeName: "" });
  const log = getLogger("config");
  for (const { severity, ...fields } of issues) {
    if (severity === "error") log.error("configuration error", fields);
    else log.warn("configuration warning", fields);
  }
}
