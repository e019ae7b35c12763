/**
 * Two selectors joined by four simulated paths, in simulated time, and a stream of data that tells what users notice.
 *
 * ```
 *            ┌── udp6 ──────┐
 *   node 0 ──┼── udp4 ──────┼── node 1      each path has its own conditions in each direction
 *            ├── faketcp6 ──┤
 *            └── faketcp4 ──┘
 * ```
 *
 * Nodes do what an owner and its lanes do: data goes out on the current path, the mirrored ones, and, while the current
 * path is unconfirmed, the standby ones. All randomness comes from one seed.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../../src/base/path_kind.ts";
import { type RandomSource, seededRandom } from "../../src/base/random.ts";
import type { PathEvent, PathSwitched } from "../../src/conn/path_event.ts";
import { DEFAULT_PATH_PARAMS, type PathParams } from "../../src/conn/path_params.ts";
import { PathSelector, type ProbeOut } from "../../src/conn/path_selector.ts";
import { EventQueue } from "../simnet/event_queue.ts";

/** How one path treats datagrams in one direction. */
export interface PathConditions {
  /** Time on the way, ms. */
  latencyMs: number;
  /** Additional time, drawn evenly from 0 to this. */
  jitterMs: number;
  /** Probability that a datagram is lost, 0 to 1. */
  loss: number;
  /** Whether everything is lost. */
  isCut: boolean;
  /** Longest datagram, in octets; longer ones are lost without a word. */
  mtu: number;
}

/** A datagram of data as the receiver saw it. */
interface DataPacket {
  readonly sentMs: number;
  /** When the first copy arrived; `Infinity`: none did. */
  arrivedMs: number;
  /** Copies sent and arrived. */
  sentCopies: number;
  arrivedCopies: number;
}

/** An event of a node, and when it was told. */
export type TimedEvent = PathEvent & { readonly atMs: number };

/** Settings of a simulation. */
export interface PathSimOptions {
  readonly seed: number;
  readonly params?: Partial<PathParams>;
  /** Kinds that both nodes have; all by default. */
  readonly kinds?: readonly number[];
  readonly order?: readonly number[];
  /** Interval of data in each direction, ms; 0 for no data. */
  readonly dataIntervalMs?: number;
}

/** Length of data datagrams in octets: full frames. */
export const DATA_LEN = 1452;
/** What interfaces allow, in octets. */
const STRUCTURAL_LIMIT = 1472;
/** How often an owner looks at what its lanes noted. */
const OWNER_POLL_MS = 250;

const USUAL_ORDER = [0, 1, 2, 3];

/** Two nodes and what lies between them. */
export class PathSim {
  readonly nodes: readonly [SimNode, SimNode];
  /** One line for each probe, reply and event. */
  readonly trace: string[] = [];
  readonly queue = new EventQueue();
  readonly random: RandomSource;
  /** By direction (the node that sends), then kind. */
  readonly conditions: readonly (readonly PathConditions[])[];
  readonly #dataIntervalMs: number;

