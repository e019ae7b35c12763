/**
 * Two stacks that open a connection by simultaneous open, each behind a firewall that lets in only what was dialled from inside.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { DialWay } from "../../src/base/dial_way.ts";
import { ENDPOINT_WORDS, writeEndpoint } from "../../src/base/endpoint.ts";
import { seededRandom } from "../../src/base/random.ts";
import { ConnectionState, NO_CONNECTION } from "../../src/faketcp/connection_table.ts";
import { completeChecksum, createLocalHost, writeReset } from "../../src/faketcp/packet.ts";
import { PUNCH_RETRANSMIT_MS } from "../../src/faketcp/punch.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { Conntrack } from "../reference/conntrack.ts";
import { PORT, readSegment, SoftHost } from "./soft_host.ts";

const { SYN, RST, ACK } = TcpFlag;
const { RENDEZVOUS, PUNCH } = DialWay;

/** A firewall before one host: Linux's connection tracking with `ct state invalid drop`, and nothing new from outside. */
class Firewall {
  readonly conntrack = new Conntrack();
  /** Answers to what is let in by nothing. */
  readonly answersStrangers: boolean;
  readonly #host: SoftHost;

  constructor(host: SoftHost, answersStrangers: boolean) {
    this.#host = host;
    this.answersStrangers = answersStrangers;
  }

  /** Judges what the host sends. */
  letsOut(packet: Uint8Array, nowMs: number): boolean {
    return this.conntrack.track(packet, nowMs) !== "invalid";
  }

  /** Judges what comes for the host. */
  letsIn(packet: Uint8Array, nowMs: number): "pass" | "drop" | "unknown" {
    const expiresMs = this.conntrack.expiresMs(packet);
    if (expiresMs === undefined || expiresMs <= nowMs) return "unknown";
    return this.conntrack.track(packet, nowMs) === "invalid" ? "drop" : "pass";
  }

  /** The reset that a port which is closed answers a SYN with. */
  refusal(packet: Uint8Array): Uint8Array | undefined {
    const { flags, seq, tuple, localPort } = readSegment(packet, this.#host.local);
    if (flags !== SYN) return undefined;
    const out = new Uint8Array(100);
    const view = new DataView(out.buffer);
    const local = createLocalHost(this.#host.address, this.#host.addressV6, 64);
    const words = Uint32Array.of(...tuple.subarray(0, 7), localPort);
    const length = writeReset(view, 0, words, 0, local, RST | ACK, 0, (seq + 1) >>> 0);
    completeChecksum(view, 0, length);
    return out.slice(0, length);
  }
}

interface Weather {
  readonly seed: number;
  readonly loss?: number;
  /** Time from one firewall to the other, ms. */
  readonly delayMs: number;
  readonly answersStrangers?: boolean;
}

/** Two hosts at the same distance, in simulated time. */
class Crossing {
  nowMs = 0;
  readonly hosts: readonly [SoftHost, SoftHost];
  readonly firewalls: readonly [Firewall, Firewall];
  /** Resets that reached a host. */
  resets = 0;
  readonly #weather: Weather;
  readonly #random;
  #flying: { readonly to: number; readonly packet: Uint8Array; readonly atMs: number }[] = [];

  constructor(weather: Weather) {
    const { seed, answersStrangers = false } = weather;
    this.#weather = weather;
    this.#random = seededRandom(seed);
    const hosts = [new SoftHost(1, { seed }), new SoftHost(2, { seed: seed + 1000 })] as const;
    this.hosts = hosts;
    this.firewalls = [new Firewall(hosts[0], answersStrangers), new Firewall(hosts[1], answersStrangers)];
  }

  /** Has both hosts learn their rendezvous ports by dialling a third one; returns what each dials to punch. */
  meet(): [Uint32Array, Uint32Array] {
    const [a, b] = this.hosts.map((host) => {
      const row = host.stack.dial(new SoftHost(9).endpoint(), 0, RENDEZVOUS);
      const [syn] = host.transmit();
      host.stack.abort(row, 0);
      return readSegment(syn, new SoftHost(9).local).tuple[1];
    });
    return [this.hosts[1].endpoint(4, b), this.hosts[0].endpoint(4, a)];
  }

  /** Lets time pass, in steps of 5 ms. */
  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 5) {
      for (const [index, host] of this.hosts.entries()) {
        host.handleTimeout(this.nowMs);
        for (const packet of host.transmit()) this.send(index, packet);
      }
      const due = this.#flying.filter((one) => one.atMs <= this.nowMs);
      this.#flying = this.#flying.filter((one) => one.atMs > this.nowMs);
      for (const { to, packet } of due) this.#arrive(to, packet);
    }
  }

