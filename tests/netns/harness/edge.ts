/**
 * An etherguard edge that runs on a host of a lab.
 *
 * @module
 */

import { type EdgeSettings, insideV4, renderEdgeConfig } from "./edge_config.ts";
import type { Host } from "./host.ts";
import type { RunningProcess } from "./process.ts";
import { compiledProgram, programEnvironment } from "./program.ts";
import { waitForPing } from "./ping.ts";

/** How long a start may take until the interface forwards, in milliseconds; a loaded machine of two cores included. */
const READY_TIMEOUT_MS = 15_000;
/** How long two ready nodes may take until frames pass: a few handshake attempts, five seconds apart, may collide. */
export const TUNNEL_TIMEOUT_MS = 12_000;
/** The event with the counts of what was dropped. */
const DROPS_EVENT = "dropped since the start";
/** Environment variable with protocol timers for tests, as JSON. */
const TIMERS_VARIABLE = "ETHERGUARD_TEST_TIMERS";

/** A log line of the program. */
export interface LogEvent {
  /** ISO 8601, in milliseconds. */
  time: string;
  level: string;
  component: string;
  event: string;
  [field: string]: unknown;
}

/** A node whose log can be read. */
export interface LoggingNode {
  readonly process: RunningProcess;
}

/** How to start an edge. */
export interface EdgeOptions {
  /** Words that start the program; the compiled one if absent. */
  command?: readonly string[];
  /** Variables for it, beside those that it always gets. */
  env?: Record<string, string>;
  /** Protocol timers to shorten, by name, in milliseconds. */
  timers?: Record<string, number>;
  /** Words in front of the program: another one, which becomes it. */
  wrapper?: readonly string[];
  /** Content of its file; what follows from its settings if absent. */
  config?: string;
}

/** An edge that has been started; kept by its host, which kills it with the lab. */
export interface RunningEdge extends LoggingNode {
  readonly host: Host;
  readonly settings: EdgeSettings;
  /** Its address inside the VPN. */
  readonly address: string;
}

/** Starts an edge and waits until it forwards. @throws {Error} When it isn't ready in time; shows its log. */
export async function startEdge(host: Host, settings: EdgeSettings, options: EdgeOptions = {}): Promise<RunningEdge> {
  const edge = await launchEdge(host, settings, options);
  await edge.process.waitForLine((line) => eventOf(line)?.event === "edge ready", READY_TIMEOUT_MS);
  return edge;
}

/** Starts an edge and doesn't wait for anything: for those that are to fail. */
export async function launchEdge(host: Host, settings: EdgeSettings, options: EdgeOptions = {}): Promise<RunningEdge> {
  const file = `${host.folder}/${host.label}-edge.yaml`;
  await Deno.writeTextFile(file, options.config ?? renderEdgeConfig(settings));
  const command = options.command ?? [compiledProgram()];
  const process = host.spawn([
    ...options.wrapper ?? [],
    ...command,
    "edge",
    "--config",
    file,
    "--log-format",
    "json",
    "--no-uapi",
  ], {
    label: `etherguard node ${settings.nodeId}`,
    env: {
      ...programEnvironment(),
      ...options.env,
      ...(options.timers === undefined ? {} : { [TIMERS_VARIABLE]: JSON.stringify(options.timers) }),
    },
  });
  return { host, settings, address: insideV4(settings.nodeId), process };
}

/** Waits until one node's host gets answers from another's. @throws {Error} When it takes too long; shows both logs. */
export async function waitForTunnel(from: RunningEdge, to: RunningEdge, timeoutMs = TUNNEL_TIMEOUT_MS): Promise<void> {
  try {
    await waitForPing(from.host, to.address, timeoutMs);
  } catch (cause) {
    const logs = [from, to].map((edge) => `${edge.process.label}\n${edge.process.tail()}`).join("\n");
    throw new Error(`no way from node ${from.settings.nodeId} to node ${to.settings.nodeId}\n${logs}`, { cause });
  }
}

/**
 * Waits for a log event, also one that has been written already.
 *
 * @param sinceMs Time in milliseconds since 1970; earlier events don't count.
 * @throws {Error} When the deadline passes.
 */
export async function waitForEvent(
  node: LoggingNode,
  matches: (event: LogEvent) => boolean,
  timeoutMs: number,
  sinceMs = 0,
): Promise<LogEvent> {
  const line = await node.process.waitForLine((text) => {
    const event = eventOf(text);
    return event !== undefined && timeOf(event) >= sinceMs && matches(event);
  }, timeoutMs);
  return eventOf(line)!;
}

/** When an event was logged, in milliseconds since 1970. */
export function timeOf(event: LogEvent): number {
  return Date.parse(event.time);
}

/** Stops an edge and returns what it says to have dropped since its start: counts by the name of the reason. */
export async function stopAndReadDrops(edge: RunningEdge): Promise<Partial<Record<string, number>>> {
  await edge.process.stop("SIGTERM");
  await edge.process.status;
  const report = eventsOf(edge).findLast((event) => event.event === DROPS_EVENT) ?? {};
  return Object.fromEntries(
    Object.entries(report).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

/** All log events so far. */
export function eventsOf(node: LoggingNode): LogEvent[] {
  return node.process.lines.map((line) => eventOf(line.text)).filter((event) => event !== undefined);
}

function eventOf(line: string): LogEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as LogEvent;
  } catch {
    return undefined;
  }
}
