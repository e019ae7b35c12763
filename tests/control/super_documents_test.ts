import { strict as assert } from "node:assert";
import fc from "fast-check";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { isOrdinaryNodeId } from "../../src/base/node_id.ts";
import { PATH_KIND_COUNT, PATH_KIND_NAMES } from "../../src/base/path_kind.ts";
import { formatKey } from "../../src/config/key_text.ts";
import { DOCUMENT_LEN_MAX, type ListedPeer } from "../../src/control/documents.ts";
import { type DocumentFault, isDocumentFault } from "../../src/control/json_document.ts";
import {
  parseNextHops,
  parseParameters,
  parsePeers,
  type PeerList,
  type PeerListReader,
} from "../../src/control/super_documents.ts";
import { MAX_DAMPING_FILTER_RADIUS } from "../../src/route/latency_filter.ts";

/** Public key of node `id` in these tests. */
function keyOf(id: number): Uint8Array {
  const key = new Uint8Array(32).fill(7);
  key[0] = id & 0xff;
  key[1] = id >> 8;
  return key;
}

const READER: PeerListReader = {
  selfNodeId: 1,
  selfPublicKey: keyOf(1),
  skipsLocalAddresses: false,
  preferredFamily: 0,
};

function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function octetsOf(value: unknown): Uint8Array {
  return octets(JSON.stringify(value));
}

function accepted<Result extends object>(result: Result | DocumentFault): Result {
  assert.ok(!isDocumentFault(result), JSON.stringify(result));
  return result as Result;
}

function faultOf(result: object): string {
  assert.ok(isDocumentFault(result), "the document was taken in");
  return result.fault;
}

function listOf(document: unknown, change: Partial<PeerListReader> = {}): PeerList {
  return accepted(parsePeers(octetsOf(document), { ...READER, ...change }));
}

/** Candidates as lines such as `udp4 198.51.100.7:31001 rank 4`. */
function linesOf({ candidates }: ListedPeer): string[] {
  return candidates.map(({ kind, endpoint, rank }) => {
    return `${PATH_KIND_NAMES[kind]} ${formatEndpoint(endpoint, 0)} rank ${rank}`;
  });
}

/** Documents that are none, and what is said of them. */
const NO_DOCUMENTS: [string, Uint8Array, RegExp][] = [
  ["nothing", octets(""), /^document of 0 octets is no JSON$/],
  ["half an object", octets('{"1":{'), /no JSON$/],
  ["two objects", octets("{}{}"), /no JSON$/],
  ["a page of a proxy", octets("<html>"), /no JSON$/],
  ["octets that are no text", Uint8Array.of(0xff, 0xfe, 0x00), /no JSON$/],
  ["null", octets("null"), /no JSON object$/],
  ["an array", octets("[]"), /no JSON object$/],
  ["a number", octets("1"), /no JSON object$/],
  ["NaN", octets("NaN"), /no JSON$/],
  ["more than is taken in", new Uint8Array(DOCUMENT_LEN_MAX + 1), /16777217 octets; at most 16777216/],
];

for (const [name, document, said] of NO_DOCUMENTS) {
  Deno.test(`super documents are refused if they are ${name}`, () => {
    assert.match(faultOf(parseParameters(document)), said);
    assert.match(faultOf(parsePeers(document, READER)), said);
    assert.match(faultOf(parseNextHops(document)), said);
  });
}

Deno.test("a document with a property that is called as a fault is no fault", () => {
  const parameters = octets('{"fault":"none","SendPingInterval":1,"PeerAliveTimeout":2}');
  assert.equal(accepted(parseParameters(parameters)).pingIntervalMs, 1000);
  assert.deepEqual(accepted(parseNextHops(octets('{"fault":"none","1":{"2":2}}'))), {
    table: { 1: { 2: 2 } },
    skipped: 1,
  });
  assert.equal(listOf({ fault: "none" }).skippedPeers, 1);
});

Deno.test("parseParameters() reads the example of the specification in our units", () => {
  const text =
    '{"SendPingInterval":15,"HttpPostInterval":50,"PeerAliveTimeout":70,"DampingFilterRadius":4,"AdditionalCost":10}';
  assert.deepEqual(parseParameters(octets(text)), {
    pingIntervalMs: 15_000,
    reportIntervalMs: 50_000,
    peerAliveTimeoutMs: 70_000,
    dampingFilterRadius: 4,
    additionalCostMs: 10,
  });
});