  /** Sends a packet of a host. */
  send(from: number, packet: Uint8Array): void {
    if (this.firewalls[from].letsOut(packet, this.nowMs)) this.#fly(1 - from, packet);
  }

  #fly(to: number, packet: Uint8Array): void {
    const { loss = 0, delayMs } = this.#weather;
    if (this.#random.uint32() / 2 ** 32 < loss) return;
    this.#flying.push({ to, packet, atMs: this.nowMs + delayMs });
  }

  #arrive(to: number, packet: Uint8Array): void {
    const firewall = this.firewalls[to];
    const verdict = firewall.letsIn(packet, this.nowMs);
    if (verdict === "unknown" && firewall.answersStrangers) {
      const refusal = firewall.refusal(packet);
      if (refusal !== undefined) this.#fly(1 - to, refusal);
    }
    if (verdict !== "pass") return;
    if ((readSegment(packet, this.hosts[to].local).flags & RST) !== 0) this.resets++;
    this.hosts[to].receive(packet, this.nowMs);
  }

  /** Fails unless there is one connection, and data passes it both ways with nothing invalid. */
  demandConnection(rows: readonly number[], context: string): void {
    for (const [index, host] of this.hosts.entries()) {
      assert.deepEqual([host.eventNames(), host.openCount()], [["opened"], 1], `host ${index}, ${context}`);
      assert.equal(host.openRow(), rows[index], context);
    }
    const before = this.firewalls.map(({ conntrack }) => conntrack.invalid);
    const { loss = 0 } = this.#weather;
    // More than an unscaled window, unless the acknowledgment that shows the scaled one may be lost.
    const segments = loss > 0 ? 30 : 300;
    for (let count = 0; count < segments; count++) {
      for (const [index, host] of this.hosts.entries()) {
        this.send(index, host.segment(rows[index], new Uint8Array(1400), this.nowMs));
      }
    }
    this.run(1_000);
    for (const { received } of this.hosts) assert.ok(received.length >= segments * (1 - 2 * loss), context);
    assert.deepEqual(this.firewalls.map(({ conntrack }) => conntrack.invalid), before, context);
  }
}

/** Punches with the second host later than the first. Returns the rows. */
function punch(crossing: Crossing, lagMs: number): [number, number] {
  const [toB, toA] = crossing.meet();
  const [a, b] = crossing.hosts;
  const row = a.stack.dial(toB, crossing.nowMs, PUNCH);
  crossing.run(lagMs);
  return [row, b.stack.dial(toA, crossing.nowMs, PUNCH)];
}

Deno.test("dial() gives all rendezvous and punch dials of a family one port, and others any", () => {
  const a = new SoftHost(1);
  const portOf = (to: SoftHost, way: number, family = 4) => {
    a.stack.dial(to.endpoint(family), 0, way);
    return readSegment(a.transmit()[0], to.local).tuple[1];
  };
  const hosts = [2, 3, 4, 5].map((number) => new SoftHost(number));
  const ports = hosts.map((host, index) => portOf(host, index % 2 === 0 ? RENDEZVOUS : PUNCH));
  assert.deepEqual(new Set(ports).size, 1);
  assert.ok(ports[0] >= 61_000);
  assert.notEqual(portOf(new SoftHost(6), DialWay.ORDINARY), ports[0]);
  assert.equal(portOf(hosts[0], PUNCH, 6), portOf(hosts[1], RENDEZVOUS, 6));
});

