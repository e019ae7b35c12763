import { strict as assert } from "node:assert";
import { seededRandom } from "../../src/base/random.ts";
import { isSameState, STATE_TOKEN_LEN, StateTokens } from "../../src/super/state_token.ts";

Deno.test("StateTokens draws tokens of 32 lower-case hex digits, each once", () => {
  const tokens = new StateTokens(seededRandom(1));
  const drawn = new Set<string>();
  for (let count = 0; count < 1000; count++) {
    const token = tokens.next();
    assert.match(token, /^[0-9a-f]{32}$/);
    assert.equal(token.length, STATE_TOKEN_LEN);
    drawn.add(token);
  }
  assert.equal(drawn.size, 1000);
});

Deno.test("StateTokens draws others after a restart", () => {
  assert.notEqual(new StateTokens(seededRandom(1)).next(), new StateTokens(seededRandom(2)).next());
});

Deno.test("isSameState() accepts the token alone, and nothing that is nearly it", () => {
  const token = "0123456789abcdef0123456789abcdef";
  const cases: [string, boolean][] = [
    [token, true],
    ["", false],
    [token.slice(1), false],
    [token.slice(0, -1), false],
    [token + "0", false],
    ["1" + token.slice(1), false],
    [token.slice(0, -1) + "e", false],
    [token.toUpperCase(), false],
    [token.slice(0, -1) + "\u0166", false],
  ];
  for (const [shown, isSame] of cases) assert.equal(isSameState(shown, token), isSame, shown);
  assert.equal(isSameState("", ""), true, "what stands for no document");
});
