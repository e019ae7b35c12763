import { strict as assert } from "node:assert";
import { x25519 } from "@noble/curves/ed25519.js";
import { formatConfigIssue } from "../../src/base/errors.ts";
import { formatKey, parseKey } from "../../src/config/key_text.ts";
import { readSuperConfig, secondTunName, type TlsConfig } from "../../src/config/super_config.ts";
import { makeCertificate } from "../netns/harness/certificate.ts";
import { OTHER_KEY, OWN_KEY, OWN_PUBLIC_KEY, PEER_KEY, PRESHARED_KEY } from "./edge_files.ts";
import { readSuper, readValidSuper, shortSuperIssues, SMALL_SUPER_FILE, withLine } from "./super_files.ts";

const V6_KEY = "AGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=";
const V6_PUBLIC_KEY = formatKey(x25519.getPublicKey(parseKey(V6_KEY)!));

Deno.test("parseSuperConfig() gives a small file the defaults of the reference page", () => {
  const config = readValidSuper(SMALL_SUPER_FILE);
  assert.deepEqual(config.privateKeyV4, parseKey(OWN_KEY));
  assert.deepEqual(config.publicKeyV4, parseKey(OWN_PUBLIC_KEY));
  assert.equal(config.privateKeyV6, undefined);
  assert.equal(config.publicKeyV6, undefined);
  assert.deepEqual([config.addressFamilies.ipv4, config.addressFamilies.ipv6], [true, false]);
  assert.equal(config.listenPort, 0);
  assert.deepEqual(config.edgeApi, { host: undefined, port: 3456 });
  assert.equal(config.manageApi, undefined);
  assert.equal(config.tls, undefined);
  assert.equal(config.apiPrefix, "");
  assert.equal(config.rePushIntervalMs, 30_000);
  assert.equal(config.reportIntervalMs, 0);
  assert.equal(config.peerAliveTimeoutMs, 70_000);
  assert.equal(config.pingIntervalMs, 15_000);
  assert.equal(config.dampingFilterRadius, 0);
  assert.deepEqual(new Set(Object.values(config.passwords)), new Set([""]));
  assert.deepEqual(config.graph, {
    isStatic: false,
    manualLatencyMs: new Map(),
    jitterToleranceMs: 0,
    jitterToleranceMultiplier: 0,
    timeoutCheckIntervalMs: 5000,
    recalculateCoolDownMs: 0,
  });
  assert.deepEqual(config.nextHopTable, {});
  assert.equal(config.edgeTemplate, undefined);
  assert.equal(config.wireVersion, undefined);
  assert.equal(config.usesPairKeys, false);
  assert.equal(config.resetEndpointIntervalMs, 0);
  assert.equal(config.allowPrivateIp, false);
  assert.equal(config.fakeTcp.isEnabled, false);
  assert.equal(config.fakeTcp.tunName, "etherguard-tcp-");
  assert.deepEqual(config.fakeTcp.ipv4?.stack, Uint8Array.of(192, 168, 201, 2));
  assert.equal(config.fakeTcp.ipv6, undefined);
  assert.deepEqual(config.peers[0], {
    nodeId: 1,
    name: "one",
    publicKey: parseKey(PEER_KEY),
    presharedKey: undefined,
    additionalCostMs: 0,
    skipsLocalAddresses: false,
    endpoint: undefined,
    externalIp: undefined,
  });
});

