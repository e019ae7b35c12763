import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { createConnectionTable, REMOTE_WORDS } from "../../src/faketcp/connection_table.ts";
import { completeChecksum, createLocalHost, SEGMENT_HEADER_MAX } from "../../src/faketcp/packet.ts";
import { checkSegment, createSegmentInfo, type SegmentInfo, verifyChecksum } from "../../src/faketcp/segment_reader.ts";
import {
  checkSynCookie,
  COOKIE_MSS_UNLIMITED,
  COOKIE_PERIOD_MS,
  makeSynCookie,
  writeCookieSynAck,
} from "../../src/faketcp/syn_cookie.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";

const HERE = createLocalHost(Uint8Array.of(192, 0, 2, 1), undefined, 64);
const THERE = createLocalHost(Uint8Array.of(192, 0, 2, 2), undefined, 64);

/** A SYN of another host's port 5000 to our port 3001. */
function synInfo(change: Partial<SegmentInfo> = {}): SegmentInfo {
  const info = {
    ...createSegmentInfo(),
    family: 4,
    localPort: 3001,
    seq: 1000,
    flags: TcpFlag.SYN,
    mss: 1460,
    ...change,
  };
  info.tuple.set([4, 5000, THERE.addressV4]);
  info.tuple[REMOTE_WORDS - 1] = 3001;
  return info;
}

/** The acknowledgment that answers a cookie. */
function ackInfo(syn: SegmentInfo, cookie: number): SegmentInfo {
  return { ...syn, flags: TcpFlag.ACK, seq: (syn.seq + 1) >>> 0, ack: (cookie + 1) >>> 0, mss: 0 };
}

Deno.test("checkSynCookie() returns the MSS of the SYN, rounded down to one that a cookie can carry", () => {
  const table = createConnectionTable(4, seededRandom(1));
  const cases = [
    [0, COOKIE_MSS_UNLIMITED],
    [1, 536],
    [536, 536],
    [1219, 536],
    [1220, 1220],
    [1452, 1440],
    [1460, 1460],
    [8960, 1460],
  ];
  for (const [mss, expected] of cases) {
    const syn = synInfo({ mss });
    assert.equal(checkSynCookie(table, ackInfo(syn, makeSynCookie(table, syn, 0)), 0), expected, `MSS ${mss}`);
  }
});

Deno.test("checkSynCookie() accepts a cookie for one to two minutes", () => {
  const table = createConnectionTable(4, seededRandom(1));
  const syn = synInfo();
  const ack = ackInfo(syn, makeSynCookie(table, syn, COOKIE_PERIOD_MS - 1));
  for (const [nowMs, isAccepted] of [[COOKIE_PERIOD_MS - 1, true], [2 * COOKIE_PERIOD_MS - 1, true]] as const) {
    assert.equal(checkSynCookie(table, ack, nowMs) > 0, isAccepted);
  }
  assert.equal(checkSynCookie(table, ack, 2 * COOKIE_PERIOD_MS), 0);
});

Deno.test("checkSynCookie() refuses a cookie of another tuple, sequence number or key", () => {
  const table = createConnectionTable(4, seededRandom(1));
  const syn = synInfo();
  const ack = ackInfo(syn, makeSynCookie(table, syn, 0));
  const otherTuple = (word: number) => {
    const tuple = ack.tuple.slice();
    tuple[word]++;
    return { ...ack, tuple };
  };
  assert.ok(checkSynCookie(table, ack, 0) > 0);
  assert.equal(checkSynCookie(table, { ...ack, seq: ack.seq + 1 }, 0), 0);
  assert.equal(checkSynCookie(table, { ...ack, ack: ack.ack + 8 }, 0), 0);
  assert.equal(checkSynCookie(table, { ...ack, localPort: 3002 }, 0), 0);
  for (const word of [1, 2, 5]) assert.equal(checkSynCookie(table, otherTuple(word), 0), 0, `word ${word}`);
  assert.equal(checkSynCookie(createConnectionTable(4, seededRandom(2)), ack, 0), 0);
});

Deno.test("checkSynCookie() accepts no guess among a hundred thousand", () => {
  const table = createConnectionTable(4, seededRandom(1));
  const random = seededRandom(5);
  const ack = ackInfo(synInfo(), 0);
  for (let guess = 0; guess < 100_000; guess++) {
    ack.ack = random.uint32();
    assert.equal(checkSynCookie(table, ack, 0), 0);
  }
});

Deno.test("checkSynCookie() accepts every cookie that makeSynCookie() makes", () => {
  const table = createConnectionTable(4, seededRandom(1));
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffff), fc.nat(1e9), (seq, mss, nowMs) => {
      const syn = synInfo({ seq, mss });
      assert.ok(checkSynCookie(table, ackInfo(syn, makeSynCookie(table, syn, nowMs)), nowMs) > 0);
    }),
  );
});

Deno.test("writeCookieSynAck() answers a SYN with a cookie and no option but the MSS", () => {
  const table = createConnectionTable(4, seededRandom(1));
  const view = new DataView(new ArrayBuffer(SEGMENT_HEADER_MAX));
  const syn = synInfo({ seq: 0xffffffff, windowScale: 7, hasTimestamps: true });
  for (const mss of [1460, 0]) {
    const length = writeCookieSynAck(view, 0, table, HERE, syn, mss, 64240, 0);
    completeChecksum(view, 0, length);
    const info = createSegmentInfo();
    assert.equal(checkSegment(view, 0, length, THERE, info), Reason.NONE);
    assert.equal(verifyChecksum(view, 0, info), Reason.NONE);
    assert.deepEqual([info.flags, info.ack, info.seq], [TcpFlag.SYN | TcpFlag.ACK, 0, makeSynCookie(table, syn, 0)]);
    assert.deepEqual([info.mss, info.windowScale, info.hasTimestamps, info.window], [mss, -1, false, 64240]);
  }
});
