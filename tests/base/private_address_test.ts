import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { isPrivateAddress } from "../../src/base/private_address.ts";

function octets(text: string): Uint8Array {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new TypeError(`Cannot parse "${text}"`);
  return parsed;
}

/** For each range its first and last address, and the public addresses just outside where there are any. */
const RANGES: [range: string, inside: string[], outside: string[]][] = [
  ["0.0.0.0/8", ["0.0.0.0", "0.255.255.255"], ["1.0.0.0"]],
  ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]],
  ["100.64.0.0/10", ["100.64.0.0", "100.127.255.255"], ["100.63.255.255", "100.128.0.0"]],
  ["127.0.0.0/8", ["127.0.0.0", "127.255.255.255"], ["126.255.255.255", "128.0.0.0"]],
  ["169.254.0.0/16", ["169.254.0.0", "169.254.255.255"], ["169.253.255.255", "169.255.0.0"]],
  ["172.16.0.0/12", ["172.16.0.0", "172.31.255.255"], ["172.15.255.255", "172.32.0.0"]],
  ["192.0.0.0/24", ["192.0.0.0", "192.0.0.255"], ["191.255.255.255", "192.0.1.0"]],
  ["192.0.2.0/24", ["192.0.2.0", "192.0.2.255"], ["192.0.1.255", "192.0.3.0"]],
  ["192.168.0.0/16", ["192.168.0.0", "192.168.255.255"], ["192.167.255.255", "192.169.0.0"]],
  ["198.18.0.0/15", ["198.18.0.0", "198.19.255.255"], ["198.17.255.255", "198.20.0.0"]],
  ["198.51.100.0/24", ["198.51.100.0", "198.51.100.255"], ["198.51.99.255", "198.51.101.0"]],
  ["203.0.113.0/24", ["203.0.113.0", "203.0.113.255"], ["203.0.112.255", "203.0.114.0"]],
  ["224.0.0.0/4", ["224.0.0.0", "239.255.255.255"], ["223.255.255.255"]],
  ["240.0.0.0/4", ["240.0.0.0", "255.255.255.255"], []],
  ["::/128", ["::"], ["::2"]],
  ["::1/128", ["::1"], ["::1:0:1"]],
  ["fe80::/10", ["fe80::", "febf:ffff::1"], ["fe7f::1", "fec0::"]],
  ["fc00::/7", ["fc00::", "fdff:ffff::1"], ["fbff::1", "fe00::"]],
  ["ff00::/8", ["ff00::", "ffff::1"], ["feff::1"]],
  ["2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db7::1", "2001:db9::"]],
  ["::ffff:0:0/96", ["::ffff:10.1.2.3", "::ffff:127.0.0.1"], ["::ffff:8.8.8.8", "::fffe:10.1.2.3"]],
];

for (const [range, inside, outside] of RANGES) {
  Deno.test(`isPrivateAddress() tells what lies in ${range}`, () => {
    for (const address of inside) assert.equal(isPrivateAddress(octets(address)), true, address);
    for (const address of outside) assert.equal(isPrivateAddress(octets(address)), false, address);
  });
}

Deno.test("isPrivateAddress() refuses what is no address", () => {
  for (const length of [0, 3, 5, 15, 17]) assert.equal(isPrivateAddress(new Uint8Array(length).fill(8)), true);
});
