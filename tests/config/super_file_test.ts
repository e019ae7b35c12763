import { strict as assert } from "node:assert";
import fc from "fast-check";
import { SystemError } from "../../src/base/errors.ts";
import { parseKey } from "../../src/config/key_text.ts";
import { parseSuperConfig, type SuperConfig, type SuperPeerConfig } from "../../src/config/super_config.ts";
import { SuperFile } from "../../src/config/super_file.ts";
import { OTHER_KEY, OWN_KEY, PEER_KEY, PRESHARED_KEY } from "./edge_files.ts";
import { readValidSuper, SMALL_SUPER_FILE } from "./super_files.ts";

const THIRD_KEY = "AGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=";

const THIRD: SuperPeerConfig = {
  nodeId: 3,
  name: "yes: it's #3",
  publicKey: parseKey(THIRD_KEY)!,
  presharedKey: parseKey(PRESHARED_KEY),
  additionalCostMs: 12.5,
  skipsLocalAddresses: true,
  endpoint: { host: "2001:db8::3", port: 3003, family: 6 },
  externalIp: Uint8Array.of(198, 51, 100, 3),
};

/** Keys in odd spellings, comments in odd places: none of it may change. */
const WRITTEN_BY_HAND = `# The super of our network
PrivKeyV4: ${OWN_KEY} # keep it secret
ListenPort_EdgeAPI: '3456'
RePushConfigInterval: 0x1E
PeerAliveTimeout: &timeout 70
SendPingInterval: 15 # measured often
HttpPostInterval: *timeout

# Routes
GraphRecalculateSetting:
  TimeoutCheckInterval: 5
  ManualLatency: { 1: { 2: 1.5 } }
Passwords: { AddPeer: 'open', DelPeer: "shut" }
x-defaults: &defaults
  AdditionalCost: 010
  # only in the office
  SkipLocalIP: no
# The edges
Peers:
# the first one
- <<: *defaults
  NodeID: 0x1
  Name: one # in the cellar
  PubKey: ${PEER_KEY}

# the second one
- NodeID: 2
  Name: two

  # its key
  PubKey: ${OTHER_KEY}
# Behind the edges
NodeName: NodeSuper
WireVersion: v0.2.9 # as our Go nodes
`;

/** Changes a file with this text, saves it, and returns the new text. */
function edited(text: string, edit: (file: SuperFile) => void): string {
  const path = Deno.makeTempFileSync({ prefix: "super-", suffix: ".yaml" });
  try {
    Deno.writeTextFileSync(path, text);
    const file = SuperFile.open(path);
    edit(file);
    file.save();
    return Deno.readTextFileSync(path);
  } finally {
    Deno.removeSync(path);
  }
}

function config(text: string): SuperConfig {
  const { config, issues } = parseSuperConfig(text, "super.yaml");
  assert.deepEqual(issues.filter(({ severity }) => severity === "error"), []);
  return config!;
}

/** The lines that only one of two texts has. */
function difference(before: string, after: string): { gone: string[]; come: string[] } {
  const [old, now] = [before.split("\n"), after.split("\n")];
  return { gone: old.filter((line) => !now.includes(line)), come: now.filter((line) => !old.includes(line)) };
}

Deno.test("addPeer() adds lines in the style of the file and changes no other", () => {
  const text = edited(WRITTEN_BY_HAND, (file) => file.addPeer(THIRD));
  assert.deepEqual(difference(WRITTEN_BY_HAND, text), {
    gone: [],
    come: [
      "- NodeID: 3",
      `  Name: "yes: it's #3"`,
      `  PubKey: ${THIRD_KEY}`,
      `  PSKey: ${PRESHARED_KEY}`,
      "  AdditionalCost: 12.5",
      "  SkipLocalIP: true",
      '  EndPoint: "[2001:db8::3]:3003"',
      '  ExternalIP: "198.51.100.3"',
    ],
  });
  assert.deepEqual(config(text), { ...config(WRITTEN_BY_HAND), peers: [...config(WRITTEN_BY_HAND).peers, THIRD] });
});

