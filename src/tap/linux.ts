/**
 * The kernel's TAP device, with as many queues as lanes and with segmentation offload in both directions.
 *
 * @module
 */

import { cString, loadShim, type Shim } from "../ffi/shim.ts";
import { TunFlag } from "../ffi/symbols.ts";
import { FRAME_BURST_MAX, FRAME_HEADROOM, type FrameBurst, type TapDevice } from "./device.ts";

/** `TUN_F_*` of <linux/if_tun.h>. */
const Offload = { CSUM: 0x01, TSO4: 0x02, TSO6: 0x04, TSO_ECN: 0x08, USO4: 0x20, USO6: 0x40 } as const;

/**
 * Frames that the kernel keeps while a lane is busy. The default of 500 overflows when many small datagrams are sent in
 * one go; 2,000 of them are still passed on within milliseconds.
 */
const TAP_QUEUE_FRAMES = 2000;

/** The open queues of a device, and what the kernel offers on them. */
export interface TapQueues {
  /** One descriptor a queue. */
  readonly fds: readonly number[];
  /** Name in use: the configured one, or what the kernel chose. */
  readonly name: string;
  /** Whether UDP may be handed over merged, in both directions (Linux 6.2 and later). */
  readonly udpOffload: boolean;
}

/** What {@linkcode setUpTapLink} makes of an interface. */
export interface TapLinkOptions {
  /** In octets, 68 to 65521. */
  readonly mtu: number;
  /** Six octets. */
  readonly macAddress: Uint8Array;
  /** Addresses to add, in this order. */
  readonly addresses: readonly { readonly octets: Uint8Array; readonly prefixLen: number }[];
  /** Whether the addresses that the interface has by itself (IPv6 link-local) are removed first. */
  readonly flushAddresses: boolean;
}

/**
 * Makes a TAP device with `count` queues; when the last is closed, the device goes.
 *
 * If a device of that name exists already, that is refused: a second program would otherwise get a queue of its own, and
 * with it a part of the first one's frames. A single queue is asked for as such, because the kernel otherwise sets up
 * 256 of its own.
 *
 * @param name At most 15 octets; empty lets the kernel choose.
 * @throws {SystemError} If the kernel refuses; nothing stays.
 */
export function openTapQueues(name: string, count: number, shim: Shim = loadShim()): TapQueues {
  const flags = TunFlag.TAP | TunFlag.VNET_HDR | (count > 1 ? TunFlag.MULTI_QUEUE : 0);
  const first = openQueue(name === "" ? "etherguard%d" : name, flags | TunFlag.EXCLUSIVE, shim);
  const fds = [first.fd];
  try {
    while (fds.length < count) fds.push(openQueue(first.name, flags, shim).fd);
  } catch (error) {
    for (const fd of fds) shim.symbols.eg_close(fd);
    throw error;
  }
  return { fds, name: first.name, udpOffload: first.udpOffload };
}

function openQueue(name: string, flags: number, shim: Shim): { fd: number; name: string; udpOffload: boolean } {
  const actual = new Uint8Array(16);
  const fd = shim.check("TUNSETIFF", name, shim.symbols.eg_tun_open(cString(name), flags, actual));
  const base = Offload.CSUM | Offload.TSO4 | Offload.TSO6 | Offload.TSO_ECN;
  const udpOffload = shim.symbols.eg_tun_offload(fd, base | Offload.USO4 | Offload.USO6) === 0;
  if (!udpOffload) shim.check("TUNSETOFFLOAD", name, shim.symbols.eg_tun_offload(fd, base));
  return { fd, name: new TextDecoder().decode(actual.subarray(0, actual.indexOf(0))), udpOffload };
}

/**
 * Gives the interface its attributes and addresses, and sets it up.
 *
 * The order is that of the reference node: MTU, MAC, up, flush, addresses. Nothing has to be undone: all of it goes with
 * the device.
 *
 * @throws {SystemError} If the kernel refuses.
 */
export function setUpTapLink(name: string, options: TapLinkOptions, shim: Shim = loadShim()): void {
  const { symbols } = shim;
  const link = cString(name);
  const operation = "set up interface";
  shim.check(operation, `${name} (MTU ${options.mtu})`, symbols.eg_link_set_mtu(link, options.mtu));
  const mac = Uint8Array.from(options.macAddress);
  shim.check(operation, `${name} (MAC address)`, symbols.eg_link_set_mac(link, mac));
  shim.check(operation, `${name} (queue length)`, symbols.eg_link_set_queue_len(link, TAP_QUEUE_FRAMES));
  shim.check(operation, `${name} (up)`, symbols.eg_link_set_up(link, 1));
  if (options.flushAddresses) {
    shim.check(operation, `${name} (flush addresses)`, symbols.eg_link_flush_addresses(link));
  }
  for (const { octets, prefixLen } of options.addresses) {
    const address = Uint8Array.from(octets);
    const result = symbols.eg_link_add_address(link, address, address.length, prefixLen, null);
    shim.check(operation, `${name} (address ${octets.join(".")}/${prefixLen})`, result);
  }
}

/** One queue of a TAP device, as a lane sees it. */
export class LinuxTap implements TapDevice {
  readonly fd: number;
  readonly #shim: Shim;

  /** @param fd Descriptor of {@linkcode openTapQueues}; closed with this object. */
  constructor(fd: number, shim: Shim = loadShim()) {
    this.fd = fd;
    this.#shim = shim;
  }

  readBurst(burst: FrameBurst): number {
    const { octets, frames } = burst;
    return this.#shim.symbols.eg_tun_read(this.fd, octets, octets.length, FRAME_HEADROOM, FRAME_BURST_MAX, frames);
  }

  writeBurst(
    heads: Uint8Array<ArrayBuffer>,
    body: Uint8Array<ArrayBuffer>,
    frames: Uint32Array<ArrayBuffer>,
    pieces: Uint32Array<ArrayBuffer>,
    count: number,
    results: Int32Array<ArrayBuffer>,
  ): number {
    return this.#shim.symbols.eg_tun_write(this.fd, heads, body, frames, pieces, count, results);
  }

  [Symbol.dispose](): void {
    this.#shim.symbols.eg_close(this.fd);
  }
}
