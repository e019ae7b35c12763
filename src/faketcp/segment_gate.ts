// No allocation per packet in this file.
/**
 * What a lane hands to the control thread, and how much of it.
 *
 * The control thread answers SYNs, believes or disbelieves resets, and reads what routers report. Anybody can send such
 * packets, millions a second, so each kind has its own rate: a flood of one kind keeps no other back.
 *
 * | kind | a second, each lane | beyond that |
 * | --- | --- | --- |
 * | SYN of an unknown tuple | 1000 | answered by a SYN cookie, at ports that are listened on, 10,000 a second |
 * | handshake: known tuple that isn't open yet, or a valid SYN cookie | 1000 | dropped; the peer tries again |
 * | SYN, FIN, RST on an open connection | 100 | dropped: none of them is believed at once anyway |
 * | unknown tuple (a host answers with a reset) | 100 | dropped, as Linux does (`icmp_ratelimit`, `tcp_challenge_ack_limit`) |
 * | ICMP error | 100 | dropped |
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import {
  ICMP_ERROR_HEADER_LEN,
  ICMP_UNREACHABLE,
  ICMPV6_TOO_BIG,
  ICMPV6_UNREACHABLE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  readIcmpType,
} from "../wire/icmp.ts";
import { checkIpv4, readIpv4Protocol } from "../wire/ipv4.ts";
import { checkIpv6, IPV6_HEADER_LEN, readIpv6NextHeader } from "../wire/ipv6.ts";
import { TcpFlag } from "../wire/tcp.ts";
import { ConnectionState, type ConnectionTable, NO_CONNECTION } from "./connection_table.ts";
import { type SegmentInfo } from "./segment_reader.ts";
import { type SegmentSender } from "./segment_sender.ts";
import { checkSynCookie } from "./syn_cookie.ts";
import { TokenBucket } from "../base/token_bucket.ts";

/** Octets of a packet that the control thread needs: whole headers, and all of an ICMP error (RFC 4443 §2.4 c). */
export const SINK_PACKET_MAX = 1280;

/** Where a lane puts what isn't its own business. */
export interface SegmentSink {
  /**
   * Takes a packet that the control thread must see.
   *
   * @param octets Holds the packet at `at`; may be read until this call returns.
   * @param length The beginning of the packet, {@linkcode SINK_PACKET_MAX} octets at most; its IP header tells how long it was.
   * @returns Whether there was room.
   */
  takeSegment(octets: Uint8Array, at: number, length: number): boolean;

  /** Counts packets that were dropped, by a {@linkcode Reason}. */
  drop(reason: number, count: number): void;
}

/** How SYNs are answered while there are too many to remember. */
export interface CookieOptions {
  /** Ports that are listened on. */
  readonly ports: readonly number[];
  /** MSS to offer over IPv4 and over IPv6. */
  readonly mssV4: number;
  readonly mssV6: number;
  /** Window to offer, as on the wire. */
  readonly window: number;
}

const SYNS_PER_SECOND = 1000;
const COOKIES_PER_SECOND = 10_000;
const HANDSHAKES_PER_SECOND = 1000;
const INTRUSIONS_PER_SECOND = 100;
const STRAYS_PER_SECOND = 100;
const ICMP_ERRORS_PER_SECOND = 100;

/** The way from one lane to the control thread. */
export class SegmentGate {
  readonly #table: ConnectionTable;
  readonly #sender: SegmentSender;
  readonly #sink: SegmentSink;
  readonly #cookies: CookieOptions;
  readonly #syns = new TokenBucket(SYNS_PER_SECOND);
  readonly #cookieReplies = new TokenBucket(COOKIES_PER_SECOND);
  readonly #handshakes = new TokenBucket(HANDSHAKES_PER_SECOND);
  readonly #intrusions = new TokenBucket(INTRUSIONS_PER_SECOND);
  readonly #strays = new TokenBucket(STRAYS_PER_SECOND);
  readonly #icmpErrors = new TokenBucket(ICMP_ERRORS_PER_SECOND);