Deno.test("addPeer() writes an edge with nothing but a key so that it reads the same", () => {
  const bare: SuperPeerConfig = {
    ...THIRD,
    name: "",
    presharedKey: undefined,
    additionalCostMs: -1,
    skipsLocalAddresses: false,
    endpoint: undefined,
    externalIp: undefined,
  };
  assert.deepEqual(config(edited(SMALL_SUPER_FILE, (file) => file.addPeer(bare))).peers.at(-1), bare);
});

Deno.test("addPeer() begins a list where there is none, or an empty one", () => {
  const head = SMALL_SUPER_FILE.slice(0, SMALL_SUPER_FILE.indexOf("Peers:"));
  for (const peers of ["", "Peers:\n", "Peers: []\n", "Peers: ~ # none yet\n", "Peers: [] # none yet\n"]) {
    const text = edited(head + peers, (file) => file.addPeer(THIRD));
    assert.deepEqual(config(text).peers, [THIRD], peers);
    assert.match(text, /^ *- NodeID: 3$/m, peers);
    assert.equal(text.includes("# none yet"), peers.includes("#"), peers);
  }
});

Deno.test("addPeer() sets the whole table of static mode, and keeps the comments in it", () => {
  const routes = "NextHopTable:\n  # from one\n  1: {2: 2} # direct\n  2:\n    1: 1 # direct, too\n  9: {1: 1}\n";
  const text = `${SMALL_SUPER_FILE.replace("{Timeout", "{StaticMode: true, Timeout")}${routes}`;
  const table = { 1: { 2: 2, 3: 3 }, 2: { 1: 1, 3: 1 }, 3: { 1: 1, 2: 1 } };
  const after = edited(text, (file) => file.addPeer(THIRD, table));
  assert.deepEqual(config(after).nextHopTable, table);
  assert.deepEqual(config(after).peers.length, 3);
  for (const part of ["# from one", "# direct\n", "# direct, too", "  3: { 1: 1, 2: 1 }\n"]) {
    assert.ok(after.includes(part), part);
  }
  const first = edited(SMALL_SUPER_FILE, (file) => file.addPeer(THIRD, table));
  assert.deepEqual(config(first).nextHopTable, table);
});

const TAKEN: [key: string, change: Partial<SuperPeerConfig>][] = [
  ["NodeID", { nodeId: 1 }],
  ["PubKey", { publicKey: parseKey(PEER_KEY)! }],
  ["Name", { name: "two" }],
];
for (const [key, change] of TAKEN) {
  Deno.test(`addPeer() refuses a ${key} that was written into the file meanwhile, however it is spelt`, () => {
    const peer = { ...THIRD, ...change };
    const says = new RegExp(`add node ${peer.nodeId} to .*: EEXIST: its ${key} was written there by hand`);
    assert.throws(() => edited(WRITTEN_BY_HAND, (file) => file.addPeer(peer)), says);
  });
}

Deno.test("addPeer() lets edges without a name be", () => {
  const text = WRITTEN_BY_HAND.replace("Name: two", "Name: ''");
  assert.equal(config(edited(text, (file) => file.addPeer({ ...THIRD, name: "" }))).peers.length, 3);
});

Deno.test("removePeer() removes an edge with its comments, and changes nothing else", () => {
  const first = edited(WRITTEN_BY_HAND, (file) => file.removePeer(1));
  assert.deepEqual(config(first).peers.map(({ nodeId }) => nodeId), [2]);
  assert.deepEqual(difference(WRITTEN_BY_HAND, first).come, []);
  for (const kept of ["# The edges", "# the second one", "# its key", "# Behind the edges", "# only in the office"]) {
    assert.ok(first.includes(kept), kept);
  }
  const second = edited(WRITTEN_BY_HAND, (file) => file.removePeer(2));
  assert.deepEqual(config(second).peers.map(({ nodeId }) => nodeId), [1]);
  assert.deepEqual(difference(WRITTEN_BY_HAND, second).come, []);
  for (const kept of ["# the first one", "# in the cellar", "# Behind the edges", "NodeName: NodeSuper"]) {
    assert.ok(second.includes(kept), kept);
  }
});

