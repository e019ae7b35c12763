/**
 * Two lanes with a firewall between them that tracks connections and drops what is invalid: it must find nothing.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { createDatagramBurst } from "../../src/conn/bind.ts";
import { SEGMENT_HEADER_MAX, SynOption, writeSyn } from "../../src/faketcp/packet.ts";
import { RECEIVED_WORDS } from "../../src/ffi/symbols.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { Conntrack } from "../reference/conntrack.ts";
import {
  type ConnectionOptions,
  countingRandom,
  createPair,
  sendRun,
  type Side,
  SINGLES,
  TIMESTAMPS,
  WINDOW_SCALE,
} from "./connection.ts";

/** What a link does to packets. Parts of all, 0 to 1. */
interface Impairment {
  /** Half of it before the firewall, half behind it. */
  readonly loss?: number;
  readonly reordering?: number;
  readonly duplication?: number;
}

const burst = createDatagramBurst();
const DAY_MS = 86_400_000;

/** Two sides of one connection, and the firewall in the middle. */
class Passage {
  readonly firewall = new Conntrack();
  readonly sides: readonly [Side, Side];
  nowMs = 1000;
  /** Datagrams received by each side, and segments that the links lost. */
  readonly received = [0, 0];
  lost = 0;
  readonly #impairment: Impairment;
  readonly #random = countingRandom();
  readonly #held: Uint8Array[][] = [[], []];

  constructor(options: ConnectionOptions = {}, impairment: Impairment = {}) {
    this.#impairment = impairment;
    this.sides = createPair(4, options);
    this.#shakeHands(options.flags ?? TIMESTAMPS | WINDOW_SCALE);
  }

  /** Lets the firewall see SYN, SYN-ACK, and the responder's first segment with a scaled window. */
  #shakeHands(flags: number): void {
    const [client, server] = this.sides;
    const { MSS, TIMESTAMPS: TS, WINDOW_SCALE: WS } = SynOption;
    const options = MSS | ((flags & TIMESTAMPS) !== 0 ? TS : 0) | ((flags & WINDOW_SCALE) !== 0 ? WS : 0);
    const { SYN, ACK } = TcpFlag;
    for (const [side, control] of [[client, SYN], [server, SYN | ACK]] as const) {
      const { table, local } = side;
      const octets = new Uint8Array(SEGMENT_HEADER_MAX);
      const ack = control === SYN ? 0 : table.irs[0] + 1;
      const tuple = table.remote.subarray(0, 8);
      const { iss } = table;
      const view = new DataView(octets.buffer);
      const length = writeSyn(view, 0, tuple, 0, local, 0, control, iss[0], ack, 64240, options, 1460, 7, 1, 0);
      assert.notEqual(this.firewall.track(octets.subarray(0, length), this.nowMs), "invalid");
    }
    for (const side of this.sides) {
      side.table.ackSent[0] = side.table.irs[0];
      side.bind.service(this.nowMs);
    }
    // Each acknowledges the other's SYN, as the stack does.
    for (const index of [0, 1]) this.#acknowledge(index);
    for (const side of this.sides) side.table.ackSent[0] = side.table.rcvNxt[0];
  }

  #acknowledge(index: number): void {
    const side = this.sides[index];
    const window = side.table.sndWnd[0];
    // With a full window, a try to send is a question: an acknowledgment without data.
    if ((side.table.flags[0] & WINDOW_SCALE) === 0) return;
    side.table.sndWnd[0] = 0;
    side.bind.service(this.nowMs);
    sendRun(side, 1);
    side.table.sndWnd[0] = window;
    this.carry(index);
  }

  /** Carries what side `from` wrote through the firewall, and lets the other side receive it. */
  carry(from: number): void {
    const { loss = 0, reordering = 0, duplication = 0 } = this.#impairment;
    const chance = () => this.#random.uint32() / 2 ** 32;
    const to = this.sides[1 - from];
    for (const packet of [...this.#held[from].splice(0), ...this.sides[from].queue.written.splice(0)]) {
      if (chance() < loss / 2) {
        this.lost++;
        continue;
      }
      if (chance() < reordering) {
        this.#held[from].push(packet);
        continue;
      }
      for (let copies = chance() < duplication ? 2 : 1; copies > 0; copies--) {
        const verdict = this.firewall.track(packet.subarray(VIRTIO_NET_HDR_LEN), this.nowMs);
        if (verdict === "invalid") continue;
        if (chance() < loss / 2) this.lost++;
        else to.queue.put(packet);
      }
    }
    this.#receive(1 - from);
  }

  #receive(index: number): void {
    const { bind } = this.sides[index];
    for (let count = bind.receiveBurst(burst); count >= 0; count = bind.receiveBurst(burst)) {
      for (let word = 0; word < count * RECEIVED_WORDS; word += RECEIVED_WORDS) {
        this.received[index] += Math.ceil(burst.received[word] / burst.received[word + 1]);
      }
    }
  }

  /** Lets time pass, and both sides do what is due. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const { bind } of this.sides) bind.service(this.nowMs);
    this.carry(0);
    this.carry(1);
  }

  /** Sends `octets` one way in runs of 43 datagrams, two milliseconds apart. */
  stream(from: number, octets: number): void {
    const payload = new Uint8Array(60_200);
    for (let sent = 0; sent < octets; sent += payload.length) {
      assert.equal(sendRun(this.sides[from], payload.length, 1400, payload), 0);
      this.pass(2);
    }
  }

  /** Asserts that the firewall found nothing wrong, and the sides neither. */
  finish(): void {
    assert.deepEqual(this.firewall.reasons, []);
    assert.equal(this.firewall.invalid, 0);
    for (const { sink } of this.sides) assert.deepEqual(sink.takeDropped(), {});
  }
}

