import { strict as assert } from "node:assert";
import { quoteForeignText } from "../../src/control/foreign_text.ts";

Deno.test("quoteForeignText() leaves plain text, of any language, as it is", () => {
  assert.equal(
    quoteForeignText("Paramater PubKey: Not found, größer 名前"),
    '"Paramater PubKey: Not found, größer 名前"',
  );
  assert.equal(quoteForeignText(""), '""');
});

Deno.test("quoteForeignText() replaces what could forge or hide a line, and cuts what is long", () => {
  assert.equal(quoteForeignText("a\nb\r\u001b[2J\u0000\u2028\u202e\ud800"), '"a?b??[2J????"');
  assert.equal(quoteForeignText("x".repeat(201)), `"${"x".repeat(200)}…"`);
});