Deno.test("removePeer() leaves a list that is empty and can be added to, and ignores an edge that isn't there", () => {
  const none = edited(SMALL_SUPER_FILE, (file) => [1, 2, 3].forEach((id) => file.removePeer(id)));
  assert.deepEqual(config(none).peers, []);
  assert.deepEqual(config(edited(none, (file) => file.addPeer(THIRD))).peers, [THIRD]);
});

Deno.test("updatePeer() changes a value at its place, or adds one that overrides what an anchor brings in", () => {
  const text = edited(WRITTEN_BY_HAND, (file) => {
    file.updatePeer(1, { additionalCostMs: -1 });
    file.updatePeer(2, { skipsLocalAddresses: true });
    file.updatePeer(2, {});
  });
  assert.deepEqual(difference(WRITTEN_BY_HAND, text), {
    gone: [],
    come: ["  AdditionalCost: -1", "  SkipLocalIP: true"],
  });
  const { peers } = config(text);
  assert.deepEqual(peers.map(({ additionalCostMs }) => additionalCostMs), [-1, 0]);
  assert.deepEqual(peers.map(({ skipsLocalAddresses }) => skipsLocalAddresses), [false, true]);
  const again = edited(text, (file) => file.updatePeer(1, { additionalCostMs: 7 }));
  assert.equal(config(again).peers[0].additionalCostMs, 7);
  assert.equal(again, text.replace("AdditionalCost: -1", "AdditionalCost: 7"));
});

Deno.test("updateParameters() changes values in seconds, and keeps the comments beside them", () => {
  const text = edited(
    WRITTEN_BY_HAND,
    (file) => file.updateParameters({ pingIntervalMs: 12_500, reportIntervalMs: 40_000, dampingFilterRadius: 3 }),
  );
  assert.deepEqual(difference(WRITTEN_BY_HAND, text), {
    gone: ["SendPingInterval: 15 # measured often", "HttpPostInterval: *timeout"],
    come: ["SendPingInterval: 12.5 # measured often", "HttpPostInterval: 40", "DampingFilterRadius: 3"],
  });
  const after = config(text);
  assert.deepEqual([after.pingIntervalMs, after.reportIntervalMs, after.dampingFilterRadius], [12_500, 40_000, 3]);
});

/** A refusal: a change that would alter other places of the file. */
const SHARED: readonly [name: string, edit: (file: SuperFile) => void, text: string][] = [
  ["a value that others refer to", (file) => file.updateParameters({ peerAliveTimeoutMs: 80_000 }), WRITTEN_BY_HAND],
  [
    "an edge that others refer to",
    (file) => file.removePeer(1),
    `${WRITTEN_BY_HAND.replace("- <<: *defaults", "- &one\n  <<: *defaults")}x-copy: *one\n`,
  ],
  [
    "a list that is an alias",
    (file) => file.addPeer(THIRD),
    `${WRITTEN_BY_HAND.replace("Peers:", "x-peers: &peers")}Peers: *peers\n`,
  ],
  [
    "a list that a merge brings in",
    (file) => file.addPeer(THIRD),
    `${SMALL_SUPER_FILE.replace("Peers:", "x-network: &network\n  Peers:")}<<: *network\n`,
  ],
];

for (const [name, edit, text] of SHARED) {
  Deno.test(`SuperFile refuses to change ${name}`, () => {
    assert.throws(() => edit(openText(text)), (error: unknown) => {
      assert.ok(error instanceof SystemError);
      assert.match(error.remedy, /other places of the file refer to its anchor "(?:timeout|one|peers|network)"/);
      return true;
    });
  });
}

