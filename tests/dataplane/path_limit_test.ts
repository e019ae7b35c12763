import { strict as assert } from "node:assert";
import fc from "fast-check";
import { maxFrameLen, NO_FRAME_LIMIT } from "../../src/dataplane/path_limit.ts";
import { EG_HEADER_LEN } from "../../src/wire/eg_header.ts";
import { paddedContentLength, TRANSPORT_OVERHEAD_LEN } from "../../src/wire/transport_message.ts";

/** Returns the length of the datagram that a frame becomes. */
function datagramLen(frameLen: number, mtu: number): number {
  return TRANSPORT_OVERHEAD_LEN + paddedContentLength(EG_HEADER_LEN + frameLen, mtu);
}

Deno.test("maxFrameLen() gives the frame of known paths", () => {
  const rows: { name: string; datagram: number; mtu: number; frame: number }[] = [
    { name: "no limit known", datagram: 0, mtu: 1404, frame: NO_FRAME_LIMIT },
    { name: "UDP over IPv6, full frame unpadded", datagram: 1452, mtu: 1404, frame: 1418 },
    { name: "one octet less: a whole unit of padding less", datagram: 1451, mtu: 1404, frame: 1404 },
    { name: "FakeTCP over IPv4 with timestamps", datagram: 1448, mtu: 1404, frame: 1404 },
    { name: "FakeTCP over IPv6 with timestamps", datagram: 1428, mtu: 1404, frame: 1388 },
    { name: "room for an empty frame", datagram: 46, mtu: 1404, frame: 12 },
    { name: "room for padding only", datagram: 45, mtu: 1404, frame: 0 },
    { name: "shorter than a keepalive", datagram: 29, mtu: 1404, frame: 0 },
  ];
  for (const { name, datagram, mtu, frame } of rows) assert.equal(maxFrameLen(datagram, mtu), frame, name);
});

Deno.test("maxFrameLen() is the longest frame whose datagram fits, at every length and MTU", () => {
  fc.assert(
    fc.property(fc.integer({ min: 50, max: 66000 }), fc.integer({ min: 68, max: 9000 }), (datagram, mtu) => {
      const frameLen = maxFrameLen(datagram, mtu);
      assert.ok(datagramLen(frameLen, mtu) <= datagram);
      assert.ok(datagramLen(frameLen + 1, mtu) > datagram);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("maxFrameLen() never grows when the datagram shrinks", () => {
  for (const mtu of [68, 576, 1404, 1500]) {
    for (let datagram = 2; datagram < 4000; datagram++) {
      assert.ok(maxFrameLen(datagram - 1, mtu) <= maxFrameLen(datagram, mtu), `${datagram} octets, MTU ${mtu}`);
    }
  }
});
