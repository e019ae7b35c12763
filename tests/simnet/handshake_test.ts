import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { SessionState } from "../../src/dataplane/tables.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { ADDRESS_A, ADDRESS_B, connect, countInitiations, createPair, dropsOf, forSeeds, repeat } from "./pair.ts";
import { SimNode } from "./node.ts";

const HOUR_MS = 3_600_000;

Deno.test("nodes connect at the first frame, which arrives", () => {
  forSeeds(20, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed);
    const initiations = countInitiations(network);
    a.send(aRow, "first");
    assert.ok(network.runUntilHolds(() => b.received.length === 1, 500), "within jitter and two round trips");
    b.send(bRow, "answer");
    network.run(100);
    assert.deepEqual(a.received, ["answer"]);
    assert.equal(initiations(), 1);
    assert.deepEqual(dropsOf(a), {});
    assert.deepEqual(dropsOf(b), {});
    assert.equal(a.peer(aRow).state, "established");
    assert.equal(b.peer(bRow).state, "established");
  });
});

Deno.test("nodes connect through 30 % loss, reordering and duplication, and no frame arrives twice", () => {
  forSeeds(100, (seed) => {
    const link = { latencyMs: 30, jitterMs: 60, loss: 0.16, duplication: 0.1 };
    const { network, a, b, aRow, bRow } = createPair(seed, { link });
    repeat(network, 60, 1_000, (index) => {
      a.send(aRow, `a${index}`);
      b.send(bRow, `b${index}`);
    });
    network.run(62_000);
    for (const node of [a, b]) {
      assert.equal(new Set(node.received).size, node.received.length, "a frame arrived twice");
      // 0.84² of the frames survive on average, and what was sent before the session had to wait for it.
      assert.ok(node.received.length >= 25, `only ${node.received.length} of 60 frames arrived`);
    }
  });
});

Deno.test("a simulation with one seed gives one trace", () => {
  const traceOf = (seed: number) => {
    const link = { latencyMs: 30, jitterMs: 60, loss: 0.2, duplication: 0.1 };
    const { network, a, b, aRow, bRow } = createPair(seed, { link, a: { behind: "20.9.9.9" }, bWaits: true });
    repeat(network, 20, 3_000, (index) => {
      a.send(aRow, `a${index}`);
      b.send(bRow, `b${index}`);
    });
    network.run(200_000);
    return network.trace;
  };
  const trace = traceOf(7);
  assert.ok(trace.length > 50);
  assert.deepEqual(traceOf(7), trace);
  assert.notDeepEqual(traceOf(8), trace);
});

Deno.test("nodes that initiate at the same moment both complete, and neither begins again", () => {
  let crossed = 0;
  forSeeds(100, (seed) => {
    // As far apart as they are, initiations cross unless the jitter separates them by more than 300 ms.
    const { network, a, b, aRow, bRow } = createPair(seed, { link: { latencyMs: 150 } });
    const initiations = countInitiations(network);
    a.send(aRow, "from a");
    b.send(bRow, "from b");
    network.run(2_000);
    assert.deepEqual(b.received, ["from a"]);
    assert.deepEqual(a.received, ["from b"]);
    if (initiations() === 2) crossed++;
    repeat(network, 30, 1_000, () => {
      a.send(aRow, "more");
      b.send(bRow, "more");
    });
    network.run(40_000);
    assert.equal(a.received.length, 31);
    assert.equal(b.received.length, 31);
    assert.ok(initiations() <= 2, `${initiations()} initiations`);
    for (const { tables } of [a, b]) {
      assert.ok(!tables.sessionState.includes(SessionState.NEXT), "no lane reports a confirmation for ever");
    }
  });
  assert.ok(crossed > 50, `initiations crossed in ${crossed} of 100 runs only`);
});

