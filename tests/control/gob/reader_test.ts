import { strict as assert } from "node:assert";
import fc from "fast-check";
import { GobFault } from "../../../src/control/gob/fault.ts";
import { GobReader } from "../../../src/control/gob/reader.ts";
import { GobWriter } from "../../../src/control/gob/writer.ts";

function readerOf(hex: string): GobReader {
  return new GobReader(Uint8Array.fromHex(hex));
}

Deno.test("GobReader reads what GobWriter wrote, however long", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 400 });
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.double(), text, fc.uint8Array({ maxLength: 3000 }), (n, x, words, octets) => {
      const writer = new GobWriter();
      writer.writeUnsigned(n);
      writer.writeFloat(x);
      writer.writeString(words);
      writer.writeSigned(-1);
      writer.writeOctets(octets);
      const reader = new GobReader(writer.written);
      assert.equal(reader.readUnsigned(), n);
      assert.equal(reader.readFloat(), x);
      assert.equal(reader.readString(10_000), words);
      assert.equal(reader.readSigned(), -1);
      assert.deepEqual(reader.readOctets(10_000), octets);
      assert.equal(reader.remaining, 0);
      assert.equal(reader.fault, GobFault.NONE);
    }),
  );
});

Deno.test("GobReader keeps the first fault, and has nothing more to read", () => {
  const reader = readerOf("80" + "0102030405");
  assert.equal(reader.readUnsigned(), 0);
  assert.equal(reader.fault, GobFault.NUMBER_MALFORMED);
  assert.equal(reader.remaining, 0);
  assert.equal(reader.readString(10), "");
  assert.deepEqual(reader.readOctets(10), new Uint8Array(0));
  assert.equal(reader.readMessage().remaining, 0);
  assert.equal(reader.fault, GobFault.NUMBER_MALFORMED);
});

Deno.test("GobReader refuses a number that ends outside", () => {
  const octets = Uint8Array.fromHex("fe0102");
  const reader = new GobReader(octets, 0, 2);
  assert.equal(reader.readUnsigned(), 0);
  assert.equal(reader.fault, GobFault.TRUNCATED);
});

Deno.test("GobReader refuses an integer from 2^53 on, and passes over it where nobody wants it", () => {
  const reader = readerOf("f8ffffffffffffffff");
  assert.equal(reader.readUnsigned(), 0);
  assert.equal(reader.fault, GobFault.NUMBER_RANGE);
  const skipping = readerOf("f8ffffffffffffffff" + "07");
  skipping.skipNumber();
  assert.equal(skipping.readUnsigned(), 7);
});

Deno.test("GobReader refuses a count of more than what remains, and a string beyond the limit", () => {
  const short = readerOf("03" + "6162");
  assert.equal(short.readString(10), "");
  assert.equal(short.fault, GobFault.TRUNCATED);
  const long = readerOf("03" + "616263");
  assert.equal(long.readString(2), "");
  assert.equal(long.fault, GobFault.OVERSIZED);
});

Deno.test("GobReader gives a message a reader that sees nothing else", () => {
  const stream = readerOf("02" + "0102" + "05");
  const message = stream.readMessage();
  assert.deepEqual([message.readUnsigned(), message.readUnsigned(), message.readUnsigned()], [1, 2, 0]);
  assert.equal(message.fault, GobFault.TRUNCATED);
  assert.equal(stream.fault, GobFault.NONE);
  assert.equal(stream.readUnsigned(), 5);
});

Deno.test("GobReader replaces what isn't UTF-8, and keeps a byte order mark", () => {
  assert.equal(readerOf("03" + "61ff62").readString(3), "a\ufffdb");
  assert.equal(readerOf("04" + "efbbbf61").readString(4), "\ufeffa");
});
