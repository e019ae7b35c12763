/**
 * A TUN device whose other side is the test: what the kernel sends out there is read, what is written comes in.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { formatIpAddress, parseIpAddress } from "../../src/base/endpoint.ts";
import { cString, loadShim } from "../../src/ffi/shim.ts";
import { TunFlag } from "../../src/ffi/symbols.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { assemble, makeParts, readWord, versionOf } from "../reference/frame.ts";

const shim = loadShim();
const BUFFER_LEN = 256 * 1024;
const MAX_PACKETS = 64;
/** Within this time the kernel has surely sent on what came in. */
const QUIET_MS = 30;

/** In octets, of packets that have a sequence number. */
export const WINDOW = 60_000;

const FLAGS: Record<string, number> = {
  SYN: 0x02,
  RST: 0x04,
  "SYN,FIN": 0x03,
  ACK: 0x10,
  "FIN,ACK": 0x11,
  "SYN,ACK": 0x12,
  "RST,ACK": 0x14,
};

/**
 * One TCP packet in words: `source:port > destination:port flags`, such as `10.9.0.9:4000 > 10.9.0.1:3001 SYN`; ports of
 * IPv6 stand behind the last colon. Packets to send may have their sequence and acknowledgment number behind that.
 */
export type PacketText = string;

/** An interface with the test on its other side. */
export class TunWire implements Disposable {
  readonly name: string;
  readonly #fd: number;

  private constructor(name: string, fd: number) {
    this.name = name;
    this.#fd = fd;
  }

  /** Makes the interface with these addresses, such as `10.9.0.1/24`, and sets it up. */
  static open(name: string, ...addresses: string[]): TunWire {
    const flags = TunFlag.VNET_HDR | TunFlag.EXCLUSIVE;
    const fd = shim.check("TUNSETIFF", name, shim.symbols.eg_tun_open(cString(name), flags, new Uint8Array(16)));
    shim.check("set up interface", name, shim.symbols.eg_link_set_up(cString(name), 1));
    for (const cidr of addresses) {
      const [address, prefixLen] = cidr.split("/");
      const octets = Uint8Array.from(parseIpAddress(address)!);
      const link = cString(name);
      const result = shim.symbols.eg_link_add_address(link, octets, octets.length, Number(prefixLen), null);
      shim.check("set up interface", name, result);
    }
    return new TunWire(name, fd);
  }

  /** Lets a packet come in. */
  send(text: PacketText): void {
    const packet = packetOf(text);
    const heads = new Uint8Array(VIRTIO_NET_HDR_LEN);
    const frame = Uint32Array.of(0, VIRTIO_NET_HDR_LEN, 0, 1);
    const piece = Uint32Array.of(0, packet.length);
    const results = new Int32Array(1);
    shim.symbols.eg_tun_write(this.#fd, heads, packet, frame, piece, 1, results);
    assert.ok(results[0] > 0, `${this.name} takes no packet: ${results[0]}`);
  }

  /** The TCP packets that went out since the last call. */
  receive(): PacketText[] {
    const texts: PacketText[] = [];
    const buffer = new Uint8Array(BUFFER_LEN);
    const frames = new Uint32Array(MAX_PACKETS * 2);
    while (shim.symbols.eg_poll(Int32Array.of(this.#fd), new Uint32Array(1), 1, QUIET_MS, new Float64Array(1)) > 0) {
      const count = shim.symbols.eg_tun_read(this.#fd, buffer, BUFFER_LEN, 0, MAX_PACKETS, frames);
      for (let index = 0; index < count; index++) {
        const packet = buffer.subarray(frames[index * 2], frames[index * 2] + frames[index * 2 + 1]);
        const text = textOf(packet);
        if (text !== undefined) texts.push(text);
      }
    }
    return texts;
  }

  [Symbol.dispose](): void {
    shim.symbols.eg_close(this.#fd);
  }
}

function packetOf(text: PacketText): Uint8Array<ArrayBuffer> {
  const [source, , destination, flags, seq, ack] = text.split(" ");
  const [from, to] = [source, destination].map((end) => {
    const colon = end.lastIndexOf(":");
    return { octets: parseIpAddress(end.slice(0, colon))!, port: Number(end.slice(colon + 1)) };
  });
  const version = from.octets.length === 4 ? 4 : 6;
  const numbers = seq === undefined ? {} : { seq: Number(seq), ack: Number(ack), window: WINDOW };
  const parts = makeParts({ version, ports: [from.port, to.port], flags: FLAGS[flags], ...numbers });
  const ip = Uint8Array.from(parts.ip);
  const addressesAt = version === 4 ? 12 : 8;
  ip.set(from.octets, addressesAt);
  ip.set(to.octets, addressesAt + from.octets.length);
  return Uint8Array.from(assemble({ ...parts, ip, ethernet: new Uint8Array() }));
}

/** What a packet is; `undefined` if it isn't TCP. */
function textOf(packet: Uint8Array): PacketText | undefined {
  const isV4 = versionOf(packet) === 4;
  const [addressesAt, addressLen, protocol, headerLen] = isV4
    ? [12, 4, packet[9], (packet[0] & 15) * 4]
    : [8, 16, packet[6], 40];
  if (protocol !== 6) return undefined;
  const ends = [0, 1].map((index) => {
    const at = addressesAt + index * addressLen;
    return `${formatIpAddress(packet.subarray(at, at + addressLen))}:${readWord(packet, headerLen + index * 2)}`;
  });
  const bits = packet[headerLen + 13] & 0x17;
  const flags = Object.entries(FLAGS).find(([, value]) => value === bits)?.[0] ?? `0x${bits.toString(16)}`;
  return `${ends[0]} > ${ends[1]} ${flags}`;
}