Deno.test("parseParameters() takes names in any case, the exact one first, ignores others, and takes null for zero", () => {
  const text =
    '{"sendpinginterval":1,"SENDPINGINTERVAL":2,"SendPingInterval":15,"peeralivetimeout":60,"PeerAliveTimeOut":70,' +
    '"HttpPostInterval":null,"Later":[{}],"__proto__":{"AdditionalCost":5},"AdditionalCost":-1}';
  assert.deepEqual(parseParameters(octets(text)), {
    pingIntervalMs: 15_000,
    reportIntervalMs: 0,
    peerAliveTimeoutMs: 70_000,
    dampingFilterRadius: 0,
    additionalCostMs: -1,
  });
});

Deno.test("parseParameters() refuses values that can't be used, and says which", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ SendPingInterval: 0 }, /^SendPingInterval is 0; it should be a number of seconds above 0/],
    [{ SendPingInterval: -1 }, /^SendPingInterval is -1/],
    [{ SendPingInterval: "15" }, /^SendPingInterval is no number/],
    [{ SendPingInterval: 1e308 }, /^SendPingInterval is 1e\+308/],
    [{ HttpPostInterval: -0.001 }, /^HttpPostInterval is -0.001/],
    [{ HttpPostInterval: true }, /^HttpPostInterval is no number/],
    [{ PeerAliveTimeout: 0 }, /^PeerAliveTimeout is 0/],
    [{ PeerAliveTimeout: {} }, /^PeerAliveTimeout is no number/],
    [{ DampingFilterRadius: -1 }, /^DampingFilterRadius is -1; it should be a whole number/],
    [{ DampingFilterRadius: 1.5 }, /^DampingFilterRadius is 1.5/],
    [{ AdditionalCost: -1e308 }, /^AdditionalCost is -1e\+308/],
    [{ AdditionalCost: [] }, /^AdditionalCost is no number/],
  ];
  for (const [change, said] of cases) {
    assert.match(faultOf(parseParameters(octetsOf({ SendPingInterval: 15, PeerAliveTimeout: 70, ...change }))), said);
  }
  const infinite = octets('{"SendPingInterval":1e999,"PeerAliveTimeout":70}');
  assert.match(faultOf(parseParameters(infinite)), /^SendPingInterval is Infinity/);
});

Deno.test("parseParameters() keeps a super from making the edge flood the network or fill its memory", () => {
  const document = {
    SendPingInterval: 1e-9,
    HttpPostInterval: 1e-9,
    PeerAliveTimeout: 1,
    DampingFilterRadius: 2 ** 52,
  };
  const parameters = accepted(parseParameters(octetsOf(document)));
  assert.equal(parameters.pingIntervalMs, 100);
  assert.equal(parameters.reportIntervalMs, 1_000);
  assert.equal(parameters.dampingFilterRadius, MAX_DAMPING_FILTER_RADIUS);
});

Deno.test("parsePeers() reads the example of the specification", () => {
  const text = `{"McGb3nIj3KDvQdMes/sEWgBhaUkUsshNdkz+zaNAFkQ=":
    {"NodeID":2,"PSKey":"btwGCRoeFKT2H4RUfitWbfjbcLYPf0dvsebN6vkhHj0=",
     "Connurl":{"ExternalV4":{"198.51.100.7:31001":4},"ExternalV6":{"[2001:db8::7]:31001":6},
                "LocalV4":{"192.168.1.5:31001":100},"LocalV6":{}}}}`;
  const { peers, skippedPeers, skippedAddresses } = accepted(parsePeers(octets(text), READER));
  assert.deepEqual([peers.length, skippedPeers, skippedAddresses], [1, 0, 0]);
  assert.equal(peers[0].nodeId, 2);
  assert.equal(formatKey(peers[0].publicKey), "McGb3nIj3KDvQdMes/sEWgBhaUkUsshNdkz+zaNAFkQ=");
  assert.equal(formatKey(peers[0].presharedKey!), "btwGCRoeFKT2H4RUfitWbfjbcLYPf0dvsebN6vkhHj0=");
  assert.deepEqual(linesOf(peers[0]), [
    "udp4 198.51.100.7:31001 rank 4",
    "udp6 [2001:db8::7]:31001 rank 6",
    "udp4 192.168.1.5:31001 rank 100",
  ]);
});

