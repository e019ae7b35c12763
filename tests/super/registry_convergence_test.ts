/**
 * A registry with simulated edges: whatever happens, in the end all of them have what they should.
 *
 * The edges do what edges do, without networks: register now and again, download what they are told of, and remember it
 * only if the download succeeded. Messages to them get lost; they fall silent and start again with nothing.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import fc from "fast-check";
import { type DocumentAnswer, DocumentKind } from "../../src/control/documents.ts";
import { ServerAction } from "../../src/control/messages.ts";
import { jsonDocument } from "../../src/super/json_document.ts";
import type { Registry } from "../../src/super/registry.ts";
import { settleMs } from "../../src/super/peer_list.ts";
import {
  keyTextOf,
  makeRegistry,
  nodeConfig,
  PARAMETERS,
  registerOf,
  reportOf,
  seenAt,
  textOf,
} from "./registry_fixture.ts";

const NODES = 6;
const REGISTER_INTERVAL_MS = PARAMETERS.pingIntervalMs;
/** If only what the super tells was lost: enough for telling it again. */
const REPEAT_MS = 2_000;
/** Long enough for the next registration of everybody, and for those that fell silent to be found. */
const CALM_MS = REGISTER_INTERVAL_MS + PARAMETERS.peerAliveTimeoutMs + 5_000;
const KINDS = [DocumentKind.PARAMETERS, DocumentKind.PEERS, DocumentKind.NEXT_HOPS];

/** What can get lost: what the super tells, a registration, the answer to a download. */
type Message = "push" | "register" | "answer";

interface SimulatedEdge {
  readonly nodeId: number;
  isRunning: boolean;
  registersAtMs: number;
  /** Tokens, and what was answered for them, by kind. */
  readonly tokens: Map<number, string>;
  readonly answers: Map<number, DocumentAnswer>;
}

/** What happens to the network. The numbers are any: each event makes of them what it needs. */
interface Happening {
  readonly what:
    | "address"
    | "report"
    | "stop"
    | "start"
    | "add"
    | "remove"
    | "update"
    | "table"
    | "parameters"
    | "wait";
  readonly nodeId: number;
  readonly value: number;
  readonly waitMs: number;
}

const anyHappening: fc.Arbitrary<Happening> = fc.record({
  what: fc.constantFrom("address", "report", "stop", "start", "add", "remove", "update", "table", "parameters", "wait"),
  nodeId: fc.integer({ min: 1, max: NODES }),
  value: fc.nat(3),
  waitMs: fc.oneof(fc.nat(3), fc.nat(2_000), fc.nat(100_000)),
});

/** A registry and its edges, on a clock of their own. */
class Network {
  readonly registry: Registry;
  readonly edges = new Map<number, SimulatedEdge>();
  /** The last address of each node that there is, as told to the registry. */
  readonly addresses = new Map<number, string>();
  nowMs = 0;
  pushes = 0;
  downloads = 0;
  table = "";
  readonly #isLost: (what: Message) => boolean;

  constructor(nodeCount: number, usesPairKeys: boolean, isLost: (what: Message) => boolean) {
    const nodes = Array.from({ length: nodeCount }, (_, index) => nodeConfig(index + 1));
    // The table is told now and again without a reason: too seldom here to matter.
    this.registry = makeRegistry(nodes, { usesPairKeys, parameters: { ...PARAMETERS, rePushIntervalMs: 1e9 } });
    this.#isLost = isLost;
    for (const { nodeId } of nodes) this.addEdge(nodeId);
  }

  addEdge(nodeId: number): void {
    const edge = { nodeId, isRunning: false, registersAtMs: Infinity, tokens: new Map(), answers: new Map() };
    this.edges.set(nodeId, edge);
  }

  start(nodeId: number): void {
    const edge = this.edges.get(nodeId);
    if (edge === undefined || edge.isRunning) return;
    edge.tokens.clear();
    edge.answers.clear();
    edge.isRunning = true;
    edge.registersAtMs = this.nowMs;
  }

  see(nodeId: number, address: string): void {
    if (this.registry.node(nodeId) !== undefined) this.addresses.set(nodeId, address);
    this.registry.noteAddresses(nodeId, seenAt({ udp4: address }), this.nowMs);
  }

