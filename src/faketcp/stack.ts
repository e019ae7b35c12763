/**
 * The FakeTCP stack: opens and closes connections in the shared table, answers for ports, and does nothing else.
 *
 * It runs in the control thread. Lanes carry the data (`segment_sender.ts`, `segment_receiver.ts`) and hand over what they
 * can't deal with: SYN, FIN, RST, segments without a connection, acknowledgments that open one, ICMP errors. The stack finds
 * the {@linkcode Socket} concerned, or answers as a host does that has none:
 *
 * | segment without a connection | answer |
 * | --- | --- |
 * | SYN to a port that is listened on | a half-open connection, or a SYN cookie if there are too many |
 * | acknowledgment of a cookie | a connection |
 * | SYN or SYN-ACK to the rendezvous port (`base/dial_way.ts`) | none: the peer is early, and a reset would close the way |
 * | RST | none |
 * | anything else | a reset (RFC 9293 §3.5.2), within limits |
 *
 * What a flood can take is bounded: half-open connections by a number, others' connections by a share of the rows, waiting
 * answers by a ring, rows in TIME-WAIT by a share; and a row in use is never taken from its connection.
 *
 * Nothing here does I/O or reads a clock: `handle…` takes in, `pollTransmit` gives packets, `pollTimeout` the next deadline,
 * `pollEvent` what the owner should know.
 *
 * @module
 */

import { DialWay } from "../base/dial_way.ts";
import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, ENDPOINT_WORDS } from "../base/endpoint.ts";
import { type RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import { readIpv4TotalLen } from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, readIpv6PayloadLen } from "../wire/ipv6.ts";
import { seqAdd, seqInWindow } from "../wire/sequence.ts";
import { TcpFlag } from "../wire/tcp.ts";
import {
  ConnectionFlag,
  ConnectionState,
  type ConnectionTable,
  findConnection,
  linkConnection,
  NO_CONNECTION,
  REMOTE_WORDS,
  unlinkConnection,
} from "./connection_table.ts";
import { ACCEPTED_QUARTERS, HOST_HOPS, ICMP_SLACK, IPV6_MTU_MIN, RESETS_PER_SECOND } from "./constants.ts";
import { type SocketContext } from "./control_segments.ts";
import { type Fingerprint } from "./fingerprint.ts";
import { type IcmpError, readIcmpError } from "./icmp_error.ts";
import { datagramLenOfMss, mssOfMtu } from "./negotiation.ts";
import { completeChecksum, createLocalHost, type LocalHost, SynOption, writeReset } from "./packet.ts";
import { ReplyQueue } from "./reply_queue.ts";
import { RowPool } from "./row_pool.ts";
import { checkSegment, createSegmentInfo, segmentLen } from "./segment_reader.ts";
import { type CloseReason, type DoubtCause, Socket, type SocketEvent } from "./socket.ts";
import { checkSynCookie, writeCookieSynAck } from "./syn_cookie.ts";
import { TokenBucket } from "../base/token_bucket.ts";

/** What the owner decides. */
export interface StackSettings {
  /** Four octets; left out for a stack without IPv4. */
  readonly addressV4?: Uint8Array;
  /** Sixteen octets; left out for a stack without IPv6. */
  readonly addressV6?: Uint8Array;
  /** Ports on which connections are accepted. */
  readonly listenPorts: readonly number[];
  /** First and last of the ports from which connections are dialled. */
  readonly dialPorts: readonly [number, number];
  /** MTU of the TUN device: from it follows our MSS. */
  readonly mtu: number;
  readonly fingerprint: Fingerprint;
  /** Initial sequence numbers of dialled connections: random, or zero for peers that accept no other. */
  readonly isn: "random" | "zero";
  /** Octets that the dialler sends as the first segment with data; empty for none. Longer than one segment: not sent. */
  readonly firstPayload: Uint8Array;
  /** Half-open connections to remember; what exceeds them gets SYN cookies. */
  readonly halfOpenMax: number;
}

