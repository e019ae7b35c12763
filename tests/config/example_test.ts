import { strict as assert } from "node:assert";
import { seededRandom, systemRandom } from "../../src/base/random.ts";
import type { EdgeConfig } from "../../src/config/edge_config.ts";
import { EDGE_SCHEMA } from "../../src/config/edge_schema.ts";
import { renderEdgeExample } from "../../src/config/example.ts";
import { formatKey } from "../../src/config/key_text.ts";
import { renderEdgeReference } from "../../src/config/reference.ts";
import type { Field } from "../../src/config/schema.ts";
import { readValid } from "./edge_files.ts";

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

Deno.test("renderEdgeReference() is what examples/REFERENCE-edge.md has", () => {
  const path = new URL("../../examples/REFERENCE-edge.md", import.meta.url);
  if (Deno.args.includes("--update")) Deno.writeTextFileSync(path, renderEdgeReference());
  const remedy = "update it: deno test -A tests/config/example_test.ts -- --update";
  assert.equal(Deno.readTextFileSync(path), renderEdgeReference(), remedy);
});

function readExample(name: string): EdgeConfig {
  return readValid(Deno.readTextFileSync(new URL(`../../examples/${name}`, import.meta.url)));
}

Deno.test("every YAML file in examples/ passes the check without a warning", () => {
  const root = new URL("../../examples/", import.meta.url);
  let files = 0;
  for (const folder of Deno.readDirSync(root)) {
    if (!folder.isDirectory) continue;
    for (const { name } of Deno.readDirSync(new URL(`${folder.name}/`, root))) {
      if (!name.endsWith(".yaml")) continue;
      readExample(`${folder.name}/${name}`);
      files++;
    }
  }
  assert.ok(files >= 5);
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
