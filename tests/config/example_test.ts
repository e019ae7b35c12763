import { strict as assert } from "node:assert";
import { seededRandom, systemRandom } from "../../src/base/random.ts";
import type { EdgeConfig } from "../../src/config/edge_config.ts";
import { EDGE_SCHEMA } from "../../src/config/edge_schema.ts";
import { renderEdgeExample, renderSuperExample } from "../../src/config/example.ts";
import { formatKey } from "../../src/config/key_text.ts";
import { renderEdgeReference, renderSuperReference } from "../../src/config/reference.ts";
import type { Field } from "../../src/config/schema.ts";
import { readSuperConfig, type SuperConfig } from "../../src/config/super_config.ts";
import { SUPER_SCHEMA } from "../../src/config/super_schema.ts";
import { readValid } from "./edge_files.ts";
import { readValidSuper } from "./super_files.ts";

/** Names of all keys of a field, at every depth. */
function keysOf(field: Field): string[] {
  switch (field.kind) {
    case "block":
      return Object.entries(field.fields).flatMap(([name, below]) => [name, ...keysOf(below)]);
    case "list":
      return keysOf(field.item);
    default:
      return [];
  }
}

Deno.test("renderEdgeExample() passes the check without a warning", () => {
  const config = readValid(renderEdgeExample(systemRandom));
  assert.equal(config.nodeId, 1);
  assert.equal(config.peers.length, 1);
  assert.deepEqual(config.postScript, []);
  assert.equal(config.fakeTcp.isEnabled, true);
});

Deno.test("renderEdgeExample() shows every key of the schema", () => {
  const example = renderEdgeExample(seededRandom(1));
  for (const key of keysOf(EDGE_SCHEMA)) assert.match(example, new RegExp(`^ *(- )?${key}:`, "m"), key);
});

Deno.test("renderEdgeExample() has fresh keys each time", () => {
  const keys = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const config = readValid(renderEdgeExample(systemRandom));
    const [peer] = config.peers;
    for (const key of [config.privateKey, peer.publicKey, peer.presharedKey!, config.obfuscation.key!]) {
      keys.add(formatKey(key));
    }
  }
  assert.equal(keys.size, 20);
});

Deno.test("renderSuperExample() passes the check without a warning", () => {
  const config = readValidSuper(renderSuperExample(systemRandom));
  assert.equal(config.peers.length, 1);
  assert.equal(config.fakeTcp.isEnabled, true);
  assert.deepEqual([config.addressFamilies.ipv4, config.addressFamilies.ipv6], [true, true]);
});

Deno.test("renderSuperExample() shows every key of the schema", () => {
  const example = renderSuperExample(seededRandom(1));
  for (const key of keysOf(SUPER_SCHEMA)) assert.match(example, new RegExp(`^ *(- )?${key}:`, "m"), key);
});

Deno.test("renderSuperExample() has fresh keys and passwords each time, and none twice", () => {
  const secrets = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const { privateKeyV4, privateKeyV6, peers: [peer], passwords } = readValidSuper(renderSuperExample(systemRandom));
    for (const key of [privateKeyV4!, privateKeyV6!, peer.publicKey, peer.presharedKey!]) secrets.add(formatKey(key));
    for (const password of Object.values(passwords)) {
      assert.match(password, /^[0-9A-Za-z]{24}$/);
      secrets.add(password);
    }
  }
  assert.equal(secrets.size, 45);
});

for (const [name, render] of [["edge", renderEdgeReference], ["super", renderSuperReference]] as const) {
  Deno.test(`examples/REFERENCE-${name}.md is what the program's table of keys says`, () => {
    const path = new URL(`../../examples/REFERENCE-${name}.md`, import.meta.url);
    if (Deno.args.includes("--update")) Deno.writeTextFileSync(path, render());
    const remedy = "update it: deno test -A tests/config/example_test.ts -- --update";
    assert.equal(Deno.readTextFileSync(path), render(), remedy);
  });
}

function readExample(name: string): EdgeConfig {
  return readValid(Deno.readTextFileSync(new URL(`../../examples/${name}`, import.meta.url)));
}

