/**
 * What an edge's log says about its paths: which transport is in use, since when, and why.
 *
 * | event | fields that are read |
 * | --- | --- |
 * | `path chosen`, `path switched`, `UDP failed, trying FakeTCP`, `UDP recovered`, `FakeTCP failed, trying UDP`, `no path left` | `from` and `to`: kinds of paths such as `udp4`, or `none`; `darkMs` |
 * | `path suspected` | — |
 * | `path up` | `path`: a kind of path |
 *
 * @module
 */

import { eventsOf, type LogEvent, type RunningEdge, timeOf, waitForEvent } from "./edge.ts";
import { eventually } from "./wait.ts";

/** How datagrams travel, as the beginning of the name of a kind of path. */
export type TransportName = "udp" | "faketcp";

/** How long an edge may take to dial, be answered, probe and say so, ms: a first try may collide with the peer's. */
const PATH_UP_TIMEOUT_MS = 15_000;

/** Waits until an edge has switched to a transport after a time in milliseconds since 1970. */
export function waitForSwitch(
  edge: RunningEdge,
  transport: TransportName,
  timeoutMs: number,
  sinceMs: number,
): Promise<LogEvent> {
  return waitForEvent(edge, (event) => isChange(event) && leadsTo(event, transport), timeoutMs, sinceMs);
}

/** The transport that an edge uses, by its latest change; `undefined` without a path. */
export function transportOf(edge: RunningEdge): TransportName | undefined {
  const latest = eventsOf(edge).findLast(isChange);
  return (["udp", "faketcp"] as const).find((transport) => latest !== undefined && leadsTo(latest, transport));
}

/** Waits until all edges use a transport, whether they did so already or not. */
export async function waitForTransport(
  edges: readonly RunningEdge[],
  transport: TransportName,
  timeoutMs: number,
): Promise<void> {
  const names = edges.map((edge) => edge.settings.nodeId).join(" and ");
  await eventually(
    `node ${names} to use ${transport}`,
    () => edges.every((edge) => transportOf(edge) === transport),
    timeoutMs,
  );
}

/** The switches of an edge from one path to another within a time. */
export function switchesOf(edge: RunningEdge, sinceMs: number, untilMs = Infinity): LogEvent[] {
  return eventsOf(edge).filter((event) => {
    return isChange(event) && event.from !== "none" && timeOf(event) >= sinceMs && timeOf(event) < untilMs;
  });
}

/** When an edge began to suspect its path after a time; the time of the switch if it switched without; else `undefined`. */
export function suspicionMs(edge: RunningEdge, sinceMs: number): number | undefined {
  const first = eventsOf(edge).find((event) => {
    return timeOf(event) >= sinceMs && (event.event === "path suspected" || isChange(event));
  });
  return first === undefined ? undefined : timeOf(first);
}

/** Waits until each edge has a FakeTCP path that works. */
export async function waitForFakeTcp(...edges: RunningEdge[]): Promise<void> {
  await Promise.all(
    edges.map((edge) =>
      waitForEvent(edge, (event) => event.event === "path up" && isFakeTcp(event), PATH_UP_TIMEOUT_MS)
    ),
  );
}

/** Whether an event tells of a change of the path in use, the first choice included. */
function isChange(event: LogEvent): boolean {
  return typeof event.from === "string" && typeof event.to === "string" && typeof event.darkMs === "number";
}

function leadsTo(event: LogEvent, transport: TransportName): boolean {
  return String(event.to).startsWith(transport);
}

function isFakeTcp(event: LogEvent): boolean {
  return String(event.path).startsWith("faketcp");
}
