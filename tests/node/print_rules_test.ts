import { strict as assert } from "node:assert";
import type { EdgeConfig } from "../../src/config/edge_config.ts";
import { hostSpecOf, rulesText } from "../../src/node/print_rules.ts";
import type { CommandRunner } from "../../src/host/command.ts";
import type { HostOptions } from "../../src/host/host_rules.ts";
import type { ProcFiles } from "../../src/host/proc.ts";
import { OTHER_KEY, readValid, SMALL_FILE } from "../config/edge_files.ts";

/** A machine that forwards nothing and has one way into the world, and another to 10.9.0.0/16. */
const FILES: Record<string, string> = {
  "net/route": [
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth7\t0000090A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    "",
  ].join("\n"),
  "sys/net/ipv4/conf/all/forwarding": "0\n",
  "sys/net/ipv4/conf/default/forwarding": "0\n",
  "sys/net/ipv4/conf/eth0/forwarding": "0\n",
  "sys/net/ipv4/conf/eth7/forwarding": "0\n",
};

const MACHINE: ProcFiles = {
  read: (name) => FILES[name],
  link: () => "",
  writeSysctl(name) {
    throw new Error(`"${name}" was set, though nothing is to be changed`);
  },
};

const noProgram: CommandRunner = (program) => {
  throw new Error(`"${program}" was run, though nothing is to be changed`);
};

const OPTIONS: HostOptions = { files: MACHINE, run: noProgram, backend: "nftables" };

function configWith(keys: string, lines = ""): EdgeConfig {
  return readValid(`${SMALL_FILE}${lines}FakeTCP: {Enabled: true, ${keys}}\n`);
}

Deno.test("rulesText() shows the rules of this machine without running or changing anything", async () => {
  const peer = `  - {NodeID: 3, PubKey: ${OTHER_KEY}, EndPoint: 10.9.0.1:3003}\n`;
  const text = await rulesText(configWith("TunName: egtcp", `${peer}ListenPort: 3001\n`), OPTIONS);
  assert.match(text, /^# Input of nft -f -\n/);
  for (const part of ["egtcp", "192.168.200.2", "3001", "61000-65535", "ipv4/conf/eth0/", "ipv4/conf/eth7/"]) {
    assert.ok(text.includes(part), part);
  }
});

Deno.test("rulesText() says that the listening port is missing where it is chosen at the start", async () => {
  assert.match(
    await rulesText(configWith(""), OPTIONS),
    /^# ListenPort and FakeTCP\.ListenPort are 0: .*\n# .*\n# Input/,
  );
  assert.doesNotMatch(await rulesText(configWith("ListenPort: 443"), OPTIONS), /are 0/);
});

const PORTS: readonly [keys: string, udpPort: number, listenPorts: number[]][] = [
  ["", 0, []],
  ["", 3001, [3001]],
  ["ListenPort: 443", 3001, [443]],
  ["ListenPort: 443", 0, [443]],
  ["ListenPorts: [443, 80]", 3001, [3001, 443, 80]],
  ["ListenPorts: [443, 80]", 0, [443, 80]],
  // The system picked it by chance.
  ["ListenPorts: [443, 8443]", 8443, [8443, 443]],
];

for (const [keys, udpPort, listenPorts] of PORTS) {
  Deno.test(`hostSpecOf() listens on [${listenPorts}] with {${keys}} and UDP port ${udpPort}`, () => {
    assert.deepEqual(hostSpecOf(configWith(keys).fakeTcp, udpPort, []).listenPorts, listenPorts);
  });
}

Deno.test("hostSpecOf() has the stack's addresses in the families that are on", () => {
  const keys = "TunName: egtcp, TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 'fd00:200::2'";
  const both = hostSpecOf(configWith(keys).fakeTcp, 1, ["eth0"]);
  assert.deepEqual(both.stackV4, Uint8Array.of(192, 168, 200, 2));
  assert.equal(both.stackV6?.length, 16);
  assert.deepEqual([both.tunName, both.usedInterfaces], ["egtcp", ["eth0"]]);
  const ipv6 = hostSpecOf(configWith(keys, "DisabledAf: {IPv4: true}\n").fakeTcp, 1, []);
  assert.deepEqual([ipv6.stackV4, ipv6.stackV6?.length], [undefined, 16]);
});
