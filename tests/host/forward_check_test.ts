import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { checkForwardChains, judgeForwardChains } from "../../src/host/forward_check.ts";
import { parseIptablesListing } from "../../src/host/iptables_listing.ts";
import { parseNftListing } from "../../src/host/nft_listing.ts";
import type { HostSpec } from "../../src/host/plan.ts";
import { answering, failed, MemoryProc, said } from "./memory_machine.ts";

const SPEC: HostSpec = {
  tunName: "egtcp0",
  stackV4: parseIpAddress("192.168.200.2"),
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  usedInterfaces: ["eth0"],
};
const ALL_USES = ["dial", "get answers", "be dialled"];

/** What iptables rules block, given behind a policy to drop. */
function blockedByIptables(...rules: string[]): readonly string[] {
  const text = ["-P INPUT ACCEPT", "-P FORWARD DROP", "-N ours", ...rules].join("\n");
  return judgeForwardChains([parseIptablesListing(text, 4)], SPEC)[0]?.blocked ?? [];
}

const IPTABLES_CASES: [what: string, rules: string[], blocked: string[]][] = [
  ["a policy alone", [], ALL_USES],
  ["a policy after rules for the device", ["-A FORWARD -i egtcp0 -j ACCEPT", "-A FORWARD -o egtcp0 -j ACCEPT"], []],
  ["a policy after rules with a wildcard", ["-A FORWARD -i eg+ -j ACCEPT", "-A FORWARD -o eg+ -j ACCEPT"], []],
  [
    "what answers need",
    ["-A FORWARD -i egtcp0 -j ACCEPT"],
    ["get answers", "be dialled"],
  ],
  [
    "new connections from outside alone",
    ["-A FORWARD -i egtcp0 -j ACCEPT", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
    ["be dialled"],
  ],
  [
    "nothing once translated connections are accepted",
    [
      "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
      "-A FORWARD ! -i eth0 -s 192.168.200.2/32 -j ACCEPT",
    ],
    [],
  ],
  ["a drop in a chain of its own", ["-A FORWARD -j ours", "-A FORWARD -j ACCEPT", "-A ours -j REJECT"], ALL_USES],
  [
    "nothing after a return",
    ["-A FORWARD -j ours", "-A FORWARD -j ACCEPT", "-A ours -p tcp -j RETURN", "-A ours -j DROP"],
    [],
  ],
  ["a goto that ends its chain", ["-A FORWARD -g ours", "-A FORWARD -j ACCEPT"], ALL_USES],
  ["rules of other devices, or of conditions we can't judge", [
    "-A FORWARD -i docker0 -j ACCEPT",
    '-A FORWARD -m comment --comment "a -j b" -m mark --mark 0x1 -j ACCEPT',
    "-A FORWARD -p udp -j ACCEPT",
    "-A FORWARD -j LOG",
  ], ALL_USES],
];
for (const [what, rules, blocked] of IPTABLES_CASES) {
  Deno.test(`judgeForwardChains() finds with iptables: ${what}`, () => {
    assert.deepEqual(blockedByIptables(...rules), blocked);
  });
}

/** A listing of one table with one hooked chain. */
function nftListing(policy: string, rules: unknown[][], table = "inet filter", chain = "forward"): string {
  const [family, name] = table.split(" ");
  return JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { table: { family, name } },
      { chain: { family, table: name, name: chain, type: "filter", hook: "forward", prio: 0, policy } },
      { chain: { family, table: name, name: "input", type: "filter", hook: "input", prio: 0, policy: "drop" } },
      ...rules.map((expr) => ({ rule: { family, table: name, chain, expr } })),
    ],
  });
}

function match(left: unknown, right: unknown, op = "=="): unknown {
  return { match: { op, left, right } };
}

const IIFNAME = { meta: { key: "iifname" } };
const OIFNAME = { meta: { key: "oifname" } };
const CT_STATE = { ct: { key: "state" } };
const CT_STATUS = { ct: { key: "status" } };
const COUNTER = { counter: { packets: 0, bytes: 0 } };
const ACCEPT = { accept: null };

const NFT_CASES: [what: string, policy: string, rules: unknown[][], blocked: string[]][] = [
  ["nothing without rules", "accept", [], []],
  ["a policy alone", "drop", [], ALL_USES],
  ["a final drop", "accept", [[COUNTER, { drop: null }]], ALL_USES],
  ["a final reject", "accept", [[{ reject: { type: "icmpx", expr: "admin-prohibited" } }]], ALL_USES],
  ["nothing once the device is in a set", "drop", [
    [match(IIFNAME, { set: ["wg0", "egtcp0"] }), ACCEPT],
    [match(OIFNAME, "eg*"), ACCEPT],
  ], []],
  ["dialling where states are accepted", "drop", [
    [match(CT_STATE, ["established", "related"], "in"), ACCEPT],
    [match(CT_STATUS, "dnat", "in"), ACCEPT],
  ], ["dial"]],
  ["dialling where a map of states decides", "drop", [
    [{ vmap: { key: CT_STATE, data: { set: [["invalid", { drop: null }], ["established", ACCEPT]] } } }],
    [match(CT_STATUS, "dnat", "in"), ACCEPT],
  ], ["dial"]],
  [
    "nothing in a guard that spares translated connections",
    "accept",
    [
      [match(CT_STATUS, ["snat", "dnat"], "!"), { drop: null }],
    ],
    [],
  ],
  ["a drop of what leaves by another interface", "accept", [
    [match(IIFNAME, "egtcp0"), match(OIFNAME, "wan0", "!="), { drop: null }],
  ], ["dial"]],
  ["no acceptance by conditions we can't judge", "drop", [
    [match({ meta: { key: "mark" } }, 1), ACCEPT],
    [{ limit: { rate: 5, per: "second" } }, ACCEPT],
    [{ xt: { type: "match", name: "physdev" } }, ACCEPT],
    [match({ payload: { protocol: "ip", field: "saddr" } }, { prefix: { addr: "10.0.0.0", len: 8 } }), ACCEPT],
  ], ALL_USES],
  ["no drop by another family, or of another address", "accept", [
    [match({ meta: { key: "nfproto" } }, "ipv6"), { drop: null }],
    [match({ payload: { protocol: "ip", field: "saddr" } }, "192.168.200.2", "!="), match(IIFNAME, "egtcp0"), {
      drop: null,
    }],
  ], []],
];
for (const [what, policy, rules, blocked] of NFT_CASES) {
  Deno.test(`judgeForwardChains() finds with nftables: ${what}`, () => {
    const found = judgeForwardChains(parseNftListing(nftListing(policy, rules)), SPEC);
    assert.deepEqual(found[0]?.blocked ?? [], blocked);
  });
}

