import { strict as assert } from "node:assert";
import { readRunFlags } from "../../tools/run_flags.ts";

Deno.test("readRunFlags() puts in the path of the shim and leaves comments out", () => {
  const flags = readRunFlags("/opt/libetherguard.so");
  assert.ok(flags.includes("--allow-ffi=/opt/libetherguard.so"));
  for (const flag of flags) assert.match(flag, /^--[a-z0-9-]+(=\S+)?$/);
});

Deno.test("readRunFlags() asks for no permission wholesale", () => {
  const flags = readRunFlags("/opt/libetherguard.so");
  for (const wholesale of ["--allow-all", "-A", "--allow-ffi", "--allow-env", "--allow-sys"]) {
    assert.ok(!flags.includes(wholesale), wholesale);
  }
});
