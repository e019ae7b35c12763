/**
 * A logger that keeps what it is told.
 *
 * @module
 */

import type { LogFields, Logger } from "../../src/base/log.ts";

/** One event. */
export interface LoggedEvent {
  readonly level: keyof Logger;
  readonly event: string;
  readonly fields: LogFields;
}

/** Keeps every event, of whatever level. */
export class RecordingLog implements Logger {
  readonly #events: LoggedEvent[] = [];

  debug(event: string, fields: LogFields = {}): void {
    this.#events.push({ level: "debug", event, fields });
  }

  info(event: string, fields: LogFields = {}): void {
    this.#events.push({ level: "info", event, fields });
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#events.push({ level: "warn", event, fields });
  }

  error(event: string, fields: LogFields = {}): void {
    this.#events.push({ level: "error", event, fields });
  }

  /** Takes the events so far; those of one level if it is named. */
  take(level?: keyof Logger): LoggedEvent[] {
    return this.#events.splice(0).filter((logged) => level === undefined || logged.level === level);
  }
}
