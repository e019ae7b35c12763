import { strict as assert } from "node:assert";
import { formatConfigIssue } from "../../src/base/errors.ts";
import { formatMacAddress } from "../../src/base/mac_address.ts";
import { laneCount, readEdgeConfig } from "../../src/config/edge_config.ts";
import { MAX_MTU } from "../../src/config/interface_config.ts";
import { parseKey } from "../../src/config/key_text.ts";
import {
  OTHER_KEY,
  OWN_KEY,
  OWN_PUBLIC_KEY,
  PEER_KEY,
  PRESHARED_KEY,
  read,
  readValid,
  shortIssues,
  SMALL_FILE,
} from "./edge_files.ts";

/** The small file with one of its lines, found by how it begins, replaced. */
function withLine(start: string, line: string): string {
  const lines = SMALL_FILE.split("\n");
  const index = lines.findIndex((candidate) => candidate.startsWith(start));
  return lines.with(index, line).join("\n");
}

Deno.test("parseEdgeConfig() gives a small file the defaults of the reference page", () => {
  const config = readValid(SMALL_FILE);
  assert.deepEqual(config.privateKey, parseKey(OWN_KEY));
  assert.deepEqual(config.publicKey, parseKey(OWN_PUBLIC_KEY));
  assert.equal(config.nodeName, "");
  assert.deepEqual(config.postScript, []);
  assert.equal(config.l2FibTimeoutMs, 0);
  assert.equal(config.resetEndpointIntervalMs, 0);
  assert.equal(config.listenPort, 0);
  assert.equal(config.fwmark, 0);
  assert.equal(config.allowPrivateIp, false);
  assert.equal(config.relays, true);
  assert.equal(config.wireVersion, undefined);
  assert.equal(config.lanes, 0);
  assert.deepEqual(config.addressFamilies, {
    ipv4: true,
    ipv6: true,
    listenIpv4: undefined,
    listenIpv6: undefined,
    preferred: 0,
  });
  assert.equal(config.log.level, "info");
  assert.equal(config.dynamicRoute.superNode, undefined);
  assert.equal(config.dynamicRoute.p2p, undefined);
  assert.equal(config.dynamicRoute.ntp, undefined);
  assert.deepEqual(config.nextHopTable, { 1: { 2: 2 }, 2: { 1: 1 } });
  assert.deepEqual(config.peers, [{
    nodeId: 2,
    publicKey: parseKey(PEER_KEY),
    presharedKey: undefined,
    presharedKeyIgnored: false,
    endpoints: [],
    fakeTcpEndpoints: [],
    persistentKeepaliveMs: 0,
    isStatic: false,
  }]);
  assert.equal(formatMacAddress(config.interface.macAddress), "aa:bb:cc:dd:00:01");
  assert.deepEqual(config.obfuscation, { isEnabled: false, key: undefined });
  assert.equal(config.dualStack.isEnabled, true);
  assert.deepEqual(config.fakeTcp, {
    isEnabled: false,
    tunName: "etherguard-tcp0",
    ipv4: {
      host: { address: Uint8Array.of(192, 168, 200, 1), prefixLength: 24 },
      stack: Uint8Array.of(192, 168, 200, 2),
    },
    ipv6: undefined,
    tunMtu: 1500,
    listenPort: 0,
    moreListenPorts: [],
    firstPayload: new Uint8Array(),
    isn: "random",
    managesRules: true,
  });
});

