/**
 * An edge that gets its documents over HTTP, as reference edges do; runs inside a namespace in place of the compiled program.
 *
 *     altered_edge.ts ARGUMENTS…
 *
 * @module
 */

import { main } from "../../../src/cli/main.ts";
import { PathControl } from "../../../src/control/path_control.ts";

// No super node seems to hand out documents through its sessions.
PathControl.prototype.capabilitiesOf = () => 0;
Deno.exit(await main(Deno.args));
