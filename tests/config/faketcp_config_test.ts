import { strict as assert } from "node:assert";
import type { FakeTcpConfig } from "../../src/config/faketcp_config.ts";
import { OTHER_KEY, read, readValid, shortIssues, SMALL_FILE } from "./edge_files.ts";

/** `FakeTCP` of a valid file with these keys. */
function fakeTcp(keys: string, lines = ""): FakeTcpConfig {
  return readValid(`${SMALL_FILE}${lines}FakeTCP: {${keys}}`).fakeTcp;
}

Deno.test("readFakeTcp() sets IPv6 only if both of its keys are there", () => {
  assert.equal(fakeTcp("TunIPv6: 'fd00:200::1/64'").ipv6, undefined);
  assert.equal(fakeTcp("TunPeerIPv6: 'fd00:200::2'").ipv6, undefined);
  const both = fakeTcp("TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 'fd00:200::2'").ipv6;
  assert.equal(both?.host.prefixLength, 64);
  assert.equal(both?.stack[15], 2);
});

Deno.test("readFakeTcp() has no subnet of a family that is off", () => {
  const ipv6Keys = "Enabled: true, TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 'fd00:200::2'";
  assert.equal(fakeTcp(ipv6Keys, "DisabledAf: {IPv6: true}\n").ipv6, undefined);
  const ipv6Only = fakeTcp(ipv6Keys, "DisabledAf: {IPv4: true}\n");
  assert.equal(ipv6Only.ipv4, undefined);
  assert.notEqual(ipv6Only.ipv6, undefined);
});

Deno.test("readFakeTcp() takes an address without prefix length for a single host, which needs no common range", () => {
  const { ipv4, tunMtu } = fakeTcp("Enabled: true, TunIPv4: 10.0.0.1, TunPeerIPv4: 172.20.0.2, TunMTU: 0");
  assert.equal(ipv4?.host.prefixLength, 32);
  assert.deepEqual(ipv4?.stack, Uint8Array.of(172, 20, 0, 2));
  assert.equal(tunMtu, 1500);
});

Deno.test("readFakeTcp() takes ports, first payload, first sequence number and rules as written", () => {
  const written = fakeTcp(
    "ListenPort: 8443, ListenPorts: [443, 80], Isn: zero, ManageRules: no, FirstPayload: 0x00fF10",
  );
  assert.equal(written.listenPort, 8443);
  assert.deepEqual(written.moreListenPorts, [443, 80]);
  assert.equal(written.isn, "zero");
  assert.equal(written.managesRules, false);
  assert.deepEqual(written.firstPayload, Uint8Array.of(0, 255, 16));
  const text = fakeTcp('FirstPayload: "GET / HTTP/1.1\\r\\n\\r\\n", ListenPort: 0, Isn: ""');
  assert.equal(new TextDecoder().decode(text.firstPayload), "GET / HTTP/1.1\r\n\r\n");
  assert.equal(text.isn, "random");
});

Deno.test("readFakeTcp() accepts the limits of each key", () => {
  const ports = Array.from({ length: 16 }, (_, index) => 65520 + index);
  const payload = "x".repeat(512);
  const written = fakeTcp(
    `Enabled: true, TunName: abcdefghijklm_1, TunMTU: 576, ListenPorts: [${ports}], FirstPayload: ${payload}`,
  );
  assert.equal(written.moreListenPorts.length, 16);
  assert.equal(written.firstPayload.length, 512);
  const least =
    "TunMTU: 1280, TunIPv4: 10.0.0.0/31, TunPeerIPv4: 10.0.0.1, TunIPv6: 'fd00::/127', TunPeerIPv6: 'fd00::1'";
  assert.equal(fakeTcp(`Enabled: true, ${least}`).tunMtu, 1280);
});