/** What the owner should know. `row` and `generation` name the connection. */
export type StackEvent =
  | {
    readonly kind: "opened";
    readonly row: number;
    readonly generation: number;
    /** Whether we dialled. */
    readonly dialled: boolean;
    /** Endpoint record of 12 words that names remote side and connection. */
    readonly endpoint: Uint32Array;
    readonly maxDatagramLen: number;
  }
  | { readonly kind: "closed"; readonly row: number; readonly generation: number; readonly why: CloseReason }
  | { readonly kind: "doubted"; readonly row: number; readonly generation: number; readonly cause: DoubtCause }
  | {
    readonly kind: "limit changed";
    readonly row: number;
    readonly generation: number;
    readonly maxDatagramLen: number;
  };

/** Longest headers of a segment: with these octets at hand the rest of a packet needn't be there. */
const HEADERS_LEN_MAX = 120;

const { FIN, SYN, RST, ACK } = TcpFlag;

/** All connections of one TUN device. */
export class Stack {
  readonly #table: ConnectionTable;
  readonly #settings: StackSettings;
  readonly #random: RandomSource;
  readonly #local: LocalHost;
  readonly #context: SocketContext;
  readonly #pool: RowPool;
  /** By row. */
  readonly #sockets = new Map<number, Socket>();
  /** Rows of connections that a stranger's SYN began and nobody acknowledged yet. */
  readonly #halfOpen = new Set<number>();
  /** Rows of connections that others opened. */
  readonly #accepted = new Set<number>();
  /** Rows in TIME-WAIT, the oldest first. */
  readonly #timeWait = new Set<number>();
  /** Rows whose socket has something to send. */
  readonly #ready = new Set<number>();
  /** Port from which connections that share one outside port are dialled, by address family; drawn when first needed. */
  readonly #rendezvousPorts = new Map<number, number>();
  readonly #replies = new ReplyQueue();
  readonly #resets = new TokenBucket(RESETS_PER_SECOND);
  readonly #events: StackEvent[] = [];
  readonly #info = createSegmentInfo();
  /** Last time that was given. */
  #nowMs = 0;
  /** No socket has anything to do before; it may have nothing to do then either. */
  #timerMs = Infinity;

  constructor(options: { table: ConnectionTable; random: RandomSource; settings: StackSettings }) {
    const { table, random, settings } = options;
    const { fingerprint, isn, firstPayload } = settings;
    this.#table = table;
    this.#settings = settings;
    this.#random = random;
    this.#local = createLocalHost(settings.addressV4, settings.addressV6, fingerprint.ttl + HOST_HOPS);
    this.#context = { table, random, local: this.#local, fingerprint, isn, firstPayload };
    this.#pool = new RowPool(table.capacity);
  }

  /**
   * Begins to open a connection. An event "opened" or "closed" follows.
   *
   * A punch goes on whatever NATs and routers on the way answer: they do so until the other side's SYN has passed them.
   *
   * @param remote Endpoint record; its remote side is read.
   * @param way A {@linkcode DialWay}. The rendezvous port stays the same until a dial that isn't a punch finds a connection
   * from it to the same remote side.
   * @returns The row, or {@linkcode NO_CONNECTION}: without an address of that family, a free row or a free port, or for a
   * link-local address, which no route leads to.
   */
  dial(remote: Uint32Array, nowMs: number, way: number = DialWay.ORDINARY): number {
    this.#nowMs = nowMs;
    const { addressV4, addressV6 } = this.#settings;
    const address = remote[0] === 4 ? addressV4 : remote[0] === 6 ? addressV6 : undefined;
    if (address === undefined || remote[1] === 0 || remote[6] !== 0) return NO_CONNECTION;
    const port = way === DialWay.ORDINARY ? this.#chooseDialPort(remote) : this.#takeRendezvousPort(remote, way);
    if (port === 0) return NO_CONNECTION;
    const socket = this.#openSocket(remote, port, true);
    if (socket === undefined) return NO_CONNECTION;
    socket.connect(nowMs, way === DialWay.PUNCH);
    this.#settle(socket);
    return socket.row;
  }

