/**
 * The HTTP interface for edges: one edge gets its documents there, as reference edges do, another one through its session.
 * What the first sends is recorded, and sent again by a third who wishes them ill.
 *
 *     edge 1 ──── Internet ──── edge 2
 *             ┌──────┴──────┐
 *           super       third party
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { alteredProgram } from "./harness/altered_program.ts";
import { makeCertificate } from "./harness/certificate.ts";
import { eventsOf, type LogEvent, type RunningEdge, startEdge } from "./harness/edge.ts";
import { HttpClient } from "./harness/http_client.ts";
import { siteAddress } from "./harness/internet.ts";
import type { Host } from "./harness/host.ts";
import type { Lab } from "./harness/lab.ts";
import { labTest } from "./harness/lab_steps.ts";
import { startRecording } from "./harness/packet_tool.ts";
import { API_PREFIX, EDGE_API_PORT } from "./harness/super_config.ts";
import { startSuper, SuperApi } from "./harness/super_node.ts";
import { buildSuperSite, SUPER_SITE, type SuperSite, waitForMesh, waitForRoutes } from "./harness/super_site.ts";
import { eventually } from "./harness/wait.ts";

const SUPER = siteAddress(SUPER_SITE);
const MESH_TIMEOUT_MS = 5_000;
const STATE_TIMEOUT_MS = 10_000;
/** Shortest time between two reports, s: enough of them while the test runs. */
const REPORT_INTERVAL_S = 1;

labTest("an edge that asks over HTTP gets all that it needs, and nobody else does", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"], { v4: SUPER, v6: siteAddress(SUPER_SITE, "v6") });
  site.superNode.reportIntervalS = REPORT_INTERVAL_S;
  site.plan.get(1)!.superNode!.apiUrl = `http://${SUPER}:${EDGE_API_PORT}${API_PREFIX}`;
  // At the edge's side: what the third party sends isn't to be among it.
  const edgeHost = site.hosts.get(1)!;
  const file = `${edgeHost.folder}/http.pcap`;
  const recorder = await startRecording(edgeHost, "eth0", file);
  await startSuper(site.superHost, site.superNode);
  const edges = await startBoth(site);
  const api = await SuperApi.connect(site.superHost);
  let requests: RecordedRequest[] = [];
  let peers: Record<string, { Connurl: Record<string, unknown> }> = {};

  await step("it reaches the other", () => waitForMesh(edges, MESH_TIMEOUT_MS));

  await step("its reports arrive, and no request of its fails", async () => {
    await waitForRoutes(api, [1, 2], STATE_TIMEOUT_MS);
    // Of what it measures it tells by its session, too; its own addresses are in reports alone.
    await eventually("a report over HTTP", async () => {
      return (await recordedRequests(file)).some(({ call }) => call === "post/nodeinfo");
    }, STATE_TIMEOUT_MS);
    assert.deepEqual(failuresOf(edges[0]), []);
  });

  const client = await HttpClient.start(await addThirdParty(lab, site));
  const origin = `http://${SUPER}:${EDGE_API_PORT}`;
  const get = (target: string) => client.send({ url: origin + target });

  await step("its requests, sent by anybody who knows the current tokens: 200 and JSON", async () => {
    for (const call of ["superparams", "peerinfo", "nhtable"]) {
      // The recording is a moment behind; and when a token was replaced, the edge asks with the new one a moment later.
      const { headers, body } = await eventually(`an answer to ${call}`, async () => {
        requests = await recordedRequests(file);
        const last = requests.findLast((request) => request.call === call);
        const answer = last && await get(last.target);
        return answer?.status === 200 && answer;
      }, STATE_TIMEOUT_MS);
      assert.equal(headers["content-type"], "application/json", call);
      const document = JSON.parse(body);
      assert.ok(Object.keys(document).length > 0, body);
      if (call === "peerinfo") peers = document;
    }
    await recorder.stop();
  });

  await step("the list of peers has the addresses of both families", () => {
    const { Connurl } = peers[site.plan.get(2)!.keys.publicKey];
    assert.deepEqual(Connurl.ExternalV4, { [`${siteAddress(2)}:4002`]: 4 });
    assert.deepEqual(Connurl.ExternalV6, { [`[${siteAddress(2, "v6")}]:4002`]: 6 });
  });

  await step("a wrong token, key or NodeID: 404; a missing or impossible one: 400", async () => {
    const { call, query } = requests.find(({ call }) => call === "superparams")!;
    const cases: [Record<string, string | undefined>, number][] = [
      [{ State: "0".repeat(32) }, 404],
      [{ State: "" }, 404],
      [{ PubKey: site.plan.get(2)!.keys.publicKey }, 404],
      [{ NodeID: "2" }, 404],
      [{ NodeID: "99" }, 404],
      [{ NodeID: "65533" }, 400],
      [{ NodeID: "70000" }, 400],
      [{ NodeID: "one" }, 400],
      [{ NodeID: undefined }, 400],
      [{ PubKey: undefined }, 400],
      [{ State: undefined }, 400],
    ];
    for (const [change, status] of cases) {
      const answer = await get(targetOf(call, { ...query, ...change }));
      assert.equal(answer.status, status, `${JSON.stringify(change)}: ${answer.body}`);
    }
  });

  await step("a report that was sent before, or that nobody signed: 400, and nothing changes", async () => {
    const report = requests.find(({ call }) => call === "post/nodeinfo")!;
    const before = (await api.state()).Edges;
    const { JWTSig: _, ...unsigned } = report.query;
    const forged = { ...report.query, JWTSig: `${report.query.JWTSig.slice(0, -8)}AAAAAAAA` };
    for (const query of [report.query, unsigned, forged]) {
      const { status } = await client.send({
        method: "POST",
        url: origin + targetOf(report.call, query),
        body: "AAAA",
      });
      assert.equal(status, 400);
    }
    assert.deepEqual(Object.keys((await api.state()).Edges), Object.keys(before));
  });

  await step("another path: 404; one with dots or double slashes: 301; another method: 405", async () => {
    assert.equal((await get(`${API_PREFIX}/edge/nothing`)).status, 404);
    assert.equal((await get(`${API_PREFIX}/manage/super/state`)).status, 404);
    assert.equal((await get(`${API_PREFIX}/edge//nhtable`)).status, 301);
    assert.equal((await get(`${API_PREFIX}/edge/../edge/nhtable`)).status, 301);
    const { target } = requests.find(({ call }) => call === "superparams")!;
    assert.equal((await client.send({ method: "DELETE", url: origin + target })).status, 405);
  });
});

