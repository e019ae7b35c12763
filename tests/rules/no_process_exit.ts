/**
 * Only `src/cli/main.ts` ends the process: everything else returns, so that it can be tested and undone.
 *
 * @module
 */

import { pathBelowSrc } from "./source_path.ts";

/** The rule `no-process-exit`. */
export const noProcessExit: Deno.lint.Rule = {
  create(context) {
    const path = pathBelowSrc(context.filename);
    if (path === "" || path === "cli/main.ts") return {};
    return {
      'MemberExpression[object.name=/^(Deno|process)$/][property.name="exit"]'(node: Deno.lint.MemberExpression) {
        context.report({
          node,
          message: "only src/cli/main.ts ends the process",
          hint: "Return an exit code, or throw",
        });
      },
    };
  },
};
