import { strict as assert } from "node:assert";
import fc from "fast-check";
import { GUESSERS_MAX, GUESSES_BURST, GuessLimit, isPassword, shownPassword } from "../../../src/super/http/auth.ts";

Deno.test("isPassword() takes the configured password only", () => {
  assert.equal(isPassword("secret", "secret"), true);
  for (const shown of ["", "Secret", "secre", "secret ", "secretsecret"]) {
    assert.equal(isPassword(shown, "secret"), false, shown);
  }
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary", minLength: 1 }), (shown, configured) => {
      assert.equal(isPassword(shown, configured), shown === configured);
    }),
    { numRuns: 200 },
  );
});

Deno.test("isPassword() takes none where none is configured, not even the empty one", () => {
  assert.equal(isPassword("", ""), false);
  assert.equal(isPassword("anything", ""), false);
});

Deno.test("shownPassword() looks into the query first, then for a bearer's header", () => {
  const header = new Headers({ authorization: "Bearer from the header" });
  assert.equal(shownPassword(new Map([["Password", "from the query"]]), header), "from the query");
  assert.equal(shownPassword(new Map([["Password", ""]]), header), "");
  assert.equal(shownPassword(new Map(), header), "from the header");
  assert.equal(shownPassword(new Map(), new Headers({ authorization: "bearer x" })), "x");
  assert.equal(shownPassword(new Map(), new Headers({ authorization: "Basic eDp5" })), undefined);
  assert.equal(shownPassword(new Map([["password", "x"]]), new Headers()), undefined);
});

const MINUTE_MS = 60_000;

function spend(limit: GuessLimit, address: string, nowMs: number, count = GUESSES_BURST): void {
  for (let guess = 0; guess < count; guess++) limit.noteWrong(address, nowMs);
}

Deno.test("GuessLimit.isSpent() lets an address show ten wrong passwords, and then one every six seconds", () => {
  const limit = new GuessLimit();
  spend(limit, "192.0.2.1", 1000, GUESSES_BURST - 1);
  assert.equal(limit.isSpent("192.0.2.1", 1000), false);
  limit.noteWrong("192.0.2.1", 1000);
  assert.equal(limit.isSpent("192.0.2.1", 1000), true);
  assert.equal(limit.isSpent("192.0.2.1", 6999), true);
  assert.equal(limit.isSpent("192.0.2.1", 7000), false);
  limit.noteWrong("192.0.2.1", 7000);
  assert.equal(limit.isSpent("192.0.2.1", 7000), true);
});

Deno.test("GuessLimit.isSpent() gives all guesses back after a minute", () => {
  const limit = new GuessLimit();
  spend(limit, "192.0.2.1", 0);
  spend(limit, "192.0.2.1", MINUTE_MS, GUESSES_BURST - 1);
  assert.equal(limit.isSpent("192.0.2.1", MINUTE_MS), false);
  limit.noteWrong("192.0.2.1", MINUTE_MS);
  assert.equal(limit.isSpent("192.0.2.1", MINUTE_MS), true);
});

Deno.test("GuessLimit.isSpent() counts each address for itself, in whatever form it is written", () => {
  const limit = new GuessLimit();
  spend(limit, "::ffff:192.0.2.1", 0);
  assert.equal(limit.isSpent("192.0.2.1", 0), true);
  assert.equal(limit.isSpent("192.0.2.2", 0), false);
  assert.equal(limit.isSpent("::ffff:192.0.2.2", 0), false);
});

Deno.test("GuessLimit.isSpent() counts a network of IPv6 as one address", () => {
  const limit = new GuessLimit();
  for (let guess = 0; guess < GUESSES_BURST; guess++) limit.noteWrong(`2001:db8:0:1::${guess}`, 0);
  assert.equal(limit.isSpent("2001:db8:0:1:ffff::", 0), true);
  assert.equal(limit.isSpent("2001:db8:0:2::", 0), false);
  spend(limit, "fe80::1%eth0", 0);
  assert.equal(limit.isSpent("fe80::2%eth1", 0), true);
});

Deno.test("GuessLimit.noteWrong() remembers a bounded number of addresses, those that guessed last", () => {
  const limit = new GuessLimit();
  for (let index = 0; index < GUESSERS_MAX + 10; index++) {
    limit.noteWrong(`10.0.${index >> 8}.${index & 255}`, 0);
    // One that goes on guessing isn't forgotten because others came after it.
    if (index % 100 === 0 && index < 1000) limit.noteWrong("192.0.2.1", 0);
  }
  assert.equal(limit.size, GUESSERS_MAX);
  assert.equal(limit.isSpent("192.0.2.1", 0), true);
});
