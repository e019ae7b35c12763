import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, writeEndpoint } from "../../src/base/endpoint.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import {
  ConnectionFlag,
  type ConnectionTable,
  createConnectionTable,
  linkConnection,
  REMOTE_WORDS,
} from "../../src/faketcp/connection_table.ts";
import { LINUX } from "../../src/faketcp/fingerprint.ts";
import {
  completeChecksum,
  createLocalHost,
  rowHeaderLen,
  SEGMENT_HEADER_MAX,
  segmentHeaderLen,
  SynOption,
  timestampAt,
  writeReset,
  writeSegment,
  writeSyn,
} from "../../src/faketcp/packet.ts";
import { checkSegment, createSegmentInfo, verifyChecksum } from "../../src/faketcp/segment_reader.ts";
import { pseudoHeaderSum4, pseudoHeaderSum6 } from "../../src/wire/checksum.ts";
import { readIpv4Identification } from "../../src/wire/ipv4.ts";
import { readTcpChecksum, TcpFlag } from "../../src/wire/tcp.ts";
import { REFERENCE_SEGMENTS } from "../vectors/faketcp.ts";

const { SYN, ACK, PSH, RST } = TcpFlag;

const V4 = Uint8Array.of(192, 0, 2, 1);
const V6 = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, ...new Uint8Array(11), 1]);
const OTHER_V4 = Uint8Array.of(198, 51, 100, 2);
const OTHER_V6 = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, ...new Uint8Array(11), 2]);
const HERE = createLocalHost(V4, V6, 64);
const THERE = createLocalHost(OTHER_V4, OTHER_V6, 64);

/** A table whose row 0 is a connection from port 3001 to the other host's port 3002. */
function tableWithRow(family: number, flags: number): ConnectionTable {
  const table = createConnectionTable(4, seededRandom(1));
  const remote = new Uint32Array(ENDPOINT_WORDS);
  writeEndpoint(remote, 0, family === 4 ? OTHER_V4 : OTHER_V6, 3002);
  linkConnection(table, 0, remote, 0, 3001);
  table.flags[0] = flags;
  table.rcvWnd[0] = 0xffff;
  table.iss[0] = 77;
  return table;
}

Deno.test("writeSyn() and writeSegment() write the reference node's octets where they look alike", () => {
  const table = tableWithRow(4, 0);
  const view = new DataView(new ArrayBuffer(SEGMENT_HEADER_MAX + 8));
  const { WINDOW_SCALE } = SynOption;
  const synLen = writeSyn(view, 0, table.remote, 0, HERE, 0, SYN, 0x11223344, 0, 0xffff, WINDOW_SCALE, 0, 14, 0, 0);
  completeChecksum(view, 0, synLen);
  assert.equal(new Uint8Array(view.buffer, 0, synLen).toHex(), REFERENCE_SEGMENTS.syn);

  table.identification[0] = 0;
  const headerLen = writeSegment(view, 0, table, 0, HERE, ACK, 0x11223345, 0x55667789, 0, 3, 1);
  new Uint8Array(view.buffer).set([0x04, 0xc8, 0x01], headerLen);
  completeChecksum(view, 0, headerLen + 3);
  assert.equal(new Uint8Array(view.buffer, 0, headerLen + 3).toHex(), REFERENCE_SEGMENTS.data);
});

Deno.test("writeSyn() writes the options of Linux in their order", () => {
  const table = tableWithRow(4, 0);
  const view = new DataView(new ArrayBuffer(SEGMENT_HEADER_MAX));
  const write = (options: number) => {
    const length = writeSyn(view, 0, table.remote, 0, HERE, 1, SYN, 0, 0, 64240, options, 1460, 7, 0x01020304, 0);
    return new Uint8Array(view.buffer, 40, length - 40).toHex();
  };
  assert.equal(write(LINUX.synOptions), "020405b40402080a010203040000000001030307");
  const { MSS, SACK_PERMITTED, WINDOW_SCALE, TIMESTAMPS } = SynOption;
  assert.equal(write(MSS | SACK_PERMITTED | WINDOW_SCALE), "020405b40101040201030307");
  assert.equal(write(TIMESTAMPS), "0101080a0102030400000000");
  assert.equal(write(0), "");
});

