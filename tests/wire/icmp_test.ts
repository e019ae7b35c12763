import { strict as assert } from "node:assert";
import {
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_UNREACHABLE,
  ICMPV6_TOO_BIG,
  readIcmpCode,
  readIcmpMtu,
  readIcmpType,
  readIcmpv6Mtu,
} from "../../src/wire/icmp.ts";

Deno.test("ICMP accessors read fragmentation needed, at any offset", () => {
  const message = Uint8Array.fromHex("0304aabb000005784500");
  for (const offset of [0, 5]) {
    const buffer = new Uint8Array(offset + message.length).fill(0xa5);
    buffer.set(message, offset);
    const view = new DataView(buffer.buffer);
    assert.equal(readIcmpType(view, offset), ICMP_UNREACHABLE);
    assert.equal(readIcmpCode(view, offset), ICMP_FRAGMENTATION_NEEDED);
    assert.equal(readIcmpMtu(view, offset), 1400);
  }
});

Deno.test("ICMP accessors read packet too big of ICMPv6, whose MTU has 32 bits", () => {
  const view = new DataView(Uint8Array.fromHex("0200aabb000100006000").buffer);
  assert.equal(readIcmpType(view, 0), ICMPV6_TOO_BIG);
  assert.equal(readIcmpv6Mtu(view, 0), 65536);
});
