import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import {
  checkPathMessage,
  PATH_HELLO_LEN,
  PATH_PROBE_LEN,
  PATH_REPLY_LEN,
  PATH_REPORT_LEN,
  PathCapability,
  PathFlag,
  PathMessageKind,
  readCapabilities,
  readFakeTcpPort,
  readPathFlags,
  readPathKind,
  readPathMessageKind,
  readPathMessageVersion,
  readProbeId,
  readReceivedCount,
  readReceivedLen,
  writePathHello,
  writePathProbe,
  writePathReply,
  writePathReport,
} from "../../src/wire/path_message.ts";
import { type MessageVector, viewOf, writeAt } from "./message_vector.ts";

const { HELLO, HELLO_ACK, PROBE, REPLY, REPORT } = PathMessageKind;

const VECTORS: readonly MessageVector[] = [
  {
    name: "a hello of a node that has FakeTCP at port 3001",
    hex: "00010003" + "0bb90000",
    write: (view, offset) => writePathHello(view, offset, HELLO, PathCapability.PROBES | PathCapability.FAKETCP, 3001),
  },
  {
    name: "a hello ack of a node without FakeTCP",
    hex: "01010001" + "00000000",
    write: (view, offset) => writePathHello(view, offset, HELLO_ACK, PathCapability.PROBES, 0),
  },
  {
    name: "a probe of path 3",
    hex: "02010300" + "89abcdef" + "00000000",
    write: (view, offset) => writePathProbe(view, offset, 3, 0x89abcdef),
  },
  {
    name: "a reply about path 2, which shows border loss",
    hex: "03010201" + "89abcdef" + "000005ac" + "00000007",
    write: (view, offset) => writePathReply(view, offset, 2, PathFlag.STOP_BATCHING, 0x89abcdef, 1452, 2 ** 32 + 7),
  },
  {
    name: "a report of a proxy in path 3",
    hex: "04010303",
    write: (view, offset) => writePathReport(view, offset, 3, PathFlag.STOP_BATCHING | PathFlag.PROXY),
  },
];

const LENGTHS: readonly number[] = [PATH_HELLO_LEN, PATH_HELLO_LEN, PATH_PROBE_LEN, PATH_REPLY_LEN, PATH_REPORT_LEN];

const octet = fc.nat(255);
const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffff_ffff);
const offsets = fc.nat(40);

for (const { name, hex, write } of VECTORS) {
  Deno.test(`path_message writes ${name}, at any offset`, () => {
    for (const offset of [0, 1, 18]) {
      const view = writeAt(offset, hex.length / 2, write);
      assert.equal(new Uint8Array(view.buffer).subarray(offset, offset + hex.length / 2).toHex(), hex);
      assert.equal(checkPathMessage(view, offset, hex.length / 2), Reason.NONE);
      assert.equal(readPathMessageVersion(view, offset), 1);
    }
  });

  Deno.test(`checkPathMessage() refuses ${name} truncated at every length, and takes it padded`, () => {
    const octets = Uint8Array.fromHex(hex);
    for (let length = 0; length < octets.length; length++) {
      assert.equal(checkPathMessage(viewOf(octets.slice(0, length)), 0, length), Reason.CONTENT_TRUNCATED);
    }
    const padded = new Uint8Array(1500);
    padded.set(octets);
    assert.equal(checkPathMessage(viewOf(padded), 0, padded.length), Reason.NONE);
  });
}

Deno.test("checkPathMessage() refuses every unknown kind, whatever its version", () => {
  const octets = new Uint8Array(64);
  for (let kind = 0; kind < 256; kind++) {
    for (const version of [1, 2, 255]) {
      octets.set([kind, version]);
      const reason = kind <= REPORT ? Reason.NONE : Reason.USAGE_UNKNOWN;
      assert.equal(checkPathMessage(viewOf(octets), 0, octets.length), reason, `kind ${kind}, version ${version}`);
    }
  }
});

