/**
 * Prints by which way a node's frames reach every other node, from its configuration alone.
 *
 *     deno run --allow-read --allow-env examples/programs/show_routes.ts examples/static/n1.yaml
 *
 * @module
 */

import { formatConfigIssue, nextHopPath, readEdgeConfig } from "../../mod.ts";

const [path] = Deno.args;
if (path === undefined) throw new TypeError("Cannot show routes: name a configuration file");
const { config, issues } = readEdgeConfig(path);
for (const issue of issues) console.error(formatConfigIssue(issue));
if (config === undefined) throw new TypeError(`Cannot show routes: "${path}" has errors`);

const { nodeId, nextHopTable } = config;
for (const destination of Object.keys(nextHopTable[nodeId] ?? {}).map(Number)) {
  const way = nextHopPath(nextHopTable, nodeId, destination);
  console.log(way === undefined ? `${nodeId} has no way to ${destination}` : way.join(" - "));
}
