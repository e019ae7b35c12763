/**
 * The TUN device between the host and the stack: super-segments in both directions, a queue for each lane.
 *
 * ```text
 *   network ── host's interfaces ── host's router and NAT ── TUN (host's address) ── queues ── the stack (its own address)
 * ```
 *
 * @module
 */

import { formatIpAddress, parseIpAddress } from "../base/endpoint.ts";
import { SystemError } from "../base/errors.ts";
import { Errno, remedyFor } from "../ffi/errno.ts";
import { cString, loadShim, type Shim } from "../ffi/shim.ts";
import { TunFlag, WRITE_FRAME_WORDS, WRITE_PIECE_WORDS } from "../ffi/symbols.ts";
import { PACKET_BURST_MAX, PACKET_HEADROOM, type PacketQueue } from "./packet_queue.ts";

/** `TUN_F_*` of <linux/if_tun.h>: what the kernel may hand to us unfinished. */
const Offload = { CSUM: 0x01, TSO4: 0x02, TSO6: 0x04 } as const;

/** The two ends of the device in one address family: 4 or 16 octets each. */
export interface TunEnds {
  /** The host's address. */
  readonly host: Uint8Array;
  /** The stack's address. */
  readonly stack: Uint8Array;
}

/** How the device is to be. */
export interface TunOptions {
  /** 1 to 15 octets. */
  readonly name: string;
  /** One for each lane. */
  readonly queueCount: number;
  /** Octets of the longest packet; 1280 at least for IPv6. */
  readonly mtu: number;
  /** Packets that the kernel keeps while a lane is busy. */
  readonly queueLen: number;
  /** Whether packets may stand for many segments. */
  readonly offload: boolean;
  readonly ipv4: TunEnds | undefined;
  readonly ipv6: TunEnds | undefined;
}

/** The open device. It goes when the last of its descriptors is closed. */
export interface Tun {
  readonly name: string;
  /** One descriptor a queue. */
  readonly fds: readonly number[];
  /** Whether packets may stand for many segments, in both directions. */
  readonly offload: boolean;
  /** Why the device has no IPv6 address though one was asked for: mostly because IPv6 is switched off in the kernel. */
  readonly ipv6Refusal: SystemError | undefined;
}

/**
 * Makes the device, gives it its attributes and addresses, and sets it up.
 *
 * A device of that name must not exist: a second program would otherwise get a queue of its own, and with it a part of the
 * first one's packets. Addresses are point-to-point, so that no route but the one to the stack is added. A host without
 * IPv6 is no failure as long as IPv4 is asked for as well.
 *
 * @throws {SystemError} If the system refuses, or an address is in use; nothing stays.
 */
export function openTun(options: TunOptions, shim: Shim = loadShim()): Tun {
  for (const ends of [options.ipv4, options.ipv6]) if (ends !== undefined) checkUnused(options.name, ends);
  const flags = TunFlag.VNET_HDR | (options.queueCount > 1 ? TunFlag.MULTI_QUEUE : 0);
  const fds: number[] = [];
  try {
    fds.push(openQueue(options.name, flags | TunFlag.EXCLUSIVE, shim));
    while (fds.length < options.queueCount) fds.push(openQueue(options.name, flags, shim));
    const offload = options.offload && fds.every((fd) => enableOffload(fd, shim));
    const ipv6Refusal = setUpLink(options, shim);
    return { name: options.name, fds, offload, ipv6Refusal };
  } catch (error) {
    for (const fd of fds) shim.symbols.eg_close(fd);
    throw error;
  }
}

/** Refuses addresses that an interface has: the kernel would answer for them itself, or send elsewhere. */
function checkUnused(name: string, ends: TunEnds): void {
  for (const { name: other, address } of Deno.networkInterfaces()) {
    const octets = parseIpAddress(address)?.join();
    if (octets !== ends.host.join() && octets !== ends.stack.join()) continue;
    const remedy = remedyFor(SET_UP, Errno.EADDRINUSE);
    throw new SystemError(
      SET_UP,
      `${name} (address ${address}, in use on ${other})`,
      Errno.EADDRINUSE,
      "EADDRINUSE",
      remedy,
    );
  }
}