  constructor(options: PathSimOptions) {
    this.random = seededRandom(options.seed);
    this.#dataIntervalMs = options.dataIntervalMs ?? 5;
    this.conditions = [0, 1].map(() =>
      USUAL_ORDER.map(() => ({
        latencyMs: 5 + this.fraction() * 35,
        jitterMs: this.fraction() * 10,
        loss: 0,
        isCut: false,
        mtu: 1500,
      }))
    );
    this.nodes = [new SimNode(this, 0, options), new SimNode(this, 1, options)];
    for (const node of this.nodes) node.start(options.kinds ?? USUAL_ORDER);
    if (this.#dataIntervalMs > 0) this.#sendData();
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  /** Runs for a time. */
  run(durationMs: number): void {
    this.queue.runUntil(this.nowMs + durationMs);
  }

  /** Runs until a condition holds, and returns how long that took, ms; `Infinity` if it doesn't within the limit. */
  runUntilHolds(condition: () => boolean, limitMs: number): number {
    const startMs = this.nowMs;
    while (!condition()) {
      if (!this.queue.runNext(startMs + limitMs)) return Infinity;
    }
    return this.nowMs - startMs;
  }

  /** Changes the conditions of paths in directions. */
  change(kinds: readonly number[], directions: readonly number[], conditions: Partial<PathConditions>): void {
    for (const direction of directions) {
      for (const kind of kinds) Object.assign(this.conditions[direction][kind], conditions);
    }
  }

  /** Draws evenly from 0 up to 1. */
  fraction(): number {
    return this.random.uint32() / 2 ** 32;
  }

  /** Returns when a datagram arrives at the other side, `Infinity` for never. */
  arrivalMs(direction: number, kind: number, length: number): number {
    const { latencyMs, jitterMs, loss, isCut, mtu } = this.conditions[direction][kind];
    const isLost = loss > 0 && this.fraction() < loss;
    return isLost || isCut || length > mtu ? Infinity : this.nowMs + latencyMs + this.fraction() * jitterMs;
  }

  #sendData(): void {
    for (const node of this.nodes) node.sendData();
    this.queue.push(this.nowMs + this.#dataIntervalMs, () => this.#sendData());
  }
}

/** One side: a selector, its owner and its lane. */
export class SimNode {
  readonly selector: PathSelector;
  readonly events: TimedEvent[] = [];
  /** What this node sent. */
  readonly data: DataPacket[] = [];
  /** Probes sent, by kind. */
  readonly probes = new Float64Array(PATH_KIND_COUNT);
  /** Kinds on which sending fails at once. */
  readonly refused = new Set<number>();
  readonly #sim: PathSim;
  readonly #index: number;
  readonly #out: ProbeOut = { kind: 0, id: 0, length: 0 };
  #wakeVersion = 0;
  #lastSentMs = -Infinity;
  /** By kind: when something last came in. */
  readonly #receivedMs = new Float64Array(PATH_KIND_COUNT).fill(-Infinity);

  constructor(sim: PathSim, index: number, options: PathSimOptions) {
    this.#sim = sim;
    this.#index = index;
    const params = { ...DEFAULT_PATH_PARAMS, ...options.params };
    this.selector = new PathSelector(params, options.order ?? USUAL_ORDER, sim.random);
  }

  start(kinds: readonly number[]): void {
    for (const kind of kinds) this.selector.setUsable(kind, true, STRUCTURAL_LIMIT, this.#sim.nowMs);
    this.selector.setPeerProbes(true, this.#sim.nowMs);
    this.#poll();
  }

  /** Switches told so far. */
  switches(): PathSwitched[] {
    return this.events.filter((event) => event.kind === "switched");
  }

  /** Sends one datagram of data as a lane does. */
  sendData(): void {
    const { selector } = this;
    const nowMs = this.#sim.nowMs;
    const isConfirmed = nowMs <= selector.confirmedUntilMs;
    const mask = (1 << selector.current) | selector.mirrorMask | (isConfirmed ? 0 : selector.standbyMask);
    const packet: DataPacket = { sentMs: nowMs, arrivedMs: Infinity, sentCopies: 0, arrivedCopies: 0 };
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      if ((mask & (1 << kind)) === 0) continue;
      packet.sentCopies++;
      if (this.refused.has(kind)) {
        selector.handleSendFailure(kind, nowMs);
        continue;
      }
      const arrivedMs = this.#sim.arrivalMs(this.#index, kind, Math.min(DATA_LEN, selector.maxDatagramLen));
      if (arrivedMs === Infinity) continue;
      packet.arrivedCopies++;
      packet.arrivedMs = Math.min(packet.arrivedMs, arrivedMs);
      this.#peer().#receivedMs[kind] = Math.max(this.#peer().#receivedMs[kind], arrivedMs);
    }
    this.data.push(packet);
    this.#lastSentMs = nowMs;
    if (!isConfirmed) selector.handleProbeWanted(nowMs);
    this.#drain();
  }

  /** Hands something to the selector, and takes what comes of it. */
  tell(what: (selector: PathSelector, nowMs: number) => void): void {
    what(this.selector, this.#sim.nowMs);
    this.#drain();
  }

  #peer(): SimNode {
    return this.#sim.nodes[1 - this.#index];
  }

  /** Looks at what lanes noted, as an owner does now and then. */
  #poll(): void {
    const { nowMs, queue } = this.#sim;
    if (this.#lastSentMs > nowMs - OWNER_POLL_MS) this.selector.handleActivity(this.#lastSentMs);
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      if (this.#receivedMs[kind] > nowMs - OWNER_POLL_MS && this.#receivedMs[kind] <= nowMs) {
        this.selector.handleReceived(kind, nowMs);
      }
    }
    this.#drain();
    queue.push(nowMs + OWNER_POLL_MS, () => this.#poll());
  }

  #drain(): void {
    const { selector } = this;
    while (selector.pollTransmit(this.#out)) this.#sendProbe(this.#out.kind, this.#out.id, this.#out.length);
    for (let event = selector.pollEvent(); event !== undefined; event = selector.pollEvent()) {
      this.events.push({ ...event, atMs: this.#sim.nowMs });
      this.#note("event", Object.values(event).join(" "));
    }
    const dueMs = selector.pollTimeout();
    const version = ++this.#wakeVersion;
    if (dueMs === Infinity) return;
    this.#sim.queue.push(dueMs, () => {
      if (version === this.#wakeVersion) this.tell((selector, nowMs) => selector.handleTimeout(nowMs));
    });
  }

  #sendProbe(kind: number, id: number, length: number): void {
    this.probes[kind]++;
    this.#note("probe", `${kind} ${id} ${length}`);
    if (this.refused.has(kind)) return this.selector.handleSendFailure(kind, this.#sim.nowMs);
    const arrivedMs = this.#sim.arrivalMs(this.#index, kind, length);
    if (arrivedMs < Infinity) this.#sim.queue.push(arrivedMs, () => this.#peer().#answer(kind, id, length));
  }

  /** Answers a probe on its own path, on the current one and on those mirrored. The first copy counts. */
  #answer(kind: number, id: number, length: number): void {
    this.#receivedMs[kind] = this.#sim.nowMs;
    const mask = (1 << kind) | (1 << this.selector.current) | this.selector.mirrorMask;
    let arrivedMs = Infinity;
    for (let path = 0; path < PATH_KIND_COUNT; path++) {
      if ((mask & (1 << path)) === 0 || this.refused.has(path)) continue;
      arrivedMs = Math.min(arrivedMs, this.#sim.arrivalMs(this.#index, path, 62));
    }
    if (arrivedMs === Infinity) return;
    this.#sim.queue.push(arrivedMs, () => {
      const peer = this.#peer();
      peer.#note("reply", `${kind} ${id} ${length}`);
      peer.tell((selector, nowMs) => selector.handleReply(kind, id, length, nowMs));
    });
  }

  #note(what: string, text: string): void {
    this.#sim.trace.push(`${this.#sim.nowMs.toFixed(3)} ${this.#index} ${what} ${text}`);
  }
}

/** What users of a stretch of time notice. */
export interface StreamReport {
  /** Longest time for which nothing arrived, ms. */
  readonly darkMs: number;
  readonly lost: number;
  /** Of those, the ones sent at or after a time. */
  readonly lostAfter: number;
  /** Copies that arrived beyond the first. */
  readonly duplicates: number;
  readonly sent: number;
}

/** Judges what a node sent from one time to another; packets lost are counted also from a third on. */
export function reportStream(node: SimNode, fromMs: number, toMs: number, afterMs = Infinity): StreamReport {
  const packets = node.data.filter(({ sentMs }) => sentMs >= fromMs && sentMs < toMs);
  const arrivals = packets.map(({ arrivedMs }) => arrivedMs).filter((ms) => ms < Infinity).sort((a, b) => a - b);
  let darkMs = arrivals.length === 0 ? toMs - fromMs : 0;
  for (let index = 1; index < arrivals.length; index++) {
    darkMs = Math.max(darkMs, arrivals[index] - arrivals[index - 1]);
  }
  const lost = packets.filter(({ arrivedMs }) => arrivedMs === Infinity);
  return {
    darkMs,
    lost: lost.length,
    lostAfter: lost.filter(({ sentMs }) => sentMs >= afterMs).length,
    duplicates: packets.reduce((sum, { arrivedCopies }) => sum + Math.max(0, arrivedCopies - 1), 0),
    sent: packets.length,
  };
}

/** Returns the value that a share of the others doesn't exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}