Deno.test("parseSuperConfig() converts units, senses and spellings", () => {
  const config = readValidSuper(`${SMALL_SUPER_FILE}  - NodeID: 3
    PubKey: ${V6_PUBLIC_KEY}
    PSKey: ${PRESHARED_KEY}
    AdditionalCost: -1
    SkipLocalIP: yes
    EndPoint: edge3.example:3003
    ExternalIP: 2001:db8::3
NodeName: NodeSuper
PostScript: sh -c 'echo up'
PrivKeyV6: ${OTHER_KEY}
ListenPort: 3000
ListenPort_ManageAPI: "[::1]:3457"
FwMark: 0x10
DisabledAf: {ListenIPv4: 127.0.0.1}
API_Prefix: eg/api
HttpPostInterval: 50.5
DampingFilterRadius: 4
LogLevel: {LogLevel: verbose, LogNTP: true}
Passwords: {ShowState: 12345, AddPeer: "a b"}
NextHopTable: {1: {2: 2}}
UsePSKForInterEdge: true
ResetEndPointInterval: 600
AllowPrivateIP: on
WireVersion: v0.2.9-x
FakeTCP: {Enabled: true, TunIPv6: "fd00:201::1/64", TunPeerIPv6: "fd00:201::2"}
PathSelection: {Order: [faketcp4, udp4]}
`);
  const [, , third] = config.peers;
  assert.deepEqual([third.additionalCostMs, third.skipsLocalAddresses], [-1, true]);
  assert.deepEqual(third.presharedKey, parseKey(PRESHARED_KEY));
  assert.deepEqual(third.endpoint, { host: "edge3.example", port: 3003, family: 0 });
  assert.deepEqual([third.externalIp?.length, third.externalIp?.[15]], [16, 3]);
  assert.deepEqual(config.postScript, ["sh", "-c", "echo up"]);
  assert.deepEqual([config.addressFamilies.ipv4, config.addressFamilies.ipv6], [true, true]);
  assert.deepEqual(config.publicKeyV6, x25519.getPublicKey(parseKey(OTHER_KEY)!));
  assert.deepEqual(config.manageApi, { host: "::1", port: 3457 });
  assert.equal(config.fwmark, 16);
  assert.equal(config.apiPrefix, "/eg/api");
  assert.equal(config.reportIntervalMs, 50_500);
  assert.equal(config.log.level, "debug");
  assert.equal(config.log.ntp, false, "a super corrects no clock");
  assert.equal(config.passwords.showState, "12345");
  assert.equal(config.passwords.addPeer, "a b");
  assert.deepEqual(config.nextHopTable, { 1: { 2: 2 } });
  assert.equal(config.usesPairKeys, true);
  assert.equal(config.resetEndpointIntervalMs, 600_000);
  assert.equal(config.allowPrivateIp, true);
  assert.equal(config.wireVersion, "v0.2.9-x");
  assert.equal(config.fakeTcp.isEnabled, true);
  assert.notEqual(config.fakeTcp.ipv6, undefined);
  assert.deepEqual(config.pathSelection.order.slice(0, 2), [3, 1]);
});

Deno.test("parseSuperConfig() gives a family that is off no key, and FakeTCP no addresses of it", () => {
  const text = `${SMALL_SUPER_FILE}PrivKeyV6: ${OTHER_KEY}\nDisabledAf: {IPv4: true}\n` +
    'FakeTCP: {Enabled: true, TunIPv6: "fd00:201::1/64", TunPeerIPv6: "fd00:201::2"}\n';
  const config = readValidSuper(text);
  assert.equal(config.privateKeyV4, undefined);
  assert.equal(config.publicKeyV4, undefined);
  assert.notEqual(config.privateKeyV6, undefined);
  assert.deepEqual([config.addressFamilies.ipv4, config.addressFamilies.ipv6], [false, true]);
  assert.equal(config.fakeTcp.ipv4, undefined);
  assert.equal(readSuper(text.replace(/FakeTCP.*/, "FakeTCP: {Enabled: true}")).config, undefined);
});

const STATIC = "GraphRecalculateSetting: {StaticMode: true}";
const FAKE_TCP = `${SMALL_SUPER_FILE}ListenPort: 3000\nFakeTCP: `;

