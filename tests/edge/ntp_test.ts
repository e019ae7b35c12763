import fc from "fast-check";
import { strict as assert } from "node:assert";
import type { NtpConfig } from "../../src/config/dynamic_route_config.ts";
import { ClockOffset, FIRST_ROUND_PATIENCE_MS, trimmedMean } from "../../src/edge/ntp.ts";
import type { NtpAnswer } from "../../src/edge/ntp_query.ts";
import { RecordingLog } from "../node/recording_log.ts";

const INTERVAL_MS = 3_600_000;
const SILENT: NtpAnswer = { kind: "failure", cause: "no answer" };

function sample(offsetMs: number, roundTripMs = 20): NtpAnswer {
  return { kind: "sample", sample: { offsetMs, roundTripMs }, address: "192.0.2.1" };
}

/** Servers whose answers a test decides. */
class Bench {
  readonly log = new RecordingLog();
  readonly answers: Record<string, NtpAnswer>;
  readonly clock: ClockOffset;
  timeouts = new Set<number>();
  #asked: string[] = [];

  constructor(answers: Record<string, NtpAnswer>, change: Partial<NtpConfig> = {}, logsAnswers = false) {
    this.answers = answers;
    this.clock = new ClockOffset({
      config: {
        servers: Object.keys(answers),
        maxServers: 2,
        syncIntervalMs: INTERVAL_MS,
        timeoutMs: 3_000,
        ...change,
      },
      query: (server, timeoutMs) => {
        this.#asked.push(server);
        this.timeouts.add(timeoutMs);
        return Promise.resolve(this.answers[server]);
      },
      logsAnswers,
      log: this.log,
    });
  }

  /** Runs what is due at a time to its end; returns who was asked. */
  async poll(nowMs: number): Promise<string> {
    await this.clock.poll(nowMs);
    return this.#asked.splice(0).join("");
  }
}

Deno.test("ClockOffset asks all servers once, then the fastest every interval", async () => {
  const bench = new Bench({ a: sample(1, 90), b: sample(2, 10), c: SILENT, d: sample(4, 50) });
  assert.equal(bench.clock.offsetMs, 0);
  assert.equal(await bench.poll(0), "abcd");
  assert.equal(bench.clock.offsetMs, 3);
  assert.equal(await bench.poll(INTERVAL_MS - 1), "");
  assert.equal(await bench.poll(INTERVAL_MS), "bd");
  assert.equal(await bench.poll(2 * INTERVAL_MS), "bd");
  assert.deepEqual([...bench.timeouts], [3_000]);
});

Deno.test("ClockOffset puts a server that fails at the end, and takes the next", async () => {
  const bench = new Bench({ a: sample(1, 10), b: sample(2, 20), c: sample(3, 30), d: SILENT });
  await bench.poll(0);
  bench.answers.a = SILENT;
  assert.equal(await bench.poll(INTERVAL_MS), "ab");
  assert.equal(bench.clock.offsetMs, 2);
  assert.equal(await bench.poll(2 * INTERVAL_MS), "bc");
  bench.answers.b = bench.answers.c = SILENT;
  await bench.poll(3 * INTERVAL_MS);
  // None has answered lately, so all are asked again: the one that failed first comes first.
  assert.equal(await bench.poll(4 * INTERVAL_MS), "dabc");
});

Deno.test("ClockOffset asks all servers each time, or only once, if it is told so", async () => {
  const answers = { a: sample(1), b: sample(2), c: sample(6) };
  for (const maxServers of [-1, 3, 99]) {
    const bench = new Bench(answers, { maxServers });
    assert.equal(await bench.poll(0), "abc");
    assert.equal(bench.clock.offsetMs, 3);
    assert.equal(await bench.poll(INTERVAL_MS), "abc");
  }
  const bench = new Bench(answers, { maxServers: 0 });
  assert.equal(await bench.poll(0), "abc");
  assert.equal(bench.clock.offsetMs, 3);
  assert.equal(await bench.poll(INTERVAL_MS), "");
  assert.equal(bench.clock.offsetMs, 3);
});

Deno.test("ClockOffset keeps what it has where nobody answers, and asks all again soon, then less and less often", async () => {
  const bench = new Bench({ a: sample(50), b: sample(50), c: SILENT });
  await bench.poll(0);
  bench.answers.a = bench.answers.b = SILENT;
  let nowMs = INTERVAL_MS;
  assert.equal(await bench.poll(nowMs), "ab");
  for (const waitMs of [16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000, 1_024_000]) {
    assert.equal(bench.clock.offsetMs, 50);
    assert.equal(await bench.poll(nowMs + waitMs - 1), "");
    nowMs += waitMs;
    assert.equal((await bench.poll(nowMs)).length, 3);
  }
  bench.answers.c = sample(70);
  await bench.poll(nowMs + 1_024_000);
  assert.equal(bench.clock.offsetMs, 70);
  assert.equal(await bench.poll(nowMs + 1_024_000 + INTERVAL_MS - 1), "");
});

