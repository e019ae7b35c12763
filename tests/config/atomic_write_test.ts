import { strict as assert } from "node:assert";
import { SystemError } from "../../src/base/errors.ts";
import { replaceFile } from "../../src/config/atomic_write.ts";

/** Runs a test in a folder of its own. */
function inFolder(test: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "write-" });
  try {
    test(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o7777;
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("replaceFile() makes a new file that only its owner can read", () => {
  inFolder((folder) => {
    replaceFile(`${folder}/new.yaml`, "a: ä\n");
    assert.equal(Deno.readTextFileSync(`${folder}/new.yaml`), "a: ä\n");
    assert.equal(modeOf(`${folder}/new.yaml`), 0o600);
    assert.deepEqual(namesIn(folder), ["new.yaml"]);
  });
});

Deno.test("replaceFile() puts another file in the place of the old one, with its mode", () => {
  inFolder((folder) => {
    const path = `${folder}/old.yaml`;
    Deno.writeTextFileSync(path, "old");
    Deno.chmodSync(path, 0o640);
    const { ino } = Deno.statSync(path);
    // One that a killed process has left.
    Deno.writeTextFileSync(`${folder}/.old.yaml.new`, "half");
    replaceFile(path, "new");
    assert.equal(Deno.readTextFileSync(path), "new");
    assert.equal(modeOf(path), 0o640);
    assert.notEqual(Deno.statSync(path).ino, ino);
    assert.deepEqual(namesIn(folder), ["old.yaml"]);
  });
});

Deno.test({
  name: "replaceFile() keeps the owner if it may",
  ignore: Deno.uid() !== 0,
  fn() {
    inFolder((folder) => {
      const path = `${folder}/old.yaml`;
      Deno.writeTextFileSync(path, "old");
      Deno.chownSync(path, 1234, 4321);
      replaceFile(path, "new");
      const { uid, gid } = Deno.statSync(path);
      assert.deepEqual([uid, gid], [1234, 4321]);
    });
  },
});

Deno.test("replaceFile() follows a symbolic link, which stays", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/real`);
    Deno.writeTextFileSync(`${folder}/real/super.yaml`, "old");
    Deno.symlinkSync("real/super.yaml", `${folder}/super.yaml`);
    replaceFile(`${folder}/super.yaml`, "new");
    assert.equal(Deno.readTextFileSync(`${folder}/real/super.yaml`), "new");
    assert.ok(Deno.lstatSync(`${folder}/super.yaml`).isSymlink);
    assert.deepEqual(namesIn(`${folder}/real`), ["super.yaml"]);
  });
});

Deno.test("replaceFile() leaves everything as it was if it can't write, and says what to do", () => {
  inFolder((folder) => {
    assert.throws(() => replaceFile(`${folder}/none/super.yaml`, "new"), (error: unknown) => {
      assert.ok(error instanceof SystemError);
      assert.deepEqual([error.operation, error.code], ["write", "ENOENT"]);
      assert.match(error.remedy, /folder isn't there/);
      return true;
    });
    Deno.mkdirSync(`${folder}/super.yaml`);
    assert.throws(() => replaceFile(`${folder}/super.yaml`, "new"), SystemError);
    assert.deepEqual(namesIn(folder), ["super.yaml"]);
  });
});
