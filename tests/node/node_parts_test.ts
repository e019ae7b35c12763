import { strict as assert } from "node:assert";
import { wantedPorts } from "../../src/node/node_parts.ts";
import { hostSpecOf } from "../../src/node/print_rules.ts";
import { readValid, SMALL_FILE } from "../config/edge_files.ts";

Deno.test("wantedPorts() names the key by which FakeTCP gets another port", () => {
  const block = "FakeTCP: {Enabled: true, ListenPorts: [443, 8443]}\n";
  const { fakeTcp } = readValid(`${SMALL_FILE}ListenPort: 3001\n${block}`);
  assert.deepEqual(wantedPorts(fakeTcp, hostSpecOf(fakeTcp, 3001, []).listenPorts), [
    { port: 3001, key: "FakeTCP.ListenPort" },
    { port: 443, key: "FakeTCP.ListenPorts" },
    { port: 8443, key: "FakeTCP.ListenPorts" },
  ]);
});