  /** Lets time pass; what is due is done when it is due. */
  pass(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      let next = this.registry.pollTimeout();
      for (const edge of this.edges.values()) next = Math.min(next, edge.registersAtMs);
      if (next > endMs) break;
      // What came without a time is due since the time before.
      this.nowMs = Math.max(this.nowMs, next);
      this.#act();
    }
    this.nowMs = endMs;
  }

  #act(): void {
    for (const edge of this.edges.values()) if (edge.registersAtMs <= this.nowMs) this.#register(edge);
    this.registry.handleTimeout(this.nowMs);
    for (let push = this.registry.pollPush(); push !== undefined; push = this.registry.pollPush()) {
      this.pushes++;
      assert(this.registry.isAlive(push.nodeId, this.nowMs), "who is silent isn't told");
      const edge = this.edges.get(push.nodeId);
      if (edge?.isRunning === true && !this.#isLost("push")) {
        this.#download(edge, push.update.action, push.update.params);
      }
    }
  }

  #register(edge: SimulatedEdge): void {
    edge.registersAtMs = this.nowMs + REGISTER_INTERVAL_MS;
    if (this.#isLost("register")) return;
    const [parametersHash, peersHash, nextHopHash] = KINDS.map((kind) => edge.tokens.get(kind) ?? "");
    const register = registerOf(edge.nodeId, { parametersHash, peersHash, nextHopHash });
    this.registry.handleRegister(edge.nodeId, register, this.nowMs, this.nowMs);
  }

  #download(edge: SimulatedEdge, action: number, token: string): void {
    const kind = action === ServerAction.UPDATE_PARAMETERS
      ? DocumentKind.PARAMETERS
      : action === ServerAction.UPDATE_PEERS
      ? DocumentKind.PEERS
      : DocumentKind.NEXT_HOPS;
    if (edge.tokens.get(kind) === token) return;
    this.downloads++;
    const answer = this.registry.document(kind, edge.nodeId, keyTextOf(edge.nodeId), token);
    assert.equal(answer.status, 200, "what was just told is current");
    // The answer may get lost as well; the registry thinks then that the edge has it, until it registers.
    if (this.#isLost("answer")) return;
    edge.tokens.set(kind, token);
    edge.answers.set(kind, answer);
  }

  happen({ what, nodeId, value, waitMs }: Happening): void {
    const { registry, edges, nowMs } = this;
    const edge = edges.get(nodeId);
    switch (what) {
      case "address":
        this.see(nodeId, `192.0.2.${nodeId}:${1 + value}`);
        break;
      case "report":
        registry.noteReport(nodeId, reportOf({ [`10.0.0.${nodeId}:${1 + value}`]: 100 }), nowMs, nowMs);
        break;
      case "stop":
        if (edge !== undefined) Object.assign(edge, { isRunning: false, registersAtMs: Infinity });
        break;
      case "start":
        this.start(nodeId);
        break;
      case "add":
        if (edge === undefined) {
          registry.addNode(nodeConfig(nodeId));
          this.addEdge(nodeId);
        }
        break;
      case "remove":
        registry.removeNode(nodeId);
        this.addresses.delete(nodeId);
        // The edge may go on for a while.
        if (value < 2) edges.delete(nodeId);
        break;
      case "update":
        registry.updateNode(nodeId, { additionalCostMs: value, skipsLocalAddresses: value % 2 === 0 });
        break;
      case "table":
        this.table = `{"table":${value}}`;
        registry.setNextHops(jsonDocument(this.table));
        break;
      case "parameters":
        registry.updateParameters({ dampingFilterRadius: value });
        break;
    }
    this.pass(waitMs);
  }

  /** Asserts that an edge has what there is now, not only the token of it. */
  assertCurrent(edge: SimulatedEdge): void {
    const { registry, nowMs } = this;
    const node = registry.node(edge.nodeId);
    if (node === undefined) return;
    for (const kind of KINDS) {
      const answer = registry.document(kind, edge.nodeId, undefined, edge.tokens.get(kind) ?? "");
      assert.equal(answer.status, 200, `kind ${kind} of node ${edge.nodeId}`);
      assert.equal(documentOf(edge, kind), textOf(answer));
    }
    assert.equal(documentOf(edge, DocumentKind.NEXT_HOPS), this.table);
    const { AdditionalCost, DampingFilterRadius } = JSON.parse(documentOf(edge, DocumentKind.PARAMETERS));
    assert.deepEqual(
      [AdditionalCost, DampingFilterRadius],
      [node.additionalCostMs, registry.parameters.dampingFilterRadius],
    );
    const listed = new Map<number, object | null>();
    for (const { NodeID, Connurl } of Object.values(JSON.parse(documentOf(edge, DocumentKind.PEERS))) as Entry[]) {
      listed.set(NodeID, Connurl.ExternalV4);
    }
    const expected = new Map<number, object | null>();
    for (const { nodeId } of registry.nodes()) {
      const address = this.addresses.get(nodeId);
      const isListed = address !== undefined && registry.isAlive(nodeId, nowMs);
      expected.set(nodeId, isListed ? { [address]: 4 } : null);
    }
    listed.delete(edge.nodeId);
    expected.delete(edge.nodeId);
    assert.deepEqual(byId(listed), byId(expected));
  }
}

