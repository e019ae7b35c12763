/**
 * Tests of the rules on a real kernel; `host_rules_test.ts` runs them in a network namespace.
 *
 * ```text
 *   the world ── world0 10.9.0.1 ──┐
 *                                  ├── this machine ── egtcp0 192.168.200.1 ── the stack 192.168.200.2
 *   others    ── other0 10.7.0.1 ──┘
 * ```
 *
 * All three interfaces are TUN devices with the test on the other side: every packet is made and looked at by itself.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { Errno } from "../../src/ffi/errno.ts";
import { loadShim } from "../../src/ffi/shim.ts";
import type { BackendName } from "../../src/host/backend.ts";
import { checkForwardChains } from "../../src/host/forward_check.ts";
import { trackLiberally } from "../../src/host/conntrack.ts";
import { type HostOptions, HostRules } from "../../src/host/host_rules.ts";
import { recoverLedgers } from "../../src/host/ledger.ts";
import type { HostSpec } from "../../src/host/plan.ts";
import { runCommand } from "../../src/host/command.ts";
import { openProcFiles, type ProcFiles } from "../../src/host/proc.ts";
import { routeInterfaces } from "../../src/host/route_interfaces.ts";
import { TunWire, WINDOW } from "./tun_wire.ts";

const shim = loadShim();
const files = openProcFiles(shim);
const WORLD = { 4: "10.9.0.9", 6: "fd09::9" };
const HOST = { 4: "10.9.0.1", 6: "fd09::1" };
const STACK = { 4: "192.168.200.2", 6: "fd00:200::2" };
const OTHER = { 4: "10.7.0.9", 6: "fd07::9" };
const SPEC: HostSpec = {
  tunName: "egtcp0",
  stackV4: parseIpAddress(STACK[4]),
  stackV6: parseIpAddress(STACK[6]),
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  usedInterfaces: ["world0"],
};
const BACKENDS: readonly BackendName[] = ["nftables", "iptables"];

/** Runs a program, which must succeed, and returns what it prints. */
function run(line: string): string {
  const [program, ...args] = line.split(" ");
  const { success, stdout, stderr } = new Deno.Command(program, { args }).outputSync();
  assert.ok(success, `${line}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** All kernel parameters that we may touch, with their values. */
function sysctls(): string {
  const interfaces = ["all", "default", "egtcp0", "world0", "other0"];
  const names = interfaces.flatMap((name) => [
    `net/ipv4/conf/${name}/forwarding`,
    `net/ipv6/conf/${name}/forwarding`,
    `net/ipv6/conf/${name}/force_forwarding`,
    `net/ipv6/conf/${name}/accept_ra`,
  ]);
  return names.map((name) => `${name}=${files.read(`sys/${name}`)?.trim()}`).join("\n");
}

/** Rules of both tools but for our own; iptables leaves its built-in chains behind, empty. */
function rules(): string {
  const saved = run("iptables-save") + run("ip6tables-save");
  return saved.split("\n").filter((line) => line.startsWith("-A") || line.startsWith(":EG")).join("\n");
}

/** The machine of the picture, with a folder for the ledger. */
async function makeMachine(options: HostOptions = {}) {
  const stack = new DisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "eg-host-" });
  const tun = stack.use(TunWire.open("egtcp0", "192.168.200.1/24", "fd00:200::1/64"));
  const world = stack.use(TunWire.open("world0", `${HOST[4]}/24`, `${HOST[6]}/64`));
  const other = stack.use(TunWire.open("other0", "10.7.0.1/24", "fd07::1/64"));
  return {
    tun,
    world,
    other,
    folder,
    options: { folder, ...options },
    [Symbol.asyncDispose]: async () => {
      stack.dispose();
      run("nft flush ruleset");
      await Deno.remove(folder, { recursive: true });
    },
  };
}

type Machine = Awaited<ReturnType<typeof makeMachine>>;

/** Demands that the stack is reached and reaches the world in a family. The ports are used once each. */
function demandTraffic({ tun, world }: Machine, family: 4 | 6, port: number): void {
  const [far, host, stack] = [WORLD[family], HOST[family], STACK[family]];
  world.send(`${far}:${port} > ${host}:3001 SYN`);
  assert.deepEqual(tun.receive(), [`${far}:${port} > ${stack}:3001 SYN`]);
  tun.send(`${stack}:3001 > ${far}:${port} SYN,ACK`);
  assert.deepEqual(world.receive(), [`${host}:3001 > ${far}:${port} SYN,ACK`]);

  const dialPort = 61000 + port % 1000;
  tun.send(`${stack}:${dialPort} > ${far}:443 SYN`);
  assert.deepEqual(world.receive(), [`${host}:${dialPort} > ${far}:443 SYN`]);
  world.send(`${far}:443 > ${host}:${dialPort} SYN,ACK`);
  assert.deepEqual(tun.receive(), [`${far}:443 > ${stack}:${dialPort} SYN,ACK`]);
}

/** Demands that nothing else gets through: neither strangers' packets nor foreign ones from or to the stack's device. */
function demandNothingElse({ tun, world, other }: Machine, family: 4 | 6): void {
  const far = WORLD[family];
  world.send(`${far}:5000 > ${OTHER[family]}:80 SYN`);
  world.send(`${far}:5001 > ${STACK[family]}:80 SYN`);
  world.send(`${far}:5002 > ${family === 4 ? "192.168.200.77" : "fd00:200::77"}:80 SYN`);
  other.send(`${OTHER[family]}:5003 > ${far}:80 SYN`);
  tun.send(`${family === 4 ? "192.168.200.77" : "fd00:200::77"}:5004 > ${far}:80 SYN`);
  assert.deepEqual([tun.receive(), world.receive(), other.receive()], [[], [], []]);
}

for (const backend of BACKENDS) {
  Deno.test(`HostRules joins the stack with the world by ${backend}, lets nothing else through, and leaves no trace`, async () => {
    await using machine = await makeMachine({ backend });
    const before = { sysctls: sysctls(), rules: rules(), nft: backend === "nftables" ? run("nft list ruleset") : "" };
    demandNothingElse(machine, 4);
    {
      await using hostRules = await HostRules.apply(SPEC, machine.options);
      assert.equal(hostRules.backend, backend);
      for (const family of [4, 6] as const) {
        demandTraffic(machine, family, 4000);
        demandNothingElse(machine, family);
      }
      assert.equal(Array.from(Deno.readDirSync(machine.folder)).length, 1);
      assert.deepEqual(await hostRules.check(), { restored: [] });
    }
    const after = { sysctls: sysctls(), rules: rules(), nft: backend === "nftables" ? run("nft list ruleset") : "" };
    assert.deepEqual(after, before);
    assert.equal(Array.from(Deno.readDirSync(machine.folder)).length, 0);
  });

  Deno.test(`HostRules leads answers that the kernel has forgotten to the stack by ${backend}, but no new connection`, async () => {
    await using machine = await makeMachine({ backend });
    await using _rules = await HostRules.apply(SPEC, machine.options);
    const { tun, world } = machine;
    for (const family of [4, 6] as const) {
      world.send(`${WORLD[family]}:443 > ${HOST[family]}:62000 ACK`);
      assert.deepEqual(tun.receive(), [`${WORLD[family]}:443 > ${STACK[family]}:62000 ACK`]);
      using _listener = Deno.listen({ hostname: HOST[family], port: 62000 });
      world.send(`${WORLD[family]}:444 > ${HOST[family]}:62000 SYN`);
      assert.deepEqual(tun.receive(), []);
      assert.deepEqual(world.receive(), [`${HOST[family]}:62000 > ${WORLD[family]}:444 SYN,ACK`]);
    }
  });

  Deno.test(`HostRules keeps the machine's own TCP from answering for the stack by ${backend}`, async () => {
    await using machine = await makeMachine({ backend });
    await using _rules = await HostRules.apply(SPEC, machine.options);
    const { tun, world } = machine;
    for (const family of [4, 6] as const) {
      const [far, host, stack] = [`${WORLD[family]}:4900`, HOST[family], `${STACK[family]}:61000`];
      // Of connections that the kernel has forgotten, or never had.
      world.send(`${far} > ${host}:61000 SYN`);
      world.send(`${far} > ${host}:61000 SYN,ACK 1000 1000`);
      world.send(`${far} > ${host}:3001 SYN,ACK 1000 1000`);
      world.send(`${far} > ${host}:3001 SYN,FIN`);
      assert.deepEqual([tun.receive(), world.receive()], [[], []]);

      // Of one that it takes for closed, because a NAT on the way has refused crossing SYNs.
      tun.send(`${stack} > ${far} SYN 5000 0`);
      world.send(`${far} > ${host}:61000 SYN 1000 0`);
      world.send(`${far} > ${host}:61000 RST,ACK 1000 5001`);
      assert.deepEqual([tun.receive().length, world.receive().length], [2, 1]);
      world.send(`${far} > ${host}:61000 SYN 1000 0`);
      assert.deepEqual([tun.receive(), world.receive()], [[], []]);

      // Ports that aren't ours.
      world.send(`${far} > ${host}:80 SYN`);
      assert.deepEqual(world.receive(), [`${host}:80 > ${far} RST,ACK`]);
    }
    run("ip link set lo up");
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: 62000 }), Deno.errors.ConnectionRefused);
  });

  Deno.test(`HostRules.check() puts back by ${backend} what somebody removed, and connections go on`, async () => {
    await using machine = await makeMachine({ backend });
    await using hostRules = await HostRules.apply(SPEC, machine.options);
    const { tun, world } = machine;
    demandTraffic(machine, 4, 4100);
    run("nft flush ruleset");
    run("ip route flush cache");
    assert.ok(
      new Deno.Command("sh", { args: ["-c", "echo 0 > /proc/sys/net/ipv4/conf/world0/forwarding"] }).outputSync()
        .success,
    );
    world.send(`${WORLD[4]}:4100 > ${HOST[4]}:3001 ACK`);
    assert.deepEqual(tun.receive(), []);
    const { restored } = await hostRules.check();
    assert.equal(restored.length, 2);
    assert.match(
      restored[0],
      backend === "nftables" ? /^nftables table inet etherguard_egtcp0$/ : /^iptables chains EG-egtcp0-/,
    );
    assert.equal(restored[1], "sysctl net/ipv4/conf/world0/forwarding");
    world.send(`${WORLD[4]}:4100 > ${HOST[4]}:3001 ACK`);
    assert.deepEqual(tun.receive(), [`${WORLD[4]}:4100 > ${STACK[4]}:3001 ACK`]);
    world.receive();
    demandTraffic(machine, 6, 4101);
    demandNothingElse(machine, 4);
    assert.deepEqual(await hostRules.check(), { restored: [] });
  });

  Deno.test(`HostRules.apply() undoes what a process that was killed has done by ${backend}`, async () => {
    await using machine = await makeMachine({ backend });
    const before = sysctls();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        new URL("apply_rules_process.ts", import.meta.url).pathname,
        machine.folder,
        backend,
      ],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    assert.equal(new TextDecoder().decode((await reader.read()).value), "applied\n");
    // The other program's device is alive, and so is the program.
    await assert.rejects(HostRules.apply(SPEC, machine.options), /set host rules egtcp0: EBUSY: another program/);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    assert.notEqual(sysctls(), before);
    assert.match(run("nft list ruleset"), backend === "nftables" ? /etherguard_egtcp0/ : /EG-egtcp0-pre/);

    const [{ tunName, undone }] = await recoverLedgers({ files, run: runCommand, folder: machine.folder });
    assert.deepEqual([tunName, undone.length], ["egtcp0", 5]);
    assert.equal(sysctls(), before);
    assert.doesNotMatch(run("nft list ruleset"), /etherguard_egtcp0|EG-egtcp0/);
  });
}

