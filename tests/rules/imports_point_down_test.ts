import { testRule } from "./run_rule.ts";

testRule("imports-point-down", [
  {
    name: "allows what the table names",
    path: "src/faketcp/packet.ts",
    source: `import { checksum } from "../wire/checksum.ts"; import { open } from "../ffi/shim.ts";`,
    reports: [],
  },
  {
    name: "allows base and the own folder to everyone",
    path: "src/wire/ipv4.ts",
    source: `import { Reason } from "../base/reason.ts"; import { sum } from "./checksum.ts";`,
    reports: [],
  },
  {
    name: "allows a subfolder of the own folder",
    path: "src/control/gob/encoder.ts",
    source: `import { PING } from "../messages.ts"; import { TTL } from "../../wire/eg_header.ts";`,
    reports: [],
  },
  {
    name: "refuses an import that points up",
    path: "src/wire/ipv4.ts",
    source: `import { Peer } from "../device/peer.ts";`,
    reports: [`"wire" imports "device/peer.ts"`],
  },
  {
    name: "refuses an import from base of anything of ours",
    path: "src/base/log.ts",
    source: `import { TTL } from "../wire/eg_header.ts";`,
    reports: [`"base" imports "wire/eg_header.ts"`],
  },
  {
    name: "counts imports of types, re-exports, dynamic imports and import types",
    path: "src/route/graph.ts",
    source: `
      import type { Peer } from "../device/peer.ts";
      export * from "../device/device.ts";
      export { send } from "../device/send.ts";
      type Timers = import("../device/timers.ts").TimerParams;
      await import("../device/receive.ts");`,
    reports: ["device/peer.ts", "device/device.ts", "device/send.ts", "device/timers.ts", "device/receive.ts"],
  },
  {
    name: "lets the data plane use the low files of noise and route",
    path: "src/dataplane/open.ts",
    source: `import "../noise/replay.ts"; import "../route/l2fib.ts"; import "../route/next_hop.ts";`,
    reports: [],
  },
  {
    name: "refuses the data plane the other files of noise and route",
    path: "src/dataplane/open.ts",
    source: `import "../noise/handshake.ts"; import "../route/graph.ts";`,
    reports: ["noise/handshake.ts", "route/graph.ts"],
  },
  {
    name: "lets control use the pure path files of conn",
    path: "src/control/path_probe.ts",
    source: `import "../conn/path.ts"; import "../conn/path_selector.ts";`,
    reports: [],
  },
  {
    name: "refuses control the binds of conn",
    path: "src/control/path_probe.ts",
    source: `import "../conn/udp_bind.ts";`,
    reports: ["conn/udp_bind.ts"],
  },
  {
    name: "lets device use the memory that it shares with the data plane, but not its lanes",
    path: "src/device/device.ts",
    source: `import "../dataplane/tables.ts"; import "../dataplane/events.ts"; import "../dataplane/lane.ts";`,
    reports: ["dataplane/lane.ts"],
  },
  {
    name: "keeps the command line above the outermost layers",
    path: "src/edge/edge.ts",
    source: `import "../uapi/server.ts"; import "../cli/main.ts"; import "../super/super.ts";`,
    reports: ["cli/main.ts", "super/super.ts"],
  },
  {
    name: "refuses what lies outside src",
    path: "src/wire/ipv4.ts",
    source: `import "../../tests/reference/checksum.ts";`,
    reports: ["outside src/"],
  },
  {
    name: "refuses a folder that the table doesn't know",
    path: "src/utils/bytes.ts",
    source: `export const ZERO = 0;`,
    reports: ["no folder of the import table"],
  },
  {
    name: "leaves packages and files outside src alone",
    path: "tests/wire/ipv4_test.ts",
    source: `import "../../src/device/peer.ts"; import fc from "fast-check";`,
    reports: [],
  },
]);
