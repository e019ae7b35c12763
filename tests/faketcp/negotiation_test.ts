import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, writeEndpoint } from "../../src/base/endpoint.ts";
import { seededRandom } from "../../src/base/random.ts";
import { createConnectionTable, linkConnection } from "../../src/faketcp/connection_table.ts";
import { beginRow, chooseIss, datagramLenOfMss, mssOfMtu } from "../../src/faketcp/negotiation.ts";

function tableWith(seed: number, port: number) {
  const table = createConnectionTable(2, seededRandom(seed));
  const remote = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(remote, 0, Uint8Array.of(192, 0, 2, 1), 80);
  linkConnection(table, 0, remote, 0, port);
  return table;
}

Deno.test("chooseIss() grows by 250 a millisecond for one tuple, and tells nothing of another or another's key", () => {
  const table = tableWith(1, 61000);
  const first = chooseIss(table, 0, 1000);
  assert.equal((chooseIss(table, 0, 1004) - first) >>> 0, 1000);
  assert.notEqual(chooseIss(tableWith(1, 61001), 0, 1000), first);
  assert.notEqual(chooseIss(tableWith(2, 61000), 0, 1000), first);
});

Deno.test("beginRow() gives a tuple the same timestamp offset each time, unlike its sequence numbers", () => {
  const table = tableWith(1, 61000);
  const offsets = [3, 4].map((seed) => {
    beginRow(table, 0, 5, 1460, seededRandom(seed), 0);
    return table.tsOffset[0];
  });
  assert.equal(offsets[0], offsets[1]);
  assert.notEqual(offsets[0], chooseIss(table, 0, 0));
});

Deno.test("mssOfMtu() and datagramLenOfMss() leave out headers, and have a floor", () => {
  assert.deepEqual([mssOfMtu(4, 1500), mssOfMtu(6, 1500), mssOfMtu(4, 0)], [1460, 1440, 536]);
  assert.deepEqual([datagramLenOfMss(1460, true), datagramLenOfMss(1460, false), datagramLenOfMss(1, true)], [
    1448,
    1460,
    524,
  ]);
});
