/**
 * A file has at most 500 lines, or says in its first line why not.
 *
 * @module
 */

/** Lines after which a file has to be split. */
export const MAX_FILE_LINES = 500;

/** The first line of a file that may be longer: the marker, and a reason of some words. */
const MARKER = /^\/\/ Longer than \d+ lines:? .{10,}/;

/** The rule `max-file-length`. */
export const maxFileLength: Deno.lint.Rule = {
  create(context) {
    return {
      Program(node) {
        const lines = context.sourceCode.text.trimEnd().split("\n");
        if (lines.length <= MAX_FILE_LINES || MARKER.test(lines[0])) return;
        context.report({
          node,
          message: `the file has ${lines.length} lines, more than ${MAX_FILE_LINES}`,
          hint: `Split it, or begin it with "// Longer than ${MAX_FILE_LINES} lines: <reason>"`,
        });
      },
    };
  },
};