Deno.test("parsePeers() sorts by NodeId, and leaves this node out without counting it", () => {
  const document = Object.fromEntries([9, 1, 300, 0].map((id) => [formatKey(keyOf(id)), { NodeID: id, PSKey: "" }]));
  const { peers, skippedPeers } = listOf(document);
  assert.deepEqual(peers.map(({ nodeId }) => nodeId), [0, 9, 300]);
  assert.equal(skippedPeers, 0);
  assert.ok(peers.every(({ presharedKey, candidates }) => presharedKey === undefined && candidates.length === 0));
});

Deno.test("parsePeers() leaves out and counts entries that can't be used, and keeps the others", () => {
  const good = { NodeID: 2, PSKey: "", Connurl: {} };
  const cases: [string, Record<string, unknown>][] = [
    ["a key of 31 octets", { [new Uint8Array(31).fill(1).toBase64()]: { ...good, NodeID: 3 } }],
    ["a key of 33 octets", { [new Uint8Array(33).fill(1).toBase64()]: { ...good, NodeID: 3 } }],
    ["a key of zeros", { [formatKey(new Uint8Array(32))]: { ...good, NodeID: 3 } }],
    ["a key that is no base64", { "?": { ...good, NodeID: 3 } }],
    ["an empty key", { "": { ...good, NodeID: 3 } }],
    ["no NodeID", { [formatKey(keyOf(3))]: { PSKey: "" } }],
    ["a NodeID of text", { [formatKey(keyOf(3))]: { ...good, NodeID: "3" } }],
    ["a broken NodeID", { [formatKey(keyOf(3))]: { ...good, NodeID: 3.5 } }],
    ["a negative NodeID", { [formatKey(keyOf(3))]: { ...good, NodeID: -1 } }],
    ["the first reserved NodeID", { [formatKey(keyOf(3))]: { ...good, NodeID: 65532 } }],
    ["the last reserved NodeID", { [formatKey(keyOf(3))]: { ...good, NodeID: 65535 } }],
    ["a NodeID beyond", { [formatKey(keyOf(3))]: { ...good, NodeID: 65536 } }],
    ["this node's NodeID", { [formatKey(keyOf(3))]: { ...good, NodeID: 1 } }],
    ["another's NodeID", { [formatKey(keyOf(3))]: { ...good, NodeID: 2 } }],
    ["a preshared key that is none", { [formatKey(keyOf(3))]: { ...good, NodeID: 3, PSKey: "secret" } }],
    ["a preshared key that is a number", { [formatKey(keyOf(3))]: { ...good, NodeID: 3, PSKey: 5 } }],
    ["no object", { [formatKey(keyOf(3))]: [] }],
    ["null", { [formatKey(keyOf(3))]: null }],
  ];
  for (const [name, entry] of cases) {
    const { peers, skippedPeers } = listOf({ [formatKey(keyOf(2))]: good, ...entry });
    assert.deepEqual(peers.map(({ nodeId }) => nodeId), [2], name);
    assert.equal(skippedPeers, 1, name);
  }
});

Deno.test("parsePeers() takes two texts of one key for one peer", () => {
  const text = formatKey(keyOf(2));
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const other = `${text.slice(0, 42)}${alphabet[alphabet.indexOf(text[42]) + 1]}=`;
  assert.notEqual(other, text);
  const { peers, skippedPeers } = listOf({ [text]: { NodeID: 2 }, [other]: { NodeID: 3 } });
  assert.deepEqual([peers.map(({ nodeId }) => nodeId), skippedPeers], [[2], 1]);
});

Deno.test("parsePeers() takes a preshared key of zeros for none", () => {
  const { peers } = listOf({ [formatKey(keyOf(2))]: { NodeID: 2, PSKey: formatKey(new Uint8Array(32)) } });
  assert.equal(peers[0].presharedKey, undefined);
});

