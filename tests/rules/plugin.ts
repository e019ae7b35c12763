/**
 * The project's conventions as lint rules, so that no reviewer has to remember them.
 *
 * Loaded by `deno lint` through `lint.plugins` in `deno.json`. A rule is silenced in one place by
 * `// deno-lint-ignore etherguard/<rule> -- <reason>`; the reason is itself demanded by a rule.
 *
 * @module
 */

import { dataplaneNoAllocation } from "./dataplane_no_allocation.ts";
import { ignoreHasReason } from "./ignore_has_reason.ts";
import { importsPointDown } from "./imports_point_down.ts";
import { maxFileLength } from "./max_file_length.ts";
import { noAmbientTimeOrEntropy } from "./no_ambient_time_or_entropy.ts";
import { noProcessExit } from "./no_process_exit.ts";

/** All rules, under the names by which they are reported and ignored. */
const plugin: Deno.lint.Plugin = {
  name: "etherguard",
  rules: {
    "dataplane-no-allocation": dataplaneNoAllocation,
    "ignore-has-reason": ignoreHasReason,
    "imports-point-down": importsPointDown,
    "max-file-length": maxFileLength,
    "no-ambient-time-or-entropy": noAmbientTimeOrEntropy,
    "no-process-exit": noProcessExit,
  },
};

export default plugin;
