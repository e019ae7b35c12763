import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import {
  addSums,
  checksumOf,
  foldSum,
  MAX_SUM_LEN,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  subtractSum,
  updateChecksum,
} from "../../src/wire/checksum.ts";
import { slowSum } from "../reference/checksum.ts";
import { makeParts, pseudoHeader } from "../reference/frame.ts";
import { viewOf } from "./message_vector.ts";

/** RFC 1071 §3, "Numerical Examples". */
const RFC_1071_OCTETS = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);

/** Tells whether two sums are equal in one's complement arithmetic, which has two zeros. */
function areCongruent(sum: number, other: number): boolean {
  return sum % 0xffff === other % 0xffff;
}

Deno.test("onesComplementSum() gives the sum of the example in RFC 1071", () => {
  assert.equal(onesComplementSum(viewOf(RFC_1071_OCTETS), 0, 8), 0xddf2);
  assert.equal(slowSum(RFC_1071_OCTETS), 0xddf2);
});

Deno.test("onesComplementSum() agrees with its slow twin for every length up to 9001 at every alignment", () => {
  const octets = new Uint8Array(9001 + 4);
  seededRandom(1071).fill(octets);
  const view = viewOf(octets);
  for (let offset = 0; offset < 4; offset++) {
    // The twin's sum of a prefix grows with the prefix, so that all lengths take one pass.
    let even = 0;
    for (let length = 0; length <= 9001; length++) {
      let expected = even;
      if (length % 2 === 1) expected += octets[offset + length - 1] << 8;
      else if (length > 0) expected = even += octets[offset + length - 2] * 256 + octets[offset + length - 1];
      if (expected > 0xffff) expected -= 0xffff;
      if (length % 2 === 0) even = expected;
      const sum = onesComplementSum(view, offset, length);
      if (sum !== expected) assert.fail(`offset ${offset}, length ${length}: ${sum} instead of ${expected}`);
      if (length % 1000 === 1) assert.equal(sum, slowSum(octets.subarray(offset, offset + length)));
    }
  }
});

Deno.test("onesComplementSum() doesn't overflow in the longest region it accepts", () => {
  const octets = new Uint8Array(MAX_SUM_LEN).fill(0xff);
  assert.equal(onesComplementSum(viewOf(octets), 0, MAX_SUM_LEN), 0xffff);
  assert.equal(onesComplementSum(viewOf(octets), 0, MAX_SUM_LEN - 1), slowSum(octets.subarray(1)));
});

Deno.test("onesComplementSum() of zero octets is zero, and of nothing too", () => {
  assert.equal(onesComplementSum(viewOf(new Uint8Array(100)), 0, 100), 0);
  assert.equal(onesComplementSum(viewOf(new Uint8Array(0)), 0, 0), 0);
});

Deno.test("foldSum() folds any 32-bit total into 16 bits", () => {
  for (const [total, folded] of [[0, 0], [0xffff, 0xffff], [0x10000, 1], [0x1fffe, 0xffff], [0xffffffff, 0xffff]]) {
    assert.equal(foldSum(total), folded, total.toString(16));
  }
});

Deno.test("addSums() gives the sum of two regions, subtractSum() takes one away again", () => {
  const region = fc.uint8Array({ minLength: 2, maxLength: 200 }).map((octets) => octets.subarray(octets.length % 2));
  fc.assert(
    fc.property(region, region, (first, second) => {
      const whole = Uint8Array.of(...first, ...second);
      assert.equal(addSums(slowSum(first), slowSum(second)), slowSum(whole));
      assert.ok(areCongruent(subtractSum(slowSum(whole), slowSum(first)), slowSum(second)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("updateChecksum() gives the checksum that a computation from the beginning would", () => {
  const word = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), word, (words, changed) => {
      const octets = Uint8Array.from(words.flatMap((value) => [value >> 8, value & 0xff]));
      const before = checksumOf(slowSum(octets));
      octets.set([changed >> 8, changed & 0xff]);
      // Data that is all zero has a sum of its own; elsewhere the representation must be the same.
      if (slowSum(octets) === 0) return;
      assert.equal(updateChecksum(before, words[0], changed), checksumOf(slowSum(octets)));
    }),
    { numRuns: 500 },
  );
});

Deno.test("updateChecksum() gives the result of the example in RFC 1624", () => {
  // §4: the checksum 0xdd2f, a field that changes from 0x5555 to 0x3285: 0x0000, where RFC 1141 gave 0xffff.
  assert.equal(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});

Deno.test("pseudoHeaderSum4() and pseudoHeaderSum6() agree with the sum of the pseudo-header written out", () => {
  for (const protocol of ["tcp", "udp"] as const) {
    for (const transportLen of [8, 20, 1461, 0xffff]) {
      const four = makeParts({ version: 4, protocol, hosts: [200, 255] });
      const six = makeParts({ version: 6, protocol, hosts: [200, 255] });
      assert.equal(
        pseudoHeaderSum4(viewOf(four.ip), 0, four.protocol, transportLen),
        slowSum(pseudoHeader(four.ip, four.protocol, transportLen)),
      );
      assert.equal(
        pseudoHeaderSum6(viewOf(six.ip), 0, six.protocol, transportLen),
        slowSum(pseudoHeader(six.ip, six.protocol, transportLen)),
      );
    }
  }
});
