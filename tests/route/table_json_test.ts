import { strict as assert } from "node:assert";
import fc from "fast-check";
import { NO_NEXT_HOP } from "../../src/route/shortest_paths.ts";
import { nextHopJson, secondsJson } from "../../src/route/table_json.ts";

const decoder = new TextDecoder();

Deno.test("nextHopJson() is the document of the specification", () => {
  const nextHops = Uint16Array.of(NO_NEXT_HOP, 1, 1, 0, NO_NEXT_HOP, 2, 1, 1, NO_NEXT_HOP);
  const document = nextHopJson([1, 2, 100], nextHops);
  assert.equal(decoder.decode(document), '{"1":{"2":2,"100":2},"2":{"1":1,"100":100},"100":{"1":2,"2":2}}');
});

Deno.test("nextHopJson() is JSON of the same table, exactly as long as its buffer", () => {
  const nodes = fc.uniqueArray(fc.integer({ min: 0, max: 65531 }), { maxLength: 12 });
  const networks = nodes.chain((nodes) => {
    const next = fc.oneof(fc.constant(NO_NEXT_HOP), fc.nat(Math.max(0, nodes.length - 1)));
    return fc.record({
      nodes: fc.constant(nodes.sort((a, b) => a - b)),
      nextHops: fc.array(next, { minLength: nodes.length ** 2, maxLength: nodes.length ** 2 }),
    });
  });
  fc.assert(
    fc.property(networks, ({ nodes, nextHops }) => {
      const document = nextHopJson(nodes, Uint16Array.from(nextHops));
      const rows = nodes.map((source, from) => [
        source,
        Object.fromEntries(nodes.flatMap((destination, to) => {
          const next = nextHops[from * nodes.length + to];
          return next === NO_NEXT_HOP ? [] : [[destination, nodes[next]]];
        })),
      ]);
      assert.equal(decoder.decode(document), JSON.stringify(Object.fromEntries(rows)));
      assert.equal(document.byteLength, document.buffer.byteLength);
    }),
    { numRuns: 300 },
  );
});

Deno.test("secondsJson() writes microseconds as seconds, with or without the diagonal", () => {
  const valuesUs = Float64Array.of(0, 700, -3_600_000_000, 0);
  assert.equal(decoder.decode(secondsJson([1, 2], valuesUs, true)), '{"1":{"1":0,"2":0.0007},"2":{"1":-3600,"2":0}}');
  assert.equal(decoder.decode(secondsJson([1, 2], valuesUs, false)), '{"1":{"2":0.0007},"2":{"1":-3600}}');
  assert.equal(
    decoder.decode(secondsJson([1, 2], valuesUs.fill(Infinity), false)),
    '{"1":{"2":99999},"2":{"1":99999}}',
  );
  assert.equal(decoder.decode(secondsJson([], new Float64Array(0), true)), "{}");
});

Deno.test("secondsJson() writes any value as it is, down to the microsecond", () => {
  const value = fc.oneof(fc.integer(), fc.integer({ min: -9, max: 9 }), fc.maxSafeInteger());
  fc.assert(
    fc.property(fc.tuple(value, value, value, value), (values) => {
      const limited = values.map((valueUs) => Math.min(valueUs, 99_999_000_000));
      const table = JSON.parse(decoder.decode(secondsJson([7, 65531], Float64Array.from(values), true)));
      assert.deepEqual(
        [table[7][7], table[7][65531], table[65531][7], table[65531][65531]],
        limited.map((valueUs) => valueUs / 1_000_000 + 0),
      );
    }),
    { numRuns: 500 },
  );
});
