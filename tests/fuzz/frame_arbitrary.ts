/**
 * Generators of frames for property tests.
 *
 * @module
 */
import fc from "fast-check";
import type { FrameSpec } from "../reference/frame.ts";
import type { Offload } from "../reference/offload.ts";

/** Options of every property test: the seed comes with each failure, and `SEED=n` repeats it. */
export function fuzzOptions(numRuns: number): { numRuns: number; seed: number } {
  const seed = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  return { numRuns, seed };
}

const octet = fc.integer({ min: 0, max: 0xff });
const word = fc.integer({ min: 0, max: 0xffff });

/** Octets in a number that `unit` divides, `rest` more. */
function octetsOf(unit: number, maxUnits: number, rest = 0): fc.Arbitrary<Uint8Array> {
  return fc.integer({ min: 0, max: maxUnits }).chain((units) =>
    fc.uint8Array({ minLength: units * unit + rest, maxLength: units * unit + rest })
  );
}

/** A routing header whose journey is over, hop-by-hop options, or destination options. */
const extension = fc.constantFrom(0, 43, 60).chain((number) =>
  octetsOf(8, 2, 6).map((octets): [number, Uint8Array] => [number, number === 43 ? octets.with(1, 0) : octets])
);

/** Everything of a TCP or UDP frame but its payload and its place in a flow. */
export const flowSpec: fc.Arbitrary<FrameSpec> = fc.record({
  version: fc.constantFrom(4, 6),
  protocol: fc.constantFrom("tcp", "udp"),
  ports: fc.tuple(word, word),
  hosts: fc.tuple(octet, octet),
  vlanTags: fc.array(fc.tuple(fc.constantFrom(0x8100, 0x88a8), word), { maxLength: 2 }),
  typeOfService: octet,
  ttl: octet,
  fragment: fc.constantFrom(0, 0x4000),
  ipOptions: octetsOf(4, 10),
  flowLabel: fc.integer({ min: 0, max: 0xfffff }),
  extensions: fc.array(extension, { maxLength: 3 }),
  ack: fc.integer({ min: 0, max: 0xffffffff }),
  window: word,
  urgent: word,
  tcpOptions: octetsOf(4, 10),
}, { noNullPrototype: true });

/** Identifications and sequence numbers, often close to where they wrap around. */
export const startSpec: fc.Arbitrary<FrameSpec> = fc.record({
  identification: fc.oneof(word, fc.integer({ min: 0xfff0, max: 0xffff })),
  seq: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0xffff0000, max: 0xffffffff })),
}, { noNullPrototype: true });

/** A payload, sometimes as long as a super-frame's. */
export const payload: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 30000 })), octet)
  .map(([length, factor]) => Uint8Array.from({ length }, (_, i) => (i * factor) >> 3));

/** Any virtio header, seldom a sensible one. */
export const anyOffload: fc.Arbitrary<Offload> = fc.record({
  flags: fc.oneof(fc.constantFrom(0, 1, 2), octet),
  gsoType: fc.oneof(fc.constantFrom(0, 1, 4, 5, 0x81, 0x84), octet),
  hdrLen: fc.oneof(fc.integer({ min: 0, max: 100 }), word),
  gsoSize: fc.oneof(fc.integer({ min: 0, max: 100 }), word),
  csumStart: fc.oneof(fc.constantFrom(34, 38, 42, 54, 58), fc.integer({ min: 0, max: 100 }), word),
  csumOffset: fc.oneof(fc.constantFrom(6, 16), word),
}, { noNullPrototype: true });

/** A change of a frame: a few octets overwritten, the end cut off or padded. */
export const damage = fc.record({
  octets: fc.array(fc.tuple(fc.integer({ min: 0, max: 120 }), octet), { maxLength: 3 }),
  cut: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 120 })),
  padding: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15 })),
  filler: fc.constantFrom(0, 0, 0xff, 1),
}, { noNullPrototype: true });

/** Returns a damaged copy of a frame. */
export function applyDamage(frame: Uint8Array, { octets, cut, padding, filler }: DamageOf): Uint8Array {
  const damaged = Uint8Array.from(frame);
  for (const [at, value] of octets) damaged[at] = value;
  const rest = damaged.subarray(0, Math.max(0, damaged.length - cut));
  return Uint8Array.of(...rest, ...new Uint8Array(padding).fill(filler));
}

type DamageOf = typeof damage extends fc.Arbitrary<infer Value> ? Value : never;

/** A frame of random octets that may pretend to be an IP frame. */
export const garbage: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 0x0800, 0x86dd, 0x8100), fc.constantFrom(0, 0x45, 0x60))
  .map(([octets, etherType, version]) => {
    if (octets.length > 14 && etherType !== 0) octets.set([etherType >> 8, etherType & 0xff, version], 12);
    return octets;
  });

/** Returns an offload with one field changed. */
export function disturb(offload: Offload, key: keyof Offload, value: number): Offload {
  return { ...offload, [key]: value };
}