/** Opens a text; the file is removed at once, so that it can't be saved. */
function openText(text: string): SuperFile {
  const path = Deno.makeTempFileSync({ prefix: "super-", suffix: ".yaml" });
  try {
    Deno.writeTextFileSync(path, text);
    return SuperFile.open(path);
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("save() leaves a file alone in which the next start would find errors", () => {
  const path = Deno.makeTempFileSync({ prefix: "super-", suffix: ".yaml" });
  try {
    const text = `${SMALL_SUPER_FILE}ListenPort: many\n`;
    Deno.writeTextFileSync(path, text);
    const file = SuperFile.open(path);
    file.addPeer(THIRD);
    assert.throws(() => file.save(), /configuration errors: it was edited: etherguard super --check/);
    assert.equal(Deno.readTextFileSync(path), text);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("SuperFile.open() refuses what isn't there, and what is no YAML", () => {
  assert.throws(() => SuperFile.open("tests/config/none.yaml"), /read .*none\.yaml: ENOENT/);
  assert.throws(() => openText("Peers: ["), /read .*: no YAML/);
  assert.throws(() => openText("- 1"), /read .*: no YAML/);
});

Deno.test("SuperFile keeps further documents of the file", () => {
  const text = `${SMALL_SUPER_FILE}---\n# notes\nnote: kept\n`;
  const after = edited(text, (file) => file.addPeer(THIRD));
  assert.match(after, /\n---\n# notes\nnote: kept\n$/);
  assert.equal(config(after).peers.length, 3);
});

const NODE_ID = fc.integer({ min: 0, max: 12 });
const CHANGE = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    nodeId: NODE_ID,
    name: fc.string({ maxLength: 8 }).filter((name) => !/\p{Cc}/u.test(name)),
    cost: fc.integer({ min: -1, max: 9999 }).map((tenths) => tenths / 10),
    skips: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("remove" as const), nodeId: NODE_ID }),
  fc.record({ kind: fc.constant("update" as const), nodeId: NODE_ID, cost: fc.nat(100), skips: fc.boolean() }),
  fc.record({
    kind: fc.constant("ping" as const),
    ms: fc.integer({ min: 1, max: 60_000 }),
  }),
);

function keyOf(nodeId: number): Uint8Array {
  return new Uint8Array(32).fill(nodeId + 1);
}

Deno.test("SuperFile gives, after any changes, the configuration that they make, and keeps the comments of the rest", () => {
  const path = Deno.makeTempFileSync({ prefix: "super-", suffix: ".yaml" });
  const bases = [WRITTEN_BY_HAND, SMALL_SUPER_FILE];
  const property = fc.property(fc.constantFrom(...bases), fc.array(CHANGE, { maxLength: 8 }), (base, changes) => {
    Deno.writeTextFileSync(path, base);
    const expected = { ...config(base) };
    let peers = [...expected.peers];
    for (const change of changes) {
      const file = SuperFile.open(path);
      const known = "nodeId" in change && peers.find(({ nodeId }) => nodeId === change.nodeId);
      if (change.kind === "ping") {
        file.updateParameters({ pingIntervalMs: change.ms });
        Object.assign(expected, { pingIntervalMs: change.ms });
      } else if (change.kind === "remove") {
        file.removePeer(change.nodeId);
        peers = peers.filter((peer) => peer !== known);
      } else if (change.kind === "update" && known) {
        const values = { additionalCostMs: change.cost, skipsLocalAddresses: change.skips };
        file.updatePeer(change.nodeId, values);
        peers = peers.map((peer) => peer === known ? { ...peer, ...values } : peer);
      } else if (change.kind === "add" && !known && !peers.some(({ name }) => name !== "" && name === change.name)) {
        const peer: SuperPeerConfig = {
          ...THIRD,
          nodeId: change.nodeId,
          name: change.name,
          publicKey: keyOf(change.nodeId),
          additionalCostMs: change.cost,
          skipsLocalAddresses: change.skips,
        };
        file.addPeer(peer);
        peers.push(peer);
      }
      file.save();
    }
    const text = Deno.readTextFileSync(path);
    assert.deepEqual(config(text), { ...expected, peers });
    for (const comment of ["# The super of our network", "# keep it secret", "# Routes", "# The edges", "# Behind"]) {
      assert.equal(text.includes(comment), base.includes(comment), comment);
    }
  });
  try {
    fc.assert(property, { numRuns: 150 });
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("SuperFile leaves a file as it was if nothing is changed", () => {
  assert.equal(edited(WRITTEN_BY_HAND, () => {}), WRITTEN_BY_HAND);
  assert.deepEqual(readValidSuper(edited(SMALL_SUPER_FILE, () => {})), readValidSuper(SMALL_SUPER_FILE));
});
