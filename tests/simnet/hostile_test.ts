import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { EVENT_SLOTS, EventKind, putPlainEvent } from "../../src/dataplane/events.ts";
import { createIdentity, createInitiation, createRemoteStatic } from "../../src/noise/handshake.ts";
import { CookieJar } from "../../src/noise/cookie.ts";
import { noblePrimitives } from "../../src/noise/primitives.ts";
import { nextTimestamp } from "../../src/noise/tai64n.ts";
import { HANDSHAKE_MAC_LEN, INITIATION_LEN, RESPONSE_LEN } from "../../src/wire/handshake_message.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { KEEPALIVE_LEN } from "../../src/wire/transport_message.ts";
import { endpointOf, type SimDatagram, type SimNetwork } from "./network.ts";
import { EPOCH_MS, randomKey, SimNode } from "./node.ts";
import { ADDRESS_A, ADDRESS_B, connect, countSent, createPair, dropsOf, forSeeds, repeat } from "./pair.ts";

const ATTACKER = { ip: "66.6.6.6", port: 666 };

/** Collects what enters the Internet, once each. */
function eavesdrop(network: SimNetwork): SimDatagram[] {
  const heard: SimDatagram[] = [];
  network.onTransit = (datagram) => heard.push(datagram);
  return heard;
}

/** Initiations to B that bear a good MAC1, and nothing else that is good. */
function forgeInitiations(network: SimNetwork, b: SimNode, count: number): Uint8Array[] {
  const jar = new CookieJar(noblePrimitives, b.device.publicKey);
  return Array.from({ length: count }, () => {
    const message = new Uint8Array(INITIATION_LEN);
    network.random.fill(message);
    message[0] = MessageType.INITIATION;
    jar.stamp(message, network.nowMs);
    return message;
  });
}

Deno.test("replayed datagrams change nothing: no session, no endpoint, no frame", () => {
  forSeeds(20, (seed) => {
    const pair = createPair(seed);
    const { network, a, b, aRow, bRow } = pair;
    const heard = eavesdrop(network);
    connect(pair);
    for (let index = 0; index < 20; index++) a.send(aRow, `frame ${index}`);
    network.run(500);
    const copies = heard.splice(0);
    network.onTransit = () => {};
    const received = [...b.received];
    for (const { to, octets } of copies) network.inject({ from: ATTACKER, to, octets });
    network.run(500);
    assert.deepEqual(b.received, received);
    assert.equal(b.peer(bRow).endpoint, "20.0.0.1:3001");
    assert.equal(a.peer(aRow).endpoint, "20.0.0.2:3002");
    assert.equal(b.dropped(Reason.HANDSHAKE_REPLAY), 1);
    assert.equal(a.dropped(Reason.HANDSHAKE_UNEXPECTED), 1, "the response");
    assert.ok(b.dropped(Reason.REPLAY) >= 20);
    a.send(aRow, "still here");
    network.run(100);
    assert.equal(b.received.at(-1), "still here");
  });
});

Deno.test("an initiation that was held back and arrives after a later one is a replay", () => {
  const { network, a, b, aRow } = createPair(1);
  let held: SimDatagram | undefined;
  network.firewall = (datagram) => {
    if (held !== undefined || datagram.octets[0] !== MessageType.INITIATION) return false;
    held = datagram;
    return true;
  };
  a.send(aRow, "hello");
  network.run(10_000);
  assert.deepEqual(b.received, ["hello"]);
  if (held !== undefined) network.inject(held);
  network.run(100);
  assert.equal(b.dropped(Reason.HANDSHAKE_REPLAY), 1);
});

Deno.test("of two initiations within 20 ms the second is dropped", () => {
  const { network, a, b } = createPair(1);
  const identity = createIdentity(noblePrimitives, a.privateKey);
  const remote = createRemoteStatic(noblePrimitives, identity, b.device.publicKey);
  if (remote === undefined) throw new Error("B has no proper key");
  const jar = new CookieJar(noblePrimitives, b.device.publicKey);
  for (const index of [0, 1]) {
    const { message } = createInitiation(noblePrimitives, identity, remote, {
      ephemeralPrivateKey: randomKey(network.random),
      senderIndex: 100 + index,
      timestamp: nextTimestamp(undefined, EPOCH_MS + index * 1_000),
    });
    jar.stamp(message, network.nowMs);
    network.inject({ from: ADDRESS_A, to: ADDRESS_B, octets: message });
  }
  const responses = countSent(network, MessageType.RESPONSE);
  network.run(1_000);
  assert.equal(b.dropped(Reason.HANDSHAKE_FLOOD), 1);
  assert.equal(responses(), 1);
});

