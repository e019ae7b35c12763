import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { gunzip } from "../../../src/super/http/gunzip.ts";
import { PEER_REPORT_VECTORS } from "../../vectors/gob.ts";
import { GO_BODY } from "../../vectors/report.ts";

Deno.test("gunzip() unpacks what a reference node packed", () => {
  const gob = gunzip(GO_BODY, 1000);
  assert.ok(gob instanceof Uint8Array);
  assert.equal(gob.toHex(), PEER_REPORT_VECTORS.at(-1)?.octets.toHex());
});

Deno.test("gunzip() makes as much of it as the limit, and no more", () => {
  const octets = new Uint8Array(1000).fill(7);
  const packed = gzipSync(octets);
  assert.deepEqual(new Uint8Array(gunzip(packed, 1000) as Uint8Array), octets);
  assert.equal(gunzip(packed, 999), "too long");
});

Deno.test("gunzip() stops at the limit of a bomb: it takes no longer than the limit's worth", () => {
  // 100 MiB in 100 KiB.
  const bomb = gzipSync(new Uint8Array(100 * 2 ** 20));
  const before = Deno.memoryUsage();
  assert.equal(gunzip(bomb, 2 ** 20), "too long");
  assert.ok(Deno.memoryUsage().external - before.external < 20 * 2 ** 20);
});

Deno.test("gunzip() unpacks several members, as gzip files may have them", () => {
  const packed = Uint8Array.from([...gzipSync("one "), ...gzipSync("two")]);
  assert.equal(new TextDecoder().decode(gunzip(packed, 100) as Uint8Array), "one two");
});

Deno.test("gunzip() refuses gzip that is cut anywhere", () => {
  for (let length = 0; length < GO_BODY.length; length++) {
    assert.equal(gunzip(GO_BODY.subarray(0, length), 1000), "malformed", `${length} octets`);
  }
});

Deno.test("gunzip() refuses other formats and any octets, without throwing", () => {
  for (const text of ["", "plain", "\x1f\x8b"]) {
    assert.equal(gunzip(new TextEncoder().encode(text), 1000), "malformed");
  }
  fc.assert(fc.property(fc.uint8Array(), (octets) => assert.equal(gunzip(octets, 100), "malformed")), { numRuns: 300 });
});

Deno.test("gunzip() never throws on gzip with octets changed", () => {
  const change = fc.tuple(fc.nat(GO_BODY.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const octets = Uint8Array.from(GO_BODY);
      for (const [at, value] of changes) octets[at] = value;
      const result = gunzip(octets, 1000);
      assert.ok(typeof result === "string" || result.length <= 1000);
    }),
    { numRuns: 300 },
  );
});
