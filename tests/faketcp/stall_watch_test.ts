import { strict as assert } from "node:assert";
import { isAcceptable } from "../../src/faketcp/acceptance.ts";
import { advanceSeq } from "../../src/faketcp/connection_table.ts";
import { STALL_MS } from "../../src/faketcp/constants.ts";
import { PHANTUN } from "../../src/faketcp/fingerprint.ts";
import { SEND_WINDOW_MAX } from "../../src/faketcp/segment_sender.ts";
import { StallWatch } from "../../src/faketcp/stall_watch.ts";
import { connect, readSegment, SoftHost } from "./soft_host.ts";

/** Two connected hosts, the first of which has `outstanding` octets unacknowledged. */
function stalled(outstanding: number): { a: SoftHost; b: SoftHost; rowA: number; rowB: number } {
  const a = new SoftHost(1);
  const b = new SoftHost(2);
  const [rowA, rowB] = connect(a, b, 0);
  Atomics.add(a.table.sndNxt, rowA, outstanding);
  return { a, b, rowA, rowB };
}

Deno.test("look() rewinds when much is outstanding and nothing is acknowledged for a second", () => {
  const { a, rowA } = stalled(3 << 20);
  const watch = new StallWatch(a.table, rowA, 0);
  const sndNxt = a.table.sndNxt[rowA];
  for (let nowMs = 250; nowMs < STALL_MS; nowMs += 250) {
    watch.look(nowMs);
    assert.equal(a.table.sndNxt[rowA], sndNxt);
  }
  watch.look(STALL_MS);
  assert.equal(a.table.sndNxt[rowA], a.table.sndUna[rowA]);
  assert.equal(a.table.sndLag[rowA], 3 << 20);
});

Deno.test("look() rewinds towards a peer that offers more than we use, and acknowledges as rarely", () => {
  const { a, rowA } = stalled(SEND_WINDOW_MAX);
  a.table.sndWnd[rowA] = PHANTUN.rcvWnd;
  const watch = new StallWatch(a.table, rowA, 0);
  watch.look(STALL_MS);
  assert.equal(a.table.sndNxt[rowA], a.table.sndUna[rowA]);
});

Deno.test("look() leaves a connection alone that has little outstanding, or whose data is acknowledged", () => {
  const little = stalled(1 << 20);
  const watch = new StallWatch(little.a.table, little.rowA, 0);
  const much = stalled(6 << 20);
  const other = new StallWatch(much.a.table, much.rowA, 0);
  for (let nowMs = 0; nowMs < 10 * STALL_MS; nowMs += 250) {
    watch.look(nowMs);
    other.look(nowMs);
    if (nowMs % 750 === 0) Atomics.add(much.a.table.sndUna, much.rowA, 1);
  }
  assert.notEqual(little.a.table.sndNxt[little.rowA], little.a.table.sndUna[little.rowA]);
  assert.equal(much.a.table.sndLag[much.rowA], 0);
});

Deno.test("a burst after a long silence isn't taken for a stall", () => {
  const { a, rowA } = stalled(0);
  const watch = new StallWatch(a.table, rowA, 0);
  watch.look(60_000);
  Atomics.add(a.table.sndNxt, rowA, 6 << 20);
  watch.look(60_250);
  assert.equal(a.table.sndLag[rowA], 0);
});

Deno.test("a peer that got everything, and whose acknowledgments were lost, is still listened to after a rewind", () => {
  const { a, b, rowA, rowB } = stalled(3 << 20);
  advanceSeq(b.table.rcvNxt, rowB, a.table.sndNxt[rowA]);
  const watch = new StallWatch(a.table, rowA, 0);
  watch.look(STALL_MS);
  const late = readSegment(b.segment(rowB, Uint8Array.of(1), STALL_MS), a.local);
  assert.ok(isAcceptable(a.table, rowA, late, STALL_MS));
  // The lane notes the acknowledgment; the next look follows, and soon the licence ends.
  advanceSeq(a.table.sndUna, rowA, late.ack);
  watch.look(STALL_MS + 250);
  assert.equal(a.table.sndNxt[rowA], late.ack);
  assert.equal(a.table.sndLag[rowA], 0);
});
