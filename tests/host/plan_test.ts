import { strict as assert } from "node:assert";
import { parseIpAddress } from "../../src/base/endpoint.ts";
import { type HostFacts, type HostSpec, planHostRules } from "../../src/host/plan.ts";

const SPEC: HostSpec = {
  tunName: "eg-tcp0",
  stackV4: parseIpAddress("192.168.200.2"),
  stackV6: parseIpAddress("fd00:200::2"),
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  usedInterfaces: ["eth0"],
};
const NOTHING_OPEN: HostFacts["ipv6"] = {
  isRouter: false,
  hasForceForwarding: true,
  closed: ["eg-tcp0", "eth0"],
  routers: [],
  advertised: ["eth0"],
};

Deno.test("planHostRules() switches forwarding on where it is off, and guards it", () => {
  const { ruleset, sysctls } = planHostRules(SPEC, {
    ipv4: { isRouter: false, closed: ["eg-tcp0", "eth0"] },
    ipv6: NOTHING_OPEN,
  });
  assert.deepEqual(ruleset, {
    tunName: "eg-tcp0",
    stacks: [{ family: 4, address: "192.168.200.2" }, { family: 6, address: "fd00:200::2" }],
    listenPorts: [3001],
    dialPorts: [61000, 65535],
    guards: [{ family: 4, opened: ["eg-tcp0", "eth0"] }, { family: 6, opened: ["eg-tcp0", "eth0"] }],
  });
  const condition = { name: "net/ipv4/conf/all/forwarding", value: "0" };
  assert.deepEqual(sysctls, [
    { name: "net/ipv4/conf/eg-tcp0/forwarding", before: "0", ours: "1", while: condition },
    { name: "net/ipv4/conf/eth0/forwarding", before: "0", ours: "1", while: condition },
    { name: "net/ipv6/conf/eg-tcp0/force_forwarding", before: "0", ours: "1" },
    { name: "net/ipv6/conf/eth0/force_forwarding", before: "0", ours: "1" },
  ]);
});

Deno.test("planHostRules() switches nothing on a router", () => {
  const { ruleset, sysctls } = planHostRules(SPEC, {
    ipv4: { isRouter: true, closed: [] },
    ipv6: { ...NOTHING_OPEN, isRouter: true },
  });
  assert.deepEqual([ruleset.guards, sysctls], [[], []]);
});

Deno.test("planHostRules() opens a single interface that is closed on a router", () => {
  const { ruleset, sysctls } = planHostRules({ ...SPEC, stackV6: undefined }, {
    ipv4: { isRouter: true, closed: ["eth0"] },
  });
  assert.deepEqual(ruleset.guards, [{ family: 4, opened: ["eth0"] }]);
  assert.equal(sysctls[0].while?.value, "1");
});

Deno.test("planHostRules() keeps router advertisements working where IPv6 forwards as a whole only", () => {
  const { ruleset, sysctls } = planHostRules({ ...SPEC, stackV4: undefined }, {
    ipv4: { isRouter: false, closed: ["eth0"] },
    ipv6: { ...NOTHING_OPEN, hasForceForwarding: false, closed: [], routers: ["eth7"] },
  });
  assert.deepEqual(ruleset.guards, [{ family: 6, opened: "all" }]);
  assert.deepEqual(sysctls, [
    { name: "net/ipv6/conf/eth0/accept_ra", before: "1", ours: "2" },
    {
      name: "net/ipv6/conf/all/forwarding",
      before: "0",
      ours: "1",
      afterwards: [{ name: "net/ipv6/conf/eth7/forwarding", value: "1" }],
    },
  ]);
});

Deno.test("planHostRules() leaves out a family that the kernel doesn't have", () => {
  const { ruleset } = planHostRules(SPEC, { ipv4: { isRouter: true, closed: [] } });
  assert.deepEqual(ruleset.stacks.map(({ family }) => family), [4]);
});