Deno.test("parseEdgeConfig() converts units, senses and spellings", () => {
  const config = readValid(`${SMALL_FILE}
NodeName: Node01
PostScript: "sh -c 'echo $EG_NODE_ID_INT_DEC'"
L2FIBTimeout: 3600
ResetEndPointInterval: 0.5
ListenPort: 3001
FwMark: 0x10
AfPrefer: 6
AllowPrivateIP: yes
DisableRelay: on
WireVersion: 1.10
DisabledAf: {IPv6: true, ListenIPv4: 127.0.0.1}
LogLevel: {LogLevel: verbose, LogTransit: true, LogNTP: true}
DynamicRoute:
  PeerAliveTimeout: 70
  DupCheckTimeout: 0.07
  SendPingInterval: -1
  NTPConfig: {UseNTP: true, SyncTimeInterval: 99999, NTPTimeout: 3, MaxServerUse: 8, Servers: [pool.ntp.org]}
DataPlane: {Lanes: 3}
`);
  assert.equal(config.nodeName, "Node01");
  assert.deepEqual(config.postScript, ["sh", "-c", "echo $EG_NODE_ID_INT_DEC"]);
  assert.equal(config.l2FibTimeoutMs, 3_600_000);
  assert.equal(config.resetEndpointIntervalMs, 500);
  assert.equal(config.fwmark, 16);
  assert.equal(config.allowPrivateIp, true);
  assert.equal(config.relays, false);
  assert.equal(config.wireVersion, "1.10");
  assert.deepEqual(config.addressFamilies, {
    ipv4: true,
    ipv6: false,
    listenIpv4: Uint8Array.of(127, 0, 0, 1),
    listenIpv6: undefined,
    preferred: 6,
  });
  assert.equal(config.log.level, "debug");
  assert.equal(config.log.transit, true);
  assert.equal(config.log.ntp, false, "never in static mode");
  assert.equal(config.dynamicRoute.peerAliveTimeoutMs, 70_000);
  assert.equal(config.dynamicRoute.duplicateCheckTimeoutMs, 70);
  assert.equal(config.dynamicRoute.pingIntervalMs, 0);
  assert.deepEqual(config.dynamicRoute.ntp, {
    servers: ["pool.ntp.org"],
    maxServers: 8,
    syncIntervalMs: 99_999_000,
    timeoutMs: 3000,
  });
  assert.equal(config.lanes, 3);
});

Deno.test("parseEdgeConfig() turns intervals of 0.01 s and below, and .inf, into off", () => {
  for (const [written, ms] of [["0.01", 0], ["-5", 0], [".inf", 0], ["0.02", 20]] as const) {
    assert.equal(readValid(`${SMALL_FILE}L2FIBTimeout: ${written}`).l2FibTimeoutMs, ms, written);
  }
});

Deno.test("parseEdgeConfig() derives the addresses of a tap", () => {
  const config = readValid(withLine(
    "Interface",
    "Interface: {IType: tap, Name: tap1, MacAddrPrefix: 02:11, MTU: 1404, IPv4CIDR: 192.168.76.0/24, " +
      "IPv6CIDR: 'fd95::/64', IPv6LLPrefix: 'fe80::a3df:0/112'}",
  ));
  assert.deepEqual(config.interface.ipv4, { address: Uint8Array.of(192, 168, 76, 1), prefixLength: 24 });
  assert.equal(config.interface.ipv6?.prefixLength, 64);
  assert.equal(config.interface.ipv6LinkLocal?.prefixLength, 64);
  assert.equal(config.interface.ipv6LinkLocal?.address[15], 1);
});

Deno.test("parseEdgeConfig() collects a peer's endpoints, and the preshared key unless it is ignored", () => {
  const peer = (keys: string) => withLine("  - ", `  - {NodeID: 2, PubKey: ${PEER_KEY}, ${keys}}`);
  const [candidates] = readValid(peer(
    'EndPoint: a.example:1, EndPointIPv4: a.example:1, EndPointIPv6: "[fd00::1]:2", Static: true, PersistentKeepalive: 25',
  )).peers;
  assert.deepEqual(candidates.endpoints, [
    { host: "a.example", port: 1, family: 0, lookupFamily: 0 },
    { host: "a.example", port: 1, family: 0, lookupFamily: 4 },
    { host: "fd00::1", port: 2, family: 6, lookupFamily: 6 },
  ]);
  assert.equal(candidates.isStatic, true);
  assert.equal(candidates.persistentKeepaliveMs, 25_000);
  const same = readValid(peer("EndPoint: 127.0.0.1:1, EndPointIPv4: 127.0.0.1:1")).peers[0];
  assert.equal(same.endpoints.length, 1, "the same address once");
  assert.equal(readValid(peer("Static: true")).peers[0].isStatic, false, "nothing to look up");

  const withKey = `PSKey: ${PRESHARED_KEY}`;
  assert.deepEqual(readValid(peer(withKey)).peers[0].presharedKey, parseKey(PRESHARED_KEY));
  for (const name of ["IgnorePSKey", "IgnorePSK"]) {
    const onPeer = readValid(peer(`${withKey}, ${name}: true`)).peers[0];
    const onTop = readValid(`${peer(withKey)}${name}: true\n`).peers[0];
    for (const ignored of [onPeer, onTop]) {
      assert.equal(ignored.presharedKey, undefined);
      assert.equal(ignored.presharedKeyIgnored, true);
    }
  }
  const zero = readValid(peer(`PSKey: ${"A".repeat(43)}=`)).peers[0];
  assert.equal(zero.presharedKey, undefined, "32 zero octets are none");
});

