import { strict as assert } from "node:assert";
import fc from "fast-check";
import { SPREAD_NODE_ID } from "../../src/base/node_id.ts";
import { GOB_FAULT_NAMES, GobFault } from "../../src/control/gob/fault.ts";
import {
  decodeBroadcastPeer,
  decodePeerReport,
  decodePing,
  decodePong,
  decodeQueryPeer,
  decodeRegister,
  decodeServerUpdate,
  encodeBroadcastPeer,
  encodePeerReport,
  encodePing,
  encodePong,
  encodeQueryPeer,
  encodeRegister,
  encodeServerUpdate,
} from "../../src/control/message_codec.ts";
import { PUBLIC_KEY_LEN, ServerAction, TOKEN_KEY_LEN } from "../../src/control/messages.ts";
import { EG_HEADER_LEN, writeEgHeader } from "../../src/wire/eg_header.ts";
import { paddedContentLength, TRANSPORT_OVERHEAD_LEN } from "../../src/wire/transport_message.ts";
import {
  BROADCAST_PEER_VECTORS,
  type GobVector,
  PEER_REPORT_VECTORS,
  PING_VECTORS,
  PONG_VECTORS,
  QUERY_PEER_VECTORS,
  REGISTER_VECTORS,
  SERVER_UPDATE_VECTORS,
} from "../vectors/gob.ts";

/** One kind of message with all that the tests below ask of each. */
interface Kind<Message> {
  readonly name: string;
  readonly encode: (message: Message, firstTypeId?: number) => Uint8Array;
  readonly decode: (octets: Uint8Array) => Message | GobFault;
  readonly vectors: readonly GobVector<Message>[];
  /** Any message whose fields survive a round trip. */
  readonly messages: fc.Arbitrary<Message>;
}

const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffff_ffff);
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 });
// A zero is left out, and so the negative one becomes the positive one.
const quantity = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value === 0 ? 0 : value);

const pongs = record({
  requestId: uint32,
  source: uint16,
  destination: uint16,
  latencyS: quantity,
  timeToLiveS: quantity,
  additionalCostMs: quantity,
});
const endpoints = fc.array(fc.tuple(text, quantity), { maxLength: 5 }).map((entries) => new Map(entries));

const REGISTER = {
  name: "Register",
  encode: encodeRegister,
  decode: decodeRegister,
  vectors: REGISTER_VECTORS,
  messages: record({
    nodeId: uint16,
    version: text,
    peersHash: text,
    nextHopHash: text,
    parametersHash: text,
    tokenKey: octetsOf(TOKEN_KEY_LEN),
    reportCount: fc.maxSafeNat(),
  }),
};
const SERVER_UPDATE = {
  name: "ServerUpdate",
  encode: encodeServerUpdate,
  decode: decodeServerUpdate,
  vectors: SERVER_UPDATE_VECTORS,
  messages: record({ nodeId: uint16, action: int, code: int, params: text }),
};
const PING = {
  name: "Ping",
  encode: encodePing,
  decode: decodePing,
  vectors: PING_VECTORS,
  messages: record({
    requestId: uint32,
    source: uint16,
    sentAtMs: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
    replyCount: int,
  }),
};
const PONG = { name: "Pong", encode: encodePong, decode: decodePong, vectors: PONG_VECTORS, messages: pongs };
const QUERY_PEER = {
  name: "QueryPeer",
  encode: encodeQueryPeer,
  decode: decodeQueryPeer,
  vectors: QUERY_PEER_VECTORS,
  messages: record({ requestId: uint32 }),
};
const BROADCAST_PEER = {
  name: "BroadcastPeer",
  encode: encodeBroadcastPeer,
  decode: decodeBroadcastPeer,
  vectors: BROADCAST_PEER_VECTORS,
  messages: record({
    requestId: uint32,
    nodeId: uint16,
    publicKey: octetsOf(PUBLIC_KEY_LEN),
    endpoint: text,
  }),
};
const PEER_REPORT = {
  name: "PeerReport",
  encode: encodePeerReport,
  decode: decodePeerReport,
  vectors: PEER_REPORT_VECTORS,
  messages: record({ pongs: fc.array(pongs, { maxLength: 5 }), localV4: endpoints, localV6: endpoints }),
};

const ALL_DECODERS = [REGISTER, SERVER_UPDATE, PING, PONG, QUERY_PEER, BROADCAST_PEER, PEER_REPORT].map((kind) =>
  kind.decode
);
const ALL_VECTORS = [REGISTER, SERVER_UPDATE, PING, PONG, QUERY_PEER, BROADCAST_PEER, PEER_REPORT].flatMap((kind) =>
  kind.vectors.map(({ octets }) => octets)
);

