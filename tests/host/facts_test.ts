import { strict as assert } from "node:assert";
import { readHostFacts } from "../../src/host/facts.ts";
import type { HostSpec } from "../../src/host/plan.ts";
import { MemoryProc } from "./memory_machine.ts";

const SPEC: HostSpec = {
  tunName: "eg-tcp0",
  stackV4: Uint8Array.of(192, 168, 200, 2),
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  usedInterfaces: ["eth0", "eth0", "wlan0"],
};
const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0
eth0.7:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0
  eth0:     100       1    0    0    0     0          0         0        0       0    0    0    0     0       0
`;
const IPV4 = {
  "net/ipv4/conf/all/forwarding": "0",
  "net/ipv4/conf/default/forwarding": "0",
  "net/ipv4/conf/eth0/forwarding": "0",
};
const IPV6 = {
  "net/ipv6/conf/all/forwarding": "0",
  "net/ipv6/conf/default/forwarding": "0",
  "net/ipv6/conf/eth0/forwarding": "0",
  "net/ipv6/conf/eth0.7/forwarding": "1",
  "net/ipv6/conf/lo/accept_ra": "1",
  "net/ipv6/conf/default/accept_ra": "1",
  "net/ipv6/conf/eth0/accept_ra": "1",
  "net/ipv6/conf/eth0.7/accept_ra": "0",
};

Deno.test("readHostFacts() leaves out interfaces that don't exist, unless told to expect them", () => {
  const files = new MemoryProc(IPV4);
  const options = { changes: [], expectsInterfaces: false };
  assert.deepEqual(readHostFacts(files, SPEC, options), { ipv4: { isRouter: false, closed: ["eth0"] } });
  assert.deepEqual(readHostFacts(files, SPEC, { ...options, expectsInterfaces: true }), {
    ipv4: { isRouter: false, closed: ["eg-tcp0", "eth0", "wlan0"] },
  });
});

Deno.test("readHostFacts() reads which interfaces take advertisements and which act as a router's", () => {
  const files = new MemoryProc({ ...IPV4, ...IPV6 }, { "net/dev": NET_DEV });
  assert.deepEqual(readHostFacts(files, SPEC, { changes: [], expectsInterfaces: false }).ipv6, {
    isRouter: false,
    hasForceForwarding: false,
    closed: [],
    routers: ["eth0.7"],
    advertised: ["default", "eth0"],
  });
});

Deno.test("readHostFacts() sees the machine as it was before our changes", () => {
  const before = new MemoryProc({ ...IPV4, ...IPV6 }, { "net/dev": NET_DEV });
  const after = new MemoryProc({
    ...IPV4,
    ...IPV6,
    "net/ipv4/conf/eth0/forwarding": "1",
    "net/ipv6/conf/eth0/accept_ra": "2",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/default/forwarding": "1",
    "net/ipv6/conf/eth0/forwarding": "1",
  }, { "net/dev": NET_DEV });
  const changes = [
    { name: "net/ipv4/conf/eth0/forwarding", before: "0", ours: "1" },
    { name: "net/ipv6/conf/eth0/accept_ra", before: "1", ours: "2" },
    {
      name: "net/ipv6/conf/all/forwarding",
      before: "0",
      ours: "1",
      afterwards: [{ name: "net/ipv6/conf/eth0.7/forwarding", value: "1" }],
    },
  ];
  assert.deepEqual(
    readHostFacts(after, SPEC, { changes, expectsInterfaces: false }),
    readHostFacts(before, SPEC, { changes: [], expectsInterfaces: false }),
  );
});
