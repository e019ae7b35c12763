/**
 * Two nodes, each behind a NAT that lets nobody in, and a third one in the open that tells them where it sees them:
 *
 *     node 1 ──── NAT 1 ──── the Internet ──── NAT 2 ──── node 2
 *     10.9.1.2   10.9.91.1         │       10.9.92.1    10.9.2.2
 *                         meeting 10.9.93.1
 *
 * Real stacks on TUN devices, real connection tracking on nodes and NATs; above the stack there is nothing. From one NAT to the
 * other packets take long enough to cross on their way.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import type { Host } from "./harness/host.ts";
import type { Lab } from "./harness/lab.ts";
import { labTest } from "./harness/lab_steps.ts";
import type { RunningProcess } from "./harness/process.ts";
import { programEnvironment } from "./harness/program.ts";
import { Router } from "./harness/router.ts";
import { pauseMs } from "./harness/wait.ts";

const MEETING = "10.9.93.1:8443";
const NODE_PROGRAM = new URL("harness/punch_node.ts", import.meta.url).pathname;
const LINK_PROGRAM = new URL("harness/slow_link.ts", import.meta.url).pathname;
const START_TIMEOUT_MS = 20_000;
const OPEN_TIMEOUT_MS = 10_000;
const ROUNDS = 5;
/** One way between the NATs, ms. */
const DELAY_MS = 40;
/** Together more octets than an unscaled window. */
const DATAGRAMS = 200;

/** What a NAT does with a SYN from outside that nobody has asked for. */
type Answer = "silence" | "reset";

interface Site {
  readonly nodes: readonly [Host, Host];
  readonly nats: readonly [Router, Router];
  readonly meeting: RunningProcess;
}

async function buildSite(lab: Lab, answer: Answer): Promise<Site> {
  const [meeting, internet] = [await lab.addHost("meeting"), await lab.addHost("internet")];
  await internet.enableForwarding();
  await connectToInternet(lab, internet, meeting, 3);
  const nodes: Host[] = [];
  const nats: Router[] = [];
  for (const n of [1, 2]) {
    const [node, host] = [await lab.addHost(`node${n}`), await lab.addHost(`nat${n}`)];
    await lab.connect(node, "eth0", host, "lan");
    await node.addAddress("eth0", `10.9.${n}.2/24`);
    await host.addAddress("lan", `10.9.${n}.1/24`);
    await node.ip(`route add default via 10.9.${n}.1`);
    await connectToInternet(lab, internet, host, n);
    const nat = await Router.on(host, { masquerade: ["wan"] });
    await shut(nat, answer);
    nodes.push(node);
    nats.push(nat);
  }
  await slowDown(internet);
  return { nodes: [nodes[0], nodes[1]], nats: [nats[0], nats[1]], meeting: await startNode(meeting, "wan") };
}

async function connectToInternet(lab: Lab, internet: Host, host: Host, n: number): Promise<void> {
  await lab.connect(host, "wan", internet, `port${n}`);
  await host.addAddress("wan", `10.9.9${n}.1/24`);
  await internet.addAddress(`port${n}`, `10.9.9${n}.9/24`);
  await host.ip(`route add default via 10.9.9${n}.9`);
}

/** Lets packets between the NATs take their time. */
async function slowDown(internet: Host): Promise<void> {
  const link = spawnDeno(internet, [LINK_PROGRAM, "slow", String(DELAY_MS)]);
  await link.waitForLine(/^ready$/, START_TIMEOUT_MS);
  await internet.ip("route add default dev slow table 100");
  await internet.ip("rule add iif port1 to 10.9.92.0/24 lookup 100");
  await internet.ip("rule add iif port2 to 10.9.91.0/24 lookup 100");
}

