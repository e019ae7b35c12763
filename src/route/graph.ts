/**
 * What is known about the links between nodes, and when routes should be computed from it.
 *
 * The graph holds the last latency of every ordered pair of nodes, how long it is valid, and what routes were last computed
 * with. It doesn't compute: {@linkcode LatencyGraph.takeUpdate} says what is to be computed anew, if anything, as a record
 * that can be sent to a worker, where `Routes` (`routes.ts`) applies it. A few changed links go as single edges, so that
 * they cost a small part of a full computation; what is within the tolerance stays as it was used. Source: `behaviour.md`
 * §6; reference node, `path/path.go`.
 *
 * Otherwise than there, nodes exist because someone who knows them added them, not because a message named them; a changed
 * additional cost counts as a change; and what expires does so at a scan ({@linkcode LatencyGraph.expire}) rather than at
 * each look. There, the first link of a node ends the cool-down; here any link that appears or vanishes does.
 *
 * A super node in static mode only shows what it holds: its next-hop table is in the configuration.
 *
 * @module
 */

import { isOrdinaryNodeId, type NodeId } from "../base/node_id.ts";
import {
  isSignificantChange,
  type JitterTolerance,
  type ManualLatencies,
  manualLatencyMs,
  UNREACHABLE_MS,
} from "./latency_filter.ts";

/** More changed links than this are computed anew as a whole. */
export const MAX_CHANGED_EDGES = 16;

const US_PER_MS = 1000;
const FLOAT_ERROR_US = 0.001;
const FIRST_CAPACITY = 16;
const GROWTH = 1.25;

/** The configuration that a graph obeys. */
export interface GraphSettings {
  readonly manualLatencyMs: ManualLatencies;
  readonly tolerance: JitterTolerance;
  /** Least time between two computations, unless a link appeared or vanished. */
  readonly coolDownMs: number;
}

/** A latency measured from `source` to `destination`. */
export interface Measurement {
  readonly source: NodeId;
  readonly destination: NodeId;
  /** One way; negative where clocks differ. From {@linkcode UNREACHABLE_MS} on there is no link. */
  readonly latencyMs: number;
  /** What the destination charges for every link that ends at it; below 0 counts as 0. */
  readonly additionalCostMs: number;
  readonly validForMs: number;
}

/** The cost of one link. */
export interface EdgeCost {
  readonly source: NodeId;
  readonly destination: NodeId;
  /** Whole microseconds; `Infinity`: no link. */
  readonly costUs: number;
}

/** What is to be computed: the whole graph, or some of its links. Can be cloned to a worker. */
export type GraphUpdate =
  | {
    readonly kind: "all";
    /** Ascending. */
    readonly nodes: readonly NodeId[];
    /** Nodes × nodes, in the order of `nodes`: the cost of each link in whole microseconds, `Infinity` for none. */
    readonly costsUs: Float64Array<ArrayBuffer>;
  }
  | { readonly kind: "edges"; readonly edges: readonly EdgeCost[] };

/** What is known of all links, and what routes were computed with. Can be cloned to a worker. */
export interface LinkLatencies {
  /** Ascending. */
  readonly nodes: readonly NodeId[];
  /** Nodes × nodes, in the order of `nodes`: the latency known now, in whole microseconds; `Infinity` for no link. */
  readonly latencyUs: Float64Array<ArrayBuffer>;
  /** In the same order, the latencies that routes were last computed with. */
  readonly usedLatencyUs: Float64Array<ArrayBuffer>;
}

/**
 * Square matrices over the slots of nodes: the entry of a link is at (slot of source × capacity + slot of destination). Costs are whole
 * microseconds, so that sums of them are exact; `Infinity` is no link.
 */
interface LinkColumns {
  readonly latencyUs: Float64Array;
  readonly additionalUs: Float64Array;
  readonly validUntilMs: Float64Array;
  /** What routes were last computed with. */
  readonly usedLatencyUs: Float64Array;
  readonly usedAdditionalUs: Float64Array;
}