Deno.test("parsePeers() knows no property that the document doesn't have", () => {
  const text = `{"__proto__":{"NodeID":5},"constructor":{"NodeID":6},"${formatKey(keyOf(2))}":` +
    '{"__proto__":{"NodeID":7,"Connurl":{"ExternalV4":{"198.51.100.7:1":4}}},"NodeID":2}}';
  const { peers, skippedPeers } = accepted(parsePeers(octets(text), READER));
  assert.deepEqual([peers.length, peers[0].nodeId, peers[0].candidates.length, skippedPeers], [1, 2, 0, 2]);
  assert.equal((Object.prototype as Record<string, unknown>).NodeID, undefined);
});

Deno.test("parseNextHops() reads the example of the specification", () => {
  const text = '{"1":{"2":2,"100":2},"2":{"1":1,"100":100},"100":{"1":2,"2":2}}';
  assert.deepEqual(accepted(parseNextHops(octets(text))), {
    table: { 1: { 2: 2, 100: 2 }, 2: { 1: 1, 100: 100 }, 100: { 1: 2, 2: 2 } },
    skipped: 0,
  });
  assert.deepEqual(accepted(parseNextHops(octets("{}"))), { table: {}, skipped: 0 });
  assert.deepEqual(accepted(parseNextHops(octets('{"1":null,"65531":{"0":0}}'))), {
    table: { 1: {}, 65531: { 0: 0 } },
    skipped: 0,
  });
});

Deno.test("parseNextHops() leaves out and counts what names no ordinary node", () => {
  const entries = ['"2":"2"', '"2":65532', '"2":65536', '"2":-1', '"2":2.5', '"2":null', '"2":{}', '"2":1e999'];
  const names = [
    "01",
    "3.5",
    "03",
    "4e0",
    "-0",
    "65532",
    "65535",
    "65536",
    "-1",
    "1.5",
    "1e3",
    " 1",
    "",
    "__proto__",
    "constructor",
    "NaN",
  ];
  for (
    const text of [
      ...entries.map((entry) => `{"1":{"3":3,${entry}}}`),
      ...names.map((name) => `{"1":{"3":3,"${name}":2}}`),
    ]
  ) {
    assert.deepEqual(accepted(parseNextHops(octets(text))), { table: { 1: { 3: 3 } }, skipped: 1 }, text);
  }
  for (const row of [...names.map((name) => `"${name}":{"2":2}`), '"2":[]', '"2":5', '"2":"x"']) {
    assert.deepEqual(
      accepted(parseNextHops(octets(`{"1":{"3":3},${row}}`))),
      { table: { 1: { 3: 3 } }, skipped: 1 },
      row,
    );
  }
});

Deno.test("lists and tables of more entries than there are NodeIds are refused", () => {
  const document: Record<string, unknown> = {};
  for (let count = 0; count < 65_532; count++) document[`k${count}`] = null;
  assert.equal(listOf(document).skippedPeers, 65_532);
  assert.equal(accepted(parseNextHops(octetsOf(document))).skipped, 65_532);
  document.more = null;
  assert.match(faultOf(parsePeers(octetsOf(document), READER)), /65533 peers; at most 65532/);
  assert.match(faultOf(parseNextHops(octetsOf(document))), /65533 rows; at most 65532/);
});

Deno.test("super documents nested very deeply are refused and break nothing", () => {
  const deep = octets('{"1":'.repeat(20_000) + "1" + "}".repeat(20_000));
  assert.equal(accepted(parseNextHops(deep)).skipped, 1);
  assert.match(faultOf(parseNextHops(octets("[".repeat(200_000)))), /no JSON/);
});

/** JSON that looks like our documents more often than chance would have it. */
const names = fc.oneof(
  fc.constantFrom(
    "NodeID",
    "nodeid",
    "PSKey",
    "Connurl",
    "ExternalV4",
    "LocalV6",
    "FakeTCPV4",
    "FakeTCPPort",
    "__proto__",
  ),
  fc.constantFrom("SendPingInterval", "HttpPostInterval", "PeerAliveTimeout", "DampingFilterRadius", "AdditionalCost"),
  fc.nat(70_000).map(String),
  fc.nat(300).map((id) => formatKey(keyOf(id))),
  fc.tuple(fc.ipV4(), fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.ipV6(), fc.nat(70_000)).map(([host, port]) => `[${host}]:${port}`),
  fc.string({ maxLength: 8 }),
);
const leaves = fc.oneof(
  fc.integer({ min: -5, max: 70_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom("1e308", "1e999", "-1e999", "null", "true", '""', '"x"', "[]", "{}"),
).map(String);
const documents = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaves, tie("object")),
  object: fc.array(fc.tuple(names, tie("value")), { maxLength: 6 }).map((entries) => {
    return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
  }),
})).object;
const anything = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map(octets),
  documents.map(octets),
);

