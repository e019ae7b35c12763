import { strict as assert } from "node:assert";
import { PathKind } from "../../src/base/path_kind.ts";
import { Reason } from "../../src/base/reason.ts";
import { endpointOf } from "./network.ts";
import { connect, createPair, forSeeds, repeat } from "./pair.ts";
import { SimNode } from "./node.ts";

Deno.test("a node that gets another address and port is followed at its next frame", () => {
  forSeeds(20, (seed) => {
    const pair = createPair(seed);
    connect(pair);
    const { network, a, b, aRow, bRow } = pair;
    a.attachment.moveTo({ ip: "20.0.7.7", port: 5_000 + seed });
    b.send(bRow, "lost");
    network.run(100);
    a.send(aRow, "moved");
    network.run(100);
    b.send(bRow, "found");
    network.run(100);
    assert.deepEqual(a.received, ["found"]);
    assert.equal(b.peer(bRow).endpoint, `20.0.7.7:${5_000 + seed}`);
    assert.ok(b.events.some((event) => event.kind === "endpoint changed" && event.peerRow === bRow));
  });
});

Deno.test("a node whose translator forgets its mapping is followed to the new port", () => {
  forSeeds(20, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed, {
      a: { address: { ip: "10.0.0.5", port: 3001 }, behind: "20.0.0.1" },
      bWaits: true,
    });
    a.send(aRow, "hello");
    network.run(1_000);
    const before = b.peer(bRow).endpoint;
    a.attachment.translator?.rebind();
    a.send(aRow, "hello again");
    network.run(100);
    assert.notEqual(b.peer(bRow).endpoint, before);
    b.send(bRow, "found");
    network.run(100);
    assert.deepEqual(a.received, ["found"]);
  });
});

Deno.test("a translator that forgets under traffic interrupts one direction until the other sends", () => {
  forSeeds(10, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed, {
      a: { address: { ip: "10.0.0.5", port: 3001 }, behind: "20.0.0.1" },
      bWaits: true,
    });
    a.send(aRow, "hello");
    network.run(1_000);
    repeat(network, 300, 100, (index) => {
      a.send(aRow, `a${index}`);
      b.send(bRow, `b${index}`);
    });
    for (const atMs of [5_000, 12_345, 20_000]) {
      network.at(network.nowMs + atMs, () => a.attachment.translator?.rebind());
    }
    network.run(31_000);
    assert.equal(b.received.length, 301, "nothing from inside is lost");
    assert.ok(a.received.length >= 290, `${a.received.length} of 300 arrived from outside`);
  });
});

Deno.test("a private source isn't followed without AllowPrivateIP, but what it sends is taken", () => {
  const pair = createPair(1, { b: { allowPrivateIp: false } });
  connect(pair);
  const { network, a, b, aRow, bRow } = pair;
  a.attachment.moveTo({ ip: "192.168.1.5", port: 3001 });
  a.send(aRow, "from inside");
  network.run(100);
  assert.deepEqual(b.received, ["hello", "from inside"]);
  assert.equal(b.peer(bRow).endpoint, "20.0.0.1:3001");
  assert.ok(b.dropped(Reason.PRIVATE_SOURCE) >= 1);
  assert.equal(b.logged("private address not learnt").length, 1);
});

Deno.test("a first handshake from a private source isn't answered without AllowPrivateIP, and the log names the key", () => {
  const { network, a, b, aRow } = createPair(1, {
    a: { address: { ip: "10.1.2.3", port: 3001 } },
    b: { allowPrivateIp: false },
    bWaits: true,
  });
  a.send(aRow, "hello");
  network.run(20_000);
  assert.deepEqual(b.received, []);
  assert.equal(a.peer(aRow).state, "handshake");
  assert.match(String(b.logged("private address not learnt")[0].fields.remedy), /AllowPrivateIP: true/);
});

