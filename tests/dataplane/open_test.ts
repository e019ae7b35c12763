import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { LaneContext } from "../../src/dataplane/lane_context.ts";
import { OPEN_BURST_MAX, Opener } from "../../src/dataplane/open.ts";
import { createEventRing } from "../../src/dataplane/events.ts";
import { droppedFor, SessionState, type Tables } from "../../src/dataplane/tables.ts";
import { slowSum } from "../reference/checksum.ts";
import { contentOf, keyOf, type Message, sealMessage } from "./datagram.ts";
import { createTestTables, enterNeighbour, localIndex, REJECT_AFTER_MS, shim } from "./test_node.ts";

const SELF = 1;
const PEER = 2;
const ROW = 5;

/** An opener over its own buffer, for one lane. */
class Bench implements Disposable {
  readonly context: LaneContext;
  readonly opener: Opener;
  readonly octets = new Uint8Array(1 << 20);
  #used = 3;

  constructor(tables = createTables(), lane = 0) {
    this.context = new LaneContext(tables, lane, SELF, createEventRing(), REJECT_AFTER_MS);
    this.opener = new Opener(this.context, this.octets, new DataView(this.octets.buffer), shim);
  }

  /** Admits datagrams and opens them; returns which were accepted. */
  open(...datagrams: Uint8Array[]): boolean[] {
    this.opener.clear();
    this.#used = 3;
    for (const [message, datagram] of datagrams.entries()) this.admit(datagram, message);
    const { count } = this.opener;
    if (count > 0) this.opener.open();
    return Array.from({ length: count }, (_, index) => this.opener.isAccepted(index));
  }

