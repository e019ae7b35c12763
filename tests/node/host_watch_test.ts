import { strict as assert } from "node:assert";
import { otherInterfaces } from "../../src/node/host_watch.ts";

Deno.test("otherInterfaces() names devices, where an IPv4 address has a label", () => {
  const addresses = ["lo", "eth1", "eth0", "eth0:1", "lo:x", "tap0:a", "eth2:0"].map((name) => ({ name }));
  assert.deepEqual(otherInterfaces(["lo", "tap0"], addresses), ["eth0", "eth1", "eth2"]);
});
