/**
 * Text that others wrote, made fit for a line of ours.
 *
 * @module
 */

/** Longest text that is shown, in characters. */
const SHOWN_LEN_MAX = 200;

/** Quotes a text; control characters, which could forge lines of the log, become `?`, and what is long is cut. */
export function quoteForeignText(text: string): string {
  const shown = text.slice(0, SHOWN_LEN_MAX).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
  return `"${shown}${text.length > SHOWN_LEN_MAX ? "…" : ""}"`;
}
