import { strict as assert } from "node:assert";
import { formatIpAddress, parseIpAddress } from "../../src/base/endpoint.ts";
import {
  addressOfNode,
  haveCommonPrefix,
  isHostAddress,
  isLinkLocalUnicast,
  macAddressOfNode,
  nodeCapacity,
  parseCidr,
} from "../../src/base/interface_address.ts";
import { formatMacAddress, parseMacPrefix } from "../../src/base/mac_address.ts";

/** Rows of `config.md` §6.1, and of `behaviour.md` §8.4; `undefined` is an error. */
const ADDRESSES: readonly [range: string, nodeId: number, address: string | undefined][] = [
  ["192.168.76.0/24", 1, "192.168.76.1/24"],
  ["192.168.76.0/24", 254, "192.168.76.254/24"],
  ["192.168.76.0/24", 255, undefined],
  ["192.168.76.0/24", 0, "192.168.76.254/24"],
  ["192.168.76.9/24", 3, "192.168.76.3/24"],
  ["10.0.0.5/32", 7, "10.0.0.5/32"],
  ["10.0.0.5/32", 0, "10.0.0.5/32"],
  ["10.0.0.4/31", 0, "10.0.0.4/31"],
  ["10.0.0.4/31", 1, "10.0.0.5/31"],
  // The reference node gives 10.0.0.6 here, which lies outside.
  ["10.0.0.4/31", 2, undefined],
  ["10.0.0.4/31", 3, undefined],
  ["10.0.0.4/30", 2, "10.0.0.6/30"],
  ["10.0.0.4/30", 3, undefined],
  ["10.0.0.4/30", 0, "10.0.0.6/30"],
  ["0.0.0.0/0", 65531, "0.0.255.251/0"],
  ["fd95:71cb:a3df:e586::/64", 258, "fd95:71cb:a3df:e586::102/64"],
  ["fe80::a3df:0/112", 258, "fe80::a3df:102/112"],
  ["fe80::a3df:0/112", 0, "fe80::a3df:fffe/112"],
  ["::/0", 0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/0"],
  ["fd00::7/128", 9, "fd00::7/128"],
];

for (const [range, nodeId, expected] of ADDRESSES) {
  Deno.test(`addressOfNode() makes ${expected ?? "nothing"} of ${range} for node ${nodeId}`, () => {
    const cidr = parseCidr(range, range.includes(":") ? 6 : 4);
    assert.ok(cidr !== undefined);
    const actual = addressOfNode(cidr, nodeId);
    assert.equal(actual && `${formatIpAddress(actual.address)}/${actual.prefixLength}`, expected);
  });
}

Deno.test("nodeCapacity() is the greatest node that addressOfNode() has an address for", () => {
  for (let prefixLength = 17; prefixLength <= 31; prefixLength++) {
    const range = { address: Uint8Array.of(10, 1, 128, 0), prefixLength };
    const capacity = nodeCapacity(range);
    assert.ok(addressOfNode(range, capacity) !== undefined, `/${prefixLength}`);
    assert.equal(addressOfNode(range, capacity + 1), undefined, `/${prefixLength}`);
  }
  assert.equal(nodeCapacity({ address: new Uint8Array(4), prefixLength: 32 }), Infinity);
});

Deno.test("parseCidr() refuses what is no range of the family", () => {
  const refused: readonly [string, 4 | 6][] = [
    ["192.168.76.0", 4],
    ["192.168.76.0/33", 4],
    ["192.168.76.0/", 4],
    ["192.168.76/24", 4],
    ["192.168.76.0/-1", 4],
    ["192.168.76.0/24/8", 4],
    ["fd00::/64", 4],
    ["192.168.76.0/24", 6],
    ["fd00::/129", 6],
    ["::ffff:192.168.76.0/112", 6],
    ["", 4],
    ["/24", 4],
  ];
  for (const [text, family] of refused) assert.equal(parseCidr(text, family), undefined, text);
});

Deno.test("isLinkLocalUnicast() accepts fe80::/64 and nothing around it", () => {
  const octets = (text: string) => parseCidr(`${text}/128`, 6)!.address;
  assert.ok(isLinkLocalUnicast(octets("fe80::a3df:102")));
  for (const text of ["fe80:0:0:1::1", "fe81::1", "fd00::1", "::1"]) assert.ok(!isLinkLocalUnicast(octets(text)), text);
  assert.ok(!isLinkLocalUnicast(Uint8Array.of(254, 128, 0, 0)));
});

/** Rows of `config.md` §6.2. */
const MAC_ADDRESSES: readonly [prefix: string, nodeId: number, address: string | undefined][] = [
  ["AA:BB:CC:DD", 258, "aa:bb:cc:dd:01:02"],
  ["AA:BB", 258, "aa:bb:00:00:01:02"],
  ["AA:BB:CC", 258, "aa:bb:cc:00:01:02"],
  ["AA:BB:CC:DD:EE", 258, "aa:bb:cc:dd:ee:02"],
  ["02:11:22:33:44:55", 258, "02:11:22:33:44:55"],
  ["2:1", 65531, "02:01:00:00:ff:fb"],
  ["01:BB:CC:DD", 258, undefined],
];

for (const [prefix, nodeId, expected] of MAC_ADDRESSES) {
  Deno.test(`macAddressOfNode() makes ${expected ?? "nothing"} of ${prefix} for node ${nodeId}`, () => {
    const octets = macAddressOfNode(parseMacPrefix(prefix)!, nodeId);
    assert.equal(octets && formatMacAddress(octets), expected);
  });
}

Deno.test("macAddressOfNode() refuses a prefix of another length", () => {
  for (const length of [0, 1, 7]) assert.equal(macAddressOfNode(new Uint8Array(length), 1), undefined);
});

const PREFIXES: readonly [a: string, b: string, common: number][] = [
  ["10.0.0.1", "10.0.0.1", 32],
  ["10.0.0.2", "10.0.0.3", 31],
  ["10.0.0.1", "138.0.0.1", 0],
  ["192.168.200.1", "192.168.201.1", 23],
  ["fd00:200::1", "fd00:201::1", 31],
  ["fd00::", "fd00::1", 127],
];

for (const [a, b, common] of PREFIXES) {
  Deno.test(`haveCommonPrefix() finds ${common} bits common to ${a} and ${b}`, () => {
    const [one, other] = [a, b].map((text) => parseIpAddress(text)!);
    for (let bits = 0; bits <= one.length * 8; bits++) {
      assert.equal(haveCommonPrefix(one, other, bits), bits <= common, String(bits));
    }
  });
}

const HOSTS: readonly [address: string, isHost: boolean][] = [
  ["10.0.0.0/24", false],
  ["10.0.0.1/24", true],
  ["10.0.0.254/24", true],
  ["10.0.0.255/24", false],
  ["10.0.0.4/30", false],
  ["10.0.0.7/30", false],
  ["10.0.0.4/31", true],
  ["10.0.0.5/31", true],
  ["10.0.0.0/32", true],
  ["fd00::/64", false],
  ["fd00::ffff:ffff:ffff:ffff/64", true],
  ["fd00::/127", true],
  ["fd00::/128", true],
];

for (const [text, isHost] of HOSTS) {
  Deno.test(`isHostAddress() ${isHost ? "accepts" : "refuses"} ${text}`, () => {
    assert.equal(isHostAddress(parseCidr(text, text.includes(":") ? 6 : 4)!), isHost);
  });
}
