import { strict as assert } from "node:assert";
import fc from "fast-check";
import { PathKind } from "../../src/base/path_kind.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { PathEvent } from "../../src/conn/path_event.ts";
import { DEFAULT_PATH_PARAMS, type PathParams } from "../../src/conn/path_params.ts";
import { PathSelector } from "../../src/conn/path_selector.ts";

const { UDP6, UDP4, FAKETCP6, FAKETCP4 } = PathKind;
const ALL = [UDP6, UDP4, FAKETCP6, FAKETCP4];
const LIMIT = 1472;
const RTT_MS = 20;

function bit(...kinds: number[]): number {
  return kinds.reduce((mask, kind) => mask | (1 << kind), 0);
}

/** A selector, its owner and a peer that answers probes on the paths that work. */
class Bench {
  readonly selector: PathSelector;
  readonly events: PathEvent[] = [];
  readonly working: Set<number>;
  readonly sent: { kind: number; length: number; atMs: number }[] = [];
  nowMs = 0;
  isSending = true;
  readonly #replies: { kind: number; id: number; length: number; atMs: number }[] = [];

  constructor(kinds: readonly number[] = ALL, params: Partial<PathParams> = {}, order: readonly number[] = ALL) {
    this.selector = new PathSelector({ ...DEFAULT_PATH_PARAMS, ...params }, order, seededRandom(1));
    this.working = new Set(kinds);
    for (const kind of kinds) this.selector.setUsable(kind, true, LIMIT, 0);
  }

  /** Makes the peer one that answers probes, and lets 3 s of traffic pass. */
  static warm(kinds?: readonly number[], params?: Partial<PathParams>, order?: readonly number[]): Bench {
    const bench = new Bench(kinds, params, order);
    bench.selector.setPeerProbes(true, 0);
    bench.run(3_000);
    bench.events.length = 0;
    bench.sent.length = 0;
    return bench;
  }

  /** Lets time pass in steps of 1 ms. */
  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    this.drain();
    while (this.nowMs < endMs) {
      this.nowMs++;
      if (this.isSending && this.nowMs % 250 === 0) this.selector.handleActivity(this.nowMs);
      while (this.#replies.length > 0 && this.#replies[0].atMs <= this.nowMs) {
        const { kind, id, length } = this.#replies.shift()!;
        this.selector.handleReply(kind, id, length, this.nowMs);
      }
      if (this.selector.pollTimeout() <= this.nowMs) this.selector.handleTimeout(this.nowMs);
      this.drain();
    }
  }

  /** Takes probes and events. */
  drain(): void {
    const out = { kind: 0, id: 0, length: 0 };
    while (this.selector.pollTransmit(out)) {
      this.sent.push({ kind: out.kind, length: out.length, atMs: this.nowMs });
      if (this.working.has(out.kind)) this.#replies.push({ ...out, atMs: this.nowMs + RTT_MS });
    }
    for (let event = this.selector.pollEvent(); event !== undefined; event = this.selector.pollEvent()) {
      this.events.push(event);
    }
  }

  /** Switches told so far, as `from>to reason`. */
  switches(): string[] {
    this.drain();
    return this.events.flatMap((event) =>
      event.kind === "switched" ? [`${event.from}>${event.to} ${event.reason}`] : []
    );
  }
}

Deno.test("PathSelector has no path at first, and takes the most preferred one that becomes usable", () => {
  const selector = new PathSelector(DEFAULT_PATH_PARAMS, ALL, seededRandom(1));
  assert.deepEqual([selector.current, selector.maxDatagramLen, selector.candidatesMask], [-1, 0, 0]);
  selector.setUsable(FAKETCP4, true, 1432, 0);
  assert.deepEqual([selector.current, selector.maxDatagramLen], [FAKETCP4, 1432]);
  selector.setUsable(UDP4, true, LIMIT, 1);
  assert.equal(selector.current, UDP4);
  selector.setUsable(UDP6, true, LIMIT, 2);
  assert.deepEqual([selector.current, selector.candidatesMask], [UDP6, bit(UDP6, UDP4, FAKETCP4)]);
  assert.equal(selector.pollTransmit({ kind: 0, id: 0, length: 0 }), false, "no probes before the peer said hello");
});

