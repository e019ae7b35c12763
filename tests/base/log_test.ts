import { strict as assert } from "node:assert";
import { configureLog, getLogger, type LogOptions } from "../../src/base/log.ts";

/** Runs `emit` with the given options and returns the lines written to standard error. */
function capture(options: Partial<LogOptions>, emit: () => void): string[] {
  const chunks: string[] = [];
  const original = Deno.stderr.writeSync;
  Deno.stderr.writeSync = (octets) => {
    chunks.push(new TextDecoder().decode(octets));
    return octets.length;
  };
  try {
    configureLog({ level: "info", format: "json", nodeName: "", ...options });
    emit();
  } finally {
    Deno.stderr.writeSync = original;
    configureLog({ level: "silent", format: "text", nodeName: "" });
  }
  return chunks.join("").split("\n").slice(0, -1);
}

function emitAll(): void {
  const log = getLogger("part");
  log.debug("one");
  log.info("two");
  log.warn("three");
  log.error("four");
}

Deno.test("configureLog() shows what the level allows, warnings with errors", () => {
  const events = (level: LogOptions["level"]) => capture({ level }, emitAll).map((line) => JSON.parse(line).event);
  assert.deepEqual(events("debug"), ["one", "two", "three", "four"]);
  assert.deepEqual(events("info"), ["two", "three", "four"]);
  assert.deepEqual(events("error"), ["three", "four"]);
  assert.deepEqual(events("silent"), []);
});

Deno.test("Logger writes one JSON object a line, with time, level, component, event and fields", () => {
  const lines = capture({ nodeName: "n1" }, () => getLogger("edge").info("edge ready", { port: 5000, name: "a b" }));
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0]);
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: "info",
    component: "edge",
    node: "n1",
    event: "edge ready",
    port: 5000,
    name: "a b",
  });
});

Deno.test("Logger writes text for people, values quoted where they have blanks or quotes", () => {
  const [line] = capture({ format: "text", nodeName: "n1" }, () => {
    getLogger("edge").warn("can't go on", { port: 5000, plain: "x:1", blank: "a b", quote: 'say "x"', empty: "" });
  });
  assert.match(line, /^\S+Z WARNING (?:\(n1\)|.*\(n1\)) edge: can't go on /);
  assert.ok(line.endsWith(String.raw`port=5000 plain=x:1 blank="a b" quote="say \"x\"" empty=""`), line);
});

Deno.test("Logger keeps an event on one line and leaves braces in it alone", () => {
  const lines = capture({ format: "text" }, () => getLogger("edge").info("a {b} c", { text: "two\nlines" }));
  assert.equal(lines.length, 1);
  assert.match(lines[0], /edge: a \{b\} c text="two\\nlines"$/);
});

Deno.test("configureLog() may be called again; the last call counts", () => {
  const lines = capture({ level: "debug" }, () => {
    configureLog({ level: "error", format: "json", nodeName: "second" });
    emitAll();
  });
  assert.deepEqual(lines.map((line) => JSON.parse(line).node), ["second", "second"]);
});
