import { strict as assert } from "node:assert";
import {
  DocumentWindow,
  LOSS_DISTANCE,
  RTO_BACKOFF_MAX_MS,
  RTO_INITIAL_MS,
  RTO_MIN_MS,
  WINDOW_INITIAL,
  WINDOW_MAX,
  WINDOW_MIN,
} from "../../src/control/document_window.ts";

/** Sends as much as there is room for, and has all of it acknowledged one by one a round trip later. */
function roundTrip(window: DocumentWindow, nowMs: number, rttMs: number): void {
  const numbers: number[] = [];
  while (window.hasRoom) numbers.push(window.onSent(nowMs));
  for (const number of numbers) {
    window.onLeft();
    window.onAcknowledged({ count: 1, number, sentMs: nowMs, isOnly: true }, nowMs + rttMs);
  }
}

Deno.test("DocumentWindow doubles each round trip until something is lost, up to its limit", () => {
  const window = new DocumentWindow();
  const sizes = [0, 1, 2, 3].map((trip) => {
    roundTrip(window, trip * 100, 100);
    return window.size;
  });
  assert.deepEqual(sizes, [2 * WINDOW_INITIAL, 4 * WINDOW_INITIAL, WINDOW_MAX, WINDOW_MAX]);
});

Deno.test("DocumentWindow is halved by the losses of one round trip, once, and grows by about one a round trip then", () => {
  const window = new DocumentWindow();
  roundTrip(window, 0, 100);
  const numbers: number[] = [];
  while (window.hasRoom) numbers.push(window.onSent(100));
  for (const number of numbers) {
    window.onLeft();
    window.onLost(number);
  }
  assert.equal(window.size, WINDOW_INITIAL);
  for (let trip = 2; trip < 7; trip++) roundTrip(window, trip * 100, 100);
  assert.ok(window.size >= WINDOW_INITIAL + 4 && window.size <= WINDOW_INITIAL + 5);
});

Deno.test("DocumentWindow calls a transmission lost when three later ones have arrived", () => {
  const window = new DocumentWindow();
  const [first, ...later] = [0, 1, 2, 3].map(() => window.onSent(0));
  assert.equal(later.length, LOSS_DISTANCE);
  for (const number of later) {
    assert.ok(!window.isLost(first));
    window.onAcknowledged({ count: 1, number, sentMs: 0, isOnly: true }, 50);
  }
  assert.ok(window.isLost(first));
  assert.ok(!window.isLost(later[0]));
});

Deno.test("DocumentWindow concludes nothing from the acknowledgement of a repeated fragment that came too soon", () => {
  for (const [elapsedMs, isProof] of [[49, false], [50, true]] as const) {
    const window = new DocumentWindow();
    window.onAcknowledged({ count: 1, number: window.onSent(0), sentMs: 0, isOnly: true }, 50);
    const lost = window.onSent(50);
    const later = [1, 2, 3].map(() => window.onSent(50));
    window.onAcknowledged({ count: 1, number: later[2], sentMs: 50, isOnly: false }, 50 + elapsedMs);
    assert.equal(window.isLost(lost), isProof);
  }
});

Deno.test("DocumentWindow waits a second before it knows the path, then as RFC 6298 says", () => {
  const window = new DocumentWindow();
  assert.equal(window.deadlineMs, Infinity, "nothing is on its way");
  const number = window.onSent(500);
  assert.equal(window.deadlineMs, 500 + RTO_INITIAL_MS);
  window.onLeft();
  window.onAcknowledged({ count: 1, number, sentMs: 500, isOnly: true }, 900);
  // SRTT 400, RTTVAR 200.
  assert.equal(window.timeoutMs, 1_200);
  window.onAcknowledged({ count: 1, number: 1, sentMs: 1_000, isOnly: true }, 1_200);
  // RTTVAR 3/4 · 200 + 1/4 · 200, SRTT 7/8 · 400 + 1/8 · 200.
  assert.equal(window.timeoutMs, 375 + 4 * 200);
});

Deno.test("DocumentWindow has a least timeout, and doubles it up to 3 s while nothing arrives", () => {
  const window = new DocumentWindow();
  for (let number = 0; number < 40; number++) {
    window.onAcknowledged({ count: 1, number, sentMs: 0, isOnly: true }, 1);
  }
  const timeouts = [0, 1, 2, 3, 4, 5].map((trip) => {
    const { timeoutMs } = window;
    window.onTimeout(trip);
    return timeoutMs;
  });
  assert.deepEqual(timeouts, [1, 2, 4, 8, 15, 15].map((factor) => factor * RTO_MIN_MS));
  assert.equal(timeouts[5], RTO_BACKOFF_MAX_MS);
  assert.equal(window.size, WINDOW_MIN);
  window.onAcknowledged({ count: 1, number: 50, sentMs: 0, isOnly: false }, 5_000);
  assert.equal(window.timeoutMs, RTO_MIN_MS, "what arrives ends the doubling");
});

Deno.test("DocumentWindow begins carefully again after a pause", () => {
  const window = new DocumentWindow();
  for (let trip = 0; trip < 4; trip++) roundTrip(window, trip * 100, 100);
  assert.equal(window.size, WINDOW_MAX);
  window.onSent(60_000);
  assert.equal(window.size, WINDOW_INITIAL);
});
