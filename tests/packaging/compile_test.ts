import { strict as assert } from "node:assert";
import { pointAtWorkers } from "../../tools/compile.ts";
import { ROOT } from "../../tools/run.ts";

const WORKERS = ["src/dataplane/lane_worker.ts", "src/route/graph_worker.ts"];

Deno.test("pointAtWorkers() points at the bundled worker from wherever the bundle lies", () => {
  const text =
    `new Worker(new URL("./lane_worker.ts", import.meta.url)); new URL("../route/graph_worker.ts", import.meta.url)`;
  assert.equal(
    pointAtWorkers(text, "src/cli/main.ts", WORKERS),
    `new Worker(new URL("../../src/dataplane/lane_worker.js", import.meta.url)); ` +
      `new URL("../../src/route/graph_worker.js", import.meta.url)`,
  );
});

Deno.test("pointAtWorkers() leaves other addresses alone", () => {
  const text = `new URL("./page.html", import.meta.url); "lane_worker.ts"`;
  assert.equal(pointAtWorkers(text, "src/cli/main.ts", WORKERS), text);
});

Deno.test("pointAtWorkers() refuses a worker that isn't there", () => {
  assert.throws(
    () => pointAtWorkers(`new URL("./tap_worker.ts", import.meta.url)`, "src/cli/main.ts", WORKERS),
    /no worker is named "tap_worker.ts"/,
  );
});

Deno.test("compile uses deno compile where its base program is given", async () => {
  const directory = await Deno.makeTempDir({ prefix: "etherguard-compile-" });
  try {
    // Any program will do as a base: what is embedded in it is looked at, not run.
    await Deno.copyFile("/bin/true", `${directory}/base`);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", `${ROOT}/tools/compile.ts`, "--directory", directory],
      env: { DENORT_BIN: `${directory}/base`, NO_COLOR: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stdout), /by deno compile/);
    const embedded: [string, string][] = [["etherguard", "[]"], ["etherguard-edge", `["edge"]`], [
      "etherguard-super",
      `["super"]`,
    ]];
    for (const [name, argv] of embedded) {
      const content = new TextDecoder("latin1").decode(await Deno.readFile(`${directory}/${name}`));
      assert.ok(content.includes(`"argv":${argv}`), name);
      for (const file of ["libetherguard.so", "lane_worker.ts"]) assert.ok(content.includes(file), `${name}: ${file}`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
