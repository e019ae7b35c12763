import { strict as assert } from "node:assert";
import { isOwnedByAnother, Ledger, type LedgerOptions, recoverLedgers } from "../../src/host/ledger.ts";
import type { SysctlChange } from "../../src/host/plan.ts";
import { memoryNft, MemoryProc } from "./memory_machine.ts";

const ETH0 = "net/ipv4/conf/eth0/forwarding";
const CHANGE: SysctlChange = { name: ETH0, before: "0", ours: "1" };
const TABLE = "etherguard_eg-tcp0";
const FILE = "eg-tcp0@4026531840.json";

/** A machine on which we run, with a folder for the ledger. */
async function makeMachine() {
  const nft = memoryNft();
  const files = new MemoryProc({ [ETH0]: "0", "kernel/random/boot_id": "first-boot" }, {
    "self/ns/net": "net:[4026531840]",
    "self/ns/pid": "pid:[4026531836]",
    [`${Deno.pid}/stat`]: statLine("S", "1000"),
  });
  const folder = await Deno.makeTempDir({ prefix: "eg-ledger-" });
  const options: LedgerOptions = { files, run: nft.run, folder: `${folder}/run` };
  return {
    ...options,
    ...nft,
    files,
    folder: `${folder}/run`,
    options,
    /** Makes the process that wrote the ledger disappear, and another take its number. */
    restart: () => files.content.set(`${Deno.pid}/stat`, statLine("S", "2000")),
    names: () => Array.from(Deno.readDirSync(`${folder}/run`), ({ name }) => name),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** A line of proc_pid_stat(5): state is field 3, start time field 22. */
function statLine(state: string, startTime: string): string {
  const between = Array.from({ length: 18 }, (_, index) => String(index));
  return `77 (etherguard (edge)) ${[state, ...between, startTime, "9"].join(" ")}\n`;
}

/** What an owner does: writes down, then changes. */
async function change(machine: Awaited<ReturnType<typeof makeMachine>>): Promise<Ledger> {
  const ledger = new Ledger("eg-tcp0", "nftables", machine.options);
  await ledger.record([CHANGE]);
  machine.tables.set(TABLE, "rules");
  machine.files.writeSysctl(ETH0, "1");
  return ledger;
}

Deno.test("Ledger.record() leaves one file that only its owner can read, named after device and namespace", async () => {
  await using machine = await makeMachine();
  await change(machine);
  assert.deepEqual(machine.names(), [FILE]);
  const path = `${machine.folder}/${FILE}`;
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), {
    version: 1,
    tunName: "eg-tcp0",
    owner: { pid: Deno.pid, startTime: "1000", bootId: "first-boot", pidNamespace: "pid:[4026531836]" },
    backend: "nftables",
    sysctls: [CHANGE],
  });
});

Deno.test("Ledger.undo() undoes in reverse order and removes the file", async () => {
  await using machine = await makeMachine();
  const ledger = await change(machine);
  await ledger.undo();
  assert.deepEqual([machine.files.sysctl(ETH0), machine.tables.size, machine.names()], ["0", 0, []]);
});

Deno.test("Ledger.undo() goes on after a failure, reports it, and keeps the file", async () => {
  await using machine = await makeMachine();
  const refusing = { ...machine.options, run: () => Promise.resolve({ code: 1, stdout: "", stderr: "busy" }) };
  const ledger = new Ledger("eg-tcp0", "nftables", refusing);
  await ledger.record([CHANGE]);
  machine.files.writeSysctl(ETH0, "1");
  await assert.rejects(ledger.undo(), /nft table inet etherguard_eg-tcp0: exit code 1: busy/);
  assert.deepEqual([machine.files.sysctl(ETH0), machine.names()], ["0", [FILE]]);
});

Deno.test("recoverLedgers() leaves alone what a living process changed", async () => {
  await using machine = await makeMachine();
  await change(machine);
  assert.deepEqual(await recoverLedgers(machine.options), []);
  assert.deepEqual([machine.files.sysctl(ETH0), machine.names()], ["1", [FILE]]);
});

