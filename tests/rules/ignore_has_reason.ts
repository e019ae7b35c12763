/**
 * Whoever silences a rule says why: `// deno-lint-ignore <rules> -- <reason>`.
 *
 * @module
 */

/** The rule `ignore-has-reason`. */
export const ignoreHasReason: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          if (!/^\s*deno-lint-ignore(-file)?\b/.test(comment.value)) continue;
          if (/\s--\s+\S/.test(comment.value)) continue;
          context.report({
            range: comment.range,
            message: "a rule is ignored without a reason",
            hint: "Write the reason after the rule: `deno-lint-ignore <rule> -- <reason>`",
          });
        }
      },
    };
  },
};
