import { strict as assert } from "node:assert";
import { PathKind } from "../../src/base/path_kind.ts";
import { DEFAULT_PATH_PARAMS } from "../../src/conn/path_params.ts";
import { Path } from "../../src/conn/path.ts";

const RTT_MS = 20;
const LIMIT = 1472;

/** A usable path of which nothing is known. */
function freshPath(): Path {
  const path = new Path(PathKind.UDP6, DEFAULT_PATH_PARAMS);
  path.setUsable(true, LIMIT, 0);
  return path;
}

let lastId = 0;

/** Sends a probe and, if wanted, takes its reply a round trip later. */
function probe(path: Path, sentMs: number, isAnswered: boolean): void {
  path.handleTimeout(sentMs);
  const id = ++lastId;
  const length = path.takeProbe(id, sentMs);
  if (isAnswered) path.handleReply(id, length, sentMs + RTT_MS);
}

/** Sends a probe each 100 ms in a stretch of time; returns its end. */
function probes(path: Path, fromMs: number, count: number, isAnswered: (index: number) => boolean): number {
  for (let index = 0; index < count; index++) probe(path, fromMs + index * 100, isAnswered(index));
  path.handleTimeout(fromMs + count * 100);
  return fromMs + count * 100;
}

/** A path that has answered 20 probes, one each 100 ms from 0 on. */
function alivePath(): Path {
  const path = freshPath();
  probes(path, 0, 20, () => true);
  return path;
}

Deno.test("Path is unknown, then probing, then alive with the first reply", () => {
  const path = freshPath();
  assert.equal(path.state, "unknown");
  const length = path.takeProbe(1, 0);
  assert.equal(path.state, "probing");
  assert.equal(path.handleReply(1, length, 30), true);
  assert.equal(path.state, "alive");
  assert.deepEqual([path.lastReplyMs, path.lastAnsweredSentMs, path.cleanSinceMs], [30, 0, 0]);
});

Deno.test("Path sends small and full probes in turn", () => {
  const path = freshPath();
  assert.deepEqual([1, 2, 3, 4].map((id) => path.takeProbe(id, 0)), [46, LIMIT, 46, LIMIT]);
});

Deno.test("Path is dead if nothing answers from the beginning", () => {
  const path = freshPath();
  for (let atMs = 0; atMs <= 600; atMs += 100) {
    path.takeProbe(atMs, atMs);
    path.handleTimeout(atMs);
  }
  assert.equal(path.state, "dead");
  assert.equal(path.deathCause, "no answer");
});

Deno.test("Path becomes suspect with the second probe missed in a row, and dead when it was so for 400 ms", () => {
  const path = alivePath();
  probe(path, 2_000, false);
  path.handleTimeout(2_100);
  assert.deepEqual([path.state, path.isHasty()], ["alive", true]);
  probe(path, 2_100, false);
  path.handleTimeout(2_200);
  assert.deepEqual([path.state, path.isInDoubt(), path.isProbeWanted], ["suspect", true, true]);
  probe(path, 2_200, false);
  path.handleTimeout(2_599);
  assert.equal(path.state, "suspect");
  assert.equal(path.pollTimeout(), 2_600);
  path.handleTimeout(2_600);
  assert.equal(path.state, "dead");
});

Deno.test("Path stays suspect, however long, until enough probes are missed", () => {
  const path = alivePath();
  probes(path, 2_000, 2, () => false);
  path.handleTimeout(60_000);
  assert.equal(path.state, "suspect");
});

Deno.test("Path isn't suspect when every second probe is missed", () => {
  const path = alivePath();
  for (let index = 0; index < 100; index++) {
    probe(path, 2_000 + index * 100, index % 2 === 0);
    assert.equal(path.state, "alive");
  }
});

Deno.test("Path is alive again with a reply, late or not, to a probe that was missed", () => {
  const path = alivePath();
  const id = ++lastId;
  const length = path.takeProbe(id, 2_000);
  probe(path, 2_100, false);
  path.handleTimeout(2_300);
  assert.equal(path.state, "suspect");
  path.handleReply(id, length, 2_301);
  assert.equal(path.state, "alive");
});

Deno.test("handleUnreachable() makes a path suspect at once, and only what is sent afterwards clears it", () => {
  const path = alivePath();
  const before = ++lastId;
  path.takeProbe(before, 2_000);
  path.handleUnreachable(2_010);
  assert.deepEqual([path.state, path.isProbeWanted], ["suspect", true]);
  path.handleReply(before, 1472, 2_020);
  assert.equal(path.state, "suspect");
  probe(path, 2_030, true);
  assert.equal(path.state, "alive");
});

Deno.test("handleUnreachable() alone never kills a path, however often", () => {
  const path = alivePath();
  for (let index = 0; index < 1_000; index++) {
    const nowMs = 2_000 + index * 10;
    path.handleUnreachable(nowMs);
    if (index % 10 === 0) probe(path, nowMs, true);
    assert.notEqual(path.state, "dead");
  }
});

Deno.test("handleDoubt() makes one missed probe enough to become suspect", () => {
  const path = alivePath();
  path.handleDoubt();
  assert.deepEqual([path.state, path.isProbeWanted], ["alive", true]);
  probe(path, 2_000, false);
  path.handleTimeout(2_100);
  assert.equal(path.state, "suspect");
});

