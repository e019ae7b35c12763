import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import {
  ACK_BITS,
  checkDocumentMessage,
  DOCUMENT_ACK_LEN,
  DOCUMENT_NOTICE_LEN,
  DocumentEncoding,
  DocumentMessageKind,
  FRAGMENT_COUNT_MAX,
  FRAGMENT_HEADER_LEN,
  fragmentCount,
  isFragment,
  readAckBit,
  readBodyLen,
  readChecksum,
  readDocumentKind,
  readDocumentMessageKind,
  readEncoding,
  readFragmentIndex,
  readFragmentLen,
  readNextIndex,
  readPayloadLen,
  readRequestId,
  readStatus,
  setAckBit,
  writeDocumentAck,
  writeDocumentNotice,
  writeFragmentHeader,
} from "../../src/wire/document_message.ts";
import { type MessageVector, viewOf, writeAt } from "./message_vector.ts";

const { REQUEST, ANSWER, REQUEST_ACK, ANSWER_ACK, CANCEL, GONE } = DocumentMessageKind;
const { PLAIN, GZIP } = DocumentEncoding;

const VECTORS: readonly MessageVector[] = [
  {
    name: "the only fragment of a request of 3 octets",
    hex: "00010300" + "89abcdef" + "00000003" + "c0ffee00" + "04d2" + "0000" + "0000" + "616263",
    write: (view, offset) => {
      writeFragmentHeader(view, offset, REQUEST, 3, PLAIN, 0x89abcdef, 3, 0xc0ffee00, 1234, 0, 0);
      [0x61, 0x62, 0x63].forEach((octet, at) => view.setUint8(offset + FRAGMENT_HEADER_LEN + at, octet));
    },
  },
  {
    name: "the last fragment of an answer, compressed",
    hex: "01010201" + "00000007" + "00000005" + "12345678" + "0002" + "0002" + "00c8" + "ff",
    write: (view, offset) => {
      writeFragmentHeader(view, offset, ANSWER, 2, GZIP, 7, 5, 0x12345678, 2, 2, 200);
      view.setUint8(offset + FRAGMENT_HEADER_LEN, 0xff);
    },
  },
  {
    name: "an answer without a body",
    hex: "01010100" + "00000007" + "00000000" + "00000000" + "04d2" + "0000" + "0194",
    write: (view, offset) => writeFragmentHeader(view, offset, ANSWER, 1, PLAIN, 7, 0, 0, 1234, 0, 404),
  },
  {
    name: "an ack of a request up to a gap, and of what is behind it",
    hex: "02010400" + "ffffffff" + "0102" + "05" + "00".repeat(30) + "80",
    write: (view, offset) => {
      writeDocumentAck(view, offset, REQUEST_ACK, 4, 0xffffffff, 0x102);
      for (const bit of [0, 2, 255]) setAckBit(view, offset, bit);
    },
  },
  {
    name: "an ack of a whole answer",
    hex: "03010300" + "00000001" + "ffff" + "00".repeat(32),
    write: (view, offset) => writeDocumentAck(view, offset, ANSWER_ACK, 3, 1, FRAGMENT_COUNT_MAX),
  },
  {
    name: "a cancel",
    hex: "04010300" + "01020304",
    write: (view, offset) => writeDocumentNotice(view, offset, CANCEL, 3, 0x01020304),
  },
  {
    name: "a gone",
    hex: "05010400" + "01020304",
    write: (view, offset) => writeDocumentNotice(view, offset, GONE, 4, 0x01020304),
  },
];

for (const { name, hex, write } of VECTORS) {
  Deno.test(`document_message writes ${name}, at any offset`, () => {
    for (const offset of [0, 1, 18]) {
      const view = writeAt(offset, hex.length / 2, write);
      assert.equal(new Uint8Array(view.buffer).subarray(offset, offset + hex.length / 2).toHex(), hex);
      assert.equal(checkDocumentMessage(view, offset, hex.length / 2), Reason.NONE);
    }
  });

  Deno.test(`checkDocumentMessage() refuses ${name} truncated at every length, and takes it padded`, () => {
    const octets = Uint8Array.fromHex(hex);
    for (let length = 0; length < octets.length; length++) {
      assert.equal(checkDocumentMessage(viewOf(octets.slice(0, length)), 0, length), Reason.CONTENT_TRUNCATED);
    }
    const padded = new Uint8Array(1500);
    padded.set(octets);
    assert.equal(checkDocumentMessage(viewOf(padded), 0, padded.length), Reason.NONE);
  });
}

Deno.test("checkDocumentMessage() refuses every kind but the six, and every version but 1", () => {
  for (let kind = 0; kind < 256; kind++) {
    for (const version of [0, 1, 2, 255]) {
      const view = new DataView(new ArrayBuffer(64));
      writeFragmentHeader(view, 0, kind, 1, PLAIN, 1, 1, 1, 100, 0, 200);
      view.setUint8(1, version);
      const reason = kind <= GONE && version === 1 ? Reason.NONE : Reason.USAGE_UNKNOWN;
      assert.equal(checkDocumentMessage(view, 0, 64), reason, `kind ${kind}, version ${version}`);
    }
  }
});

