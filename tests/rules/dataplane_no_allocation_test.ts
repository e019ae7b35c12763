import { MARKER } from "./dataplane_no_allocation.ts";
import { testRule } from "./run_rule.ts";

const PATH = "src/dataplane/outbound.ts";

function refuses(what: string, statement: string, report: string) {
  return {
    name: `refuses ${what} in a function that runs per packet`,
    path: PATH,
    source: `export function forward(frame, offset) { ${statement} }`,
    reports: [report],
  };
}

testRule("dataplane-no-allocation", [
  refuses("subarray", "frame.subarray(offset);", `"subarray"`),
  refuses("slice", "frame.slice(offset);", `"slice"`),
  refuses("a spread argument", "seal(...frame);", "a spread or rest element"),
  refuses("a template string with values", "drop(`${offset}`);", "a template string"),
  refuses("a BigInt literal", "counter += 1n;", "a BigInt"),
  refuses("a BigInt made by a call", "counter = BigInt(offset);", `"BigInt"`),
  refuses("a 64-bit accessor", "view.getBigUint64(offset);", `"getBigUint64"`),
  refuses("an array literal", "return [frame, offset];", "an array literal"),
  refuses("an object literal", "return { frame, offset };", "an object literal"),
  refuses("an arrow function", "peers.forEach((peer) => seal(peer));", "a function made inside a function"),
  refuses("a function expression", "visit(function (peer) { seal(peer); });", "a function made inside a function"),
  refuses("a nested function", "function visit() {}", "a function made inside a function"),
  refuses("new", "header = new DataView(frame.buffer);", "`new`"),
  refuses("an iterator", "for (const peer of peers) seal(peer);", "an iterator"),
  {
    name: "refuses an async function, a generator and rest parameters",
    path: PATH,
    source: `async function a() {} function* b() {} function c(...frames) {}`,
    reports: ["an async function", "a generator", "a spread or rest element"],
  },
  {
    name: "looks into methods, private ones too",
    path: PATH,
    source: `class Lane { turn() { return [1]; } #drain() { return [2]; } }`,
    reports: ["an array literal", "an array literal"],
  },
  {
    name: "allows what runs once: module level, constructors, fields and set-up functions",
    path: PATH,
    source: `
      const SIZES = [64, 1400];
      const handlers = { drop: (reason) => count(reason) };
      class Burst { offsets = new Uint32Array(64); constructor() { this.names = ["a"]; } }
      function createBurst(sizes) { return { buffers: sizes.map((size) => new Uint8Array(size)) }; }
      function makeLane() { return [1]; }
      function reportHandshake(frame, offset) { postMessage({ octets: frame.slice(offset) }); }`,
    reports: [],
  },
  {
    name: "doesn't take a name for a set-up function that only begins alike",
    path: PATH,
    source: `function opened(frame) { return [frame]; }`,
    reports: ["an array literal"],
  },
  {
    name: "allows what a crash needs",
    path: PATH,
    source: "function seal(offset) { if (offset < 0) throw new RangeError(`offset ${offset}`); }",
    reports: [],
  },
  {
    name: "allows numbers, plain strings and assignments",
    path: PATH,
    source: `function count(at) { let sum = 0; for (let i = 0; i < at; i++) sum += 1; name = "x"; return sum; }`,
    reports: [],
  },
  {
    name: "applies to a file elsewhere that carries the marker",
    path: "src/wire/ipv4.ts",
    source: `${MARKER}\nfunction parse() { return [1]; }`,
    reports: ["an array literal"],
  },
  {
    name: "leaves other files alone",
    path: "src/config/load.ts",
    source: `function load() { return [...keys].map((key) => ({ key })); }`,
    reports: [],
  },
  {
    name: "leaves the tables and the worker's entry point alone",
    path: "src/dataplane/lane_worker.ts",
    source: `self.onmessage = (event) => postMessage({ got: event.data });`,
    reports: [],
  },
]);