Deno.test("judgeForwardChains() asks for no incoming connections where nothing listens", () => {
  const found = judgeForwardChains(parseNftListing(nftListing("drop", [])), { ...SPEC, listenPorts: [] });
  assert.deepEqual(found[0].blocked, ["dial", "get answers"]);
});

Deno.test("judgeForwardChains() looks at the families of the stack only", () => {
  assert.deepEqual(judgeForwardChains(parseNftListing(nftListing("drop", [], "ip6 filter")), SPEC), []);
});

Deno.test("judgeForwardChains() says all in one sentence and names the commands", () => {
  const [finding] = judgeForwardChains(parseNftListing(nftListing("drop", [], "inet guard", "pass")), SPEC);
  assert.equal(
    finding.text,
    "chain pass of table inet guard drops packets of egtcp0: FakeTCP can't dial, get answers, be dialled",
  );
  assert.deepEqual(finding.remedies, [
    'nft insert rule inet guard pass iifname "egtcp0" accept',
    'nft insert rule inet guard pass oifname "egtcp0" accept',
  ]);
});

const REMEDY_CASES: [what: string, finding: () => readonly { remedies: readonly string[] }[], remedy: string][] = [
  [
    "ufw",
    () => judgeForwardChains([parseIptablesListing("-P FORWARD DROP\n-N ufw-before-forward\n-N DOCKER-USER", 4)], SPEC),
    "ufw route allow in on egtcp0",
  ],
  [
    "Docker",
    () => judgeForwardChains([parseIptablesListing("-P FORWARD DROP\n-N DOCKER-USER", 4)], SPEC),
    "iptables -I DOCKER-USER -i egtcp0 -j ACCEPT",
  ],
  [
    "firewalld",
    () => judgeForwardChains(parseNftListing(nftListing("drop", [], "inet firewalld", "filter_FORWARD")), SPEC),
    "firewall-cmd --permanent --zone=trusted --add-interface=egtcp0",
  ],
  [
    "a table that iptables keeps in nftables",
    () => judgeForwardChains(parseNftListing(nftListing("drop", [], "ip filter", "FORWARD")), SPEC),
    "iptables -I FORWARD -i egtcp0 -j ACCEPT",
  ],
];
for (const [what, finding, remedy] of REMEDY_CASES) {
  Deno.test(`judgeForwardChains() speaks the language of ${what}`, () => {
    assert.equal(finding()[0].remedies[0], remedy);
  });
}

Deno.test("parseNftListing() reads nothing from what is no listing", () => {
  for (const text of ["", "{", "[]", "null", '{"nftables":7}', '{"nftables":[null,7,{"rule":null}]}']) {
    assert.deepEqual(parseNftListing(text), [], text);
  }
});

Deno.test("checkForwardChains() asks iptables about its own table, for conditions that nft has no words for", async () => {
  const accepted = "-P FORWARD DROP\n-A FORWARD -i egtcp0 -j ACCEPT\n-A FORWARD -o egtcp0 -j ACCEPT\n";
  const run = answering({
    "nft -j list ruleset": said(nftListing("drop", [], "ip filter", "FORWARD")),
    "iptables-nft -S": said(accepted),
  });
  assert.deepEqual(await checkForwardChains(SPEC, { files: new MemoryProc(), run }), []);
});

Deno.test("checkForwardChains() asks iptables where nftables is missing", async () => {
  const run = answering({ "iptables -S": said("-P FORWARD DROP\n") });
  const [finding] = await checkForwardChains(SPEC, { files: new MemoryProc(), run });
  assert.equal(finding.chain, "chain FORWARD of iptables table filter");
});

Deno.test("checkForwardChains() asks the older iptables only if its table is in use", async () => {
  const run = answering({ "nft -j list ruleset": said(""), "iptables-legacy -S": said("-P FORWARD DROP\n") });
  assert.deepEqual(await checkForwardChains(SPEC, { files: new MemoryProc(), run }), []);
  const files = new MemoryProc({}, { "net/ip_tables_names": "nat\nfilter\n" });
  assert.equal((await checkForwardChains(SPEC, { files, run })).length, 1);
});

Deno.test("checkForwardChains() finds nothing where the rules can't be read", async () => {
  const run = answering({ "nft -j list ruleset": failed("Operation not permitted") });
  assert.deepEqual(await checkForwardChains(SPEC, { files: new MemoryProc(), run }), []);
});