Deno.test("PathSelector follows the order of preference that it is given", () => {
  assert.equal(Bench.warm(ALL, {}, [FAKETCP4, UDP4, UDP6, FAKETCP6]).selector.current, FAKETCP4);
});

Deno.test("PathSelector in good times confirms the current path and names the best of each transport as standby", () => {
  const { selector, nowMs, events } = Bench.warm();
  assert.deepEqual([selector.current, selector.mirrorMask, selector.standbyMask], [UDP6, 0, bit(UDP4, FAKETCP6)]);
  assert.equal(selector.candidatesMask, bit(UDP6));
  assert.ok(selector.confirmedUntilMs > nowMs && selector.confirmedUntilMs <= nowMs + 160 + RTT_MS);
  assert.deepEqual(events, []);
});

Deno.test("PathSelector mirrors on standby paths until the first reply, because nothing is confirmed", () => {
  const { selector } = new Bench();
  selector.setPeerProbes(true, 0);
  assert.equal(selector.confirmedUntilMs, -Infinity);
  assert.equal(selector.standbyMask, bit(UDP4, FAKETCP6));
});

Deno.test("PathSelector mirrors within 250 ms and switches within 1 s when all of UDP falls silent", () => {
  const bench = Bench.warm();
  const startMs = bench.nowMs;
  bench.working.delete(UDP6);
  bench.working.delete(UDP4);
  bench.run(250);
  assert.deepEqual([bench.selector.current, bench.selector.mirrorMask], [UDP6, bit(UDP4, FAKETCP6)]);
  bench.run(750);
  assert.deepEqual([bench.selector.current, bench.switches()], [FAKETCP6, ["0>2 no answer"]]);
  const [event] = bench.events.filter((event) => event.kind === "switched");
  assert.ok(event.suspectedMs <= startMs + 250 && event.atMs >= event.suspectedMs + 400);
  assert.ok(event.lastConfirmedMs <= startMs && event.lastConfirmedMs >= startMs - 100);
});

Deno.test("PathSelector tells suspicion and its end, and stays, when a path was silent for a moment", () => {
  const bench = Bench.warm();
  bench.working.delete(UDP6);
  bench.run(300);
  bench.working.add(UDP6);
  bench.run(300);
  assert.deepEqual(bench.events.map(({ kind }) => kind), ["suspected", "cleared"]);
  assert.deepEqual([bench.selector.current, bench.selector.mirrorMask], [UDP6, 0]);
});

Deno.test("handleSendFailure() switches at once", () => {
  const bench = Bench.warm();
  bench.selector.handleSendFailure(UDP6, bench.nowMs);
  assert.deepEqual(bench.switches(), ["0>1 send failed"]);
  bench.selector.handleSendFailure(UDP4, bench.nowMs);
  assert.deepEqual(bench.switches(), ["0>1 send failed", "1>2 send failed"]);
});

Deno.test("handleSendFailure() stays where it is when there is no other path", () => {
  const bench = Bench.warm([UDP4]);
  bench.selector.handleSendFailure(UDP4, bench.nowMs);
  assert.deepEqual([bench.selector.current, bench.switches()], [UDP4, []]);
  bench.run(2_000);
  assert.equal(bench.selector.path(UDP4).state, "alive");
});

Deno.test("PathSelector mirrors on all usable paths while none works", () => {
  const bench = Bench.warm();
  for (const kind of ALL) bench.working.delete(kind);
  bench.run(3_000);
  const { selector } = bench;
  assert.deepEqual(ALL.map((kind) => selector.path(kind).state), ["dead", "dead", "dead", "dead"]);
  assert.equal(selector.candidatesMask, bit(...ALL));
  assert.notEqual(selector.mirrorMask & bit(FAKETCP6, FAKETCP4), 0);
  assert.ok(bench.switches().length <= 2, bench.switches().join());
});