/** One change to the small file, and the issues that follow. */
const FAULTS: readonly [name: string, text: string, issues: string[]][] = [
  ["no private key", withLine("PrivKeyV4", ""), ["0 PrivKeyV4 error"]],
  ["a private key that is too short", withLine("PrivKeyV4", "PrivKeyV4: AAAA"), ["1 PrivKeyV4 error"]],
  ["the same private key twice", `${SMALL_SUPER_FILE}PrivKeyV6: ${OWN_KEY}`, ["10 PrivKeyV6 error"]],
  ["a key of a family that is off, alone", `${SMALL_SUPER_FILE}DisabledAf: {IPv4: true}`, ["0 PrivKeyV6 error"]],
  ["both families off", `${SMALL_SUPER_FILE}DisabledAf: {IPv4: true, IPv6: true}`, ["10 DisabledAf.IPv6 error"]],
  ["no port for edges", withLine("ListenPort_EdgeAPI", ""), ["0 ListenPort_EdgeAPI error"]],
  ["an empty port for edges", withLine("ListenPort_EdgeAPI", 'ListenPort_EdgeAPI: ""'), ["2 ListenPort_EdgeAPI error"]],
  ["a port that is none", withLine("ListenPort_EdgeAPI", "ListenPort_EdgeAPI: 70000"), ["2 ListenPort_EdgeAPI error"]],
  [
    "two listeners of which one takes the other's port",
    `${SMALL_SUPER_FILE}ListenPort_ManageAPI: 127.0.0.1:3456`,
    ["10 ListenPort_ManageAPI error"],
  ],
  [
    "two listeners at one port of two addresses",
    withLine("ListenPort_EdgeAPI", "ListenPort_EdgeAPI: 192.0.2.1:3456") +
    "ListenPort_ManageAPI: 127.0.0.1:3456",
    [],
  ],
  ["one listener for both", `${SMALL_SUPER_FILE}ListenPort_ManageAPI: ":3456"`, []],
  ["a prefix with a slash at the end", `${SMALL_SUPER_FILE}API_Prefix: /eg/`, ["10 API_Prefix warning"]],
  ["a prefix with a query", `${SMALL_SUPER_FILE}API_Prefix: /eg?x`, ["10 API_Prefix error"]],
  ["no period of pushing", withLine("RePushConfigInterval", ""), ["0 RePushConfigInterval error"]],
  ["a period of pushing of 0", withLine("RePushConfigInterval", "RePushConfigInterval: 0"), [
    "3 RePushConfigInterval error",
  ]],
  ["no timeout", withLine("PeerAliveTimeout", ""), ["0 PeerAliveTimeout error"]],
  ["a negative period of measuring", withLine("SendPingInterval", "SendPingInterval: -1"), [
    "5 SendPingInterval error",
  ]],
  ["a period of measuring of the timeout", withLine("SendPingInterval", "SendPingInterval: 70"), [
    "5 SendPingInterval error",
  ]],
  ["a period of reports above the timeout", `${SMALL_SUPER_FILE}HttpPostInterval: 70.1`, ["10 HttpPostInterval error"]],
  ["a period of reports of the timeout", `${SMALL_SUPER_FILE}HttpPostInterval: 70`, []],
  ["a negative period of reports", `${SMALL_SUPER_FILE}HttpPostInterval: -1`, ["10 HttpPostInterval error"]],
  ["no check for expired latencies", withLine("GraphRecalculateSetting", ""), [
    "0 GraphRecalculateSetting.TimeoutCheckInterval error",
  ]],
  ["a node name of 33 octets", `${SMALL_SUPER_FILE}NodeName: ${"x".repeat(33)}`, ["10 NodeName error"]],
  ["a node name with a slash", `${SMALL_SUPER_FILE}NodeName: a/b`, ["10 NodeName error"]],
  ["relaying switched off", `${SMALL_SUPER_FILE}DisableRelay: true`, ["10 DisableRelay warning"]],
  ["a version with a blank", `${SMALL_SUPER_FILE}WireVersion: v0.3 x`, ["10 WireVersion error"]],
  ["obfuscation switched on", `${SMALL_SUPER_FILE}Obfuscation: {Enabled: true}`, ["10 Obfuscation.Enabled warning"]],
  ["a key of an edge's file", `${SMALL_SUPER_FILE}DualStack: {Enabled: true}`, ["10 DualStack warning"]],
  ["a reserved id of a peer", withLine("- {NodeID: 2", `  - {NodeID: 65533, PubKey: ${OTHER_KEY}}`), [
    "9 Peers[1].NodeID error",
  ]],
  ["a peer's id twice", withLine("- {NodeID: 2", `  - {NodeID: 1, PubKey: ${OTHER_KEY}}`), ["9 Peers[1].NodeID error"]],
  ["a peer's key twice", withLine("- {NodeID: 2", `  - {NodeID: 2, PubKey: ${PEER_KEY}}`), ["9 Peers[1].PubKey error"]],
  ["a peer's name twice", withLine("- {NodeID: 2", `  - {NodeID: 2, Name: one, PubKey: ${OTHER_KEY}}`), [
    "9 Peers[1].Name error",
  ]],
  [
    "two peers without a name",
    `${SMALL_SUPER_FILE}  - {NodeID: 3, PubKey: ${V6_PUBLIC_KEY}}
  - {NodeID: 4, PubKey: ${V6_KEY}}`,
    [],
  ],
  ["a peer without a key", withLine("- {NodeID: 2", "  - {NodeID: 2}"), ["9 Peers[1].PubKey error"]],
  ["the super's own key as a peer", `${SMALL_SUPER_FILE}  - {NodeID: 3, PubKey: ${OWN_PUBLIC_KEY}}`, [
    "10 Peers[2].PubKey error",
  ]],
  [
    "addresses of a family without sessions",
    `${SMALL_SUPER_FILE}  - {NodeID: 3, PubKey: ${V6_KEY}, EndPoint: "[2001:db8::1]:1", ExternalIP: "2001:db8::1"}`,
    ["10 Peers[2].EndPoint warning", "10 Peers[2].ExternalIP warning"],
  ],
  ["static mode without routes", withLine("GraphRecalculateSetting", STATIC), [
    "0 NextHopTable[1] error",
    "0 NextHopTable[2] error",
  ]],
  ["static mode with half of the routes", `${withLine("GraphRecalculateSetting", STATIC)}NextHopTable: {1: {2: 2}}`, [
    "10 NextHopTable[2] error",
  ]],
  [
    "static mode with a stranger as next hop",
    `${withLine("GraphRecalculateSetting", STATIC)}NextHopTable: {1: {2: 3}, 2: {1: 1}}`,
    ["10 NextHopTable[1][2] error"],
  ],
  [
    "static mode with the source as next hop",
    `${withLine("GraphRecalculateSetting", STATIC)}NextHopTable: {1: {2: 1}, 2: {1: 1}}`,
    ["10 NextHopTable[1][2] warning"],
  ],
  [
    "static mode with routes that are complete",
    `${withLine("GraphRecalculateSetting", STATIC)}NextHopTable: {1: {2: 2, 9: 9}, 2: {1: 1}}`,
    [],
  ],
  ["a template that isn't there", `${SMALL_SUPER_FILE}EdgeTemplate: none.yaml`, ["10 EdgeTemplate error"]],
  ["a folder as a template", `${SMALL_SUPER_FILE}EdgeTemplate: tests`, ["10 EdgeTemplate error"]],
  ["a device as a template", `${SMALL_SUPER_FILE}EdgeTemplate: /dev/zero`, ["10 EdgeTemplate error"]],
  ["a certificate without a key", `${SMALL_SUPER_FILE}TLS: {CertFile: none.pem}`, [
    "10 TLS.KeyFile error",
    "10 TLS.CertFile error",
  ]],
  [
    "a template in place of a certificate",
    `${SMALL_SUPER_FILE}TLS: {CertFile: super_files.ts, KeyFile: super_files.ts}`,
    [
      "10 TLS.CertFile error",
      "10 TLS.KeyFile error",
    ],
  ],
  ["a device name that is the second one", `${FAKE_TCP}{Enabled: true, TunName: eg6}`, []],
  [
    "a device name that is the second one, with both families",
    `${FAKE_TCP}{Enabled: true, TunName: etherguard-tcp6, TunIPv6: "fd00:201::1/64", TunPeerIPv6: "fd00:201::2"}\n` +
    `PrivKeyV6: ${OTHER_KEY}`,
    ["11 FakeTCP.TunName error"],
  ],
  ["the number of the HTTP port for UDP", `${FAKE_TCP}{Enabled: true}\nListenPort_ManageAPI: 3000`, [
    "11 FakeTCP.ListenPort warning",
  ]],
  ["the HTTP port for FakeTCP", `${FAKE_TCP}{Enabled: true, ListenPort: 3456}`, ["11 FakeTCP.ListenPort error"]],
  ["the HTTP port as a further one", `${FAKE_TCP}{Enabled: true, ListenPorts: [443, 3456]}`, [
    "11 FakeTCP.ListenPorts[1] error",
  ]],
  ["an HTTP port that is only local", `${FAKE_TCP}{Enabled: true}\nListenPort_ManageAPI: "127.0.0.1:3000"`, []],
  ["a path of a family without sessions", `${SMALL_SUPER_FILE}PathSelection: {Order: [udp6]}`, [
    "10 PathSelection.Order[0] warning",
  ]],
];

