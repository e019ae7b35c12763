/**
 * Fragments of IP packets, taken apart and put together again, slow and readable: the twin of
 * `src/dataplane/ipv4_fragments.ts` and `src/dataplane/ipv6_fragments.ts`.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import { concat, slowSum } from "./checksum.ts";
import { readLong, readWord, versionOf, writeWord } from "./frame.ts";

/** A packet or a fragment of one, with its frame. */
export interface Fragment {
  readonly ethernet: Uint8Array;
  /** Headers that all fragments have; what differs from one to another is 0: lengths, IPv4 options, header checksum. */
  readonly repeated: Uint8Array;
  /** IPv4 options, else nothing. */
  readonly options: Uint8Array;
  /** Number of what the packet holds. */
  readonly protocol: number;
  readonly identification: number;
  /** Octets of the packet's data in front of this one's. */
  readonly offset: number;
  /** Whether others follow. */
  readonly more: boolean;
  readonly data: Uint8Array;
}

/** Takes a frame apart; lengths and header checksum must be right. */
export function readFragment(frame: Uint8Array): Fragment {
  let ethernetLen = 14;
  for (let tags = 0; tags < 2 && [0x8100, 0x88a8].includes(readWord(frame, ethernetLen - 2)); tags++) ethernetLen += 4;
  const ethernet = frame.slice(0, ethernetLen);
  const packet = frame.slice(ethernetLen);
  return versionOf(packet) === 4 ? readIpv4(ethernet, packet) : readIpv6(ethernet, packet);
}

function readIpv4(ethernet: Uint8Array, packet: Uint8Array): Fragment {
  const headerLen = (packet[0] & 15) * 4;
  assert.equal(readWord(packet, 2), packet.length, "total length");
  assert.equal(slowSum(packet.subarray(0, headerLen)), 0xffff, "header checksum");
  const field = readWord(packet, 6);
  const repeated = packet.slice(0, 20);
  repeated[0] = 0x45;
  writeWord(repeated, 2, 0);
  writeWord(repeated, 6, field & 0xc000);
  writeWord(repeated, 10, 0);
  return {
    ethernet,
    repeated,
    options: packet.slice(20, headerLen),
    protocol: packet[9],
    identification: readWord(packet, 4),
    offset: (field & 0x1fff) * 8,
    more: (field & 0x2000) !== 0,
    data: packet.slice(headerLen),
  };
}

function readIpv6(ethernet: Uint8Array, packet: Uint8Array): Fragment {
  assert.equal(readWord(packet, 4), packet.length - 40, "payload length");
  let nextAt = 6;
  let repeatedLen = 40;
  for (let at = 40, lastAt = 6; [0, 43, 60].includes(packet[lastAt]); lastAt = at, at += (packet[at + 1] + 1) * 8) {
    if (packet[lastAt] !== 60) [nextAt, repeatedLen] = [at, at + (packet[at + 1] + 1) * 8];
  }
  const isFragment = packet[nextAt] === 44;
  const header = packet.subarray(repeatedLen, repeatedLen + 8);
  const protocol = isFragment ? header[0] : packet[nextAt];
  const repeated = packet.slice(0, repeatedLen);
  writeWord(repeated, 4, 0);
  repeated[nextAt] = 0;
  return {
    ethernet,
    repeated,
    options: new Uint8Array(),
    protocol,
    identification: isFragment ? readLong(header, 4) : 0,
    offset: isFragment ? readWord(header, 2) & 0xfff8 : 0,
    more: isFragment && (header[3] & 1) === 1,
    data: packet.slice(isFragment ? repeatedLen + 8 : repeatedLen),
  };
}

/**
 * Puts together what a packet was cut into, given in order; fails unless each continues the one before and they agree.
 *
 * @returns The first, with the data of all, and `more` of the last. Its identification is theirs.
 */
export function joinFragments(frames: Uint8Array[]): Fragment {
  const fragments = frames.map(readFragment);
  const [first] = fragments;
  let offset = first.offset;
  for (const [index, fragment] of fragments.entries()) {
    assert.deepEqual(fragment.ethernet, first.ethernet);
    assert.deepEqual(fragment.repeated, first.repeated);
    assert.equal(fragment.protocol, first.protocol);
    assert.equal(fragment.identification, first.identification);
    assert.equal(fragment.offset, offset, "offset");
    if (index < fragments.length - 1) {
      assert.ok(fragment.more, "more fragments");
      assert.equal(fragment.data.length % 8, 0, "unit of eight octets");
    }
    offset += fragment.data.length;
  }
  return { ...first, more: fragments[fragments.length - 1].more, data: concat(...fragments.map(({ data }) => data)) };
}
