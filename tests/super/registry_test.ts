import { strict as assert } from "node:assert";
import { BROADCAST_NODE_ID, INVALID_NODE_ID } from "../../src/base/node_id.ts";
import { type Document, DocumentKind } from "../../src/control/documents.ts";
import { ServerAction } from "../../src/control/messages.ts";
import { jsonDocument } from "../../src/super/json_document.ts";
import type { Registry } from "../../src/super/registry.ts";
import { RecordingLog } from "../node/recording_log.ts";
import {
  keyTextOf,
  makeRegistry,
  nodeConfig,
  PARAMETERS,
  pushesAt,
  registerOf,
  reportOf,
  seenAt,
  textOf,
} from "./registry_fixture.ts";

const WALL_MS = 1_700_000_000_000;
const ALIVE_MS = PARAMETERS.peerAliveTimeoutMs;

/** The token that a node was told for an action. */
function tokenFor(registry: Registry, nodeId: number, action: number, nowMs: number): string {
  const push = pushesAt(registry, nowMs).find((push) => push.nodeId === nodeId && push.update.action === action);
  assert(push !== undefined);
  return push.update.params;
}

/** A registry with node 1 registered and seen at 0, and nothing left to be told. */
function registered(): Registry {
  const registry = makeRegistry([nodeConfig(1), nodeConfig(2)]);
  registry.noteAddresses(1, seenAt({ udp4: "198.51.100.7:31001" }), 0);
  assert.equal(registry.handleRegister(1, registerOf(1), 0, WALL_MS), undefined);
  download(registry, 0);
  return registry;
}

/** Lets edges download all that they are told of. */
function download(registry: Registry, nowMs: number): void {
  for (const { nodeId, update } of pushesAt(registry, nowMs)) {
    const kind = KIND_OF_ACTION.get(update.action)!;
    assert.equal(registry.document(kind, nodeId, keyTextOf(nodeId), update.params).status, 200);
  }
}

const KIND_OF_ACTION = new Map<number, number>([
  [ServerAction.UPDATE_PARAMETERS, DocumentKind.PARAMETERS],
  [ServerAction.UPDATE_PEERS, DocumentKind.PEERS],
  [ServerAction.UPDATE_NEXT_HOP, DocumentKind.NEXT_HOPS],
]);

Deno.test("Registry.handleRegister() takes an edge in, and has it told what it lacks", () => {
  const registry = makeRegistry([nodeConfig(1)]);
  registry.noteAddresses(1, seenAt({ udp4: "198.51.100.7:31001" }), 0);
  assert.equal(registry.handleRegister(1, registerOf(1), 10, WALL_MS), undefined);
  const node = registry.node(1)!;
  assert.deepEqual([node.lastSeenMs, node.lastSeenWallMs, node.isAlive], [10, WALL_MS, true]);
  assert.deepEqual(pushesAt(registry, 10).map(({ update }) => update.action), [
    ServerAction.UPDATE_PARAMETERS,
    ServerAction.UPDATE_PEERS,
  ]);
});

Deno.test("Registry.handleRegister() ignores a node that isn't configured, and changes nothing for one that it refuses", () => {
  const registry = makeRegistry([nodeConfig(1)]);
  assert.equal(registry.handleRegister(2, registerOf(2), 0, WALL_MS), undefined);
  assert.equal(registry.handleRegister(1, registerOf(2), 0, WALL_MS)?.code, 1);
  assert.equal(registry.handleRegister(1, registerOf(1, { version: "v9" }), 0, WALL_MS)?.code, 38);
  assert.equal(registry.node(1)!.lastSeenMs, -Infinity);
  assert.equal(registry.reportGate(1, keyTextOf(1))?.tokenKey, undefined);
  assert(!registry.isAlive(1, 0));
  assert.deepEqual(pushesAt(registry, 0), []);
});

Deno.test("Registry.handleRegister() tells an edge nothing that has everything", () => {
  const registry = registered();
  const { states } = registry.node(1)!;
  const [parametersHash, peersHash] = [DocumentKind.PARAMETERS, DocumentKind.PEERS].map((kind) => states.held(kind));
  registry.handleRegister(1, registerOf(1, { parametersHash, peersHash }), 5_000, WALL_MS);
  assert.deepEqual(pushesAt(registry, 5_000), []);
});

