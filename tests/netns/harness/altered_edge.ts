/**
 * An edge that in one respect isn't ours; runs inside a namespace in place of the compiled program.
 *
 *     altered_edge.ts http ARGUMENTS…         gets its documents over HTTP, as reference edges do
 *     altered_edge.ts release ARGUMENTS…      tells the super node that it is another release
 *
 * @module
 */

import { main } from "../../../src/cli/main.ts";
import { PathControl } from "../../../src/control/path_control.ts";
import { SuperLink } from "../../../src/edge/super_link.ts";
import { OTHER_WIRE_VERSION } from "./altered_program.ts";

const [alteration, ...args] = Deno.args;
if (alteration === "http") {
  // No super node seems to hand out documents through its sessions.
  PathControl.prototype.capabilitiesOf = () => 0;
} else {
  const { mode } = SuperLink.prototype;
  SuperLink.prototype.mode = function (peers) {
    return { ...mode.call(this, peers), wireVersion: OTHER_WIRE_VERSION };
  };
}
Deno.exit(await main(args));