  admit(datagram: Uint8Array, message: number): void {
    this.octets.set(datagram, this.#used);
    this.opener.admit(this.#used, datagram.length, message);
    this.#used += datagram.length + 1;
  }

  /** Reasons counted so far. */
  get drops(): Record<string, number> {
    const named = Object.entries(Reason).map(([name, reason]): [string, number] => [
      name,
      droppedFor(this.context.tables, reason),
    ]);
    return Object.fromEntries(named.filter(([, count]) => count > 0));
  }

  [Symbol.dispose](): void {
    this.opener[Symbol.dispose]();
  }
}

function createTables(): Tables {
  const tables = createTestTables(2);
  enterNeighbour(tables, ROW, SELF, { nodeId: PEER });
  return tables;
}

function sealed(counter: number, change: Partial<Message> = {}): Uint8Array {
  const content = contentOf(SELF, PEER, Uint8Array.from({ length: 28 }, (_, index) => counter + index));
  return sealMessage(keyOf(PEER), { type: 4, ttl: 9, index: localIndex(ROW), counter, content, ...change });
}

Deno.test("Opener opens in place what a session of ours sealed, and tells where, how long, and with which sum", () => {
  using bench = new Bench();
  assert.deepEqual(bench.open(sealed(0), sealed(1)), [true, true]);
  const { opener, octets } = bench;
  for (let index = 0; index < 2; index++) {
    const at = opener.at(index);
    const content = octets.subarray(at + 14, at + 14 + opener.contentLength(index));
    assert.deepEqual(content, contentOf(SELF, PEER, Uint8Array.from({ length: 28 }, (_, i) => index + i)));
    assert.equal(opener.frameSum(index), slowSum(content.subarray(4)));
    assert.equal(opener.sessions[index], ROW);
    assert.equal(opener.messages[index], index);
  }
  assert.deepEqual(bench.drops, {});
});

Deno.test("Opener accepts keepalives, those that reference nodes leave untyped too", () => {
  using bench = new Bench();
  const empty = new Uint8Array(0);
  assert.deepEqual(
    bench.open(sealed(0, { type: 3, content: empty }), sealed(1, { type: 0, content: empty })),
    [true, true],
  );
  assert.equal(bench.opener.contentLength(0), 0);
});

const REFUSED: [name: string, reason: keyof typeof Reason, datagram: Uint8Array][] = [
  ["a truncated datagram", "DATAGRAM_TRUNCATED", sealed(0).subarray(0, 29)],
  ["a handshake's type", "HANDSHAKE_LENGTH", sealed(0, { type: 1 })],
  ["the type 0 with content", "HANDSHAKE_LENGTH", sealed(0, { type: 0 })],
  ["an index of nobody", "SESSION_UNKNOWN", sealed(0, { index: localIndex(ROW + 1) })],
  ["an index with our row and other bits", "SESSION_UNKNOWN", sealed(0, { index: localIndex(ROW) ^ 0x80000000 })],
  ["the index 0", "SESSION_UNKNOWN", sealed(0, { index: 0 })],
  ["the greatest index", "SESSION_UNKNOWN", sealed(0, { index: 0xffffffff })],
  ["a counter of 2^53", "COUNTER_LIMIT", sealed(2 ** 53)],
  ["a key of another", "AEAD_FAILED", sealMessage(keyOf(3), { ...MESSAGE(), counter: 0 })],
];
function MESSAGE(): Message {
  return { type: 4, ttl: 9, index: localIndex(ROW), counter: 0, content: new Uint8Array(32) };
}
for (const [name, reason, datagram] of REFUSED) {
  Deno.test(`Opener refuses ${name} and opens what comes after it`, () => {
    using bench = new Bench();
    const accepted = bench.open(datagram, sealed(1));
    assert.deepEqual(accepted.filter((isAccepted) => isAccepted), [true]);
    assert.deepEqual(bench.drops, { [reason]: 1 });
  });
}

Deno.test("Opener refuses every flipped bit of what is authenticated", () => {
  using bench = new Bench();
  const datagram = sealed(0);
  for (let at = 6; at < datagram.length; at++) {
    const flipped = datagram.slice();
    flipped[at] ^= 1 << (at & 7);
    assert.ok(bench.open(flipped).every((isAccepted) => !isAccepted), `octet ${at}`);
  }
  assert.deepEqual(bench.open(datagram), [true]);
});

Deno.test("Opener opens with a session from its publication until it is withdrawn or too old", () => {
  using bench = new Bench();
  const { tables } = bench.context;
  tables.sessionState[ROW] = SessionState.NEXT;
  assert.deepEqual(bench.open(sealed(0)), [true]);
  tables.sessionState[ROW] = SessionState.LIVE;
  bench.context.nowMs = REJECT_AFTER_MS - 1;
  assert.deepEqual(bench.open(sealed(1)), [true]);
  bench.context.nowMs = REJECT_AFTER_MS;
  assert.deepEqual(bench.open(sealed(2)), []);
  bench.context.nowMs = 0;
  tables.sessionState[ROW] = SessionState.NONE;
  assert.deepEqual(bench.open(sealed(3)), []);
  assert.deepEqual(bench.drops, { SESSION_EXPIRED: 1, SESSION_UNKNOWN: 1 });
});

Deno.test("Opener refuses a counter that was seen, in one burst and in the next", () => {
  using bench = new Bench();
  assert.deepEqual(bench.open(sealed(4), sealed(4), sealed(3)), [true, false, true]);
  assert.deepEqual(bench.open(sealed(3), sealed(4), sealed(5)), [false, false, true]);
  assert.deepEqual(bench.drops, { REPLAY: 3 });
});

Deno.test("Opener shows counters of forgeries to no replay window", () => {
  using bench = new Bench();
  const forged = sealed(1_000_000);
  forged[20] ^= 1;
  assert.deepEqual(bench.open(forged), [false]);
  assert.deepEqual(bench.open(sealed(0)), [true]);
});

Deno.test("Opener accepts counters beyond 32 bits, up to the limit", () => {
  using bench = new Bench();
  assert.deepEqual(bench.open(sealed(2 ** 32 + 5), sealed(2 ** 53 - 1), sealed(2 ** 53 - 1)), [true, true, false]);
});

Deno.test("Openers of two lanes share the replay windows of their node", () => {
  const tables = createTables();
  using one = new Bench(tables, 0);
  using two = new Bench(tables, 1);
  assert.deepEqual(one.open(sealed(0), sealed(2)), [true, true]);
  assert.deepEqual(two.open(sealed(0), sealed(1), sealed(2), sealed(3)), [false, true, false, true]);
  assert.deepEqual(one.open(sealed(1), sealed(3), sealed(4)), [false, false, true]);
  assert.deepEqual(one.drops, { REPLAY: 4 });
  assert.ok(tables.sessionReplayLock.every((word) => word === 0));
});

Deno.test("Opener keeps apart the windows of sessions that alternate in a burst", () => {
  const tables = createTables();
  enterNeighbour(tables, ROW + 1, SELF, { nodeId: 3 });
  using bench = new Bench(tables);
  const other = (counter: number) => sealMessage(keyOf(3), { ...MESSAGE(), index: localIndex(ROW + 1), counter });
  assert.deepEqual(
    bench.open(sealed(0), other(0), sealed(1), other(0), sealed(0), other(1)),
    [true, true, true, false, false, true],
  );
  assert.ok(tables.sessionReplayLock.every((word) => word === 0));
});

Deno.test("Opener takes as many datagrams as it promises", () => {
  using bench = new Bench();
  const datagrams = Array.from({ length: OPEN_BURST_MAX }, (_, counter) => sealed(counter));
  assert.ok(bench.open(...datagrams).every((isAccepted) => isAccepted));
  assert.equal(bench.opener.count, OPEN_BURST_MAX);
});