/** Shakes hands from the world to the stack; then 1001 is the world's next sequence number, and 5001 the stack's. */
function openConnection({ tun, world }: Machine, family: 4 | 6, port: number): void {
  const [far, host, stack] = [`${WORLD[family]}:${port}`, `${HOST[family]}:3001`, `${STACK[family]}:3001`];
  world.send(`${far} > ${host} SYN 1000 0`);
  tun.send(`${stack} > ${far} SYN,ACK 5000 1001`);
  world.send(`${far} > ${host} ACK 1001 5001`);
  tun.send(`${stack} > ${far} ACK 5001 1001`);
  assert.deepEqual([tun.receive().length, world.receive().length], [2, 2]);
}

Deno.test("trackLiberally() lets genuine segments pass after forged ones of all kinds", async () => {
  await using machine = await makeMachine();
  await using _rules = await HostRules.apply(SPEC, machine.options);
  const { tun, world } = machine;
  for (const family of [4, 6] as const) {
    const [far, host, stack] = [`${WORLD[family]}:4800`, `${HOST[family]}:3001`, `${STACK[family]}:3001`];
    openConnection(machine, family, 4800);
    const ends = [STACK, WORLD].map((address) => parseIpAddress(address[family])!);
    assert.equal(trackLiberally({ address: ends[0], port: 3001 }, { address: ends[1], port: 4800 }, shim), 0);
    // Beyond the window, but by no more than another: without our doing, tracking would believe it, take no notice of
    // the stack's answers any more, and so find the acknowledgments of these to be invalid.
    world.send(`${far} > ${host} ACK ${1001 + 2 * WINDOW - 1000} 5001`);
    world.send(`${far} > ${host} FIN,ACK 3000000000 5001`);
    world.send(`${far} > ${host} RST 1001 0`);
    tun.receive();
    tun.send(`${stack} > ${far} ACK 6001 1001`);
    assert.deepEqual(world.receive(), [`${host} > ${far} ACK`]);
    world.send(`${far} > ${host} ACK 1001 6001`);
    assert.deepEqual(tun.receive(), [`${far} > ${stack} ACK`]);
  }
});