/** One change to the small file, and the issues that follow. */
const FAULTS: readonly [name: string, text: string, issues: string[]][] = [
  ["a reserved own id", withLine("NodeID", "NodeID: 65533"), ["1 NodeID error"]],
  ["the first reserved id", withLine("NodeID", "NodeID: 65532"), ["1 NodeID error"]],
  ["no own id", withLine("NodeID", "# none"), [
    "0 NodeID warning",
    "5 NextHopTable[0] warning",
  ]],
  ["no TTL", withLine("DefaultTTL", ""), ["0 DefaultTTL error"]],
  ["a TTL of 0", withLine("DefaultTTL", "DefaultTTL: 0"), ["2 DefaultTTL error"]],
  ["a TTL of 256", withLine("DefaultTTL", "DefaultTTL: 256"), ["2 DefaultTTL error"]],
  ["no private key", withLine("PrivKey", ""), ["0 PrivKey error"]],
  ["a short private key", withLine("PrivKey", "PrivKey: AAAA"), ["3 PrivKey error"]],
  ["a private key of zeros", withLine("PrivKey", `PrivKey: ${"A".repeat(43)}=`), ["3 PrivKey error"]],
  ["no interface", withLine("Interface", ""), ["0 Interface.IType error"]],
  ["an interface without kind", withLine("Interface", "Interface: {MTU: 1404}"), ["4 Interface.IType error"]],
  ["an empty kind", withLine("Interface", 'Interface: {IType: ""}'), ["4 Interface.IType error"]],
  ["an empty private key", withLine("PrivKey", 'PrivKey: ""'), ["3 PrivKey error"]],
  ["an unknown kind", withLine("Interface", "Interface: {IType: tun}"), ["4 Interface.IType error"]],
  ["a kind of a later release", withLine("Interface", "Interface: {IType: fd}"), ["4 Interface.IType error"]],
  ["a socket without address", withLine("Interface", "Interface: {IType: udpsock}"), [
    "4 Interface.IType error",
    "4 Interface.RecvAddr error",
  ]],
  ["a tap without MAC and MTU", withLine("Interface", "Interface: {IType: tap}"), [
    "4 Interface.MacAddrPrefix error",
    "4 Interface.MTU error",
  ]],
  ["a group address", withLine("Interface", "Interface: {IType: tap, MTU: 1404, MacAddrPrefix: 01:02}"), [
    "4 Interface.MacAddrPrefix error",
  ]],
  ["a device name of 16 octets", withLine("Interface", "Interface: {IType: dummy, Name: abcdefghijklmnop}"), [
    "4 Interface.Name error",
  ]],
  ["a device name with a slash", withLine("Interface", "Interface: {IType: dummy, Name: a/b}"), [
    "4 Interface.Name error",
  ]],
  ["an MTU below the kernel's", withLine("Interface", "Interface: {IType: tap, MacAddrPrefix: 02:02, MTU: 67}"), [
    "4 Interface.MTU error",
  ]],
  [
    "an MTU beyond a datagram",
    withLine("Interface", `Interface: {IType: tap, MacAddrPrefix: 02:02, MTU: ${MAX_MTU + 1}}`),
    ["4 Interface.MTU error"],
  ],
  [
    "IPv6 on a small MTU",
    withLine("Interface", "Interface: {IType: tap, MacAddrPrefix: 02:02, MTU: 1279, IPv6CIDR: 'fd00::/64'}"),
    ["4 Interface.MTU error"],
  ],
  [
    "ranges that don't hold the node, or are none",
    withLine("NodeID", "NodeID: 255") +
    "Interface: {IType: tap, MacAddrPrefix: 02:02, MTU: 1404, IPv4CIDR: 10.0.0.0/24, IPv6CIDR: 'fd00::'," +
    " IPv6LLPrefix: 'fd00::/64'}\n",
    [
      "5 NextHopTable[255] warning",
      "8 Interface warning",
      "8 Interface.IPv6CIDR error",
      "8 Interface.IPv4CIDR error",
      "8 Interface.IPv6LLPrefix error",
    ],
  ],
  ["both families off", `${SMALL_FILE}DisabledAf: {IPv4: true, IPv6: true}`, ["8 DisabledAf.IPv6 error"]],
  ["a listen address of the other family", `${SMALL_FILE}DisabledAf: {ListenIPv6: 127.0.0.1}`, [
    "8 DisabledAf.ListenIPv6 error",
  ]],
  ["an unknown family", `${SMALL_FILE}AfPrefer: 5`, ["8 AfPrefer error"]],
  ["an unknown log level", `${SMALL_FILE}LogLevel: {LogLevel: loud}`, ["8 LogLevel.LogLevel warning"]],
  ["a port beyond 65535", `${SMALL_FILE}ListenPort: 65536`, ["8 ListenPort error"]],
  ["a node name of 33 octets", `${SMALL_FILE}NodeName: ${"x".repeat(33)}`, ["8 NodeName error"]],
  ["a node name with a slash", `${SMALL_FILE}NodeName: ../x`, ["8 NodeName error"]],
  ["a command with an open quote", `${SMALL_FILE}PostScript: "sh 'x"`, ["8 PostScript error"]],
  ["a command without a program", `${SMALL_FILE}PostScript: '"" x'`, ["8 PostScript error"]],
  ["a version of 64 characters", `${SMALL_FILE}WireVersion: ${"v".repeat(64)}`, []],
  ["a version of 65 characters", `${SMALL_FILE}WireVersion: ${"v".repeat(65)}`, ["8 WireVersion error"]],
  ["a version with a blank", `${SMALL_FILE}WireVersion: v0.3 x`, ["8 WireVersion error"]],
  ["a version in other letters", `${SMALL_FILE}WireVersion: vö`, ["8 WireVersion error"]],
  ["an empty version", `${SMALL_FILE}WireVersion: ""`, []],
  ["a negative number of time servers", `${SMALL_FILE}DynamicRoute: {NTPConfig: {MaxServerUse: -1}}`, []],
  ["too many lanes", `${SMALL_FILE}DataPlane: {Lanes: 17}`, ["8 DataPlane.Lanes error"]],
  ["an unknown block", `${SMALL_FILE}PathChoice: {}`, ["8 PathChoice warning"]],
  ["a long name for FakeTCP", `${SMALL_FILE}FakeTCP: {TunName: etherguard-tcp-super}`, ["8 FakeTCP.TunName error"]],
  ["obfuscation switched on", `${SMALL_FILE}Obfuscation: {Enabled: true}`, ["8 Obfuscation.Enabled warning"]],
  ["P2P mode", `${SMALL_FILE}DynamicRoute: {P2P: {UseP2P: true}}`, [
    "8 DynamicRoute.P2P.UseP2P error",
    "8 DynamicRoute.P2P.SendPeerInterval error",
  ]],
  ["NTP without period", `${SMALL_FILE}DynamicRoute: {NTPConfig: {UseNTP: true, Servers: [a]}}`, [
    "8 DynamicRoute.NTPConfig.SyncTimeInterval error",
  ]],
  ["an URL with a slash at the end", `${SMALL_FILE}DynamicRoute: {SuperNode: {EndpointEdgeAPIUrl: "http://a/"}}`, [
    "8 DynamicRoute.SuperNode.EndpointEdgeAPIUrl error",
  ]],
  ["its own id as a peer", `${SMALL_FILE}  - {NodeID: 1, PubKey: ${OTHER_KEY}}`, ["8 Peers[1].NodeID error"]],
  ["its own key as a peer", `${SMALL_FILE}  - {NodeID: 3, PubKey: ${OWN_PUBLIC_KEY}}`, ["8 Peers[1].PubKey error"]],
  ["a peer's id twice", `${SMALL_FILE}  - {NodeID: 2, PubKey: ${OTHER_KEY}}`, ["8 Peers[1].NodeID error"]],
  ["a peer's key twice", `${SMALL_FILE}  - {NodeID: 3, PubKey: ${PEER_KEY}}`, ["8 Peers[1].PubKey error"]],
  ["a reserved id of a peer", `${SMALL_FILE}  - {NodeID: 65534, PubKey: ${OTHER_KEY}, EndPoint: 127.0.0.1:1}`, [
    "8 Peers[1].NodeID error",
  ]],
  ["an empty entry in the list of peers", `${SMALL_FILE}  -`, ["8 Peers[1].NodeID warning", "8 Peers[1].PubKey error"]],
  ["an endpoint without port", `${SMALL_FILE}  - {NodeID: 3, PubKey: ${OTHER_KEY}, EndPoint: 127.0.0.1}`, [
    "8 Peers[1].EndPoint error",
  ]],
  ["a v6 literal for v4", `${SMALL_FILE}  - {NodeID: 3, PubKey: ${OTHER_KEY}, EndPointIPv4: "[::1]:1"}`, [
    "8 Peers[1].EndPointIPv4 error",
  ]],
  [
    "an endpoint of a family that is off",
    `${SMALL_FILE}  - {NodeID: 3, PubKey: ${OTHER_KEY}, EndPoint: "[::1]:1"}\nDisabledAf: {IPv6: true}`,
    ["8 Peers[1].EndPoint warning"],
  ],
  ["a reserved id in the routes", withLine("NextHopTable", "NextHopTable: {1: {2: 65533}}"), [
    "5 NextHopTable[1][2] error",
  ]],
  ["a next hop that is no peer", withLine("NextHopTable", "NextHopTable: {1: {2: 2, 3: 4}}"), [
    "5 NextHopTable[1][3] warning",
  ]],
  ["no routes of its own", withLine("NextHopTable", "NextHopTable: {2: {1: 1}}"), ["5 NextHopTable[1] warning"]],
];

