import { strict as assert } from "node:assert";
import fc from "fast-check";
import { acceptCounter, REPLAY_WINDOW, REPLAY_WORDS, replayReset } from "../../src/noise/replay.ts";
import { COUNTER_LIMIT } from "../../src/wire/transport_message.ts";
import { SlowReplayWindow } from "../reference/replay.ts";

/** Takes the counter as one number and cuts it in halves. */
function accept(words: Uint32Array, counter: number, at = 0): boolean {
  return acceptCounter(words, at, counter % 2 ** 32, Math.floor(counter / 2 ** 32));
}

function emptyWindow(): Uint32Array {
  const words = new Uint32Array(REPLAY_WORDS);
  replayReset(words, 0);
  return words;
}

/** First counter that lies outside a window whose highest counter is 0: the tests of WireGuard call it T_LIM. */
const LIM = REPLAY_WINDOW + 1;

/** The numbered sequence of the Linux kernel's `selftest/counter.c` and wireguard-go's `replay/replay_test.go`. */
const KERNEL_SEQUENCE: readonly (readonly [counter: number, accepted: boolean])[] = [
  [0, true],
  [1, true],
  [1, false],
  [9, true],
  [8, true],
  [7, true],
  [7, false],
  [LIM, true],
  [LIM - 1, true],
  [LIM - 1, false],
  [LIM - 2, true],
  [2, true],
  [2, false],
  [LIM + 16, true],
  [3, false],
  [LIM + 16, false],
  [LIM * 4, true],
  [LIM * 4 - (LIM - 1), true],
  [10, false],
  [LIM * 4 - LIM, false],
  [LIM * 4 - (LIM + 1), false],
  [LIM * 4 - (LIM - 2), true],
  [LIM * 4 + 1 - LIM, false],
  [0, false],
  // WireGuard goes on around its own limit, 2^64 − 2^13 − 1. Ours is refused before it gets here, see checkTransport().
  [COUNTER_LIMIT - 1, true],
  [COUNTER_LIMIT - 1, false],
  [COUNTER_LIMIT - 2, true],
  [COUNTER_LIMIT - 2, false],
  [COUNTER_LIMIT - 3, true],
  [0, false],
];

/** The kernel's bulk sequences: `from` to `to` in order, all accepted, then the counters of `then`. */
const BULK_SEQUENCES = [
  { from: 1, to: REPLAY_WINDOW, then: [[0, true], [0, false]] },
  { from: 2, to: REPLAY_WINDOW + 1, then: [[1, true], [0, false]] },
  { from: REPLAY_WINDOW + 1, to: 1, then: [] },
  { from: REPLAY_WINDOW + 2, to: 2, then: [[0, false]] },
  { from: REPLAY_WINDOW, to: 1, then: [[REPLAY_WINDOW + 1, true], [0, false]] },
  { from: REPLAY_WINDOW, to: 1, then: [[0, true], [REPLAY_WINDOW + 1, true]] },
] as const;

Deno.test("acceptCounter() decides as the kernel does in its numbered sequence", () => {
  const words = emptyWindow();
  KERNEL_SEQUENCE.forEach(([counter, accepted], step) => {
    assert.equal(accept(words, counter), accepted, `step ${step}, counter ${counter}`);
  });
});

Deno.test("acceptCounter() decides as the kernel does in its bulk sequences", () => {
  BULK_SEQUENCES.forEach(({ from, to, then }, sequence) => {
    const words = emptyWindow();
    const step = from < to ? 1 : -1;
    for (let counter = from; counter !== to + step; counter += step) {
      assert.equal(accept(words, counter), true, `sequence ${sequence}, counter ${counter}`);
    }
    for (const [counter, accepted] of then) {
      assert.equal(accept(words, counter), accepted, `sequence ${sequence}, counter ${counter}`);
    }
  });
});

Deno.test("acceptCounter() accepts a counter 8128 behind, and refuses one 8129 behind", () => {
  for (const highest of [8129, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5000, 2 ** 45 + 17, COUNTER_LIMIT - 1]) {
    const words = emptyWindow();
    assert.equal(accept(words, highest), true);
    assert.equal(accept(words, highest - REPLAY_WINDOW - 1), false, `behind ${highest}`);
    assert.equal(accept(words, highest - REPLAY_WINDOW), true, `behind ${highest}`);
    assert.equal(accept(words, highest - REPLAY_WINDOW), false, `twice behind ${highest}`);
  }
});

Deno.test("acceptCounter() forgets nothing and invents nothing after a step of any length", () => {
  for (let step = 1; step <= 9000; step += 7) {
    const words = emptyWindow();
    assert.equal(accept(words, 31), true);
    assert.equal(accept(words, 31 + step), true, `step ${step}`);
    assert.equal(accept(words, 31 + step), false, `step ${step}`);
    assert.equal(accept(words, 31), false, `step ${step}`);
    assert.equal(accept(words, 30 + step), step > 1, `step ${step}`);
  }
});

Deno.test("acceptCounter() agrees with the slow window in any order of counters", () => {
  const jump = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -40, max: 70 }) },
    { weight: 3, arbitrary: fc.integer({ min: -8300, max: 8300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 31 - 1 }) },
  );
  const start = fc.constantFrom(0, 100, 2 ** 31 - 50, 2 ** 32 - 4000, 2 ** 40, COUNTER_LIMIT - 2 ** 40);
  fc.assert(
    fc.property(start, fc.array(jump, { minLength: 1, maxLength: 200 }), (first, jumps) => {
      const words = emptyWindow();
      const slow = new SlowReplayWindow();
      let counter = first;
      for (const step of [0, ...jumps]) {
        counter = Math.max(0, counter + step);
        assert.equal(accept(words, counter), slow.accept(BigInt(counter)), `counter ${counter}`);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("acceptCounter() and replayReset() touch only their own region", () => {
  const words = new Uint32Array(3 * REPLAY_WORDS).fill(0xabababab);
  replayReset(words, REPLAY_WORDS);
  for (const counter of [0, 1, 255 * 32, 8191, 8192, 20_000, 2 ** 40]) accept(words, counter, REPLAY_WORDS);
  const outside = [...words.subarray(0, REPLAY_WORDS), ...words.subarray(2 * REPLAY_WORDS)];
  assert.ok(outside.every((word) => word === 0xabababab));
});

Deno.test("replayReset() makes every counter acceptable again", () => {
  const words = emptyWindow();
  accept(words, 2 ** 40 + 3);
  replayReset(words, 0);
  assert.equal(accept(words, 0), true);
  assert.equal(accept(words, 3), true);
});

Deno.test("acceptCounter() works on shared memory", () => {
  const words = new Uint32Array(new SharedArrayBuffer(REPLAY_WORDS * 4));
  assert.equal(accept(words, 5), true);
  assert.equal(accept(words, 5), false);
});
