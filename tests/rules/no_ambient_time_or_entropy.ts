/**
 * Time and randomness are parameters: only `base/clock.ts` and `base/random.ts` read the ambient sources.
 *
 * What reads a clock by itself can't be simulated, and a run that can't be repeated can't be debugged. Timers belong to
 * the outermost layers, which wait for the deadlines that the state machines name.
 *
 * @module
 */

import { folderOf, pathBelowSrc } from "./source_path.ts";

const AMBIENT_FILES = ["base/clock.ts", "base/random.ts"];
const TIMER_FOLDERS = ["node", "edge", "super", "cli"];

/** Members that read a clock or entropy, by the global object that has them. */
const AMBIENT_MEMBERS: Record<string, readonly string[]> = {
  Date: ["now"],
  Math: ["random"],
  crypto: ["getRandomValues", "randomUUID"],
  performance: ["now", "timeOrigin"],
};
const TIMERS = ["setTimeout", "setInterval"];

/** Returns the name of the global that an expression denotes: `Date` for `Date` and for `globalThis.Date`. */
function globalName(node: Deno.lint.Node): string {
  if (node.type === "Identifier") return node.name;
  const isGlobalThis = node.type === "MemberExpression" && node.object.type === "Identifier" &&
    ["globalThis", "self"].includes(node.object.name);
  return isGlobalThis ? memberName(node) : "";
}

function memberName(node: Deno.lint.MemberExpression): string {
  if (node.property.type === "Literal") return String(node.property.value);
  return !node.computed && node.property.type === "Identifier" ? node.property.name : "";
}

/** The rule `no-ambient-time-or-entropy`. */
export const noAmbientTimeOrEntropy: Deno.lint.Rule = {
  create(context) {
    const path = pathBelowSrc(context.filename);
    if (path === "" || AMBIENT_FILES.includes(path)) return {};
    const timersAllowed = TIMER_FOLDERS.includes(folderOf(path));

    function reportAmbient(node: Deno.lint.Node, name: string): void {
      context.report({
        node,
        message: `"${name}" is an ambient source of time or entropy`,
        hint: "Take the time as an argument `nowMs` and randomness as a `RandomSource` (base/clock.ts, base/random.ts)",
      });
    }

    return {
      MemberExpression(node) {
        const object = globalName(node.object);
        const member = memberName(node);
        if (AMBIENT_MEMBERS[object]?.includes(member)) reportAmbient(node, `${object}.${member}`);
        if (object === "AbortSignal" && member === "timeout" && !timersAllowed) {
          reportTimer(node, "AbortSignal.timeout");
        }
      },
      NewExpression(node) {
        if (globalName(node.callee) === "Date" && node.arguments.length === 0) reportAmbient(node, "new Date()");
      },
      CallExpression(node) {
        const callee = globalName(node.callee);
        if (callee === "Date") reportAmbient(node, "Date()");
        if (TIMERS.includes(callee) && !timersAllowed) reportTimer(node, callee);
      },
    };

    function reportTimer(node: Deno.lint.Node, name: string): void {
      context.report({
        node,
        message: `"${name}" starts a timer outside ${TIMER_FOLDERS.map((folder) => `src/${folder}`).join(", ")}`,
        hint: "Name the next deadline (`pollTimeout()`) and let the outermost layer wait for it",
      });
    }
  },
};
