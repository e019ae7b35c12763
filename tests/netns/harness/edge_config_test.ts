import { strict as assert } from "node:assert";
import { parse } from "yaml";
import { insideV6, planEdges, renderEdgeConfig, shortestNextHops } from "./edge_config.ts";

Deno.test("shortestNextHops() goes along the fewest links, through the lowest NodeId of several", () => {
  const links = [{ a: 1, b: 2 }, { a: 1, b: 3 }, { a: 2, b: 4 }, { a: 3, b: 4 }, { a: 4, b: 5 }];
  const table = shortestNextHops([1, 2, 3, 4, 5], links);
  assert.deepEqual([...table.get(1)!].sort(), [[2, 2], [3, 3], [4, 2], [5, 2]]);
  assert.deepEqual([...table.get(5)!].sort(), [[1, 4], [2, 4], [3, 4], [4, 4]]);
});

Deno.test("planEdges() gives a peer an endpoint where it can be dialled, and a keepalive where we can't", () => {
  const plan = planEdges([{ a: 1, b: 2, addressOfB: "fd09::2" }]);
  const [peerOfOne] = plan.get(1)!.peers;
  const [peerOfTwo] = plan.get(2)!.peers;
  assert.equal(peerOfOne.endpoint, "[fd09::2]:4002");
  assert.ok(peerOfOne.persistentKeepaliveS);
  assert.equal(peerOfTwo.endpoint, undefined);
  assert.equal(peerOfTwo.persistentKeepaliveS, undefined);
  assert.equal(peerOfOne.publicKey, plan.get(2)!.keys.publicKey);
});

Deno.test("renderEdgeConfig() writes plain NodeIDs and keys of 32 octets", () => {
  const text = renderEdgeConfig(planEdges([{ a: 1, b: 2, addressOfA: "10.0.0.1" }]).get(2)!);
  assert.match(text, /^ {2}1:\n {4}2: 2$/m);
  const config = parse(text) as { PrivKey: string; Peers: { PubKey: string; EndPoint: string }[] };
  assert.equal(atob(config.PrivKey).length, 32);
  assert.equal(atob(config.Peers[0].PubKey).length, 32);
  assert.equal(config.Peers[0].EndPoint, "10.0.0.1:4001");
});

Deno.test("renderEdgeConfig() writes of FakeTCP and path selection what is set, and no block without", () => {
  const settings = planEdges([{ a: 1, b: 2, addressOfA: "10.0.0.1" }]).get(2)!;
  assert.doesNotMatch(renderEdgeConfig(settings), /FakeTCP|PathSelection/);
  settings.fakeTcp = { isEnabled: true, listenPort: 443, moreListenPorts: [8443] };
  settings.pathSelection = { order: ["faketcp4", "udp4"], holdTimeS: 1 };
  settings.peers[0].fakeTcpEndpoint = "10.0.0.1:443";
  const config = parse(renderEdgeConfig(settings)) as Record<string, unknown>;
  assert.deepEqual(config.FakeTCP, { Enabled: true, ListenPort: 443, ListenPorts: [8443] });
  assert.deepEqual(config.PathSelection, { Order: ["faketcp4", "udp4"], HoldTime: 1 });
  assert.match(renderEdgeConfig(settings), /FakeTCPEndPoint: 10\.0\.0\.1:443/);
});

Deno.test("insideV6() writes the NodeId in hexadecimal", () => {
  assert.equal(insideV6(26), "fd77::1a");
});
