// No allocation per packet in this file.
/**
 * FakeTCP packets that a lane hands to the control thread, as events.
 *
 * They must not crowd out what keeps sessions alive: of the ring they get one half.
 *
 * @module
 */

import { type Ring } from "../base/ring.ts";
import { REASON_COUNT } from "../base/reason.ts";
import { type SegmentSink } from "../faketcp/segment_gate.ts";
import { EVENT_SLOTS, EventKind, putEvent } from "./events.ts";
import { Setting, type Tables } from "./tables.ts";

const NONE = -1;
const NO_ENDPOINT = -1;

/** The sink of one lane's FakeTCP bind. */
export class SegmentReport implements SegmentSink {
  readonly #tables: Tables;
  readonly #events: Ring;
  readonly #reasonsAt: number;

  constructor(tables: Tables, lane: number, events: Ring) {
    this.#tables = tables;
    this.#events = events;
    this.#reasonsAt = lane * REASON_COUNT;
  }

  takeSegment(octets: Uint8Array, at: number, length: number): boolean {
    const events = this.#events;
    if (events.size >= EVENT_SLOTS / 2) return false;
    const kind = EventKind.SEGMENT;
    // No endpoint and no time: the packet says where it comes from, and the stack takes the time when it looks at it.
    if (!putEvent(events, kind, NONE, NONE, 0, 0, NONE, events.words, NO_ENDPOINT, octets, at, length)) return false;
    Atomics.add(this.#tables.settings, Setting.DOORBELL, 1);
    Atomics.notify(this.#tables.settings, Setting.DOORBELL);
    return true;
  }

  drop(reason: number, count: number): void {
    this.#tables.dropped[this.#reasonsAt + reason] += count;
  }
}
