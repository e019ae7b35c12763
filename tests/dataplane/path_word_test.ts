import fc from "fast-check";
import { strict as assert } from "node:assert";
import { PathKind } from "../../src/base/path_kind.ts";
import { currentPath, pathsInUse, pathWord } from "../../src/dataplane/path_word.ts";
import { createTestTables } from "./test_node.ts";

const ROW = 3;
const { UDP6, UDP4, FAKETCP4 } = PathKind;
const kind = fc.nat(3);
const mask = fc.nat(15);

Deno.test("currentPath() gives back the kind that pathWord() took, whatever is mirrored", () => {
  fc.assert(fc.property(fc.integer({ min: -1, max: 3 }), mask, mask, (current, mirrorMask, standbyMask) => {
    assert.equal(currentPath(pathWord(current, mirrorMask, standbyMask)), current);
  }));
});

Deno.test("pathsInUse() is the current path and those mirrored now, and the standby ones once it is unconfirmed", () => {
  const tables = createTestTables();
  fc.assert(fc.property(kind, mask, mask, fc.nat(2000), (current, mirrorMask, standbyMask, nowMs) => {
    tables.peerPath[ROW] = pathWord(current, mirrorMask, standbyMask);
    tables.peerConfirmedUntilMs[ROW] = 1000;
    const expected = (1 << current) | mirrorMask | (nowMs > 1000 ? standbyMask : 0);
    assert.equal(pathsInUse(tables, ROW, nowMs), expected);
  }));
});

Deno.test("pathsInUse() never asks for standby paths of a peer that can't be probed", () => {
  const tables = createTestTables();
  tables.peerPath[ROW] = pathWord(UDP4, 0, 1 << FAKETCP4);
  tables.peerConfirmedUntilMs[ROW] = Infinity;
  assert.equal(pathsInUse(tables, ROW, Number.MAX_VALUE), 1 << UDP4);
});

Deno.test("pathsInUse() is empty without a current path", () => {
  const tables = createTestTables();
  tables.peerPath[ROW] = pathWord(-1, 1 << UDP6, 1 << UDP6);
  assert.equal(pathsInUse(tables, ROW, 0), 0);
});
