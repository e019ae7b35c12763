import { strict as assert } from "node:assert";
import fc from "fast-check";
import { ENDPOINT_WORDS, writeEndpoint } from "../../src/base/endpoint.ts";
import { seededRandom } from "../../src/base/random.ts";
import {
  advanceSeq,
  attachConnectionTable,
  ConnectionState,
  createConnectionTable,
  findConnection,
  isOpen,
  linkConnection,
  NO_CONNECTION,
  rewindSeq,
  ROW_REST_MS,
  unlinkConnection,
} from "../../src/faketcp/connection_table.ts";
import { RowPool } from "../../src/faketcp/row_pool.ts";

function endpoint(last: number, port: number): Uint32Array {
  const words = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(words, 0, Uint8Array.of(192, 0, 2, last), port);
  return words;
}

Deno.test("createConnectionTable() throws unless the capacity is a power of two", () => {
  for (const capacity of [0, 3, -4]) assert.throws(() => createConnectionTable(capacity, seededRandom(1)), RangeError);
});

Deno.test("attachConnectionTable() views the same memory, its keys included", () => {
  const table = createConnectionTable(8, seededRandom(1));
  const view = attachConnectionTable(table.buffer);
  linkConnection(table, 5, endpoint(1, 80), 0, 61000);
  table.sndLag[5] = 7;
  table.identification[5] = 9;
  assert.equal(findConnection(view, endpoint(1, 80), 0, 61000), 5);
  assert.deepEqual([view.sndLag[5], view.identification[5], view.seed], [7, 9, table.seed]);
  assert.deepEqual(view.cookieKey, table.cookieKey);
});

Deno.test("findConnection() finds exactly the rows that are linked, whatever comes and goes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(15), fc.boolean()), { maxLength: 100 }), (steps) => {
      const table = createConnectionTable(16, seededRandom(1));
      const linked = new Set<number>();
      for (const [row, isWanted] of steps) {
        if (isWanted && !linked.has(row)) {
          linkConnection(table, row, endpoint(row % 4, 100 + row), 0, 3001);
          linked.add(row);
        } else if (!isWanted && linked.delete(row)) {
          unlinkConnection(table, row);
        }
        for (let other = 0; other < 16; other++) {
          const expected = linked.has(other) ? other : NO_CONNECTION;
          assert.equal(findConnection(table, endpoint(other % 4, 100 + other), 0, 3001), expected);
        }
      }
    }),
  );
});

Deno.test("isOpen() compares state and generation", () => {
  const table = createConnectionTable(2, seededRandom(1));
  table.generation[1] = 3;
  assert.ok(!isOpen(table, 1, 3));
  table.state[1] = ConnectionState.OPEN;
  assert.ok(isOpen(table, 1, 3));
  assert.ok(!isOpen(table, 1, 2));
});

Deno.test("advanceSeq() only moves forward, around the circle", () => {
  const column = Uint32Array.of(0xfffffff0);
  assert.ok(advanceSeq(column, 0, 5));
  assert.ok(!advanceSeq(column, 0, 0xfffffff8));
  assert.ok(!advanceSeq(column, 0, 5));
  assert.equal(column[0], 5);
});

Deno.test("rewindSeq() sets sndNxt back to sndUna, and keeps the greatest distance as the licence", () => {
  const table = createConnectionTable(2, seededRandom(1));
  table.sndUna[0] = 0xffffff00;
  table.sndNxt[0] = 0x100;
  rewindSeq(table, 0);
  assert.deepEqual([table.sndNxt[0], table.sndLag[0]], [0xffffff00, 0x200]);
  table.sndNxt[0] += 0x10;
  rewindSeq(table, 0);
  assert.deepEqual([table.sndNxt[0], table.sndLag[0]], [0xffffff00, 0x200]);
  table.sndNxt[0] -= 5;
  rewindSeq(table, 0);
  assert.equal(table.sndNxt[0], 0xfffffefb);
});

Deno.test("RowPool gives out each row once, the longest unused first, and none that hasn't rested", () => {
  const pool = new RowPool(3);
  assert.deepEqual([pool.take(0), pool.take(0), pool.take(0), pool.take(0)], [0, 1, 2, NO_CONNECTION]);
  pool.release(1, 10);
  pool.release(0, 500);
  assert.equal(pool.take(10 + ROW_REST_MS - 1), NO_CONNECTION);
  assert.equal(pool.take(10 + ROW_REST_MS), 1);
  assert.equal(pool.take(10 + ROW_REST_MS), NO_CONNECTION);
  assert.equal(pool.take(500 + ROW_REST_MS), 0);
});
