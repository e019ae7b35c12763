import { strict as assert } from "node:assert";
import { PathKind } from "../../src/base/path_kind.ts";
import type { SwitchReason } from "../../src/conn/path_event.ts";
import { PathHold } from "../../src/conn/path_hold.ts";
import { DEFAULT_PATH_PARAMS } from "../../src/conn/path_params.ts";

const { UDP6, UDP4, FAKETCP6 } = PathKind;

/** Lets traffic return to UDP over IPv6 and leave it again, so many times. */
function comeAndGo(hold: PathHold, reason: SwitchReason, stayMs: number, times: number): void {
  for (let time = 0; time < times; time++) {
    hold.handleReturn(UDP6, time * 1_000_000);
    hold.handleLeave(UDP6, reason, time * 1_000_000 + stayMs);
  }
}

Deno.test("holdMs() is 5 s between transports and 30 s between families of one", () => {
  const hold = new PathHold(DEFAULT_PATH_PARAMS);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 5_000);
  assert.equal(hold.holdMs(UDP4, UDP6), 30_000);
});

Deno.test("holdMs() is Infinity between families if failback is switched off", () => {
  const hold = new PathHold({ ...DEFAULT_PATH_PARAMS, failbackMs: Infinity });
  assert.equal(hold.holdMs(UDP4, UDP6), Infinity);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 5_000);
});

Deno.test("holdMs() doubles with each return that soon turns out to be lossy, up to 5 min", () => {
  const hold = new PathHold(DEFAULT_PATH_PARAMS);
  const seen = [];
  for (let time = 0; time < 7; time++) {
    comeAndGo(hold, "small only", 2_000, 1);
    seen.push(hold.holdMs(FAKETCP6, UDP6) / 1_000);
  }
  assert.deepEqual(seen, [10, 20, 40, 80, 160, 300, 300]);
  assert.equal(hold.holdMs(FAKETCP6, UDP4), 5_000, "of that path alone");
});

Deno.test("holdMs() stays below 10 s for a path that falls silent again and again", () => {
  const hold = new PathHold(DEFAULT_PATH_PARAMS);
  comeAndGo(hold, "no answer", 2_000, 20);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 8_000);
});

Deno.test("holdMs() stays as it is for a path that is cut now and then and works in between", () => {
  const hold = new PathHold(DEFAULT_PATH_PARAMS);
  comeAndGo(hold, "no answer", 6_000, 20);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 5_000);
});

Deno.test("holdMs() is four times as long for a path that was left for its loss, and doubles when that happens again soon", () => {
  const hold = new PathHold(DEFAULT_PATH_PARAMS);
  hold.handleLeave(UDP6, "loss", 0);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 20_000);
  assert.equal(hold.trialMs(UDP6), 20_000);
  comeAndGo(hold, "loss", 30_000, 1);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 40_000);
  assert.equal(hold.trialMs(UDP6), 20_000);
});

Deno.test("holdMs() halves for each minute that a return lasts", () => {
  const hold = new PathHold(DEFAULT_PATH_PARAMS);
  comeAndGo(hold, "small only", 1_000, 4);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 80_000);
  comeAndGo(hold, "small only", 125_000, 1);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 20_000);
  comeAndGo(hold, "small only", 3_600_000, 1);
  assert.equal(hold.holdMs(FAKETCP6, UDP6), 5_000);
});