Deno.test("handleDoubt() is forgotten when the next probe is answered", () => {
  const path = alivePath();
  path.handleDoubt();
  probe(path, 2_000, true);
  probe(path, 2_100, false);
  path.handleTimeout(2_200);
  assert.equal(path.state, "alive");
});

Deno.test("handleSendFailure() kills a path at once, and a reply to an earlier probe doesn't revive it", () => {
  const path = alivePath();
  const before = ++lastId;
  path.takeProbe(before, 2_000);
  path.handleSendFailure(2_005);
  assert.deepEqual([path.state, path.deathCause, path.cleanSinceMs], ["dead", "send failed", Infinity]);
  path.handleReply(before, 1472, 2_020);
  assert.equal(path.state, "dead");
  probe(path, 3_000, true);
  assert.equal(path.state, "alive");
});

Deno.test("handleReply() refuses unknown ids, and the same id twice", () => {
  const path = alivePath();
  assert.equal(path.handleReply(0xffff_ffff, 46, 2_000), false);
  path.takeProbe(7_000_000, 2_000);
  assert.equal(path.handleReply(7_000_000, 46, 2_020), true);
  assert.equal(path.handleReply(7_000_000, 46, 2_021), false);
});

Deno.test("handleReply() believes the length that came in, not the one sent", () => {
  const path = freshPath();
  path.takeProbe(1, 0);
  path.takeProbe(2, 0);
  path.handleReply(2, 40, 20);
  assert.equal(path.lastLongAnsweredSentMs, -Infinity);
});

Deno.test("isLossy has two thresholds: above 20 % it is, up to 5 % it isn't, between them it stays", () => {
  const path = alivePath();
  let nowMs = probes(path, 2_000, 64, (index) => index % 8 !== 0);
  assert.equal(path.isLossy, false, "12 %, and was good");
  nowMs = probes(path, nowMs, 64, (index) => index % 4 !== 0);
  assert.equal(path.isLossy, true, "25 %");
  nowMs = probes(path, nowMs, 64, (index) => index % 8 !== 0);
  assert.equal(path.isLossy, true, "12 %, and was lossy");
  probes(path, nowMs, 64, () => true);
  assert.equal(path.isLossy, false);
});

Deno.test("isClean() needs 48 outcomes, and 5 % missed at most", () => {
  const path = freshPath();
  let nowMs = probes(path, 0, 47, () => true);
  assert.equal(path.isClean(nowMs), false);
  nowMs = probes(path, nowMs, 10, () => true);
  assert.equal(path.isClean(nowMs), true);
  nowMs = probes(path, nowMs, 8, (index) => index % 2 === 0);
  assert.equal(path.isClean(nowMs), false);
});

Deno.test("cleanSinceMs outlasts two missed probes, not three, and comes back after a pause", () => {
  const path = alivePath();
  let nowMs = probes(path, 2_000, 10, (index) => index !== 3 && index !== 6);
  assert.equal(path.cleanSinceMs, 0);
  nowMs = probes(path, nowMs, 2, (index) => index !== 0);
  assert.equal(path.cleanSinceMs, Infinity);
  probes(path, nowMs, 40, () => true);
  assert.ok(path.cleanSinceMs >= nowMs + 1_800 && path.cleanSinceMs <= nowMs + 2_100, String(path.cleanSinceMs));
});

Deno.test("cleanSinceMs begins anew when a path comes back to life", () => {
  const path = alivePath();
  const nowMs = probes(path, 2_000, 10, () => false);
  assert.deepEqual([path.state, path.cleanSinceMs], ["dead", Infinity]);
  probe(path, nowMs + 5_000, true);
  assert.deepEqual([path.state, path.cleanSinceMs], ["alive", nowMs + 5_000]);
});

Deno.test("Path that carries small datagrams only is alive, small-only and not lossy", () => {
  const path = alivePath();
  for (let index = 0; index < 40; index++) {
    const nowMs = 2_000 + index * 100;
    path.handleTimeout(nowMs);
    for (let id = ++lastId; path.takeSearchProbe(id, nowMs) > 0; id = ++lastId);
    const id = ++lastId;
    const length = path.takeProbe(id, nowMs);
    if (length === 46) path.handleReply(id, length, nowMs + RTT_MS);
  }
  assert.deepEqual([path.state, path.isSmallOnly, path.isLossy], ["alive", true, false]);
});

Deno.test("setUsable() forgets everything when the path is taken away and comes back", () => {
  const path = alivePath();
  path.setUsable(true, 1400, 2_000);
  assert.deepEqual([path.state, path.mtu.limit], ["alive", 1400]);
  path.setUsable(false, 0, 2_000);
  path.setUsable(true, LIMIT, 2_000);
  assert.deepEqual([path.state, path.mtu.limit, path.lastReplyMs], ["unknown", LIMIT, -Infinity]);
});

Deno.test("handleReceived() wants a probe when a dead path is heard after a silence, but not each time", () => {
  const path = alivePath();
  path.handleSendFailure(2_000);
  path.handleReceived(10_000);
  assert.equal(path.isProbeWanted, true);
  probe(path, 10_000, false);
  path.handleReceived(10_250);
  assert.equal(path.isProbeWanted, false);
});
