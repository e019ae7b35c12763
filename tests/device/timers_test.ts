import { strict as assert } from "node:assert";
import { seededRandom } from "../../src/base/random.ts";
import { type Activity, PeerTimers, type SessionAge } from "../../src/device/timers.ts";
import { DEFAULT_TIMER_PARAMS } from "../../src/noise/constants.ts";

const JITTER_MAX_MS = DEFAULT_TIMER_PARAMS.jitterMaxMs;
const MIN_MS = 60_000;

function createTimers(persistentKeepaliveMs = 0): PeerTimers {
  return new PeerTimers(DEFAULT_TIMER_PARAMS, seededRandom(1), persistentKeepaliveMs);
}

/** Activity in which only what is named has ever happened. */
function activity(happened: Partial<Activity> = {}): Activity {
  const never = -Infinity;
  return { receivedMs: never, dataReceivedMs: never, sentMs: never, dataSentMs: never, ...happened };
}

function received(timeMs: number): Partial<Activity> {
  return { receivedMs: timeMs, dataReceivedMs: timeMs };
}

function sent(timeMs: number): Partial<Activity> {
  return { sentMs: timeMs, dataSentMs: timeMs };
}

function session(createdMs: number, isInitiator = true, counter = 1): SessionAge {
  return { createdMs, isInitiator, counter };
}

/** Polls until an initiation is due, within the jitter, and returns that time. */
function initiate(timers: PeerTimers, fromMs: number): number {
  for (let nowMs = fromMs; nowMs <= fromMs + JITTER_MAX_MS + 1; nowMs++) {
    if (timers.pollHandshake(nowMs) !== "initiate") continue;
    timers.onInitiationSent(nowMs);
    return nowMs;
  }
  throw new Error(`No initiation is due within the jitter after ${fromMs}`);
}

Deno.test("keepaliveDue() asks for a keepalive 10 s after content that nothing followed", () => {
  const timers = createTimers();
  const now = activity({ ...sent(1_000), ...received(2_000) });
  assert.equal(timers.keepaliveDue(now, 2_100), false);
  assert.equal(timers.deadlineMs(), 12_000);
  assert.equal(timers.keepaliveDue(now, 11_999), false);
  assert.equal(timers.keepaliveDue(now, 12_000), true);
  assert.equal(timers.keepaliveDue(now, 12_001), false, "once");
});

Deno.test("keepaliveDue() is content with anything sent in the meantime, a handshake included", () => {
  const timers = createTimers();
  timers.keepaliveDue(activity(received(2_000)), 2_100);
  assert.equal(timers.keepaliveDue(activity({ ...received(2_000), sentMs: 5_000 }), 12_500), false);
  timers.keepaliveDue(activity({ ...received(6_000), sentMs: 5_000 }), 6_100);
  timers.onResponseSent(7_000);
  assert.equal(timers.keepaliveDue(activity({ ...received(6_000), sentMs: 5_000 }), 16_500), false);
});

Deno.test("keepaliveDue() counts from the first content that is unanswered, not from the last", () => {
  const timers = createTimers();
  for (let nowMs = 1_000; nowMs <= 11_000; nowMs += 250) {
    assert.equal(timers.keepaliveDue(activity(received(nowMs)), nowMs), nowMs === 11_000, `at ${nowMs} ms`);
  }
});

Deno.test("keepaliveDue() doesn't answer keepalives", () => {
  const timers = createTimers();
  assert.equal(timers.keepaliveDue(activity({ receivedMs: 1_000 }), 1_100), false);
  assert.equal(timers.keepaliveDue(activity({ receivedMs: 1_000 }), 60_000), false);
});

Deno.test("keepaliveDue() takes content in the same millisecond as unanswered", () => {
  const timers = createTimers();
  const now = activity({ ...received(1_000), ...sent(1_000) });
  timers.keepaliveDue(now, 1_000);
  assert.equal(timers.keepaliveDue(now, 11_000), true);
});

Deno.test("keepaliveDue() asks for a persistent keepalive at once, and then when nothing went either way", () => {
  const timers = createTimers(25_000);
  assert.equal(timers.keepaliveDue(activity(), 7), true);
  assert.equal(timers.keepaliveDue(activity({ sentMs: 7 }), 25_006), false);
  assert.equal(timers.deadlineMs(), 25_007);
  assert.equal(timers.keepaliveDue(activity({ sentMs: 7, receivedMs: 20_000 }), 25_007), false);
  assert.equal(timers.keepaliveDue(activity({ sentMs: 7, receivedMs: 20_000 }), 45_000), true);
});

Deno.test("keepaliveDue() has no use for a persistent keepalive while a handshake is in progress", () => {
  const timers = createTimers(25_000);
  timers.beginHandshake(0);
  assert.equal(timers.keepaliveDue(activity(), 100_000), false);
});

Deno.test("handshakeDue() asks for a handshake 15 s and jitter after content that nothing answered", () => {
  const timers = createTimers();
  const now = activity({ receivedMs: 900, ...sent(1_000) });
  assert.equal(timers.handshakeDue(now, session(0), 1_100), false);
  const dueMs = timers.deadlineMs();
  assert.ok(dueMs >= 16_000 && dueMs <= 16_000 + JITTER_MAX_MS);
  assert.equal(timers.handshakeDue(now, session(0), dueMs - 1), false);
  assert.equal(timers.handshakeDue(now, session(0), dueMs), true);
  assert.equal(timers.handshakeDue(now, session(0), dueMs + 1), false, "once");
});

