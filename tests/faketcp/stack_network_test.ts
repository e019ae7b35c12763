import { strict as assert } from "node:assert";
import { seededRandom } from "../../src/base/random.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { Conntrack } from "../reference/conntrack.ts";
import { connect, exchange, PORT, SoftHost } from "./soft_host.ts";

interface Weather {
  readonly seed: number;
  readonly loss: number;
  readonly duplication: number;
  /** Greatest delay, ms; each packet has its own, so they overtake each other. */
  readonly delayMs: number;
}

/** Two hosts, and a network between them that loses, doubles and swaps packets, in simulated time. */
class Network {
  nowMs = 0;
  readonly conntrack = new Conntrack();
  readonly #hosts: [SoftHost, SoftHost];
  readonly #weather: Weather;
  readonly #random;
  #flying: { readonly to: SoftHost; readonly packet: Uint8Array; readonly atMs: number }[] = [];

  constructor(a: SoftHost, b: SoftHost, weather: Weather) {
    this.#hosts = [a, b];
    this.#weather = weather;
    this.#random = seededRandom(weather.seed);
  }

  /** Lets time pass, in steps of 5 ms. */
  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 5) {
      for (const [index, host] of this.#hosts.entries()) {
        host.handleTimeout(this.nowMs);
        for (const packet of host.transmit()) this.send(packet, this.#hosts[1 - index]);
      }
      const due = this.#flying.filter((one) => one.atMs <= this.nowMs);
      this.#flying = this.#flying.filter((one) => one.atMs > this.nowMs);
      for (const { to, packet } of due) to.receive(packet, this.nowMs);
    }
  }

  /** Sends a packet through a firewall that drops what is invalid. */
  send(packet: Uint8Array, to: SoftHost): void {
    const { loss, duplication, delayMs } = this.#weather;
    const copies = this.#chance(loss) ? 0 : this.#chance(duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.conntrack.track(packet, this.nowMs) === "invalid") continue;
      this.#flying.push({ to, packet, atMs: this.nowMs + (this.#random.uint32() % (delayMs + 1)) });
    }
  }

  #chance(share: number): boolean {
    return this.#random.uint32() / 2 ** 32 < share;
  }
}

/** Closes on one side; the other side's owner finds no answer to its probes and closes 3 s later. */
function closeBoth(network: Network, a: SoftHost, b: SoftHost): void {
  a.stack.close(a.openRow(), network.nowMs);
  network.run(3000);
  b.stack.close(b.openRow(), network.nowMs);
  network.run(140_000);
}

for (const [name, dialPorts] of [["one host dials", undefined], ["both hosts dial", [PORT, PORT]]] as const) {
  Deno.test(`two stacks open one connection and close it over a bad network: ${name}`, () => {
    let opened = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const weather = { seed, loss: 0.2, duplication: 0.1, delayMs: 60 };
      const a = new SoftHost(1, { seed, ...(dialPorts && { dialPorts: [...dialPorts] as [number, number] }) });
      const b = new SoftHost(2, {
        seed: seed + 1000,
        ...(dialPorts && { dialPorts: [...dialPorts] as [number, number] }),
      });
      const network = new Network(a, b, weather);
      const rowA = a.stack.dial(b.endpoint(), 0);
      if (dialPorts !== undefined) b.stack.dial(a.endpoint(), 0);
      network.run(20_000);
      const context = `seed ${seed}: ${a.eventNames()} | ${b.eventNames()}`;
      if (a.eventNames()[0] !== "opened") continue;
      opened++;
      assert.equal(a.openCount(), 1, context);
      // The last acknowledgment may be lost again and again; data makes up for it.
      for (let count = 0; count < 20; count++) {
        network.send(a.segment(rowA, Uint8Array.of(count), network.nowMs), b);
        network.run(50);
      }
      assert.equal(b.openCount(), 1, context);
      assert.ok(b.received.length > 5, context);
      closeBoth(network, a, b);
      assert.equal(a.openCount() + b.openCount(), 0, context);
      assert.equal(a.stack.pollTimeout(), Infinity, context);
      assert.equal(b.stack.pollTimeout(), Infinity, context);
    }
    // Five tries in 20 s, of which nearly every second fails.
    assert.ok(opened >= 57, `${opened} of 60 opened`);
  });
}

Deno.test("a firewall that tracks connections finds nothing invalid in opening, data and closing", () => {
  for (const family of [4, 6]) {
    const conntrack = new Conntrack();
    const track = (packet: Uint8Array) => assert.notEqual(conntrack.track(packet, 0), "invalid", conntrack.reasons[0]);
    const a = new SoftHost(1);
    const b = new SoftHost(2);
    const rowA = a.stack.dial(b.endpoint(family), 0);
    const [syn] = a.transmit();
    track(syn);
    assert.equal(conntrack.stateOf(syn), "SYN_SENT");
    b.receive(syn, 0);
    exchange(a, b, 0, track);
    assert.equal(conntrack.stateOf(syn), "ESTABLISHED");
    const rowB = b.openRow();
    for (const [from, to, row] of [[a, b, rowA], [b, a, rowB]] as const) {
      // Nearly the whole window before the first acknowledgment.
      for (let count = 0; count < 5900; count++) {
        const packet = from.segment(row, new Uint8Array(1400), 0);
        track(packet);
        to.receive(packet, 0);
      }
    }
    const [ack, answer] = [a.segment(rowA, new Uint8Array(), 0), b.segment(rowB, new Uint8Array(), 0)];
    track(ack);
    track(answer);
    b.receive(ack, 0);
    a.receive(answer, 0);
    a.stack.close(rowA, 0);
    exchange(a, b, 0, track);
    b.stack.close(rowB, 1);
    exchange(a, b, 1, track);
    assert.equal(conntrack.stateOf(syn), "TIME_WAIT");
    assert.equal(conntrack.invalid, 0);
  }
});

