/**
 * Events for the operator: one line each, with level and component. Never called per packet.
 *
 * On a terminal a line is human text; with `json` it is one JSON object. Both go to standard error, so that standard
 * output stays free for data.
 *
 * @module
 */

import { configureSync, getLogger as getLogtapeLogger, type LogRecord } from "@logtape/logtape";

/** Least level that is shown. */
export type LogLevel = "debug" | "info" | "error" | "silent";
/** How a line looks. */
export type LogFormat = "text" | "json";
/** Values that an event carries, by name. Each line has `time`, `level`, `component`, `node` and `event`: these are taken. */
export type LogFields = Record<string, string | number | boolean>;

/** Emits the events of one component. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** How {@linkcode configureLog} is to show events. */
export interface LogOptions {
  level: LogLevel;
  format: LogFormat;
  /** Name of this node, shown in each line; may be empty. */
  nodeName: string;
}

const ROOT = "etherguard";

/**
 * Routes all events to standard error. May be called again; the last call counts.
 *
 * Events below the level are dropped. `silent` drops everything.
 */
export function configureLog(options: LogOptions): void {
  const encoder = new TextEncoder();
  const render = options.format === "json" ? renderJson : renderText;
  function write(record: LogRecord): void {
    Deno.stderr.writeSync(encoder.encode(render(record, options.nodeName) + "\n"));
  }
  configureSync({
    reset: true,
    sinks: { stderr: write },
    loggers: [
      {
        category: ROOT,
        lowestLevel: options.level === "silent" ? null : options.level === "error" ? "warning" : options.level,
        sinks: options.level === "silent" ? [] : ["stderr"],
      },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/** Returns the logger of a component, such as `"edge"` or `"handshake"`. */
export function getLogger(component: string): Logger {
  const logger = getLogtapeLogger([ROOT, component]);
  return {
    debug: (event, fields = {}) => logger.debug(event, fields),
    info: (event, fields = {}) => logger.info(event, fields),
    warn: (event, fields = {}) => logger.warn(event, fields),
    error: (event, fields = {}) => logger.error(event, fields),
  };
}

function eventOf(record: LogRecord): string {
  return typeof record.rawMessage === "string" ? record.rawMessage : record.rawMessage.join("");
}

function renderJson(record: LogRecord, nodeName: string): string {
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    component: record.category[1] ?? "",
    ...(nodeName === "" ? {} : { node: nodeName }),
    event: eventOf(record),
    ...record.properties,
  });
}

function renderText(record: LogRecord, nodeName: string): string {
  const fields = Object.entries(record.properties).map(([name, value]) => ` ${name}=${quoteIfNeeded(String(value))}`);
  const node = nodeName === "" ? "" : ` (${nodeName})`;
  const time = new Date(record.timestamp).toISOString();
  const component = record.category[1] ?? "";
  return `${time} ${record.level.toUpperCase().padEnd(7)}${node} ${component}: ${eventOf(record)}${fields.join("")}`;
}

function quoteIfNeeded(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
