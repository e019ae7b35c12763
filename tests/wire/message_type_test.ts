import { strict as assert } from "node:assert";
import { isKnownUsage, isNeighbourUsage, isTransportType, MessageType } from "../../src/wire/message_type.ts";

Deno.test("MessageType numbers the types as the reference node does, and ours beyond them", () => {
  assert.deepEqual(Object.values(MessageType), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17]);
});

Deno.test("isTransportType() is true for every octet from 3 on", () => {
  for (let type = 0; type < 256; type++) assert.equal(isTransportType(type), type >= 3);
});

Deno.test("isKnownUsage() is true for 4 to 10", () => {
  for (let type = 0; type < 256; type++) assert.equal(isKnownUsage(type), type >= 4 && type <= 10);
});

Deno.test("isNeighbourUsage() is true for 16 and 17", () => {
  for (let type = 0; type < 256; type++) assert.equal(isNeighbourUsage(type), type === 16 || type === 17);
});
