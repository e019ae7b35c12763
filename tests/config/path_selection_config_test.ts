import { strict as assert } from "node:assert";
import { PATH_KIND_NAMES } from "../../src/base/path_kind.ts";
import type { PathSelectionConfig } from "../../src/config/path_selection_config.ts";
import { read, readValid, shortIssues, SMALL_FILE } from "./edge_files.ts";

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
    prefersIpv6: true,
    failbackDelayMs: 500,
    probeIntervalMs: 10_000,
    backupKeepaliveMs: 30_000,
  });
});

/** Selection as a file with these lines has it. */
function selection(lines: string): PathSelectionConfig {
  return readValid(`${SMALL_FILE}${lines}`).pathSelection;
}

/** The order of preference that a file with these lines has, by names. */
function order(lines: string): string {
  return selection(lines).order.map((kind) => PATH_KIND_NAMES[kind]).join(" ");
}

Deno.test("readPathSelection() gives an absent block the defaults of the reference page", () => {
  const expected: PathSelectionConfig = {
    order: [0, 1, 2, 3],
    activeProbeIntervalMs: 100,
    recoveryProbeIntervalMs: 1000,
    idleProbeIntervalMs: 10_000,
    standbyProbeIntervalMs: 30_000,
    holdMs: 5000,
    failbackMs: 30_000,
    decideMs: 400,
    lossThreshold: 0.2,
    mirrors: true,
  };
  assert.deepEqual(selection(""), expected);
  assert.deepEqual(selection("PathSelection: {}"), expected);
  const zeros =
    "Order: [], ActiveProbeInterval: 0, RecoveryProbeInterval: 0, HoldTime: 0, DecideTime: 0, LossThreshold: 0";
  assert.deepEqual(selection(`PathSelection: {${zeros}}`), expected);
});

Deno.test("readPathSelection() takes what is written, and the intervals of DualStack", () => {
  const lines =
    `PathSelection: {Order: [faketcp4, udp4], ActiveProbeInterval: 0.02, RecoveryProbeInterval: 2.5, HoldTime: 60,
  DecideTime: 10, LossThreshold: 1, Mirror: false}
DualStack: {Enabled: true, FailbackDelay: 7, ProbeInterval: 8, BackupKeepalive: 9}
FakeTCP: {Enabled: true}
`;
  assert.deepEqual(selection(lines), {
    order: [3, 1, 0, 2],
    activeProbeIntervalMs: 20,
    recoveryProbeIntervalMs: 2500,
    idleProbeIntervalMs: 8000,
    standbyProbeIntervalMs: 9000,
    holdMs: 60_000,
    failbackMs: 7000,
    decideMs: 10_000,
    lossThreshold: 1,
    mirrors: false,
  });
});

Deno.test("readPathSelection() never goes back to the preferred family by itself with DualStack off", () => {
  const off = selection("DualStack: {Enabled: false, FailbackDelay: 7, ProbeInterval: 8, BackupKeepalive: 9}");
  assert.equal(off.failbackMs, Infinity);
  assert.deepEqual([off.idleProbeIntervalMs, off.standbyProbeIntervalMs], [8000, 9000]);
});

const IPV6_FIRST = "udp6 udp4 faketcp6 faketcp4";
const IPV4_FIRST = "udp4 udp6 faketcp4 faketcp6";
const FIVE_ZEROS = "{Enabled: no, IPv6Preferred: no, FailbackDelay: 0, ProbeInterval: 0, BackupKeepalive: 0}";
const ORDERS: readonly [lines: string, order: string][] = [
  ["", IPV6_FIRST],
  ["AfPrefer: 6", IPV6_FIRST],
  ["AfPrefer: 4", IPV4_FIRST],
  ["DualStack: {Enabled: true, IPv6Preferred: true}", IPV6_FIRST],
  ["DualStack: {Enabled: true, IPv6Preferred: false}", IPV4_FIRST],
  ["DualStack: {Enabled: true, FailbackDelay: 60}", IPV6_FIRST],
  ["DualStack: {Enabled: false}", IPV6_FIRST],
  ["DualStack: {Enabled: false, IPv6Preferred: false}", IPV4_FIRST],
  [`DualStack: ${FIVE_ZEROS}`, IPV6_FIRST],
  ["AfPrefer: 4\nDualStack: {Enabled: true, IPv6Preferred: true}", IPV4_FIRST],
  ["AfPrefer: 6\nDualStack: {Enabled: true, IPv6Preferred: false}", IPV6_FIRST],
  ["PathSelection: {Order: [udp4]}", IPV4_FIRST.replace("faketcp4 faketcp6", "faketcp6 faketcp4")],
  ["AfPrefer: 4\nPathSelection: {Order: [udp6, faketcp6]}", "udp6 faketcp6 udp4 faketcp4"],
  ["FakeTCP: {Enabled: true}\nPathSelection: {Order: [faketcp4]}", "faketcp4 udp6 udp4 faketcp6"],
];

