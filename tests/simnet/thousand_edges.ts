/**
 * A thousand edges and their super node in one process, which prints what that cost as JSON. It is a program of its own because
 * it measures memory, which the garbage of other tests would hide.
 *
 * The super is the real thing down to its device; the edges are light ones (`light_edge.ts`). What the engine of routes does, in
 * a worker of its own in real life, is timed apart.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { cpuUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DocumentKind } from "../../src/control/documents.ts";
import { decodePeerReport, encodePeerReport } from "../../src/control/message_codec.ts";
import { DirectEngine } from "../../src/super/route_engine.ts";
import { fastPrimitives } from "./fast_primitives.ts";
import { drawKeys, LightEdge } from "./light_edge.ts";
import { SimNetwork } from "./network.ts";
import { SimSuper } from "./super.ts";

const EDGES = 1_000;
/** Every so many edges one gets its documents through its session, and reports through it. */
const SESSION_EVERY = 200;
const KINDS = [DocumentKind.PARAMETERS, DocumentKind.PEERS, DocumentKind.NEXT_HOPS];

/** Adds up what calls cost the processor, ms; calls from within calls are counted once. */
class Meter {
  usedMs = 0;
  #isRunning = false;

  wrap<Parameters extends unknown[], Result>(call: (...parameters: Parameters) => Result) {
    return (...parameters: Parameters): Result => {
      if (this.#isRunning) return call(...parameters);
      this.#isRunning = true;
      const before = cpuUsage();
      try {
        return call(...parameters);
      } finally {
        const { user, system } = cpuUsage(before);
        this.usedMs += (user + system) / 1000;
        this.#isRunning = false;
      }
    };
  }
}

/** Memory of the process without garbage, octets. */
function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return Deno.memoryUsage().rss;
}

/** What a thousand edges cost their super. */
export interface ThousandFigures {
  /** Part of a core that 10,000 reports a minute take, for each time that it was measured. */
  readonly loads: readonly number[];
  /** Memory of the super. */
  readonly octets: number;
  /** Downloads of an edge on average: parameters, peers, next hops. */
  readonly downloads: readonly number[];
}

function runThousandEdges(): void {
  const network = new SimNetwork(1);
  network.traces = false;
  const keys = drawKeys(network, EDGES);
  const [superMeter, engineMeter] = [new Meter(), new Meter()];
  const engine = new DirectEngine();
  engine.compute = engineMeter.wrap(engine.compute.bind(engine));
  const beforeOctets = memoryInUse();
  const superNode = new SimSuper(network, {
    addresses: [{ ip: "20.0.0.1", port: 3000 }],
    peers: keys.map(({ publicKey }, index) => ({
      nodeId: index + 1,
      name: "",
      publicKey,
      presharedKey: undefined,
      additionalCostMs: -1,
      skipsLocalAddresses: false,
      externalIp: undefined,
    })),
    parameters: { pingIntervalMs: 15_000, reportIntervalMs: 50_000, peerAliveTimeoutMs: 70_000 },
    peerCapacity: 2048,
    primitives: fastPrimitives,
    roundMs: 2,
    engine,
  });
  const [node] = superNode.nodes;
  node.receive = superMeter.wrap(node.receive.bind(node));
  node.wake = superMeter.wrap(node.wake.bind(node));
  superNode.answer = superMeter.wrap(superNode.answer.bind(superNode));
  const { registry } = superNode;

  const edges = keys.map(({ privateKey }, index) => {
    const address = { ip: `20.1.${index >> 8}.${index & 0xff}`, port: 3001 };
    const way = index % SESSION_EVERY === 0 ? "session" : "http";
    return new LightEdge(network, index + 1, privateKey, address, way, superNode, ({ nodeId }, kind, body) => {
      if (way === "http") return;
      const token = edges[nodeId - 1].tokens.get(kind) ?? "";
      const { document } = registry.document(kind, nodeId, undefined, token);
      // Unless there is a newer one by now, it has come whole.
      if (document !== undefined) assert.equal(Buffer.compare(document.plain, body), 0);
    });
  });

  /** Has 333 reports come in within two seconds, and returns what part of a core the super takes for it. */
  function loadOf(round: number): number {
    const startMs = network.nowMs;
    const usedMs = superMeter.usedMs - engineMeter.usedMs;
    let [received, expected] = [0, 0];
    for (let count = 0; count < 333; count++) {
      const index = (count * 7 + round) % EDGES;
      const { nodeId } = edges[index];
      const isThroughSession = index % SESSION_EVERY === 0;
      if (isThroughSession) expected++;
      network.at(startMs + count * 6, () => {
        if (!isThroughSession) return report(nodeId);
        edges[index].report(reports[index], (status) => {
          if (status === 200) received++;
        });
      });
    }
    network.run(2_000);
    const busyMs = superMeter.usedMs - engineMeter.usedMs - usedMs;
    network.run(1_000);
    assert.equal(received, expected);
    return busyMs / 2_000;
  }

  // All start within five seconds.
  for (const [index, edge] of edges.entries()) network.at(index * 5, () => edge.start());
  network.run(6_000);
  const downloads = (kind: number) => edges.reduce((sum, edge) => sum + (edge.downloads.get(kind) ?? 0), 0);
  assert.ok(downloads(DocumentKind.PEERS) >= EDGES);

  // Each reports what it measured of all others.
  const reports = edges.map(({ nodeId }) => encodeReport(nodeId));
  const report = superMeter.wrap((nodeId: number) => {
    const decoded = decodePeerReport(reports[nodeId - 1]);
    if (typeof decoded === "number" || !registry.allowsReport(nodeId, network.nowMs)) return;
    superNode.control.takeReport(nodeId, decoded, network.nowMs, node.wallMs());
  });
  for (const { nodeId } of edges) network.at(6_000 + nodeId * 2, () => report(nodeId));
  network.run(22_000);
  for (const edge of edges) {
    for (const kind of KINDS) {
      assert.equal(registry.document(kind, edge.nodeId, undefined, edge.tokens.get(kind) ?? "").status, 200);
    }
  }
  assert.equal(Object.keys(JSON.parse(superNode.table)[1]).length, EDGES - 1);
  // 10,000 reports a minute for two seconds, a few times: what else runs on this machine costs time as well.
  const loads = [0, 1, 2].map(loadOf);
  // Edges included: each of them has tables of its own.
  const octets = memoryInUse() - beforeOctets - EDGES * EDGE_OCTETS;
  const figures: ThousandFigures = { loads, octets, downloads: KINDS.map((kind) => downloads(kind) / EDGES) };
  console.log(JSON.stringify(figures));
}

/** What a light edge takes itself at the least, in octets. */
const EDGE_OCTETS = 250_000;

function encodeReport(nodeId: number): Uint8Array {
  const pongs = [];
  for (let source = 1; source <= EDGES; source++) {
    if (source === nodeId) continue;
    // As on a line, where no way is shorter than the direct one.
    const latencyS = (5 + Math.abs(source - nodeId) / 10) / 1000;
    pongs.push({ requestId: 0, source, destination: nodeId, latencyS, timeToLiveS: 70, additionalCostMs: 0 });
  }
  return encodePeerReport({ pongs, localV4: new Map(), localV6: new Map() });
}

if (import.meta.main) runThousandEdges();