Deno.test("an endpoint that the user wrote is used and followed though it is private", () => {
  const a = { ip: "10.1.2.3", port: 3001 };
  const b = { ip: "10.1.2.4", port: 3002 };
  const pair = createPair(1, {
    a: { address: a, allowPrivateIp: false },
    b: { address: b, allowPrivateIp: false },
    aKnows: { endpoint: endpointOf(b), endpointIsConfigured: true },
    bKnows: { endpoint: endpointOf(a), endpointIsConfigured: true },
  });
  connect(pair);
  pair.a.attachment.moveTo({ ip: "10.1.2.3", port: 4001 });
  pair.a.send(pair.aRow, "another port");
  pair.network.run(100);
  assert.equal(pair.b.peer(pair.bRow).endpoint, "10.1.2.3:4001");
});

Deno.test("a private source is followed where the user wrote its address for another peer", () => {
  const pair = createPair(1, { b: { allowPrivateIp: false } });
  connect(pair);
  const { network, a, b, aRow, bRow } = pair;
  const c = new SimNode(network, 3, { address: { ip: "10.5.5.5", port: 3003 } });
  b.addPeer(c, { address: { ip: "10.5.5.5", port: 3003 } });
  a.attachment.moveTo({ ip: "10.5.5.5", port: 7_777 });
  a.send(aRow, "same host");
  network.run(100);
  assert.equal(b.peer(bRow).endpoint, "10.5.5.5:7777");
});

Deno.test("an endpoint that others name is refused if it is private, one that the user names is not", () => {
  const { a, aRow } = createPair(1, { a: { allowPrivateIp: false } });
  a.act((device) => {
    const inside = endpointOf({ ip: "10.0.0.9", port: 1 });
    assert.equal(device.setEndpoint(aRow, PathKind.UDP4, inside, false), false);
    assert.equal(device.setEndpoint(aRow, PathKind.UDP4, inside, true), true);
    assert.equal(device.setEndpoint(aRow, PathKind.UDP4, inside, false), true);
    assert.equal(device.setEndpoint(17, PathKind.UDP4, inside, true), false, "there is no such peer");
  });
});

Deno.test("a peer is alive while it is heard, and dead before and after", () => {
  const pair = createPair(1);
  const { network, a, aRow } = pair;
  assert.ok(!a.device.isAlive(aRow, network.nowMs));
  connect(pair);
  network.run(15_000);
  assert.ok(a.device.isAlive(aRow, network.nowMs), "B has sent a passive keepalive");
  network.run(120_000);
  assert.ok(!a.device.isAlive(aRow, network.nowMs));
});

Deno.test("a peer that is set to another endpoint is sent to there", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, a, b, aRow } = pair;
  b.attachment.moveTo({ ip: "20.0.0.9", port: 3009 });
  a.act((device) => device.setEndpoint(aRow, PathKind.UDP4, endpointOf({ ip: "20.0.0.9", port: 3009 }), true));
  a.send(aRow, "there");
  network.run(100);
  assert.deepEqual(b.received, ["hello", "there"]);
});

Deno.test("two hosts with one private key are told from a node that moves", () => {
  forSeeds(10, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed);
    connect({ network, a, b, aRow, bRow });
    const twin = new SimNode(network, a.nodeId, { address: { ip: "20.0.7.7", port: 3001 }, privateKey: a.privateKey });
    const twinRow = twin.addPeer(b, { address: b.attachment.address });
    a.attachment.moveTo({ ip: "20.0.8.8", port: 3001 });
    repeat(network, 20, 100, () => a.send(aRow, "I have moved"));
    network.run(20_000);
    assert.deepEqual(b.logged("two hosts"), []);
    repeat(network, 60, 1_000, () => {
      a.send(aRow, "it is me");
      twin.send(twinRow, "no, me");
    });
    network.run(60_000);
    const lines = b.logged("two hosts");
    assert.ok(lines.length === 1 || lines.length === 2, `${lines.length} lines`);
    assert.equal(lines[0].fields?.peer, "1");
    assert.ok(b.peer(bRow).endpoint !== undefined);
  });
});
