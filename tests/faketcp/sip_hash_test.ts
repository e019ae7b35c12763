import { strict as assert } from "node:assert";
import fc from "fast-check";
import { sipHash24 } from "../../src/faketcp/sip_hash.ts";
import { slowSipHash24 } from "../reference/sip_hash.ts";

/** Octets 0, 1, 2, … as words. */
function countingWords(octets: number): Uint32Array {
  return new Uint32Array(Uint8Array.from({ length: octets }, (_, index) => index).buffer);
}

Deno.test("sipHash24() gives the low halves of the authors' vectors", () => {
  // vectors_sip64 of https://github.com/veorq/SipHash, for messages of 0, 8 and 16 octets.
  const vectors: [number, number][] = [[0, 0xdd0e0e31], [8, 0x9a932462], [16, 0x57c29bdb]];
  for (const [length, expected] of vectors) assert.equal(sipHash24(countingWords(16), countingWords(length)), expected);
});

Deno.test("sipHash24() equals its slow twin", () => {
  const words = (count: number) => fc.uint8Array({ minLength: count * 4, maxLength: count * 4 });
  fc.assert(
    fc.property(words(4), fc.nat(6).chain((blocks) => words(blocks * 2)), (key, message) => {
      const fast = sipHash24(new Uint32Array(key.slice().buffer), new Uint32Array(message.slice().buffer));
      assert.equal(BigInt(fast), slowSipHash24(key, message) & 0xffffffffn);
    }),
    { numRuns: 300 },
  );
});
