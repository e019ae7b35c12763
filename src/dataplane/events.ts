// No allocation per packet in this file.
/**
 * What a lane tells the control thread, as slots of a ring.
 *
 * | octets | field |
 * | --- | --- |
 * | 0–3 | kind, see {@linkcode EventKind} |
 * | 4–7 | peer row, or −1 |
 * | 8–11 | session row, or −1 |
 * | 12–15 | length of the payload |
 * | 16–23 | arrival time, ms, float64 |
 * | 24–71 | endpoint that it came from, see `base/endpoint.ts` |
 * | 72–75 | a number whose meaning depends on the kind |
 * | 76–79 | kind of the path, or −1 |
 * | 80 … | payload |
 *
 * A lane never waits: when the ring is full it counts `EVENT_OVERFLOW` and goes on.
 *
 * @module
 */

import { copyEndpoint, ENDPOINT_WORDS } from "../base/endpoint.ts";
import { Ring, ringBufferLength } from "../base/ring.ts";

/** What happened. */
export const EventKind = {
  /** A handshake message or cookie reply, whole, MAC1 verified where it has one for us. Payload: the datagram. */
  HANDSHAKE: 1,
  /** A control message for us, opened. Payload: the content, inner header included; number: type | ttl << 8. */
  MESSAGE: 2,
  /** The peer sent something authentic from another endpoint than the recorded one. */
  ROAMED: 3,
  /** The first message under a session in state NEXT was opened: the peer has the keys. */
  CONFIRMED: 4,
  /** There is content for the peer and no session to send it with. */
  SESSION_WANTED: 5,
  /** A descriptor of the lane failed. Number: errno; peer row: index of the descriptor, see `lane.ts`. */
  LANE_FAILED: 6,
  /** A path's bind refused to send to the peer. Number: errno. */
  SEND_FAILED: 7,
  /** There is traffic to the peer, and its current path is unconfirmed. */
  PROBE_WANTED: 8,
  /** A FakeTCP packet that no lane can deal with: see `faketcp/stack.ts`. Payload: the packet's beginning. */
  SEGMENT: 9,
  /** The network says that a datagram didn't arrive (ICMP). Endpoint: where it was sent to; number: errno. */
  UNREACHABLE: 10,
  /** Datagrams on a FakeTCP connection come with wrong borders. Endpoint: names the connection; number: 1 for merged ones, 2 for single ones too. */
  BORDER_LOSS: 11,
} as const;

/** Octets of a slot. */
export const EVENT_SLOT_LEN = 4096;
/** Slots of a lane's ring. */
export const EVENT_SLOTS = 256;

/** Events that may wait when a handshake message joins them: a flood of these must not crowd out what keeps sessions alive. */
export const EVENTS_BEFORE_HANDSHAKE_MAX = EVENT_SLOTS * 3 / 4;

const PEER = 4;
const SESSION = 8;
const PAYLOAD_LENGTH = 12;
const TIME = 16;
const ENDPOINT = 24;
const NUMBER = 72;
const PATH = 76;
const PAYLOAD = 80;

/** Longest payload of an event, in octets. */
export const EVENT_PAYLOAD_MAX = EVENT_SLOT_LEN - PAYLOAD;

const NO_PAYLOAD = new Uint8Array(0);

/** Makes the memory of an empty event ring. */
export function createEventRing(): Ring {
  return attachEventRing(new SharedArrayBuffer(ringBufferLength(EVENT_SLOT_LEN, EVENT_SLOTS)));
}

/** Views the memory of an event ring that another thread made. */
export function attachEventRing(buffer: SharedArrayBuffer): Ring {
  return new Ring(buffer, EVENT_SLOT_LEN, EVENT_SLOTS);
}

/**
 * Puts an event. Allocates nothing.
 *
 * @param path Kind of the path that it concerns, −1 for none.
 * @param endpoint Words of the burst or table that hold the source endpoint, at `endpointAt`; `endpointAt` −1 for none.
 * @param payload Buffer that holds `payloadLen` octets at `payloadAt`; at most {@linkcode EVENT_PAYLOAD_MAX} are taken.
 * @returns Whether there was room.
 */
