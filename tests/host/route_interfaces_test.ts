import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { routeInterfaces } from "../../src/host/route_interfaces.ts";
import { MemoryProc } from "./memory_machine.ts";

const TITLES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
/** As a little-endian machine prints it. */
const IPV4_TABLE = [
  TITLES,
  "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
  "wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0",
  "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
  "wg0\t0000000A\t00000000\t0001\t0\t0\t50\t000000FF\t0\t0\t0",
  "wg1\t0000000A\t00000000\t0001\t0\t0\t20\t000000FF\t0\t0\t0",
  "*\t0005000A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0",
  "",
].join("\n");
const ZERO = "00000000000000000000000000000000";
const IPV6_TABLE = [
  `20010db8000000000000000000000000 20 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     sit1`,
  `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0`,
  `${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo`,
  `20010db8000000000000000000000009 80 ${ZERO} 00 ${ZERO} 00000000 00000003 00000000 80200001     eth0`,
  "",
].join("\n");

function interfacesFor(...addresses: string[]): string[] {
  const files = new MemoryProc({}, { "net/route": IPV4_TABLE, "net/ipv6_route": IPV6_TABLE });
  return routeInterfaces(addresses.map((text) => parseIpAddress(text)!), files);
}

Deno.test("routeInterfaces() names the interfaces of all default routes", () => {
  assert.deepEqual(interfacesFor(), ["eth0", "wlan0"]);
});

const CASES: [address: string, added: string | undefined, why: string][] = [
  ["192.168.1.7", undefined, "by a subnet of an interface that has a default route"],
  ["203.0.113.1", undefined, "by default routes alone"],
  ["10.1.2.3", "wg1", "by the route with the least metric"],
  ["2001:db8::9", "sit1", "by the longest prefix, not counting local routes"],
  ["fe80::1", undefined, "by the default route of its family"],
];
for (const [address, added, why] of CASES) {
  Deno.test(`routeInterfaces() finds ${address} reached ${why}`, () => {
    assert.deepEqual(interfacesFor(address), ["eth0", ...(added === undefined ? [] : [added]), "wlan0"].sort());
  });
}

Deno.test("routeInterfaces() copes with a machine without routes", () => {
  assert.deepEqual(routeInterfaces([Uint8Array.of(10, 0, 0, 1)], new MemoryProc()), []);
});
