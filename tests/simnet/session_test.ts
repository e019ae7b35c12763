import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { KEEPALIVE_LEN } from "../../src/wire/transport_message.ts";
import { SimNode } from "./node.ts";
import {
  ADDRESS_A,
  ADDRESS_B,
  connect,
  countInitiations,
  createPair,
  dropsOf,
  forSeeds,
  type Pair,
  repeat,
} from "./pair.ts";

/** Notes when keepalives enter the Internet from now on, and from whom. */
function watchKeepalives({ network }: Pair): { timeMs: number; from: string }[] {
  const seen: { timeMs: number; from: string }[] = [];
  const before = network.onTransit;
  network.onTransit = (datagram) => {
    before(datagram);
    if (datagram.octets.length === KEEPALIVE_LEN) seen.push({ timeMs: network.nowMs, from: datagram.from.ip });
  };
  return seen;
}

function hasKeys({ tables }: SimNode): boolean {
  return tables.sessionSendKey.some((octet) => octet !== 0) || tables.sessionReceiveKey.some((octet) => octet !== 0);
}

Deno.test("renewing sessions under traffic loses and repeats nothing", () => {
  forSeeds(12, (seed) => {
    const pair = createPair(seed, { link: { latencyMs: 20, jitterMs: 20 } });
    const { network, a, b, aRow, bRow } = pair;
    connect(pair);
    const initiations = countInitiations(network);
    repeat(network, 1_000, 400, (index) => {
      a.send(aRow, `a${index}`);
      b.send(bRow, `b${index}`);
    });
    network.run(401_000);
    assert.equal(new Set(a.received).size, 1_000);
    assert.equal(a.received.length, 1_000);
    assert.equal(b.received.length, 1_001);
    assert.deepEqual(dropsOf(a), {});
    assert.deepEqual(dropsOf(b), {});
    assert.equal(initiations(), 3, "one every 120 s");
  });
});

Deno.test("sessions are renewed in time through 30 % loss and reordering", () => {
  forSeeds(12, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed, { link: { latencyMs: 20, jitterMs: 40, loss: 0.16 } });
    repeat(network, 400, 1_000, (index) => {
      a.send(aRow, `a${index}`);
      b.send(bRow, `b${index}`);
    });
    for (const node of [a, b]) {
      // From a minute on, a frame arrives every few seconds, whatever handshake messages are lost.
      let before = 0;
      for (let second = 10; second <= 390; second += 10) {
        network.at(second * 1_000, () => {
          assert.ok(second < 60 || node.received.length > before, `nothing in the 10 s before ${second} s`);
          before = node.received.length;
        });
      }
    }
    network.run(401_000);
    assert.ok(a.received.length > 220 && b.received.length > 220);
  });
});

Deno.test("only the initiator of a session renews it when both send", () => {
  const pair = createPair(1);
  const { network, a, b, aRow, bRow } = pair;
  connect(pair);
  const initiators: string[] = [];
  network.onTransit = ({ from, octets }) => {
    if (octets[0] === 0 && octets.length > KEEPALIVE_LEN) initiators.push(from.ip);
  };
  repeat(network, 500, 1_000, () => {
    a.send(aRow, "a");
    b.send(bRow, "b");
  });
  network.run(500_000);
  assert.deepEqual([...new Set(initiators)], [ADDRESS_A.ip]);
});

Deno.test("an initiator that only receives renews its session after 165 s, before it is rejected", () => {
  const pair = createPair(1);
  const { network, a, b, bRow } = pair;
  connect(pair);
  const times: number[] = [];
  network.onTransit = ({ octets }) => {
    if (octets[0] === 0 && octets.length > KEEPALIVE_LEN) times.push(network.nowMs);
  };
  // Faster than passive keepalives would be due: A sends nothing of its own but keepalives every 10 s.
  network.firewall = ({ from, octets }) => from.ip === ADDRESS_A.ip && octets.length === KEEPALIVE_LEN;
  repeat(network, 175, 1_000, (index) => b.send(bRow, `b${index}`));
  network.run(175_500);
  assert.ok(times.length >= 1);
  assert.ok(times[0] < 167_000, `first renewal after ${times[0]} ms`);
  assert.equal(a.received.length, 175);
});