function spawnDeno(host: Host, args: readonly string[]): RunningProcess {
  const command = [Deno.execPath(), "run", "--allow-all", "--no-prompt", ...args];
  return host.spawn(command, { stdin: true, env: programEnvironment(), label: args[0].replace(/.*\//, "") });
}

/** Lets nothing new in from outside, and counts what fits to no connection before anything else is done with it. */
async function shut(nat: Router, answer: Answer): Promise<void> {
  await nat.host.nft([
    "add chain inet guard watch { type filter hook prerouting priority -100; }",
    `add rule inet guard watch ct state invalid counter name invalid ${answer === "silence" ? "drop" : "continue"}`,
    "add chain inet guard shut { type filter hook forward priority 10; policy drop; }",
    "add rule inet guard shut ct state established,related accept",
    "add rule inet guard shut iifname lan ct state new accept",
    "add chain inet guard input { type filter hook input priority 0; policy drop; }",
    ...(answer === "silence" ? [] : ["add rule inet guard input meta l4proto tcp reject with tcp reset"]),
  ].join("\n"));
}

async function startNode(host: Host, world: string): Promise<RunningProcess> {
  const child = spawnDeno(host, [NODE_PROGRAM, world, await Deno.makeTempDir({ dir: host.folder })]);
  await child.waitForLine(/^ready$/, START_TIMEOUT_MS);
  return child;
}

/** Has a node dial the meeting; returns where that sees it. */
async function meet({ meeting }: Site, child: RunningProcess, n: number): Promise<string> {
  const from = meeting.lines.length;
  await child.writeLine(`rendezvous ${MEETING}`);
  const line = await meeting.waitForLine(new RegExp(`^opened 10\\.9\\.9${n}\\.1:`), OPEN_TIMEOUT_MS, from);
  await child.waitForLine((line) => line === `opened ${MEETING}`, OPEN_TIMEOUT_MS);
  return line.split(" ")[1];
}

/** Punches, the second node later than the first, and demands that the connection carries data both ways. */
async function demandPunch(site: Site, lagMs: number): Promise<void> {
  await using one = await startNode(site.nodes[0], "eth0");
  await using two = await startNode(site.nodes[1], "eth0");
  const seen = [await meet(site, one, 1), await meet(site, two, 2)];
  await one.writeLine(`punch ${seen[1]}`);
  await pauseMs(lagMs);
  await two.writeLine(`punch ${seen[0]}`);
  await one.waitForLine((line) => line === `opened ${seen[1]}`, OPEN_TIMEOUT_MS);
  await two.waitForLine((line) => line === `opened ${seen[0]}`, OPEN_TIMEOUT_MS);
  // Until both sides have seen the other's scaled window, 64 KiB are all that connection tracking lets pass.
  for (const total of [1, DATAGRAMS]) {
    for (const child of [one, two]) await child.writeLine(`send ${total === 1 ? 1 : DATAGRAMS - 1}`);
    for (const child of [one, two]) await child.waitForLine((line) => line === `received ${total}`, OPEN_TIMEOUT_MS);
  }
}

labTest("two nodes behind NATs that are silent open a connection by simultaneous open", async ({ lab, step }) => {
  const site = await buildSite(lab, "silence");
  for (let round = 0; round < ROUNDS; round++) {
    // From SYNs that cross on their way to SYNs of which the first meets a NAT that is still closed.
    const lagMs = round * 50;
    await step(`with one node ${lagMs} ms later: data passes both ways`, () => demandPunch(site, lagMs));
  }
  await step("neither NAT found a fault", async () => {
    assert.deepEqual(await Promise.all(site.nats.map((nat) => nat.invalidCount())), [0, 0]);
  });
});

labTest(
  "two nodes behind NATs that reset what they don't know open a connection all the same",
  async ({ lab, step }) => {
    const site = await buildSite(lab, "reset");
    for (let round = 0; round < ROUNDS; round++) {
      const lagMs = 100 + round * 150;
      await step(`with one node ${lagMs} ms later: data passes both ways`, () => demandPunch(site, lagMs));
    }
  },
);