Deno.test("trackLiberally() finds no connection that isn't tracked", () => {
  const ends = [STACK[4], WORLD[4]].map((address) => ({ address: parseIpAddress(address)!, port: 9 }));
  assert.equal(trackLiberally(ends[0], ends[1], shim), Errno.ENOENT);
});

Deno.test("HostRules.setUsedInterfaces() opens what comes, closes what goes, and waits for what isn't there", async () => {
  await using machine = await makeMachine();
  const { tun, other } = machine;
  await using hostRules = await HostRules.apply(SPEC, machine.options);
  other.send(`${OTHER[4]}:4200 > 10.7.0.1:3001 SYN`);
  assert.deepEqual(tun.receive(), []);
  await hostRules.setUsedInterfaces(["other0", "later0"]);
  other.send(`${OTHER[4]}:4201 > 10.7.0.1:3001 SYN`);
  assert.deepEqual(tun.receive(), [`${OTHER[4]}:4201 > ${STACK[4]}:3001 SYN`]);
  assert.match(sysctls(), /ipv4\/conf\/world0\/forwarding=0/);
  {
    using later = TunWire.open("later0", "10.8.0.1/24");
    assert.deepEqual(await hostRules.check(), { restored: [] });
    later.send("10.8.0.9:4202 > 10.8.0.1:3001 SYN");
    assert.deepEqual(tun.receive(), [`10.8.0.9:4202 > ${STACK[4]}:3001 SYN`]);
    later.send(`10.8.0.9:4203 > ${OTHER[4]}:80 SYN`);
    assert.deepEqual(other.receive(), []);
  }
  assert.deepEqual(await hostRules.check(), { restored: [] });
});

