/**
 * Two nodes without UDP, each behind an address translator that lets nobody in, and a super node that tells each where it sees
 * the other one.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { SUPER_NODE_ID } from "../../src/base/node_id.ts";
import { PATH_KIND_NAMES, PathKind } from "../../src/base/path_kind.ts";
import type { Candidate } from "../../src/control/documents.ts";
import { PeerState } from "../../src/dataplane/tables.ts";
import { FAST_NODE, isUdp } from "./failover.ts";
import { endpointOf, type SimAddress, SimNetwork } from "./network.ts";
import { SimNode, type SimNodeOptions } from "./node.ts";
import { forSeeds } from "./pair.ts";

const SUPER_ADDRESS = { ip: "20.0.0.9", port: 3000 };
const PUBLIC_IPS = ["20.0.0.1", "20.0.0.2"];
/** Rank of an outside address with the listening port, and of a NAT's mapping. */
const [LISTENING, MAPPED] = [4, 14];
const { FAKETCP4 } = PathKind;

interface Site {
  readonly network: SimNetwork;
  readonly nodes: readonly [SimNode, SimNode];
  /** Row of the other node at each. */
  readonly rows: readonly [number, number];
  /** What the super node tells each about the other. */
  readonly candidates: readonly [Candidate[], Candidate[]];
}

interface SiteOptions extends Partial<SimNodeOptions> {
  /** Whether the second node isn't behind a translator. */
  readonly secondIsPublic?: boolean;
}

/** Makes the nodes and connects them with the super node. */
function createSite(seed: number, options: SiteOptions = {}): Site {
  const { secondIsPublic = false, ...nodeOptions } = options;
  const network = new SimNetwork(seed);
  network.traces = false;
  network.firewall = isUdp;
  const superNode = new SimNode(network, SUPER_NODE_ID, { ...FAST_NODE, address: SUPER_ADDRESS });
  const create = (index: number) => {
    const isPublic = secondIsPublic && index === 1;
    return new SimNode(network, index + 1, {
      ...FAST_NODE,
      address: { ip: isPublic ? PUBLIC_IPS[index] : `10.0.0.${index + 1}`, port: 3001 + index },
      behind: isPublic ? undefined : PUBLIC_IPS[index],
      link: { latencyMs: 1 + seed * 7 % 90, jitterMs: seed % 20 },
      ...nodeOptions,
    });
  };
  const nodes = [create(0), create(1)] as const;
  const known = nodes.map((node) => {
    const superRow = node.addPeer(superNode, {
      address: SUPER_ADDRESS,
      fakeTcpAddress: SUPER_ADDRESS,
      role: PeerState.SUPER,
    });
    const row = superNode.addPeer(node);
    node.act((device, nowMs) => device.beginHandshake(superRow, nowMs));
    assert.ok(network.runUntilHolds(() => superNode.paths!.pathsOf(row)!.endpointOf(FAKETCP4) !== undefined, 30_000));
    return superNode.paths!.pathsOf(row)!.endpointOf(FAKETCP4)!;
  });
  const candidatesOf = (index: number): Candidate[] => [
    listening({ ip: PUBLIC_IPS[index], port: 3001 + index }),
    { kind: FAKETCP4, endpoint: known[index], rank: MAPPED },
  ];
  const rows = [nodes[0].addPeer(nodes[1]), nodes[1].addPeer(nodes[0])] as const;
  return { network, nodes, rows, candidates: [candidatesOf(1), candidatesOf(0)] };
}

function listening(address: SimAddress): Candidate {
  return { kind: FAKETCP4, endpoint: endpointOf(address), rank: LISTENING };
}

/** Tells both nodes about each other, at the times when the word of the super node arrives. */
function introduce({ network, nodes, rows, candidates }: Site, lagMs = 0): void {
  for (const [index, node] of nodes.entries()) {
    network.at(network.nowMs + index * lagMs, () => {
      node.paths!.setFakeTcpCandidates(rows[index], candidates[index], network.nowMs);
      node.act(() => {});
    });
  }
}