for (const from of [0, 1]) {
  Deno.test(`a firewall finds nothing invalid in 1 GB that flows one way, from the ${from === 0 ? "dialler" : "listener"}`, () => {
    const passage = new Passage();
    passage.stream(from, 1e9);
    assert.equal(passage.received[1 - from], Math.ceil(1e9 / 60_200) * 43);
    passage.finish();
  });
}

for (const loss of [0.01, 0.05, 0.2]) {
  Deno.test(`a firewall finds nothing invalid with ${loss * 100} % of segments lost`, () => {
    const passage = new Passage({ flags: TIMESTAMPS | WINDOW_SCALE | SINGLES }, { loss });
    for (let round = 0; round < 20; round++) {
      passage.stream(0, 1_000_000);
      passage.stream(1, 1_000_000);
    }
    assert.ok(passage.lost > 100);
    passage.finish();
  });
}

Deno.test("a firewall finds nothing invalid in segments swapped and doubled", () => {
  const passage = new Passage({ flags: TIMESTAMPS | WINDOW_SCALE | SINGLES }, { reordering: 0.1, duplication: 0.1 });
  for (let round = 0; round < 20; round++) {
    passage.stream(0, 1_000_000);
    passage.stream(1, 1_000_000);
  }
  passage.pass(50);
  assert.ok(passage.received[0] > 14_620 && passage.received[1] > 14_620);
  passage.finish();
});

Deno.test("a firewall finds nothing invalid after it forgot the connection amid the flow", () => {
  const passage = new Passage();
  passage.stream(0, 20_000_000);
  passage.firewall.flush();
  passage.stream(0, 20_000_000);
  passage.stream(1, 20_000_000);
  passage.firewall.flush();
  passage.stream(1, 20_000_000);
  passage.finish();
});

Deno.test("a firewall keeps the entry of a connection that is idle for ten minutes but for keepalives", () => {
  const passage = new Passage();
  const probe = passage.sides[0];
  for (let second = 0; second < 600; second += 30) {
    assert.equal(sendRun(probe, 100), 0);
    const packet = probe.queue.written[0].subarray(VIRTIO_NET_HDR_LEN);
    passage.pass(0);
    for (let ms = 0; ms < 30_000; ms += 20) passage.pass(20);
    assert.equal(passage.firewall.stateOf(packet), "ESTABLISHED");
    assert.ok(passage.firewall.expiresMs(packet)! - passage.nowMs > 4 * DAY_MS);
  }
  assert.equal(passage.received[1], 20);
  passage.finish();
});
