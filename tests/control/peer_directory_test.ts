import fc from "fast-check";
import { strict as assert } from "node:assert";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { PathKind } from "../../src/base/path_kind.ts";
import type { Candidate, ListedPeer } from "../../src/control/documents.ts";
import { CANDIDATES_PER_KIND, PEERS_PER_STEP } from "../../src/control/peer_directory.ts";
import { endpointOf, SimNetwork } from "../simnet/network.ts";
import { randomKey } from "../simnet/node.ts";
import { candidateAt, DirectoryNode, type DirectoryNodeOptions, publicAddress } from "./directory_node.ts";

const { UDP4, UDP6, FAKETCP4 } = PathKind;

/** Node 1 and a network in which nobody answers. */
function createNode(options: DirectoryNodeOptions = {}): { network: SimNetwork; node: DirectoryNode } {
  const network = new SimNetwork(1);
  network.traces = false;
  return { network, node: new DirectoryNode(network, 1, publicAddress(1), options) };
}

/** Entry of a node that doesn't exist. Its key follows from `keyOf`, so that it can change. */
function entryOf(nodeId: number, change: Partial<ListedPeer> = {}, keyOf = nodeId): ListedPeer {
  const publicKey = new Uint8Array(32).fill(1);
  new DataView(publicKey.buffer).setUint32(0, keyOf);
  return { nodeId, publicKey, presharedKey: undefined, candidates: [candidateAt(publicAddress(nodeId), 4)], ...change };
}

function warningsOf({ log }: DirectoryNode): string[] {
  return log.take("warn").map(({ fields }) => `${fields.peer}: ${fields.cause}`);
}

Deno.test("PeerDirectory adds who is listed, and removes who isn't any more", () => {
  const { network, node } = createNode();
  node.list(entryOf(2), entryOf(3), entryOf(4));
  network.run(100);
  assert.deepEqual(node.peerIds(), [2, 3, 4]);
  assert.equal(node.publications, 1);
  const row = node.directory.rowOf(3)!;
  assert.equal(node.sim.device.peerRows.get(3), row);
  node.list(entryOf(2), entryOf(4));
  assert.deepEqual([node.peerIds(), node.removed], [[2, 4], [row]]);
  assert.equal(node.publications, 2);
  assert.equal(node.directory.rowOf(3), undefined);
  assert.equal(node.sim.paths?.pathsOf(row), undefined);
  node.list();
  assert.deepEqual(node.peerIds(), []);
});

Deno.test("PeerDirectory does nothing for a list that says the same again", () => {
  const { network, node } = createNode();
  node.list(entryOf(2), entryOf(3));
  network.run(100);
  const row = node.directory.rowOf(2);
  node.list(entryOf(3), entryOf(2));
  network.run(100);
  assert.deepEqual([node.publications, node.removed, node.directory.rowOf(2)], [1, [], row]);
});

Deno.test("PeerDirectory replaces a peer that has another key or another NodeId", () => {
  const { network, node } = createNode();
  node.list(entryOf(2), entryOf(3));
  network.run(100);
  const rows = [node.directory.rowOf(2)!, node.directory.rowOf(3)!].sort();
  node.list(entryOf(2, {}, 77), entryOf(4, {}, 3));
  // A row that is free must not be routed to, so this can't wait until others are added.
  assert.deepEqual([node.publications, node.removed.toSorted(), node.peerIds()], [2, rows, []]);
  network.run(100);
  assert.deepEqual(node.peerIds(), [2, 4]);
});

Deno.test("PeerDirectory adds a node that is away only when it comes, and keeps it when it goes away again", () => {
  const { network, node } = createNode();
  node.list(entryOf(2, { candidates: [] }));
  network.run(100);
  assert.deepEqual(node.peerIds(), []);
  node.list(entryOf(2));
  network.run(100);
  node.list(entryOf(2, { candidates: [] }));
  network.run(100);
  assert.deepEqual([node.peerIds(), node.removed], [[2], []]);
});

Deno.test("PeerDirectory skips the node itself, and of two entries with one NodeId takes the first", () => {
  const { network, node } = createNode();
  node.list(entryOf(1, { publicKey: node.sim.device.publicKey }), entryOf(2), entryOf(2, {}, 99));
  network.run(100);
  assert.deepEqual(node.peerIds(), [2]);
  assert.deepEqual(node.sim.peer(node.directory.rowOf(2)!).publicKey, entryOf(2).publicKey);
  assert.deepEqual(warningsOf(node), []);
});

