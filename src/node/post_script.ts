/**
 * The user's program, run once the interface is up (`config.md` §10.2).
 *
 * @module
 */

import { formatMacAddress } from "../base/mac_address.ts";
import type { EdgeConfig } from "../config/edge_config.ts";

/** What became of the program. */
export interface PostScriptResult {
  readonly exitCode: number;
  /** Standard output and standard error, one after the other. */
  readonly output: string;
}

/**
 * Returns the variables that the program finds in its environment beside the inherited ones.
 *
 * @param interfaceName As the kernel has it; empty for a dummy, whose name is told as it is written.
 */
export function postScriptEnvironment(config: EdgeConfig, interfaceName: string): Record<string, string> {
  const { nodeId } = config;
  const low = nodeId & 0xff;
  const high = nodeId >> 8;
  return {
    EG_MODE: "edge",
    EG_NODE_NAME: config.nodeName,
    EG_NODE_ID_INT_DEC: String(nodeId),
    EG_NODE_ID_INT_HEX: nodeId.toString(16),
    EG_NODE_ID_BYTE0_DEC: String(low),
    EG_NODE_ID_BYTE1_DEC: String(high),
    EG_NODE_ID_BYTE0_HEX: low.toString(16).toUpperCase(),
    EG_NODE_ID_BYTE1_HEX: high.toString(16).toUpperCase(),
    EG_INTERFACE_NAME: interfaceName || config.interface.name,
    EG_INTERFACE_TYPE: config.interface.kind,
    EG_INTERFACE_MAC_PREFIX: config.interface.macAddressPrefix,
    EG_INTERFACE_MAC_ADDR: formatMacAddress(config.interface.macAddress),
  };
}

/**
 * Runs the program and waits for its end.
 *
 * @param ending Sends SIGTERM to it when aborted.
 * @throws {Deno.errors.NotFound} And others of the system, if it can't be started.
 */
export async function runPostScript(
  command: readonly string[],
  environment: Record<string, string>,
  ending?: AbortSignal,
): Promise<PostScriptResult> {
  const [program, ...args] = command;
  const options = { args, env: environment, stdin: "null", signal: ending } as const;
  const { code, stdout, stderr } = await new Deno.Command(program, options).output();
  const decoder = new TextDecoder();
  return { exitCode: code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}