const BOTH_FAMILIES = "TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 'fd00:200::2'";
/** Keys of `FakeTCP` beside `Enabled`, the issues without line and block, and what else the file has. */
const FAULTS: readonly [name: string, keys: string, issues: string[], more?: { tap?: string; lines?: string }][] = [
  ["a name of 16 octets", "TunName: abcdefghijklmnop", ["TunName error"]],
  ["the name of the tap", "TunMTU: 1500", ["TunName error"], { tap: "Name: etherguard-tcp0" }],
  ["a name that a rule takes for a pattern", "TunName: tcp+", ["TunName error"]],
  ["a name that ends a quote", "TunName: 'tcp\"'", ["TunName error"]],
  ["one address for both ends", "TunIPv4: 10.0.0.1/24, TunPeerIPv4: 10.0.0.1", ["TunPeerIPv4 error"]],
  ["one single address for both ends", "TunIPv4: 10.0.0.1, TunPeerIPv4: 10.0.0.1", ["TunPeerIPv4 error"]],
  ["a peer address of another range", "TunIPv4: 10.0.0.1/24, TunPeerIPv4: 10.0.1.2", ["TunPeerIPv4 error"]],
  ["a host address of another range than the default", "TunIPv4: 10.0.0.1/24", ["TunPeerIPv4 error"]],
  ["an IPv6 peer address of another range", "TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 'fd00:201::2'", [
    "TunPeerIPv6 error",
  ]],
  ["the name of a network as a host", "TunIPv4: 10.0.0.0/24, TunPeerIPv4: 10.0.0.255", [
    "TunIPv4 error",
    "TunPeerIPv4 error",
  ]],
  ["the routers' address of a range", "TunIPv6: 'fd00:200::/64', TunPeerIPv6: 'fd00:200::2'", ["TunIPv6 error"]],
  ["loopback addresses", "TunIPv4: 127.0.0.2/8, TunPeerIPv4: 127.0.0.3, TunIPv6: '::1/64', TunPeerIPv6: '::2'", [
    "TunIPv4 error",
    "TunPeerIPv4 error",
    "TunIPv6 error",
  ]],
  [
    "link-local addresses",
    "TunIPv4: 169.254.1.1/24, TunPeerIPv4: 169.254.1.2, TunIPv6: 'fe80::1', TunPeerIPv6: 'febf::2'",
    [
      "TunIPv4 error",
      "TunPeerIPv4 error",
      "TunIPv6 error",
      "TunPeerIPv6 error",
    ],
  ],
  [
    "multicast addresses",
    "TunIPv4: 224.0.0.1, TunPeerIPv4: 255.255.255.255, TunIPv6: 'ff02::1', TunPeerIPv6: 'ff02::2'",
    [
      "TunIPv4 error",
      "TunPeerIPv4 error",
      "TunIPv6 error",
      "TunPeerIPv6 error",
    ],
  ],
  ["one IPv6 address alone", "TunIPv6: 'fd00:200::1/64'", ["TunPeerIPv6 warning"]],
  ["the other IPv6 address alone", "TunPeerIPv6: 'fd00:200::1'", ["TunIPv6 warning"]],
  ["a wrong IPv6 address once", "TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 10.0.0.1", ["TunPeerIPv6 error"]],
  ["no family", "TunIPv6: 'fd00:200::1/64'", ["Enabled error"], { lines: "DisabledAf: {IPv4: true}" }],
  ["a family once that is off for all", "TunIPv6: 'fd00:200::1/64'", ["DisabledAf.IPv6 error"], {
    lines: "DisabledAf: {IPv4: true, IPv6: true}",
  }],
  ["a small MTU with IPv6", `${BOTH_FAMILIES}, TunMTU: 1279`, ["TunMTU error"]],
  ["an MTU of 575", "TunMTU: 575", ["TunMTU error"]],
  ["an MTU of 65536", "TunMTU: 65536", ["TunMTU error"]],
  ["a range that the tap's holds", "TunMTU: 1500", ["TunIPv4 error"], { tap: "IPv4CIDR: 192.168.0.0/16" }],
  ["a range that holds the tap's", "TunIPv4: 10.0.0.1/8, TunPeerIPv4: 10.0.0.2", ["TunIPv4 error"], {
    tap: "IPv4CIDR: 10.5.0.0/24",
  }],
  ["a peer address in the tap's range", "TunIPv4: 10.0.0.1, TunPeerIPv4: 10.5.0.2", ["TunPeerIPv4 error"], {
    tap: "IPv4CIDR: 10.5.0.0/24",
  }],
  ["an IPv6 range in the tap's", BOTH_FAMILIES, ["TunIPv6 error"], { tap: "IPv6CIDR: 'fd00::/16'" }],
  ["a port of -1", "ListenPort: -1", ["ListenPort error"]],
  ["a port of 65536", "ListenPort: 65536", ["ListenPort error"]],
  ["ports that are none", "ListenPorts: [0, 65536, x, ~, 1]", [
    "ListenPorts[0] error",
    "ListenPorts[1] error",
    "ListenPorts[2] error",
    "ListenPorts[3] error",
  ]],
  ["a port twice", "ListenPorts: [443, 80, 443]", ["ListenPorts[2] error"]],
  ["the first port again", "ListenPort: 443, ListenPorts: [443]", ["ListenPorts[0] error"]],
  ["the UDP port again", "ListenPorts: [3001]", ["ListenPorts[0] error"], { lines: "ListenPort: 3001" }],
  ["seventeen ports", `ListenPorts: [${Array.from({ length: 17 }, (_, index) => index + 1)}]`, ["ListenPorts error"]],
  ["a first payload of 513 octets", `FirstPayload: ${"x".repeat(513)}`, ["FirstPayload error"]],
  ["a first payload of 513 octets in hexadecimal", `FirstPayload: 0x${"00".repeat(513)}`, ["FirstPayload error"]],
  ["half an octet", "FirstPayload: 0x123", ["FirstPayload error"]],
  ["hexadecimal without digits", "FirstPayload: 0x", ["FirstPayload error"]],
  ["hexadecimal with other letters", "FirstPayload: 0xGG", ["FirstPayload error"]],
  ["an unknown first sequence number", "Isn: 0", ["Isn error"]],
  ["rules that are no boolean", "ManageRules: 1", ["ManageRules error"]],
];