function readSuperExample(name: string): SuperConfig {
  const { config, issues } = readSuperConfig(new URL(`../../examples/${name}`, import.meta.url).pathname);
  assert.deepEqual(issues, []);
  return config!;
}

Deno.test("every YAML file in examples/ passes the check without a warning", () => {
  const root = new URL("../../examples/", import.meta.url);
  let files = 0;
  for (const folder of Deno.readDirSync(root)) {
    if (!folder.isDirectory) continue;
    for (const { name } of Deno.readDirSync(new URL(`${folder.name}/`, root))) {
      if (!name.endsWith(".yaml")) continue;
      if (name === "super.yaml") readSuperExample(`${folder.name}/${name}`);
      else readExample(`${folder.name}/${name}`);
      files++;
    }
  }
  assert.ok(files >= 8);
});

Deno.test("the nodes of examples/static know each other's keys, ports and routes", () => {
  const nodes = [1, 2, 3].map((id) => readExample(`static/n${id}.yaml`));
  for (const node of nodes) {
    assert.deepEqual(node.nextHopTable, nodes[0].nextHopTable);
    for (const peer of node.peers) {
      const other = nodes[peer.nodeId - 1];
      assert.deepEqual(peer.publicKey, other.publicKey);
      const back = other.peers.find(({ nodeId }) => nodeId === node.nodeId);
      assert.deepEqual(peer.presharedKey, back?.presharedKey);
      for (const endpoint of peer.endpoints) assert.equal(endpoint.port, other.listenPort);
    }
  }
  assert.deepEqual(nodes.map((node) => node.peers.map((peer) => peer.nodeId)), [[2], [1, 3], [2]]);
  assert.equal(new Set(nodes.map((node) => node.listenPort)).size, 3);
  assert.equal(new Set(nodes.map((node) => node.interface.name)).size, 3);
});

Deno.test("the nodes of examples/faketcp know each other's keys, and the server's ports", () => {
  const server = readExample("faketcp/server.yaml");
  const home = readExample("faketcp/home.yaml");
  assert.deepEqual(server.nextHopTable, home.nextHopTable);
  assert.deepEqual(server.peers[0].publicKey, home.publicKey);
  assert.deepEqual(home.peers[0].publicKey, server.publicKey);
  assert.deepEqual(home.peers[0].presharedKey, server.peers[0].presharedKey);
  for (const endpoints of [home.peers[0].endpoints, home.peers[0].fakeTcpEndpoints]) {
    assert.deepEqual(endpoints.map(({ port }) => port), [server.listenPort]);
  }
  assert.deepEqual([server.listenPort, server.fakeTcp.listenPort], [443, 0]);
  for (const { fakeTcp, interface: { mtu } } of [server, home]) {
    assert.equal(fakeTcp.isEnabled, true);
    assert.equal(fakeTcp.managesRules, true);
    assert.notEqual(fakeTcp.ipv6, undefined);
    assert.equal(mtu, server.interface.mtu);
  }
});

Deno.test("the nodes of examples/super know each other's keys and ports", () => {
  const config = readSuperExample("super/super.yaml");
  const edges = [1, 2].map((id) => readExample(`super/edge${id}.yaml`));
  for (const edge of edges) {
    const { superNode } = edge.dynamicRoute;
    const peer = config.peers.find(({ nodeId }) => nodeId === edge.nodeId);
    assert.deepEqual(peer?.publicKey, edge.publicKey);
    assert.deepEqual(peer?.presharedKey, superNode?.presharedKey);
    assert.deepEqual(superNode?.ipv4?.publicKey, config.publicKeyV4);
    assert.deepEqual(superNode?.ipv6?.publicKey, config.publicKeyV6);
    assert.deepEqual([superNode?.ipv4?.endpoint.port, superNode?.ipv6?.endpoint.port], [3000, 3000]);
    assert.equal(superNode?.apiUrl, `http://127.0.0.1:${config.edgeApi.port}${config.apiPrefix}`);
    assert.notEqual(edge.fakeTcp.ipv6, undefined);
  }
  assert.equal(config.listenPort, 3000);
  assert.equal(new Set(edges.map((edge) => edge.interface.name)).size, 2);
  assert.equal(new Set(edges.map((edge) => edge.fakeTcp.tunName)).size, 2);
});