/** Message type, and its length without MAC2, which isn't looked at without load. */
const AUTHENTICATED_OCTETS = [
  ["initiation", MessageType.INITIATION, INITIATION_LEN - HANDSHAKE_MAC_LEN],
  ["response", MessageType.RESPONSE, RESPONSE_LEN - HANDSHAKE_MAC_LEN],
] as const;

for (const [name, type, length] of AUTHENTICATED_OCTETS) {
  Deno.test(`any octet of ${name === "response" ? "a" : "an"} ${name} that was changed makes it count for nothing`, () => {
    const { network, a, b, aRow, bRow } = createPair(1);
    let changedAt = 0;
    network.onTransit = ({ octets }) => {
      if (octets[0] === type && octets.length > KEEPALIVE_LEN) octets[changedAt] ^= 0x40;
    };
    for (; changedAt < length; changedAt++) {
      a.send(aRow, "hello");
      network.run(5_500);
      assert.deepEqual(b.received, [], `octet ${changedAt}`);
      assert.notEqual(b.peer(bRow).state, "established");
    }
    network.onTransit = () => {};
    a.send(aRow, "at last");
    network.run(6_000);
    assert.ok(b.received.includes("at last"));
  });
}

Deno.test("random changes to datagrams are never delivered, and don't keep nodes from connecting", () => {
  forSeeds(20, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed);
    network.onTransit = ({ octets }) => {
      if (network.random.uint32() % 4 !== 0) return;
      octets[network.random.uint32() % octets.length] ^= 1 << (network.random.uint32() % 8);
    };
    repeat(network, 100, 500, (index) => {
      a.send(aRow, `frame ${index}`);
      b.send(bRow, `frame ${index}`);
    });
    network.run(60_000);
    for (const node of [a, b]) {
      assert.ok(node.received.every((text) => /^frame \d+$/.test(text)));
      assert.ok(node.received.length >= 40, `${node.received.length} of 100`);
    }
  });
});

Deno.test("datagrams of every length and first octet are dropped, each under a reason", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, a, b, aRow } = pair;
  const before = Object.values(dropsOf(b)).reduce((sum, count) => sum + count, 0);
  let sent = 0;
  for (let type = 0; type < 12; type++) {
    for (const length of [1, 4, 29, 30, 31, 32, 61, 89, 90, 144, 145, 146, 1400]) {
      const octets = new Uint8Array(length);
      network.random.fill(octets);
      octets[0] = type;
      network.inject({ from: ATTACKER, to: ADDRESS_B, octets });
      sent++;
    }
  }
  network.run(1_000);
  const after = Object.values(dropsOf(b)).reduce((sum, count) => sum + count, 0);
  assert.equal(after - before, sent);
  a.send(aRow, "still here");
  network.run(100);
  assert.equal(b.received.at(-1), "still here");
});

Deno.test("the standby datagram of reference nodes is dropped in silence", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, b } = pair;
  const linesBefore = b.log.length;
  network.inject({ from: ADDRESS_A, to: ADDRESS_B, octets: new Uint8Array(32) });
  network.run(100);
  assert.deepEqual(dropsOf(b), { STANDBY_PROBE: 1 });
  assert.equal(b.log.length, linesBefore);
});

Deno.test("a flood of forged initiations doesn't disturb a session, and a peer can still connect", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, a, b, aRow } = pair;
  const c = new SimNode(network, 3, { address: { ip: "20.0.0.3", port: 3003 } });
  const cRow = c.addPeer(b, { address: ADDRESS_B });
  b.addPeer(c);
  const forged = forgeInitiations(network, b, 200);
  repeat(network, forged.length, 50, (index) => {
    network.inject({ from: { ip: "66.6.6.6", port: 1_000 + index }, to: ADDRESS_B, octets: forged[index] });
  });
  repeat(network, 100, 100, (index) => a.send(aRow, `frame ${index}`));
  c.send(cRow, "from c");
  network.run(11_000);
  assert.equal(b.dropped(Reason.HANDSHAKE_DECRYPT), forged.length);
  assert.ok(b.received.includes("from c"));
  assert.equal(b.received.filter((text) => text.startsWith("frame")).length, 100);
});

Deno.test("under load a forged initiation costs no Diffie-Hellman and gets a cookie reply, which it can't read", () => {
  const { network, b } = createPair(1);
  b.extraBacklog = 200;
  const replies = countSent(network, MessageType.COOKIE_REPLY);
  const forged = forgeInitiations(network, b, 50);
  for (const octets of forged) network.inject({ from: ATTACKER, to: ADDRESS_B, octets });
  network.run(100);
  assert.equal(b.dropped(Reason.HANDSHAKE_OVERLOAD), forged.length);
  assert.equal(b.dropped(Reason.HANDSHAKE_DECRYPT), 0);
  assert.equal(replies(), forged.length);
  assert.equal(b.logged("under load").length, 1);
});