Deno.test("dial() moves the rendezvous port when a connection to the same remote side has it, but not for a punch", () => {
  const a = new SoftHost(1);
  const [b, c] = [new SoftHost(2), new SoftHost(3)];
  const portTo = (to: SoftHost) => readSegment(a.transmit()[0], to.local).tuple[1];
  a.stack.dial(b.endpoint(), 0, RENDEZVOUS);
  const first = portTo(b);
  assert.equal(a.stack.dial(b.endpoint(), 0, PUNCH), NO_CONNECTION);
  assert.notEqual(a.stack.dial(b.endpoint(), 0, RENDEZVOUS), NO_CONNECTION);
  const second = portTo(b);
  assert.notEqual(second, first);
  a.stack.dial(c.endpoint(), 0, PUNCH);
  assert.equal(portTo(c), second);
});

Deno.test("dial() takes the rendezvous port over from a connection that is closing, with a later sequence number", () => {
  const [a, b] = [new SoftHost(1), new SoftHost(2)];
  const row = a.stack.dial(b.endpoint(), 0, RENDEZVOUS);
  const [first] = a.transmit();
  b.receive(first, 0);
  for (const packet of b.transmit()) a.receive(packet, 0);
  a.stack.close(row, 1_000);
  a.transmit();
  assert.notEqual(a.stack.dial(b.endpoint(), 2_000, RENDEZVOUS), NO_CONNECTION);
  const [before, after] = [first, a.transmit()[0]].map((packet) => ({ ...readSegment(packet, b.local) }));
  assert.equal(after.tuple[1], before.tuple[1]);
  assert.ok(((after.seq - before.seq) | 0) > 0);
});

Deno.test("a punch opens one connection whatever its sides' distance in time and space, as far as firewalls drop silently", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const weather = { seed, delayMs: 5 + seed * 7 % 200 };
    const lagMs = seed * 131 % 5_000;
    const crossing = new Crossing(weather);
    const rows = punch(crossing, lagMs);
    const context = `seed ${seed}, ${lagMs} ms later`;
    // The first SYN of the later one, or the next of the earlier one.
    crossing.run(1_500 + 4 * weather.delayMs);
    crossing.demandConnection(rows, context);
    // What is on its way while the connection opens may come too late: a SYN that is of no use any more.
    const reasons = crossing.firewalls.flatMap(({ conntrack }) => conntrack.reasons);
    assert.ok(
      reasons.length <= 1 && reasons.every((reason) => reason.startsWith("segment 0")),
      `${context}: ${reasons}`,
    );
  }
});

Deno.test("a punch opens a connection over a network that loses a fifth", () => {
  let opened = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const crossing = new Crossing({ seed, delayMs: 5 + seed * 7 % 200, loss: 0.2 });
    const rows = punch(crossing, seed * 37 % 400);
    crossing.run(6_000);
    if (crossing.hosts.some((host) => host.openCount() === 0)) continue;
    opened++;
    crossing.demandConnection(rows, `seed ${seed}`);
  }
  assert.ok(opened >= 58, `${opened} of 60 opened`);
});

Deno.test("a punch mostly succeeds even if both firewalls reset SYNs, by which the other one forgets what it let out", () => {
  let opened = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const crossing = new Crossing({ seed, delayMs: 20 + seed * 3 % 60, answersStrangers: true });
    // Late enough to be reset.
    const lagMs = 150 + seed * 53 % 2_500;
    const rows = punch(crossing, lagMs);
    crossing.run(4_000);
    assert.ok(crossing.resets > 0);
    if (crossing.hosts.some((host) => host.openCount() === 0)) continue;
    opened++;
    crossing.demandConnection(rows, `seed ${seed}, ${lagMs} ms later`);
  }
  assert.ok(opened >= 55, `${opened} of 60 opened`);
});

Deno.test("a punch waits a minute for a peer that begins late", () => {
  for (const lagMs of [10_000, 30_000, 60_000]) {
    const crossing = new Crossing({ seed: lagMs, delayMs: 50 });
    const rows = punch(crossing, lagMs);
    crossing.run(500);
    crossing.demandConnection(rows, `${lagMs} ms`);
  }
});

