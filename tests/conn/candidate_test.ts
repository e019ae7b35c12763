import { strict as assert } from "node:assert";
import { formatEndpoint } from "../../src/base/endpoint.ts";
import { type FamilyChoice, resolveEndpoint, systemLookup } from "../../src/conn/candidate.ts";

const BOTH: FamilyChoice = { ipv4: true, ipv6: true, preferred: 0 };
const ONLY4: FamilyChoice = { ...BOTH, ipv6: false };
const ONLY6: FamilyChoice = { ...BOTH, ipv4: false };

/** What the fake name server knows. */
const NAMES: Record<string, string[]> = {
  "both.test": ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"],
  "four.test": ["192.0.2.4"],
  "six.test": ["2001:db8::6"],
  "odd.test": ["not an address", "fe80::1%eth0", "192.0.2.9"],
  "none.test": [],
};

function lookUp(host: string): Promise<string[]> {
  const found = NAMES[host];
  return found === undefined ? Promise.reject(new Error(`no such name: ${host}`)) : Promise.resolve(found);
}

const CASES: [host: string, choice: FamilyChoice, endpoints: string[]][] = [
  ["192.0.2.7", BOTH, ["192.0.2.7:5"]],
  ["2001:db8::7", BOTH, ["[2001:db8::7]:5"]],
  ["192.0.2.7", ONLY6, []],
  ["2001:db8::7", ONLY4, []],
  ["192.0.2.7", { ...BOTH, preferred: 6 }, ["192.0.2.7:5"]],
  ["both.test", BOTH, ["[2001:db8::1]:5", "192.0.2.1:5", "[2001:db8::2]:5", "192.0.2.2:5"]],
  ["both.test", { ...BOTH, preferred: 4 }, ["192.0.2.1:5", "192.0.2.2:5", "[2001:db8::1]:5", "[2001:db8::2]:5"]],
  ["both.test", { ...BOTH, preferred: 6 }, ["[2001:db8::1]:5", "[2001:db8::2]:5", "192.0.2.1:5", "192.0.2.2:5"]],
  ["both.test", ONLY4, ["192.0.2.1:5", "192.0.2.2:5"]],
  ["both.test", ONLY6, ["[2001:db8::1]:5", "[2001:db8::2]:5"]],
  ["both.test", { ipv4: false, ipv6: false, preferred: 4 }, []],
  ["four.test", ONLY6, []],
  ["four.test", { ...BOTH, preferred: 6 }, ["192.0.2.4:5"]],
  ["six.test", { ...BOTH, preferred: 4 }, ["[2001:db8::6]:5"]],
  ["odd.test", BOTH, ["192.0.2.9:5"]],
  ["none.test", BOTH, []],
];
for (const [host, choice, endpoints] of CASES) {
  const { ipv4, ipv6, preferred } = choice;
  const families = `${ipv4 ? "IPv4 " : ""}${ipv6 ? "IPv6 " : ""}preferring ${preferred}`;
  Deno.test(`resolveEndpoint() makes ${endpoints.length} records of ${host}, families: ${families}`, async () => {
    const records = await resolveEndpoint({ host, port: 5 }, choice, lookUp);
    assert.deepEqual(records.map((record) => formatEndpoint(record, 0)), endpoints);
  });
}

Deno.test("resolveEndpoint() asks nobody about a literal", async () => {
  await resolveEndpoint({ host: "192.0.2.7", port: 5 }, BOTH, () => Promise.reject(new Error("asked")));
});

Deno.test("resolveEndpoint() passes the failure of a lookup on", async () => {
  await assert.rejects(resolveEndpoint({ host: "missing.test", port: 5 }, BOTH, lookUp), /no such name/);
});

Deno.test("systemLookup() finds the name that every machine knows", async () => {
  const found = await systemLookup("localhost");
  assert.ok(found.includes("127.0.0.1") || found.includes("::1"), found.join());
});
