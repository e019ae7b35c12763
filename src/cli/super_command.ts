/**
 * The command `super`: the node that tells edges their peers and routes.
 *
 * @module
 */

import { formatEndpointText } from "../config/endpoint_text.ts";
import { renderSuperExample } from "../config/example.ts";
import { type ListenConfig, readSuperConfig, type SuperConfig } from "../config/super_config.ts";
import type { Command } from "./command.ts";
import { countText, nodeCommand, quotedName } from "./node_command.ts";

/** The command `super`. */
export const SUPER_COMMAND: Command = nodeCommand({
  name: "super",
  summary: "run the registry of a network, which tells nodes their peers and routes",
  description:
    `A super tells the nodes of its network who their peers are, where to find them, and which way is the fastest. It carries
none of their traffic. It runs in the foreground until it is stopped by SIGINT, SIGTERM or SIGHUP. It needs
root, or CAP_NET_ADMIN, if FakeTCP or FwMark is on.`,
  renderExample: renderSuperExample,
  readConfig: readSuperConfig,
  summaryOf,
  // Both are imported here, because they load the native part: checking a file must work where that can't be loaded.
  async rulesText(config) {
    const [{ rulesText }, { fakeTcpOf }] = await Promise.all([
      import("../node/print_rules.ts"),
      import("../super/identity.ts"),
    ]);
    const stacks = ([4, 6] as const).map((family) => fakeTcpOf(config, family)).filter((stack) => stack.isEnabled);
    const texts = stacks.map((fakeTcp) => rulesText({ fakeTcp, listenPort: config.listenPort, peers: [] }));
    return (await Promise.all(texts)).join("\n");
  },
  async run(config, options) {
    const { runSuper } = await import("../super/super.ts");
    return await runSuper(config, options);
  },
});

function summaryOf(config: SuperConfig): string {
  const { ipv4, ipv6 } = config.addressFamilies;
  const families = [ipv4 ? "IPv4" : "", ipv6 ? "IPv6" : ""].filter((name) => name !== "").join(" and ");
  const scheme = config.tls === undefined ? "HTTP" : "HTTPS";
  const mode = config.graph.isStatic ? ", static routes" : "";
  const manage = config.manageApi === undefined ? "no manage interface" : `manage ${listenText(config.manageApi)}`;
  return `super${quotedName(config.nodeName)}, ${families}, UDP port ${config.listenPort || "any"}, ` +
    `${scheme} for edges ${listenText(config.edgeApi)}, ${manage}${mode}, ${countText(config.peers.length, "peer")}`;
}

function listenText({ host, port }: ListenConfig): string {
  if (host === undefined) return `at port ${port}`;
  return `at ${formatEndpointText({ host, port, family: host.includes(":") ? 6 : 0 })}`;
}
