/**
 * Segments in somebody else's name, and floods of connection requests.
 *
 * @module
 */

import { compiledTool } from "./c_program.ts";
import type { Host } from "./host.ts";
import type { SendResult } from "./packet_tool.ts";

const TOOL = "forge_tool";
const TIMEOUT_MS = 60_000;

/** How much to send. */
export interface Forgery {
  count: number;
  /** Per second; as many as the machine can if absent. */
  rate?: number;
}

/**
 * Tries to end the TCP connection that crosses an interface: RSTs and FINs in turn, with sequence numbers that are random,
 * within the window and exact, as only somebody on the path can know them.
 *
 * They leave from `device`, in the name of whoever sends data out of it from or to `port`, any if that is 0; there must be
 * such data.
 */
export function forgeClosing(host: Host, device: string, port: number, forgery: Forgery): Promise<SendResult> {
  return forge(host, ["close", device, port], forgery);
}

/** Asks for connections in the name of random addresses of 198.18.0.0/15. */
export function floodWithSyns(host: Host, device: string, target: SynTarget, forgery: Forgery): Promise<SendResult> {
  return forge(host, ["syn", device, target.mac, target.address, target.port], forgery);
}

/** Whom to ask. */
export interface SynTarget {
  /** Hardware address of the next machine on the way. */
  mac: string;
  address: string;
  port: number;
}

async function forge(host: Host, words: readonly (string | number)[], forgery: Forgery): Promise<SendResult> {
  const command = [await compiledTool(TOOL), ...words, forgery.count, forgery.rate ?? 0].map(String);
  const { stdout } = await host.run(command, { timeoutMs: TIMEOUT_MS });
  return JSON.parse(stdout) as SendResult;
}