Deno.test("Registry.document() checks id, key and token in this order, and nothing is changed by what it refuses", () => {
  const registry = registered();
  registry.setNextHops(jsonDocument("{}"));
  const told = pushesAt(registry, 1_000);
  assert.deepEqual(told.map(({ nodeId, update }) => [nodeId, update.action]), [[1, ServerAction.UPDATE_NEXT_HOP]]);
  const token = told[0].update.params;
  const wrongToken = token.replace(/.$/, (digit) => digit === "0" ? "1" : "0");
  const { NEXT_HOPS, PARAMETERS, PEERS } = DocumentKind;
  const cases: [string, number, number, string | undefined, string, number][] = [
    ["reserved id", NEXT_HOPS, INVALID_NODE_ID, keyTextOf(1), token, 400],
    ["reserved id, and all else wrong", NEXT_HOPS, BROADCAST_NODE_ID, "", "", 400],
    ["unknown id", NEXT_HOPS, 3, keyTextOf(3), token, 404],
    ["unknown id in a session", NEXT_HOPS, 3, undefined, token, 404],
    ["key of another node", NEXT_HOPS, 1, keyTextOf(2), token, 404],
    ["no key", NEXT_HOPS, 1, "", token, 404],
    ["wrong token", NEXT_HOPS, 1, keyTextOf(1), wrongToken, 404],
    ["no token", NEXT_HOPS, 1, keyTextOf(1), "", 404],
    ["no token for the parameters", PARAMETERS, 1, undefined, "", 404],
    ["no token for the peers", PEERS, 1, undefined, "", 404],
    ["token of another kind", PEERS, 1, keyTextOf(1), token, 404],
    ["a kind without state", DocumentKind.REPORT, 1, undefined, token, 400],
    ["no kind at all", 99, 1, undefined, token, 400],
    ["right", NEXT_HOPS, 1, keyTextOf(1), token, 200],
    ["right, in a session", NEXT_HOPS, 1, undefined, token, 200],
  ];
  for (const [name, kind, nodeId, publicKey, stateToken, status] of cases) {
    const answer = registry.document(kind, nodeId, publicKey, stateToken);
    assert.equal(answer.status, status, name);
    assert.equal(textOf(answer), status === 200 ? "{}" : "", name);
    assert.equal(registry.node(1)!.states.held(NEXT_HOPS), status === 200 ? token : "", name);
  }
});

Deno.test("Registry.document() has an empty answer for the empty token as long as there is no next-hop table", () => {
  const registry = registered();
  const answer = registry.document(DocumentKind.NEXT_HOPS, 1, keyTextOf(1), "");
  assert.deepEqual(answer, { status: 200, document: undefined });
  registry.setNextHops(jsonDocument("{}"));
  assert.equal(registry.document(DocumentKind.NEXT_HOPS, 1, keyTextOf(1), "").status, 404);
});

Deno.test("Registry hands out the next-hop table that it was given, under a new token each time", () => {
  const registry = registered();
  const tokens = ['{"1":{"2":2}}', '{"1":{}}'].map((text, index) => {
    const document: Document = jsonDocument(text);
    registry.setNextHops(document);
    const token = tokenFor(registry, 1, ServerAction.UPDATE_NEXT_HOP, index * 1_000);
    assert.equal(registry.document(DocumentKind.NEXT_HOPS, 1, undefined, token).document, document);
    return token;
  });
  assert.notEqual(tokens[0], tokens[1]);
});

Deno.test("Registry changes the parameters of one edge with its cost, and those of all with what all are told", () => {
  const registry = registered();
  registry.handleRegister(2, registerOf(2), 0, WALL_MS);
  download(registry, 0);
  const told = (nowMs: number) =>
    pushesAt(registry, nowMs).map(({ nodeId, update: { action, params } }) => {
      assert.equal(action, ServerAction.UPDATE_PARAMETERS);
      return JSON.parse(textOf(registry.document(DocumentKind.PARAMETERS, nodeId, undefined, params)));
    });
  assert(registry.updateNode(2, { additionalCostMs: 99 }));
  assert.deepEqual(told(1_000).map(({ AdditionalCost }) => AdditionalCost), [99]);
  assert(registry.updateNode(2, { additionalCostMs: 99, skipsLocalAddresses: undefined }));
  assert.deepEqual(told(2_000), []);
  registry.updateParameters({ pingIntervalMs: 1_000, dampingFilterRadius: undefined });
  assert.deepEqual(
    told(3_000).map(({ SendPingInterval, DampingFilterRadius }) => [SendPingInterval, DampingFilterRadius]),
    [[1, 4], [1, 4]],
  );
  assert.equal(registry.updateNode(3, { additionalCostMs: 1 }), false);
});

