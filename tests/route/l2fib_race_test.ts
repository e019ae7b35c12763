import { strict as assert } from "node:assert";
import { L2FIB_ENTRY_WORDS, l2fibLookup } from "../../src/route/l2fib.ts";
import { ADDRESSES, HIGH_WORDS } from "./l2fib_race.ts";

const LOOKUPS = 600_000;

Deno.test("l2fibLookup() never takes half an entry while another thread replaces entries", async () => {
  const words = new Int32Array(new SharedArrayBuffer(8 * 4 * L2FIB_ENTRY_WORDS));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./l2fib_writer_worker.ts", import.meta.url), { type: "module" });
  const nextMessage = () =>
    new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    });
  await nextMessage();
  const rounds = nextMessage();
  worker.postMessage({ words, stop });
  let hits = 0;
  for (let count = 0; count < LOOKUPS; count++) {
    const low = count % ADDRESSES;
    const high = count % HIGH_WORDS;
    const found = l2fibLookup(words, 8, 0, high, low);
    if (found === -1) continue;
    hits++;
    // An address with another upper half was never learnt: only half an entry could look like it.
    if (high !== low % HIGH_WORDS || found !== low) assert.fail(`${high}, ${low} was found at node ${found}`);
  }
  Atomics.store(stop, 0, 1);
  assert.ok(Number(await rounds) > 1_000);
  assert.ok(hits > 1_000, `${hits} lookups hit`);
  worker.terminate();
});
