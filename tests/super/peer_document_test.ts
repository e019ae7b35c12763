import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { parseKey } from "../../src/config/key_text.ts";
import {
  isSameEntry,
  type PeerEntry,
  peerEntry,
  peersText,
  type PublishedNode,
} from "../../src/super/peer_document.ts";
import { keyTextOf, publicKeyOf, seenAt } from "./registry_fixture.ts";

/** The entry of the example in `http-api.md` §4.3, without blanks. */
const EXAMPLE = '{"McGb3nIj3KDvQdMes/sEWgBhaUkUsshNdkz+zaNAFkQ=":' +
  '{"NodeID":1,"PSKey":"btwGCRoeFKT2H4RUfitWbfjbcLYPf0dvsebN6vkhHj0=",' +
  '"Connurl":{"ExternalV4":{"198.51.100.7:31001":4},"ExternalV6":{"[2001:db8::7]:31001":6},' +
  '"LocalV4":{"192.168.1.5:31001":100},"LocalV6":{}}}}';

const NODE: PublishedNode = {
  nodeId: 1,
  publicKey: publicKeyOf(1),
  isAlive: true,
  addresses: seenAt({ udp4: "198.51.100.7:31001", udp6: "[2001:db8::7]:31001" }),
  localV4: { "192.168.1.5:31001": 100 },
  localV6: {},
  skipsLocalAddresses: false,
  externalIp: undefined,
};
const ASKER = { nodeId: 2, skipsLocalAddresses: false };

function entryOf(change: Partial<PublishedNode>): PeerEntry {
  const entry = peerEntry({ ...NODE, ...change });
  assert(entry !== undefined);
  return entry;
}

/** A node's entry in the list for somebody, parsed. */
function listed(change: Partial<PublishedNode>, asker = ASKER) {
  return JSON.parse(peersText([entryOf(change)], asker, undefined))[keyTextOf(1)];
}

Deno.test("peersText() writes the example of the specification", () => {
  const publicKey = parseKey("McGb3nIj3KDvQdMes/sEWgBhaUkUsshNdkz+zaNAFkQ=")!;
  const text = peersText([entryOf({ publicKey })], ASKER, () => "btwGCRoeFKT2H4RUfitWbfjbcLYPf0dvsebN6vkhHj0=");
  assert.equal(text, EXAMPLE);
});

Deno.test("peersText() lists the asker itself only if there are no keys of pairs, and writes an empty list", () => {
  const entries = [entryOf({}), entryOf({ nodeId: 2, publicKey: publicKeyOf(2) })];
  const withKeys = JSON.parse(peersText(entries, ASKER, (nodeId) => `key of ${nodeId}`));
  assert.deepEqual(Object.keys(withKeys), [keyTextOf(1)]);
  assert.equal(withKeys[keyTextOf(1)].PSKey, "key of 1");
  const without = JSON.parse(peersText(entries, ASKER, undefined));
  assert.deepEqual(Object.keys(without), [keyTextOf(1), keyTextOf(2)]);
  assert.equal(without[keyTextOf(2)].PSKey, "");
  assert.equal(peersText([], ASKER, undefined), "{}");
});

Deno.test("peerEntry() lists a node of which no address is known as one that is away", () => {
  const away = peerEntry({ ...NODE, isAlive: false });
  assert.deepEqual(peerEntry({ ...NODE, addresses: seenAt({ fakeTcpPort: 443 }) }), away);
  for (const kind of ["udp4", "udp6", "fakeTcp4", "fakeTcp6"] as const) {
    assert.notDeepEqual(peerEntry({ ...NODE, addresses: seenAt({ [kind]: "192.0.2.1:1" }) }), away);
  }
});

Deno.test("peerEntry() lists a silent node with four times null, and nothing of FakeTCP", () => {
  const addresses = seenAt({ udp4: "198.51.100.7:31001", fakeTcp4: "198.51.100.7:5000", fakeTcpPort: 443 });
  assert.deepEqual(listed({ isAlive: false, addresses }), {
    NodeID: 1,
    PSKey: "",
    Connurl: { ExternalV4: null, ExternalV6: null, LocalV4: null, LocalV6: null },
  });
});

Deno.test("peerEntry() replaces the host by ExternalIP in its family alone, and keeps the port", () => {
  const cases: [string, string, string][] = [
    ["203.0.113.9", "203.0.113.9:31001", "[2001:db8::7]:31001"],
    ["2001:db8::99", "198.51.100.7:31001", "[2001:db8::99]:31001"],
  ];
  for (const [externalIp, v4, v6] of cases) {
    const { ExternalV4, ExternalV6 } = listed({ externalIp: parseIpAddress(externalIp) }).Connurl;
    assert.deepEqual([ExternalV4, ExternalV6], [{ [v4]: 4 }, { [v6]: 6 }], externalIp);
  }
});