Deno.test("Registry has an edge that no longer takes local addresses download the list again", () => {
  const registry = registered();
  registry.noteReport(1, reportOf({ "10.0.0.1:1": 100 }), 0, WALL_MS);
  registry.handleRegister(2, registerOf(2), 0, WALL_MS);
  download(registry, 100);
  const localOf = (nowMs: number) => {
    const token = tokenFor(registry, 2, ServerAction.UPDATE_PEERS, nowMs);
    const list = JSON.parse(textOf(registry.document(DocumentKind.PEERS, 2, undefined, token)));
    return list[keyTextOf(1)].Connurl.LocalV4;
  };
  registry.updateNode(2, { skipsLocalAddresses: true });
  assert.deepEqual(localOf(1_000), {});
  registry.updateNode(2, { skipsLocalAddresses: false });
  assert.deepEqual(localOf(2_000), { "10.0.0.1:1": 100 });
});

Deno.test("Registry counts an edge as dead after the limit of silence, and says when to look", () => {
  const registry = registered();
  assert(registry.isAlive(1, ALIVE_MS - 1) && !registry.isAlive(1, ALIVE_MS));
  registry.noteReport(1, reportOf(), 20_000, WALL_MS);
  for (let nowMs = 20_000; nowMs < 20_000 + ALIVE_MS; nowMs = registry.pollTimeout()) {
    assert.deepEqual(pushesAt(registry, nowMs), []);
    assert(registry.node(1)!.isAlive);
  }
  assert.equal(registry.pollTimeout(), 20_000 + ALIVE_MS);
  registry.handleRegister(2, registerOf(2), 20_000 + ALIVE_MS, WALL_MS);
  const token = tokenFor(registry, 2, ServerAction.UPDATE_PEERS, 20_000 + ALIVE_MS);
  assert(!registry.node(1)!.isAlive);
  const list = JSON.parse(textOf(registry.document(DocumentKind.PEERS, 2, undefined, token)));
  assert.equal(list[keyTextOf(1)].Connurl.ExternalV4, null);
});

Deno.test("Registry finds those that are silent for long enough by a limit that was lowered", () => {
  const registry = registered();
  registry.updateParameters({ peerAliveTimeoutMs: 5_000 });
  pushesAt(registry, 4_999);
  assert(registry.node(1)!.isAlive);
  assert.equal(registry.pollTimeout(), 5_000);
  pushesAt(registry, 5_000);
  assert(!registry.node(1)!.isAlive);
});

Deno.test("Registry renews the state of the peers when something about one is different to others, and only then", () => {
  const registry = registered();
  const report = (local: Record<string, number>) => (nowMs: number) =>
    registry.noteReport(1, reportOf(local), nowMs, WALL_MS);
  const seen = (nodeId: number, udp4?: string) => (nowMs: number) =>
    registry.noteAddresses(nodeId, seenAt({ udp4 }), nowMs);
  const steps: [string, (nowMs: number) => void, boolean][] = [
    ["the same address", seen(1, "198.51.100.7:31001"), false],
    ["another port", seen(1, "198.51.100.7:31002"), true],
    ["a local address", report({ "10.0.0.1:1": 1 }), true],
    ["the same report", report({ "10.0.0.1:1": 1 }), false],
    ["a report that adds nonsense", report({ "10.0.0.1:1": 1, nonsense: 1 }), false],
    ["the first address of a silent node", seen(2, "192.0.2.2:1"), false],
    ["another address of a silent node", seen(2, "192.0.2.2:2"), false],
    ["no address of it any more", seen(2), false],
    ["a new node without an address", () => registry.addNode(nodeConfig(3)), true],
    ["its address, as long as it is silent", seen(3, "192.0.2.3:1"), false],
    ["its removal", () => registry.removeNode(3), true],
    ["an address of a node that is unknown", seen(3, "192.0.2.3:1"), false],
    ["a registration of a silent node without an address", (nowMs) => {
      registry.handleRegister(2, registerOf(2, { peersHash: peersHash() }), nowMs, WALL_MS);
    }, false],
  ];
  const peersHash = () => registry.node(1)!.states.held(DocumentKind.PEERS);
  for (const [index, [name, step, isRenewed]] of steps.entries()) {
    const before = peersHash();
    step(1_000 * index);
    download(registry, 1_000 * index);
    assert.equal(peersHash() !== before, isRenewed, name);
  }
});