function openQueue(name: string, flags: number, shim: Shim): number {
  return shim.check("open TUN device", name, shim.symbols.eg_tun_open(cString(name), flags, new Uint8Array(16)));
}

/** Asks for super-segments on one queue; returns whether the kernel gives them. */
function enableOffload(fd: number, shim: Shim): boolean {
  return shim.symbols.eg_tun_offload(fd, Offload.CSUM | Offload.TSO4 | Offload.TSO6) === 0;
}

const SET_UP = "set up TUN device";

/** Sets attributes and addresses; returns why there is no IPv6, if it was asked for and IPv4 is there. */
function setUpLink(options: TunOptions, shim: Shim): SystemError | undefined {
  const { name, mtu, queueLen, ipv4, ipv6 } = options;
  const { symbols } = shim;
  const link = cString(name);
  shim.check(SET_UP, `${name} (MTU ${mtu})`, symbols.eg_link_set_mtu(link, mtu));
  shim.check(SET_UP, `${name} (queue length)`, symbols.eg_link_set_queue_len(link, queueLen));
  shim.check(SET_UP, `${name} (up)`, symbols.eg_link_set_up(link, 1));
  // Without it the kernel forgets IPv6 addresses, and the route to the stack with them, when somebody sets the device
  // down and up again; those of IPv4 it keeps.
  symbols.eg_sysctl_write(cString(`net/ipv6/conf/${name}/keep_addr_on_down`), cString("1"));
  if (ipv4 !== undefined) addEnds(name, ipv4, shim);
  if (ipv6 === undefined) return undefined;
  try {
    addEnds(name, ipv6, shim);
    return undefined;
  } catch (error) {
    if (ipv4 === undefined || !(error instanceof SystemError)) throw error;
    return error;
  }
}

function addEnds(name: string, ends: TunEnds, shim: Shim): void {
  const [host, stack] = [Uint8Array.from(ends.host), Uint8Array.from(ends.stack)];
  const result = shim.symbols.eg_link_add_address(cString(name), host, host.length, host.length * 8, stack);
  shim.check(SET_UP, `${name} (address ${formatIpAddress(host)})`, result);
}

/** One queue of a TUN device, as a lane sees it. */
export class TunQueue implements PacketQueue {
  readonly fd: number;
  readonly offload: boolean;
  readonly #shim: Shim;
  /** The one frame and the one piece of a write, see `eg_tun_write`. */
  readonly #frame = new Uint32Array(WRITE_FRAME_WORDS);
  readonly #piece = new Uint32Array(WRITE_PIECE_WORDS);
  readonly #result = new Int32Array(1);

  /**
   * @param fd Descriptor of {@linkcode openTun}; closed with this object.
   * @param offload What that reported.
   */
  constructor(fd: number, offload: boolean, shim: Shim = loadShim()) {
    this.fd = fd;
    this.offload = offload;
    this.#shim = shim;
  }

  read(octets: Uint8Array<ArrayBuffer>, packets: Uint32Array<ArrayBuffer>): number {
    const { symbols } = this.#shim;
    return symbols.eg_tun_read(this.fd, octets, octets.length, PACKET_HEADROOM, PACKET_BURST_MAX, packets);
  }

  write(
    head: Uint8Array<ArrayBuffer>,
    headLen: number,
    body: Uint8Array<ArrayBuffer>,
    bodyAt: number,
    bodyLen: number,
  ): number {
    this.#frame[1] = headLen;
    this.#frame[3] = bodyLen === 0 ? 0 : 1;
    this.#piece[0] = bodyAt;
    this.#piece[1] = bodyLen;
    const { symbols } = this.#shim;
    if (symbols.eg_tun_write(this.fd, head, body, this.#frame, this.#piece, 1, this.#result) === 1) return 0;
    const errno = -this.#result[0];
    // What the kernel says of a device that is down; for a socket it means something else.
    return errno === Errno.EIO ? Errno.ENETDOWN : errno;
  }

  sum(octets: Uint8Array<ArrayBuffer>, at: number, length: number): number {
    return this.#shim.symbols.eg_sum(octets, at, length);
  }

  waitForRoom(timeoutMs: number): void {
    this.#shim.symbols.eg_poll_out(this.fd, timeoutMs);
  }

  [Symbol.dispose](): void {
    this.#shim.symbols.eg_close(this.fd);
  }
}
