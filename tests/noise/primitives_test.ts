import { strict as assert } from "node:assert";
import fc from "fast-check";
import { equalOctets, noblePrimitives, type Primitives } from "../../src/noise/primitives.ts";
import { nodePrimitives } from "../reference/node_primitives.ts";

const IMPLEMENTATIONS: readonly Primitives[] = [noblePrimitives, nodePrimitives];

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));
const text = (value: string) => new TextEncoder().encode(value);
const ascending = (first: number, length: number) => Uint8Array.from({ length }, (_, index) => first + index);

/** The plaintext of RFC 8439 §2.8.2 and of draft-irtf-cfrg-xchacha-03 §A.3.1. */
const SUNSCREEN = text(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);
const SUNSCREEN_AAD = hex("50515253c0c1c2c3c4c5c6c7");
const SUNSCREEN_KEY = ascending(0x80, 32);

/** Public keys of low order (Bernstein, "Curve25519"; RFC 7748 §6.1 asks for the test). */
const LOW_ORDER_POINTS = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hex);

for (const primitives of IMPLEMENTATIONS) {
  const title = `Primitives (${primitives.name})`;

  Deno.test(`${title}: x25519() computes RFC 7748 §5.2 and §6.1`, () => {
    const scalar = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    const coordinate = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    const product = hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    assert.deepEqual(primitives.x25519(scalar, coordinate), product);

    const alicePublic = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    const bobPrivate = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const bobPublic = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert.deepEqual(primitives.x25519PublicKey(bobPrivate), bobPublic);
    assert.deepEqual(primitives.x25519(bobPrivate, alicePublic), shared);
  });

  Deno.test(`${title}: x25519() returns undefined for each public key of low order`, () => {
    for (const point of LOW_ORDER_POINTS) assert.equal(primitives.x25519(ascending(1, 32), point), undefined);
  });

  Deno.test(`${title}: blake2s() computes RFC 7693 appendix B`, () => {
    const expected = hex("508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
    assert.deepEqual(primitives.blake2s(text("abc")), expected);
  });

  Deno.test(`${title}: aeadSeal() computes RFC 8439 §2.8.2`, () => {
    const sealed = primitives.aeadSeal(SUNSCREEN_KEY, hex("070000004041424344454647"), SUNSCREEN, SUNSCREEN_AAD);
    assert.equal(sealed.length, SUNSCREEN.length + 16);
    assert.deepEqual(sealed.subarray(0, 16), hex("d31a8d34648e60db7b86afbc53ef7ec2"));
    assert.deepEqual(sealed.subarray(-16), hex("1ae10b594f09e26a7e902ecbd0600691"));
  });

  Deno.test(`${title}: xaeadSeal() computes draft-irtf-cfrg-xchacha-03 §A.3.1`, () => {
    const sealed = primitives.xaeadSeal(SUNSCREEN_KEY, ascending(0x40, 24), SUNSCREEN, SUNSCREEN_AAD);
    assert.deepEqual(sealed.subarray(0, 16), hex("bd6d179d3e83d43b9576579493c0e939"));
    assert.deepEqual(sealed.subarray(-16), hex("c0875924c1c7987947deafd8780acf49"));
  });

  for (const [seal, open, nonceLen] of [["aeadSeal", "aeadOpen", 12], ["xaeadSeal", "xaeadOpen", 24]] as const) {
    Deno.test(`${title}: ${open}() returns the plaintext, and undefined after any change`, () => {
      const key = ascending(3, 32);
      const nonce = ascending(5, nonceLen);
      const sealed = primitives[seal](key, nonce, ascending(0, 20), ascending(9, 7));
      assert.deepEqual(primitives[open](key, nonce, sealed, ascending(9, 7)), ascending(0, 20));
      assert.equal(primitives[open](key, nonce, sealed, ascending(9, 8)), undefined);
      for (let index = 0; index < sealed.length; index++) {
        const changed = sealed.slice();
        changed[index] ^= 0x80;
        assert.equal(primitives[open](key, nonce, changed, ascending(9, 7)), undefined, `octet ${index}`);
      }
    });

    Deno.test(`${title}: ${open}() returns undefined for a ciphertext cut at any length`, () => {
      const key = ascending(3, 32);
      const nonce = ascending(5, nonceLen);
      const sealed = primitives[seal](key, nonce, ascending(0, 20), new Uint8Array(0));
      for (let length = 0; length < sealed.length; length++) {
        assert.equal(primitives[open](key, nonce, sealed.subarray(0, length), new Uint8Array(0)), undefined);
      }
    });
  }
}

Deno.test("Primitives: all implementations agree", () => {
  const octets = fc.uint8Array({ maxLength: 200 });
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });
  const xnonce = fc.uint8Array({ minLength: 24, maxLength: 24 });
  fc.assert(
    fc.property(key, key, nonce, xnonce, octets, octets, (first, second, short, long, data, associated) => {
      const results = IMPLEMENTATIONS.map((primitives) => [
        primitives.x25519PublicKey(first),
        primitives.x25519(first, second),
        primitives.blake2s(data),
        primitives.blake2sMac(first.subarray(0, 16), data),
        primitives.blake2sMac(first, data),
        primitives.aeadSeal(first, short, data, associated),
        primitives.xaeadSeal(first, long, data, associated),
      ]);
      for (const result of results) assert.deepEqual(result, results[0]);
    }),
    { numRuns: 100 },
  );
});

Deno.test("noblePrimitives.x25519() throws for a key of the wrong length", () => {
  assert.throws(() => noblePrimitives.x25519(new Uint8Array(31), new Uint8Array(32)), RangeError);
  assert.throws(() => noblePrimitives.x25519(new Uint8Array(32), new Uint8Array(33)), RangeError);
});

Deno.test("equalOctets() compares length and content", () => {
  assert.equal(equalOctets(hex("0102"), hex("0102")), true);
  assert.equal(equalOctets(hex("0102"), hex("0103")), false);
  assert.equal(equalOctets(hex("0102"), hex("010200")), false);
  assert.equal(equalOctets(hex(""), hex("")), true);
});
