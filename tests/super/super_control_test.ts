import { strict as assert } from "node:assert";
import { noblePrimitives } from "../../src/noise/primitives.ts";
import { SimNetwork } from "../simnet/network.ts";
import { SimSuper, type SimSuperPeer } from "../simnet/super.ts";
import { nodeConfig, registerOf, reportOf } from "./registry_fixture.ts";

function peerOf(nodeId: number, keySeed = nodeId): SimSuperPeer {
  const publicKey = noblePrimitives.x25519PublicKey(new Uint8Array(32).fill(keySeed));
  return { ...nodeConfig(nodeId, { publicKey }), presharedKey: undefined };
}

/** A super node with edges 1, 2 and 3, which says nothing and looks for expired links by itself rarely. */
class SuperControlBench {
  readonly network = new SimNetwork(1);
  readonly superNode = new SimSuper(this.network, {
    addresses: [{ ip: "20.0.255.1", port: 3000 }],
    peers: [peerOf(1), peerOf(2), peerOf(3)],
    parameters: { peerAliveTimeoutMs: 20_000 },
    graph: { timeoutCheckIntervalMs: 0 },
  });
}

Deno.test("SuperControl lets no edge on its way out stand in the way of one with its NodeId or its key", () => {
  const replacements: [string, SimSuperPeer][] = [
    ["NodeId", peerOf(2, 7)],
    ["key", peerOf(7, 2)],
    ["both", peerOf(2)],
  ];
  for (const [name, peer] of replacements) {
    const addresses = [{ ip: "20.0.255.1", port: 3000 }, { ip: "2001:db8::255", port: 3000 }];
    const subject = new SimSuper(new SimNetwork(1), { addresses, peers: [peerOf(1), peerOf(2), peerOf(3)] });
    subject.removePeer(2);
    subject.removePeer(3);
    subject.addPeer(peer);
    for (const { device } of subject.nodes) {
      assert.deepEqual([...device.peerRows.keys()].sort(), [1, 3, peer.nodeId].sort(), name);
    }
    assert.throws(() => subject.addPeer(peerOf(8, 1)), /key is in use/, "one that stays");
  }
});

const WAITED_FOR: [how: string, end: (subject: SuperControlBench) => void][] = [
  ["has reported", ({ superNode, network }) => superNode.control.takeReport(2, reportOf(), network.nowMs, 0)],
  ["was removed", ({ superNode }) => superNode.removePeer(2)],
  ["is given up as dead", ({ network }) => network.run(20_000 - network.nowMs)],
];
for (const [how, end] of WAITED_FOR) {
  Deno.test(`SuperControl has routes computed at once when the last edge that was waited for ${how}`, () => {
    const bench = new SuperControlBench();
    const { superNode, network } = bench;
    const { registry, control } = superNode;
    registry.handleRegister(2, registerOf(2, { nextHopHash: "of an earlier life" }), 0, 0);
    network.run(1_000);
    for (const nodeId of [1, 3]) {
      const pong = { source: 4 - nodeId, destination: nodeId, latencyS: 0.01, timeToLiveS: 30, additionalCostMs: 0 };
      control.takeReport(nodeId, { ...reportOf(), pongs: [{ requestId: 0, ...pong }] }, network.nowMs, 0);
    }
    network.run(1_234);
    assert.deepEqual(superNode.tables, []);
    end(bench);
    network.run(20);
    assert.equal(superNode.tables.length, 1);
  });
}
