import { strict as assert } from "node:assert";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { PATH_KIND_NAMES } from "../../src/base/path_kind.ts";
import { type CandidateChoice, CANDIDATES_PER_MAP_MAX, readCandidates } from "../../src/control/candidate_list.ts";

const CHOICE: CandidateChoice = { skipsLocalAddresses: false, preferredFamily: 0 };

/** Candidates of an entry with this `Connurl`, as lines such as `udp4 198.51.100.7:31001 rank 4`. */
function linesOf(Connurl: unknown, change: Partial<CandidateChoice> = {}, beside = {}): string[] {
  const { candidates } = readCandidates({ Connurl, ...beside }, { ...CHOICE, ...change });
  return candidates.map(({ kind, endpoint, rank }) => {
    return `${PATH_KIND_NAMES[kind]} ${formatEndpoint(endpoint, 0)} rank ${rank}`;
  });
}

Deno.test("readCandidates() takes null, an empty map and no map alike: a peer that is away", () => {
  const maps = ["ExternalV4", "ExternalV6", "LocalV4", "LocalV6", "FakeTCPV4", "FakeTCPV6"];
  const empty = [null, {}].map((map) => Object.fromEntries(maps.map((name) => [name, map])));
  for (const Connurl of [undefined, null, {}, ...empty]) {
    assert.deepEqual(readCandidates({ Connurl }, CHOICE), { candidates: [], skipped: 0 });
  }
});

Deno.test("readCandidates() puts the family that AfPrefer names first", () => {
  const connUrl = {
    ExternalV4: { "198.51.100.7:1": 4 },
    ExternalV6: { "[2001:db8::7]:1": 6 },
    LocalV6: { "[fd00::1]:1": 100 },
  };
  const [v4, v6, local] = ["udp4 198.51.100.7:1", "udp6 [2001:db8::7]:1", "udp6 [fd00::1]:1"];
  assert.deepEqual(linesOf(connUrl), [`${v4} rank 4`, `${v6} rank 6`, `${local} rank 100`]);
  assert.deepEqual(linesOf(connUrl, { preferredFamily: 6 }), [
    `${v6} rank -9994`,
    `${local} rank -9900`,
    `${v4} rank 4`,
  ]);
  assert.deepEqual(linesOf(connUrl, { preferredFamily: 4 })[0], `${v4} rank -9996`);
});

Deno.test("readCandidates() makes FakeTCP candidates of what is named, and of local addresses with FakeTCPPort", () => {
  const connUrl = {
    ExternalV4: { "198.51.100.7:3001": 4 },
    FakeTCPV4: { "198.51.100.7:443": 4, "198.51.100.7:50000": 14 },
    FakeTCPV6: { "[2001:db8::7]:443": 6 },
    LocalV4: { "192.168.1.5:3001": 100 },
    LocalV6: { "[fd00::1]:3001": 50 },
  };
  assert.deepEqual(linesOf(connUrl, {}, { FakeTCPPort: 443 }), [
    "udp4 198.51.100.7:3001 rank 4",
    "faketcp4 198.51.100.7:443 rank 4",
    "faketcp6 [2001:db8::7]:443 rank 6",
    "faketcp4 198.51.100.7:50000 rank 14",
    "udp6 [fd00::1]:3001 rank 50",
    "faketcp6 [fd00::1]:443 rank 50",
    "udp4 192.168.1.5:3001 rank 100",
    "faketcp4 192.168.1.5:443 rank 100",
  ]);
  for (const FakeTCPPort of [undefined, null, 0, -1, 65536, 1.5, "443", {}]) {
    const lines = linesOf(connUrl, {}, { FakeTCPPort });
    assert.equal(lines.filter((line) => line.startsWith("faketcp")).length, 3, String(FakeTCPPort));
  }
});

Deno.test("readCandidates() leaves local addresses out if this node skips them", () => {
  const connUrl = {
    ExternalV4: { "198.51.100.7:1": 4 },
    LocalV4: { "10.0.0.1:1": 100 },
    LocalV6: { "[fd00::1]:1": 100 },
  };
  assert.deepEqual(linesOf(connUrl, { skipsLocalAddresses: true }, { FakeTCPPort: 443 }), [
    "udp4 198.51.100.7:1 rank 4",
  ]);
});

Deno.test("readCandidates() lets the external rank of an address win over the local one", () => {
  const connUrl = {
    ExternalV4: { "198.51.100.7:1": 4 },
    LocalV4: { "198.51.100.7:1": 1 },
    LocalV6: { "198.51.100.7:1": 0 },
  };
  assert.deepEqual(linesOf(connUrl), ["udp4 198.51.100.7:1 rank 4"]);
});

Deno.test("readCandidates() leaves out and counts addresses that can't be used, and keeps the peer", () => {
  const addresses: [string, unknown][] = [
    ["198.51.100.7", 4],
    ["198.51.100.7:0", 4],
    ["198.51.100.7:65536", 4],
    ["198.51.100.256:1", 4],
    ["host.example:1", 4],
    ["2001:db8::7:1", 4],
    ["[fe80::1%eth0]:1", 4],
    ["[fe80::1]:1", 4],
    ["[::]:1", 4],
    ["[ff02::1]:1", 4],
    ["[::ffff:198.51.100.7]:1", 4],
    ["0.0.0.0:1", 4],
    ["224.0.0.1:1", 4],
    ["255.255.255.255:1", 4],
    ["", 4],
    ["__proto__", 4],
    ["198.51.100.7:1", "4"],
    ["198.51.100.7:1", null],
    ["198.51.100.7:1", {}],
  ];
  for (const [address, rank] of [...addresses, ["198.51.100.7:1", Infinity]] as [string, unknown][]) {
    const map = JSON.parse('{"198.51.100.9:1":4}');
    Object.defineProperty(map, address, { value: rank, enumerable: true });
    const { candidates, skipped } = readCandidates({ Connurl: { ExternalV4: map } }, CHOICE);
    assert.deepEqual([candidates.length, skipped], [1, 1], address);
    assert.equal(formatEndpoint(candidates[0].endpoint, 0), "198.51.100.9:1");
  }
  assert.equal(readCandidates({ Connurl: { ExternalV4: ["198.51.100.9:1"] } }, CHOICE).skipped, 1);
});

Deno.test("readCandidates() keeps the best addresses of a map that has too many", () => {
  const map = Object.fromEntries(Array.from({ length: 200 }, (_, host) => [`10.0.0.${host + 1}:1`, 200 - host]));
  const lines = linesOf({ LocalV4: map });
  assert.equal(lines.length, CANDIDATES_PER_MAP_MAX);
  assert.equal(lines[0], "udp4 10.0.0.200:1 rank 1");
  assert.equal(lines.at(-1), "udp4 10.0.0.185:1 rank 16");
});
