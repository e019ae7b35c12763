/**
 * The library surface of EtherGuard: what programs beside the executable may import.
 *
 * Reading and checking configurations, running a node, and the pure formats of the protocol. Everything else is internal
 * and changes without notice.
 *
 * @example
 * ```ts
 * import { formatConfigIssue, readEdgeConfig } from "./mod.ts";
 *
 * const { config, issues } = readEdgeConfig("edge.yaml");
 * for (const issue of issues) console.error(formatConfigIssue(issue));
 * console.log(config?.peers.length);
 * ```
 *
 * @module
 */

export { ConfigError, type ConfigIssue, formatConfigIssue, SystemError } from "./src/base/errors.ts";
export { configureLog, type LogFormat, type LogLevel, type LogOptions } from "./src/base/log.ts";
export { formatNodeId, type NodeId } from "./src/base/node_id.ts";
export { systemRandom } from "./src/base/random.ts";
export { PROGRAM_VERSION, WIRE_VERSION } from "./src/base/version.ts";
export { type EdgeConfig, type EdgeConfigReading, parseEdgeConfig, readEdgeConfig } from "./src/config/edge_config.ts";
export { renderEdgeExample } from "./src/config/example.ts";
export { formatKey, parseKey } from "./src/config/key_text.ts";
export { type EdgeRunOptions, runEdge } from "./src/edge/edge.ts";
export { nextHopPath, type NextHopTable } from "./src/route/next_hop.ts";
export * from "./src/wire/eg_header.ts";
export * from "./src/wire/message_type.ts";
export * from "./src/wire/transport_message.ts";