for (const [name, keys, issues, { tap = "", lines = "" } = {}] of FAULTS) {
  Deno.test(`readFakeTcp() reports ${name}`, () => {
    const small = SMALL_FILE.replace("MTU: 1404", `MTU: 1404, ${tap}`);
    const found = shortIssues(`${small}FakeTCP: {Enabled: true, ${keys}}\n${lines}`);
    assert.deepEqual(found, issues.map((issue) => issue.includes(".") ? `9 ${issue}` : `8 FakeTCP.${issue}`));
  });
}

Deno.test("readFakeTcp() lets ranges and names meet that aren't used", () => {
  const lines = `${SMALL_FILE}FakeTCP: {TunName: tap1, TunIPv4: 10.0.0.1/24, ListenPorts: [1, 1]}\n`;
  assert.deepEqual(shortIssues(lines), []);
  const relay = SMALL_FILE.replace(/Interface: .*/, "Interface: {IType: dummy, IPv4CIDR: 192.168.0.0/16}");
  assert.deepEqual(shortIssues(`${relay}FakeTCP: {Enabled: true}\n`), []);
});

Deno.test("readFakeTcp() proposes addresses that are free", () => {
  const remedy = (range: string) => {
    const text = SMALL_FILE.replace("MTU: 1404", `MTU: 1404, IPv4CIDR: ${range}, IPv6CIDR: "fd00::/16"`);
    return read(`${text}FakeTCP: {Enabled: true, TunIPv4: 172.16.0.1/12, TunPeerIPv4: 172.16.0.2, ${BOTH_FAMILIES}}`)
      .issues.map((issue) => issue.remedy);
  };
  const forIpv6 = "write for example TunIPv6: fc00:201::1/64 and TunPeerIPv6: fc00:201::2";
  assert.deepEqual(remedy("172.16.0.0/12"), [
    "write for example TunIPv4: 10.200.200.1/24 and TunPeerIPv4: 10.200.200.2",
    forIpv6,
  ]);
  assert.deepEqual(remedy("172.20.0.0/24"), [
    "write for example TunIPv4: 172.31.200.1/24 and TunPeerIPv4: 172.31.200.2",
    forIpv6,
  ]);
});