Deno.test("nodes that renew a session at the same moment lose nothing of what is under way", () => {
  let crossed = 0;
  forSeeds(40, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed, { link: { latencyMs: 150 } });
    a.send(aRow, "hello");
    network.run(5_000);
    const initiations = countInitiations(network);
    repeat(network, 200, 10, (index) => {
      a.send(aRow, `a${index}`);
      b.send(bRow, `b${index}`);
    });
    a.act((device, nowMs) => device.beginHandshake(aRow, nowMs));
    b.act((device, nowMs) => device.beginHandshake(bRow, nowMs));
    network.run(3_000);
    if (initiations() === 2) crossed++;
    for (const [node, sender] of [[a, "b"], [b, "a"]] as const) {
      const arrived = new Set(node.received);
      const lost = Array.from({ length: 200 }, (_, index) => `${sender}${index}`).filter((text) => !arrived.has(text));
      assert.deepEqual(lost, []);
    }
  });
  assert.ok(crossed > 10, `initiations crossed in ${crossed} of 40 runs only`);
});

Deno.test("a response to our initiation completes it after we have answered the peer's", () => {
  let answeredFirst = 0;
  forSeeds(20, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed, { link: { latencyMs: 150 } });
    // A's answers are lost, so the session that B began can't be the one that they meet in.
    const types: number[] = [];
    network.firewall = ({ from, octets }) => {
      if (from.ip === ADDRESS_A.ip) types.push(octets[0]);
      return from.ip === ADDRESS_A.ip && octets[0] === MessageType.RESPONSE;
    };
    a.send(aRow, "from a");
    b.send(bRow, "from b");
    network.run(2_000);
    assert.deepEqual(b.received, ["from a"]);
    assert.deepEqual(a.received, ["from b"]);
    if (types.indexOf(MessageType.RESPONSE) === 1) answeredFirst++;
  });
  assert.ok(answeredFirst >= 5, `A answered first in ${answeredFirst} of 20 runs only`);
});

for (const [name, skewMs] of [["an hour ahead", HOUR_MS], ["an hour behind", -HOUR_MS]] as const) {
  Deno.test(`nodes connect, and renew, when the clock of one is ${name}`, () => {
    const pair = createPair(1, { a: { clockSkewMs: skewMs } });
    connect(pair);
    const { network, a, b, aRow, bRow } = pair;
    repeat(network, 40, 10_000, (index) => (index % 2 === 0 ? a.send(aRow, "a") : b.send(bRow, "b")));
    network.run(400_000);
    assert.equal(b.received.length, 21);
    assert.equal(a.received.length, 20);
    assert.equal(dropsOf(a).HANDSHAKE_REPLAY ?? 0, 0);
    assert.equal(dropsOf(b).HANDSHAKE_REPLAY ?? 0, 0);
  });
}

Deno.test("an initiation is repeated every 5 s, 20 times, and then given up", () => {
  const { network, a, aRow } = createPair(3);
  network.firewall = () => true;
  const times: number[] = [];
  network.onTransit = () => times.push(network.nowMs);
  for (let index = 0; index < 200; index++) a.send(aRow, `frame ${index}`);
  network.run(130_000);
  assert.equal(times.length, 20);
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  assert.ok(gaps.every((gap) => gap >= 5_000 && gap <= 5_334), `gaps ${gaps}`);
  const sent = Array.from(
    { length: 20 },
    (_, index) => ({ kind: "initiation sent", peerRow: aRow, attempts: index + 1 }),
  );
  assert.deepEqual(a.events, [...sent, { kind: "handshake given up", peerRow: aRow }]);
  assert.equal(a.logged("peer doesn't answer handshakes").length, 1);
  assert.equal(a.dropped(Reason.STAGED_OVERFLOW), 72, "of 200 frames 128 wait");
  assert.equal(a.dropped(Reason.STAGED_EXPIRED), 128);
});

Deno.test("a frame after giving up begins a new handshake", () => {
  const { network, a, b, aRow } = createPair(3);
  network.firewall = () => true;
  a.send(aRow, "lost");
  network.run(120_000);
  network.firewall = () => false;
  network.run(120_000);
  assert.deepEqual(b.received, []);
  a.send(aRow, "found");
  network.run(500);
  assert.deepEqual(b.received, ["found"]);
});