/** Runs until both nodes have a session with each other; fails if they don't in time, or don't reach each other. */
function demandMeeting({ network, nodes, rows }: Site, durationMs: number): void {
  const haveMet = () => nodes.every(({ device }, index) => device.hasSession(rows[index], network.nowMs));
  assert.ok(network.runUntilHolds(haveMet, durationMs), "they don't meet");
  const send = () => nodes.forEach((node, index) => node.send(rows[index], "hello"));
  const isHeard = () => nodes.every(({ received }) => received.includes("hello"));
  for (let tries = 0; tries < 10 && !isHeard(); tries++) {
    send();
    network.runUntilHolds(isHeard, 1_000);
  }
  assert.ok(isHeard(), "they don't hear each other");
}

/** Connections that are open between the nodes: all but those with the super node. */
function openCounts({ nodes }: Site): number[] {
  return nodes.map(({ stack }) => stack!.openCount - 1);
}

Deno.test("two nodes behind NATs meet by simultaneous open, whatever their distance, and end up with one connection", () => {
  forSeeds(60, (seed) => {
    const site = createSite(seed);
    introduce(site, seed * 13 % 300);
    demandMeeting(site, 7_000);
    site.network.run(20_000);
    assert.deepEqual(openCounts(site), [1, 1]);
    for (const [index, node] of site.nodes.entries()) {
      const paths = node.paths!.pathsOf(site.rows[index])!;
      assert.equal(PATH_KIND_NAMES[paths.current], "faketcp4");
      const [, { endpoint }] = site.candidates[index];
      assert.ok(paths.isAt(FAKETCP4, endpoint), "it is the connection by simultaneous open");
    }
  });
});

Deno.test("two nodes behind NATs meet over links that lose a tenth in each direction", () => {
  forSeeds(60, (seed) => {
    const site = createSite(seed, { link: { latencyMs: 1 + seed * 7 % 90, jitterMs: 20, loss: 0.05 } });
    introduce(site, seed * 13 % 300);
    demandMeeting(site, 60_000);
  });
});

Deno.test("two nodes behind NATs meet even if one learns of the other half a minute late", () => {
  forSeeds(20, (seed) => {
    const site = createSite(seed);
    introduce(site, 30_000);
    demandMeeting(site, 45_000);
  });
});

Deno.test("a node behind a NAT dials one that can be dialled, and doesn't punch", () => {
  forSeeds(20, (seed) => {
    const site = createSite(seed, { secondIsPublic: true });
    introduce(site, seed * 13 % 300);
    demandMeeting(site, 5_000);
    site.network.run(20_000);
    assert.deepEqual(openCounts(site), [1, 1]);
    const [, { endpoint }] = site.candidates[0];
    const [node] = site.nodes;
    assert.equal(node.paths!.pathsOf(site.rows[0])!.isAt(FAKETCP4, endpoint), false);
  });
});

Deno.test("two nodes behind symmetric NATs don't meet, and send few SYNs for it", () => {
  forSeeds(5, (seed) => {
    const site = createSite(seed, { symmetric: true });
    const before = site.nodes.map(({ stack }) => stack!.syns);
    introduce(site);
    site.network.run(600_000);
    assert.deepEqual(openCounts(site), [0, 0]);
    for (const [index, { stack }] of site.nodes.entries()) {
      const syns = stack!.syns - before[index];
      assert.ok(syns > 50 && syns < 300, `${syns} SYNs in ten minutes`);
    }
  });
});

Deno.test("the same word of the super node again and again makes no node dial more", () => {
  const site = createSite(1, { symmetric: true });
  introduce(site);
  site.network.run(60_000);
  const before = site.nodes[0].stack!.dials;
  for (let count = 0; count < 600; count++) {
    site.nodes[0].paths!.setFakeTcpCandidates(site.rows[0], site.candidates[0], site.network.nowMs);
    site.network.run(100);
  }
  assert.ok(site.nodes[0].stack!.dials - before <= 6, `${site.nodes[0].stack!.dials - before} dials`);
});
