import { strict as assert } from "node:assert";
import { endianness } from "node:os";
import { Reason } from "../../src/base/reason.ts";
import {
  checkVirtioNetHdr,
  GSO_ECN,
  GsoType,
  readCsumOffset,
  readCsumStart,
  readGsoSize,
  readGsoType,
  readVirtioFlags,
  readVirtioHdrLen,
  VIRTIO_NET_HDR_LEN,
  VirtioNetFlag,
  writeVirtioNetHdr,
} from "../../src/wire/virtio_net_hdr.ts";

const { NEEDS_CSUM, DATA_VALID } = VirtioNetFlag;

type Fields = [flags: number, gsoType: number, hdrLen: number, gsoSize: number, csumStart: number, csumOffset: number];

function header(...fields: Fields): DataView {
  const view = new DataView(new ArrayBuffer(VIRTIO_NET_HDR_LEN));
  writeVirtioNetHdr(view, 0, ...fields);
  return view;
}

Deno.test("writeVirtioNetHdr() writes the octets that Linux writes for a TCP super-frame, in the host's byte order", () => {
  const octets = new Uint8Array(3 + VIRTIO_NET_HDR_LEN + 3).fill(0xa5);
  writeVirtioNetHdr(new DataView(octets.buffer), 3, NEEDS_CSUM, GsoType.TCPV4, 66, 1448, 34, 16);
  const little = [1, 1, 66, 0, 0xa8, 0x05, 34, 0, 16, 0];
  const big = [1, 1, 0, 66, 0x05, 0xa8, 0, 34, 0, 16];
  const expected = endianness() === "LE" ? little : big;
  assert.deepEqual(Array.from(octets), [0xa5, 0xa5, 0xa5, ...expected, 0xa5, 0xa5, 0xa5]);
});

Deno.test("every accessor reads back what writeVirtioNetHdr() wrote", () => {
  const view = header(NEEDS_CSUM | DATA_VALID, GsoType.TCPV6 | GSO_ECN, 0x1234, 0x5678, 0x9abc, 0xdef0);
  assert.equal(readVirtioFlags(view, 0), NEEDS_CSUM | DATA_VALID);
  assert.equal(readGsoType(view, 0), GsoType.TCPV6);
  assert.equal(readVirtioHdrLen(view, 0), 0x1234);
  assert.equal(readGsoSize(view, 0), 0x5678);
  assert.equal(readCsumStart(view, 0), 0x9abc);
  assert.equal(readCsumOffset(view, 0), 0xdef0);
});

Deno.test("checkVirtioNetHdr() accepts what a kernel sends and refuses what contradicts itself", () => {
  const rows: { name: string; fields: Fields; reason: number }[] = [
    { name: "ordinary", fields: [0, GsoType.NONE, 0, 0, 0, 0], reason: Reason.NONE },
    { name: "ordinary, verified", fields: [DATA_VALID, GsoType.NONE, 0, 0, 0, 0], reason: Reason.NONE },
    { name: "checksum open", fields: [NEEDS_CSUM, GsoType.NONE, 0, 0, 34, 16], reason: Reason.NONE },
    { name: "TCPv4", fields: [NEEDS_CSUM, GsoType.TCPV4, 54, 1460, 34, 16], reason: Reason.NONE },
    { name: "TCPv6, ECN", fields: [NEEDS_CSUM, GsoType.TCPV6 | GSO_ECN, 74, 1440, 54, 16], reason: Reason.NONE },
    { name: "UDP", fields: [NEEDS_CSUM, GsoType.UDP_L4, 42, 1200, 34, 6], reason: Reason.NONE },
    { name: "TCPv4, verified", fields: [DATA_VALID, GsoType.TCPV4, 54, 1460, 0, 0], reason: Reason.NONE },
    { name: "hdrLen covers payload", fields: [NEEDS_CSUM, GsoType.TCPV4, 100, 1460, 34, 16], reason: Reason.NONE },
    { name: "checksum ends the frame", fields: [NEEDS_CSUM, GsoType.NONE, 0, 0, 90, 8], reason: Reason.NONE },
    {
      name: "checksum beyond the frame",
      fields: [NEEDS_CSUM, GsoType.NONE, 0, 0, 90, 9],
      reason: Reason.FRAME_OFFLOAD,
    },
    {
      name: "checksum far beyond the frame",
      fields: [NEEDS_CSUM, GsoType.NONE, 0, 0, 0xffff, 0xffff],
      reason: Reason.FRAME_OFFLOAD,
    },
    { name: "csumStart 0", fields: [NEEDS_CSUM, GsoType.NONE, 0, 0, 0, 16], reason: Reason.FRAME_OFFLOAD },
    {
      name: "hdrLen beyond the frame",
      fields: [NEEDS_CSUM, GsoType.TCPV4, 101, 1460, 34, 16],
      reason: Reason.FRAME_OFFLOAD,
    },
    { name: "gsoSize 0", fields: [NEEDS_CSUM, GsoType.TCPV4, 54, 0, 34, 16], reason: Reason.FRAME_OFFLOAD },
    { name: "GSO of unknown checksum", fields: [0, GsoType.TCPV4, 54, 1460, 0, 0], reason: Reason.FRAME_OFFLOAD },
    { name: "UFO, retired", fields: [NEEDS_CSUM, 3, 42, 1200, 34, 6], reason: Reason.FRAME_OFFLOAD },
    {
      name: "UDP with ECN",
      fields: [NEEDS_CSUM, GsoType.UDP_L4 | GSO_ECN, 42, 1200, 34, 6],
      reason: Reason.FRAME_OFFLOAD,
    },
    { name: "ECN alone", fields: [NEEDS_CSUM, GSO_ECN, 42, 1200, 34, 6], reason: Reason.FRAME_OFFLOAD },
  ];
  for (const { name, fields, reason } of rows) {
    assert.equal(checkVirtioNetHdr(header(...fields), 0, 100), reason, name);
  }
});

Deno.test("checkVirtioNetHdr() refuses every unknown flag and every unknown GSO type", () => {
  for (let bit = 4; bit < 256; bit *= 2) {
    assert.equal(checkVirtioNetHdr(header(bit, GsoType.NONE, 0, 0, 0, 0), 0, 100), Reason.FRAME_OFFLOAD);
  }
  const known: number[] = [...Object.values(GsoType), GsoType.TCPV4 | GSO_ECN, GsoType.TCPV6 | GSO_ECN];
  for (let gsoType = 0; gsoType < 256; gsoType++) {
    const reason = checkVirtioNetHdr(header(NEEDS_CSUM, gsoType, 54, 1460, 34, 16), 0, 100);
    assert.equal(reason === Reason.NONE, known.includes(gsoType), String(gsoType));
  }
});
