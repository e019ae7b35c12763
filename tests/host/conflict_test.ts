import { strict as assert } from "node:assert";
import { parseCidr } from "../../src/base/interface_address.ts";
import { findConflicts, findSubnetConflicts, type LocalAddress } from "../../src/host/conflict.ts";

const WANTED = {
  tunName: "eg-tcp0",
  subnets: [parseCidr("192.168.200.1/24", 4)!, parseCidr("fd00:200::1/64", 6)!],
  listenPorts: [],
};

function at(name: string, cidr: string): LocalAddress {
  return { name, address: cidr.split("/")[0], cidr };
}

const CASES: [what: string, other: LocalAddress, found: string | undefined][] = [
  [
    "an address in the subnet",
    at("eth0", "192.168.200.7/32"),
    "192.168.200.1/24 overlaps with 192.168.200.7 of interface eth0",
  ],
  [
    "a subnet that holds it",
    at("eth0", "192.168.0.1/16"),
    "192.168.200.1/24 overlaps with 192.168.0.1 of interface eth0",
  ],
  ["the same of IPv6", at("eth0", "fd00:200::9/64"), "fd00:200::1/64 overlaps with fd00:200::9 of interface eth0"],
  ["nothing in a neighbouring subnet", at("eth0", "192.168.201.1/24"), undefined],
  ["nothing in the TUN device's own address", at("eg-tcp0", "192.168.200.1/24"), undefined],
];
for (const [what, other, found] of CASES) {
  Deno.test(`findSubnetConflicts() finds ${what}`, () => {
    const conflicts = findSubnetConflicts(WANTED, [at("lo", "127.0.0.1/8"), other]);
    assert.deepEqual(conflicts.map((conflict) => conflict.found), found === undefined ? [] : [found]);
    for (const { kind, remedy } of conflicts) {
      assert.equal(kind, "subnet");
      assert.match(remedy, /choose another range for FakeTCP\.TunIPv[46] and FakeTCP\.TunPeerIPv[46]/);
    }
  });
}

for (const hostname of ["0.0.0.0", "127.0.0.1", "::1"]) {
  Deno.test(`findConflicts() finds a program that listens on ${hostname}`, () => {
    using listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr;
    const wanted = { tunName: "eg-tcp0", subnets: [], listenPorts: [{ port, key: "FakeTCP.ListenPorts" }] };
    assert.deepEqual(findConflicts(wanted), [{
      kind: "port",
      found: `another program listens on TCP port ${port}`,
      remedy: "stop it, or change FakeTCP.ListenPorts",
    }]);
  });
}

Deno.test("findConflicts() finds nothing at a free port, which is free afterwards", () => {
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const listenPorts = [{ port, key: "FakeTCP.ListenPort" }];
  assert.deepEqual(findConflicts({ tunName: "eg-tcp0", subnets: [], listenPorts }, []), []);
  Deno.listen({ hostname: "0.0.0.0", port }).close();
});