Deno.test("a flood of other reports than handshakes asks nobody for a cookie", () => {
  const { network, a, b, aRow } = createPair(1);
  const replies = countSent(network, MessageType.COOKIE_REPLY);
  for (let count = 0; count < EVENT_SLOTS / 2; count++) {
    putPlainEvent(b.lane.events, EventKind.SEND_FAILED, 0, -1, network.nowMs, 0, 0);
  }
  a.send(aRow, "at once");
  network.run(500);
  assert.deepEqual(b.received, ["at once"]);
  assert.equal(replies(), 0);
});

Deno.test("under load a peer connects with the cookie that it is given", () => {
  forSeeds(20, (seed) => {
    const { network, a, b, aRow, bRow } = createPair(seed);
    b.extraBacklog = 200;
    // Arrivals keep B under load: it takes note of its backlog whenever something comes in.
    const forged = forgeInitiations(network, b, 100);
    repeat(network, forged.length, 100, (index) => {
      network.inject({ from: ATTACKER, to: ADDRESS_B, octets: forged[index] });
    });
    a.send(aRow, "with a cookie");
    network.run(8_000);
    assert.deepEqual(b.received, ["with a cookie"]);
    assert.equal(b.peer(bRow).state, "established");
    assert.equal(b.dropped(Reason.HANDSHAKE_DECRYPT), 0);
  });
});

Deno.test("under load an address with a cookie is held to its rate", () => {
  const { network, b } = createPair(1);
  b.extraBacklog = 200;
  const jar = new CookieJar(noblePrimitives, b.device.publicKey);
  const attachment = network.attach({
    receive: (octets, _source, nowMs) => assert.equal(jar.consumeReply(octets, nowMs), Reason.NONE),
    wake() {},
  }, ATTACKER);
  const flood = () => {
    const message = new Uint8Array(INITIATION_LEN);
    jar.stamp(message, network.nowMs);
    attachment.send(message, endpointOf(ADDRESS_B));
  };
  flood();
  network.run(100);
  assert.equal(b.dropped(Reason.HANDSHAKE_OVERLOAD), 1);
  repeat(network, 1_000, 10, flood);
  network.run(11_000);
  const passed = b.dropped(Reason.HANDSHAKE_DECRYPT);
  assert.ok(passed >= 195 && passed <= 210, `${passed} passed in 10 s`);
  assert.equal(b.dropped(Reason.HANDSHAKE_RATE), 1_000 - passed);
});

Deno.test("a cookie of a reference node, with the misplaced index, is accepted", () => {
  const { network, a, b, aRow } = createPair(1);
  b.extraBacklog = 200;
  let misplaced: Uint8Array | undefined;
  network.onTransit = ({ from, octets }) => {
    if (from.ip === ADDRESS_A.ip && octets[0] === MessageType.INITIATION) misplaced = octets.slice(4, 8);
    if (octets[0] === MessageType.COOKIE_REPLY && misplaced !== undefined) octets.set(misplaced, 1);
  };
  repeat(network, 80, 100, () => network.inject({ from: ATTACKER, to: ADDRESS_B, octets: new Uint8Array(145) }));
  a.send(aRow, "with a cookie");
  network.run(8_000);
  assert.deepEqual(b.received, ["with a cookie"]);
});

Deno.test("a cookie reply that nobody asked for, or that doesn't authenticate, is dropped", () => {
  const pair = createPair(1);
  const { network, a, aRow } = pair;
  const octets = new Uint8Array(61);
  network.random.fill(octets);
  octets[0] = MessageType.COOKIE_REPLY;
  network.inject({ from: ATTACKER, to: ADDRESS_A, octets });
  network.run(100);
  assert.equal(a.dropped(Reason.HANDSHAKE_UNEXPECTED), 1);

  let index: Uint8Array | undefined;
  network.onTransit = (datagram) => {
    if (datagram.octets.length === INITIATION_LEN) index = datagram.octets.slice(1, 5);
  };
  network.firewall = ({ to }) => to.ip === ADDRESS_B.ip;
  a.send(aRow, "hello");
  network.run(1_000);
  if (index === undefined) throw new Error("A has sent no initiation");
  octets.set(index, 1);
  network.inject({ from: ADDRESS_B, to: ADDRESS_A, octets });
  network.run(100);
  assert.equal(a.dropped(Reason.COOKIE_DECRYPT), 1);
});

Deno.test("a datagram longer than the link carries is lost without harm", () => {
  const pair = createPair(1);
  connect(pair);
  const { network, a, b, aRow } = pair;
  a.send(aRow, "x".repeat(1_500));
  a.send(aRow, "short");
  network.run(100);
  assert.deepEqual(b.received, ["hello", "short"]);
});