Deno.test("HostRules makes way when somebody else turns the machine into a router, and leaves it one", async () => {
  await using machine = await makeMachine();
  const { world, other } = machine;
  const hostRules = await HostRules.apply({ ...SPEC, stackV6: undefined }, machine.options);
  try {
    run("sysctl -q -w net.ipv4.ip_forward=1");
    await hostRules.check();
    world.send(`${WORLD[4]}:4300 > ${OTHER[4]}:80 SYN`);
    assert.deepEqual(other.receive(), [`${WORLD[4]}:4300 > ${OTHER[4]}:80 SYN`]);
    demandTraffic(machine, 4, 4301);
  } finally {
    await hostRules[Symbol.asyncDispose]();
    assert.match(sysctls(), /ipv4\/conf\/world0\/forwarding=1/);
    run("sysctl -q -w net.ipv4.ip_forward=0");
  }
});

Deno.test("HostRules forwards IPv6 where the kernel can only forward as a whole, and guards all of it", async () => {
  const older: ProcFiles = {
    ...files,
    read: (name) => name.endsWith("/force_forwarding") ? undefined : files.read(name),
  };
  await using machine = await makeMachine({ files: older });
  run("sysctl -q -w net.ipv6.conf.other0.forwarding=1");
  const before = sysctls();
  {
    await using hostRules = await HostRules.apply(SPEC, machine.options);
    assert.match(sysctls(), /net\/ipv6\/conf\/world0\/accept_ra=2/);
    demandTraffic(machine, 6, 4400);
    demandNothingElse(machine, 6);
    assert.deepEqual(await hostRules.check(), { restored: [] });
  }
  assert.equal(sysctls(), before);
});

Deno.test("HostRules needs no change to a strict rp_filter", async () => {
  await using machine = await makeMachine();
  run("sysctl -q -w net.ipv4.conf.all.rp_filter=1");
  try {
    await using _rules = await HostRules.apply(SPEC, machine.options);
    demandTraffic(machine, 4, 4500);
  } finally {
    run("sysctl -q -w net.ipv4.conf.all.rp_filter=0");
  }
});

