import { strict as assert } from "node:assert";
import { formatMacAddress, parseMacPrefix } from "../../src/base/mac_address.ts";

Deno.test("formatMacAddress() writes lower-case groups of two digits", () => {
  assert.equal(formatMacAddress(Uint8Array.of(0, 1, 0xab, 0xcd, 0xef, 255)), "00:01:ab:cd:ef:ff");
});

Deno.test("parseMacPrefix() reads two to six groups", () => {
  assert.deepEqual(parseMacPrefix("AA:bb"), Uint8Array.of(0xaa, 0xbb));
  assert.deepEqual(parseMacPrefix("0:1:2:3:4:5"), Uint8Array.of(0, 1, 2, 3, 4, 5));
});

Deno.test("parseMacPrefix() refuses everything else", () => {
  for (const text of ["", "AA", "AA:", ":AA", "AA:BBB", "AA-BB", "AA:BG", "1:2:3:4:5:6:7", " AA:BB"]) {
    assert.equal(parseMacPrefix(text), undefined, text);
  }
});
