import { strict as assert } from "node:assert";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { BROADCAST_NODE_ID, type NodeId, SPREAD_NODE_ID, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { droppedFor, PeerState } from "../../src/dataplane/tables.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { contentOf, keyOf, sealMessage } from "./datagram.ts";
import { enterNeighbour, localIndex, TestNode } from "./test_node.ts";

const SELF = 1;
const NEIGHBOUR = 2;
const ADDRESS = "192.0.2.2:3001";
const DESTINATIONS: readonly NodeId[] = [SELF, SUPER_NODE_ID, BROADCAST_NODE_ID, SPREAD_NODE_ID];

/** Returns how many control messages of a type, of those that a neighbour sends to each destination, are taken. */
function taken(node: TestNode, role: number, type: number): number[] {
  enterNeighbour(node.tables, 0, SELF, { nodeId: NEIGHBOUR, endpoint: ADDRESS, role });
  return DESTINATIONS.map((destination, counter) => {
    const content = contentOf(destination, 77, Uint8Array.of(1, 2, 3));
    const octets = sealMessage(keyOf(NEIGHBOUR), { type, ttl: 9, index: localIndex(0), counter, content });
    node.bind.put({ octets, endpoint: parseEndpoint(ADDRESS)! });
    node.step();
    return node.takeEvents().length;
  });
}

Deno.test("Inbound takes an update of the super node that is for us or for itself, and none that floods", () => {
  using node = new TestNode(SELF);
  assert.deepEqual(taken(node, PeerState.SUPER, MessageType.SERVER_UPDATE), [1, 1, 0, 0]);
  assert.equal(droppedFor(node.tables, Reason.USAGE_FORBIDDEN), 2);
});

for (const type of [MessageType.PING, MessageType.PONG, MessageType.QUERY_PEER, MessageType.BROADCAST_PEER]) {
  Deno.test(`Inbound takes a message of type ${type} that is for us or floods, and none for the super node`, () => {
    using node = new TestNode(SELF);
    assert.deepEqual(taken(node, PeerState.EDGE, type), [1, 0, 1, 1]);
  });
}