for (const [lines, expected] of ORDERS) {
  Deno.test(`readPathSelection() orders paths as ${expected} for ${JSON.stringify(lines)}`, () => {
    assert.equal(order(lines), expected);
  });
}

const SELECTION_FAULTS: readonly [name: string, lines: string, issues: string[]][] = [
  ["an unknown kind of path", "PathSelection: {Order: [udp5]}", ["8 PathSelection.Order[0] error"]],
  ["a kind of path twice", "PathSelection: {Order: [udp4, udp6, udp4]}", ["8 PathSelection.Order[2] error"]],
  ["an empty entry of the order", "PathSelection: {Order: [udp4, ]}\nPathSelection: {Order: [~, '']}", [
    "9 PathSelection warning",
    "9 PathSelection.Order[0] error",
    "9 PathSelection.Order[1] error",
  ]],
  ["an order that is no list", "PathSelection: {Order: udp4}", ["8 PathSelection.Order error"]],
  ["probing too often", "PathSelection: {ActiveProbeInterval: 0.019}", ["8 PathSelection.ActiveProbeInterval error"]],
  ["probing too rarely", "PathSelection: {ActiveProbeInterval: 10.1}", ["8 PathSelection.ActiveProbeInterval error"]],
  ["recovering too often", "PathSelection: {RecoveryProbeInterval: 0.09}", [
    "8 PathSelection.RecoveryProbeInterval error",
  ]],
  ["a negative hold time", "PathSelection: {HoldTime: -1}", ["8 PathSelection.HoldTime error"]],
  ["an endless hold time", "PathSelection: {HoldTime: .inf}", ["8 PathSelection.HoldTime error"]],
  ["a decision too late", "PathSelection: {DecideTime: 11}", ["8 PathSelection.DecideTime error"]],
  ["a threshold that any loss exceeds", "PathSelection: {LossThreshold: 0.001}", [
    "8 PathSelection.LossThreshold error",
  ]],
  ["a threshold in percent", "PathSelection: {LossThreshold: 20}", ["8 PathSelection.LossThreshold error"]],
  ["a mirror that is no boolean", "PathSelection: {Mirror: 1}", ["8 PathSelection.Mirror error"]],
  ["FakeTCP first although it is off", "PathSelection: {Order: [faketcp4]}", ["8 PathSelection.Order[0] warning"]],
  ["FakeTCP over IPv6 first without addresses", "FakeTCP: {Enabled: true}\nPathSelection: {Order: [faketcp6]}", [
    "9 PathSelection.Order[0] warning",
  ]],
  ["a family first that is off", "DisabledAf: {IPv4: true}\nPathSelection: {Order: [udp4]}", [
    "9 PathSelection.Order[0] warning",
  ]],
  ["all mistakes at once", "PathSelection: {Order: [udp], HoldTime: x, LossThreshold: 2, Miror: true}", [
    "8 PathSelection.Miror warning",
    "8 PathSelection.Order[0] error",
    "8 PathSelection.HoldTime error",
    "8 PathSelection.LossThreshold error",
  ]],
];

for (const [name, lines, issues] of SELECTION_FAULTS) {
  Deno.test(`readPathSelection() reports ${name}`, () => {
    assert.deepEqual(shortIssues(`${SMALL_FILE}${lines}`), issues);
  });
}

Deno.test("readPathSelection() words its advice for the reader", () => {
  const advice = read(`${SMALL_FILE}PathSelection: {Order: [faketcp4, faketcp4]}`).issues;
  assert.deepEqual(advice.map(({ found, allowed, remedy }) => `${found}; ${allowed}; ${remedy}`), [
    '"faketcp4"; each kind of path once; PathSelection.Order[0] has it, too: remove one',
    '"faketcp4"; a kind of path that this node has; it is passed over: FakeTCP.Enabled is false',
  ]);
});
