import { strict as assert } from "node:assert";
import { type NodeId, SPREAD_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { SpreadRelay, type SpreadSettings } from "../../src/control/spread.ts";
import type { Device } from "../../src/device/device.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { contentOf } from "../dataplane/datagram.ts";

const SELF = 1;
const TIMEOUT_MS = 10_000;
const BODY = Uint8Array.of(1, 2, 3, 4, 5);

/** What the relay asks of a device. */
type RelayedBy = Pick<Device, "reachablePeers" | "sendMessage">;
type SentMessage = Parameters<Device["sendMessage"]>[1];

/** A message that floods, as a neighbour passes it on. */
interface Spread {
  readonly type: number;
  readonly ttl: number;
  readonly destination: NodeId;
  readonly source: NodeId;
  readonly fromRow: number;
  readonly body: Uint8Array;
}

const SPREAD: Spread = {
  type: MessageType.PING,
  ttl: 7,
  destination: SPREAD_NODE_ID,
  source: 77,
  fromRow: 0,
  body: BODY,
};

/** A relay whose neighbours 2 to 4 are in rows 0 to 2. */
class Bench {
  readonly relay: SpreadRelay;
  #sent: { row: number; message: SentMessage; nowMs: number }[] = [];

  constructor(settings: Partial<SpreadSettings> = {}) {
    const device: RelayedBy = {
      *reachablePeers() {
        for (const row of [0, 1, 2]) yield { row, nodeId: row + 2 };
      },
      sendMessage: (row, message, nowMs) => {
        this.#sent.push({ row, message: { ...message, body: message.body.slice() }, nowMs });
        return true;
      },
    };
    this.relay = new SpreadRelay(device as Device, { duplicateTimeoutMs: TIMEOUT_MS, relays: true, ...settings });
  }

  /** Handles a message that came from a neighbour. */
  handle(change: Partial<Spread> = {}, nowMs = 1000): number {
    const { type, ttl, destination, source, fromRow, body } = { ...SPREAD, ...change };
    return this.relay.handleMessage(contentOf(destination, source, body), type, ttl, fromRow, nowMs);
  }

  takeSent(): { row: number; message: SentMessage; nowMs: number }[] {
    return this.#sent.splice(0);
  }

  /** Takes the rows of those to whom something was sent. */
  takeRows(): number[] {
    return this.takeSent().map(({ row }) => row);
  }
}

Deno.test("SpreadRelay passes a message on to every neighbour but the one it came from, one less in TTL", () => {
  const bench = new Bench();
  assert.equal(bench.handle(), Reason.NONE);
  const message = { type: MessageType.PING, ttl: 6, destination: SPREAD_NODE_ID, source: 77, body: BODY };
  assert.deepEqual(bench.takeSent(), [{ row: 1, message, nowMs: 1000 }, { row: 2, message, nowMs: 1000 }]);
});

Deno.test("SpreadRelay never passes a message back to its source", () => {
  const bench = new Bench();
  bench.handle({ source: 4 });
  assert.deepEqual(bench.takeRows(), [1]);
});

Deno.test("SpreadRelay takes a message whose relays are used up, and passes it no further", () => {
  const bench = new Bench();
  assert.equal(bench.handle({ ttl: 0 }), Reason.NONE);
  assert.deepEqual(bench.takeRows(), []);
  assert.equal(bench.handle({ ttl: 1, source: 78 }), Reason.NONE);
  assert.deepEqual(bench.takeSent().map(({ message }) => message.ttl), [0, 0]);
});

Deno.test("SpreadRelay takes a message and passes nothing on where relaying is switched off", () => {
  const bench = new Bench({ relays: false });
  assert.equal(bench.handle(), Reason.NONE);
  assert.deepEqual(bench.takeRows(), []);
  assert.equal(bench.handle(), Reason.SPREAD_DUPLICATE);
});

Deno.test("SpreadRelay leaves messages for one node, and broadcasts, alone", () => {
  const bench = new Bench();
  for (const destination of [SELF, 2, 0xffff]) {
    for (let count = 0; count < 2; count++) assert.equal(bench.handle({ destination }), Reason.NONE);
  }
  assert.deepEqual(bench.takeRows(), []);
});

Deno.test("SpreadRelay takes each message once, whoever brings it and with whatever TTL", () => {
  const bench = new Bench();
  bench.handle();
  bench.takeSent();
  for (const change of [{}, { fromRow: 1 }, { ttl: 3 }]) {
    assert.equal(bench.handle(change), Reason.SPREAD_DUPLICATE);
  }
  assert.deepEqual(bench.takeRows(), []);
});

const DIFFERENT: [name: string, change: Partial<Spread>][] = [
  ["another source", { source: 78 }],
  ["another type", { type: MessageType.PONG }],
  ["another body", { body: Uint8Array.of(1, 2, 3, 4, 6) }],
  ["a longer body", { body: Uint8Array.of(...BODY, 0) }],
  ["no body", { body: new Uint8Array(0) }],
];
for (const [name, change] of DIFFERENT) {
  Deno.test(`SpreadRelay tells a message with ${name} apart`, () => {
    const bench = new Bench();
    bench.handle();
    bench.takeSent();
    assert.equal(bench.handle(change), Reason.NONE);
    assert.deepEqual(bench.takeRows(), [1, 2]);
    assert.equal(bench.handle(change), Reason.SPREAD_DUPLICATE);
  });
}

Deno.test("SpreadRelay forgets a message after the time it is told, seen again or not", () => {
  const bench = new Bench();
  bench.handle({}, 1000);
  assert.equal(bench.handle({}, 1000 + TIMEOUT_MS - 1), Reason.SPREAD_DUPLICATE);
  assert.equal(bench.handle({}, 1000 + TIMEOUT_MS), Reason.NONE);
});

Deno.test("SpreadRelay takes every copy where the filter is switched off", () => {
  const bench = new Bench({ duplicateTimeoutMs: 0 });
  for (let count = 0; count < 3; count++) assert.equal(bench.handle(), Reason.NONE);
  assert.equal(bench.takeRows().length, 6);
});
