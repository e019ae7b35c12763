/**
 * The command `edge`: an ordinary node.
 *
 * @module
 */

import type { DynamicRouteConfig } from "../config/dynamic_route_config.ts";
import { type EdgeConfig, readEdgeConfig } from "../config/edge_config.ts";
import { formatEndpointText } from "../config/endpoint_text.ts";
import { renderEdgeExample } from "../config/example.ts";
import type { Command } from "./command.ts";
import { countText, nodeCommand, quotedName } from "./node_command.ts";

/** The command `edge`. */
export const EDGE_COMMAND: Command = nodeCommand({
  name: "edge",
  summary: "run a node of the network",
  description:
    `A node joins its tap interface to those of the other nodes, over sealed datagrams. It runs in the foreground until it
is stopped by SIGINT, SIGTERM or SIGHUP. It needs root, or CAP_NET_ADMIN.`,
  renderExample: renderEdgeExample,
  readConfig: readEdgeConfig,
  summaryOf,
  // Both are imported here, because they load the native part: checking a file must work where that can't be loaded.
  async rulesText(config) {
    const { rulesText } = await import("../node/print_rules.ts");
    return await rulesText(config);
  },
  async run(config, options) {
    const { runEdge } = await import("../edge/edge.ts");
    return await runEdge(config, options);
  },
});

function summaryOf(config: EdgeConfig): string {
  const device = config.interface.name === "" ? "" : ` ${config.interface.name}`;
  const place = `node ${config.nodeId}${quotedName(config.nodeName)}, ${config.interface.kind}${device}`;
  return `${place}, ${modeOf(config.dynamicRoute) ?? `static mode, ${countText(config.peers.length, "peer")}`}`;
}

/** The mode of an edge that isn't told its peers by its file. */
function modeOf({ superNode }: DynamicRouteConfig): string | undefined {
  if (superNode === undefined) return undefined;
  const sessions = [superNode.ipv4, superNode.ipv6].filter((session) => session !== undefined);
  return `super mode, super at ${sessions.map(({ endpoint }) => formatEndpointText(endpoint)).join(" and ")}`;
}