Deno.test("readFakeTcp() words its advice for the reader", () => {
  const { issues } = read(
    `${SMALL_FILE}FakeTCP: {Enabled: true, TunName: etherguard-tcp-super, TunPeerIPv4: 10.0.0.2}`,
  );
  assert.deepEqual(issues.map(({ found, allowed, remedy }) => `${found}; ${allowed}; ${remedy}`), [
    '"etherguard-tcp-super"; at most 15 octets without blanks, "/" and ":"; it has 20: shorten it',
    '"10.0.0.2"; an address of the range of TunIPv4: 192.168.200.1/24; correct one of the two, or write TunIPv4 ' +
    "without a prefix length",
  ]);
  const byDefault = read(
    `${
      SMALL_FILE.replace("MTU: 1404", "MTU: 1404, Name: etherguard-tcp0")
    }FakeTCP: {Enabled: true, TunIPv4: 10.0.0.1/8}`,
  );
  assert.deepEqual(byDefault.issues.map(({ key, found }) => `${key}: ${found}`), [
    'FakeTCP.TunName: nothing, which is "etherguard-tcp0"',
    'FakeTCP.TunPeerIPv4: nothing, which is "192.168.200.2"',
  ]);
});

/** A second peer with these keys. */
function withPeer(keys: string): string {
  return `${SMALL_FILE}  - {NodeID: 3, PubKey: ${OTHER_KEY}, ${keys}}\n`;
}

Deno.test("readPeers() calls a peer by FakeTCP where UDP calls it, unless the file says otherwise", () => {
  const peer = (keys: string, lines = "FakeTCP: {Enabled: true}\n") => readValid(`${withPeer(keys)}${lines}`).peers[1];
  const both = peer("EndPoint: a.example:1, EndPointIPv4: 192.0.2.1:2");
  assert.deepEqual(both.fakeTcpEndpoints, both.endpoints);
  assert.equal(both.fakeTcpEndpoints.length, 2);
  const own = peer("EndPoint: a.example:1, FakeTCPEndPoint: 192.0.2.1:443");
  assert.deepEqual(own.fakeTcpEndpoints, [{ host: "192.0.2.1", port: 443, family: 4, lookupFamily: 4 }]);
  assert.equal(own.endpoints[0].port, 1);
  const alone = peer("FakeTCPEndPoint: a.example:443, Static: true");
  assert.deepEqual([alone.endpoints.length, alone.fakeTcpEndpoints.length, alone.isStatic], [0, 1, true]);
  assert.deepEqual(peer("EndPoint: a.example:1", "").fakeTcpEndpoints, [], "FakeTCP is off");
});

const PEER_FAULTS: readonly [name: string, keys: string, lines: string, issues: string[]][] = [
  ["an endpoint without port", "FakeTCPEndPoint: 192.0.2.1", "FakeTCP: {Enabled: true}", ["FakeTCPEndPoint error"]],
  ["a port of 0", "FakeTCPEndPoint: 192.0.2.1:0", "FakeTCP: {Enabled: true}", ["FakeTCPEndPoint error"]],
  ["an endpoint although FakeTCP is off", "FakeTCPEndPoint: 192.0.2.1:1", "", ["FakeTCPEndPoint warning"]],
  ["an endpoint of a family that FakeTCP lacks", "FakeTCPEndPoint: '[2001:db8::1]:1'", "FakeTCP: {Enabled: true}", [
    "FakeTCPEndPoint warning",
  ]],
  ["a UDP endpoint of a family that FakeTCP lacks", "EndPoint: '[2001:db8::1]:1'", "FakeTCP: {Enabled: true}", [
    "FakeTCPEndPoint warning",
  ]],
  [
    "an endpoint of a family that is off",
    "FakeTCPEndPoint: '[2001:db8::1]:1'",
    "FakeTCP: {Enabled: true}\nDisabledAf: {IPv6: true}",
    ["FakeTCPEndPoint warning"],
  ],
  [
    "a UDP endpoint of a family that is off once",
    "EndPoint: '[2001:db8::1]:1'",
    "FakeTCP: {Enabled: true}\nDisabledAf: {IPv6: true}",
    ["EndPoint warning"],
  ],
];

for (const [name, keys, lines, issues] of PEER_FAULTS) {
  Deno.test(`readPeers() reports, for FakeTCP, ${name}`, () => {
    assert.deepEqual(shortIssues(`${withPeer(keys)}${lines}`), issues.map((issue) => `8 Peers[1].${issue}`));
  });
}