Deno.test("handleUnreachable() mirrors at once, and a path that answers is not left", () => {
  const bench = Bench.warm();
  bench.selector.handleUnreachable(UDP6, bench.nowMs);
  assert.equal(bench.selector.mirrorMask, bit(UDP4, FAKETCP6));
  bench.run(200);
  assert.deepEqual([bench.selector.mirrorMask, bench.switches()], [0, []]);
});

Deno.test("handleDoubt() probes at once and mirrors only if that fails", () => {
  const bench = Bench.warm([FAKETCP6, FAKETCP4]);
  bench.selector.handleDoubt(FAKETCP6, bench.nowMs);
  assert.equal(bench.selector.mirrorMask, 0);
  bench.working.delete(FAKETCP6);
  bench.run(130);
  assert.equal(bench.selector.mirrorMask, bit(FAKETCP4));
});

Deno.test("setUsable() leaves a connection that is gone at once, and returns to a new one only after the hold time", () => {
  const bench = Bench.warm([UDP4, FAKETCP4], {}, [FAKETCP4, UDP4]);
  bench.selector.setUsable(FAKETCP4, false, 0, bench.nowMs);
  assert.deepEqual(bench.switches(), ["3>1 gone"]);
  bench.selector.setUsable(FAKETCP4, true, LIMIT, bench.nowMs);
  bench.run(4_900);
  assert.equal(bench.selector.current, UDP4);
  bench.run(1_500);
  assert.deepEqual(bench.switches(), ["3>1 gone", "1>3 recovered"]);
});

Deno.test("setUsable() of the last path leaves none", () => {
  const bench = Bench.warm([UDP4]);
  bench.selector.setUsable(UDP4, false, 0, bench.nowMs);
  assert.deepEqual([bench.selector.current, bench.selector.candidatesMask, bench.selector.maxDatagramLen], [-1, 0, 0]);
  assert.deepEqual(bench.switches(), ["1>-1 gone"]);
});

Deno.test("PathSelector returns from FakeTCP to UDP 5 s after that works again, mirrored for one round trip", () => {
  const bench = Bench.warm([UDP4, FAKETCP4]);
  bench.working.delete(UDP4);
  bench.run(3_000);
  assert.deepEqual(bench.switches(), ["1>3 no answer"]);
  bench.working.add(UDP4);
  const startMs = bench.nowMs;
  while (bench.selector.current !== UDP4) bench.run(1);
  assert.ok(bench.nowMs - startMs >= 4_900 && bench.nowMs - startMs <= 7_000, String(bench.nowMs - startMs));
  assert.equal(bench.selector.mirrorMask, bit(FAKETCP4));
  bench.run(RTT_MS + 60);
  assert.equal(bench.selector.mirrorMask, 0);
});

Deno.test("PathSelector returns between families after 30 s, and never when failback is off", () => {
  for (const [failbackMs, current] of [[30_000, UDP6], [Infinity, UDP4]]) {
    const bench = Bench.warm([UDP6, UDP4], { failbackMs });
    bench.working.delete(UDP6);
    bench.run(3_000);
    bench.working.add(UDP6);
    bench.run(29_000);
    assert.equal(bench.selector.current, UDP4);
    bench.run(4_000);
    assert.equal(bench.selector.current, current);
  }
});

Deno.test("PathSelector without traffic sends no more than the standby probes", () => {
  const bench = Bench.warm();
  bench.isSending = false;
  bench.run(2_000);
  bench.sent.length = 0;
  bench.run(300_000);
  for (const kind of ALL) {
    const count = bench.sent.filter((probe) => probe.kind === kind).length;
    assert.ok(count >= 9 && count <= 12, `${count} on path ${kind}`);
  }
  assert.ok(bench.selector.confirmedUntilMs < bench.nowMs, "who sends now mirrors, and asks");
});

