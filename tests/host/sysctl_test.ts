import { strict as assert } from "node:assert";
import type { SysctlChange } from "../../src/host/plan.ts";
import { applySysctl, originalSysctl, undoSysctl } from "../../src/host/sysctl.ts";
import { MemoryProc } from "./memory_machine.ts";

const ETH0 = "net/ipv4/conf/eth0/forwarding";
const ALL = "net/ipv4/conf/all/forwarding";
const CHANGE: SysctlChange = { name: ETH0, before: "0", ours: "1", while: { name: ALL, value: "0" } };

Deno.test("applySysctl() changes what differs, and nothing that isn't there", () => {
  const files = new MemoryProc({ [ETH0]: "0", [ALL]: "0" });
  assert.equal(applySysctl(files, CHANGE), true);
  assert.equal(applySysctl(files, CHANGE), false);
  assert.deepEqual(files.written, [`${ETH0}=1`]);
  assert.equal(applySysctl(new MemoryProc(), CHANGE), false);
});

const UNDO_CASES: [what: string, eth0: string, all: string, after: string][] = [
  ["sets back what is ours", "1", "0", "0"],
  ["leaves what somebody else has set back", "0", "0", "0"],
  ["leaves what has become a router's", "1", "1", "1"],
];
for (const [what, eth0, all, after] of UNDO_CASES) {
  Deno.test(`undoSysctl() ${what}`, () => {
    const files = new MemoryProc({ [ETH0]: eth0, [ALL]: all });
    assert.equal(undoSysctl(files, CHANGE), eth0 !== after);
    assert.equal(files.sysctl(ETH0), after);
  });
}

Deno.test("undoSysctl() tolerates that the interface is gone", () => {
  assert.equal(undoSysctl(new MemoryProc({ [ALL]: "0" }), CHANGE), false);
});

Deno.test("undoSysctl() sets back what the kernel changed along", () => {
  const files = new MemoryProc({ "a": "1", "b": "0" });
  undoSysctl(files, { name: "a", before: "0", ours: "1", afterwards: [{ name: "b", value: "1" }] });
  assert.deepEqual(files.written, ["a=0", "b=1"]);
});

Deno.test("originalSysctl() sees through our change as long as it is ours", () => {
  const read = (eth0: string, all: string) =>
    originalSysctl(new MemoryProc({ [ETH0]: eth0, [ALL]: all }), ETH0, [CHANGE]);
  assert.deepEqual([read("1", "0"), read("0", "0"), read("1", "1")], ["0", "0", "1"]);
});
