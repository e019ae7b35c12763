import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  checkTcp,
  findTcpOption,
  readTcpAck,
  readTcpChecksum,
  readTcpDestinationPort,
  readTcpFlags,
  readTcpSeq,
  readTcpSourcePort,
  readTcpWindow,
  TcpFlag,
  TcpOption,
  writeTcpChecksum,
  writeTcpFlags,
  writeTcpHeader,
  writeTcpMss,
  writeTcpNoOperation,
  writeTcpSackPermitted,
  writeTcpSeq,
  writeTcpTimestamps,
  writeTcpWindowScale,
} from "../../src/wire/tcp.ts";

/** A SYN with the options of Linux in their order: MSS, SACK-permitted, timestamps, no operation, window scale. */
const SYN = Uint8Array.from([
  ...[0x9c, 0x40, 0x00, 0x50, 0xfe, 0xdc, 0xba, 0x98, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0],
  ...[0x12, 0x34, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a, 0x01, 0x02, 0x03, 0x04],
  ...[0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07],
]);

/** Puts octets at an offset in a larger buffer of other octets. */
function embed(octets: Uint8Array, offset: number): DataView {
  const buffer = new Uint8Array(offset + octets.length + 5).fill(0xa5);
  buffer.set(octets, offset);
  return new DataView(buffer.buffer);
}

/** Returns a header with the given option octets, padded with zero octets. */
function withOptions(...options: number[]): DataView {
  const octets = new Uint8Array(20 + Math.ceil(options.length / 4) * 4);
  octets[12] = octets.length << 2;
  octets.set(options, 20);
  return new DataView(octets.buffer);
}

Deno.test("TCP accessors read the fields of a header, at any offset", () => {
  for (const offset of [0, 3, 34]) {
    const view = embed(SYN, offset);
    assert.equal(checkTcp(view, offset, SYN.length), 40);
    assert.equal(readTcpSourcePort(view, offset), 40000);
    assert.equal(readTcpDestinationPort(view, offset), 80);
    assert.equal(readTcpSeq(view, offset), 0xfedcba98);
    assert.equal(readTcpAck(view, offset), 0);
    assert.equal(readTcpFlags(view, offset), TcpFlag.SYN);
    assert.equal(readTcpWindow(view, offset), 64240);
    assert.equal(readTcpChecksum(view, offset), 0x1234);
  }
});

Deno.test("writeTcpHeader() writes the octets of a known header and nothing around them", () => {
  const view = embed(SYN, 3);
  for (let i = 0; i < 20; i++) view.setUint8(3 + i, 0xee);
  writeTcpHeader(view, 3, 40000, 80, 0xfedcba98, 0, 40, TcpFlag.SYN, 64240);
  writeTcpChecksum(view, 3, 0x1234);
  assert.deepEqual(view, embed(SYN, 3));
});

Deno.test("writeTcpSeq() and writeTcpFlags() write one field each", () => {
  const view = embed(SYN, 1);
  writeTcpSeq(view, 1, 0x01020304);
  writeTcpFlags(view, 1, 0xff);
  const expected = Uint8Array.from(SYN);
  expected.set([1, 2, 3, 4], 4);
  expected[13] = 0xff;
  assert.deepEqual(view, embed(expected, 1));
});

Deno.test("checkTcp() refuses a header truncated at any length, and every impossible data offset", () => {
  for (let dataOffset = 0; dataOffset < 16; dataOffset++) {
    const octets = new Uint8Array(60);
    octets[12] = dataOffset << 4;
    for (let length = 0; length <= 60; length++) {
      const isWhole = dataOffset >= 5 && length >= dataOffset * 4;
      const view = new DataView(octets.buffer, 0, length);
      assert.equal(checkTcp(view, 0, length), isWhole ? dataOffset * 4 : 0, `${dataOffset}, length ${length}`);
    }
  }
});

Deno.test("findTcpOption() finds each option of a SYN", () => {
  const view = embed(SYN, 3);
  assert.equal(findTcpOption(view, 3, 40, TcpOption.MSS), 3 + 20);
  assert.equal(findTcpOption(view, 3, 40, TcpOption.SACK_PERMITTED), 3 + 24);
  assert.equal(findTcpOption(view, 3, 40, TcpOption.TIMESTAMPS), 3 + 26);
  assert.equal(findTcpOption(view, 3, 40, TcpOption.WINDOW_SCALE), 3 + 37);
  assert.equal(findTcpOption(view, 3, 40, TcpOption.SACK), -1);
});

Deno.test("findTcpOption() stops at the end of the list and at impossible lengths", () => {
  const { MSS, TIMESTAMPS, NO_OPERATION, END } = TcpOption;
  const rows: { name: string; view: DataView }[] = [
    { name: "behind END", view: withOptions(NO_OPERATION, END, MSS, 4, 5, 0xb4) },
    { name: "behind length 0", view: withOptions(TIMESTAMPS, 0, MSS, 4, 5, 0xb4) },
    { name: "behind length 1", view: withOptions(TIMESTAMPS, 1, MSS, 4, 5, 0xb4) },
    { name: "longer than the header", view: withOptions(MSS, 5, 5, 0xb4) },
    { name: "no room for its length", view: withOptions(1, 1, 1, MSS) },
    { name: "no options", view: withOptions() },
  ];
  for (const { name, view } of rows) {
    assert.equal(findTcpOption(view, 0, view.byteLength, MSS), -1, name);
  }
});

Deno.test("findTcpOption() finds a whole option or nothing, whatever the options are, and reads nothing outside", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 2, max: 8 }), (options, kind) => {
      const view = withOptions(...options);
      const at = findTcpOption(view, 0, view.byteLength, kind);
      if (at === -1) return;
      assert.equal(view.getUint8(at), kind);
      assert.ok(at + view.getUint8(at + 1) <= view.byteLength);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("option writers write the options of a known SYN, each behind the other, and nothing around them", () => {
  const view = embed(SYN, 3);
  for (let at = 23; at < 43; at++) view.setUint8(at, 0xee);
  let at = writeTcpMss(view, 23, 1460);
  at = writeTcpSackPermitted(view, at);
  at = writeTcpTimestamps(view, at, 0x01020304, 0);
  at = writeTcpNoOperation(view, at);
  at = writeTcpWindowScale(view, at, 7);
  assert.equal(at, 43);
  assert.deepEqual(view, embed(SYN, 3));
});