/** Records as the decoders make them: with a prototype. */
function record<Message>(fields: { [Name in keyof Message]: fc.Arbitrary<Message[Name]> }): fc.Arbitrary<Message> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<Message>;
}

function octetsOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

function isFault(result: unknown): boolean {
  return typeof result === "number" && result > GobFault.NONE && result < GOB_FAULT_NAMES.length;
}

function testKind<Message>({ name, encode, decode, vectors, messages }: Kind<Message>): void {
  for (const vector of vectors) {
    Deno.test(`decode${name}() reads a message ${vector.name}, with and without padding`, () => {
      assert.deepEqual(decode(vector.octets), vector.message);
      const padded = new Uint8Array(vector.octets.length + 7);
      padded.set(vector.octets);
      assert.deepEqual(decode(padded), vector.message);
    });

    Deno.test(`decode${name}() refuses a message ${vector.name} truncated at every length`, () => {
      for (let length = 0; length < vector.octets.length; length++) {
        const fault = decode(vector.octets.subarray(0, length));
        assert.ok(fault === GobFault.TRUNCATED || fault === GobFault.NO_VALUE, `${length} octets: ${fault}`);
      }
    });

    if (vector.oneWay !== undefined) continue;
    Deno.test(`encode${name}() writes a message ${vector.name} octet for octet`, () => {
      assert.equal(encode(vector.message, vector.firstTypeId).toHex(), vector.octets.toHex());
    });
  }

  Deno.test(`decode${name}() reads what encode${name}() wrote, whatever the message and the ids`, () => {
    fc.assert(fc.property(messages, fc.integer({ min: 64, max: 100_000 }), (message, firstTypeId) => {
      assert.deepEqual(decode(encode(message)), message);
      assert.deepEqual(decode(encode(message, firstTypeId)), message);
    }));
  });

  Deno.test(`decode${name}() reads from the middle of a larger buffer`, () => {
    const { octets, message } = vectors[0];
    const buffer = new Uint8Array(octets.length + 9).fill(0xff);
    buffer.set(octets, 4);
    assert.deepEqual(decode(buffer.subarray(4, 4 + octets.length)), message);
  });
}

testKind(REGISTER);
testKind(SERVER_UPDATE);
testKind(PING);
testKind(PONG);
testKind(QUERY_PEER);
testKind(BROADCAST_PEER);
testKind(PEER_REPORT);

Deno.test("a ping fills content of 128 octets and a datagram of 158, and is read from the padded content", () => {
  const [{ octets, message }] = PING_VECTORS;
  const content = new Uint8Array(paddedContentLength(EG_HEADER_LEN + octets.length, 1400));
  writeEgHeader(content, 0, SPREAD_NODE_ID, message.source);
  content.set(octets, EG_HEADER_LEN);
  assert.equal(content.subarray(0, EG_HEADER_LEN).toHex(), "fffe0001");
  assert.deepEqual([content.length, content.length + TRANSPORT_OVERHEAD_LEN], [128, 158]);
  assert.deepEqual(decodePing(content.subarray(EG_HEADER_LEN)), message);
});

Deno.test("encodePing() writes the time in UTC, and a fraction to the nanosecond below", () => {
  const ping = { requestId: 0, source: 1, sentAtMs: 1_700_000_000_123.5, replyCount: 0 };
  const { octets } = PING_VECTORS[0];
  const expected = octets.toHex().replace("075bcd15", (123_500_000).toString(16).padStart(8, "0"));
  assert.equal(encodePing(ping, 64).toHex(), expected);
});

Deno.test("decodePing() refuses a time of another version", () => {
  const octets = Uint8Array.fromHex(PING_VECTORS[0].octets.toHex().replace("010f01", "010f03"));
  assert.equal(decodePing(octets), GobFault.TIME_MALFORMED);
});

Deno.test("decodePong() refuses infinities and NaN", () => {
  const hex = PONG_VECTORS[1].octets.toHex();
  for (const bits of ["fef07f", "fef0ff", "fef87f"]) {
    assert.equal(decodePong(Uint8Array.fromHex(hex.replace("fed0bf", bits))), GobFault.NUMBER_RANGE);
  }
});

Deno.test("decodeQueryPeer() refuses a number beyond 32 bits", () => {
  const hex = QUERY_PEER_VECTORS[2].octets.toHex();
  const largest = hex.replace("07ff8001feffff", "09ff8001fcffffffff");
  assert.deepEqual(decodeQueryPeer(Uint8Array.fromHex(largest)), { requestId: 0xffff_ffff });
  const larger = hex.replace("07ff8001feffff", "0aff8001fb0100000000");
  assert.equal(decodeQueryPeer(Uint8Array.fromHex(larger)), GobFault.NUMBER_RANGE);
});

