import { strict as assert } from "node:assert";
import {
  BROADCAST_NODE_ID,
  formatNodeId,
  INVALID_NODE_ID,
  isOrdinaryNodeId,
  MAX_ORDINARY_NODE_ID,
  NODE_ID_SPACE,
  SPREAD_NODE_ID,
  SUPER_NODE_ID,
} from "../../src/base/node_id.ts";

Deno.test("isOrdinaryNodeId() refuses the four reserved values and no other", () => {
  const reserved = [INVALID_NODE_ID, SUPER_NODE_ID, SPREAD_NODE_ID, BROADCAST_NODE_ID];
  const refused = Array.from({ length: NODE_ID_SPACE }, (_, id) => id).filter((id) => !isOrdinaryNodeId(id));
  assert.deepEqual(refused, reserved);
  assert.equal(MAX_ORDINARY_NODE_ID + 1, INVALID_NODE_ID);
});

Deno.test("formatNodeId() writes reserved values by name and others in decimal", () => {
  const texts = [0, 65531, 65532, 65533, 65534, 65535].map(formatNodeId);
  assert.deepEqual(texts, ["0", "65531", "invalid", "super", "spread", "broadcast"]);
});
