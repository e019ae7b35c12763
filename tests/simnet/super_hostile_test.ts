import { strict as assert } from "node:assert";
import { SPREAD_NODE_ID, SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { Reason } from "../../src/base/reason.ts";
import { WIRE_VERSION } from "../../src/base/version.ts";
import { DocumentKind } from "../../src/control/documents.ts";
import { encodePing, encodePong, encodeRegister, encodeServerUpdate } from "../../src/control/message_codec.ts";
import { type Register, ServerAction } from "../../src/control/messages.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { fraction, type SimDatagram } from "./network.ts";
import { forSeeds } from "./pair.ts";
import { SuperWorld } from "./super_world.ts";

/** The edge that went over to the enemy: it has all its keys. */
const TRAITOR = 3;

function world4(seed: number): SuperWorld {
  const world = new SuperWorld(seed, { edgeCount: 4 });
  world.connect(6_000);
  world.network.run(12_000);
  assert.deepEqual(world.detours(), []);
  return world;
}

/** Everything that others could notice. */
function stateOf(world: SuperWorld): unknown {
  const { registry, table } = world.superNode;
  const nodes = [...registry.nodes()].filter(({ nodeId }) => nodeId !== TRAITOR).map((node) => ({
    nodeId: node.nodeId,
    addresses: node.addresses,
    isAlive: node.isAlive,
    peers: registry.document(DocumentKind.PEERS, node.nodeId, undefined, node.states.held(DocumentKind.PEERS)).status,
  }));
  const ids = [1, 2, 4];
  return { table, nodes, ways: ids.map((a) => ids.map((b) => a === b ? [] : world.wayTo(a, b))) };
}

/** Lets the traitor say something to its super. */
function say(world: SuperWorld, type: number, body: Uint8Array, source = TRAITOR, destination = SUPER_NODE_ID): void {
  const { node, superRows } = world.edge(TRAITOR);
  node.act((device, nowMs) => {
    device.sendMessage(superRows[0], { type, ttl: 0, destination, source, body }, nowMs);
  });
}

function registerAs(nodeId: number): Register {
  return {
    nodeId,
    version: WIRE_VERSION,
    peersHash: "",
    nextHopHash: "",
    parametersHash: "",
    tokenKey: new Uint8Array(32).fill(9),
    reportCount: 1e9,
  };
}

Deno.test("a compromised edge that speaks for others changes nothing for them, and each lie is counted", () => {
  const world = world4(1);
  const before = stateOf(world);
  const [identity] = world.superNode.nodes;
  const forged = identity.dropped(Reason.MESSAGE_FORGED);
  const pong = { requestId: 1, latencyS: 1e-6, timeToLiveS: 1e9, additionalCostMs: 0 };
  say(world, MessageType.PONG, encodePong({ ...pong, source: 1, destination: 2 }));
  say(world, MessageType.PONG, encodePong({ ...pong, source: 1, destination: 2 }), 2);
  say(world, MessageType.PONG, encodePong({ ...pong, source: 99, destination: TRAITOR }));
  say(world, MessageType.PONG, encodePong({ ...pong, source: TRAITOR, destination: TRAITOR }));
  world.network.run(3_000);
  assert.equal(identity.dropped(Reason.MESSAGE_FORGED), forged + 4);
  say(world, MessageType.REGISTER, encodeRegister(registerAs(2)), 2);
  say(world, MessageType.REGISTER, encodeRegister(registerAs(2)));
  world.network.run(3_000);
  assert.deepEqual(stateOf(world), before);
  // Who says that it is somebody else is sent home.
  assert.equal(world.edge(TRAITOR).stopOrder?.exitCode, 1);
  for (const nodeId of [1, 2, 4]) assert.equal(world.edge(nodeId).stopOrder, undefined);
  const gate = world.superNode.registry.reportGate(2, world.superNode.registry.node(2)!.publicKeyText);
  assert.ok(gate !== undefined && gate.expectedCount < 1e9);
});

Deno.test("what only the super may say isn't obeyed when an edge says it", () => {
  const world = world4(1);
  const before = stateOf(world);
  const body = encodeServerUpdate({ nodeId: 1, action: ServerAction.SHUTDOWN, code: 0, params: "go home" });
  const { node } = world.edge(TRAITOR);
  for (const destination of [1, SUPER_NODE_ID]) {
    for (const type of [MessageType.SERVER_UPDATE, MessageType.DOCUMENT, MessageType.REGISTER]) {
      node.act((device, nowMs) => {
        const row = device.peerRows.get(1)!;
        device.sendMessage(row, { type, ttl: 9, destination, source: SUPER_NODE_ID, body }, nowMs);
      });
    }
  }
  const ping = encodePing({ requestId: 7, source: 2, sentAtMs: world.edge(2).node.wallMs() - 5_000, replyCount: 10 });
  node.act((device, nowMs) => {
    const row = device.peerRows.get(1)!;
    device.sendMessage(
      row,
      { type: MessageType.PING, ttl: 0, destination: SPREAD_NODE_ID, source: 2, body: ping },
      nowMs,
    );
  });
  world.network.run(3_000);
  assert.equal(world.edge(1).stopOrder, undefined);
  assert.equal(world.edge(1).node.dropped(Reason.USAGE_FORBIDDEN), 6);
  assert.equal(world.edge(1).node.dropped(Reason.MESSAGE_FORGED), 1);
  assert.deepEqual(stateOf(world), before);
});

Deno.test("messages of any type and content from a compromised edge harm neither the super nor others", () => {
  forSeeds(3, (seed) => {
    const world = world4(seed);
    const before = stateOf(world);
    const { random } = world.network;
    for (let count = 0; count < 2_000; count++) {
      const body = new Uint8Array(random.uint32() % 1_200);
      random.fill(body);
      // So that some mean something: kind, version and document kind of a document message.
      const header = [random.uint32() % 6, 1, 1 + random.uint32() % 4];
      if (fraction(random) < 0.7) body.set(header.slice(0, body.length));
      const types = [MessageType.DOCUMENT, MessageType.PONG, MessageType.PATH, MessageType.NORMAL, 11, 200];
      say(world, types[random.uint32() % types.length], body);
      if (count % 100 === 0) world.network.run(20);
    }
    world.network.run(20_000);
    assert.deepEqual(stateOf(world), before);
    assert.ok(world.isConnected());
    const [identity] = world.superNode.nodes;
    const reasons = [
      Reason.MESSAGE_MALFORMED,
      Reason.DOCUMENT_UNEXPECTED,
      Reason.USAGE_UNKNOWN,
      Reason.USAGE_FORBIDDEN,
    ];
    for (const reason of reasons) assert.ok(identity.dropped(reason) > 0, `reason ${reason}`);
  });
});

Deno.test("datagrams that are sent again are refused, whoever recorded them and wherever they come from", () => {
  const world = new SuperWorld(1, { edgeCount: 3 });
  const recorded: SimDatagram[] = [];
  let isRecording = true;
  world.network.onTransit = (datagram) => {
    if (isRecording) recorded.push({ ...datagram, octets: datagram.octets.slice() });
  };
  world.connect(6_000);
  world.network.run(12_000);
  isRecording = false;
  const before = stateOf(world);
  const addresses = [...world.superNode.registry.nodes()].map(({ addresses }) => addresses);
  for (const [index, datagram] of recorded.entries()) {
    world.network.at(world.nowMs + index / 2, () => {
      world.network.inject(datagram);
      world.network.inject({ ...datagram, from: { ip: "20.0.77.1", port: 7 } });
    });
  }
  world.network.run(recorded.length / 2 + 2_000);
  assert.ok(recorded.length > 150);
  assert.deepEqual(stateOf(world), before);
  assert.deepEqual([...world.superNode.registry.nodes()].map(({ addresses }) => addresses), addresses);
  const [identity] = world.superNode.nodes;
  assert.ok(identity.dropped(Reason.REPLAY) + identity.dropped(Reason.SESSION_UNKNOWN) > 50);
  assert.ok(world.isConnected());
  assert.deepEqual(world.detours(), []);
});
