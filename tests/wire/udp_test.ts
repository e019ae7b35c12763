import { strict as assert } from "node:assert";
import {
  checkUdp,
  readUdpChecksum,
  readUdpLen,
  UDP_CHECKSUM,
  UDP_HEADER_LEN,
  writeUdpChecksum,
  writeUdpLen,
} from "../../src/wire/udp.ts";

/** A query from port 49152 to a name server. */
const HEADER = Uint8Array.of(0xc0, 0x00, 0x00, 0x35, 0x00, 0x25, 0xab, 0xcd);

Deno.test("UDP accessors agree with the octets of a known header, at any offset", () => {
  for (const offset of [0, 3]) {
    const octets = new Uint8Array(offset + 12).fill(0xa5);
    const view = new DataView(octets.buffer);
    octets.set(HEADER.subarray(0, 4), offset);
    writeUdpLen(view, offset, 37);
    writeUdpChecksum(view, offset, 0xabcd);
    assert.deepEqual(octets.subarray(offset, offset + UDP_HEADER_LEN), HEADER);
    assert.deepEqual(octets.subarray(offset + UDP_HEADER_LEN), new Uint8Array(4).fill(0xa5));
    assert.equal(readUdpLen(view, offset), 37);
    assert.equal(readUdpChecksum(view, offset), 0xabcd);
    assert.equal(view.getUint16(offset + UDP_CHECKSUM), 0xabcd);
  }
});

Deno.test("checkUdp() refuses a header truncated at any length", () => {
  for (let length = 0; length < 20; length++) assert.equal(checkUdp(length), length < 8 ? 0 : 8);
});
