import { strict as assert } from "node:assert";
import { type EdgeTemplateValues, renderEdgeConfig } from "../../src/config/edge_template.ts";
import { formatKey, parseKey } from "../../src/config/key_text.ts";
import { OTHER_KEY, OWN_KEY, OWN_PUBLIC_KEY, PEER_KEY, PRESHARED_KEY, read, readValid } from "./edge_files.ts";

const VALUES: EdgeTemplateValues = {
  nodeId: 7,
  nodeName: "Seven",
  publicKey: parseKey(OWN_PUBLIC_KEY)!,
  presharedKey: parseKey(PRESHARED_KEY),
  additionalCostMs: 1000,
  skipsLocalAddresses: true,
  wireVersion: undefined,
  superPublicKeyV4: parseKey(PEER_KEY),
  superPublicKeyV6: parseKey(OTHER_KEY),
  fakeTcp: { isEnabled: true, listenPort: 0, tunMtu: 1400 },
  obfuscation: { isEnabled: false, key: undefined },
};

const TEMPLATE = `# Our edges
NodeID: 1 # replaced
PrivKey: ""
DefaultTTL: 100
Interface: {IType: dummy, Name: tap7} # as everywhere
DynamicRoute:
  PeerAliveTimeout: 70
  ConnNextTry: 5
  SuperNode:
    UseSuperNode: true
    EndpointV4: super.example:3000
    PubKeyV4: ${OWN_PUBLIC_KEY}
    EndpointEdgeAPIUrl: http://super.example:3456/eg
NextHopTable: {1: {2: 2}}
Peers:
- NodeID: 2
  PubKey: ${PEER_KEY}
`;

/** The answer with the private key put in, which is what its receiver does. */
function withPrivateKey(text: string): string {
  assert.match(
    text,
    new RegExp(
      `^PrivKey: Your_Private_Key # fill in: the private key of ${OWN_PUBLIC_KEY.replaceAll("+", "\\+")}$`,
      "m",
    ),
  );
  return text.replace("Your_Private_Key", OWN_KEY);
}

Deno.test("renderEdgeConfig() fills a template in, and leaves the rest of it as it is", () => {
  const text = renderEdgeConfig(TEMPLATE, VALUES);
  for (const kept of ["# Our edges\n", "NodeID: 7 # replaced\n", "DefaultTTL: 100\n", "# as everywhere\n"]) {
    assert.ok(text.includes(kept), kept);
  }
  const config = readValid(withPrivateKey(text));
  assert.equal(config.nodeId, 7);
  assert.equal(config.nodeName, "Seven");
  assert.equal(config.dynamicRoute.additionalCostMs, 1000);
  assert.deepEqual(config.nextHopTable, {});
  assert.deepEqual(config.peers, []);
  assert.deepEqual([config.fakeTcp.isEnabled, config.fakeTcp.tunMtu], [true, 1400]);
  const { superNode } = config.dynamicRoute;
  assert.equal(superNode?.skipsLocalAddresses, true);
  assert.equal(formatKey(superNode!.presharedKey!), PRESHARED_KEY);
  assert.equal(formatKey(superNode!.ipv4!.publicKey), PEER_KEY);
  assert.equal(superNode?.ipv4?.endpoint.host, "super.example");
  assert.equal(superNode?.ipv6, undefined);
  assert.equal(superNode?.apiUrl, "http://super.example:3456/eg");
});

Deno.test("renderEdgeConfig() tells the port of FakeTCP if it isn't that of UDP", () => {
  const values = { ...VALUES, fakeTcp: { ...VALUES.fakeTcp, listenPort: 443 } };
  const { superNode } = readValid(withPrivateKey(renderEdgeConfig(TEMPLATE, values))).dynamicRoute;
  assert.deepEqual(superNode?.ipv4?.fakeTcpEndpoint, { host: "super.example", port: 443, family: 0 });
  const named = TEMPLATE.replace("    EndpointV4", "    FakeTCPEndpointV4: other.example:80\n    EndpointV4");
  const kept = readValid(withPrivateKey(renderEdgeConfig(named, values))).dynamicRoute.superNode;
  assert.equal(kept?.ipv4?.fakeTcpEndpoint?.host, "other.example");
});

Deno.test("renderEdgeConfig() passes on the version that the super's file names, and leaves the template's otherwise", () => {
  const named = `${TEMPLATE}WireVersion: v0.3.4-x\n`;
  const cases: [template: string | undefined, wireVersion: string | undefined, version: string | undefined][] = [
    [TEMPLATE, undefined, undefined],
    [TEMPLATE, "#0.2", "#0.2"],
    [named, undefined, "v0.3.4-x"],
    [named, "v0.2.9-x", "v0.2.9-x"],
    [undefined, "v0.2.9-x", "v0.2.9-x"],
    [undefined, undefined, undefined],
  ];
  for (const [template, wireVersion, version] of cases) {
    const text = withPrivateKey(renderEdgeConfig(template, { ...VALUES, wireVersion }));
    const { config } = read(text.replace(/EndpointV4: ""/, 'EndpointV4: "192.0.2.1:3000"'));
    assert.equal(config?.wireVersion, version);
  }
});

Deno.test("renderEdgeConfig() makes a file from the built-in example that says what is left to fill in", () => {
  const text = renderEdgeConfig(undefined, VALUES);
  assert.match(text, /^# Configuration of an etherguard edge, made by its super/);
  const notes = text.split("\n").filter((line) => line.includes("# fill in: ")).map((line) =>
    line.trim().split(":")[0]
  );
  assert.deepEqual(notes, ["PrivKey", "EndpointV4", "EndpointV6", "EndpointEdgeAPIUrl"]);
  const filled = withPrivateKey(text).replace(/EndpointV4: ""/, 'EndpointV4: "192.0.2.1:3000"');
  const { config, issues } = read(filled);
  assert.deepEqual(issues.map(({ key, severity }) => [key, severity]), [
    ["DynamicRoute.SuperNode.EndpointEdgeAPIUrl", "warning"],
  ]);
  assert.equal(config?.dynamicRoute.superNode?.ipv4?.endpoint.host, "192.0.2.1");
  assert.deepEqual(config?.peers, []);
});

Deno.test("renderEdgeConfig() has no notes about a family that the super has no sessions over", () => {
  const text = renderEdgeConfig(undefined, { ...VALUES, superPublicKeyV6: undefined, presharedKey: undefined });
  assert.match(text, /EndpointV4: "" # fill in: the super's address over IPv4 and its UDP port\n/);
  assert.match(text, /EndpointV6: ""\n/);
  assert.match(text, /PubKeyV6: ""\n/);
  assert.match(text, /PSKey: ""\n/);
});
