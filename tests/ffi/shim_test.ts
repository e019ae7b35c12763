import { strict as assert } from "node:assert";
import { SystemError } from "../../src/base/errors.ts";
import { cString, loadShim, shimPath } from "../../src/ffi/shim.ts";
import { SHIM_ABI_VERSION, SYMBOLS } from "../../src/ffi/symbols.ts";

// Loaded outside of tests: it stays until the process ends.
const shim = loadShim();

const SHIM_MODULE = new URL("../../src/ffi/shim.ts", import.meta.url).href;

/** Loads a library as the shim in a process of its own; returns the error that this throws. */
async function errorOfLoading(path: string): Promise<string> {
  const script = `
    import { loadShim } from ${JSON.stringify(SHIM_MODULE)};
    try {
      loadShim();
    } catch (error) {
      console.log(error.name + ": " + error.message);
    }`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", script],
    env: { ETHERGUARD_SHIM: path, NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** Builds a library with all functions of the shim, which do nothing, and another version. */
async function buildOtherVersion(folder: string): Promise<string> {
  const functions = Object.keys(SYMBOLS).map((name) =>
    `int ${name}(void) { return ${name === "eg_abi_version" ? SHIM_ABI_VERSION + 1 : 0}; }`
  );
  await Deno.writeTextFile(`${folder}/other.c`, functions.join("\n"));
  const library = `${folder}/other.so`;
  const args = ["-shared", "-fPIC", "-o", library, `${folder}/other.c`];
  const { success } = await new Deno.Command("gcc", { args }).output();
  assert.ok(success);
  return library;
}

Deno.test("loadShim() refuses a library of another version and says how to get the right one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const library = await buildOtherVersion(folder);
    const expected = `SystemError: load shim ${library}: EPROTO: it has version ${SHIM_ABI_VERSION + 1}, ` +
      `this program needs ${SHIM_ABI_VERSION}: run 'deno task build:ffi'\n`;
    assert.equal(await errorOfLoading(library), expected);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadShim() says how to build a library that is missing", async () => {
  assert.equal(
    await errorOfLoading("/nonexistent/libetherguard.so"),
    "SystemError: load shim /nonexistent/libetherguard.so: ENOENT: build it with 'deno task build:ffi'\n",
  );
});

Deno.test("loadShim() loads once", () => {
  assert.equal(loadShim(), shim);
  assert.equal(shim.symbols.eg_abi_version(), SHIM_ABI_VERSION);
});

Deno.test("shimPath() names a file that is there", () => {
  assert.ok(Deno.statSync(shimPath()).isFile);
});

Deno.test("Shim.nowMs() never steps back", () => {
  let previous = shim.nowMs();
  for (let count = 0; count < 1000; count++) {
    const next = shim.nowMs();
    assert.ok(next >= previous);
    previous = next;
  }
});

Deno.test("Shim.errnoName() falls back to the number", () => {
  assert.equal(shim.errnoName(1), "EPERM");
  assert.equal(shim.errnoName(12345), "errno 12345");
});

Deno.test("Shim.check() passes a result through and throws for a negative one", () => {
  assert.equal(shim.check("open", "x", 0), 0);
  assert.equal(shim.check("open", "x", 7), 7);
  assert.throws(() => shim.check("open", "x", -13), (error) => {
    assert.ok(error instanceof SystemError);
    assert.deepEqual([error.operation, error.object, error.errno, error.code], ["open", "x", 13, "EACCES"]);
    return true;
  });
});

Deno.test("cString() ends with a zero octet", () => {
  assert.deepEqual(cString(""), Uint8Array.of(0));
  assert.deepEqual(cString("eg0"), Uint8Array.of(0x65, 0x67, 0x30, 0));
});