Deno.test("a node that has received and not sent for 10 s sends one keepalive", () => {
  const pair = createPair(1);
  const { network, a, aRow } = pair;
  connect(pair);
  network.run(30_000);
  const keepalives = watchKeepalives(pair);
  const sentMs = network.nowMs;
  a.send(aRow, "anybody there?");
  network.run(60_000);
  assert.equal(keepalives.length, 1, "a keepalive isn't answered by a keepalive");
  assert.equal(keepalives[0].from, ADDRESS_B.ip);
  const afterMs = keepalives[0].timeMs - sentMs;
  assert.ok(afterMs >= 10_000 && afterMs < 10_600, `after ${afterMs} ms`);
});

Deno.test("a node that hears nothing for 15 s after it has sent begins a handshake", () => {
  const pair = createPair(1);
  const { network, a, aRow } = pair;
  connect(pair);
  network.run(30_000);
  const initiations = countInitiations(network);
  network.firewall = ({ from }) => from.ip === ADDRESS_B.ip;
  a.send(aRow, "anybody there?");
  network.run(14_900);
  assert.equal(initiations(), 0);
  network.run(1_600);
  assert.equal(initiations(), 1);
});

Deno.test("idle nodes send nothing, and zero all keys after 540 s", () => {
  const pair = createPair(1);
  const { network, a, b } = pair;
  connect(pair);
  network.run(30_000);
  let sent = 0;
  network.onTransit = () => sent++;
  network.run(500_000);
  assert.equal(hasKeys(a) && hasKeys(b), true);
  network.run(20_000);
  assert.equal(hasKeys(a) || hasKeys(b), false);
  assert.equal(sent, 0);
  assert.equal(a.device.pollTimeout(), Infinity, "and nothing is scheduled any more");
});

Deno.test("a session is refused after 180 s, and the next frame makes a new one", () => {
  const pair = createPair(1);
  const { network, a, b, aRow } = pair;
  connect(pair);
  const initiations = countInitiations(network);
  network.run(200_000);
  a.send(aRow, "again");
  network.run(500);
  assert.deepEqual(b.received, ["hello", "again"]);
  assert.equal(initiations(), 1);
});

Deno.test("a persistent keepalive connects without a frame, and keeps the mapping of an address translator open", () => {
  forSeeds(10, (seed) => {
    const { network, a, b, bRow } = createPair(seed, {
      a: { address: { ip: "10.0.0.5", port: 3001 }, behind: "20.0.0.1" },
      aKnows: { persistentKeepaliveMs: 25_000 },
      bWaits: true,
    });
    network.run(1_000);
    assert.equal(b.peer(bRow).state, "established");
    network.run(600_000 + seed * 977);
    b.send(bRow, "still there?");
    network.run(100);
    assert.deepEqual(a.received, ["still there?"]);
  });
});

Deno.test("without a persistent keepalive the translator shuts out the peer", () => {
  const { network, a, b, aRow, bRow } = createPair(1, {
    a: { address: { ip: "10.0.0.5", port: 3001 }, behind: "20.0.0.1" },
    bWaits: true,
  });
  a.send(aRow, "hello");
  network.run(120_000);
  b.send(bRow, "still there?");
  network.run(60_000);
  assert.deepEqual(a.received, []);
});

Deno.test("a persistent keepalive goes on after the peer was away", () => {
  const { network, a, b, aRow } = createPair(2, { aKnows: { persistentKeepaliveMs: 25_000 }, bWaits: true });
  network.firewall = () => true;
  network.run(400_000);
  assert.ok(a.events.some((event) => event.kind === "handshake given up"));
  network.firewall = () => false;
  network.run(60_000);
  assert.equal(a.peer(aRow).state, "established");
  assert.ok(b.tables.lastReceivedMs.some((timeMs) => timeMs > 400_000));
});