Deno.test("recoverLedgers() undoes what a dead process changed, though another has its number now", async () => {
  await using machine = await makeMachine();
  await change(machine);
  machine.restart();
  assert.deepEqual(await recoverLedgers(machine.options), [
    { tunName: "eg-tcp0", undone: [`sysctl ${ETH0}`, `nftables table inet ${TABLE}`] },
  ]);
  assert.deepEqual([machine.files.sysctl(ETH0), machine.tables.size, machine.names()], ["0", 0, []]);
  assert.deepEqual(await recoverLedgers(machine.options), []);
});

Deno.test("recoverLedgers() undoes nothing that was only intended", async () => {
  await using machine = await makeMachine();
  await new Ledger("eg-tcp0", "nftables", machine.options).record([CHANGE]);
  machine.restart();
  assert.deepEqual(await recoverLedgers(machine.options), [{ tunName: "eg-tcp0", undone: [] }]);
  assert.deepEqual(machine.files.written, []);
});

Deno.test("recoverLedgers() takes a process that only waits to be collected for dead", async () => {
  await using machine = await makeMachine();
  await change(machine);
  machine.files.content.set(`${Deno.pid}/stat`, statLine("Z", "1000"));
  assert.equal((await recoverLedgers(machine.options)).length, 1);
});

Deno.test("recoverLedgers() changes nothing after a reboot, and removes the file", async () => {
  await using machine = await makeMachine();
  await change(machine);
  machine.files.content.set("sys/kernel/random/boot_id", "second-boot\n");
  assert.deepEqual(await recoverLedgers(machine.options), [{ tunName: "eg-tcp0", undone: [] }]);
  assert.deepEqual([machine.files.sysctl(ETH0), machine.names()], ["1", []]);
});

Deno.test("recoverLedgers() leaves files of other namespaces alone, and what isn't a ledger", async () => {
  await using machine = await makeMachine();
  await change(machine);
  await Deno.rename(`${machine.folder}/${FILE}`, `${machine.folder}/eg-tcp0@1.json`);
  await Deno.writeTextFile(`${machine.folder}/cut@4026531840.json`, '{"version":');
  await Deno.writeTextFile(`${machine.folder}/later@4026531840.json`, '{"version":99,"sysctls":[]}');
  machine.restart();
  assert.deepEqual(await recoverLedgers(machine.options), []);
  assert.equal(machine.names().length, 3);
});

Deno.test("recoverLedgers() judges a process of another container by its device", async () => {
  await using machine = await makeMachine();
  await change(machine);
  machine.files.content.set("self/ns/pid", "pid:[4026532999]");
  machine.files.content.set("sys/net/ipv4/conf/eg-tcp0/forwarding", "1\n");
  assert.deepEqual(await recoverLedgers(machine.options), []);
  machine.files.content.delete("sys/net/ipv4/conf/eg-tcp0/forwarding");
  assert.equal((await recoverLedgers(machine.options)).length, 1);
});

Deno.test("recoverLedgers() copes with a folder that doesn't exist", async () => {
  await using machine = await makeMachine();
  assert.deepEqual(await recoverLedgers(machine.options), []);
});

Deno.test("isOwnedByAnother() tells another living process from a dead one and from ourselves", async () => {
  await using machine = await makeMachine();
  await change(machine);
  assert.equal(await isOwnedByAnother("eg-tcp0", machine.options), false);
  const path = `${machine.folder}/${FILE}`;
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace(`"pid": ${Deno.pid}`, `"pid": 77`));
  assert.equal(await isOwnedByAnother("eg-tcp0", machine.options), false);
  machine.files.content.set("77/stat", statLine("S", "1000"));
  assert.equal(await isOwnedByAnother("eg-tcp0", machine.options), true);
});