Deno.test("each decoder refuses the messages of other kinds, unless they share a field", () => {
  assert.equal(decodePing(REGISTER_VECTORS[0].octets), GobFault.NO_FIELD);
  assert.equal(decodeRegister(PING_VECTORS[0].octets), GobFault.NO_FIELD);
  assert.equal(decodePeerReport(PONG_VECTORS[0].octets), GobFault.NO_FIELD);
  assert.equal(decodeServerUpdate(QUERY_PEER_VECTORS[0].octets), GobFault.NO_FIELD);
  // Both have a Request_ID of the same type, as Go sees it too: the usage of the datagram tells them apart.
  assert.deepEqual(decodeQueryPeer(BROADCAST_PEER_VECTORS[0].octets), { requestId: 1 });
});

Deno.test("decodePeerReport() reads a report of the largest network", () => {
  const report = {
    pongs: Array.from({ length: 65_532 }, (_, source) => ({
      requestId: 0,
      source,
      destination: 1,
      latencyS: source / 1e6,
      timeToLiveS: 70,
      additionalCostMs: 0,
    })),
    localV4: new Map([["192.0.2.1:3001", 100]]),
    localV6: new Map(),
  };
  assert.deepEqual(decodePeerReport(encodePeerReport(report)), report);
});

Deno.test("decodePeerReport() refuses more than 8 MiB, and more pongs than two for every node", () => {
  assert.equal(decodePeerReport(new Uint8Array(8 * 2 ** 20 + 1)), GobFault.OVERSIZED);
  const empty = { requestId: 0, source: 0, destination: 0, latencyS: 0, timeToLiveS: 0, additionalCostMs: 0 };
  const report = { pongs: new Array(2 ** 17 + 1).fill(empty), localV4: new Map(), localV6: new Map() };
  assert.equal(decodePeerReport(encodePeerReport(report)), GobFault.OVERSIZED);
});

Deno.test("the encoders throw for what no field holds", () => {
  const { message: register } = REGISTER_VECTORS[0];
  assert.throws(() => encodeRegister({ ...register, nodeId: 65_536 }), RangeError);
  assert.throws(() => encodeRegister({ ...register, reportCount: -1 }), RangeError);
  assert.throws(() => encodeRegister({ ...register, tokenKey: new Uint8Array(31) }), RangeError);
  assert.throws(() => encodePong({ ...PONG_VECTORS[0].message, latencyS: Infinity }), RangeError);
  assert.throws(() => encodePing({ ...PING_VECTORS[0].message, sentAtMs: NaN }), RangeError);
  assert.throws(() => encodeServerUpdate({ nodeId: 1, action: ServerAction.ERROR, code: 0.5, params: "" }), RangeError);
});

Deno.test("no decoder throws, whatever the octets", () => {
  const random = fc.uint8Array({ maxLength: 300 });
  const mutated = fc.tuple(
    fc.constantFrom(...ALL_VECTORS),
    fc.array(fc.tuple(fc.nat(302), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  ).map(([octets, changes]) => {
    const changed = octets.slice();
    for (const [at, value] of changed.length > 0 ? changes : []) changed[at % changed.length] = value;
    return changed;
  });
  fc.assert(
    fc.property(fc.oneof({ weight: 1, arbitrary: random }, { weight: 4, arbitrary: mutated }), (octets) => {
      for (const decode of ALL_DECODERS) {
        const result = decode(octets);
        assert.ok(isFault(result) || typeof result === "object");
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("what a decoder accepts of a mutated message survives a round trip", () => {
  function surviving<Message>(
    { encode, decode, vectors }: Kind<Message>,
  ): fc.IPropertyWithHooks<[number, number, number]> {
    return fc.property(fc.nat(vectors.length - 1), fc.nat(300), fc.nat(255), (index, at, value) => {
      const changed = vectors[index].octets.slice();
      changed[at % changed.length] = value;
      const message = decode(changed);
      if (typeof message !== "number") assert.deepEqual(decode(encode(message)), message);
    });
  }
  fc.assert(surviving(REGISTER), { numRuns: 300 });
  fc.assert(surviving(SERVER_UPDATE), { numRuns: 300 });
  fc.assert(surviving(PONG), { numRuns: 300 });
  fc.assert(surviving(BROADCAST_PEER), { numRuns: 300 });
  fc.assert(surviving(PEER_REPORT), { numRuns: 300 });
});