  constructor(table: ConnectionTable, sender: SegmentSender, sink: SegmentSink, cookies: CookieOptions) {
    this.#table = table;
    this.#sender = sender;
    this.#sink = sink;
    this.#cookies = cookies;
  }

  /**
   * Takes a segment that isn't data or an acknowledgment of an open connection. Its checksum is right.
   *
   * @param octets Holds the packet at `at`.
   * @param row Row of the connection, or `NO_CONNECTION`.
   */
  takeSegment(octets: Uint8Array, at: number, length: number, info: SegmentInfo, row: number, nowMs: number): void {
    if (row !== NO_CONNECTION) {
      const isOpen = Atomics.load(this.#table.state, row) === ConnectionState.OPEN;
      this.#pass(octets, at, length, isOpen ? this.#intrusions : this.#handshakes, nowMs);
      return;
    }
    const { SYN, ACK, RST, FIN } = TcpFlag;
    const flags = info.flags & (SYN | ACK | RST | FIN);
    if (flags === SYN) return this.#takeSyn(octets, at, length, info, nowMs);
    if ((flags & RST) !== 0) return this.#sink.drop(Reason.SEGMENT_UNKNOWN, 1);
    const answersCookie = flags === ACK && this.#cookies.ports.includes(info.localPort) &&
      checkSynCookie(this.#table, info, nowMs) !== 0;
    this.#pass(octets, at, length, answersCookie ? this.#handshakes : this.#strays, nowMs);
  }

  /**
   * Takes a packet that isn't TCP, if it is an ICMP error.
   *
   * @param octets Holds the packet at `at`, `length` octets.
   * @param view Views the same.
   */
  takeOther(octets: Uint8Array, view: DataView, at: number, length: number, nowMs: number): void {
    if (isIcmpError(view, at, length)) this.#pass(octets, at, length, this.#icmpErrors, nowMs);
    else this.#sink.drop(Reason.SEGMENT_FOREIGN, 1);
  }

  #takeSyn(octets: Uint8Array, at: number, length: number, syn: SegmentInfo, nowMs: number): void {
    if (this.#syns.take(nowMs)) {
      this.#deliver(octets, at, length);
    } else if (this.#cookies.ports.includes(syn.localPort) && this.#cookieReplies.take(nowMs)) {
      this.#sender.sendCookie(syn, syn.family === 4 ? this.#cookies.mssV4 : this.#cookies.mssV6, this.#cookies.window);
    } else {
      this.#sink.drop(Reason.SEGMENT_RATE, 1);
    }
  }

  #pass(octets: Uint8Array, at: number, length: number, bucket: TokenBucket, nowMs: number): void {
    if (bucket.take(nowMs)) this.#deliver(octets, at, length);
    else this.#sink.drop(Reason.SEGMENT_RATE, 1);
  }

  #deliver(octets: Uint8Array, at: number, length: number): void {
    if (!this.#sink.takeSegment(octets, at, Math.min(length, SINK_PACKET_MAX))) {
      this.#sink.drop(Reason.EVENT_OVERFLOW, 1);
    }
  }
}

/**
 * Tells whether a packet is a report of a router, by protocol and type. Whether its checksum is right, and what it is about, is
 * for the stack to judge (`icmp_error.ts`).
 */
function isIcmpError(view: DataView, at: number, length: number): boolean {
  if (length > SINK_PACKET_MAX) return false;
  const headerLen = checkIpv4(view, at, length);
  if (headerLen > 0) {
    if (readIpv4Protocol(view, at) !== PROTOCOL_ICMP || headerLen + ICMP_ERROR_HEADER_LEN > length) return false;
    return readIcmpType(view, at + headerLen) === ICMP_UNREACHABLE;
  }
  if (checkIpv6(view, at, length) === 0 || readIpv6NextHeader(view, at) !== PROTOCOL_ICMPV6) return false;
  if (IPV6_HEADER_LEN + ICMP_ERROR_HEADER_LEN > length) return false;
  const type = readIcmpType(view, at + IPV6_HEADER_LEN);
  return type === ICMPV6_UNREACHABLE || type === ICMPV6_TOO_BIG;
}