Deno.test("handshakeDue() is content with anything received in the meantime, a keepalive or a handshake included", () => {
  const timers = createTimers();
  timers.handshakeDue(activity(sent(1_000)), session(0), 1_100);
  assert.equal(timers.handshakeDue(activity({ ...sent(1_000), receivedMs: 11_000 }), session(0), 16_500), false);
  timers.handshakeDue(activity({ ...sent(12_000), receivedMs: 11_000 }), session(0), 12_100);
  timers.onHandshakeReceived(13_000);
  assert.equal(timers.handshakeDue(activity({ ...sent(12_000), receivedMs: 11_000 }), session(0), 40_000), false);
});

Deno.test("handshakeDue() counts from the first content that is unanswered, not from the last", () => {
  const timers = createTimers();
  let dueMs = 0;
  for (let nowMs = 1_000; dueMs === 0 && nowMs < 30_000; nowMs += 250) {
    if (timers.handshakeDue(activity(sent(nowMs)), session(0), nowMs)) dueMs = nowMs;
  }
  assert.ok(dueMs >= 16_000 && dueMs <= 16_000 + JITTER_MAX_MS + 250);
});

const RENEWALS: [name: string, happened: Partial<Activity>, age: SessionAge, isDue: boolean][] = [
  ["we initiated and sent at 120 s", { sentMs: 120_000, receivedMs: 120_000 }, session(0), false],
  ["we initiated and sent later", { sentMs: 120_001, receivedMs: 120_002 }, session(0), true],
  ["we responded and sent later", { sentMs: 120_001, receivedMs: 120_002 }, session(0, false), false],
  ["we initiated and received at 165 s", { receivedMs: 165_000 }, session(0), false],
  ["we initiated and received later", { receivedMs: 165_001 }, session(0), true],
  ["we responded and received later", { receivedMs: 165_001 }, session(0, false), false],
  ["2^31 messages were sent", { sentMs: 1, receivedMs: 2 }, session(0, false, 2 ** 31 + 1), true],
];

for (const [name, happened, age, isDue] of RENEWALS) {
  Deno.test(`handshakeDue() ${isDue ? "renews" : "doesn't renew"} a session when ${name}`, () => {
    assert.equal(createTimers().handshakeDue(activity(happened), age, 170_000), isDue);
  });
}

Deno.test("handshakeDue() renews a session on receiving only once", () => {
  const timers = createTimers();
  assert.equal(timers.handshakeDue(activity({ receivedMs: 166_000 }), session(0), 166_000), true);
  assert.equal(timers.handshakeDue(activity({ receivedMs: 167_000 }), session(0), 167_000), false);
  assert.equal(timers.handshakeDue(activity({ receivedMs: 367_000 }), session(200_000), 367_000), true);
});

Deno.test("pollHandshake() lets each initiation wait for a random time up to the jitter", () => {
  const delays = new Set<number>();
  const random = seededRandom(5);
  for (let run = 0; run < 50; run++) {
    const timers = new PeerTimers(DEFAULT_TIMER_PARAMS, random, 0);
    timers.beginHandshake(1_000);
    const delay = timers.deadlineMs() - 1_000;
    assert.ok(delay >= 0 && delay <= JITTER_MAX_MS);
    delays.add(delay);
  }
  assert.ok(delays.size > 40);
});

Deno.test("pollHandshake() repeats an initiation every 5 s and jitter, and gives up after 20", () => {
  const timers = createTimers();
  timers.beginHandshake(0);
  let lastMs = initiate(timers, 0);
  for (let attempt = 2; attempt <= 20; attempt++) {
    assert.equal(timers.pollHandshake(lastMs + 4_999), "wait");
    lastMs = initiate(timers, lastMs + 5_000);
  }
  assert.equal(timers.pollHandshake(lastMs + 5_000 + JITTER_MAX_MS), "give up");
  assert.equal(timers.handshakeInProgress(), false);
  assert.ok(lastMs >= 95_000 && lastMs <= 102_000);
});

Deno.test("beginHandshake() does nothing while a handshake is in progress", () => {
  const timers = createTimers();
  timers.beginHandshake(0);
  const dueMs = timers.deadlineMs();
  timers.beginHandshake(dueMs - 1);
  assert.equal(timers.deadlineMs(), dueMs);
});

Deno.test("beginHandshake() keeps 5 s from our last initiation or response", () => {
  const timers = createTimers();
  timers.onResponseSent(1_000);
  timers.beginHandshake(2_000);
  assert.ok(timers.deadlineMs() >= 6_000 && timers.deadlineMs() <= 6_000 + JITTER_MAX_MS);
});

Deno.test("pollHandshake() puts an initiation off when a response was sent since it was planned", () => {
  const timers = createTimers();
  timers.beginHandshake(0);
  timers.onResponseSent(10);
  assert.equal(timers.pollHandshake(JITTER_MAX_MS), "wait");
  assert.ok(timers.deadlineMs() >= 5_010);
});

Deno.test("onSessionEstablished() ends the handshake, whoever began it", () => {
  const timers = createTimers();
  timers.beginHandshake(0);
  initiate(timers, 0);
  timers.onSessionEstablished();
  assert.equal(timers.handshakeInProgress(), false);
  assert.equal(timers.pollHandshake(10 * MIN_MS), "wait");
});

Deno.test("zeroKeysDue() tells once, 540 s after the last keys", () => {
  const timers = createTimers();
  assert.equal(timers.zeroKeysDue(10 * MIN_MS), false);
  timers.onKeysDerived(1_000);
  timers.onKeysDerived(2_000);
  assert.equal(timers.zeroKeysAtMs(), 542_000);
  assert.equal(timers.zeroKeysDue(541_999), false);
  assert.equal(timers.zeroKeysDue(542_000), true);
  assert.equal(timers.zeroKeysDue(543_000), false);
});

Deno.test("deadlineMs() is Infinity when nothing has happened", () => {
  assert.equal(createTimers().deadlineMs(), Infinity);
});
