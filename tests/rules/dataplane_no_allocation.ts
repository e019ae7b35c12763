/**
 * The data plane allocates nothing per packet.
 *
 * Applies to every file in `src/dataplane/`, and to any other whose first line is the marker below. Code outside
 * functions runs once and is free. So are constructors, and functions whose name says that they run at set-up, at the
 * end, or for the rare event: see {@linkcode RARE_FUNCTION}. A `throw` is a crash and may allocate.
 *
 * What the linter can't see (a string concatenation, an iterator behind a call) is left to the allocation test.
 *
 * @module
 */

import { pathBelowSrc } from "./source_path.ts";

/** First line of a file outside `src/dataplane/` that is under this rule too. */
export const MARKER = "// No allocation per packet in this file.";

/** Names of functions that don't run per packet. */
const RARE_FUNCTION =
  /^(create|make|allocate|open|close|start|stop|configure|attach|detach|describe|snapshot|report|test)([A-Z].*)?$/;

/**
 * Files that run at set-up only: the columns are laid out once, and the worker's entry point handles the messages of
 * the control thread; the loop itself is in `lane.ts`.
 */
const EXEMPT_FILES = ["dataplane/tables.ts", "dataplane/lane_worker.ts", "dataplane/warm_up.ts"];

const ALLOCATING_METHODS = ["subarray", "slice"];
const BIG_INT_ACCESSORS = /^[gs]etBig(Int|Uint)64$/;
const BIG_INT_GLOBALS = ["BigInt", "BigInt64Array", "BigUint64Array"];

type FunctionNode = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression;

/** Returns the name under which a function is known, or `""`. */
function functionName(node: FunctionNode): string {
  if (node.type !== "ArrowFunctionExpression" && node.id) return node.id.name;
  const { parent } = node;
  if (parent.type === "MethodDefinition" || parent.type === "Property" || parent.type === "PropertyDefinition") {
    const { key } = parent;
    return key.type === "Identifier" || key.type === "PrivateIdentifier" ? key.name.replace(/^#/, "") : "";
  }
  return parent.type === "VariableDeclarator" && parent.id.type === "Identifier" ? parent.id.name : "";
}

/** The rule `dataplane-no-allocation`. */
export const dataplaneNoAllocation: Deno.lint.Rule = {
  create(context) {
    const path = pathBelowSrc(context.filename);
    const applies = path.startsWith("dataplane/") || context.sourceCode.text.split("\n", 1)[0].trim() === MARKER;
    if (!applies || EXEMPT_FILES.includes(path)) return {};

    /** For each function that encloses the current node, whether it runs per packet. */
    const hot: boolean[] = [];
    /** Depth of `throw` statements around the current node. */
    let throwing = 0;

    function ban(node: Deno.lint.Node, what: string, instead: string): void {
      if (throwing > 0 || !isHot()) return;
      context.report({ node, message: `${what} allocates in a function that runs per packet`, hint: instead });
    }

    function isHot(): boolean {
      return hot.at(-1) === true;
    }

    function enter(node: FunctionNode): void {
      if (isHot()) ban(node, "a function made inside a function", "Use a top-level function and pass arguments");
      const name = functionName(node);
      const runsOnce = hot.at(-1) === false || name === "constructor" || RARE_FUNCTION.test(name);
      hot.push(!runsOnce);
      if (node.async || node.generator) {
        ban(node, "an async function or a generator", "Return at once and be called again");
      }
    }

    function leave(): void {
      hot.pop();
    }

    return {
      FunctionDeclaration: enter,
      FunctionExpression: enter,
      ArrowFunctionExpression: enter,
      "FunctionDeclaration:exit": leave,
      "FunctionExpression:exit": leave,
      "ArrowFunctionExpression:exit": leave,
      ThrowStatement() {
        throwing++;
      },
      "ThrowStatement:exit"() {
        throwing--;
      },
      MemberExpression(node) {
        if (node.property.type !== "Identifier" || node.computed) return;
        const { name } = node.property;
        if (ALLOCATING_METHODS.includes(name)) ban(node, `"${name}"`, "Pass buffer, offset and length");
        if (BIG_INT_ACCESSORS.test(name)) ban(node, `"${name}"`, "Read two 32-bit halves into one number");
      },
      Identifier(node) {
        if (BIG_INT_GLOBALS.includes(node.name)) ban(node, `"${node.name}"`, "Use numbers below 2^53");
      },
      Literal(node) {
        if (typeof node.value === "bigint") ban(node, "a BigInt", "Use numbers below 2^53");
      },
      TemplateLiteral(node) {
        if (node.expressions.length > 0) {
          ban(node, "a template string", "Use integers as keys; format where it is read");
        }
      },
      "SpreadElement, RestElement"(node: Deno.lint.SpreadElement | Deno.lint.RestElement) {
        ban(node, "a spread or rest element", "Name the arguments");
      },
      ArrayExpression(node) {
        ban(node, "an array literal", "Fill an array that was made at set-up");
      },
      ObjectExpression(node) {
        ban(node, "an object literal", "Fill a record that was made at set-up");
      },
      NewExpression(node) {
        ban(node, "`new`", "Make it at set-up and reuse it");
      },
      ForOfStatement(node) {
        ban(node, "an iterator", "Count an index");
      },
    };
  },
};