Deno.test("peerEntry() invents no address for a family in which the node was not seen", () => {
  const { ExternalV4, ExternalV6 } = listed({
    addresses: seenAt({ udp6: "[2001:db8::7]:31001" }),
    externalIp: parseIpAddress("203.0.113.9"),
  }).Connurl;
  assert.deepEqual([ExternalV4, ExternalV6], [{}, { "[2001:db8::7]:31001": 6 }]);
});

Deno.test("peersText() keeps local addresses from others if their owner skips them, and from an asker that does", () => {
  const skipping = { ...ASKER, skipsLocalAddresses: true };
  const localOf = ({ Connurl: { LocalV4, LocalV6 } }: ReturnType<typeof listed>) => [LocalV4, LocalV6];
  assert.deepEqual(localOf(listed({})), [{ "192.168.1.5:31001": 100 }, {}]);
  assert.deepEqual(localOf(listed({ skipsLocalAddresses: true })), [null, null]);
  assert.deepEqual(localOf(listed({}, skipping)), [{}, {}]);
  assert.deepEqual(localOf(listed({ skipsLocalAddresses: true }, skipping)), [{}, {}]);
});

Deno.test("peerEntry() says nothing of FakeTCP for a node without it", () => {
  const entry = listed({});
  assert.deepEqual(Object.keys(entry), ["NodeID", "PSKey", "Connurl"]);
  assert.deepEqual(Object.keys(entry.Connurl), ["ExternalV4", "ExternalV6", "LocalV4", "LocalV6"]);
});

Deno.test("peerEntry() names where a node listens for FakeTCP, and after that where it calls us from", () => {
  const externalIp = parseIpAddress("203.0.113.9");
  const cases: [string, Partial<PublishedNode>, object, object, number | undefined][] = [
    [
      "behind a translator",
      { addresses: seenAt({ udp4: "198.51.100.7:31001", fakeTcp4: "198.51.100.7:5000", fakeTcpPort: 443 }) },
      { "198.51.100.7:443": 4, "198.51.100.7:5000": 14 },
      {},
      443,
    ],
    [
      "called from the port that it listens at",
      { addresses: seenAt({ fakeTcp6: "[2001:db8::7]:443", fakeTcpPort: 443 }) },
      {},
      { "[2001:db8::7]:443": 6 },
      443,
    ],
    [
      "known by UDP only",
      { addresses: seenAt({ udp6: "[2001:db8::7]:31001", fakeTcpPort: 443 }) },
      {},
      { "[2001:db8::7]:443": 6 },
      443,
    ],
    [
      "listens nowhere",
      { addresses: seenAt({ fakeTcp4: "198.51.100.7:5000" }) },
      { "198.51.100.7:5000": 14 },
      {},
      undefined,
    ],
    [
      "with ExternalIP",
      { addresses: seenAt({ fakeTcp4: "198.51.100.7:5000", fakeTcpPort: 443 }), externalIp },
      { "203.0.113.9:443": 4, "203.0.113.9:5000": 14 },
      {},
      443,
    ],
  ];
  for (const [name, change, v4, v6, port] of cases) {
    const entry = listed(change);
    assert.deepEqual([entry.Connurl.FakeTCPV4, entry.Connurl.FakeTCPV6], [v4, v6], name);
    assert.equal(entry.FakeTCPPort, port, name);
  }
});

Deno.test("peerEntry() takes no text for an address that is none, or of the other family", () => {
  const { ExternalV4, ExternalV6 } = listed({ addresses: seenAt({ udp4: '"}', udp6: "192.0.2.1:1" }) }).Connurl;
  assert.deepEqual([ExternalV4, ExternalV6], [{}, {}]);
});

Deno.test("isSameEntry() tells whether anybody would see a difference", () => {
  const entry = entryOf({});
  assert(isSameEntry(entry, entryOf({ localV4: { ...NODE.localV4 }, addresses: { ...NODE.addresses } })));
  assert(isSameEntry(undefined, undefined));
  assert(!isSameEntry(entry, undefined));
  const changes: Partial<PublishedNode>[] = [
    { isAlive: false },
    { localV4: {} },
    { addresses: seenAt({ udp4: "198.51.100.8:31001" }) },
    { skipsLocalAddresses: true },
    { externalIp: parseIpAddress("203.0.113.9") },
    { publicKey: publicKeyOf(3) },
  ];
  for (const change of changes) assert(!isSameEntry(entry, entryOf(change)), Object.keys(change)[0]);
  assert(isSameEntry(entryOf({ isAlive: false }), entryOf({ isAlive: false, localV4: {} })), "unseen while away");
});