/** The measured graph of a network. Memory: about 40 octets for each ordered pair of nodes. */
export class LatencyGraph {
  readonly #settings: GraphSettings;
  readonly #slotOf = new Map<NodeId, number>();
  readonly #freeSlots: number[] = [];
  #capacity = 0;
  #links: LinkColumns = createColumns(0);
  /** Links with a significant change, as source << 16 | destination; at most {@linkcode MAX_CHANGED_EDGES}. */
  readonly #changed = new Set<number>();
  /** Nodes came or went, or too many links changed. */
  #needsAll = false;
  /** A link appeared or vanished: the cool-down doesn't matter. */
  #isUrgent = false;
  #computedAtMs = -Infinity;
  #nextExpiryMs = Infinity;

  constructor(settings: GraphSettings) {
    this.#settings = settings;
  }

  /** All nodes, ascending. */
  nodes(): NodeId[] {
    return [...this.#slotOf.keys()].sort((a, b) => a - b);
  }

  /** Count of nodes. */
  get size(): number {
    return this.#slotOf.size;
  }

  /**
   * Adds a node without links, unless it is there.
   *
   * @throws {RangeError} The identifier is reserved.
   */
  addNode(node: NodeId): void {
    if (!isOrdinaryNodeId(node)) throw new RangeError(`Cannot add node ${node}: should be an ordinary NodeId`);
    if (this.#slotOf.has(node)) return;
    if (this.#freeSlots.length === 0) this.#grow();
    const slot = this.#freeSlots.pop() ?? 0;
    this.#slotOf.set(node, slot);
    this.#needsAll = true;
  }

  /** Removes a node and its links; does nothing if it isn't there. */
  removeNode(node: NodeId): void {
    const slot = this.#slotOf.get(node);
    if (slot === undefined) return;
    for (let other = 0; other < this.#capacity; other++) {
      forgetLink(this.#links, slot * this.#capacity + other);
      forgetLink(this.#links, other * this.#capacity + slot);
    }
    this.#slotOf.delete(node);
    this.#freeSlots.push(slot);
    this.#needsAll = true;
    this.#isUrgent = true;
  }

  /**
   * Takes a measurement in.
   *
   * A manual latency replaces the measured one.
   *
   * @returns False if it can't be used, and nothing has changed: a node is unknown or is both ends, or a number is none.
   */
  measure(measurement: Measurement, nowMs: number): boolean {
    const { source, destination, additionalCostMs, validForMs } = measurement;
    const sourceSlot = this.#slotOf.get(source);
    const destinationSlot = this.#slotOf.get(destination);
    if (sourceSlot === undefined || destinationSlot === undefined || source === destination) return false;
    const latencyMs = manualLatencyMs(this.#settings.manualLatencyMs, source, destination) ?? measurement.latencyMs;
    if (!(latencyMs > -UNREACHABLE_MS) || Number.isNaN(additionalCostMs) || !(validForMs > 0)) return false;

    const link = sourceSlot * this.#capacity + destinationSlot;
    const { latencyUs, additionalUs, validUntilMs } = this.#links;
    latencyUs[link] = microseconds(latencyMs);
    additionalUs[link] = microseconds(Math.max(0, additionalCostMs));
    validUntilMs[link] = latencyUs[link] === Infinity ? Infinity : nowMs + validForMs;
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, validUntilMs[link]);
    this.#noteChange(source, destination, link);
    return true;
  }

  /**
   * Lets links go that weren't measured in time. Looks at all of them, but only if one may have expired.
   *
   * @returns When the next one expires unless it is measured again; `Infinity` if none does.
   */
  expire(nowMs: number): number {
    if (nowMs < this.#nextExpiryMs) return this.#nextExpiryMs;
    const { latencyUs, validUntilMs } = this.#links;
    this.#nextExpiryMs = Infinity;
    for (const [source, sourceSlot] of this.#slotOf) {
      for (const [destination, destinationSlot] of this.#slotOf) {
        const link = sourceSlot * this.#capacity + destinationSlot;
        if (validUntilMs[link] <= nowMs) {
          latencyUs[link] = Infinity;
          validUntilMs[link] = Infinity;
          this.#noteChange(source, destination, link);
        } else if (validUntilMs[link] < this.#nextExpiryMs) {
          this.#nextExpiryMs = validUntilMs[link];
        }
      }
    }
    return this.#nextExpiryMs;
  }

  /** When routes should be computed anew, by what is known now: `-Infinity` for at once, `Infinity` for not. */
  recalculationDueAtMs(): number {
    if (!this.#needsAll && this.#changed.size === 0) return Infinity;
    return this.#isUrgent ? -Infinity : this.#computedAtMs + this.#settings.coolDownMs;
  }

  /**
   * Returns what is to be computed now, and takes it for computed; `undefined` if there is nothing to do yet.
   *
   * Updates must be applied in the order they were taken, each once.
   */
  takeUpdate(nowMs: number): GraphUpdate | undefined {
    if (nowMs < this.recalculationDueAtMs()) return undefined;
    this.expire(nowMs);
    return this.#needsAll ? this.takeAll(nowMs) : this.#takeEdges(nowMs);
  }

  /** Returns the whole graph to be computed, whether anything has changed or not, and takes it for computed. */
  takeAll(nowMs: number): GraphUpdate {
    const nodes = this.nodes();
    const slots = nodes.map((node) => this.#slotOf.get(node) ?? 0);
    const costsUs = new Float64Array(slots.length * slots.length);
    let at = 0;
    for (const sourceSlot of slots) {
      for (const destinationSlot of slots) {
        const link = sourceSlot * this.#capacity + destinationSlot;
        this.#useLink(link);
        costsUs[at++] = sourceSlot === destinationSlot ? 0 : usedCostUs(this.#links, link);
      }
    }
    this.#endComputation(nowMs);
    return { kind: "all", nodes, costsUs };
  }

  /**
   * Forgets how negative latencies are, after a computation met a cycle of negative sum: clocks were set meanwhile.
   *
   * Every link of negative cost gets the latency 0 until it is measured again. No cycle can have a negative sum then.
   *
   * @returns The whole graph, to be computed.
   */
  flattenNegative(nowMs: number): GraphUpdate {
    const { latencyUs, additionalUs } = this.#links;
    for (let link = 0; link < latencyUs.length; link++) {
      if (latencyUs[link] + additionalUs[link] < 0) latencyUs[link] = 0;
    }
    return this.takeAll(nowMs);
  }

  /** Copies the latencies of all links. */
  links(): LinkLatencies {
    const nodes = this.nodes();
    const slots = nodes.map((node) => this.#slotOf.get(node) ?? 0);
    const latencyUs = new Float64Array(slots.length * slots.length);
    const usedLatencyUs = new Float64Array(slots.length * slots.length);
    let at = 0;
    for (const sourceSlot of slots) {
      for (const destinationSlot of slots) {
        const link = sourceSlot * this.#capacity + destinationSlot;
        latencyUs[at] = sourceSlot === destinationSlot ? 0 : this.#links.latencyUs[link];
        usedLatencyUs[at++] = sourceSlot === destinationSlot ? 0 : this.#links.usedLatencyUs[link];
      }
    }
    return { nodes, latencyUs, usedLatencyUs };
  }

  /** The latency that is known now; `Infinity` for no link. */
  latencyMs(source: NodeId, destination: NodeId): number {
    return this.#linkOf(source, destination, (link) => this.#links.latencyUs[link] / US_PER_MS);
  }

  #linkOf(source: NodeId, destination: NodeId, read: (link: number) => number): number {
    const sourceSlot = this.#slotOf.get(source);
    const destinationSlot = this.#slotOf.get(destination);
    if (sourceSlot === undefined || destinationSlot === undefined) return Infinity;
    return source === destination ? 0 : read(sourceSlot * this.#capacity + destinationSlot);
  }

  #takeEdges(nowMs: number): GraphUpdate {
    const edges: EdgeCost[] = [];
    for (const key of this.#changed) {
      const source = key >>> 16;
      const destination = key & 0xffff;
      const link = (this.#slotOf.get(source) ?? 0) * this.#capacity + (this.#slotOf.get(destination) ?? 0);
      this.#useLink(link);
      edges.push({ source, destination, costUs: usedCostUs(this.#links, link) });
    }
    this.#endComputation(nowMs);
    return { kind: "edges", edges };
  }

  #useLink(link: number): void {
    this.#links.usedLatencyUs[link] = this.#links.latencyUs[link];
    this.#links.usedAdditionalUs[link] = this.#links.additionalUs[link];
  }

  #endComputation(nowMs: number): void {
    this.#changed.clear();
    this.#needsAll = false;
    this.#isUrgent = false;
    this.#computedAtMs = nowMs;
  }

  /** Compares a link with what it was used with, and remembers it if routes should follow. */
  #noteChange(source: NodeId, destination: NodeId, link: number): void {
    const { latencyUs, additionalUs, usedLatencyUs, usedAdditionalUs } = this.#links;
    const isReachable = latencyUs[link] !== Infinity;
    if (isReachable !== (usedLatencyUs[link] !== Infinity)) this.#isUrgent = true;
    if (this.#needsAll) return;
    const key = (source << 16 | destination) >>> 0;
    const isChanged = (isReachable && additionalUs[link] !== usedAdditionalUs[link]) || isSignificantChange(
      usedLatencyUs[link] / US_PER_MS,
      latencyUs[link] / US_PER_MS,
      this.#settings.tolerance,
      this.#scaleMs(source, destination, link),
    );
    if (!isChanged) {
      this.#changed.delete(key);
      return;
    }
    this.#changed.add(key);
    if (this.#changed.size > MAX_CHANGED_EDGES) this.#needsAll = true;
  }

  /**
   * Half of the round trip over a link: as great as the latency where both directions are alike, and the same whatever the
   * clocks of the two ends say. `undefined` as long as the other direction isn't known.
   */
  #scaleMs(source: NodeId, destination: NodeId, link: number): number | undefined {
    const { latencyUs, usedLatencyUs } = this.#links;
    const back = (this.#slotOf.get(destination) ?? 0) * this.#capacity + (this.#slotOf.get(source) ?? 0);
    const [nowUs, usedUs] = [latencyUs[link] + latencyUs[back], usedLatencyUs[link] + usedLatencyUs[back]];
    if (nowUs === Infinity) return undefined;
    return Math.max(Math.abs(nowUs), usedUs === Infinity ? 0 : Math.abs(usedUs)) / 2 / US_PER_MS;
  }

  #grow(): void {
    const oldCapacity = this.#capacity;
    const capacity = Math.max(FIRST_CAPACITY, Math.ceil(oldCapacity * GROWTH));
    const grown = createColumns(capacity);
    copyColumns(this.#links, oldCapacity, grown, capacity);
    this.#links = grown;
    this.#capacity = capacity;
    for (let slot = capacity - 1; slot >= oldCapacity; slot--) this.#freeSlots.push(slot);
  }
}

function createColumns(capacity: number): LinkColumns {
  const links = capacity * capacity;
  return {
    latencyUs: new Float64Array(links).fill(Infinity),
    additionalUs: new Float64Array(links),
    validUntilMs: new Float64Array(links).fill(Infinity),
    usedLatencyUs: new Float64Array(links).fill(Infinity),
    usedAdditionalUs: new Float64Array(links),
  };
}

function copyColumns(source: LinkColumns, sourceCapacity: number, target: LinkColumns, capacity: number): void {
  for (const name of ["latencyUs", "additionalUs", "validUntilMs", "usedLatencyUs", "usedAdditionalUs"] as const) {
    for (let slot = 0; slot < sourceCapacity; slot++) {
      const row = slot * sourceCapacity;
      target[name].set(source[name].subarray(row, row + sourceCapacity), slot * capacity);
    }
  }
}

function forgetLink(links: LinkColumns, link: number): void {
  links.latencyUs[link] = Infinity;
  links.additionalUs[link] = 0;
  links.validUntilMs[link] = Infinity;
  links.usedLatencyUs[link] = Infinity;
  links.usedAdditionalUs[link] = 0;
}

/** The cost of a link as used; none from {@linkcode UNREACHABLE_MS} on. */
function usedCostUs(links: LinkColumns, link: number): number {
  const costUs = links.usedLatencyUs[link] + links.usedAdditionalUs[link];
  return costUs >= UNREACHABLE_MS * US_PER_MS ? Infinity : costUs;
}

/**
 * Rounds up to whole microseconds.
 *
 * To the nearest would make cycles of negative sum out of links that cost next to nothing between clocks that differ: 0.4
 * and 0.4 and −0.8 µs would be 0, 0 and −1. What is less than a nanosecond too much is an error of the floating point.
 */
function microseconds(ms: number): number {
  // The sum turns -0 into 0.
  return ms >= UNREACHABLE_MS ? Infinity : Math.ceil(ms * US_PER_MS - FLOAT_ERROR_US) + 0;
}