Deno.test("PeerDirectory says once why a listed peer can't be added, and adds the others", () => {
  const { network, node } = createNode();
  const list = [
    entryOf(1),
    entryOf(65_533),
    entryOf(2),
    entryOf(3, { publicKey: new Uint8Array(32) }),
    entryOf(4, {}, 2),
  ];
  for (let count = 0; count < 3; count++) {
    node.list(...list);
    network.run(100);
  }
  assert.deepEqual(node.peerIds(), [2]);
  assert.deepEqual(warningsOf(node).sort(), [
    "1: its NodeId is our own",
    "3: its public key has low order",
    "4: its public key is in use",
    "super: its NodeId is reserved",
  ]);
  // Once it is gone from the list and comes back, it is worth a line again.
  node.list(entryOf(2));
  node.list(...list);
  network.run(100);
  assert.equal(warningsOf(node).length, 4);
});

Deno.test("PeerDirectory says that there is no room, and takes a peer in when there is", () => {
  const { network, node } = createNode();
  const list = Array.from({ length: 33 }, (_, index) => entryOf(index + 2));
  node.list(...list);
  network.run(100);
  assert.equal(node.peerIds().length, 32);
  assert.deepEqual(warningsOf(node).map((text) => text.slice(-16)), ["there is no room"]);
  node.list(...list.slice(1));
  network.run(100);
  assert.deepEqual(node.peerIds(), list.slice(1).map(({ nodeId }) => nodeId));
});

Deno.test("PeerDirectory keeps a peer of the file that is listed, and removes the others by the first list", () => {
  const { network, node } = createNode();
  const { device, paths } = node.sim;
  for (const nodeId of [2, 3, 4]) {
    const { publicKey } = entryOf(nodeId, {}, nodeId === 4 ? 44 : nodeId);
    const peerRow = device.addPeer({ nodeId, publicKey }, 0);
    paths?.addPeer(peerRow, nodeId, 0);
    node.directory.adopt({ peerRow, nodeId, publicKey, presharedKey: undefined });
  }
  const row = node.directory.rowOf(3);
  node.list(entryOf(3), entryOf(4));
  assert.deepEqual(node.peerIds(), [3]);
  network.run(100);
  assert.deepEqual(node.peerIds(), [3, 4]);
  assert.equal(node.directory.rowOf(3), row);
  assert.equal(formatEndpoint(device.endpointOf(row!, UDP4), 0), "20.0.0.3:3001");
});

Deno.test("PeerDirectory changes a preshared key without a break, and both sides agree again at the next handshake", () => {
  const network = new SimNetwork(2);
  const [a, b] = [1, 2].map((nodeId) => new DirectoryNode(network, nodeId, publicAddress(nodeId)));
  const listWith = (presharedKey: Uint8Array | undefined) => {
    a.list(b.entry({ presharedKey }));
    b.list(a.entry({ presharedKey }));
  };
  listWith(randomKey(network.random));
  network.run(3_000);
  assert.ok(a.hasSession(b) && b.hasSession(a));
  const row = a.directory.rowOf(2)!;
  const establishedMs = a.sim.peer(row).lastHandshakeWallMs;
  listWith(randomKey(network.random));
  for (let second = 0; second < 140; second++) {
    network.at(network.nowMs + second * 1_000, () => a.sim.send(a.directory.rowOf(2)!, `frame ${second}`));
  }
  network.run(141_000);
  assert.equal(b.sim.received.length, 140);
  assert.ok(a.sim.peer(row).lastHandshakeWallMs > establishedMs);
  assert.deepEqual([a.directory.rowOf(2), a.removed, b.removed], [row, [], []]);
  listWith(undefined);
  assert.equal(a.sim.peer(row).hasPresharedKey, false);
});

