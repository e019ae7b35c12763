import { strict as assert } from "node:assert";
import { PathKind } from "../../src/base/path_kind.ts";
import { parseEndpointText } from "../../src/config/endpoint_text.ts";
import {
  LOCAL_ENDPOINTS_MAX,
  LocalAddresses,
  type LocalAddressesOptions,
  type ReachedAt,
} from "../../src/edge/local_addresses.ts";
import { MemoryProc } from "../host/memory_machine.ts";
import { RecordingLog } from "../node/recording_log.ts";
import { endpointOf } from "../simnet/network.ts";

const TITLES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
const ZERO = "0".repeat(32);
/** Default routes by eth0; 10.0.0.0/8 by wg0. As a little-endian machine prints it. */
const ROUTES = new MemoryProc({}, {
  "net/route": [
    TITLES,
    "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
    "wg0\t0000000A\t00000000\t0001\t0\t0\t50\t000000FF\t0\t0\t0",
    "",
  ].join("\n"),
  "net/ipv6_route":
    `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n`,
});
const INTERFACES = [
  { name: "lo", address: "127.0.0.1" },
  { name: "eth0", address: "192.168.1.2" },
  { name: "eth0:1", address: "203.0.113.9" },
  { name: "eth0", address: "fe80::5" },
  { name: "eth0", address: "fd00::5" },
  { name: "eth0", address: "2001:db8:1::5" },
  { name: "wg0", address: "10.1.0.5" },
];
const SUPER_V4: ReachedAt = { kind: PathKind.UDP4, endpoint: endpointOf({ ip: "198.51.100.1", port: 3000 }) };
const SUPER_V6: ReachedAt = { kind: PathKind.UDP6, endpoint: endpointOf({ ip: "2001:db8:9::1", port: 3000 }) };

function createAddresses(change: Partial<LocalAddressesOptions> = {}, additional: string[] = []): LocalAddresses {
  return new LocalAddresses({
    udpPort: 3001,
    skipsLocalAddresses: false,
    additional: additional.map((text) => parseEndpointText(text)!),
    families: { ipv4: true, ipv6: true, preferred: 0 },
    files: ROUTES,
    interfaces: () => INTERFACES,
    log: new RecordingLog(),
    onChange: () => {},
    lookUp: () => Promise.reject(new Error("no such name")),
    ...change,
  });
}

function textOf({ localV4, localV6 }: ReturnType<LocalAddresses["current"]>): Record<string, number> {
  for (const text of localV4.keys()) assert.ok(!text.startsWith("["));
  for (const text of localV6.keys()) assert.ok(text.startsWith("["));
  return Object.fromEntries([...localV4, ...localV6]);
}

Deno.test("LocalAddresses reports the address of the interface through which each super is reached", () => {
  const addresses = createAddresses();
  assert.deepEqual(textOf(addresses.current([])), {});
  assert.deepEqual(textOf(addresses.current([SUPER_V4])), { "192.168.1.2:3001": 100 });
  assert.deepEqual(textOf(addresses.current([SUPER_V4, SUPER_V6])), {
    "192.168.1.2:3001": 100,
    "[2001:db8:1::5]:3001": 100,
  });
  const others: [superIp: string, local: string][] = [["10.200.0.1", "10.1.0.5"], ["203.0.113.1", "203.0.113.9"]];
  for (const [ip, local] of others) {
    const reached = { kind: PathKind.UDP4, endpoint: endpointOf({ ip, port: 3000 }) };
    assert.deepEqual(textOf(addresses.current([reached])), { [`${local}:3001`]: 100 });
  }
});

Deno.test("LocalAddresses believes the kernel where it told to which address the super's datagrams came", () => {
  const [v4, v6] = [SUPER_V4, SUPER_V6].map(({ kind, endpoint }) => ({ kind, endpoint: endpoint.slice() }));
  v4.endpoint.set(endpointOf({ ip: "203.0.113.9", port: 1 }).subarray(2, 6), 7);
  v6.endpoint.set(endpointOf({ ip: "fd00::5", port: 1 }).subarray(2, 6), 7);
  assert.deepEqual(textOf(createAddresses().current([v4, v6])), { "203.0.113.9:3001": 100, "[fd00::5]:3001": 100 });
  v6.endpoint.set(endpointOf({ ip: "fe80::5", port: 1 }).subarray(2, 6), 7);
  assert.deepEqual(textOf(createAddresses().current([v6])), {});
});