Deno.test("ClockOffset never asks a server again that forbids it, and one that is asked too often only after a while", async () => {
  const [deny, rate]: NtpAnswer[] = [{ kind: "kiss", code: "DENY" }, { kind: "kiss", code: "RATE" }];
  const bench = new Bench({ a: deny, b: rate, c: sample(1), d: sample(2) }, { maxServers: -1 });
  assert.equal(await bench.poll(0), "abcd");
  bench.answers.a = bench.answers.b = sample(1);
  const asked: string[] = [];
  for (let round = 1; round <= 6; round++) asked.push(await bench.poll(round * INTERVAL_MS));
  assert.ok(asked.every((names) => !names.includes("a")));
  assert.deepEqual(asked.map((names) => names.includes("b")), [false, false, false, true, true, true]);
  assert.deepEqual(bench.log.take("warn").map(({ fields }) => `${fields.server} ${fields.code}`), ["a DENY", "b RATE"]);
});

Deno.test("ClockOffset is ready when the first round is over, whatever came of it", async () => {
  for (const answer of [sample(7), SILENT]) {
    const bench = new Bench({ a: answer });
    assert.equal(bench.clock.isReady, false);
    await bench.poll(0);
    assert.equal(bench.clock.isReady, true);
  }
});

Deno.test("ClockOffset is ready after a while with the servers that have answered, and takes the others in later", async () => {
  const slow = Promise.withResolvers<NtpAnswer>();
  const clock = new ClockOffset({
    config: { servers: ["a", "b"], maxServers: 2, syncIntervalMs: INTERVAL_MS, timeoutMs: 0 },
    query: (server) => server === "a" ? Promise.resolve(sample(7)) : slow.promise,
    logsAnswers: false,
    log: new RecordingLog(),
  });
  const first = clock.poll(0);
  await clock.poll(FIRST_ROUND_PATIENCE_MS - 1);
  assert.deepEqual([clock.isReady, clock.offsetMs], [false, 0]);
  await clock.poll(FIRST_ROUND_PATIENCE_MS);
  assert.deepEqual([clock.isReady, clock.offsetMs], [true, 7]);
  slow.resolve(sample(9));
  await first;
  assert.equal(clock.offsetMs, 8);
});

Deno.test("ClockOffset begins no second round while one goes on", async () => {
  const { promise, resolve } = Promise.withResolvers<NtpAnswer>();
  let asked = 0;
  const clock = new ClockOffset({
    config: { servers: ["a"], maxServers: 1, syncIntervalMs: 10, timeoutMs: 0 },
    query: (_server, timeoutMs) => {
      asked++;
      assert.equal(timeoutMs, 5_000);
      return promise;
    },
    logsAnswers: false,
    log: new RecordingLog(),
  });
  const first = clock.poll(0);
  await clock.poll(1_000);
  assert.equal(asked, 1);
  resolve(sample(7));
  await first;
  assert.equal(clock.offsetMs, 7);
});

Deno.test("ClockOffset logs changes above 10 ms, and each answer only if it is told to", async () => {
  const bench = new Bench({ a: sample(25.12345), b: SILENT }, {}, true);
  await bench.poll(0);
  assert.deepEqual(bench.log.take("info").map(({ event, fields }) => [event, fields]), [
    ["time server answered", { server: "a", address: "192.0.2.1", offsetMs: 25.123, roundTripMs: 20 }],
    ["time server failed", { server: "b", cause: "no answer" }],
    ["clock offset changed", { fromMs: 0, toMs: 25.123, servers: 1 }],
  ]);
  bench.answers.a = sample(34);
  await bench.poll(INTERVAL_MS);
  assert.deepEqual(bench.log.take("info").map(({ event }) => event), ["time server answered", "time server failed"]);
  const quiet = new Bench({ a: sample(5), b: SILENT });
  await quiet.poll(0);
  assert.deepEqual(quiet.log.take("info"), []);
});

Deno.test("trimmedMean() leaves the least and the greatest out if there are more than three", () => {
  assert.equal(trimmedMean([7]), 7);
  assert.equal(trimmedMean([1, 9]), 5);
  assert.equal(trimmedMean([1, 2, 9]), 4);
  assert.equal(trimmedMean([-1e9, 3, 1, 1e9]), 2);
});

Deno.test("trimmedMean() follows no single server that lies", () => {
  const honest = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 3, maxLength: 20 });
  fc.assert(
    fc.property(honest, fc.double({ min: -1e12, max: 1e12, noNaN: true }), (offsets, lie) => {
      const mean = trimmedMean([...offsets, lie]);
      assert.ok(mean >= Math.min(...offsets) - 1e-6 && mean <= Math.max(...offsets) + 1e-6);
    }),
    { numRuns: 300 },
  );
});
