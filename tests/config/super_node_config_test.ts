import { strict as assert } from "node:assert";
import { formatKey } from "../../src/config/key_text.ts";
import {
  OTHER_KEY,
  OWN_KEY,
  OWN_PUBLIC_KEY,
  PEER_KEY,
  PRESHARED_KEY,
  read,
  readValid,
  shortIssues,
} from "./edge_files.ts";

const HEAD = `NodeID: 1
DefaultTTL: 200
PrivKey: ${OWN_KEY}
Interface: {IType: dummy}
`;
const BOTH =
  `EndpointV4: "super.example:3000", PubKeyV4: ${PEER_KEY}, EndpointV6: "[2001:db8::1]:3000", PubKeyV6: ${OTHER_KEY}`;
const URL_KEY = "EndpointEdgeAPIUrl: http://super.example:3456/eg";
const FAKE_TCP = 'FakeTCP: {Enabled: true, TunIPv6: "fd00:200::1/64", TunPeerIPv6: "fd00:200::2"}\n';

/** A file in super mode with these keys of `SuperNode`, on line 5. */
function superMode(keys: string, more = "", route = "PeerAliveTimeout: 70, ConnNextTry: 5"): string {
  return `${HEAD}DynamicRoute: {${route}, SuperNode: {UseSuperNode: true, ${keys}}}\n${more}`;
}

Deno.test("readSuperNode() needs neither peers nor routes nor a period of measuring", () => {
  const config = readValid(superMode(
    `${BOTH}, ${URL_KEY}, PSKey: ${PRESHARED_KEY}, SkipLocalIP: true, AdditionalLocalIP: ["192.0.2.1:1"]`,
    "LogLevel: {LogNTP: true}\n",
  ));
  const { superNode, pingIntervalMs } = config.dynamicRoute;
  assert.equal(pingIntervalMs, 0);
  assert.deepEqual(superNode?.ipv4?.endpoint, { host: "super.example", port: 3000, family: 0 });
  assert.deepEqual(superNode?.ipv6?.endpoint, { host: "2001:db8::1", port: 3000, family: 6 });
  assert.equal(formatKey(superNode!.ipv4!.publicKey), PEER_KEY);
  assert.equal(formatKey(superNode!.ipv6!.publicKey), OTHER_KEY);
  assert.equal(formatKey(superNode!.presharedKey!), PRESHARED_KEY);
  assert.equal(superNode?.apiUrl, "http://super.example:3456/eg");
  assert.equal(superNode?.skipsLocalAddresses, true);
  assert.deepEqual(superNode?.additionalLocalEndpoints, [{ host: "192.0.2.1", port: 1, family: 4 }]);
  assert.equal(superNode?.ipv4?.fakeTcpEndpoint, undefined, "FakeTCP is off");
  assert.equal(config.log.ntp, true, "not in static mode");
});

Deno.test("readSuperNode() makes no session of a family that is off", () => {
  const keys = `${BOTH}, ${URL_KEY}`;
  const v6 = readValid(superMode(keys, "DisabledAf: {IPv4: true}")).dynamicRoute.superNode;
  assert.deepEqual([v6?.ipv4 === undefined, v6?.ipv6 === undefined], [true, false]);
  const v4 = readValid(superMode(keys, "DisabledAf: {IPv6: true}")).dynamicRoute.superNode;
  assert.deepEqual([v4?.ipv4 === undefined, v4?.ipv6 === undefined], [false, true]);
});

Deno.test("readSuperNode() calls by FakeTCP where the file says, else at the endpoint", () => {
  const keys = `${BOTH}, ${URL_KEY}, FakeTCPEndpointV4: "super.example:443"`;
  const { superNode } = readValid(superMode(keys, FAKE_TCP)).dynamicRoute;
  assert.deepEqual(superNode?.ipv4?.fakeTcpEndpoint, { host: "super.example", port: 443, family: 0 });
  assert.deepEqual(superNode?.ipv6?.fakeTcpEndpoint, superNode?.ipv6?.endpoint);
  const onlyV4 = readValid(superMode(keys, "FakeTCP: {Enabled: true}")).dynamicRoute.superNode;
  assert.equal(onlyV4?.ipv6?.fakeTcpEndpoint, undefined, "FakeTCP has no addresses of IPv6");
});

/** A file in super mode, and the issues that follow. */
const FAULTS: readonly [name: string, text: string, issues: string[]][] = [
  ["no endpoint", superMode(URL_KEY), ["5 DynamicRoute.SuperNode.EndpointV4 error"]],
  ["an endpoint without a key", superMode(`EndpointV4: "a.example:1", ${URL_KEY}`), [
    "5 DynamicRoute.SuperNode.PubKeyV4 error",
  ]],
  [
    "the only endpoint in a family that is off",
    superMode(`EndpointV6: "[::1]:1", PubKeyV6: ${PEER_KEY}, ${URL_KEY}`, "DisabledAf: {IPv6: true}"),
    ["5 DynamicRoute.SuperNode.EndpointV6 error"],
  ],
  ["one key for both families", superMode(`${BOTH.replace(OTHER_KEY, PEER_KEY)}, ${URL_KEY}`), [
    "5 DynamicRoute.SuperNode.PubKeyV6 error",
  ]],
  ["its own key", superMode(`${BOTH.replace(PEER_KEY, OWN_PUBLIC_KEY)}, ${URL_KEY}`), [
    "5 DynamicRoute.SuperNode.PubKeyV4 error",
  ]],
  ["no URL", superMode(BOTH), ["5 DynamicRoute.SuperNode.EndpointEdgeAPIUrl warning"]],
  ["no timeout and no time to try", superMode(`${BOTH}, ${URL_KEY}`, "", "SendPingInterval: 15"), [
    "5 DynamicRoute.PeerAliveTimeout error",
    "5 DynamicRoute.ConnNextTry error",
  ]],
  [
    "peers, which the super doesn't know",
    superMode(`${BOTH}, ${URL_KEY}`, `Peers: [{NodeID: 2, PubKey: ${PEER_KEY}}]`),
    [
      "6 Peers warning",
    ],
  ],
  ["P2P mode beside it", superMode(`${BOTH}, ${URL_KEY}}, P2P: {UseP2P: true, SendPeerInterval: 20`), [
    "5 DynamicRoute.P2P.UseP2P error",
  ]],
  ["an endpoint for FakeTCP, which is off", superMode(`${BOTH}, ${URL_KEY}, FakeTCPEndpointV4: "a.example:443"`), [
    "5 DynamicRoute.SuperNode.FakeTCPEndpointV4 warning",
  ]],
  [
    "an endpoint for FakeTCP without a session",
    superMode(
      `EndpointV4: "a.example:1", PubKeyV4: ${PEER_KEY}, ${URL_KEY}, FakeTCPEndpointV6: "[::1]:443"`,
      FAKE_TCP,
    ),
    ["5 DynamicRoute.SuperNode.FakeTCPEndpointV6 warning"],
  ],
  [
    "an endpoint for FakeTCP over a family that it lacks",
    superMode(`${BOTH}, ${URL_KEY}, FakeTCPEndpointV6: "[::1]:443"`, "FakeTCP: {Enabled: true}"),
    ["5 DynamicRoute.SuperNode.FakeTCPEndpointV6 warning"],
  ],
];

for (const [name, text, issues] of FAULTS) {
  Deno.test(`readSuperNode() reports ${name}`, () => {
    assert.deepEqual(shortIssues(text), issues);
    assert.equal(read(text).config === undefined, issues.some((issue) => issue.endsWith("error")));
  });
}