for (const [name, text, issues] of FAULTS) {
  const says = issues.length === 0 ? "accepts" : "reports";
  Deno.test(`parseSuperConfig() ${says} ${name}`, () => {
    assert.deepEqual(shortSuperIssues(text), issues);
    assert.equal(readSuper(text).config === undefined, issues.some((issue) => issue.endsWith("error")));
  });
}

Deno.test("parseSuperConfig() switches FakeTCP off that would take the port of HTTP", () => {
  const { config } = readSuper(`${FAKE_TCP}{Enabled: true}\nListenPort_ManageAPI: 3000`);
  assert.equal(config?.fakeTcp.isEnabled, false);
});

Deno.test("parseSuperConfig() reports all errors at once, with their lines, and shows no secret", () => {
  const text = `NodeName: ${"n".repeat(40)}
PrivKeyV4: c2VjcmV0
ListenPort: -1
ListenPort_EdgeAPI: localhost
RePushConfigInterval: 0
HttpPostInterval: 100
PeerAliveTimeout: 70
SendPingInterval: 80
Passwords: {AddPeer: "hidden\\tword"}
GraphRecalculateSetting:
  StaticMode: yes
Peers:
- NodeID: 65535
  PubKey: x
`;
  assert.deepEqual(readSuper(text).issues.map(formatConfigIssue).map((line) => line.replace("tests/config/", "")), [
    `super.yaml:1: error: NodeName: found "${
      "n".repeat(40)
    }"; allowed: text of at most 32 octets; it has 40: shorten it`,
    'super.yaml:2: error: PrivKeyV4: found 8 characters (not shown); allowed: 32 octets in base64: 44 characters, the last one "="; copy the whole key',
    'super.yaml:3: error: ListenPort: found "-1"; allowed: whole number, 0 to 65535; write a number of this range',
    'super.yaml:4: error: ListenPort_EdgeAPI: found "localhost"; allowed: a port 1 to 65535 such as 3456, or host:port, or [v6]:port; write a port of this range',
    'super.yaml:5: error: RePushConfigInterval: found "0"; allowed: number, 0.001 to 1e9; write a number of this range',
    'super.yaml:6: error: HttpPostInterval: found "100"; allowed: at most PeerAliveTimeout, 70; an edge would count as dead between two reports: write less',
    'super.yaml:8: error: SendPingInterval: found "80"; allowed: below PeerAliveTimeout, 70; a peer would count as dead between two measurements: write less',
    "super.yaml:9: error: Passwords.AddPeer: found 11 characters (not shown); allowed: text; remove the control characters",
    'super.yaml:13: error: Peers[0].NodeID: found "65535"; allowed: node id, 0 to 65531; this id is reserved: choose another',
    'super.yaml:14: error: Peers[0].PubKey: found "x"; allowed: 32 octets in base64: 44 characters, the last one "="; copy the whole key',
  ]);
});