Deno.test("handleProbeWanted() probes the current path at once, but not without end", () => {
  const bench = Bench.warm();
  bench.isSending = false;
  bench.run(5_000);
  bench.sent.length = 0;
  for (let call = 0; call < 100; call++) {
    bench.selector.handleProbeWanted(bench.nowMs);
    bench.drain();
  }
  assert.deepEqual(bench.sent.map(({ kind, atMs }) => [kind, atMs]), [[UDP6, bench.nowMs]]);
  bench.run(RTT_MS + 1);
  assert.ok(bench.selector.confirmedUntilMs > bench.nowMs);
});

Deno.test("PathSelector finds a better path again while nothing is sent", () => {
  const bench = Bench.warm([UDP4, FAKETCP4]);
  bench.working.delete(UDP4);
  bench.run(2_000);
  bench.isSending = false;
  bench.working.add(UDP4);
  bench.run(60_000);
  assert.equal(bench.selector.current, UDP4);
});

Deno.test("maxDatagramLen is what fits the current path and those that may be mirrored on", () => {
  const bench = Bench.warm([UDP4, FAKETCP4]);
  bench.selector.setUsable(FAKETCP4, true, 1432, bench.nowMs);
  assert.equal(bench.selector.maxDatagramLen, 1432);
  assert.deepEqual(bench.events, []);
  bench.drain();
  assert.deepEqual(bench.events, [{ kind: "limit", path: FAKETCP4, maxDatagramLen: 1432 }]);
});

Deno.test("PathSelector doesn't mirror if it is told not to, but switches all the same", () => {
  const bench = Bench.warm([UDP4, FAKETCP4], { mirrors: false });
  bench.working.delete(UDP4);
  bench.run(300);
  assert.deepEqual([bench.selector.mirrorMask, bench.selector.standbyMask], [0, 0]);
  bench.run(700);
  assert.equal(bench.selector.current, FAKETCP4);
});

Deno.test("handleReply() takes any octet as path kind", () => {
  const { selector } = Bench.warm();
  for (let kind = 0; kind < 256; kind++) assert.equal(selector.handleReply(kind, 0xdead_beef, 46, 3_000), false);
});

// Peers that answer no probes.

Deno.test("PathSelector towards a passive peer counts on the most preferred path without end, and sends no probes", () => {
  const bench = new Bench([UDP6, UDP4]);
  bench.run(60_000);
  const { selector } = bench;
  assert.deepEqual([selector.current, selector.confirmedUntilMs, selector.mirrorMask], [UDP6, Infinity, 0]);
  assert.equal(selector.candidatesMask, bit(UDP6, UDP4), "handshakes go everywhere until something is heard");
  selector.handleReceived(UDP6, bench.nowMs);
  assert.equal(selector.candidatesMask, bit(UDP6));
  assert.deepEqual(bench.sent, []);
});

Deno.test("handleSilence() tries the other family of a passive peer, less and less often", () => {
  const bench = new Bench([UDP6, UDP4]);
  for (let second = 0; second < 600; second++) {
    bench.nowMs = second * 1_000;
    bench.selector.handleSilence(bench.nowMs);
  }
  const switches = bench.switches().slice(1);
  assert.deepEqual(switches.slice(0, 3), ["0>1 no answer", "1>0 no answer", "0>1 no answer"]);
  assert.ok(switches.length >= 5 && switches.length <= 8, switches.join());
});

Deno.test("handleSilence() has nothing to try when a passive peer has one path", () => {
  const bench = new Bench([UDP4]);
  for (let second = 0; second < 100; second++) bench.selector.handleSilence(second * 1_000);
  assert.deepEqual([bench.selector.current, bench.switches()], [UDP4, ["-1>1 first"]]);
});

Deno.test("PathSelector stays where a passive peer was heard, though a better path becomes usable", () => {
  const bench = new Bench([UDP4]);
  bench.selector.handleReceived(UDP4, 10);
  bench.selector.setUsable(UDP6, true, LIMIT, 20);
  bench.run(100_000);
  assert.equal(bench.selector.current, UDP4);
});