/** What an edge has downloaded; empty for nothing. */
function documentOf(edge: SimulatedEdge, kind: number): string {
  const answer = edge.answers.get(kind);
  return answer === undefined ? "" : textOf(answer);
}

interface Entry {
  readonly NodeID: number;
  readonly Connurl: { readonly ExternalV4: object | null };
}

function byId(entries: Map<number, object | null>): [number, object | null][] {
  return [...entries].sort(([a], [b]) => a - b);
}

const anyNetwork = fc.record({
  happenings: fc.array(anyHappening, { maxLength: 40, size: "max" }),
  usesPairKeys: fc.boolean(),
  losses: fc.infiniteStream(fc.boolean()),
});

Deno.test("Registry has every living edge end up with the current documents, and stops telling then, whatever happened", () => {
  fc.assert(
    fc.property(anyNetwork, ({ happenings, usesPairKeys, losses }) => {
      let isCalm = false;
      const network = new Network(NODES, usesPairKeys, () => !isCalm && losses.next().value === true);
      for (const happening of happenings) network.happen(happening);
      isCalm = true;
      network.pass(CALM_MS);
      for (const edge of network.edges.values()) if (edge.isRunning) network.assertCurrent(edge);
      const { pushes } = network;
      network.pass(CALM_MS);
      assert.equal(network.pushes, pushes, "nothing is left to be told");
    }),
    { numRuns: 200 },
  );
});

Deno.test("Registry tells again within two seconds what got lost", () => {
  fc.assert(
    fc.property(anyNetwork, ({ happenings, usesPairKeys, losses }) => {
      let isCalm = false;
      const isLost = (what: Message) => !isCalm && what === "push" && losses.next().value === true;
      const network = new Network(NODES, usesPairKeys, isLost);
      for (const happening of happenings) network.happen(happening);
      isCalm = true;
      network.pass(REPEAT_MS);
      for (const edge of network.edges.values()) {
        if (edge.isRunning && network.registry.isAlive(edge.nodeId, network.nowMs)) network.assertCurrent(edge);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("Registry lets a thousand edges that join within ten seconds download the list some few times each", () => {
  const nodeCount = 1_000;
  const network = new Network(nodeCount, false, () => false);
  for (let nodeId = 1; nodeId <= nodeCount; nodeId++) {
    network.see(nodeId, `192.0.${nodeId >> 8}.${nodeId & 0xff}:1`);
    network.start(nodeId);
    network.pass(10);
  }
  network.pass(settleMs(nodeCount) + 1_000);
  const downloadsWhileJoining = network.downloads;
  assert(downloadsWhileJoining < 10 * nodeCount, `${downloadsWhileJoining} downloads`);
  for (const edge of network.edges.values()) {
    assert.equal(Object.keys(JSON.parse(documentOf(edge, DocumentKind.PEERS))).length, nodeCount);
    if (edge.nodeId % 100 === 0) network.assertCurrent(edge);
  }
  network.pass(60_000);
  assert.equal(network.downloads, downloadsWhileJoining);
});

Deno.test("Registry spends no more on a registration or report among 2,000 nodes than among 20", () => {
  const spentMs = (nodeCount: number): number => {
    const network = new Network(nodeCount, false, () => false);
    const { registry } = network;
    for (let nodeId = 1; nodeId <= nodeCount; nodeId++) network.see(nodeId, "192.0.2.1:1");
    let nowMs = 100_000;
    let changes = 0;
    registry.handleTimeout(nowMs);
    let least = Infinity;
    for (let round = 0; round < 3; round++) {
      const startedMs = performance.now();
      for (let turn = 0; turn < 2_000; turn++) {
        const nodeId = 1 + (turn * 7) % nodeCount;
        nowMs += 0.1;
        const port = 1 + (++changes % 50_000);
        registry.noteAddresses(nodeId, seenAt({ udp4: `192.0.2.1:${port}` }), nowMs);
        registry.handleRegister(nodeId, registerOf(nodeId), nowMs, nowMs);
        registry.noteReport(nodeId, reportOf({ [`10.0.0.1:${port}`]: 100 }), nowMs, nowMs);
        registry.handleTimeout(nowMs);
        while (registry.pollPush() !== undefined);
      }
      least = Math.min(least, performance.now() - startedMs);
    }
    return least;
  };
  spentMs(20);
  const ratio = spentMs(2_000) / spentMs(20);
  assert(ratio < 5, `${ratio.toFixed(1)} times`);
});
