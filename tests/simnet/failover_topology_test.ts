import { strict as assert } from "node:assert";
import { MessageType } from "../../src/wire/message_type.ts";
import {
  assertSurvived,
  blockUdp,
  createFailoverPair,
  DARK_MAX_MS,
  FAST_NODE,
  isUdp,
  load,
  outcomeOf,
  switchesOf,
  unblock,
  WARM_UP_MS,
} from "./failover.ts";
import { type SimAddress, SimNetwork } from "./network.ts";
import { SimNode } from "./node.ts";
import { ADDRESS_A, ADDRESS_B, countSent, forSeeds, repeat } from "./pair.ts";

Deno.test("UDP that is dead from the start is no obstacle: the handshake goes by FakeTCP", () => {
  forSeeds(20, (seed) => {
    const pair = createFailoverPair(seed);
    const { network, a, b, aRow, bRow } = pair;
    blockUdp(pair);
    const [from, to, row] = seed % 2 === 0 ? [a, b, aRow] : [b, a, bRow];
    from.send(row, "hello");
    const roundTripMs = 5 * (1 + seed * 7 % 50);
    // Jitter of the handshake, patience of the dial, then SYN, initiation and frame.
    assert.ok(network.runUntilHolds(() => to.received.includes("hello"), 333 + 300 + 3 * roundTripMs), "not in time");
    network.run(20_000);
    const loaded = load(pair, 5_000);
    network.run(8_000);
    for (const flow of loaded.flows) {
      assert.deepEqual(outcomeOf(flow, network.nowMs), { lost: 0, doubled: 0, darkMs: 0 });
    }
    unblock(pair);
    const back = load(pair, 12_000);
    network.run(14_000);
    for (const flow of back.flows) {
      assert.deepEqual(outcomeOf(flow, network.nowMs), { lost: 0, doubled: 0, darkMs: 0 });
      assert.equal(switchesOf(flow.from).at(-1)?.to, "udp4");
    }
  });
});

Deno.test("a node that restarts is found again on every path, also while UDP is blocked", () => {
  forSeeds(20, (seed) => {
    const pair = load(createFailoverPair(seed), WARM_UP_MS + 5_000);
    const { network, a, b, aRow, flows } = pair;
    network.run(WARM_UP_MS);
    const blocksUdp = seed % 2 === 0;
    if (blocksUdp) blockUdp(pair);
    network.run(2_000);
    const stoppedMs = network.nowMs;
    b.stop();
    network.run(1_000);
    const again = new SimNode(network, 2, { ...FAST_NODE, address: ADDRESS_B, privateKey: b.privateKey });
    const row = again.addPeer(a, { address: ADDRESS_A, fakeTcpAddress: ADDRESS_A });
    const startedMs = network.nowMs;
    again.send(row, "back");
    assert.ok(network.runUntilHolds(() => a.received.includes("back"), 3_000), "its first frame is lost");
    const anew = load({ network, a, b: again, aRow, bRow: row }, 10_000);
    network.run(12_000);
    assert.ok(network.nowMs > stoppedMs && startedMs > stoppedMs);
    for (const flow of anew.flows) {
      // Whatever each still believes of old connections costs a second at most.
      assert.equal(outcomeOf(flow, network.nowMs, startedMs + 5_000).lost, 0, `node ${flow.from.nodeId}`);
    }
    assert.ok(flows[0].sentMs.length > 0);
  });
});

const INSIDE_A: SimAddress = { ip: "10.0.0.5", port: 3001 };
const INSIDE_B: SimAddress = { ip: "10.1.0.5", port: 3002 };