Deno.test("a node without the peer's endpoint waits for it, and drops frames until then", () => {
  const { network, a, b, aRow, bRow } = createPair(4, { bWaits: true });
  b.send(bRow, "too early");
  network.run(10_000);
  assert.equal(b.dropped(Reason.NO_ENDPOINT), 1);
  a.send(aRow, "here I am");
  network.run(500);
  b.send(bRow, "welcome");
  network.run(500);
  assert.deepEqual(a.received, ["welcome"]);
  assert.equal(b.peer(bRow).endpoint, "20.0.0.1:3001");
});

Deno.test("a wrong public key of the peer gives no session, and the peer isn't disturbed", () => {
  const pair = createPair(5);
  const { network, a, b, aRow } = pair;
  // A takes C for B: it has B's address and C's key.
  const c = new SimNode(network, 3, { address: { ip: "20.0.0.3", port: 3003 } });
  const wrongRow = a.addPeer(c, { address: ADDRESS_B });
  a.send(wrongRow, "to whom?");
  network.run(20_000);
  assert.ok(b.dropped(Reason.HANDSHAKE_MAC1) >= 3);
  assert.equal(a.peer(wrongRow).state, "handshake");
  a.send(aRow, "to b");
  network.run(500);
  assert.deepEqual(b.received, ["to b"]);
});

Deno.test("an initiation of a stranger is refused and logged once", () => {
  const { network, b } = createPair(6);
  const stranger = new SimNode(network, 3, { address: { ip: "20.0.0.3", port: 3003 } });
  const row = stranger.addPeer(b, { address: ADDRESS_B });
  stranger.send(row, "let me in");
  network.run(30_000);
  assert.ok(b.dropped(Reason.HANDSHAKE_UNKNOWN_PEER) >= 5);
  assert.equal(b.logged("belongs to no peer").length, 1);
});

const PSK = new Uint8Array(32).fill(7);
const OTHER_PSK = new Uint8Array(32).fill(8);

Deno.test("nodes with the same preshared key connect", () => {
  connect(createPair(1, { aKnows: { presharedKey: PSK }, bKnows: { presharedKey: PSK } }));
});

Deno.test("nodes with different preshared keys don't connect, and the responder's log says what may be wrong", () => {
  const { network, a, b, aRow } = createPair(1, { aKnows: { presharedKey: PSK }, bKnows: { presharedKey: OTHER_PSK } });
  a.send(aRow, "hello");
  network.run(60_000);
  assert.deepEqual(b.received, []);
  assert.ok(a.dropped(Reason.HANDSHAKE_DECRYPT) >= 10);
  assert.equal(a.dropped(Reason.HANDSHAKE_PRESHARED_KEY), 0);
  assert.equal(b.logged("never uses the session").length, 1);
});

Deno.test("a response made without our preshared key is refused, and the log names IgnorePSKey once a minute", () => {
  const { network, a, b, aRow } = createPair(1, { aKnows: { presharedKey: PSK } });
  a.send(aRow, "hello");
  network.run(70_000);
  assert.deepEqual(b.received, []);
  assert.ok(a.dropped(Reason.HANDSHAKE_PRESHARED_KEY) >= 10);
  const lines = a.logged("without the preshared key");
  assert.equal(lines.length, 2);
  assert.match(String(lines[0].fields.remedy), /IgnorePSKey: true/);
});

Deno.test("IgnorePSKey on the peer, or for all, makes a written preshared key count for nothing", () => {
  connect(createPair(1, { aKnows: { presharedKey: PSK, ignorePresharedKey: true } }));
  connect(createPair(2, { a: { ignorePresharedKey: true }, aKnows: { presharedKey: PSK } }));
  connect(createPair(3, { bKnows: { presharedKey: PSK, ignorePresharedKey: true } }));
});

Deno.test("a control message waits for the session that it causes", () => {
  const { network, a, b, aRow } = createPair(9);
  const body = new TextEncoder().encode("control");
  a.act((device, nowMs) => {
    assert.equal(device.sendMessage(aRow, { type: 7, ttl: 0, destination: 65534, source: 1, body }, nowMs), true);
  });
  network.run(500);
  assert.deepEqual(b.received, ["control"]);
});