Deno.test("parseParameters() never throws, and returns numbers that can be used", () => {
  fc.assert(
    fc.property(anything, (document) => {
      const result = parseParameters(document);
      if (isDocumentFault(result)) return;
      const { pingIntervalMs, reportIntervalMs, peerAliveTimeoutMs, dampingFilterRadius, additionalCostMs } = result;
      assert.ok(pingIntervalMs >= 100 && pingIntervalMs <= 1e12);
      assert.ok(reportIntervalMs === 0 || reportIntervalMs >= 1_000 && reportIntervalMs <= 1e12);
      assert.ok(peerAliveTimeoutMs > 0 && peerAliveTimeoutMs <= 1e12);
      assert.ok(Number.isInteger(dampingFilterRadius) && dampingFilterRadius <= MAX_DAMPING_FILTER_RADIUS);
      assert.ok(Number.isFinite(additionalCostMs));
    }),
    { numRuns: 500 },
  );
});

Deno.test("parsePeers() never throws, and returns ids, keys and addresses that can be used, each once", () => {
  const entries = fc.array(fc.tuple(fc.nat(300), fc.nat(400), documents), { maxLength: 8 }).map((list) => {
    return octets(
      `{${list.map(([key, id, maps]) => `"${formatKey(keyOf(key))}":{"NodeID":${id},"Connurl":${maps}}`)}}`,
    );
  });
  fc.assert(
    fc.property(fc.oneof(anything, entries), fc.constantFrom<0 | 4 | 6>(0, 4, 6), (document, preferredFamily) => {
      const result = parsePeers(document, { ...READER, preferredFamily });
      if (isDocumentFault(result)) return;
      const ids = result.peers.map(({ nodeId }) => nodeId);
      assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
      assert.equal(new Set(result.peers.map(({ publicKey }) => formatKey(publicKey))).size, ids.length);
      for (const { nodeId, publicKey, candidates } of result.peers) {
        assert.ok(Number.isInteger(nodeId) && nodeId >= 0 && isOrdinaryNodeId(nodeId) && nodeId !== READER.selfNodeId);
        assert.ok(publicKey.length === 32 && formatKey(publicKey) !== formatKey(READER.selfPublicKey));
        for (const [index, { kind, endpoint, rank }] of candidates.entries()) {
          assert.ok(kind >= 0 && kind < PATH_KIND_COUNT && endpoint[1] > 0 && Number.isFinite(rank));
          assert.ok(index === 0 || candidates[index - 1].rank <= rank);
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("parseNextHops() never throws, and returns ordinary ids only", () => {
  fc.assert(
    fc.property(anything, (document) => {
      const result = parseNextHops(document);
      if (isDocumentFault(result)) return;
      for (const [source, row] of Object.entries(result.table)) {
        assert.ok(isOrdinaryNodeId(Number(source)));
        for (const [destination, nextHop] of Object.entries(row)) {
          assert.ok(isOrdinaryNodeId(Number(destination)) && Number.isInteger(nextHop) && isOrdinaryNodeId(nextHop));
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("parseNextHops() takes in whatever table a super can compute", () => {
  const ids = fc.nat(65_531);
  const tables = fc.dictionary(ids.map(String), fc.dictionary(ids.map(String), ids, { maxKeys: 20 }), { maxKeys: 20 });
  fc.assert(
    fc.property(tables, (table) => {
      const result = accepted(parseNextHops(octetsOf(table)));
      assert.equal(result.skipped, 0);
      assert.deepEqual(JSON.parse(JSON.stringify(result.table)), JSON.parse(JSON.stringify(table)));
    }),
    { numRuns: 200 },
  );
});