Deno.test("PeerDirectory hands on candidates of kinds that the node has: best first, eight of each", () => {
  const dialled: Candidate[][] = [];
  const { network, node } = createNode({ directory: { kinds: [UDP4, FAKETCP4] } });
  const { paths } = node.sim;
  assert.ok(paths !== undefined);
  paths.setFakeTcpCandidates = (_row, candidates) => void dialled.push([...candidates]);
  const sent: string[] = [];
  network.onTransit = ({ to }) => void sent.push(to.ip);
  const candidates: Candidate[] = [
    ...Array.from({ length: 12 }, (_, rank) => candidateAt({ ip: `20.1.0.${100 - rank}`, port: 1 }, 100 - rank)),
    ...Array.from(
      { length: 12 },
      (_, rank) => ({ ...candidateAt({ ip: "20.2.0.1", port: rank + 1 }, rank), kind: FAKETCP4 }),
    ),
    { kind: UDP6, endpoint: endpointOf({ ip: "2001:db9::1", port: 1 }), rank: 0 },
  ];
  node.list(entryOf(2, { candidates }));
  network.run(4_900);
  const best = Array.from({ length: CANDIDATES_PER_KIND }, (_, index) => `20.1.0.${89 + index}`);
  assert.deepEqual([...new Set(sent)].sort(), best);
  assert.equal(sent[0], best[0]);
  assert.deepEqual(dialled.map((each) => each.map(({ endpoint }) => endpoint[1])), [[1, 2, 3, 4, 5, 6, 7, 8]]);
  // What isn't new isn't handed on again; what is gone is.
  node.list(entryOf(2, { candidates }));
  assert.equal(dialled.length, 1);
  node.list(entryOf(2, { candidates: [] }));
  assert.deepEqual(dialled[1], []);
});

Deno.test("PeerDirectory takes a list of a thousand in steps, and publishes routes once", () => {
  const { network, node } = createNode({ peerCapacity: 1024 });
  const list = Array.from({ length: 1_000 }, (_, index) => entryOf(index + 2));
  const counts: number[] = [];
  node.list(...list);
  while (node.directory.pollTimeout() <= network.nowMs) {
    const before = node.peerIds().length;
    node.sim.act((_device, nowMs) => node.directory.handleTimeout(nowMs));
    counts.push(node.peerIds().length - before);
    if (node.peerIds().length === 1_000) break;
  }
  assert.ok(counts.every((count) => count <= PEERS_PER_STEP));
  assert.deepEqual([node.peerIds().length, node.publications], [1_000, 1]);
  // Handshakes begin fifty a second, so none is lost in a queue.
  let initiations = 0;
  network.onTransit = () => initiations++;
  network.run(1_000);
  assert.ok(initiations > 40 && initiations < 250, `${initiations}`);
  // A list that comes in between replaces what was still to be added.
  node.list(...list.slice(0, 10), ...Array.from({ length: 500 }, (_, index) => entryOf(index + 5_000)));
  node.sim.act((_device, nowMs) => node.directory.handleTimeout(nowMs));
  node.list(...list.slice(0, 10));
  network.run(100);
  assert.deepEqual(node.peerIds(), list.slice(0, 10).map(({ nodeId }) => nodeId));
});

Deno.test("PeerDirectory publishes routes for peers that were added before a list cut the addition short", () => {
  const { network, node } = createNode({ peerCapacity: 64 });
  const list = Array.from({ length: 40 }, (_, index) => entryOf(index + 2));
  node.list(...list);
  node.sim.act((_device, nowMs) => node.directory.handleTimeout(nowMs));
  const added = node.peerIds();
  assert.equal(added.length, PEERS_PER_STEP);
  node.list(...list.filter(({ nodeId }) => added.includes(nodeId)));
  assert.equal(node.publications, 1);
  network.run(100);
  assert.deepEqual([node.peerIds(), node.publications], [added, 1]);
});

Deno.test("after any lists PeerDirectory has the peers of the last one", () => {
  const peer = fc.record({
    nodeId: fc.integer({ min: 1, max: 8 }),
    key: fc.integer({ min: 1, max: 8 }),
    isAway: fc.boolean(),
  });
  const lists = fc.array(fc.array(peer, { maxLength: 8 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lists, (steps) => {
      const { network, node } = createNode();
      for (const step of steps) {
        node.list(...step.map(({ nodeId, key, isAway }) => entryOf(nodeId, isAway ? { candidates: [] } : {}, key)));
        network.run(10);
      }
      const last = steps.at(-1)!;
      for (const nodeId of node.peerIds()) {
        const { publicKey } = node.sim.peer(node.sim.device.peerRows.get(nodeId)!);
        const listed = last.find((each) => each.nodeId === nodeId);
        assert.ok(listed !== undefined && nodeId !== 1);
        assert.deepEqual(publicKey, entryOf(nodeId, {}, listed.key).publicKey);
      }
      const isUnique = new Set(last.map(({ key }) => key)).size === last.length;
      if (!isUnique || new Set(last.map(({ nodeId }) => nodeId)).size < last.length) return;
      const expected = last.filter(({ nodeId, isAway }) => nodeId !== 1 && !isAway).map(({ nodeId }) => nodeId);
      for (const nodeId of expected) assert.ok(node.peerIds().includes(nodeId));
      assert.equal(node.peerIds().length, new Set(node.peerIds()).size);
    }),
    { numRuns: 100 },
  );
});
