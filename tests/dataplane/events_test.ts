import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, parseEndpoint } from "../../src/base/endpoint.ts";
import {
  attachEventRing,
  createEventRing,
  EVENT_PAYLOAD_MAX,
  EVENT_SLOT_LEN,
  EVENT_SLOTS,
  EventKind,
  EVENTS_BEFORE_HANDSHAKE_MAX,
  EventTaker,
  handshakeBacklog,
  putEvent,
  putPlainEvent,
  takeEvent,
} from "../../src/dataplane/events.ts";

const PAYLOAD = Uint8Array.from({ length: EVENT_SLOT_LEN + 10 }, (_, index) => index * 7);
const ENDPOINTS = new Uint32Array(3 * ENDPOINT_WORDS);
ENDPOINTS.set(parseEndpoint("[2001:db8::1]:51820")!, ENDPOINT_WORDS);
ENDPOINTS.fill(9, ENDPOINT_WORDS + 7, 2 * ENDPOINT_WORDS);

Deno.test("takeEvent() gives back what putEvent() put, from offsets in larger buffers", () => {
  const ring = createEventRing();
  for (const length of [0, 1, 148, EVENT_PAYLOAD_MAX]) {
    const taken = putEvent(
      ring,
      EventKind.MESSAGE,
      5,
      -1,
      1234.5,
      -7,
      3,
      ENDPOINTS,
      ENDPOINT_WORDS,
      PAYLOAD,
      3,
      length,
    );
    assert.ok(taken);
    assert.deepEqual(takeEvent(ring), {
      kind: EventKind.MESSAGE,
      peerRow: 5,
      sessionRow: -1,
      timeMs: 1234.5,
      number: -7,
      path: 3,
      endpoint: ENDPOINTS.slice(ENDPOINT_WORDS, 2 * ENDPOINT_WORDS),
      payload: PAYLOAD.slice(3, 3 + length),
    });
    assert.equal(takeEvent(ring), undefined);
  }
});

Deno.test("putEvent() refuses a payload that no slot holds", () => {
  const ring = createEventRing();
  assert.ok(!putEvent(ring, EventKind.MESSAGE, 0, 0, 0, 0, -1, ENDPOINTS, 0, PAYLOAD, 0, EVENT_PAYLOAD_MAX + 1));
  assert.equal(ring.size, 0);
});

Deno.test("putEvent() refuses when the ring is full, and keeps what is in it", () => {
  const ring = createEventRing();
  for (let number = 0; number < EVENT_SLOTS; number++) {
    assert.ok(putPlainEvent(ring, EventKind.SESSION_WANTED, 1, 2, 3, number, -1));
  }
  assert.ok(!putPlainEvent(ring, EventKind.SESSION_WANTED, 1, 2, 3, 999, -1));
  assert.equal(takeEvent(ring)?.number, 0);
  assert.ok(putPlainEvent(ring, EventKind.SESSION_WANTED, 1, 2, 3, EVENT_SLOTS, -1));
  const numbers = Array.from({ length: EVENT_SLOTS }, () => takeEvent(ring)?.number);
  assert.deepEqual(numbers, Array.from({ length: EVENT_SLOTS }, (_, index) => index + 1));
});

Deno.test("putPlainEvent() puts an event without a payload, whatever its slot held before", () => {
  const ring = createEventRing();
  for (let count = 0; count < EVENT_SLOTS; count++) {
    putEvent(ring, EventKind.MESSAGE, 0, 0, 0, 0, -1, ENDPOINTS, 0, PAYLOAD, 0, 100);
    takeEvent(ring);
  }
  putPlainEvent(ring, EventKind.CONFIRMED, 3, 4, 5, 6, 2);
  const { kind, peerRow, sessionRow, timeMs, number, path, payload } = takeEvent(ring)!;
  assert.deepEqual([kind, peerRow, sessionRow, timeMs, number, path], [EventKind.CONFIRMED, 3, 4, 5, 6, 2]);
  assert.equal(payload.length, 0);
});

Deno.test("takeEvent() copies, so that the slot may be filled again", () => {
  const ring = createEventRing();
  putEvent(ring, EventKind.MESSAGE, 0, 0, 0, 0, -1, ENDPOINTS, ENDPOINT_WORDS, PAYLOAD, 0, 10);
  const event = takeEvent(ring)!;
  ring.octets.fill(0xee);
  assert.deepEqual(event.payload, PAYLOAD.slice(0, 10));
  assert.equal(event.endpoint[1], 51820);
});

Deno.test("handshakeBacklog() counts the handshake messages that wait, and nothing else", () => {
  const ring = createEventRing();
  const put = (kind: number, count: number) => {
    for (let index = 0; index < count; index++) putPlainEvent(ring, kind, -1, -1, 0, 0, -1);
  };
  put(EventKind.SEGMENT, 128);
  assert.equal(handshakeBacklog(ring), 0);
  put(EventKind.HANDSHAKE, 20);
  put(EventKind.MESSAGE, 30);
  put(EventKind.HANDSHAKE, 1);
  assert.equal(handshakeBacklog(ring), 21);
  for (let count = 0; count < 129; count++) takeEvent(ring);
  assert.equal(handshakeBacklog(ring), 20);
});

Deno.test("handshakeBacklog() counts all that waits where there is no room for handshakes", () => {
  const ring = createEventRing();
  for (let count = 0; count < EVENTS_BEFORE_HANDSHAKE_MAX; count++) {
    assert.equal(handshakeBacklog(ring), 0);
    putPlainEvent(ring, EventKind.MESSAGE, 0, 0, 0, 0, -1);
  }
  assert.equal(handshakeBacklog(ring), EVENTS_BEFORE_HANDSHAKE_MAX);
});

Deno.test("EventTaker takes of each ring in turn, so that one which never empties holds up no other", () => {
  const rings = [createEventRing(), createEventRing(), createEventRing()];
  const taker = new EventTaker(rings);
  assert.equal(taker.take(), undefined);
  for (let number = 0; number < 4; number++) putPlainEvent(rings[0], EventKind.CONFIRMED, 0, 0, 0, number, -1);
  for (const number of [20, 21]) putPlainEvent(rings[2], EventKind.CONFIRMED, 0, 0, 0, number, -1);
  const taken = Array.from({ length: 7 }, () => taker.take()?.number);
  assert.deepEqual(taken.toSorted(), [0, 1, 2, 20, 21, 3, undefined]);
  assert.ok(taken.indexOf(20) <= 1 && taken.indexOf(21) <= 3, taken.join());
});

Deno.test("attachEventRing() sees the events of the ring it shares memory with", () => {
  const ring = createEventRing();
  const other = attachEventRing(ring.buffer);
  putPlainEvent(ring, EventKind.CONFIRMED, 1, 0, 0, 42, -1);
  assert.equal(takeEvent(other)?.number, 42);
  assert.equal(takeEvent(ring), undefined);
});