Deno.test("parseSuperConfig() names a few of the routes that are missing", () => {
  const peers = Array.from({ length: 9 }, (_, index) => `  - {NodeID: ${index + 10}, PubKey: ${OTHER_KEY}}\n`).join("");
  const text = withLine("GraphRecalculateSetting", STATIC).replace(/ {2}- .*\n/g, "") + peers;
  const found = readSuper(text).issues.filter(({ key }) => key.startsWith("NextHopTable")).map(({ found }) => found);
  assert.equal(found.length, 9);
  assert.equal(found[0], "no next hop to nodes 11, 12, 13, 14, 15 and 3 more");
});

Deno.test("readSuperConfig() finds a template beside the file, else in the working directory", () => {
  const folder = Deno.makeTempDirSync({ prefix: "super-" });
  try {
    const path = `${folder}/super.yaml`;
    Deno.writeTextFileSync(`${folder}/edge.yaml`, "DefaultTTL: 200\nInterface: {IType: dummy}\nBogus: 1\n");
    Deno.writeTextFileSync(path, `${SMALL_SUPER_FILE}EdgeTemplate: edge.yaml\n`);
    const beside = readSuperConfig(path);
    assert.match(beside.config?.edgeTemplate ?? "", /^DefaultTTL: 200/);
    const warnings = beside.issues.map(({ file, line, key, severity }) => ({ file, line, key, severity }));
    assert.deepEqual(warnings, [{ file: `${folder}/edge.yaml`, line: 3, key: "Bogus", severity: "warning" }]);

    Deno.writeTextFileSync(path, `${SMALL_SUPER_FILE}EdgeTemplate: examples/static/n1.yaml\n`);
    assert.match(readSuperConfig(path).config?.edgeTemplate ?? "", /static mode/);

    for (const wrong of ["a: [1", "- 1", "", "x: &a {NodeID: 1}\nDynamicRoute: *a\n"]) {
      Deno.writeTextFileSync(`${folder}/edge.yaml`, wrong);
      Deno.writeTextFileSync(path, `${SMALL_SUPER_FILE}EdgeTemplate: edge.yaml\n`);
      const { config, issues } = readSuperConfig(path);
      assert.equal(config, undefined, wrong);
      assert.ok(issues.some(({ key, severity }) => key === "EdgeTemplate" && severity === "error"), wrong);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("readSuperConfig() takes a certificate and its key beside the file, and no files that a server can't use", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "super-" });

  /** Writes both files; returns what becomes of them, and the keys that are wrong. */
  function read(certificate: string, key: string) {
    Deno.writeTextFileSync(`${folder}/cert.pem`, certificate);
    Deno.writeTextFileSync(`${folder}/key.pem`, key);
    Deno.writeTextFileSync(`${folder}/super.yaml`, `${SMALL_SUPER_FILE}TLS: {CertFile: cert.pem, KeyFile: key.pem}\n`);
    const { config, issues } = readSuperConfig(`${folder}/super.yaml`);
    return { tls: config?.tls, wrong: issues.map(({ key }) => key) };
  }

  try {
    Deno.mkdirSync(`${folder}/other`);
    const [own, other] = await Promise.all([folder, `${folder}/other`].map((folder) => readCertificate(folder)));
    const weak = await readCertificate(folder, ["-newkey", "rsa:1024"]);
    const broken = (text: string) => text.replace(/\n[^-]+\n/, "\nAAAA\n");

    const both = own.key + own.certificate;
    for (
      const tls of [
        own,
        { certificate: own.certificate + other.certificate, key: own.key },
        { certificate: both, key: both },
        { certificate: own.certificate.replaceAll("\n", "\r\n"), key: own.key.replaceAll("\n", "\r\n") },
      ]
    ) {
      assert.deepEqual(read(tls.certificate, tls.key), { tls, wrong: [] });
    }
    const faults: [certificate: string, key: string, wrong: string[]][] = [
      [broken(own.certificate), own.key, ["TLS.CertFile"]],
      [own.certificate, broken(own.key), ["TLS.KeyFile"]],
      [broken(own.certificate), broken(own.key), ["TLS.CertFile", "TLS.KeyFile"]],
      [own.certificate + broken(other.certificate), own.key, ["TLS.CertFile"]],
      [other.certificate + own.certificate, own.key, ["TLS.KeyFile"]],
      [own.certificate, other.key, ["TLS.KeyFile"]],
      [own.key, own.certificate, ["TLS.CertFile", "TLS.KeyFile"]],
      [own.certificate.slice(0, 100), own.key, ["TLS.CertFile"]],
      // Too short for any client of today.
      [weak.certificate, weak.key, ["TLS.CertFile"]],
    ];
    for (const [certificate, key, wrong] of faults) {
      assert.deepEqual(read(certificate, key), { tls: undefined, wrong });
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** Makes a certificate in a folder; returns what its files hold. */
async function readCertificate(folder: string, keyOptions?: readonly string[]): Promise<TlsConfig> {
  const { certFile, keyFile } = await makeCertificate(folder, ["127.0.0.1"], keyOptions);
  return { certificate: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) };
}

Deno.test("readSuperConfig() reports a file that isn't there", () => {
  const { config, issues } = readSuperConfig("tests/config/none.yaml");
  assert.equal(config, undefined);
  assert.deepEqual(issues.map(({ line, found }) => [line, found]), [[0, "no such file"]]);
});

Deno.test("secondTunName() makes a name that fits", () => {
  const names = ["etherguard-tcp-", "eg", "a".repeat(15), "etherguard-tcp6"].map(secondTunName);
  assert.deepEqual(names, ["etherguard-tcp6", "eg6", `${"a".repeat(14)}6`, "etherguard-tcp6"]);
});