Deno.test("LocalAddresses takes the connection in a FakeTCP endpoint for no address", () => {
  const endpoint = SUPER_V4.endpoint.slice();
  endpoint[7] = 5;
  const reached = { kind: PathKind.FAKETCP4, endpoint };
  assert.deepEqual(textOf(createAddresses().current([reached])), { "192.168.1.2:3001": 100 });
});

Deno.test("LocalAddresses reports nothing for a super that isn't reached", () => {
  const nowhere = { kind: PathKind.UDP4, endpoint: new Uint32Array(12) };
  assert.deepEqual(textOf(createAddresses().current([nowhere])), {});
  const withoutRoutes = createAddresses({ files: new MemoryProc() });
  assert.deepEqual(textOf(withoutRoutes.current([SUPER_V4, SUPER_V6])), {});
  const withoutAddresses = createAddresses({ interfaces: () => [] });
  assert.deepEqual(textOf(withoutAddresses.current([SUPER_V4])), {});
});

Deno.test("LocalAddresses follows the machine from report to report", () => {
  let interfaces = INTERFACES;
  const addresses = createAddresses({ interfaces: () => interfaces });
  addresses.current([SUPER_V4]);
  interfaces = [{ name: "eth0", address: "192.0.2.77" }];
  assert.deepEqual(textOf(addresses.current([SUPER_V4])), { "192.0.2.77:3001": 100 });
});

Deno.test("LocalAddresses reports what the user wrote in any case, with the better rank", async () => {
  const lookUp = () => Promise.resolve(["192.0.2.8", "2001:db8::8"]);
  for (const skipsLocalAddresses of [false, true]) {
    const addresses = createAddresses({ skipsLocalAddresses, lookUp }, ["home.test:5", "192.168.1.2:3001"]);
    await addresses.poll(0);
    assert.deepEqual(textOf(addresses.current([SUPER_V4])), {
      "192.0.2.8:5": 50,
      "192.168.1.2:3001": 50,
      "[2001:db8::8]:5": 50,
    });
  }
});

Deno.test("LocalAddresses keeps to the families of the node, and to sixteen endpoints of each", async () => {
  const found = Array.from({ length: 40 }, (_, index) => `192.0.2.${index + 1}`);
  const lookUp = () => Promise.resolve([...found, "2001:db8::8"]);
  const families = { ipv4: true, ipv6: false, preferred: 0 } as const;
  const addresses = createAddresses({ lookUp, families }, ["many.test:5"]);
  await addresses.poll(0);
  const { localV4, localV6 } = addresses.current([SUPER_V4]);
  assert.deepEqual([...localV4.keys()], found.slice(0, LOCAL_ENDPOINTS_MAX).map((ip) => `${ip}:5`));
  assert.equal(localV6.size, 0);
});

Deno.test("LocalAddresses says when a name stands for something else: the last report may be the last for long", async () => {
  let found = ["192.0.2.8"];
  let changes = 0;
  const lookUp = () => Promise.resolve(found);
  const addresses = createAddresses({ lookUp, onChange: () => changes++ }, ["home.test:5"]);
  await addresses.poll(0);
  await addresses.poll(600_000);
  assert.equal(changes, 1);
  found = ["192.0.2.9"];
  await addresses.poll(1_200_000);
  assert.equal(changes, 2);
});

Deno.test("LocalAddresses looks names up again now and then, sooner after a failure, which it logs once", async () => {
  let found: string[] | undefined;
  let lookups = 0;
  const log = new RecordingLog();
  const lookUp = () => {
    lookups++;
    return found === undefined ? Promise.reject(new Error("no such name")) : Promise.resolve(found);
  };
  const addresses = createAddresses({ lookUp, log, skipsLocalAddresses: true }, ["home.test:5"]);
  for (const nowMs of [0, 29_999, 30_000, 59_999]) await addresses.poll(nowMs);
  assert.equal(lookups, 2);
  assert.deepEqual(log.take("error").map(({ fields }) => fields), [{ name: "home.test", cause: "no such name" }]);
  found = ["192.0.2.8"];
  await addresses.poll(60_000);
  await addresses.poll(659_999);
  assert.equal(lookups, 3);
  // What was found once is kept while the name can't be looked up.
  found = undefined;
  await addresses.poll(660_000);
  assert.deepEqual(textOf(addresses.current([])), { "192.0.2.8:5": 50 });
  assert.equal(log.take("error").length, 1);
  found = [];
  await addresses.poll(690_000);
  assert.deepEqual(textOf(addresses.current([])), {});
});
