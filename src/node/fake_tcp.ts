/**
 * FakeTCP of a node: the TUN device and the stack behind it, joined with the lanes and with the paths of peers.
 *
 * ```text
 *   lanes ── SEGMENT events ──▶ handlePacket ──▶ Stack ── events ──▶ PathControl
 *                                                │  ▲                    │
 *                        TUN device ◀── packets ─┘  └────── dials ───────┘
 * ```
 *
 * @module
 */

import { endpointAddress } from "../base/endpoint.ts";
import { getLogger } from "../base/log.ts";
import type { RandomSource } from "../base/random.ts";
import type { FakeTcpConfig } from "../config/faketcp_config.ts";
import { FakeTcpBind } from "../conn/faketcp_bind.ts";
import type { Dialler } from "../control/fake_tcp_paths.ts";
import type { PathControl } from "../control/path_control.ts";
import type { LaneFakeTcp } from "../dataplane/lane_worker.ts";
import {
  ConnectionState,
  type ConnectionTable,
  createConnectionTable,
  REMOTE_WORDS,
} from "../faketcp/connection_table.ts";
import { DIAL_PORTS, HALF_OPEN_MAX, HOST_HOPS } from "../faketcp/constants.ts";
import { LINUX } from "../faketcp/fingerprint.ts";
import { mssOfMtu } from "../faketcp/negotiation.ts";
import { createLocalHost } from "../faketcp/packet.ts";
import type { CookieOptions, SegmentSink } from "../faketcp/segment_gate.ts";
import { Stack, type StackEvent } from "../faketcp/stack.ts";
import { openTun, type Tun, TunQueue } from "../faketcp/tun.ts";
import { Errno } from "../ffi/errno.ts";
import type { Shim } from "../ffi/shim.ts";
import { trackLiberally } from "../host/conntrack.ts";

/** Packets that the kernel keeps while a lane is busy. */
const TUN_QUEUE_PACKETS = 2000;
/** Rows of the table of connections beside two for each peer: accepted ones that are nobody's yet. */
const SPARE_CONNECTIONS = 1024;
/** Longest packet of the stack itself: headers, options, the first payload. */
const STACK_PACKET_MAX = 2048;

const log = getLogger("faketcp");

/** How FakeTCP is to be opened. */
export interface FakeTcpNodeOptions {
  readonly config: FakeTcpConfig;
  /** TCP ports to listen on; the first is the one that peers are told. */
  readonly listenPorts: readonly number[];
  readonly laneCount: number;
  readonly peerCount: number;
  readonly random: RandomSource;
}

/** Who is told what becomes of connections. */
export type ConnectionOwner = Pick<
  PathControl,
  "handleConnectionOpened" | "handleConnectionClosed" | "handleConnectionDoubted" | "handleConnectionLimit"
>;

/** The control thread's own segments come from lanes: nothing is received here. */
const NO_SINK: SegmentSink = { takeSegment: () => false, drop: () => {} };

/** FakeTCP of a running node. Disposing of it closes the TUN device. */
export class FakeTcpNode implements Dialler, Disposable {
  /** Sends the control thread's own datagrams, on the first lane's queue. */
  readonly bind: FakeTcpBind;
  readonly tun: Tun;
  readonly listenPorts: readonly number[];
  readonly #table: ConnectionTable;
  readonly #stack: Stack;
  readonly #lane: Omit<LaneFakeTcp, "queueFd" | "verifiesChecksums">;
  readonly #shim: Shim;
  readonly #packet = new Uint8Array(STACK_PACKET_MAX);
  #toldUnprotected = false;

