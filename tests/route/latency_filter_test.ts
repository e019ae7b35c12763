import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  DampingFilter,
  isSignificantChange,
  type JitterTolerance,
  type ManualLatencies,
  manualLatencyMs,
  UNREACHABLE_MS,
} from "../../src/route/latency_filter.ts";

const SUPER: JitterTolerance = { rule: "relative", toleranceMs: 30, multiplier: 1.01 };
const EDGE: JitterTolerance = { rule: "quantized", toleranceMs: 50, multiplier: 1.1 };

Deno.test("isSignificantChange() follows the table of the specification", () => {
  const table: { name: string; tolerance: JitterTolerance; used: number; current: number; expected: boolean }[] = [
    { name: "appears", tolerance: SUPER, used: Infinity, current: 5, expected: true },
    { name: "vanishes", tolerance: SUPER, used: 5, current: UNREACHABLE_MS, expected: true },
    { name: "stays away", tolerance: EDGE, used: Infinity, current: UNREACHABLE_MS, expected: false },
    { name: "super, at the tolerance", tolerance: { ...SUPER, multiplier: 1 }, used: 10, current: 40, expected: false },
    { name: "super, above it", tolerance: { ...SUPER, multiplier: 1 }, used: 10, current: 40.001, expected: true },
    { name: "super, widened by latency", tolerance: SUPER, used: 1000, current: 1040, expected: false },
    { name: "super, above the widened", tolerance: SUPER, used: 1000, current: 1041, expected: true },
    { name: "super, downwards", tolerance: SUPER, used: 1041, current: 1000, expected: true },
    { name: "super, off, equal", tolerance: { ...SUPER, toleranceMs: 0 }, used: 10, current: 10, expected: false },
    { name: "super, off, different", tolerance: { ...SUPER, toleranceMs: 0 }, used: 10, current: 10.5, expected: true },
    { name: "super, multiplier off", tolerance: { ...SUPER, multiplier: 0 }, used: 10, current: 11, expected: true },
    { name: "super, another sign", tolerance: SUPER, used: -1000, current: 1000, expected: true },
    { name: "edge, same step", tolerance: EDGE, used: 10, current: 49, expected: false },
    { name: "edge, next step", tolerance: EDGE, used: 49, current: 51, expected: true },
    { name: "edge, wider step", tolerance: EDGE, used: 51, current: 107, expected: false },
    { name: "edge, over the wider step", tolerance: EDGE, used: 51, current: 108, expected: true },
    { name: "edge, multiplier 1 is off", tolerance: { ...EDGE, multiplier: 1 }, used: 10, current: 11, expected: true },
    { name: "edge, off, equal", tolerance: { ...EDGE, toleranceMs: 0 }, used: 10, current: 10, expected: false },
  ];
  for (const { name, tolerance, used, current, expected } of table) {
    assert.equal(isSignificantChange(used, current, tolerance), expected, name);
  }
});

Deno.test("isSignificantChange() never takes an unchanged latency for a change", () => {
  const tolerances = fc.record({
    rule: fc.constantFrom("relative" as const, "quantized" as const),
    toleranceMs: fc.double({ min: 0, max: 1000, noNaN: true }),
    multiplier: fc.double({ min: 0, max: 10, noNaN: true }),
  });
  fc.assert(fc.property(tolerances, fc.double({ noNaN: true }), (tolerance, latency) => {
    assert.equal(isSignificantChange(latency, latency, tolerance), false);
  }));
});

Deno.test("manualLatencyMs() takes the most specific entry", () => {
  const manual: ManualLatencies = new Map([
    [65535, new Map([[65535, 1], [2, 2]])],
    [1, new Map([[65535, 3], [4, 0]])],
  ]);
  assert.equal(manualLatencyMs(manual, 7, 8), 1);
  assert.equal(manualLatencyMs(manual, 7, 2), 2);
  assert.equal(manualLatencyMs(manual, 1, 2), 3);
  assert.equal(manualLatencyMs(manual, 1, 4), 0);
  assert.equal(manualLatencyMs(new Map(), 1, 4), undefined);
});

Deno.test("filter() returns the median of an odd count of the last measurements", () => {
  const filter = new DampingFilter(2);
  const table: [sample: number, output: number][] = [
    [10, 10],
    [50, 50],
    [20, 20],
    // 10 is left out of the four, then counts among the five, then is forgotten.
    [90, 50],
    [30, 30],
    [95, 50],
    [96, 90],
  ];
  for (const [sample, output] of table) assert.equal(filter.filter(sample), output);
});

Deno.test("filter() passes everything through with radius 0", () => {
  const filter = new DampingFilter(0);
  for (const sample of [5, 900, -3, 5]) assert.equal(filter.filter(sample), sample);
});

Deno.test("filter() doesn't keep what is no latency", () => {
  const filter = new DampingFilter(1);
  for (const sample of [1, 2, 3]) filter.filter(sample);
  assert.ok(Number.isNaN(filter.filter(NaN)));
  assert.equal(filter.filter(UNREACHABLE_MS), UNREACHABLE_MS);
  assert.equal(filter.filter(-Infinity), -Infinity);
  assert.equal(filter.filter(9), 3);
});

Deno.test("reset() lets a returning peer begin anew", () => {
  const filter = new DampingFilter(1);
  for (const sample of [1, 1, 1]) filter.filter(sample);
  filter.reset();
  assert.equal(filter.filter(500), 500);
});

Deno.test("setRadius() keeps the newest measurements that fit", () => {
  const filter = new DampingFilter(3);
  for (const sample of [1, 2, 3, 40, 50, 60]) filter.filter(sample);
  filter.setRadius(1);
  assert.equal(filter.filter(45), 50);
  filter.setRadius(0);
  assert.equal(filter.filter(7), 7);
});

Deno.test("filter() lets no single spike through once it has three measurements", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(100), fc.nat(30), (radius, latency, before) => {
    const filter = new DampingFilter(radius);
    for (let count = 0; count < before + 2; count++) filter.filter(latency);
    const output = filter.filter(latency + 5000);
    // With three stored of four the oldest is left out, which still leaves two that agree.
    assert.equal(output, latency);
    assert.equal(filter.filter(latency), latency);
  }));
});
