import { strict as assert } from "node:assert";
import { seededRandom } from "../../src/base/random.ts";
import { formatKey, isZeroKey, KEY_LEN, parseKey } from "../../src/config/key_text.ts";

Deno.test("parseKey() reads what formatKey() writes", () => {
  const random = seededRandom(7);
  for (let round = 0; round < 50; round++) {
    const key = new Uint8Array(KEY_LEN);
    random.fill(key);
    assert.deepEqual(parseKey(formatKey(key)), key);
  }
});

Deno.test("parseKey() refuses another length, alphabet or padding", () => {
  const good = formatKey(new Uint8Array(KEY_LEN).fill(0xfb));
  assert.ok(parseKey(good) !== undefined);
  const refused = [
    "",
    good.slice(0, -1),
    good + "=",
    good.slice(4),
    "AAAA" + good,
    good.replaceAll("+", "-"),
    ` ${good}`,
  ];
  for (const text of [...refused, good.slice(0, 42) + "==", good.slice(0, 43) + "A"]) {
    assert.equal(parseKey(text), undefined, text);
  }
});

Deno.test("isZeroKey() is true for zeros only", () => {
  assert.ok(isZeroKey(new Uint8Array(KEY_LEN)));
  assert.ok(!isZeroKey(new Uint8Array(KEY_LEN).fill(1, 31)));
});
