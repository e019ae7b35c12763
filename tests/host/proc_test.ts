import { strict as assert } from "node:assert";
import { loadShim } from "../../src/ffi/shim.ts";
import { openProcFiles } from "../../src/host/proc.ts";

const files = openProcFiles(loadShim());

Deno.test("ProcFiles.read() reads whole files, also long ones, and nothing that isn't there", () => {
  assert.equal(files.read("sys/kernel/ostype"), "Linux\n");
  // Several megabytes, and none in a kernel without it.
  const symbols = files.read("kallsyms");
  assert.ok(symbols === undefined || symbols.endsWith("\n"));
  assert.equal(files.read("sys/net/none"), undefined);
});

Deno.test("ProcFiles.link() reads the name of the network namespace", () => {
  assert.match(files.link("self/ns/net"), /^net:\[\d+\]$/);
  assert.equal(files.link("self/ns/none"), "");
});

Deno.test("ProcFiles.writeSysctl() tells that a parameter doesn't exist", () => {
  assert.equal(files.writeSysctl("net/ipv4/conf/none/forwarding", "1"), false);
});

Deno.test("ProcFiles.writeSysctl() names what the kernel refuses", () => {
  // Read-only, for root as well.
  assert.throws(() => files.writeSysctl("kernel/ostype", "x"), {
    name: "SystemError",
    operation: "set sysctl",
    object: "kernel/ostype=x",
    code: "EACCES",
  });
});

Deno.test("ProcFiles.writeSysctl() says what to do in a container, whose parameters can't be written", () => {
  const shim = loadShim();
  const readOnly = openProcFiles({ ...shim, symbols: { ...shim.symbols, eg_sysctl_write: () => -30 } });
  assert.throws(() => readOnly.writeSysctl("net/ipv4/ip_forward", "1"), /EROFS: \/proc\/sys is read-only, as in most/);
});