for (const [name, text, issues] of FAULTS) {
  Deno.test(`parseEdgeConfig() reports ${name}`, () => {
    assert.deepEqual(shortIssues(text), issues);
    assert.equal(read(text).config === undefined, issues.some((issue) => issue.endsWith("error")));
  });
}

Deno.test("parseEdgeConfig() accepts a relay without interface keys", () => {
  const config = readValid(withLine("Interface", "Interface: {IType: dummy}"));
  assert.equal(config.interface.kind, "dummy");
  assert.equal(config.interface.mtu, 1500);
  assert.equal(config.interface.ipv4, undefined);
});

Deno.test("parseEdgeConfig() accepts private endpoints whatever AllowPrivateIP says", () => {
  const config = readValid(`${SMALL_FILE}  - {NodeID: 3, PubKey: ${OTHER_KEY}, EndPoint: 127.0.0.1:3003}`);
  assert.equal(config.allowPrivateIp, false);
  assert.equal(config.peers[1].endpoints[0].host, "127.0.0.1");
});

Deno.test("parseEdgeConfig() reports the mandatory keys of an empty file", () => {
  const { config, issues } = read("");
  assert.equal(config, undefined);
  const errors = issues.filter((issue) => issue.severity === "error").map((issue) => issue.key);
  assert.deepEqual(errors, ["Interface.IType", "DefaultTTL", "PrivKey"]);
});

