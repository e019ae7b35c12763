/**
 * UDP sockets with segmentation offload in both directions.
 *
 * @module
 */

import { ENDPOINT_WORDS, formatEndpoint } from "../base/endpoint.ts";
import { pathKindOf, Transport } from "../base/path_kind.ts";
import { Errno } from "../ffi/errno.ts";
import { loadShim, type Shim } from "../ffi/shim.ts";
import { ERROR_WORDS, UdpFlag } from "../ffi/symbols.ts";
import { type Bind, DATAGRAM_SLOT_LEN, type DatagramBurst, SLOTTED_BURST_MAX } from "./bind.ts";

/** Most octets of one run: a UDP payload over IPv4. */
export const UDP_RUN_LEN_MAX = 65507;
/** Most datagrams of one run: `UDP_MAX_SEGMENTS` of Linux before 6.9. */
export const UDP_RUN_DATAGRAMS_MAX = 64;
/** Wish for both buffers of a socket: what arrives within some milliseconds at 10 Gbit/s. */
const SOCKET_BUFFER_LEN = 8 << 20;

/** How the sockets of one address family are to be. */
export interface UdpSocketOptions {
  /** Address and port to bind to; port 0 lets the kernel choose one. A record of `base/endpoint.ts`. */
  readonly local: Uint32Array;
  /** One socket for each lane. */
  readonly count: number;
  /** `SO_MARK`, 0 for none. */
  readonly fwMark: number;
  /** Whether answers leave from the address that was asked (`--bind linux`), or from where the route says. */
  readonly packetInfo: boolean;
  /**
   * Whether {@linkcode UdpBind.readErrors} tells what the network couldn't deliver. Who asks for it must read: unread errors
   * keep the descriptor awake, and take room from what is received.
   */
  readonly reportErrors?: boolean;
}

/** The sockets of one address family. */
export interface UdpSockets {
  readonly fds: readonly number[];
  readonly port: number;
  /** Whether the kernel merges what it receives. */
  readonly receiveOffload: boolean;
}

/**
 * Opens the sockets of one address family, all on one port.
 *
 * With more than one, `SO_REUSEPORT` lets them share the port, and would let a second program share it too without a
 * word; so the port is first taken alone.
 *
 * @throws {SystemError} If the kernel refuses; nothing stays open.
 */
export function openUdpSockets(options: UdpSocketOptions, shim: Shim = loadShim()): UdpSockets {
  const { symbols } = shim;
  const local = Uint32Array.from(options.local.subarray(0, ENDPOINT_WORDS));
  const object = `UDP ${formatEndpoint(local, 0)}`;
  const common = (options.packetInfo ? UdpFlag.PKTINFO : 0) | (options.reportErrors ? UdpFlag.ERRORS : 0);
  const fds: number[] = [];

  function openOne(flags: number): number {
    return shim.check("bind", object, symbols.eg_udp_open(local, flags, options.fwMark, SOCKET_BUFFER_LEN));
  }

  let offload: number = UdpFlag.GRO;
  const probe = symbols.eg_udp_open(local, common | offload, options.fwMark, SOCKET_BUFFER_LEN);
  if (probe === -Errno.ENOPROTOOPT) offload = 0;
  const first = probe === -Errno.ENOPROTOOPT ? openOne(common) : shim.check("bind", object, probe);
  const port = shim.check("getsockname", object, symbols.eg_udp_port(first));
  if (options.count === 1) return { fds: [first], port, receiveOffload: offload !== 0 };

  symbols.eg_close(first);
  local[1] = port;
  try {
    while (fds.length < options.count) fds.push(openOne(common | offload | UdpFlag.REUSEPORT));
  } catch (error) {
    for (const fd of fds) symbols.eg_close(fd);
    throw error;
  }
  return { fds, port, receiveOffload: offload !== 0 };
}

/** One UDP socket, as a lane or the control thread sees it. */
export class UdpBind implements Bind {
  readonly fd: number;
  /** Address family of the endpoints it takes: 4 or 6. */
  readonly family: number;
  readonly transport = Transport.UDP;
  readonly kinds: readonly number[];
  readonly runLenMax = UDP_RUN_LEN_MAX;
  readonly runDatagramsMax = UDP_RUN_DATAGRAMS_MAX;
  readonly #shim: Shim;

  /** @param fd Descriptor of {@linkcode openUdpSockets}; closed with this object. */
  constructor(fd: number, family: number, shim: Shim = loadShim()) {
    this.fd = fd;
    this.family = family;
    this.kinds = [pathKindOf(Transport.UDP, family)];
    this.#shim = shim;
  }

  service(): number {
    return Infinity;
  }

  receiveBurst(burst: DatagramBurst): number {
    const { symbols } = this.#shim;
    return symbols.eg_udp_receive(
      this.fd,
      burst.octets as Uint8Array<ArrayBuffer>,
      DATAGRAM_SLOT_LEN,
      SLOTTED_BURST_MAX,
      burst.received as Uint32Array<ArrayBuffer>,
    );
  }

  sendRuns(
    octets: Uint8Array<ArrayBuffer>,
    runs: Uint32Array<ArrayBuffer>,
    count: number,
    endpoints: Uint32Array<ArrayBuffer>,
  ): number {
    return this.#shim.symbols.eg_udp_send(this.fd, octets, runs, count, endpoints);
  }

  readErrors(records: Uint32Array<ArrayBuffer>): number {
    return this.#shim.symbols.eg_udp_errors(this.fd, records, Math.floor(records.length / ERROR_WORDS));
  }

  waitForRoom(timeoutMs: number): void {
    this.#shim.symbols.eg_poll_out(this.fd, timeoutMs);
  }

  [Symbol.dispose](): void {
    this.#shim.symbols.eg_close(this.fd);
  }
}
