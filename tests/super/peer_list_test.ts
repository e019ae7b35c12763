import { strict as assert } from "node:assert";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "../../src/base/random.ts";
import { PairKeys } from "../../src/super/pair_keys.ts";
import type { PublishedNode } from "../../src/super/peer_document.ts";
import { PeerList, settleMs } from "../../src/super/peer_list.ts";
import { StateTokens } from "../../src/super/state_token.ts";
import { keyTextOf, publicKeyOf, seenAt } from "./registry_fixture.ts";

function publishedNode(nodeId: number, port = 1): PublishedNode {
  return {
    nodeId,
    publicKey: publicKeyOf(nodeId),
    isAlive: true,
    addresses: seenAt({ udp4: `192.0.2.1:${port}` }),
    localV4: { "10.0.0.1:1": 100 },
    localV6: {},
    skipsLocalAddresses: false,
    externalIp: undefined,
  };
}

function makeList(pairKeys?: PairKeys): PeerList {
  return new PeerList(new StateTokens(seededRandom(1)), pairKeys);
}

function idsIn(list: PeerList, asker = { nodeId: 0, skipsLocalAddresses: false }): string[] {
  return Object.keys(JSON.parse(new TextDecoder().decode(list.document(asker).plain)));
}

Deno.test("settleMs() is short for small networks, grows with the work of a round of downloads, and ends at 10 s", () => {
  assert.deepEqual([0, 3, 10, 100, 1000, 60_000].map(settleMs), [0, 0.09, 1, 100, 10_000, 10_000]);
});

Deno.test("PeerList has a new token once something that is published has changed, and only then", () => {
  const list = makeList();
  let token = list.token;
  assert.match(token, /^[0-9a-f]{32}$/);
  const steps: [string, () => void, boolean][] = [
    ["a node with an address", () => list.update(publishedNode(1)), true],
    ["nothing new", () => list.update(publishedNode(1)), false],
    ["a new address", () => list.update(publishedNode(1, 2)), true],
    ["a node without an address", () => list.update({ ...publishedNode(2), addresses: seenAt({}) }), true],
    ["its silence", () => list.update({ ...publishedNode(2), addresses: seenAt({}), isAlive: false }), false],
    ["silence", () => list.update({ ...publishedNode(1), isAlive: false }), true],
    ["another port during the silence", () => list.update({ ...publishedNode(1, 3), isAlive: false }), false],
    ["an asker that sees it in another way", () => list.handleAskerChanged(), true],
    ["a word of it", () => list.update(publishedNode(1)), true],
    ["no address any more", () => list.update({ ...publishedNode(1), addresses: seenAt({}) }), true],
    ["its removal", () => list.remove(1), true],
    ["removal of one that isn't listed", () => list.remove(1), false],
  ];
  for (const [index, [name, step, isRenewed]] of steps.entries()) {
    const nowMs = index * 1000;
    step();
    assert.equal(list.pollTimeout() <= nowMs, isRenewed, name);
    assert.equal(list.handleTimeout(nowMs), isRenewed, name);
    assert.equal(list.token !== token, isRenewed, name);
    token = list.token;
    assert.equal(list.pollTimeout(), Infinity, name);
  }
});

Deno.test("PeerList gives a big list a new token at once if the last one is old, else when it is", () => {
  const list = makeList();
  for (let nodeId = 0; nodeId < 500; nodeId++) list.update(publishedNode(nodeId));
  assert(list.handleTimeout(60_000));
  list.update(publishedNode(500));
  const dueMs = 60_000 + settleMs(501);
  assert.equal(list.pollTimeout(), dueMs);
  const token = list.token;
  list.update(publishedNode(501));
  assert(!list.handleTimeout(dueMs - 1));
  assert.equal(list.token, token, "the old token goes on to be good");
  assert(list.handleTimeout(dueMs + 100));
  list.update(publishedNode(501, 2));
  assert(list.handleTimeout(list.pollTimeout()));
  list.update(publishedNode(501, 3));
  assert.equal(list.handleTimeout(1e6), true, "long after the last");
});

Deno.test("PeerList makes one document for all askers of a kind, and others after the next token", () => {
  const list = makeList();
  list.update(publishedNode(1));
  list.handleTimeout(0);
  const asker = { nodeId: 1, skipsLocalAddresses: false };
  const document = list.document(asker);
  assert.equal(list.document({ ...asker, nodeId: 2 }), document);
  const skipping = list.document({ nodeId: 3, skipsLocalAddresses: true });
  assert.notEqual(skipping, document);
  assert.equal(list.document({ nodeId: 4, skipsLocalAddresses: true }), skipping);
  assert.deepEqual(new Uint8Array(gunzipSync(document.gzip())), document.plain);
  list.update(publishedNode(2));
  list.handleTimeout(1000);
  assert.notEqual(list.document(asker), document);
  assert.deepEqual(idsIn(list), [keyTextOf(1), keyTextOf(2)]);
  list.remove(1);
  list.handleTimeout(2000);
  assert.deepEqual(idsIn(list), [keyTextOf(2)]);
});

Deno.test("PeerList gives each pair one preshared key if there are keys of pairs", () => {
  const pairKeys = new PairKeys(new Uint8Array(32));
  const list = makeList(pairKeys);
  for (const nodeId of [1, 2, 3]) {
    pairKeys.add(nodeId, publicKeyOf(nodeId));
    list.update(publishedNode(nodeId));
  }
  const keyFor = (asker: number, peer: number): string => {
    const { plain } = list.document({ nodeId: asker, skipsLocalAddresses: false });
    return JSON.parse(new TextDecoder().decode(plain))[keyTextOf(peer)]?.PSKey;
  };
  assert.match(keyFor(1, 2), /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(keyFor(1, 2), keyFor(2, 1));
  assert.notEqual(keyFor(1, 2), keyFor(1, 3));
  assert.equal(keyFor(1, 1), undefined);
});