Deno.test("writeSegment() writes a segment that reads back, at any offset, for both families", () => {
  for (const family of [4, 6]) {
    for (const flags of [0, ConnectionFlag.TIMESTAMPS]) {
      const table = tableWithRow(family, flags);
      table.rcvWnd[0] = 0xffff << 7;
      table.rcvScale[0] = 7;
      table.tsOffset[0] = 0xfffffff0;
      table.tsRecent[0] = 0x0a0b0c0d;
      const view = new DataView(new ArrayBuffer(1500));
      const offset = 13;
      const headerLen = writeSegment(view, offset, table, 0, HERE, ACK | PSH, 0xfffffffe, 5, 100.7, 1000, 1);
      assert.equal(headerLen, rowHeaderLen(table, 0));
      assert.equal(headerLen, segmentHeaderLen(family, flags !== 0));
      completeChecksum(view, offset, headerLen + 1000);
      const info = createSegmentInfo();
      assert.equal(checkSegment(view, offset, headerLen + 1000, THERE, info), Reason.NONE);
      assert.equal(verifyChecksum(view, offset, info), Reason.NONE);
      assert.deepEqual([info.seq, info.ack, info.flags, info.payloadLen], [0xfffffffe, 5, ACK | PSH, 1000]);
      assert.deepEqual([info.window, info.tuple[1], info.localPort], [0xffff, 3001, 3002]);
      assert.equal(info.hasTimestamps, flags !== 0);
      if (flags !== 0) assert.deepEqual([info.tsVal, info.tsEcr], [100 - 16, 0x0a0b0c0d]);
    }
  }
});

Deno.test("writeSegment() leaves the pseudo-header's sum of the whole super-segment for NEEDS_CSUM", () => {
  for (const family of [4, 6]) {
    const table = tableWithRow(family, 0);
    const view = new DataView(new ArrayBuffer(200));
    const headerLen = writeSegment(view, 0, table, 0, HERE, ACK, 1, 2, 0, 60_000, 42);
    const ipLen = headerLen - 20;
    const expected = family === 4 ? pseudoHeaderSum4(view, 0, 6, 60_020) : pseudoHeaderSum6(view, 0, 6, 60_020);
    assert.equal(readTcpChecksum(view, ipLen), expected);
  }
});

Deno.test("writeSegment() takes an identification for each segment that the kernel will cut", () => {
  const table = tableWithRow(4, 0);
  table.identification[0] = 0x1fffe;
  const view = new DataView(new ArrayBuffer(100));
  const ids = [3, 1, 1].map((count) => {
    writeSegment(view, 0, table, 0, HERE, ACK, 1, 2, 0, 0, count);
    return readIpv4Identification(view, 0);
  });
  assert.deepEqual(ids, [0xfffe, 1, 2]);
});

Deno.test("the flow label of a connection stays the same, and differs from another's", () => {
  const table = tableWithRow(6, 0);
  const view = new DataView(new ArrayBuffer(100));
  const label = () => {
    writeSegment(view, 0, table, 0, HERE, ACK, 1, 2, 0, 0, 1);
    return view.getUint32(0) & 0xfffff;
  };
  const first = label();
  assert.equal(label(), first);
  table.iss[0] = 78;
  assert.notEqual(label(), first);
  assert.equal(view.getUint32(0) >>> 20, 0x600);
});

Deno.test("writeReset() writes a segment without window and options", () => {
  const table = tableWithRow(4, ConnectionFlag.TIMESTAMPS);
  const view = new DataView(new ArrayBuffer(100));
  const length = writeReset(view, 0, table.remote, 0, HERE, RST | ACK, 0, 9);
  completeChecksum(view, 0, length);
  const info = createSegmentInfo();
  assert.equal(length, 40);
  assert.equal(checkSegment(view, 0, length, THERE, info), Reason.NONE);
  assert.equal(verifyChecksum(view, 0, info), Reason.NONE);
  assert.deepEqual([info.flags, info.seq, info.ack, info.window], [RST | ACK, 0, 9, 0]);
});

Deno.test("timestampAt() wraps around, and counts whole milliseconds", () => {
  assert.equal(timestampAt(1.9, 0xffffffff), 0);
  assert.equal(timestampAt(2 ** 40 + 5, 0), 5);
});

Deno.test("a row of the table is a tuple as the writers take it", () => {
  const table = tableWithRow(6, 0);
  assert.equal(table.remote[0], 6);
  assert.equal(table.remote[REMOTE_WORDS - 1], 3001);
});
