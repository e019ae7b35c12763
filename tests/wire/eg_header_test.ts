import { strict as assert } from "node:assert";
import fc from "fast-check";
import { BROADCAST_NODE_ID, SPREAD_NODE_ID, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { checkEgContent, EG_HEADER_LEN, readDestination, readSource, writeEgHeader } from "../../src/wire/eg_header.ts";
import { HANDSHAKE_VECTOR } from "../vectors/handshake.ts";

const nodeId = fc.integer({ min: 0, max: 0xffff });

Deno.test("readDestination() and readSource() read the vector's content", () => {
  assert.equal(readDestination(HANDSHAKE_VECTOR.content, 0), 2);
  assert.equal(readSource(HANDSHAKE_VECTOR.content, 0), 1);
});

Deno.test("writeEgHeader() makes the header of a ping of node 1: wire.md §6", () => {
  const octets = new Uint8Array(EG_HEADER_LEN);
  writeEgHeader(octets, 0, SPREAD_NODE_ID, 1);
  assert.equal(octets.toHex(), "fffe0001");
});

Deno.test("readDestination() and readSource() return what writeEgHeader() wrote, at any offset", () => {
  fc.assert(fc.property(nodeId, nodeId, fc.integer({ min: 0, max: 9 }), (destination, source, offset) => {
    const octets = new Uint8Array(offset + EG_HEADER_LEN + 1).fill(0x5a);
    writeEgHeader(octets, offset, destination, source);
    assert.equal(readDestination(octets, offset), destination);
    assert.equal(readSource(octets, offset), source);
    assert.ok(octets.subarray(0, offset).every((octet) => octet === 0x5a) && octets.at(-1) === 0x5a);
  }));
});

Deno.test("readDestination() returns the reserved identifiers unchanged", () => {
  for (const id of [SUPER_NODE_ID, SPREAD_NODE_ID, BROADCAST_NODE_ID]) {
    const octets = new Uint8Array(EG_HEADER_LEN);
    writeEgHeader(octets, 0, id, id);
    assert.equal(readDestination(octets, 0), id);
    assert.equal(readSource(octets, 0), id);
  }
});

Deno.test("checkEgContent() refuses content of 4 octets or less", () => {
  for (let length = 0; length <= EG_HEADER_LEN; length++) {
    assert.equal(checkEgContent(length), Reason.CONTENT_TRUNCATED);
  }
  assert.equal(checkEgContent(EG_HEADER_LEN + 1), Reason.NONE);
});
