/**
 * Two nodes with UDP and FakeTCP under load, and what became of every single frame when one transport fails.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { PATH_KIND_NAMES } from "../../src/base/path_kind.ts";
import { fastPrimitives } from "./fast_primitives.ts";
import { fraction, type SimDatagram, type Verdict } from "./network.ts";
import type { SimLogLine, SimNode, SimNodeOptions, SimPathOptions } from "./node.ts";
import { ADDRESS_A, ADDRESS_B, createPair, type Pair, type PairOptions } from "./pair.ts";

/** Time between two frames of the load, ms. */
export const FRAME_INTERVAL_MS = 20;
/** How long an ordinary pair needs until both sides have a warm FakeTCP connection, with time to spare. */
export const WARM_UP_MS = 4_000;
/** Longest time in which nothing may arrive when a path fails in silence, ms. */
export const DARK_MAX_MS = 1_000;
/** Frames sent so shortly before the end of a test needn't have arrived. */
const IN_FLIGHT_MS = 1_000;

const WITH_FAKE_TCP: SimPathOptions = { fakeTcp: true };
/** Options of a node of ours that simulates fast. */
export const FAST_NODE: Partial<SimNodeOptions> = { primitives: fastPrimitives, paths: WITH_FAKE_TCP };

/** Frames of one direction. */
export interface Flow {
  readonly from: SimNode;
  readonly to: SimNode;
  /** What its frames begin with. */
  readonly tag: string;
  /** By number of the frame. */
  readonly sentMs: number[];
}

/** A pair with load in both directions. */
export interface LoadedPair extends Pair {
  readonly flows: readonly [aToB: Flow, bToA: Flow];
}

/** Makes a pair on links of random latency: a round trip of 4 to 200 ms. */
export function createFailoverPair(seed: number, options: PairOptions = {}): Pair {
  const latencyMs = 1 + seed * 7 % 50;
  const pair = createPair(seed, {
    link: { latencyMs, jitterMs: seed % 3 === 0 ? latencyMs / 4 : 0 },
    aKnows: { fakeTcpAddress: ADDRESS_B },
    bKnows: { fakeTcpAddress: ADDRESS_A },
    ...options,
    a: { ...FAST_NODE, ...options.a },
    b: { ...FAST_NODE, ...options.b },
  });
  pair.network.traces = false;
  return pair;
}

/** How long before the load the first frame goes out, ms. */
const CONNECT_MS = 1_000;

/**
 * Loads a pair for a time, a second from now on. Before that A alone sends a frame, so that handshakes don't cross.
 *
 * @param frameLen Least octets of a frame.
 */
export function load(pair: Pair, durationMs: number, frameLen = 0): LoadedPair {
  const { network, a, b, aRow, bRow } = pair;
  const tag = `${network.nowMs}#`;
  const flows = [{ from: a, to: b, tag, sentMs: [] }, { from: b, to: a, tag, sentMs: [] }] as const satisfies Flow[];
  const startMs = network.nowMs + CONNECT_MS;
  a.send(aRow, "hello");
  const tick = () => {
    for (const [flow, row] of [[flows[0], aRow], [flows[1], bRow]] as const) {
      sendFrame(flow, row, frameLen, network.nowMs);
    }
    if (network.nowMs < startMs + durationMs) network.at(network.nowMs + FRAME_INTERVAL_MS, tick);
  };
  // The two directions needn't be in step with anything else.
  network.at(startMs + fraction(network.random) * FRAME_INTERVAL_MS, tick);
  return { ...pair, flows };
}

function sendFrame(flow: Flow, row: number, frameLen: number, nowMs: number): void {
  const number = flow.sentMs.push(nowMs) - 1;
  flow.from.send(row, `${flow.tag}${number} `.padEnd(frameLen, "x"));
}

/** What became of the frames of one direction. */
export interface FlowOutcome {
  readonly lost: number;
  readonly doubled: number;
  /** Longest time in which no frame was sent that arrived, ms. */
  readonly darkMs: number;
}

/** Tells what became of the frames of a direction that were sent after `sinceMs`, but for the very last. */
export function outcomeOf({ to, tag, sentMs }: Flow, nowMs: number, sinceMs = -Infinity): FlowOutcome {
  const arrivals = new Uint16Array(sentMs.length);
  for (const text of to.received) if (text.startsWith(tag)) arrivals[parseInt(text.slice(tag.length))]++;
  let [lost, doubled, darkMs, darkSinceMs] = [0, 0, 0, Infinity];
  for (const [number, atMs] of sentMs.entries()) {
    if (atMs <= sinceMs || atMs > nowMs - IN_FLIGHT_MS) continue;
    if (arrivals[number] === 0) {
      lost++;
      darkSinceMs = Math.min(darkSinceMs, atMs);
      darkMs = Math.max(darkMs, atMs + FRAME_INTERVAL_MS - darkSinceMs);
    } else {
      darkSinceMs = Infinity;
      doubled += arrivals[number] - 1;
    }
  }
  return { lost, doubled, darkMs };
}

/** Fails unless a direction was dark for no longer than allowed, lost nothing from its sender's doubts on, nor doubled any. */
export function assertSurvived(flow: Flow, nowMs: number, cutMs: number, darkMaxMs: number): void {
  const { darkMs } = outcomeOf(flow, nowMs);
  assert.ok(darkMs <= darkMaxMs, `node ${flow.from.nodeId} was dark for ${darkMs} ms`);
  const doubtedMs = Math.min(suspectedMs(flow.from, cutMs), cutMs + darkMaxMs);
  const { lost, doubled } = outcomeOf(flow, nowMs, doubtedMs);
  assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 }, `node ${flow.from.nodeId}`);
}

/** A change of path as a node has logged it. */
export interface LoggedSwitch {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** Changes from one path to another that a node has logged since a time. */
export function switchesOf({ log }: SimNode, sinceMs = 0): LoggedSwitch[] {
  return log.filter((line) => line.atMs >= sinceMs && isSwitch(line)).map(({ atMs, fields }) => ({
    atMs,
    from: String(fields.from),
    to: String(fields.to),
    why: String(fields.why),
  }));
}

function isSwitch({ fields }: SimLogLine): boolean {
  const isPath = (name: unknown) => PATH_KIND_NAMES.includes(String(name));
  return isPath(fields.from) && isPath(fields.to);
}

/** When a node first came to doubt its current path since a time, ms; `Infinity` if it didn't. */
export function suspectedMs({ log }: SimNode, sinceMs: number): number {
  return log.find((line) => line.atMs >= sinceMs && line.event === "path suspected")?.atMs ?? Infinity;
}

/** Tells whether a datagram goes by UDP. */
export function isUdp({ segment }: SimDatagram): boolean {
  return segment === undefined;
}

/** Lets the network drop, or refuse, the UDP datagrams that match. */
export function blockUdp(
  pair: Pair,
  verdict: Verdict = true,
  matches: (datagram: SimDatagram) => boolean = () => true,
): void {
  pair.network.firewall = (datagram) => isUdp(datagram) && matches(datagram) ? verdict : false;
}

/** Lets everything pass again. */
export function unblock({ network }: Pair): void {
  network.firewall = () => false;
}