Deno.test("handleFollowed() goes where a passive peer sends from, once a second at most", () => {
  const bench = new Bench([UDP6, UDP4]);
  bench.selector.handleReceived(UDP6, 10);
  for (let nowMs = 1_000; nowMs < 2_000; nowMs += 10) {
    bench.selector.handleFollowed(nowMs % 20 === 0 ? UDP4 : UDP6, nowMs);
  }
  assert.deepEqual(bench.switches(), ["-1>0 first", "0>1 followed"]);
  bench.selector.setPeerProbes(true, 2_000);
  bench.selector.handleFollowed(UDP6, 5_000);
  assert.equal(bench.selector.current, UDP4, "who answers probes isn't followed");
});

Deno.test("handleSendFailure() moves a passive peer to the other family, and the refusal is forgotten after 10 s", () => {
  const bench = new Bench([UDP6, UDP4]);
  bench.selector.handleReceived(UDP6, 10);
  bench.selector.handleSendFailure(UDP6, 20);
  assert.deepEqual([bench.selector.current, bench.selector.path(UDP6).state], [UDP4, "dead"]);
  bench.run(11_000);
  assert.deepEqual([bench.selector.current, bench.selector.path(UDP6).state], [UDP4, "suspect"]);
});

Deno.test("setPeerProbes() keeps the path on which the peer was heard, and probes all at once", () => {
  const bench = new Bench(ALL);
  bench.working.clear();
  bench.working.add(UDP4);
  bench.selector.handleFollowed(UDP4, 100);
  bench.selector.handleReceived(UDP4, 100);
  bench.nowMs = 100;
  bench.selector.setPeerProbes(true, 100);
  bench.drain();
  assert.deepEqual(bench.sent.map(({ kind }) => kind), ALL);
  bench.run(2_000);
  assert.equal(bench.selector.current, UDP4);
});

Deno.test("PathSelector copes with calls in any order, late, twice, and with time that stands still", () => {
  const kind = fc.nat(3);
  const step = fc.tuple(fc.nat(10), kind, fc.oneof(fc.constant(0), fc.nat(300), fc.nat(100_000)), fc.nat(1600));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const selector = new PathSelector(DEFAULT_PATH_PARAMS, ALL, seededRandom(5));
      const ids: [number, number][] = [];
      const out = { kind: 0, id: 0, length: 0 };
      let nowMs = 0;
      for (const [action, kind, waitMs, number] of steps) {
        nowMs += waitMs;
        if (action === 0) selector.setUsable(kind, number % 4 !== 0, number, nowMs);
        else if (action === 1) selector.setPeerProbes(number % 4 !== 0, nowMs);
        else if (action === 2) selector.handleReceived(kind, nowMs);
        else if (action === 3) selector.handleSendFailure(kind, nowMs);
        else if (action === 4) selector.handleUnreachable(kind, nowMs);
        else if (action === 5) selector.handleDoubt(kind, nowMs);
        else if (action === 6) selector.handleProbeWanted(nowMs);
        else if (action === 7) selector.handleFollowed(kind, nowMs);
        else if (action === 8) selector.handleSilence(nowMs);
        else for (const [kind, id] of ids.splice(0)) selector.handleReply(kind, id, number, nowMs);
        selector.handleTimeout(nowMs);
        let probes = 0;
        while (selector.pollTransmit(out)) {
          ids.push([out.kind, out.id]);
          assert.ok(selector.path(out.kind).isUsable && out.length >= 46);
          assert.ok(++probes < 200, "probes without end");
        }
        while (selector.pollEvent() !== undefined);
        assert.ok(selector.pollTimeout() > nowMs, "nothing is due that was just done");
        const current = selector.current;
        assert.equal(current >= 0, ALL.some((kind) => selector.path(kind).isUsable));
        if (current < 0) continue;
        assert.ok(selector.path(current).isUsable);
        assert.equal((selector.mirrorMask | selector.standbyMask) & bit(current), 0, "no path mirrors itself");
        assert.notEqual(selector.candidatesMask, 0);
      }
    }),
    { numRuns: 500 },
  );
});
