/**
 * What FakeTCP needs on its host, and what it does where it can't have it. UDP is blocked or open on the router:
 *
 *     node 1 ──── router ──── node 2
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { wallClockMs } from "../../src/base/clock.ts";
import { eventsOf, type RunningEdge, waitForEvent, waitForTunnel } from "./harness/edge.ts";
import { renderEdgeConfig, speakFakeTcp } from "./harness/edge_config.ts";
import { labTest } from "./harness/lab_steps.ts";
import { ping, waitForPing } from "./harness/ping.ts";
import { compiledProgram, programEnvironment } from "./harness/program.ts";
import { buildChain, buildThroughRouter, startNode, startNodes } from "./harness/topologies.ts";
import { blockUdp, Fault } from "./harness/udp_block.ts";

/** Rules that somebody removed come back within this time; the lost connection is made again a little later. */
const HEAL_LIMIT_MS = 10_000;
const REDIAL_LIMIT_MS = 5_000;
const EVENT_TIMEOUT_MS = 5_000;
/** Becomes a program in a view of the file system where the folder with nft and iptables is empty. */
const WITHOUT_FIREWALL_PROGRAMS = [
  "unshare",
  "--mount",
  "sh",
  "-c",
  'mount -t tmpfs none /usr/sbin && exec "$@"',
  "without firewall programs",
];

labTest("rules that somebody removes come back", async ({ lab, step }) => {
  const site = await buildThroughRouter(lab);
  speakFakeTcp(site.plan);
  const ports = [...site.plan.values()].map((settings) => settings.listenPort);
  await blockUdp(ports.map((port) => ({ host: site.router.host, hook: "forward", port })), Fault.DROP);
  const [one, two] = await startNodes(site);
  await waitForTunnel(one, two);

  for (const edge of [one, two]) {
    await step(`after "nft flush ruleset" on node ${edge.settings.nodeId}`, async () => {
      const before = await rulesOf(edge);
      await edge.host.nft("flush ruleset");
      const fromMs = wallClockMs();
      await waitForPing(one.host, two.address, HEAL_LIMIT_MS + REDIAL_LIMIT_MS);
      await waitForEvent(edge, (event) => /rules were gone/.test(event.event), HEAL_LIMIT_MS, fromMs);
      assert.equal(await rulesOf(edge), before);
      assert.equal((await ping(one.host, two.address, { count: 20 })).received, 20);
    });
  }
});

labTest("--print-rules shows the rules and applies none", async ({ lab }) => {
  const site = await buildChain(lab, 2);
  speakFakeTcp(site.plan);
  const [host, settings] = [site.hosts.get(1)!, site.plan.get(1)!];
  const file = `${host.folder}/rules.yaml`;
  await Deno.writeTextFile(file, renderEdgeConfig(settings));
  const result = await host.run([compiledProgram(), "edge", "--config", file, "--print-rules"], {
    env: programEnvironment(),
  });
  assert.match(result.stdout, /etherguard-tcp0/);
  assert.match(result.stdout, /masquerade/);
  assert.match(result.stdout, /dnat/);
  assert.equal((await host.run(["nft", "list", "ruleset"])).stdout, "");
});

labTest("where FakeTCP is impossible UDP goes on alone, and the log says why and what to do", async ({ lab, step }) => {
  const site = await buildChain(lab, 2);
  speakFakeTcp(site.plan);
  const two = await startNode(site, 2);

  await step("no nft and no iptables", async () => {
    const one = await startNode(site, 1, { wrapper: WITHOUT_FIREWALL_PROGRAMS });
    await complains(one, /nft.*iptables|iptables.*nft/);
    await serviceAndStop(one, two);
  });

  await step("a range of addresses that is in use", async () => {
    const host = site.hosts.get(1)!;
    await host.ip("link add taken type veth peer name end");
    await host.ip("link set taken up");
    await host.addAddress("taken", "192.168.200.77/24");
    const one = await startNode(site, 1);
    await complains(one, /192\.168\.200/);
    await serviceAndStop(one, two);
    await host.ip("link del taken");
  });

  await step("a name of the TUN device that is in use", async () => {
    const host = site.hosts.get(1)!;
    await host.ip("link add etherguard-tcp0 type veth peer name end");
    const one = await startNode(site, 1);
    await complains(one, /etherguard-tcp0/);
    await serviceAndStop(one, two);
    assert.ok(await host.hasInterface("etherguard-tcp0"));
    await host.ip("link del etherguard-tcp0");
  });

  await step("a forward chain that drops: named, with the rule to add", async () => {
    const host = site.hosts.get(1)!;
    await host.nft(
      "add table ip docker; add chain ip docker FORWARD { type filter hook forward priority 0; policy drop; }",
    );
    const one = await startNode(site, 1);
    await complains(one, /docker.*FORWARD|FORWARD.*docker/);
    await serviceAndStop(one, two);
  });
});

/** Waits for a warning or an error that matches. */
async function complains(edge: RunningEdge, pattern: RegExp): Promise<void> {
  const complaint = await waitForEvent(edge, (event) => {
    return ["warning", "error"].includes(event.level) && pattern.test(JSON.stringify(event));
  }, EVENT_TIMEOUT_MS);
  assert.ok(complaint.event.length > 0);
}

/** UDP serves, and the end is an orderly one. */
async function serviceAndStop(one: RunningEdge, two: RunningEdge): Promise<void> {
  await waitForTunnel(one, two);
  assert.equal((await ping(one.host, two.address, { count: 10 })).received, 10);
  const status = await one.process.stop("SIGTERM");
  assert.equal(status.code, 0, one.process.tail());
  assert.deepEqual(eventsOf(one).filter((event) => event.level === "fatal"), []);
}

async function rulesOf(edge: RunningEdge): Promise<string> {
  return (await edge.host.run(["nft", "--stateless", "list", "ruleset"])).stdout;
}