export function putEvent(
  ring: Ring,
  kind: number,
  peerRow: number,
  sessionRow: number,
  timeMs: number,
  number: number,
  path: number,
  endpoint: Uint32Array,
  endpointAt: number,
  payload: Uint8Array,
  payloadAt: number,
  payloadLen: number,
): boolean {
  if (payloadLen > EVENT_PAYLOAD_MAX) return false;
  const at = ring.beginPut();
  if (at < 0) return false;
  const { view, octets } = ring;
  view.setInt32(at, kind, true);
  view.setInt32(at + PEER, peerRow, true);
  view.setInt32(at + SESSION, sessionRow, true);
  view.setInt32(at + PAYLOAD_LENGTH, payloadLen, true);
  view.setFloat64(at + TIME, timeMs, true);
  view.setInt32(at + NUMBER, number, true);
  view.setInt32(at + PATH, path, true);
  if (endpointAt >= 0) copyEndpoint(endpoint, endpointAt, ring.words, (at + ENDPOINT) >> 2);
  for (let index = 0; index < payloadLen; index++) octets[at + PAYLOAD + index] = payload[payloadAt + index];
  ring.endPut();
  return true;
}

/** Puts an event that has neither endpoint nor payload. Allocates nothing. */
export function putPlainEvent(
  ring: Ring,
  kind: number,
  peerRow: number,
  sessionRow: number,
  timeMs: number,
  number: number,
  path: number,
): boolean {
  return putEvent(ring, kind, peerRow, sessionRow, timeMs, number, path, ring.words, -1, NO_PAYLOAD, 0, 0);
}

/** One event, copied out of its ring. */
export interface LaneEvent {
  kind: number;
  peerRow: number;
  sessionRow: number;
  timeMs: number;
  number: number;
  /** Kind of the path, −1 for none. */
  path: number;
  /** Endpoint record of 12 words. */
  endpoint: Uint32Array;
  payload: Uint8Array;
}

/** Takes the oldest event, or `undefined` if there is none. Copies, so that the slot is free at once. */
export function takeEvent(ring: Ring): LaneEvent | undefined {
  const at = ring.beginTake();
  if (at < 0) return undefined;
  const event = createEvent(ring, at);
  ring.endTake();
  return event;
}

/**
 * Returns how many handshake messages wait in a ring: what else waits there says nothing about them. Consumer's side.
 *
 * Where a ring refuses handshakes because it is so full, everything in it counts: nobody knows how many were refused.
 */
export function handshakeBacklog(ring: Ring): number {
  const { size } = ring;
  if (size >= EVENTS_BEFORE_HANDSHAKE_MAX) return size;
  let count = 0;
  for (let places = 0; places < size; places++) {
    if (ring.view.getInt32(ring.peek(places), true) === EventKind.HANDSHAKE) count++;
  }
  return count;
}

/** Takes events from several rings, of each in turn: a ring that never empties must not keep the others waiting. */
export class EventTaker {
  readonly #rings: readonly Ring[];
  #next = 0;

  /** @param rings Kept; more may be added. */
  constructor(rings: readonly Ring[]) {
    this.#rings = rings;
  }

  /** Takes the oldest event of the next ring that has one, or returns `undefined` if none has. */
  take(): LaneEvent | undefined {
    for (let looked = 0; looked < this.#rings.length; looked++) {
      const event = takeEvent(this.#rings[this.#next]);
      this.#next = (this.#next + 1) % this.#rings.length;
      if (event !== undefined) return event;
    }
    return undefined;
  }
}

/** Copies the event of the slot at `at`. The control thread's side: events are rare. */
function createEvent(ring: Ring, at: number): LaneEvent {
  const { view, words, octets } = ring;
  const endpointAt = (at + ENDPOINT) >> 2;
  const payloadAt = at + PAYLOAD;
  return {
    kind: view.getInt32(at, true),
    peerRow: view.getInt32(at + PEER, true),
    sessionRow: view.getInt32(at + SESSION, true),
    timeMs: view.getFloat64(at + TIME, true),
    number: view.getInt32(at + NUMBER, true),
    path: view.getInt32(at + PATH, true),
    endpoint: words.slice(endpointAt, endpointAt + ENDPOINT_WORDS),
    payload: octets.slice(payloadAt, payloadAt + view.getInt32(at + PAYLOAD_LENGTH, true)),
  };
}
