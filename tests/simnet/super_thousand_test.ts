import { strict as assert } from "node:assert";
import type { ThousandFigures } from "./thousand_edges.ts";

Deno.test("a thousand edges all come to have what there is, at a bearable cost of their super in memory, time and downloads", async () => {
  const program = new URL("./thousand_edges.ts", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "--allow-all", "--no-check", program] });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stderr));
  const { loads, octets, downloads }: ThousandFigures = JSON.parse(text.decode(stdout));
  assert.ok(Math.min(...loads) <= 0.5, `${loads} of a core`);
  assert.ok(octets <= 400e6, `${Math.round(octets / 1e6)} MB`);
  // Once when it starts, and once or twice when the list has settled; a table for each round of computations.
  assert.ok(Math.max(...downloads) <= 4, `${downloads} downloads`);
});