for (const answersStrangers of [false, true]) {
  Deno.test(`a punch that ${answersStrangers ? "only resets" : "nobody"} answers is given up after a minute and few SYNs`, () => {
    const crossing = new Crossing({ seed: 1, delayMs: 10, answersStrangers });
    const [a, b] = crossing.hosts;
    const [toB] = crossing.meet();
    a.stack.dial(toB, 0, PUNCH);
    const sequence = new Set<number>();
    const sentMs: number[] = [];
    for (let nowMs = 0; nowMs < 70_000; nowMs += 10) {
      a.handleTimeout(nowMs);
      for (const packet of a.transmit()) {
        const { flags, seq } = readSegment(packet, b.local);
        assert.equal(flags, SYN);
        sequence.add(seq);
        sentMs.push(nowMs);
        if (answersStrangers) a.receive(crossing.firewalls[1].refusal(packet)!, nowMs);
      }
    }
    assert.equal(sequence.size, 1);
    if (answersStrangers) assert.ok(sentMs.length > 20 && sentMs.length < 45, `${sentMs.length} SYNs`);
    else assert.deepEqual(sentMs, [0, ...PUNCH_RETRANSMIT_MS.slice(0, -1)]);
    assert.deepEqual(a.eventNames(), ["closed: timed out"]);
  });
}

Deno.test("a punch ignores an exact reset when half open, and takes the new SYN of a peer that begins anew", () => {
  const crossing = new Crossing({ seed: 3, delayMs: 10 });
  const [a, b] = crossing.hosts;
  const [toB, toA] = crossing.meet();
  const rowA = a.stack.dial(toB, 0, PUNCH);
  let rowB = b.stack.dial(toA, 0, PUNCH);
  a.transmit();
  a.receive(b.transmit()[0], 10);
  assert.equal(a.table.state[rowA], ConnectionState.HALF_OPEN);

  // Another number without a reset: B has begun anew.
  b.stack.abort(rowB, 500);
  rowB = b.stack.dial(toA, 500, PUNCH);
  const [again] = b.transmit();
  a.receive(again, 500);
  assert.equal(a.table.irs[rowA], readSegment(again, a.local).seq);
  assert.deepEqual(a.transmit().map((packet) => readSegment(packet, b.local).flags), [SYN | ACK]);

  // Somebody on the way resets exactly: SYNs go out again.
  const remote = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(remote, 0, a.address, toA[1]);
  const out = new Uint8Array(100);
  const seq = a.table.rcvNxt[rowA];
  const tuple = Uint32Array.of(...remote.subarray(0, 7), toB[1]);
  const length = writeReset(new DataView(out.buffer), 0, tuple, 0, b.local, RST, seq, 0);
  completeChecksum(new DataView(out.buffer), 0, length);
  a.receive(out.slice(0, length), 600);
  assert.equal(a.table.state[rowA], ConnectionState.CLOSED);
  a.handleTimeout(1_000);
  const [syn] = a.transmit().map((packet) => ({ ...readSegment(packet, b.local) }));
  assert.deepEqual([syn.flags, syn.seq, syn.windowScale], [SYN, a.table.iss[rowA], 7]);
  b.receive(again, 1_000);
  assert.deepEqual(a.events, []);
  assert.ok(rowB >= 0);
});

Deno.test("a SYN to the rendezvous port that nobody dials from yet gets no answer, and any other segment a reset", () => {
  const crossing = new Crossing({ seed: 1, delayMs: 10 });
  const [a, b] = crossing.hosts;
  const [toB] = crossing.meet();
  a.stack.dial(toB, 0, PUNCH);
  b.receive(a.transmit()[0], 10);
  assert.deepEqual(b.transmit(), []);
  // The same to another port.
  a.stack.dial(b.endpoint(4, PORT + 1), 0);
  b.receive(a.transmit()[0], 10);
  assert.deepEqual(b.transmit().map((packet) => readSegment(packet, a.local).flags), [RST | ACK]);
});