Deno.test("parseEdgeConfig() gives ten messages with their lines for ten mistakes", () => {
  const text = `Interface:
  IType: tap
  Name: a-name-that-is-too-long
  MacAddrPrefix: GG:BB
  MTU: 14O4
NodeID: 65535
DefaultTTL: 300
PrivKey: c2hvcnQ=
ListenPort: -1
LogLevel: verbose
NextHopTable:
  1:
    2: two
Peers:
  - NodeID: 2
    PubKey: ${PEER_KEY}
    EndPoint: 127.0.0.1
`;
  assert.deepEqual(read(text).issues.map(formatConfigIssue), [
    'edge.yaml:3: error: Interface.Name: found "a-name-that-is-too-long"; allowed: at most 15 octets without blanks, "/" and ":"; it has 23: shorten it',
    'edge.yaml:4: error: Interface.MacAddrPrefix: found "GG:BB"; allowed: 2 to 6 hexadecimal groups with colons, such as AA:BB:CC:DD, the first an even number; write groups of one or two hexadecimal digits',
    'edge.yaml:5: error: Interface.MTU: found "14O4"; allowed: whole number, 0 to 65535; write a whole number',
    'edge.yaml:6: error: NodeID: found "65535"; allowed: node id, 0 to 65531; this id is reserved: choose another',
    'edge.yaml:7: error: DefaultTTL: found "300"; allowed: whole number, 1 to 255; write a number of this range',
    'edge.yaml:8: error: PrivKey: found 8 characters (not shown); allowed: 32 octets in base64: 44 characters, the last one "="; copy the whole key',
    'edge.yaml:9: error: ListenPort: found "-1"; allowed: whole number, 0 to 65535; write a number of this range',
    "edge.yaml:10: error: LogLevel: found a single value; allowed: a block of keys; write keys below it, indented",
    'edge.yaml:13: error: NextHopTable[1][2]: found "two"; allowed: node id, 0 to 65531; write a whole number',
    'edge.yaml:17: error: Peers[0].EndPoint: found "127.0.0.1"; allowed: host:port or [v6]:port, port 1 to 65535; add the port: 127.0.0.1:PORT',
  ]);
});

