/**
 * SipHash-2-4 with 64-bit integers, as the paper tells it: the twin of `src/faketcp/sip_hash.ts`.
 *
 * @module
 */

const MASK = (1n << 64n) - 1n;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

/** Returns all 64 bits of the hash. `key` has 16 octets, `message` a multiple of eight. */
export function slowSipHash24(key: Uint8Array, message: Uint8Array): bigint {
  const read = (octets: Uint8Array, at: number) =>
    new DataView(octets.buffer, octets.byteOffset).getBigUint64(at, true);
  const k0 = read(key, 0);
  const k1 = read(key, 8);
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = () => {
    v0 = (v0 + v1) & MASK;
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = (v2 + v3) & MASK;
    v3 = rotate(v3, 16n) ^ v2;
    v0 = (v0 + v3) & MASK;
    v3 = rotate(v3, 21n) ^ v0;
    v2 = (v2 + v1) & MASK;
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  };
  const take = (block: bigint) => {
    v3 ^= block;
    round();
    round();
    v0 ^= block;
  };
  for (let at = 0; at < message.length; at += 8) take(read(message, at));
  take(BigInt(message.length & 0xff) << 56n);
  v2 ^= 0xffn;
  for (let count = 0; count < 4; count++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}
