/**
 * A thread that stores one key after the other; see `key_cache_test.ts`.
 *
 * @module
 */

import { attachTables, KEY_LEN, type TableShape } from "../../src/dataplane/tables.ts";

/** What the thread is told. */
export interface KeyWriterTask {
  readonly shape: TableShape;
  readonly buffer: SharedArrayBuffer;
  readonly row: number;
  /** How many keys to store; every octet of the n-th is n modulo 256. */
  readonly rounds: number;
}

const scope = self as unknown as {
  onmessage: (message: MessageEvent<KeyWriterTask>) => void;
  postMessage(message: string): void;
};

scope.onmessage = ({ data: { shape, buffer, row, rounds } }) => {
  const tables = attachTables(shape, buffer);
  for (let round = 1; round <= rounds; round++) {
    tables.sessionReceiveKey.fill(round, row * KEY_LEN, (row + 1) * KEY_LEN);
    Atomics.add(tables.sessionGeneration, row, 1);
  }
  scope.postMessage("done");
};