Deno.test("a responder that stays silent after the handshake would be cut off behind a firewall", () => {
  // Why the responder shows its scaled window at once: the model knows the trap.
  const conntrack = new Conntrack();
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const row = a.stack.dial(b.endpoint(), 0);
  for (const packet of a.transmit()) {
    conntrack.track(packet, 0);
    b.receive(packet, 0);
  }
  for (const packet of b.transmit()) {
    conntrack.track(packet, 0);
    a.receive(packet, 0);
  }
  for (const packet of a.transmit()) conntrack.track(packet, 0);
  let passed = 0;
  while (passed < 1000 && conntrack.track(a.segment(row, new Uint8Array(1400), 0), 0) !== "invalid") passed++;
  assert.ok(passed * 1400 < 140_000, `${passed * 1400} octets passed`);
});

Deno.test("a firewall finds nothing invalid in crossing SYNs", () => {
  const conntrack = new Conntrack();
  const ports = { dialPorts: [PORT, PORT] as [number, number] };
  const a = new SoftHost(1, ports);
  const b = new SoftHost(2, ports);
  const rowA = a.stack.dial(b.endpoint(), 0);
  const rowB = b.stack.dial(a.endpoint(), 0);
  exchange(a, b, 0, (packet) => conntrack.track(packet, 0));
  for (let count = 0; count < 1000; count++) {
    conntrack.track(a.segment(rowA, new Uint8Array(1400), 0), 0);
    conntrack.track(b.segment(rowB, new Uint8Array(1400), 0), 0);
  }
  assert.equal(conntrack.invalid, 0, conntrack.reasons.join());
});

Deno.test("a firewall finds nothing invalid when both hosts restart and use the same tuple again", () => {
  const conntrack = new Conntrack();
  const track = (packet: Uint8Array) => void conntrack.track(packet, 0);
  const ports = { dialPorts: [61000, 61000] as [number, number] };
  const first = new SoftHost(1, ports);
  const second = new SoftHost(2);
  first.stack.dial(second.endpoint(), 0);
  exchange(first, second, 0, track);

  // Only the dialler restarts: its SYN meets the old connection, which is aborted once probes find nobody.
  const restarted = new SoftHost(1, { ...ports, seed: 50 });
  restarted.stack.dial(second.endpoint(), 10_000);
  exchange(restarted, second, 10_000, track);
  second.stack.abort(second.openRow(), 10_500);
  restarted.handleTimeout(11_000);
  exchange(restarted, second, 11_000, track);
  assert.deepEqual(restarted.eventNames(), ["opened"]);

  // Both restart.
  const a = new SoftHost(1, { ...ports, seed: 51 });
  const b = new SoftHost(2, { seed: 52 });
  const row = a.stack.dial(b.endpoint(), 20_000);
  exchange(a, b, 20_000, track);
  assert.deepEqual(a.eventNames(), ["opened"]);
  for (let count = 0; count < 1000; count++) track(a.segment(row, new Uint8Array(1400), 20_000));
  assert.equal(conntrack.invalid, 0, conntrack.reasons.join());
});

Deno.test("a firewall that lost its table picks a connection up again", () => {
  const conntrack = new Conntrack();
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  conntrack.flush();
  for (let count = 0; count < 200; count++) {
    const data = a.segment(rowA, new Uint8Array(1400), 0);
    conntrack.track(data, 0);
    b.receive(data, 0);
    conntrack.track(b.segment(rowB, new Uint8Array(), 0), 0);
  }
  assert.equal(conntrack.invalid, 0, conntrack.reasons.join());
});

Deno.test("after a rewind the new data under old numbers is nothing invalid to a firewall", () => {
  const conntrack = new Conntrack();
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const row = a.stack.dial(b.endpoint(), 0);
  exchange(a, b, 0, (packet) => conntrack.track(packet, 0));
  // 30 MB are lost behind the firewall, 3 MB between two looks.
  for (let nowMs = 0; nowMs < 5000; nowMs += 250) {
    for (let count = 0; count < 1071; count++) conntrack.track(a.segment(row, new Uint8Array(1400), nowMs), nowMs);
    a.handleTimeout(nowMs);
  }
  assert.equal(conntrack.invalid, 0, conntrack.reasons.join());
});

Deno.test("Conntrack refuses what a firewall refuses", () => {
  const conntrack = new Conntrack(false);
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  assert.equal(conntrack.track(a.segment(rowA, Uint8Array.of(1), 0), 0), "invalid", "no SYN seen");
  const c = new SoftHost(3);
  const row = c.stack.dial(b.endpoint(), 0);
  exchange(c, b, 0, (packet) => conntrack.track(packet, 0));
  c.table.sndNxt[row] += 40 << 20;
  assert.equal(conntrack.track(c.segment(row, Uint8Array.of(1), 0), 0), "invalid", "far beyond the window");
  assert.equal(conntrack.track(b.segment(rowB, new Uint8Array(), 0, TcpFlag.SYN | TcpFlag.FIN), 0), "invalid");
  assert.equal(conntrack.invalid, 3);
});