  /**
   * Opens the TUN device and makes the stack.
   *
   * @throws {SystemError} If the system refuses; nothing stays.
   */
  constructor(options: FakeTcpNodeOptions, shim: Shim) {
    const { config, listenPorts, laneCount, peerCount, random } = options;
    const { ipv4, ipv6, tunMtu: mtu, isn, firstPayload } = config;
    this.tun = openTun({
      name: config.tunName,
      queueCount: laneCount,
      mtu,
      queueLen: TUN_QUEUE_PACKETS,
      offload: true,
      ipv4: ipv4 && { host: ipv4.host.address, stack: ipv4.stack },
      ipv6: ipv6 && { host: ipv6.host.address, stack: ipv6.stack },
    }, shim);
    this.listenPorts = listenPorts;
    this.#shim = shim;
    this.#table = createConnectionTable(2 ** Math.ceil(Math.log2(2 * peerCount + SPARE_CONNECTIONS)), random);
    const addressV4 = ipv4?.stack;
    const addressV6 = this.tun.ipv6Refusal === undefined ? ipv6?.stack : undefined;
    this.#stack = new Stack({
      table: this.#table,
      random,
      settings: {
        addressV4,
        addressV6,
        listenPorts,
        mtu,
        fingerprint: LINUX,
        isn,
        firstPayload,
        dialPorts: DIAL_PORTS,
        halfOpenMax: HALF_OPEN_MAX,
      },
    });
    const { offload } = this.tun;
    const ttl = LINUX.ttl + HOST_HOPS;
    const cookies: CookieOptions = cookieOptions(listenPorts, mtu);
    this.#lane = { connections: this.#table.buffer, offload, addressV4, addressV6, ttl, cookies };
    this.bind = new FakeTcpBind({
      table: this.#table,
      local: createLocalHost(addressV4, addressV6, ttl),
      queue: new TunQueue(this.tun.fds[0], offload, shim),
      sink: NO_SINK,
      cookies,
      verifiesChecksums: true,
    });
  }

  /** What a lane is told. @param verifiesChecksums Not needed where connection tracking of this machine does it. */
  laneOptions(lane: number, verifiesChecksums: boolean): LaneFakeTcp {
    return { ...this.#lane, queueFd: this.tun.fds[lane], verifiesChecksums };
  }

  dial(remote: Uint32Array, nowMs: number, way: number): number {
    return this.#stack.dial(remote, nowMs, way);
  }

  close(row: number, nowMs: number): void {
    this.#stack.close(row, nowMs);
  }

  abort(row: number, nowMs: number): void {
    this.#stack.abort(row, nowMs);
  }

  setSingles(row: number): void {
    this.#stack.setSingles(row);
  }

  /** Takes in the beginning of a packet that a lane couldn't deal with. */
  handlePacket(packet: Uint8Array, nowMs: number): void {
    this.#stack.handlePacket(packet, packet.length, nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#stack.handleTimeout(nowMs);
  }

  pollTimeout(): number {
    return this.#stack.pollTimeout();
  }

  /** Sends what the stack wants sent and tells the paths what happened. Returns whether there was anything. */
  drain(paths: ConnectionOwner, nowMs: number): boolean {
    let isBusy = false;
    for (let event = this.#stack.pollEvent(); event !== undefined; event = this.#stack.pollEvent()) {
      isBusy = true;
      if (event.kind === "opened") this.#protect(event.row);
      tell(paths, event, nowMs);
    }
    return this.#transmit(nowMs) || isBusy;
  }

  /** Ends all connections in an orderly way, as far as that goes without waiting. */
  closeAll(nowMs: number): void {
    for (let row = 0; row < this.#table.capacity; row++) {
      if (Atomics.load(this.#table.state, row) === ConnectionState.OPEN) this.#stack.close(row, nowMs);
    }
    this.#transmit(nowMs);
  }

  /** Closes the queues; with the last the device goes. */
  [Symbol.dispose](): void {
    for (const fd of this.tun.fds) this.#shim.symbols.eg_close(fd);
  }

  /** Keeps forged segments from making the kernel drop genuine ones. Where it can't be told to, the paths find out. */
  #protect(row: number): void {
    const { remote } = this.#table;
    const words = row * REMOTE_WORDS;
    const { addressV4, addressV6 } = this.#lane;
    const address = remote[words] === 4 ? addressV4! : addressV6!;
    const stack = { address, port: remote[words + REMOTE_WORDS - 1] };
    const peer = { address: endpointAddress(remote, words), port: remote[words + 1] };
    const errno = trackLiberally(stack, peer, this.#shim);
    // What isn't tracked can't be harmed.
    if (errno === 0 || errno === Errno.ENOENT || this.#toldUnprotected) return;
    this.#toldUnprotected = true;
    log.warn("kernel can't be told to track our connections liberally; forged segments may end them", {
      cause: this.#shim.errnoName(errno),
    });
  }

  #transmit(nowMs: number): boolean {
    this.bind.service(nowMs);
    let count = 0;
    for (let length = this.#stack.pollTransmit(this.#packet); length > 0; count++) {
      this.bind.writePacket(this.#packet, 0, length);
      length = this.#stack.pollTransmit(this.#packet);
    }
    return count > 0;
  }
}

function tell(paths: ConnectionOwner, event: StackEvent, nowMs: number): void {
  switch (event.kind) {
    case "opened":
      return paths.handleConnectionOpened(event, nowMs);
    case "closed":
      return paths.handleConnectionClosed(event.row, event.generation, event.why, nowMs);
    case "doubted":
      return paths.handleConnectionDoubted(event.row, nowMs);
    case "limit changed":
      return paths.handleConnectionLimit(event.row, event.maxDatagramLen, nowMs);
  }
}

function cookieOptions(ports: readonly number[], mtu: number): CookieOptions {
  return { ports, mssV4: mssOfMtu(4, mtu), mssV6: mssOfMtu(6, mtu), window: LINUX.synWindow };
}