labTest("an edge that asks over HTTPS trusts a certificate that it knows", async ({ lab, step }) => {
  const site = await buildSuperSite(lab, ["open", "open"]);
  site.superNode.tls = await makeCertificate(lab.folder, [SUPER, "127.0.0.1"]);
  site.plan.get(1)!.superNode!.apiUrl = `https://${SUPER}:${EDGE_API_PORT}${API_PREFIX}`;
  await startSuper(site.superHost, site.superNode);
  const edges = await startBoth(site, { DENO_CERT: site.superNode.tls.certFile });

  await step("it reaches the other", () => waitForMesh(edges, MESH_TIMEOUT_MS));

  await step("over plain HTTP, or without the certificate, there is no answer", async () => {
    const client = await HttpClient.start(site.superHost);
    const authority = await Deno.readTextFile(site.superNode.tls!.certFile);
    const address = `${SUPER}:${EDGE_API_PORT}${API_PREFIX}/edge/nothing`;
    assert.equal((await client.send({ url: `https://${address}`, authority })).status, 404);
    await assert.rejects(client.send({ url: `https://${address}` }), /certificate/i);
    await assert.rejects(client.send({ url: `http://${address}` }));
  });
});

function startBoth({ hosts, plan }: SuperSite, env?: Record<string, string>): Promise<RunningEdge[]> {
  return Promise.all([
    startEdge(hosts.get(1)!, plan.get(1)!, { command: alteredProgram(), env }),
    startEdge(hosts.get(2)!, plan.get(2)!),
  ]);
}

/** A host that has nothing to do with the network. */
async function addThirdParty(lab: Lab, { internet }: SuperSite): Promise<Host> {
  const host = await lab.addHost("third");
  await internet.attach(lab, host, "eth0", 9);
  return host;
}

/** What an edge complained about: requests that failed. */
function failuresOf(edge: RunningEdge): LogEvent[] {
  return eventsOf(edge).filter(({ event }) => event.endsWith(" failed"));
}

/** A request as it was recorded. */
interface RecordedRequest {
  /** Path behind the prefix and `/edge/`. */
  readonly call: string;
  readonly query: Record<string, string>;
  /** Path and query. */
  readonly target: string;
}

/** Finds the request lines of edges in a recording: each fits into one segment. */
async function recordedRequests(file: string): Promise<RecordedRequest[]> {
  const text = new TextDecoder("latin1").decode(await Deno.readFile(file));
  return [...text.matchAll(/(?:GET|POST) (\S+\/edge\/([a-z/]+)\?(\S+)) HTTP\/1\.1/g)].map((
    [, target, call, query],
  ) => ({
    target,
    call,
    query: Object.fromEntries(new URLSearchParams(query)),
  }));
}

function targetOf(call: string, query: Record<string, string | undefined>): string {
  const present = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${API_PREFIX}/edge/${call}?${new URLSearchParams(present)}`;
}
