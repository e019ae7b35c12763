import { testRule } from "./run_rule.ts";

testRule("no-ambient-time-or-entropy", [
  {
    name: "refuses every ambient clock",
    path: "src/device/timers.ts",
    source: `Date.now(); new Date(); Date(); performance.now(); performance.timeOrigin;`,
    reports: ["Date.now", "new Date()", "Date()", "performance.now", "performance.timeOrigin"],
  },
  {
    name: "refuses every ambient source of entropy",
    path: "src/noise/handshake.ts",
    source: `Math.random(); crypto.getRandomValues(key); crypto.randomUUID();`,
    reports: ["Math.random", "crypto.getRandomValues", "crypto.randomUUID"],
  },
  {
    name: "sees through globalThis and through brackets",
    path: "src/noise/handshake.ts",
    source: `globalThis.Date.now(); globalThis.crypto.randomUUID(); Math["random"](); self.setTimeout(f, 1);`,
    reports: ["Date.now", "crypto.randomUUID", "Math.random", "setTimeout"],
  },
  {
    name: "refuses a clock that is handed on as a function",
    path: "src/device/timers.ts",
    source: `const now = Date.now;`,
    reports: ["Date.now"],
  },
  {
    name: "refuses timers outside the outermost layers",
    path: "src/device/timers.ts",
    source: `setTimeout(f, 1); setInterval(f, 1); AbortSignal.timeout(5);`,
    reports: ["setTimeout", "setInterval", "AbortSignal.timeout"],
  },
  {
    name: "allows timers, but not clocks, in the outermost layers",
    path: "src/edge/edge.ts",
    source: `setTimeout(f, 1); AbortSignal.timeout(5); Date.now();`,
    reports: ["Date.now"],
  },
  {
    name: "allows the clock in base/clock.ts",
    path: "src/base/clock.ts",
    source: `Date.now(); performance.now();`,
    reports: [],
  },
  {
    name: "allows entropy in base/random.ts",
    path: "src/base/random.ts",
    source: `crypto.getRandomValues(word);`,
    reports: [],
  },
  {
    name: "allows a date that is made from a value",
    path: "src/base/log.ts",
    source: `new Date(timestamp).toISOString();`,
    reports: [],
  },
  {
    name: "leaves members of other objects alone",
    path: "src/device/timers.ts",
    source: `clock.now(); this.random(); deadline.setTimeout(5); tables.crypto.counter;`,
    reports: [],
  },
  {
    name: "leaves files outside src alone",
    path: "tests/netns/wait.ts",
    source: `Date.now(); setTimeout(f, 1);`,
    reports: [],
  },
]);