const TRANSLATED: [name: string, isABehind: boolean, isBBehind: boolean][] = [
  ["the lower NodeId", true, false],
  ["the higher NodeId", false, true],
  ["both, one of them with an open port,", true, true],
];
for (const [name, isABehind, isBBehind] of TRANSLATED) {
  Deno.test(`FakeTCP takes over where ${name} sits behind an address translator`, () => {
    forSeeds(12, (seed) => {
      const created = createFailoverPair(seed, {
        a: isABehind ? { address: INSIDE_A, behind: ADDRESS_A.ip } : {},
        b: isBBehind ? { address: INSIDE_B, behind: ADDRESS_B.ip } : {},
        // Nobody can be dialled, nor reached by UDP, who hasn't a public port.
        aKnows: isBBehind && !isABehind ? { address: undefined } : { fakeTcpAddress: ADDRESS_B },
        bKnows: isABehind ? { address: undefined } : { fakeTcpAddress: ADDRESS_A },
      });
      const { network, a, b, aRow, bRow } = created;
      if (isBBehind && isABehind) b.attachment.translator?.forward(INSIDE_B);
      const [from, row] = isABehind ? [a, aRow] : [b, bRow];
      from.send(row, "first");
      network.run(10_000);
      const pair = load(created, 20_000);
      network.run(2_000);
      const cutMs = network.nowMs;
      blockUdp(pair);
      network.run(10_000);
      for (const flow of pair.flows) {
        assertSurvived(flow, network.nowMs, cutMs, DARK_MAX_MS);
        assert.deepEqual(switchesOf(flow.from, cutMs).map(({ to }) => to), ["faketcp4"]);
      }
    });
  });
}

Deno.test("a reference node gets one hello a session, no probe and no SYN", () => {
  forSeeds(20, (seed) => {
    const isLower = seed % 2 === 0;
    const network = new SimNetwork(seed);
    const ours = new SimNode(network, isLower ? 1 : 9, { ...FAST_NODE, address: ADDRESS_A });
    const theirs = new SimNode(network, 5, { ...FAST_NODE, paths: undefined, address: ADDRESS_B });
    const ourRow = ours.addPeer(theirs, { address: ADDRESS_B });
    const theirRow = theirs.addPeer(ours, { address: ADDRESS_A });
    const hellos = countSent(network, MessageType.PATH);
    repeat(network, 400, 1_000, (index) => {
      ours.send(ourRow, `ours ${index}`);
      theirs.send(theirRow, `theirs ${index}`);
    });
    network.run(401_000);
    const sessions = ours.events.filter(({ kind }) => kind === "session established").length;
    assert.ok(sessions >= 3);
    assert.equal(hellos(), sessions);
    assert.equal(ours.stack?.dials, 0);
    assert.equal(new Set(theirs.received).size, 400);
    assert.equal(new Set(ours.received).size, 400);
    assert.deepEqual(switchesOf(ours), []);
  });
});

Deno.test("a node without FakeTCP is dialled by nobody, and found again when UDP works again", () => {
  forSeeds(12, (seed) => {
    const withoutFakeTcp = { paths: { fakeTcp: false } };
    const created = createFailoverPair(seed, { b: withoutFakeTcp, aKnows: {}, bKnows: {} });
    const pair = load(created, 16_000);
    const { network, a, flows } = pair;
    network.run(WARM_UP_MS);
    blockUdp(pair);
    network.run(5_000);
    unblock(pair);
    const restoredMs = network.nowMs;
    network.run(9_000);
    assert.equal(a.stack?.dials, 0);
    for (const flow of flows) assert.equal(outcomeOf(flow, network.nowMs, restoredMs + 100).lost, 0);
  });
});