Deno.test("HostRules of two nodes on one machine don't stand in each other's way", async () => {
  await using machine = await makeMachine();
  using second = TunWire.open("egtcp1", "192.168.201.1/24");
  await using _first = await HostRules.apply({ ...SPEC, stackV6: undefined }, machine.options);
  await using _rules = await HostRules.apply({
    ...SPEC,
    tunName: "egtcp1",
    stackV4: parseIpAddress("192.168.201.2"),
    stackV6: undefined,
    listenPorts: [3002],
  }, machine.options);
  demandTraffic(machine, 4, 4600);
  machine.world.send(`${WORLD[4]}:4601 > ${HOST[4]}:3002 SYN`);
  assert.deepEqual(second.receive(), [`${WORLD[4]}:4601 > 192.168.201.2:3002 SYN`]);
});

Deno.test("HostRules.apply() leaves nothing when the system refuses in the middle", async () => {
  await using machine = await makeMachine();
  const before = sysctls();
  const refusing: ProcFiles = {
    ...files,
    writeSysctl: (name, value) => {
      if (name.includes("/world0/") && value === "1") throw new Error("refused");
      return files.writeSysctl(name, value);
    },
  };
  await assert.rejects(HostRules.apply(SPEC, { ...machine.options, files: refusing }), /refused/);
  assert.equal(sysctls(), before);
  assert.doesNotMatch(run("nft list ruleset"), /etherguard/);
  assert.equal(Array.from(Deno.readDirSync(machine.folder)).length, 0);
});

const FIREWALLS: [what: string, commands: string[], remedy: RegExp, accept: string[]][] = [
  [
    "a policy of nftables",
    [
      "nft add table inet guard",
      "nft add chain inet guard pass { type filter hook forward priority 0 ; policy drop ; }",
    ],
    /^nft insert rule inet guard pass iifname "egtcp0" accept$/,
    ["nft insert rule inet guard pass iifname egtcp0 accept", "nft insert rule inet guard pass oifname egtcp0 accept"],
  ],
  [
    "a policy of iptables",
    ["iptables -P FORWARD DROP"],
    /^iptables -I FORWARD -i egtcp0 -j ACCEPT$/,
    ["iptables -I FORWARD -i egtcp0 -j ACCEPT", "iptables -I FORWARD -o egtcp0 -j ACCEPT"],
  ],
  [
    "a policy of the older iptables",
    ["iptables-legacy -P FORWARD DROP"],
    /^iptables -I FORWARD -i egtcp0 -j ACCEPT$/,
    ["iptables-legacy -I FORWARD -i egtcp0 -j ACCEPT", "iptables-legacy -I FORWARD -o egtcp0 -j ACCEPT"],
  ],
  [
    "Docker",
    ["iptables -N DOCKER-USER", "iptables -A FORWARD -j DOCKER-USER", "iptables -P FORWARD DROP"],
    /^iptables -I DOCKER-USER -i egtcp0 -j ACCEPT$/,
    ["iptables -I DOCKER-USER -i egtcp0 -j ACCEPT", "iptables -I DOCKER-USER -o egtcp0 -j ACCEPT"],
  ],
];
for (const [what, commands, remedy, accept] of FIREWALLS) {
  Deno.test({
    name: `checkForwardChains() finds that ${what} drops, and that the remedy helps`,
    ignore: what.includes("older") &&
      !new Deno.Command("iptables-legacy", { args: ["-S"], stdout: "null", stderr: "null" }).outputSync().success,
    fn: async () => {
      await using machine = await makeMachine();
      const spec = { ...SPEC, stackV6: undefined };
      await using _rules = await HostRules.apply(spec, machine.options);
      assert.deepEqual(await checkForwardChains(spec), []);
      try {
        commands.forEach(run);
        machine.world.send(`${WORLD[4]}:4700 > ${HOST[4]}:3001 SYN`);
        assert.deepEqual(machine.tun.receive(), []);
        const findings = await checkForwardChains(spec);
        assert.equal(findings.length, 1);
        assert.deepEqual(findings[0].blocked, ["dial", "get answers", "be dialled"]);
        assert.match(findings[0].remedies[0], remedy);
        accept.forEach(run);
        assert.deepEqual(await checkForwardChains(spec), []);
        demandTraffic(machine, 4, 4701);
      } finally {
        if (what.includes("older")) ["iptables-legacy -P FORWARD ACCEPT", "iptables-legacy -F FORWARD"].forEach(run);
      }
    },
  });
}

Deno.test("routeInterfaces() reads the kernel's own tables", async () => {
  await using _machine = await makeMachine();
  run("ip route add default dev world0");
  const addresses = [parseIpAddress(OTHER[4])!, parseIpAddress(OTHER[6])!];
  assert.deepEqual(routeInterfaces(addresses, files), ["other0", "world0"]);
  assert.deepEqual(routeInterfaces([], files), ["world0"]);
});
