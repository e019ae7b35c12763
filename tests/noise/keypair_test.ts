import { strict as assert } from "node:assert";
import fc from "fast-check";
import { DEFAULT_TIMER_PARAMS, REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES } from "../../src/noise/constants.ts";
import {
  adoptAsInitiator,
  adoptAsResponder,
  clearSlots,
  confirmNext,
  dropOlder,
  emptySlots,
  type KeypairSlots,
  mayReceive,
  maySend,
  NO_KEYPAIR,
  shouldRekeyAfterReceive,
  shouldRekeyAfterSend,
} from "../../src/noise/keypair.ts";

const NONE = NO_KEYPAIR;

function slots([previous, current, next, older = NONE]: readonly number[]): KeypairSlots {
  return { older, previous, current, next };
}

const ROTATIONS = [
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [NONE, NONE, NONE], to: [NONE, 9, NONE], freed: [] },
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [NONE, 1, NONE], to: [1, 9, NONE], freed: [] },
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [0, 1, NONE], to: [1, 9, NONE], freed: [0] },
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [NONE, NONE, 2], to: [2, 9, NONE], freed: [] },
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [0, 1, 2], to: [2, 9, NONE, 1], freed: [0] },
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [0, 1, NONE, 3], to: [1, 9, NONE], freed: [3, 0] },
  { name: "adoptAsInitiator", step: adoptAsInitiator, from: [0, 1, 2, 3], to: [2, 9, NONE, 1], freed: [3, 0] },
  { name: "adoptAsResponder", step: adoptAsResponder, from: [0, 1, NONE, 3], to: [NONE, 1, 9], freed: [3, 0] },
  { name: "confirmNext", step: confirmNext, from: [0, 1, 9, 3], to: [1, 9, NONE], freed: [3, 0] },
  { name: "adoptAsResponder", step: adoptAsResponder, from: [NONE, NONE, NONE], to: [NONE, NONE, 9], freed: [] },
  { name: "adoptAsResponder", step: adoptAsResponder, from: [0, 1, NONE], to: [NONE, 1, 9], freed: [0] },
  { name: "adoptAsResponder", step: adoptAsResponder, from: [0, 1, 2], to: [NONE, 1, 9], freed: [0, 2] },
  { name: "confirmNext", step: confirmNext, from: [NONE, NONE, 9], to: [NONE, 9, NONE], freed: [] },
  { name: "confirmNext", step: confirmNext, from: [0, 1, 9], to: [1, 9, NONE], freed: [0] },
  { name: "confirmNext", step: confirmNext, from: [0, 9, 2], to: [0, 9, 2], freed: [] },
  { name: "confirmNext", step: confirmNext, from: [9, 1, NONE], to: [9, 1, NONE], freed: [] },
] as const;

for (const { name, step, from, to, freed } of ROTATIONS) {
  Deno.test(`${name}(9) turns previous, current, next, older = ${from.join(", ")} into ${to.join(", ")}`, () => {
    const before = slots(from);
    assert.deepEqual(step(before, 9), [...freed]);
    assert.deepEqual(before, slots(to));
  });
}

Deno.test("confirmNext() does nothing for 'no session' while next is empty", () => {
  const before = slots([0, 1, NONE]);
  assert.deepEqual(confirmNext(before, NONE), []);
  assert.deepEqual(before, slots([0, 1, NONE]));
});

Deno.test("clearSlots() frees all that was held", () => {
  const before = slots([4, NONE, 6, 3]);
  assert.deepEqual(clearSlots(before), [3, 4, 6]);
  assert.deepEqual(before, emptySlots());
});

Deno.test("dropOlder() frees that and nothing else", () => {
  const before = slots([4, 5, 6, 3]);
  assert.deepEqual(dropOlder(before), [3]);
  assert.deepEqual(before, slots([4, 5, 6]));
  assert.deepEqual(dropOlder(before), []);
});

Deno.test("rotation never loses a row and never frees one twice", () => {
  const steps = fc.array(fc.constantFrom(adoptAsInitiator, adoptAsResponder, confirmNext), { maxLength: 40 });
  fc.assert(fc.property(steps, (sequence) => {
    const held = emptySlots();
    const freed: number[] = [];
    const adopted: number[] = [];
    for (const [row, step] of sequence.entries()) {
      freed.push(...step(held, step === confirmNext ? held.next : row));
      if (step !== confirmNext) adopted.push(row);
    }
    freed.push(...clearSlots(held));
    assert.deepEqual(freed.sort((a, b) => a - b), adopted);
  }));
});

Deno.test("two nodes that initiated at once can each open what the other sends", () => {
  // Sessions by who initiated them; a row number stands for the pair of keys on both sides.
  const ofLeft = 1;
  const ofRight = 2;
  const left = emptySlots();
  const right = emptySlots();
  adoptAsResponder(left, ofRight);
  adoptAsResponder(right, ofLeft);
  adoptAsInitiator(left, ofLeft);
  adoptAsInitiator(right, ofRight);
  assert.ok(Object.values(right).includes(left.current));
  assert.ok(Object.values(left).includes(right.current));
});

Deno.test("maySend() ends at 180 s and at the last counter", () => {
  assert.equal(maySend(DEFAULT_TIMER_PARAMS, 179_999, 0), true);
  assert.equal(maySend(DEFAULT_TIMER_PARAMS, 180_000, 0), false);
  assert.equal(maySend(DEFAULT_TIMER_PARAMS, 0, REJECT_AFTER_MESSAGES - 1), true);
  assert.equal(maySend(DEFAULT_TIMER_PARAMS, 0, REJECT_AFTER_MESSAGES), false);
});

Deno.test("mayReceive() ends after 180 s", () => {
  assert.equal(mayReceive(DEFAULT_TIMER_PARAMS, 180_000), true);
  assert.equal(mayReceive(DEFAULT_TIMER_PARAMS, 180_001), false);
});

Deno.test("shouldRekeyAfterSend() counts age for the initiator only, and messages for both", () => {
  assert.equal(shouldRekeyAfterSend(DEFAULT_TIMER_PARAMS, true, 120_000, 1), false);
  assert.equal(shouldRekeyAfterSend(DEFAULT_TIMER_PARAMS, true, 120_001, 1), true);
  assert.equal(shouldRekeyAfterSend(DEFAULT_TIMER_PARAMS, false, 170_000, 1), false);
  assert.equal(shouldRekeyAfterSend(DEFAULT_TIMER_PARAMS, false, 0, REKEY_AFTER_MESSAGES + 1), true);
});

Deno.test("shouldRekeyAfterReceive() begins after 165 s, for the initiator only", () => {
  assert.equal(shouldRekeyAfterReceive(DEFAULT_TIMER_PARAMS, true, 165_000), false);
  assert.equal(shouldRekeyAfterReceive(DEFAULT_TIMER_PARAMS, true, 165_001), true);
  assert.equal(shouldRekeyAfterReceive(DEFAULT_TIMER_PARAMS, false, 175_000), false);
});
