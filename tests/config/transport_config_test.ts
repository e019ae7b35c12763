import { strict as assert } from "node:assert";
import { read, SMALL_FILE } from "./edge_files.ts";

/** Each form of the block, whether it is on, and whether there is a warning. Source: `config.md` §5.4 and §11. */
const DUAL_STACK_FORMS: readonly [block: string, isEnabled: boolean, warns: boolean][] = [
  ["", true, false],
  ["DualStack:", true, false],
  ["DualStack: {}", true, false],
  [
    "DualStack: {Enabled: false, IPv6Preferred: false, FailbackDelay: 0, ProbeInterval: 0, BackupKeepalive: 0}",
    true,
    false,
  ],
  ["DualStack: {Enabled: false}", false, false],
  ["DualStack: {Enabled: false, FailbackDelay: 0}", false, false],
  ["DualStack: {Enabled: false, FailbackDelay: 30}", false, false],
  [
    "DualStack: {Enabled: false, IPv6Preferred: true, FailbackDelay: 0, ProbeInterval: 0, BackupKeepalive: 0}",
    false,
    false,
  ],
  [
    "DualStack: {Enabled: false, IPv6Preferred: false, FailbackDelay: 0, ProbeInterval: 5, BackupKeepalive: 0}",
    false,
    false,
  ],
  ["DualStack: {Enabled: true}", true, false],
  ["DualStack: {Enabled: true, FailbackDelay: 60}", true, false],
  // Without `Enabled` the reference node decides by FailbackDelay.
  ["DualStack: {FailbackDelay: 60}", false, true],
  ["DualStack: {IPv6Preferred: true}", true, true],
  ["DualStack: {FailbackDelay: 0}", true, false],
];

for (const [block, isEnabled, warns] of DUAL_STACK_FORMS) {
  Deno.test(`readDualStack() takes "${block}" for ${isEnabled ? "on" : "off"}`, () => {
    const { config, issues } = read(`${SMALL_FILE}${block}`);
    assert.equal(config?.dualStack.isEnabled, isEnabled);
    assert.deepEqual(issues.map((issue) => issue.key), warns ? ["DualStack.Enabled"] : []);
  });
}

Deno.test("readDualStack() replaces intervals of 0 and below by the defaults", () => {
  const absent = read(SMALL_FILE).config?.dualStack;
  const defaults = { failbackDelayMs: 30_000, probeIntervalMs: 10_000, backupKeepaliveMs: 30_000 };
  assert.deepEqual(absent, { isEnabled: true, prefersIpv6: true, ...defaults });
  const block = "DualStack: {Enabled: true, FailbackDelay: 0.5, ProbeInterval: -1, BackupKeepalive: 0}";
  assert.deepEqual(read(`${SMALL_FILE}${block}`).config?.dualStack, {
    isEnabled: true,
    prefersIpv6: false,
    failbackDelayMs: 500,
    probeIntervalMs: 10_000,
    backupKeepaliveMs: 30_000,
  });
});

Deno.test("readFakeTcp() sets IPv6 only if both of its keys are there", () => {
  const fakeTcp = (block: string) => read(`${SMALL_FILE}FakeTCP: ${block}`).config?.fakeTcp;
  assert.equal(fakeTcp("{TunIPv6: 'fd00:200::1/64'}")?.ipv6, undefined);
  assert.equal(fakeTcp("{TunPeerIPv6: 'fd00:200::2'}")?.ipv6, undefined);
  const both = fakeTcp("{TunIPv6: 'fd00:200::1/64', TunPeerIPv6: 'fd00:200::2'}")?.ipv6;
  assert.equal(both?.host.prefixLength, 64);
  assert.equal(both?.stack[15], 2);
});

Deno.test("readFakeTcp() takes an address without prefix length for a single host", () => {
  const { config } = read(`${SMALL_FILE}FakeTCP: {TunIPv4: 10.0.0.1, TunPeerIPv4: 10.0.0.2, TunMTU: 0}`);
  assert.equal(config?.fakeTcp.ipv4.host.prefixLength, 32);
  assert.equal(config?.fakeTcp.tunMtu, 1500);
});
