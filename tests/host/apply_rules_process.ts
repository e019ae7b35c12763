/**
 * A program that changes the machine and then waits to be killed. Arguments: folder of the ledger, tool.
 *
 * @module
 */

import { parseIpAddress } from "../../src/base/endpoint.ts";
import type { BackendName } from "../../src/host/backend.ts";
import { HostRules } from "../../src/host/host_rules.ts";

const [folder, backend] = Deno.args;
await HostRules.apply({
  tunName: "egtcp0",
  stackV4: parseIpAddress("192.168.200.2"),
  stackV6: parseIpAddress("fd00:200::2"),
  listenPorts: [3001],
  dialPorts: [61000, 65535],
  usedInterfaces: ["world0"],
}, { folder, backend: backend as BackendName });
console.log("applied");
setInterval(() => {}, 1000);
