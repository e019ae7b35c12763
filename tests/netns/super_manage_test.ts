/**
 * The HTTP interface for administrators, on a super node that has no edges yet: what each call answers, and what becomes of
 * the file.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { generateKeys } from "./harness/edge_config.ts";
import type { HttpAnswer } from "./harness/http_client.ts";
import { siteAddress } from "./harness/internet.ts";
import { labTest } from "./harness/lab_steps.ts";
import { PASSWORDS, renderSuperConfig } from "./harness/super_config.ts";
import { startSuperAgain, SuperApi } from "./harness/super_node.ts";
import { buildSuperSite, SUPER_SITE } from "./harness/super_site.ts";

const COMMENT = "# Kept by hand, in both senses.";
const FILE_MODE = 0o640;
/** Wrong passwords that one address may show in a minute. Source: `http-api.md` §8. */
const GUESSES = 10;

labTest("administrators change a network, and its file with it", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"]);
  const file = `${site.superHost.folder}/super.yaml`;
  await Deno.writeTextFile(file, `${COMMENT}\n${renderSuperConfig(site.superNode)}`);
  await Deno.chmod(file, FILE_MODE);
  const starts = [await startSuperAgain(site.superHost, file)];
  const api = await SuperApi.connect(site.superHost);
  const keys = generateKeys();
  const newEdge = {
    NodeID: "3",
    Name: "third",
    PubKey: keys.publicKey,
    AdditionalCost: "7",
    SkipLocalIP: "true",
  };

  const get = (path: string, query: Record<string, string>) => api.client.send({ url: api.manageUrl(path, query) });
  const post = (path: string, query: Record<string, string>, form: Record<string, string>) => {
    return api.client.post(api.manageUrl(path, query), form);
  };
  const update = (form: Record<string, string>) => post("super/update", { Password: PASSWORDS.UpdateSuper }, form);
  const updatePeer = (NodeID: string, form: Record<string, string>) => {
    return post("peer/update", { Password: PASSWORDS.UpdatePeer, NodeID }, form);
  };

  await step("super/state tells of edges that never came", async () => {
    const state = await api.state();
    const LastSeen = "0001-01-01 00:00:00 +0000 UTC";
    assert.deepEqual(state.PeerInfo, { 1: { Name: "node1", LastSeen }, 2: { Name: "node2", LastSeen } });
    assert.deepEqual([state.Infinity, state.Dist, state.Dist_noAC], [99999, null, null]);
    const rows = [state.Edges, state.Edges_Nh, state.NhTable].flatMap((map) => Object.values(map));
    assert.ok(rows.every((row) => typeof row === "object"), JSON.stringify(state));
  });

  await step("a password in the header is as good as one in the query", async () => {
    const headers = { authorization: `Bearer ${PASSWORDS.ShowState}` };
    assertStatus(await api.client.send({ url: api.manageUrl("super/state"), headers }), 200);
  });

  await step("peer/add refuses what can't be, and what there is already", async () => {
    const { PubKey: _, ...keyless } = newEdge;
    assertStatus(await api.addPeer(keyless), 400);
    assertStatus(await api.addPeer({ ...newEdge, AdditionalCost: "much" }), 400);
    assertStatus(await api.addPeer({ ...newEdge, NodeID: "2" }), 409);
    assertStatus(await api.addPeer({ ...newEdge, Name: "node1" }), 409);
    assertStatus(await api.addPeer({ ...newEdge, PubKey: site.plan.get(1)!.keys.publicKey }), 409);
    assertStatus(await api.addPeer({ ...newEdge, PubKey: "short" }), 417);
    assertStatus(await api.addPeer({ ...newEdge, NodeID: "65533" }), 417);
  });

  await step("peer/add answers a file for the new edge", async () => {
    const answer = await api.addPeer(newEdge);
    assertStatus(answer, 200);
    const { publicKey: superKey } = site.superNode.keysV4;
    for (const part of ["NodeID: 3", "third", "Your_Private_Key", superKey]) {
      assert.ok(answer.body.includes(part), `${part} isn't in ${answer.body}`);
    }
    assert.equal((await api.state()).PeerInfo[3].Name, "third");
  });

  await step("peer/update and super/update change what they can", async () => {
    assertStatus(await updatePeer("3", { AdditionalCost: "9.5" }), 200);
    assertStatus(await updatePeer("3", { AdditionalCost: "much" }), 200);
    assertStatus(await updatePeer("99", { AdditionalCost: "9.5" }), 404);
    assertStatus(await update({ SendPingInterval: "12", HttpPostInterval: "40" }), 200);
    assertStatus(await update({ SendPingInterval: "-1" }), 400);
    assertStatus(await update({ PeerAliveTimeout: "5" }), 400);
    assertStatus(await update({}), 200);
  });

  await step("a method that a call doesn't have: 405; an unknown path: 404; a page of another site: 403", async () => {
    assertStatus(await get("peer/add", { Password: PASSWORDS.AddPeer }), 405);
    assertStatus(await get("nothing", {}), 404);
    const headers = { origin: "http://elsewhere.example" };
    const url = api.manageUrl("super/state", { Password: PASSWORDS.ShowState });
    assertStatus(await api.client.send({ url, headers }), 403);
  });

  await step("the file has the changes, its comment, and its permissions", async () => {
    const text = await Deno.readTextFile(file);
    assert.ok(text.startsWith(COMMENT), text.slice(0, 200));
    for (const line of [/^SendPingInterval: 12$/m, /^HttpPostInterval: 40$/m, /AdditionalCost: 9\.5$/m]) {
      assert.match(text, line);
    }
    assert.ok(text.includes(keys.publicKey) && !text.includes(keys.privateKey));
    assert.equal((await Deno.stat(file)).mode! & 0o777, FILE_MODE);
  });

  await step("the next start has them, too", async () => {
    assert.equal((await starts[0].process.stop("SIGTERM")).code, 0, starts[0].process.tail());
    starts.push(await startSuperAgain(site.superHost, file));
    assert.deepEqual(Object.keys((await api.state()).PeerInfo), ["1", "2", "3"]);
  });

  await step("peer/del removes by a password, or by the edge's own private key", async () => {
    assertStatus(await api.removePeer(99), 404);
    assertStatus(await get("peer/del", { Password: PASSWORDS.DelPeer }), 400);
    assertStatus(await get("peer/del", { PrivKey: generateKeys().privateKey }), 404);
    assertStatus(await post("peer/del", {}, { PrivKey: keys.privateKey }), 200);
    assertStatus(await api.removePeer(2), 200);
    assert.deepEqual(Object.keys((await api.state()).PeerInfo), ["1"]);
    assert.doesNotMatch(await Deno.readTextFile(file), /third|node2/);
  });

  await step(
    "a missing password: 400; a wrong one: 401, and after ten of them 429 even for the right one",
    async () => {
      // From another address than above, which showed a wrong key.
      const other = await SuperApi.connect(site.hosts.get(1)!, siteAddress(SUPER_SITE));
      const ask = (query: Record<string, string>) => {
        return other.client.send({ url: other.manageUrl("super/state", query) });
      };
      assertStatus(await ask({}), 400);
      for (let guess = 0; guess < GUESSES; guess++) assertStatus(await ask({ Password: `guess ${guess}` }), 401);
      assertStatus(await ask({ Password: PASSWORDS.ShowState }), 429);
      assert.ok(await api.state());
    },
  );

  await step("no log has a password or a key in it", () => {
    const log = starts.map(({ process }) => process.text("stderr")).join("");
    assert.match(log, /edge added/);
    for (const secret of [...Object.values(PASSWORDS), keys.privateKey, "guess 0"]) {
      assert.ok(!log.includes(secret), secret);
    }
    return Promise.resolve();
  });
});

function assertStatus(answer: HttpAnswer, status: number): void {
  assert.equal(answer.status, status, answer.body);
}
