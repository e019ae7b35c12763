import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import {
  checkEthernet,
  ETHERNET_DESTINATION,
  ETHERNET_HEADER_LEN,
  ETHERNET_SOURCE,
  EtherType,
  isGroupAddress,
  networkOffset,
  readEtherType,
} from "../../src/wire/ethernet.ts";

const ADDRESSES = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];

/** Puts a frame at an offset in a larger buffer of other octets. */
function embed(octets: number[], offset: number): DataView {
  const buffer = new Uint8Array(offset + octets.length + 7).fill(0x81);
  buffer.set(octets, offset);
  return new DataView(buffer.buffer);
}

Deno.test("checkEthernet() accepts a frame of 14 octets and refuses every shorter one", () => {
  for (let length = 0; length < ETHERNET_HEADER_LEN; length++) {
    assert.equal(checkEthernet(length), Reason.FRAME_TRUNCATED);
  }
  assert.equal(checkEthernet(ETHERNET_HEADER_LEN), Reason.NONE);
});

Deno.test("networkOffset() looks behind up to two VLAN tags", () => {
  const customer = [0x81, 0x00, 0x20, 0x05];
  const service = [0x88, 0xa8, 0x00, 0x07];
  const rows: { name: string; tags: number[]; network: number; etherType: number }[] = [
    { name: "untagged", tags: [], network: 14, etherType: EtherType.IPV4 },
    { name: "802.1Q", tags: customer, network: 18, etherType: EtherType.IPV4 },
    { name: "802.1ad", tags: [...service, ...customer], network: 22, etherType: EtherType.IPV4 },
    { name: "three tags", tags: [...service, ...customer, ...customer], network: 22, etherType: EtherType.VLAN },
  ];
  for (const { name, tags, network, etherType } of rows) {
    for (const offset of [0, 3]) {
      const frame = [...ADDRESSES, ...tags, 0x08, 0x00];
      const view = embed(frame, offset);
      assert.equal(networkOffset(view, offset, frame.length), network, name);
      assert.equal(readEtherType(view, offset, network), etherType, name);
    }
  }
});

Deno.test("networkOffset() stays inside a frame that ends within its tags", () => {
  const frame = [...ADDRESSES, 0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x20, 0x05, 0x08, 0x00];
  for (let length = 14; length < frame.length; length++) {
    const view = new DataView(Uint8Array.from(frame.slice(0, length)).buffer);
    const network = networkOffset(view, 0, length);
    assert.ok(network <= length, `length ${length}`);
    assert.notEqual(readEtherType(view, 0, network), EtherType.IPV4, `length ${length}`);
  }
});

Deno.test("isGroupAddress() is true of broadcast and multicast, false of a station", () => {
  const view = embed(ADDRESSES, 5);
  assert.equal(isGroupAddress(view, 5 + ETHERNET_DESTINATION), true);
  assert.equal(isGroupAddress(view, 5 + ETHERNET_SOURCE), false);
});