Deno.test("parseEdgeConfig() words its advice for the reader", () => {
  const advice = (text: string) => read(text).issues.map(formatConfigIssue);
  assert.deepEqual(advice(`${SMALL_FILE}ResetEndPointInteval: 5`), [
    'edge.yaml:8: warning: ResetEndPointInteval: found the unknown key "ResetEndPointInteval"; allowed: the keys of the reference page; it is ignored: perhaps "ResetEndPointInterval" is meant',
  ]);
  assert.deepEqual(advice(withLine("Interface", "Interface: {IType: vpp, MacAddrPrefix: 02:02, MTU: 1404}")), [
    'edge.yaml:4: error: Interface.IType: found "vpp"; allowed: tap, dummy; this release runs tap and dummy',
  ]);
  assert.deepEqual(advice(`${SMALL_FILE}  - {NodeID: 2, PubKey: ${PEER_KEY}}`), [
    'edge.yaml:8: error: Peers[1].NodeID: found "2"; allowed: a value of its own for each peer; Peers[0] has it, too: correct one',
    `edge.yaml:8: error: Peers[1].PubKey: found "${PEER_KEY}"; allowed: a value of its own for each peer; Peers[0] has it, too: correct one`,
  ]);
});

Deno.test("readEdgeConfig() reports a file that isn't there or is a folder", () => {
  const missing = readEdgeConfig("tests/config/none.yaml");
  assert.deepEqual(missing.issues.map((issue) => [issue.line, issue.found]), [[0, "no such file"]]);
  assert.equal(readEdgeConfig("tests/config").issues.length, 1);
});

Deno.test("laneCount() is one per two processors, 1 to 4, unless it is configured", () => {
  const counts = [1, 2, 3, 4, 7, 8, 64].map((processors) => laneCount(0, processors));
  assert.deepEqual(counts, [1, 1, 1, 2, 3, 4, 4]);
  assert.equal(laneCount(9, 2), 9);
});