const STALE_KEEPALIVES = [[0, 0], [0, 7], [4, 4], [10, 200]] as const;

for (const staleKeepalive of STALE_KEEPALIVES) {
  Deno.test(`a keepalive that begins with the octets ${staleKeepalive} confirms a session and counts as received`, () => {
    const { network, a, b, bRow } = createPair(1, {
      a: { staleKeepalive },
      aKnows: { persistentKeepaliveMs: 25_000 },
      bWaits: true,
    });
    network.run(1_000);
    assert.equal(b.peer(bRow).state, "established", "the initiator's first keepalive was the confirmation");
    network.run(60_000);
    assert.ok(b.peer(bRow).lastReceivedMs > 50_000);
    b.send(bRow, "answer");
    network.run(100);
    assert.deepEqual(a.received, ["answer"]);
    assert.deepEqual(dropsOf(b), {});
  });
}

Deno.test("a node that was restarted is reached again within 16 s of traffic", () => {
  forSeeds(20, (seed) => {
    const pair = createPair(seed);
    connect(pair);
    const { network, a, b, aRow } = pair;
    network.run(30_000);
    b.stop();
    const again = new SimNode(network, 2, { address: ADDRESS_B, privateKey: b.privateKey });
    again.addPeer(a);
    repeat(network, 40, 500, (index) => a.send(aRow, `frame ${index}`));
    network.run(16_500);
    assert.ok(again.received.length > 0);
    assert.ok(again.dropped(Reason.SESSION_UNKNOWN) > 0);
    const before = again.received.length;
    network.run(5_000);
    assert.ok(again.received.length > before);
  });
});

Deno.test("a node that was restarted reaches the other at once", () => {
  forSeeds(20, (seed) => {
    const pair = createPair(seed);
    connect(pair);
    const { network, a, b, aRow, bRow } = pair;
    network.run(30_000);
    b.stop();
    const again = new SimNode(network, 2, { address: ADDRESS_B, privateKey: b.privateKey });
    const row = again.addPeer(a, { address: ADDRESS_A });
    again.send(row, "back again");
    network.run(500);
    assert.deepEqual(a.received, ["back again"]);
    a.send(aRow, "welcome");
    network.run(100);
    assert.deepEqual(again.received, ["welcome"]);
    assert.equal(row, bRow);
  });
});

Deno.test("after a firewall was silent for a minute, traffic goes on within 6 s", () => {
  forSeeds(20, (seed) => {
    const pair = createPair(seed);
    connect(pair);
    const { network, a, b, aRow } = pair;
    repeat(network, 700, 200, (index) => a.send(aRow, `frame ${index}`));
    network.run(20_000);
    network.firewall = () => true;
    network.run(60_000);
    network.firewall = () => false;
    const before = b.received.length;
    network.run(6_000);
    assert.ok(b.received.length > before);
  });
});

Deno.test("a removed peer's sessions end, and its keys are zeroed", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, a, b, aRow, bRow } = pair;
  a.act((device) => device.removePeer(aRow));
  assert.equal(hasKeys(a), false);
  b.send(bRow, "anybody there?");
  network.run(1_000);
  assert.deepEqual(a.received, []);
  assert.equal(a.dropped(Reason.SESSION_UNKNOWN), 1);
  assert.deepEqual(a.device.snapshot(network.nowMs), []);
});

Deno.test("a peer that is removed and added again connects again, in a row of its own and with counters from 0", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, a, b, aRow } = pair;
  a.act((device) => device.removePeer(aRow));
  network.run(20_000);
  const row = a.addPeer(b, { address: ADDRESS_B });
  assert.notEqual(row, aRow, "the row that was free for longer");
  assert.equal(a.peer(row).sentPackets, 0);
  a.send(row, "again");
  network.run(6_000);
  assert.deepEqual(b.received, ["hello", "again"]);
});