Deno.test("checkDocumentMessage() refuses fragments whose fields contradict each other", () => {
  const cases: [name: string, bodyLen: number, fragmentLen: number, index: number, encoding: number, reason: number][] =
    [
      ["fragments of no octets", 10, 0, 0, PLAIN, Reason.DOCUMENT_MALFORMED],
      ["a fragment behind the last", 10, 5, 2, PLAIN, Reason.DOCUMENT_MALFORMED],
      ["a second fragment of an empty body", 0, 5, 1, PLAIN, Reason.DOCUMENT_MALFORMED],
      ["an unknown encoding", 10, 5, 0, 2, Reason.DOCUMENT_MALFORMED],
      ["more fragments than can be acknowledged", FRAGMENT_COUNT_MAX + 1, 1, 0, PLAIN, Reason.DOCUMENT_MALFORMED],
      ["as many as can be acknowledged", FRAGMENT_COUNT_MAX, 1, FRAGMENT_COUNT_MAX - 1, PLAIN, Reason.NONE],
      ["a body of 4 GiB", 0xffff_ffff, 0xffff, 0, PLAIN, Reason.DOCUMENT_MALFORMED],
      ["less than a fragment", 2_000, 1_000, 0, PLAIN, Reason.CONTENT_TRUNCATED],
    ];
  for (const [name, bodyLen, fragmentLen, index, encoding, reason] of cases) {
    const view = new DataView(new ArrayBuffer(100));
    writeFragmentHeader(view, 0, ANSWER, 1, encoding, 1, bodyLen, 0, fragmentLen, index, 200);
    assert.equal(checkDocumentMessage(view, 0, 100), reason, name);
  }
});

Deno.test("fragmentCount() counts one fragment for an empty body, and no empty one behind a full one", () => {
  const counts = [0, 1, 9, 10, 11, 20, 21].map((bodyLen) => fragmentCount(bodyLen, 10));
  assert.deepEqual(counts, [1, 1, 1, 1, 2, 2, 3]);
});

Deno.test("the readers return what writeFragmentHeader() wrote, and the payloads add up to the body", () => {
  const fields = fc.record({
    offset: fc.nat(40),
    kind: fc.constantFrom(REQUEST, ANSWER),
    documentKind: fc.nat(255),
    encoding: fc.nat(1),
    id: fc.nat(0xffff_ffff),
    bodyLen: fc.nat(5_000),
    checksum: fc.nat(0xffff_ffff),
    fragmentLen: fc.integer({ min: 1, max: 1_500 }),
    status: fc.nat(0xffff),
  });
  fc.assert(
    fc.property(fields, ({ offset, kind, documentKind, encoding, id, bodyLen, checksum, fragmentLen, status }) => {
      let total = 0;
      for (let index = 0; index < fragmentCount(bodyLen, fragmentLen); index++) {
        const view = writeAt(offset, FRAGMENT_HEADER_LEN, (view, at) => {
          writeFragmentHeader(
            view,
            at,
            kind,
            documentKind,
            encoding,
            id,
            bodyLen,
            checksum,
            fragmentLen,
            index,
            status,
          );
        });
        assert.ok(isFragment(readDocumentMessageKind(view, offset)));
        assert.deepEqual(
          [readDocumentKind(view, offset), readEncoding(view, offset), readRequestId(view, offset)],
          [documentKind, encoding, id],
        );
        assert.deepEqual(
          [readBodyLen(view, offset), readChecksum(view, offset), readFragmentLen(view, offset)],
          [bodyLen, checksum, fragmentLen],
        );
        assert.deepEqual([readFragmentIndex(view, offset), readStatus(view, offset)], [index, status]);
        total += readPayloadLen(view, offset);
      }
      assert.equal(total, bodyLen);
    }),
  );
});

Deno.test("the readers return what writeDocumentAck() and setAckBit() wrote", () => {
  const bits = fc.uniqueArray(fc.nat(ACK_BITS - 1));
  fc.assert(fc.property(fc.nat(40), fc.nat(0xffff), bits, (offset, next, set) => {
    const view = writeAt(offset, DOCUMENT_ACK_LEN, (view, at) => {
      writeDocumentAck(view, at, ANSWER_ACK, 1, 1, next);
      for (const bit of set) setAckBit(view, at, bit);
    });
    assert.equal(readNextIndex(view, offset), next);
    for (let bit = 0; bit < ACK_BITS; bit++) assert.equal(readAckBit(view, offset, bit), set.includes(bit));
  }));
});

Deno.test("checkDocumentMessage() never throws, and lets pass only what can be read to its last octet", () => {
  const head = fc.tuple(fc.nat(6), fc.constant(1)).map((octets) => Uint8Array.from(octets));
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 60 }), fc.nat(8), (start, rest, offset) => {
      const whole = new Uint8Array(offset + start.length + rest.length);
      whole.set(start, offset);
      whole.set(rest, offset + start.length);
      const length = whole.length - offset;
      const view = viewOf(whole);
      const reason = checkDocumentMessage(view, offset, length);
      if (reason !== Reason.NONE) return;
      const kind = readDocumentMessageKind(view, offset);
      assert.ok(length >= DOCUMENT_NOTICE_LEN);
      if (isFragment(kind)) assert.ok(FRAGMENT_HEADER_LEN + readPayloadLen(view, offset) <= length);
      else if (kind === REQUEST_ACK || kind === ANSWER_ACK) readAckBit(view, offset, ACK_BITS - 1);
    }),
    { numRuns: 1_000 },
  );
});
