import { strict as assert } from "node:assert";
import { KeyCache } from "../../src/dataplane/key_cache.ts";
import { KEY_LEN, SessionState, type Tables } from "../../src/dataplane/tables.ts";
import { actBeforeLoad, type AtomicStep } from "./interleave.ts";
import type { KeyWriterTask } from "./key_writer_worker.ts";
import { createTestTables, enterNeighbour } from "./test_node.ts";

const ROW = 5;

function createTables(): Tables {
  const tables = createTestTables();
  enterNeighbour(tables, ROW, 1, { nodeId: 2 });
  return tables;
}

/** Stores other keys in the order in which the control thread publishes them. */
function storeKeys(tables: Tables, octet: number): void {
  tables.sessionSendKey.fill(octet, ROW * KEY_LEN, (ROW + 1) * KEY_LEN);
  tables.sessionReceiveKey.fill(octet, ROW * KEY_LEN, (ROW + 1) * KEY_LEN);
  Atomics.add(tables.sessionGeneration, ROW, 1);
}

/** Returns the octet that a whole copy consists of; the test fails if the copy has halves of two keys. */
function octetOf(cache: KeyCache): number {
  const key = cache.keys.subarray(ROW * KEY_LEN, (ROW + 1) * KEY_LEN);
  assert.ok(key.every((octet) => octet === key[0]));
  return key[0];
}

Deno.test("KeyCache.ensure() copies the send key for sealing, the receive key for opening, and no other row", () => {
  const tables = createTables();
  enterNeighbour(tables, ROW + 1, 1, { nodeId: 3 });
  for (const [direction, octet] of [["seal", 1], ["open", 2]] as const) {
    using cache = new KeyCache(tables, direction);
    assert.ok(!cache.isCurrent(ROW));
    cache.ensure(ROW);
    assert.ok(cache.isCurrent(ROW));
    assert.equal(octetOf(cache), octet);
    assert.equal(cache.keys.reduce((sum, value) => sum + value), KEY_LEN * octet);
  }
});

Deno.test("KeyCache.ensure() keeps a copy until the generation changes, and then takes another", () => {
  const tables = createTables();
  using cache = new KeyCache(tables, "open");
  cache.ensure(ROW);
  tables.sessionReceiveKey.fill(77, ROW * KEY_LEN, (ROW + 1) * KEY_LEN);
  cache.ensure(ROW);
  assert.equal(octetOf(cache), 2);
  storeKeys(tables, 78);
  assert.ok(!cache.isCurrent(ROW));
  cache.ensure(ROW);
  assert.equal(octetOf(cache), 78);
});

Deno.test("KeyCache.sweep() zeroes copies of keys that are gone, and no others", () => {
  const tables = createTables();
  using cache = new KeyCache(tables, "open");
  cache.ensure(ROW);
  cache.sweep();
  assert.equal(octetOf(cache), 2);
  storeKeys(tables, 3);
  cache.sweep();
  assert.equal(octetOf(cache), 0);
  assert.ok(!cache.isCurrent(ROW));
  cache.ensure(ROW);
  assert.equal(octetOf(cache), 3);
});

Deno.test("KeyCache zeroes all copies when it is disposed of", () => {
  const tables = createTables();
  const cache = new KeyCache(tables, "seal");
  cache.ensure(ROW);
  cache[Symbol.dispose]();
  assert.ok(cache.keys.every((octet) => octet === 0));
});

Deno.test("KeyCache.ensure() refuses a session that was withdrawn: whatever zeros seal, anybody can open", () => {
  const tables = createTables();
  using cache = new KeyCache(tables, "seal");
  assert.equal(cache.ensure(ROW), true);
  // A lane chose the session, then the control thread withdrew it and zeroed its keys.
  Atomics.store(tables.sessionState, ROW, SessionState.NONE);
  storeKeys(tables, 0);
  assert.equal(cache.ensure(ROW), false);
  // The row serves another session.
  storeKeys(tables, 9);
  Atomics.store(tables.sessionState, ROW, SessionState.NEXT);
  assert.equal(cache.ensure(ROW), true);
  assert.equal(octetOf(cache), 9);
});

/** What another thread may come between, in the order in which a copy is made. */
const STEPS: [name: string, step: (tables: Tables) => AtomicStep][] = [
  ["begins", ({ sessionGeneration }) => ({ column: sessionGeneration, index: ROW })],
  ["copies", ({ sessionReceiveKey }) => ({ column: sessionReceiveKey, index: ROW * KEY_LEN + 16 })],
  ["looks at the state", ({ sessionState }) => ({ column: sessionState, index: ROW })],
];
for (const [name, stepOf] of STEPS) {
  Deno.test(`KeyCache.ensure() takes the keys of a session that is published while it ${name}, whole`, () => {
    const tables = createTables();
    using cache = new KeyCache(tables, "open");
    // The session that a lane chose is gone, and its keys with it.
    Atomics.store(tables.sessionState, ROW, SessionState.NONE);
    storeKeys(tables, 0);
    const publish = () => {
      storeKeys(tables, 9);
      Atomics.store(tables.sessionState, ROW, SessionState.LIVE);
    };
    assert.ok(actBeforeLoad(stepOf(tables), publish, () => assert.ok(cache.ensure(ROW))));
    assert.equal(octetOf(cache), 9);
    assert.ok(cache.isCurrent(ROW));
  });
}

Deno.test("KeyCache.ensure() ends with the last keys while another thread writes", async () => {
  const tables = createTables();
  using cache = new KeyCache(tables, "open");
  const rounds = 2_000;
  const worker = new Worker(new URL("key_writer_worker.ts", import.meta.url), { type: "module" });
  let isDone = false;
  worker.onmessage = () => isDone = true;
  const { shape, buffer } = tables;
  worker.postMessage({ shape, buffer, row: ROW, rounds } satisfies KeyWriterTask);
  while (!isDone) {
    for (let count = 0; count < 50; count++) cache.ensure(ROW);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  worker.terminate();
  cache.ensure(ROW);
  assert.equal(octetOf(cache), rounds & 0xff);
});