Deno.test("a node with 200 peers connects to all of them by FakeTCP, one dial after the other", () => {
  const network = new SimNetwork(1);
  network.traces = false;
  const hub = new SimNode(network, 0, { ...FAST_NODE, address: { ip: "20.0.0.1", port: 3001 }, peerCapacity: 256 });
  const dialTimes: number[] = [];
  network.onTransit = ({ segment, from }) => {
    if (segment === "syn" && from.ip === "20.0.0.1") dialTimes.push(network.nowMs);
  };
  const spokes = Array.from({ length: 200 }, (_, index) => {
    const address = { ip: `20.0.1.${index}`, port: 3001 };
    const spoke = new SimNode(network, index + 1, { ...FAST_NODE, address, peerCapacity: 32 });
    spoke.addPeer(hub, { address: { ip: "20.0.0.1", port: 3001 } });
    return { spoke, row: hub.addPeer(spoke, { address }) };
  });
  for (const { row } of spokes) hub.send(row, "hello");
  network.run(20_000);
  assert.deepEqual(new Set(spokes.map(({ spoke }) => spoke.stack?.openCount)), new Set([1]));
  assert.equal(hub.stack?.openCount, 200);
  // Those whose turn comes late don't wait for it. Neither side may then end with two connections, nor with none.
  const ofSpokes = spokes.reduce((sum, { spoke }) => sum + (spoke.stack?.dials ?? 0), 0);
  assert.ok(dialTimes.length + ofSpokes <= 220, `${dialTimes.length} and ${ofSpokes} dials`);
  const gaps = dialTimes.slice(1).map((timeMs, index) => timeMs - dialTimes[index]);
  assert.ok(gaps.every((gap) => gap >= 19.9), `${Math.min(...gaps)} ms between two dials`);
  // All at once lose UDP, and every one of them survives it.
  network.firewall = (datagram) => isUdp(datagram);
  const cutMs = network.nowMs;
  repeat(network, 60, 50, (index) => {
    for (const { row } of spokes) hub.send(row, `frame ${index}`);
  });
  network.run(4_000);
  for (const { spoke } of spokes) {
    const arrived = new Set(spoke.received);
    const firstMs = spoke.receivedMs[spoke.received.findIndex((text) => text.startsWith("frame"))] - cutMs;
    assert.ok(firstMs <= DARK_MAX_MS, `node ${spoke.nodeId} was dark for ${firstMs} ms`);
    assert.ok(arrived.size >= 40, `node ${spoke.nodeId} got ${arrived.size}`);
  }
});

Deno.test("two nodes that dial each other at once end with one connection, and keep it", () => {
  forSeeds(20, (seed) => {
    const created = createFailoverPair(seed);
    const { network, a, b, aRow, bRow } = created;
    blockUdp(created);
    a.send(aRow, "from a");
    b.send(bRow, "from b");
    network.run(8_000);
    const dials = [a, b].map(({ stack }) => stack?.dials ?? 0);
    assert.ok(dials[0] + dials[1] >= 1);
    assert.deepEqual([a.received, b.received], [["from b"], ["from a"]]);
    const pair = load(created, 20_000);
    network.run(23_000);
    for (const flow of pair.flows) assert.deepEqual(outcomeOf(flow, network.nowMs), { lost: 0, doubled: 0, darkMs: 0 });
    assert.deepEqual([a, b].map(({ stack }) => stack?.dials ?? 0), dials);
    assert.deepEqual([a, b].map(({ stack }) => stack?.openCount), [1, 1]);
  });
});

Deno.test("forged RST and FIN segments cost probes, and no connection", () => {
  forSeeds(12, (seed) => {
    const pair = load(createFailoverPair(seed), 20_000);
    const { network, a, b, flows } = pair;
    const segments = new Set<string>();
    network.onTransit = ({ segment, from, to }) => {
      if (segment === "data") segments.add(JSON.stringify({ from, to }));
    };
    network.run(WARM_UP_MS);
    blockUdp(pair);
    network.run(3_000);
    const forgedMs = network.nowMs;
    repeat(network, 100, 100, (index) => {
      for (const text of segments) {
        network.inject({ ...JSON.parse(text), octets: new Uint8Array(0), segment: index % 2 === 0 ? "rst" : "fin" });
      }
    });
    network.run(12_000);
    for (const flow of flows) assert.equal(outcomeOf(flow, network.nowMs, forgedMs).lost, 0);
    for (const node of [a, b]) {
      assert.deepEqual(node.log.filter(({ atMs, event }) => atMs > forgedMs && event === "path down"), []);
    }
  });
});

Deno.test("a FakeTCP connection that a translator forgets is dialled anew within seconds while UDP is blocked", () => {
  forSeeds(20, (seed) => {
    const created = createFailoverPair(seed, {
      a: { address: INSIDE_A, behind: ADDRESS_A.ip },
      bKnows: { address: undefined },
    });
    const { network, a, aRow } = created;
    a.send(aRow, "first");
    network.run(5_000);
    const pair = load(created, 20_000);
    blockUdp(pair);
    network.run(5_000);
    const forgottenMs = network.nowMs;
    a.attachment.translator?.rebind();
    network.run(16_000);
    for (const flow of pair.flows) {
      const { darkMs } = outcomeOf(flow, network.nowMs, forgottenMs - 500);
      assert.ok(darkMs <= 5_000, `node ${flow.from.nodeId} was dark for ${darkMs} ms`);
    }
  });
});