Deno.test("Registry.removeNode() forgets a node, whatever of it is still under way", () => {
  const registry = registered();
  registry.handleTimeout(0);
  registry.noteReport(1, reportOf(), 0, WALL_MS);
  registry.handleRegister(2, registerOf(2, { nextHopHash: "of an earlier life" }), 0, WALL_MS);
  registry.handleTimeout(0);
  assert(registry.removeNode(2));
  assert(!registry.removeNode(2));
  assert.equal(registry.handleRegister(2, registerOf(2), 1, WALL_MS), undefined);
  registry.noteReport(2, reportOf(), 1, WALL_MS);
  registry.noteAddresses(2, seenAt({ udp4: "192.0.2.2:1" }), 1);
  assert.equal(registry.reportGate(2, keyTextOf(2)), undefined);
  assert(!registry.allowsReport(2, 1) && !registry.acceptReport(2, 0));
  assert.equal(registry.document(DocumentKind.PEERS, 2, undefined, "").status, 404);
  assert.equal(registry.node(2), undefined);
  assert(!registry.isAlive(2, 1));
  assert(registry.isRouteInputComplete(1));
  assert.equal(pushesAt(registry, 1).filter(({ nodeId }) => nodeId === 2).length, 0);
});

Deno.test("Registry.addNode() takes a node back as if it were new, but none twice and none with a reserved id", () => {
  const registry = registered();
  assert.throws(() => registry.addNode(nodeConfig(1)), RangeError);
  assert.throws(() => registry.addNode(nodeConfig(INVALID_NODE_ID)), RangeError);
  registry.removeNode(1);
  registry.addNode(nodeConfig(1));
  const node = registry.node(1)!;
  assert.deepEqual([node.lastSeenMs, node.isAlive, node.addresses.udp4], [-Infinity, false, undefined]);
  assert.equal(registry.reportGate(1, keyTextOf(1))?.tokenKey, undefined);
  assert.deepEqual([...registry.nodes()].map(({ nodeId }) => nodeId), [2, 1]);
});

Deno.test("Registry.reportGate() opens for the right key, and has a token key only after a registration", () => {
  const registry = makeRegistry([nodeConfig(1)]);
  assert.equal(registry.reportGate(1, keyTextOf(2)), undefined);
  assert.equal(registry.reportGate(2, keyTextOf(2)), undefined);
  assert.deepEqual(registry.reportGate(1, keyTextOf(1)), { tokenKey: undefined, expectedCount: 0 });
  const register = registerOf(1, { reportCount: 300 });
  registry.handleRegister(1, register, 0, WALL_MS);
  assert.deepEqual(registry.reportGate(1, keyTextOf(1)), { tokenKey: register.tokenKey, expectedCount: 300 });
});

Deno.test("Registry.acceptReport() takes each number once, and none below one that it has taken", () => {
  const registry = registered();
  const cases: [number, boolean][] = [
    [0, true],
    [0, false],
    [1, true],
    [5, true],
    [4, false],
    [6.5, false],
    [NaN, false],
    [Infinity, false],
    [Number.MAX_SAFE_INTEGER, false],
    [6, true],
  ];
  for (const [count, isAccepted] of cases) {
    const before = registry.reportGate(1, keyTextOf(1))!.expectedCount;
    assert.equal(registry.acceptReport(1, count), isAccepted, String(count));
    assert.equal(registry.reportGate(1, keyTextOf(1))!.expectedCount, isAccepted ? count + 1 : before);
  }
});

Deno.test("Registry.allowsReport() lets ten reports of a node through at once, and then two a second", () => {
  const registry = registered();
  const allowed = (nodeId: number, nowMs: number) =>
    Array.from({ length: 20 }, () => registry.allowsReport(nodeId, nowMs)).filter(Boolean).length;
  assert.deepEqual([allowed(1, 0), allowed(1, 1_000), allowed(1, 2_500), allowed(2, 2_500)], [10, 2, 3, 10]);
});

Deno.test("Registry.additionalCostOf() takes the configured cost, else the edge's own if it makes sense", () => {
  const registry = makeRegistry([
    nodeConfig(1),
    nodeConfig(2, { additionalCostMs: -1 }),
    nodeConfig(3, { additionalCostMs: 0 }),
  ]);
  const cases: [number, number, number][] = [
    [1, 77, 10],
    [2, 77, 77],
    [2, 0, 0],
    [2, -5, 0],
    [2, NaN, 0],
    [2, Infinity, 0],
    [3, 77, 0],
    [4, 77, 77],
  ];
  for (const [nodeId, fromMessageMs, costMs] of cases) {
    assert.equal(registry.additionalCostOf(nodeId, fromMessageMs), costMs, `${nodeId} ${fromMessageMs}`);
  }
});