  /** Ends a connection in an orderly way: datagrams stop at once, "closed" follows. */
  close(row: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const socket = this.#sockets.get(row);
    if (socket === undefined) return;
    socket.close(nowMs);
    this.#settle(socket);
  }

  /** Forgets a connection: nothing is sent, and no event comes. What the peer sends on it is answered as a stranger's. */
  abort(row: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const socket = this.#sockets.get(row);
    if (socket === undefined) return;
    socket.abort();
    this.#release(row);
  }

  /** Has each datagram of a connection sent as a segment of its own from now on. */
  setSingles(row: number): void {
    Atomics.or(this.#table.flags, row, ConnectionFlag.SINGLES);
  }

  /**
   * Takes in a packet that a lane couldn't deal with. The checksum of a segment was verified there; that of ICMP is here.
   *
   * @param octets Begins with the IP header. Of a segment the beginning will do, {@linkcode HEADERS_LEN_MAX} octets of it.
   * @param length Octets at hand.
   * @returns `Reason.NONE`, or why the packet was dropped without a look at any connection.
   */
  handlePacket(octets: Uint8Array, length: number, nowMs: number): number {
    this.#nowMs = nowMs;
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    const reason = checkSegment(view, 0, wholeLen(view, length), this.#local, this.#info);
    if (reason === Reason.NONE) {
      this.#handleSegment();
      return Reason.NONE;
    }
    const error = reason === Reason.SEGMENT_FOREIGN ? readIcmpError(view, 0, length, this.#local) : undefined;
    if (error === undefined) return reason;
    this.#handleIcmpError(error);
    return Reason.NONE;
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs < this.#timerMs) return;
    this.#timerMs = Infinity;
    for (const socket of [...this.#sockets.values()]) {
      socket.handleTimeout(nowMs);
      this.#settle(socket);
    }
  }

  /** Returns when {@linkcode handleTimeout} is to be called, ms; the last time given if packets or events wait. */
  pollTimeout(): number {
    const isIdle = this.#replies.isEmpty() && this.#ready.size === 0 && this.#events.length === 0;
    return isIdle ? this.#timerMs : this.#nowMs;
  }

  /**
   * Writes the next packet to be sent, with complete checksums.
   *
   * @param out Has room for a packet as long as the MTU.
   * @returns Octets written; 0 if there is none.
   */
  pollTransmit(out: Uint8Array): number {
    if (!this.#replies.isEmpty()) return this.#replies.take(out);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    for (const row of this.#ready) {
      const length = this.#sockets.get(row)?.pollTransmit(view, 0) ?? 0;
      if (length > 0) return length;
      this.#ready.delete(row);
    }
    return 0;
  }

  /** Returns what happened next, if anything. */
  pollEvent(): StackEvent | undefined {
    return this.#events.shift();
  }

  #handleSegment(): void {
    const info = this.#info;
    const socket = this.#sockets.get(findConnection(this.#table, info.tuple, 0, info.localPort));
    if (socket === undefined) return this.#handleStranger();
    if (socket.isReopenedBy(info)) {
      this.#release(socket.row);
      return this.#handleStranger();
    }
    socket.handleSegment(info, this.#nowMs);
    this.#settle(socket);
  }

  /** A segment that belongs to no connection. */
  #handleStranger(): void {
    const info = this.#info;
    if ((info.flags & RST) !== 0) return;
    if (this.#settings.listenPorts.includes(info.localPort)) {
      const control = info.flags & (SYN | ACK | FIN);
      if (control === SYN) return this.#handleSyn();
      const peerMss = control === ACK ? checkSynCookie(this.#table, info, this.#nowMs) : 0;
      if (peerMss > 0) return this.#acceptCookie(peerMss);
    }
    if ((info.flags & SYN) !== 0 && this.#rendezvousPorts.get(info.family) === info.localPort) return;
    if (this.#resets.take(this.#nowMs)) this.#replyReset();
  }

  #handleSyn(): void {
    if (this.#halfOpen.size >= this.#settings.halfOpenMax) return this.#replyCookie();
    const socket = this.#openSocket(this.#info.tuple, this.#info.localPort, false);
    if (socket === undefined) return;
    socket.accept(this.#info, this.#nowMs);
    this.#settle(socket);
  }

  #acceptCookie(peerMss: number): void {
    const socket = this.#openSocket(this.#info.tuple, this.#info.localPort, false);
    if (socket === undefined) return;
    socket.acceptCookie(this.#info, peerMss, this.#nowMs);
    this.#settle(socket);
  }

  #replyCookie(): void {
    const { fingerprint, mtu } = this.#settings;
    const mss = (fingerprint.synOptions & SynOption.MSS) === 0 ? 0 : mssOfMtu(this.#info.family, mtu);
    const window = fingerprint.synWindow;
    this.#replies.add((view, at) => {
      const length = writeCookieSynAck(view, at, this.#table, this.#local, this.#info, mss, window, this.#nowMs);
      completeChecksum(view, at, length);
      return length;
    });
  }

  /** RFC 9293 §3.5.2: a reset that the sender of the segment will find acceptable. */
  #replyReset(): void {
    const info = this.#info;
    const hasAck = (info.flags & ACK) !== 0;
    const seq = hasAck ? info.ack : 0;
    const ack = hasAck ? 0 : seqAdd(info.seq, segmentLen(info));
    const flags = hasAck ? RST : RST | ACK;
    this.#replies.add((view, at) => {
      const length = writeReset(view, at, info.tuple, 0, this.#local, flags, seq, ack);
      completeChecksum(view, at, length);
      return length;
    });
  }

  #handleIcmpError(error: IcmpError): void {
    const table = this.#table;
    const { tuple, seq } = error;
    const socket = this.#sockets.get(findConnection(table, tuple, 0, tuple[REMOTE_WORDS - 1]));
    if (socket === undefined) return;
    const { row } = socket;
    // In flight (RFC 5927 §4.1). A later segment may have been acknowledged before the router's word about an earlier,
    // longer one arrives: what counts as acknowledged here is only the furthest octet. So a little older will do as well.
    const start = seqAdd(Atomics.load(table.sndUna, row), socket.state === "ESTABLISHED" ? -ICMP_SLACK : 0);
    const end = Atomics.load(table.sndNxt, row) + Atomics.load(table.sndLag, row);
    if (!seqInWindow(seq, start, (end - start) >>> 0)) return;
    if (error.kind === "unreachable") {
      socket.handleUnreachable(this.#nowMs);
    } else {
      const mtu = tuple[0] === 6 ? Math.max(error.mtu, IPV6_MTU_MIN) : error.mtu;
      const hasTimestamps = (Atomics.load(table.flags, row) & ConnectionFlag.TIMESTAMPS) !== 0;
      socket.handleLimit(datagramLenOfMss(mssOfMtu(tuple[0], mtu), hasTimestamps), this.#nowMs);
    }
    this.#settle(socket);
  }

  /** Takes a row and enters it into the table, in a state in which no lane uses it. */
  #openSocket(remote: Uint32Array, localPort: number, isDialled: boolean): Socket | undefined {
    const table = this.#table;
    if (!isDialled && this.#accepted.size * 4 >= table.capacity * ACCEPTED_QUARTERS) return undefined;
    const row = this.#pool.take(this.#nowMs);
    if (row === NO_CONNECTION) return undefined;
    Atomics.store(table.state, row, ConnectionState.CLOSED);
    Atomics.add(table.generation, row, 1);
    linkConnection(table, row, remote, 0, localPort);
    const socket = new Socket(this.#context, row, isDialled, mssOfMtu(remote[0], this.#settings.mtu));
    this.#sockets.set(row, socket);
    if (!isDialled) this.#accepted.add(row);
    return socket;
  }

  /** Finds a port from which no connection to this remote side exists; 0 if there is none. */
  #chooseDialPort(remote: Uint32Array): number {
    const [first, last] = this.#settings.dialPorts;
    const count = last - first + 1;
    const start = this.#random.uint32() % count;
    for (let step = 0; step < count; step++) {
      const port = first + (start + step) % count;
      if (findConnection(this.#table, remote, 0, port) === NO_CONNECTION) return port;
    }
    return 0;
  }

  /** Returns the rendezvous port for a dial, 0 if there is none. What is left of an earlier connection makes way. */
  #takeRendezvousPort(remote: Uint32Array, way: number): number {
    const family = remote[0];
    const present = this.#rendezvousPorts.get(family);
    if (present !== undefined) {
      const row = findConnection(this.#table, remote, 0, present);
      if (this.#sockets.get(row)?.isClosing()) this.#release(row);
      else if (row !== NO_CONNECTION && way === DialWay.PUNCH) return 0;
      else if (row !== NO_CONNECTION) this.#rendezvousPorts.delete(family);
    }
    const port = this.#rendezvousPorts.get(family) ?? this.#chooseDialPort(remote);
    if (port !== 0) this.#rendezvousPorts.set(family, port);
    return port;
  }

  /** After each call of a socket's function: passes on its events, notes its deadline, and gives up its row if it is done. */
  #settle(socket: Socket): void {
    const { row, state } = socket;
    for (let event = socket.pollEvent(); event !== undefined; event = socket.pollEvent()) {
      this.#events.push(this.#describe(socket, event));
    }
    if (state === "CLOSED") return this.#release(row);
    if (state === "SYN-RECEIVED" && !socket.isDialled) this.#halfOpen.add(row);
    else this.#halfOpen.delete(row);
    if (!socket.hasOutput()) this.#ready.delete(row);
    else this.#ready.add(row);
    this.#timerMs = Math.min(this.#timerMs, socket.deadlineMs());
    if (state !== "TIME-WAIT" || this.#timeWait.has(row)) return;
    // Rows in TIME-WAIT only answer latecomers; when they become many the oldest must do without.
    this.#timeWait.add(row);
    const [oldest] = this.#timeWait;
    if (this.#timeWait.size * 4 > this.#table.capacity) this.#release(oldest);
  }

  #release(row: number): void {
    Atomics.store(this.#table.state, row, ConnectionState.CLOSED);
    unlinkConnection(this.#table, row);
    this.#pool.release(row, this.#nowMs);
    this.#sockets.delete(row);
    this.#halfOpen.delete(row);
    this.#accepted.delete(row);
    this.#timeWait.delete(row);
    this.#ready.delete(row);
  }

  #describe(socket: Socket, event: SocketEvent): StackEvent {
    const table = this.#table;
    const { row } = socket;
    const generation = Atomics.load(table.generation, row);
    const maxDatagramLen = Atomics.load(table.maxDatagramLen, row);
    switch (event.kind) {
      case "opened": {
        const endpoint = new Uint32Array(ENDPOINT_WORDS);
        endpoint.set(table.remote.subarray(row * REMOTE_WORDS, (row + 1) * REMOTE_WORDS - 1));
        endpoint[ENDPOINT_CONNECTION] = row + 1;
        endpoint[ENDPOINT_GENERATION] = generation;
        return { kind: "opened", row, generation, dialled: socket.isDialled, endpoint, maxDatagramLen };
      }
      case "closed":
        return { kind: "closed", row, generation, why: event.why };
      case "doubted":
        return { kind: "doubted", row, generation, cause: event.cause };
      case "limit changed":
        return { kind: "limit changed", row, generation, maxDatagramLen };
    }
  }
}

/** How long a packet was of which `length` octets are at hand: what its IP header says, if no header can be cut off. */
function wholeLen(view: DataView, length: number): number {
  if (length < HEADERS_LEN_MAX) return length;
  const isV4 = view.getUint8(0) >>> 4 === 4;
  const announced = isV4 ? readIpv4TotalLen(view, 0) : IPV6_HEADER_LEN + readIpv6PayloadLen(view, 0);
  return Math.max(length, announced);
}