Deno.test("checkPathMessage() refuses version 0, and reads a later version by the fields it knows", () => {
  const octets = Uint8Array.fromHex("03ff0201" + "89abcdef" + "000005ac" + "00000007" + "c0ffee");
  const view = viewOf(octets);
  assert.equal(checkPathMessage(view, 0, octets.length), Reason.NONE);
  assert.equal(readProbeId(view, 0), 0x89abcdef);
  octets[1] = 0;
  assert.equal(checkPathMessage(view, 0, octets.length), Reason.USAGE_UNKNOWN);
});

Deno.test("the readers return what writePathHello() wrote, at any offset", () => {
  fc.assert(fc.property(offsets, fc.constantFrom(HELLO, HELLO_ACK), uint16, uint16, (offset, kind, bits, port) => {
    const view = writeAt(offset, PATH_HELLO_LEN, (view, at) => writePathHello(view, at, kind, bits, port));
    assert.equal(readPathMessageKind(view, offset), kind);
    assert.equal(readCapabilities(view, offset), bits);
    assert.equal(readFakeTcpPort(view, offset), port);
  }));
});

Deno.test("the readers return what writePathProbe() wrote, at any offset", () => {
  fc.assert(fc.property(offsets, octet, uint32, (offset, pathKind, id) => {
    const view = writeAt(offset, PATH_PROBE_LEN, (view, at) => writePathProbe(view, at, pathKind, id));
    assert.equal(readPathMessageKind(view, offset), PROBE);
    assert.equal(readPathKind(view, offset), pathKind);
    assert.equal(readPathFlags(view, offset), 0);
    assert.equal(readProbeId(view, offset), id);
  }));
});

Deno.test("the readers return what writePathReply() wrote, at any offset", () => {
  fc.assert(
    fc.property(offsets, octet, octet, uint32, uint32, uint32, (offset, pathKind, flags, id, length, count) => {
      const view = writeAt(
        offset,
        PATH_REPLY_LEN,
        (view, at) => writePathReply(view, at, pathKind, flags, id, length, count),
      );
      assert.equal(readPathMessageKind(view, offset), REPLY);
      assert.equal(readPathKind(view, offset), pathKind);
      assert.equal(readPathFlags(view, offset), flags);
      assert.equal(readProbeId(view, offset), id);
      assert.equal(readReceivedLen(view, offset), length);
      assert.equal(readReceivedCount(view, offset), count);
    }),
  );
});

Deno.test("the readers return what writePathReport() wrote, at any offset", () => {
  fc.assert(fc.property(offsets, octet, octet, (offset, pathKind, flags) => {
    const view = writeAt(offset, PATH_REPORT_LEN, (view, at) => writePathReport(view, at, pathKind, flags));
    assert.equal(readPathMessageKind(view, offset), REPORT);
    assert.equal(readPathKind(view, offset), pathKind);
    assert.equal(readPathFlags(view, offset), flags);
  }));
});

Deno.test("checkPathMessage() never throws, and lets pass only what can be read to its last field", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(8), (octets, offset) => {
      const whole = new Uint8Array(offset + octets.length);
      whole.set(octets, offset);
      const view = viewOf(whole);
      const reason = checkPathMessage(view, offset, octets.length);
      if (reason !== Reason.NONE) {
        assert.ok(reason === Reason.CONTENT_TRUNCATED || reason === Reason.USAGE_UNKNOWN);
        return;
      }
      const kind = readPathMessageKind(view, offset);
      assert.ok(octets.length >= LENGTHS[kind] && octets[1] > 0);
      if (kind === REPLY) readReceivedCount(view, offset);
      else if (kind === PROBE) readProbeId(view, offset);
      else if (kind === REPORT) readPathFlags(view, offset);
      else readFakeTcpPort(view, offset);
    }),
    { numRuns: 1_000 },
  );
});