Deno.test("Registry.isRouteInputComplete() waits for all edges to report if one came with a table, but not for long", () => {
  const withTable = (nodeId: number) => registerOf(nodeId, { nextHopHash: "of an earlier life" });
  const ends: [string, (registry: Registry) => number][] = [
    ["reports", (registry) => {
      registry.noteReport(1, reportOf(), 900, WALL_MS);
      assert(!registry.isRouteInputComplete(999), "the other one is missing");
      registry.noteReport(2, reportOf(), 1_000, WALL_MS);
      registry.handleRegister(2, withTable(2), 1_000, WALL_MS);
      return 1_000;
    }],
    ["removal", (registry) => {
      registry.noteReport(1, reportOf(), 900, WALL_MS);
      registry.removeNode(2);
      return 1_000;
    }],
    ["time", () => 3 * PARAMETERS.pingIntervalMs + 30_000],
  ];
  for (const [name, end] of ends) {
    const registry = makeRegistry([nodeConfig(1), nodeConfig(2)]);
    assert(registry.isRouteInputComplete(0), name);
    registry.handleRegister(1, registerOf(1), 0, WALL_MS);
    assert(registry.isRouteInputComplete(0), "an edge without a table has nothing to lose");
    registry.handleRegister(2, withTable(2), 0, WALL_MS);
    assert(!registry.isRouteInputComplete(999), name);
    assert(registry.isRouteInputComplete(end(registry)), name);
  }
});

Deno.test("Registry.pollTimeout() names the end of the time for which edges are awaited, and that only while they are", () => {
  const parameters = { ...PARAMETERS, pingIntervalMs: 15_001, peerAliveTimeoutMs: 500_000 };
  const endMs = 3 * 15_001 + 30_000;
  for (const isAwaited of [true, false]) {
    const registry = makeRegistry([nodeConfig(1), nodeConfig(2)], { parameters });
    registry.handleRegister(1, registerOf(1, { nextHopHash: "of an earlier life" }), 0, WALL_MS);
    if (!isAwaited) { for (const nodeId of [1, 2]) registry.noteReport(nodeId, reportOf(), 0, WALL_MS); }
    const due: number[] = [];
    for (let nowMs = 0; nowMs <= endMs; nowMs = Math.max(registry.pollTimeout(), nowMs + 1)) {
      pushesAt(registry, nowMs);
      due.push(nowMs);
    }
    assert.equal(due.includes(endMs), isAwaited);
  }
});

Deno.test("Registry.isRouteInputComplete() doesn't wait for the dead", () => {
  const parameters = { ...PARAMETERS, peerAliveTimeoutMs: 10_000 };
  const registry = makeRegistry([nodeConfig(1)], { parameters });
  registry.handleRegister(1, registerOf(1, { nextHopHash: "of an earlier life" }), 0, WALL_MS);
  registry.handleTimeout(9_999);
  assert(!registry.isRouteInputComplete(9_999));
  registry.handleTimeout(10_000);
  assert(registry.isRouteInputComplete(10_000));
});

Deno.test("Registry logs refused registrations of an edge once a minute at most", () => {
  const lines: number[] = [];
  let nowMs = 0;
  const log = { debug() {}, info() {}, warn: () => lines.push(nowMs), error() {} };
  const registry = makeRegistry([nodeConfig(1)], { log });
  for (; nowMs < 120_000; nowMs += 1_000) {
    registry.handleRegister(1, registerOf(1, { version: `v${nowMs}` }), nowMs, WALL_MS);
    registry.handleRegister(1, registerOf(1), nowMs, WALL_MS);
  }
  assert.deepEqual(lines, [0, 60_000]);
});

Deno.test("Registry names an edge in its log as `peer`: `node` is the super's own name in each line", () => {
  const log = new RecordingLog();
  const registry = makeRegistry([nodeConfig(1)], { log });
  registry.handleRegister(1, registerOf(1), 0, WALL_MS);
  registry.handleRegister(1, registerOf(1, { version: "v1" }), 0, WALL_MS);
  registry.handleTimeout(ALIVE_MS);
  const told = log.take().map(({ event, fields }) => [event, fields.peer, fields.node]);
  assert.deepEqual(told, [
    ["node is alive", "1", undefined],
    ["registration refused", "1", undefined],
    ["node is silent", "1", undefined],
  ]);
});
