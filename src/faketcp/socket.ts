/**
 * One FakeTCP connection as a state machine, with the names of RFC 9293 §3.3.2.
 *
 * ```text
 *            dial                          SYN of a stranger
 *             │                                   │
 *         SYN-SENT ──── SYN (crossing) ──► SYN-RECEIVED      cookie
 *             │ SYN-ACK                           │ ACK         │
 *             └───────────► ESTABLISHED ◄─────────┴─────────────┘
 *               close, no FIN seen │ close, FIN seen
 *              ┌───────────────────┴────────────┐
 *          FIN-WAIT-1 ── FIN ──► CLOSING     LAST-ACK
 *              │ ACK               │ ACK        │ ACK
 *          FIN-WAIT-2 ── FIN ─► TIME-WAIT ──► CLOSED
 * ```
 *
 * What to know before editing:
 *
 * - **Data is none of its business.** Lanes send and receive on the columns of the shared table while `state` there is OPEN.
 *   This machine writes the columns before it opens, and touches them carefully afterwards: lanes do the same at that moment.
 * - **RST and FIN on an open connection are not believed.** Whoever sees the flow can forge them; some networks do, to cut
 *   what they don't like. The owner is told that the connection is doubted, asks the peer itself by authenticated means,
 *   and closes or aborts if there is no answer. Towards the peer a doubted FIN is like a lost one: it is answered by an
 *   acknowledgment that doesn't cover it, so there is no CLOSE-WAIT here. Once the owner closes, the FIN is acknowledged.
 * - **A punch believes no RST or ICMP either** while it opens, and sends no RST: see `punch.ts`.
 * - A SYN on an open connection gets a challenge ACK (RFC 5961 §4): a peer that really lost its state answers by a reset.
 *
 * Nothing here does I/O or reads a clock; see the four kinds of functions `handle…`, `pollTransmit`, `pollTimeout`,
 * `pollEvent`.
 *
 * @module
 */

import { seqAdd, seqAfter, seqDistance, seqInWindow } from "../wire/sequence.ts";
import { TcpFlag } from "../wire/tcp.ts";
import { isAcceptable } from "./acceptance.ts";
import { advanceSeq, ConnectionFlag, ConnectionState } from "./connection_table.ts";
import {
  CHALLENGE_INTERVAL_MS,
  DOUBT_INTERVAL_MS,
  FIN_WAIT_2_MS,
  LOOK_INTERVAL_MS,
  TIME_WAIT_MS,
} from "./constants.ts";
import { ControlSegments, Pending, type SocketContext } from "./control_segments.ts";
import { applySyn, beginRow, chooseIss } from "./negotiation.ts";
import { Punch } from "./punch.ts";
import { type SegmentInfo, segmentLen } from "./segment_reader.ts";
import { StallWatch } from "./stall_watch.ts";

/** States of RFC 9293 §3.3.2 that occur here. */
export type SocketState =
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT"
  | "CLOSED";

/** Why a connection ended. */
export type CloseReason = "refused" | "timed out" | "closed" | "unreachable";

/** What makes a connection doubtful. */
export type DoubtCause = "RST" | "FIN" | "SYN" | "ICMP";

/** What the owner should know. */
export type SocketEvent =
  | { readonly kind: "opened" }
  | { readonly kind: "closed"; readonly why: CloseReason }
  | { readonly kind: "doubted"; readonly cause: DoubtCause }
  | { readonly kind: "limit changed" };

const { FIN, SYN, RST, ACK } = TcpFlag;

/** One connection: a row of the table, from the first SYN until nothing of it may arrive any more. */
export class Socket {
  readonly row: number;
  /** Whether we dialled. */
  readonly isDialled: boolean;
  readonly #context: SocketContext;
  /** Our MSS towards this family. */
  readonly #mss: number;
  readonly #segments: ControlSegments;
  readonly #events: SocketEvent[] = [];

  #state: SocketState = "CLOSED";
  /** While the connection opens, if the peer dials us at the same time, through NATs. */
  #punch: Punch | undefined;
  /** Last time that was given. */
  #nowMs = 0;
  /** When {@linkcode handleTimeout} has something to do. */
  #timerMs = Infinity;
  /** How often the SYN or FIN at hand was sent. */
  #tries = 0;
  /** Number behind the peer's FIN, once one was seen. */
  #peerFinEnd: number | undefined;
  #challengedMs = -Infinity;
  readonly #doubtedMs = new Map<DoubtCause, number>();

  /** From ESTABLISHED on. */
  #watch: StallWatch | undefined;

  /**
   * @param row A row whose remote side is written; no lane may read more of it yet.
   * @param mss Our MSS for the row's address family.
   */
  constructor(context: SocketContext, row: number, isDialled: boolean, mss: number) {
    this.#context = context;
    this.row = row;
    this.isDialled = isDialled;
    this.#mss = mss;
    this.#segments = new ControlSegments(context, row, mss);
  }

  get state(): SocketState {
    return this.#state;
  }

  /** Begins as the dialler. @param isPunch Whether the peer does so as well, at about the same time. */
  connect(nowMs: number, isPunch: boolean): void {
    const { table, isn, random } = this.#context;
    if (isPunch) this.#punch = new Punch(random, nowMs);
    this.#begin(isn === "zero" ? 0 : chooseIss(table, this.row, nowMs), nowMs);
    this.#state = "SYN-SENT";
    this.#sendRepeatedly(Pending.SYN);
  }

  /** Begins with a SYN of the peer. */
  accept(syn: SegmentInfo, nowMs: number): void {
    this.#begin(chooseIss(this.#context.table, this.row, nowMs), nowMs);
    this.#receiveSyn(syn);
  }

  /**
   * Begins with the acknowledgment of a SYN cookie.
   *
   * @param info The segment that acknowledges it.
   * @param peerMss What the cookie remembers of the peer's MSS.
   */
  acceptCookie(info: SegmentInfo, peerMss: number, nowMs: number): void {
    const { table, fingerprint } = this.#context;
    this.#begin(seqAdd(info.ack, -1), nowMs);
    const forgotten = { hasTimestamps: false, windowScale: -1, sackPermitted: false };
    applySyn(
      table,
      this.row,
      { ...info, ...forgotten, seq: seqAdd(info.seq, -1), mss: peerMss },
      fingerprint,
      this.#mss,
    );
    this.#establish(info);
  }

  /** Takes in a segment with this connection's tuple; its checksum was verified. */
  handleSegment(info: SegmentInfo, nowMs: number): void {
    this.#nowMs = nowMs;
    switch (this.#state) {
      case "CLOSED":
        return;
      case "SYN-SENT":
        return this.#handleInSynSent(info);
      case "SYN-RECEIVED":
        return this.#handleInSynReceived(info);
      case "ESTABLISHED":
        return this.#handleInEstablished(info);
      default:
        return this.#handleInClosing(info);
    }
  }

  /** Takes in that a router couldn't deliver a segment of this connection, which was in flight. */
  handleUnreachable(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#state === "SYN-SENT" && this.#punch === undefined) this.#finish("unreachable");
    else if (this.#state === "ESTABLISHED") this.#doubt("ICMP");
  }

  /** Takes in that datagrams on this connection may have at most `maxDatagramLen` octets. A limit never rises. */
  handleLimit(maxDatagramLen: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const column = this.#context.table.maxDatagramLen;
    if (this.#state !== "ESTABLISHED" || maxDatagramLen >= Atomics.load(column, this.row)) return;
    Atomics.store(column, this.row, maxDatagramLen);
    this.#events.push({ kind: "limit changed" });
  }

  /** Ends the connection in an orderly way: datagrams stop at once, the FIN handshake follows. */
  close(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#state === "SYN-SENT") return this.#finish("closed");
    if (this.#state !== "SYN-RECEIVED" && this.#state !== "ESTABLISHED") return;
    const { table } = this.#context;
    this.#withdraw();
    this.#punch = undefined;
    this.#segments.finSeq = Atomics.add(table.sndNxt, this.row, 1);
    if (this.#peerFinEnd === undefined) {
      this.#state = "FIN-WAIT-1";
    } else {
      advanceSeq(table.rcvNxt, this.row, this.#peerFinEnd);
      this.#state = "LAST-ACK";
    }
    this.#segments.keepOnly(0);
    this.#sendRepeatedly(Pending.FIN);
  }

  /** Forgets the connection. Nothing is sent, and no event comes. */
  abort(): void {
    this.#withdraw();
    this.#state = "CLOSED";
    this.#segments.keepOnly(0);
    this.#timerMs = Infinity;
    this.#events.length = 0;
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs < this.#timerMs) return;
    switch (this.#state) {
      case "SYN-SENT":
        return this.#repeat(Pending.SYN);
      case "SYN-RECEIVED":
        return this.#repeat(Pending.SYN_ACK);
      case "FIN-WAIT-1":
      case "CLOSING":
      case "LAST-ACK":
        return this.#repeat(Pending.FIN);
      case "ESTABLISHED":
        this.#timerMs = this.#nextLookMs();
        return this.#watch?.look(nowMs);
      default:
        return this.#finish("closed");
    }
  }

  /** Returns when {@linkcode handleTimeout} is to be called, ms; the last time given if something waits. */
  pollTimeout(): number {
    return this.hasOutput() || this.#events.length > 0 ? this.#nowMs : this.#timerMs;
  }

  /** Returns when {@linkcode handleTimeout} is to be called, whatever else waits. */
  deadlineMs(): number {
    return this.#timerMs;
  }

  /** Tells whether the connection is closed but for what latecomers want to hear. */
  isClosing(): boolean {
    return !["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"].includes(this.#state);
  }

  /** Returns what happened next, if anything. */
  pollEvent(): SocketEvent | undefined {
    return this.#events.shift();
  }

  /** Tells whether {@linkcode pollTransmit} has something to write. */
  hasOutput(): boolean {
    return !this.#segments.isEmpty();
  }

  /** Writes the next segment, checksum complete, and returns its length; 0 if there is none. */
  pollTransmit(view: DataView, offset: number): number {
    return this.#segments.write(view, offset, this.#nowMs);
  }

  /** Tells whether a SYN in TIME-WAIT begins a new connection of the same tuple: it is newer than all we know (RFC 6191). */
  isReopenedBy(syn: SegmentInfo): boolean {
    if (this.#state !== "TIME-WAIT" || (syn.flags & (SYN | ACK | RST)) !== SYN) return false;
    const { table } = this.#context;
    const isNewerByTime = syn.hasTimestamps && seqAfter(syn.tsVal, table.tsRecent[this.row]);
    return isNewerByTime || seqAfter(syn.seq, Atomics.load(table.rcvNxt, this.row));
  }

  #begin(iss: number, nowMs: number): void {
    this.#nowMs = nowMs;
    beginRow(this.#context.table, this.row, iss, this.#mss, this.#context.random, nowMs);
  }

  /** A SYN without ACK, of a stranger or crossing ours: SYN-RECEIVED. */
  #receiveSyn(syn: SegmentInfo): void {
    const { table, fingerprint } = this.#context;
    this.#segments.synOptions = applySyn(table, this.row, syn, fingerprint, this.#mss);
    this.#state = "SYN-RECEIVED";
    Atomics.store(table.state, this.row, ConnectionState.HALF_OPEN);
    this.#segments.keepOnly(0);
    this.#sendRepeatedly(Pending.SYN_ACK);
  }

  #handleInSynSent(info: SegmentInfo): void {
    const { table, fingerprint } = this.#context;
    const { row } = this;
    if ((info.flags & ACK) !== 0 && info.ack !== Atomics.load(table.sndNxt, row)) {
      // Acknowledges something older than our SYN: the peer still has a connection of this tuple, and a reset ends it.
      if ((info.flags & RST) === 0) this.#reset(info.ack);
      return;
    }
    if ((info.flags & RST) !== 0) {
      if ((info.flags & ACK) !== 0) this.#refuse();
      return;
    }
    if ((info.flags & SYN) === 0) return;
    if ((info.flags & ACK) === 0) return this.#receiveSyn(info);
    applySyn(table, row, info, fingerprint, this.#mss);
    this.#establish(info);
  }

  #handleInSynReceived(info: SegmentInfo): void {
    const { table } = this.#context;
    const { row } = this;
    const isFirst = info.seq === table.irs[row];
    if ((info.flags & RST) !== 0) {
      // Only an exact one is believed (RFC 5961 §3.2); data that came in early has moved rcvNxt.
      const isExact = info.seq === seqAdd(table.irs[row], 1) || info.seq === Atomics.load(table.rcvNxt, row);
      if (isExact) this.#refuse();
      return;
    }
    if ((info.flags & SYN) !== 0 && !isFirst) {
      // Who punches may have begun anew.
      return this.#punch === undefined ? this.#challenge() : this.#handleInSynSent(info);
    }
    if ((info.flags & ACK) === 0) {
      // Our SYN-ACK was lost.
      this.#segments.add(Pending.SYN_ACK);
      return;
    }
    if (info.ack !== seqAdd(table.iss[row], 1)) return this.#reset(info.ack);
    if (!isFirst && !this.#isNear(info.seq)) return this.#challenge();
    this.#establish(info);
    if ((info.flags & FIN) !== 0) this.#handleInEstablished(info);
  }

  /** An exact reset before the connection is open. Who punches goes on, or goes back, to SYNs. */
  #refuse(): void {
    if (this.#punch === undefined) return this.#finish("refused");
    this.#withdraw();
    this.#state = "SYN-SENT";
    this.#segments.keepOnly(0);
    this.#segments.synOptions = this.#context.fingerprint.synOptions;
    this.#timerMs = Math.min(this.#timerMs, this.#punch.resumeMs(this.#nowMs));
  }

  /** Answers a segment of another connection of this tuple by a reset; but one that meets a NAT closes the way of a punch. */
  #reset(seq: number): void {
    if (this.#punch === undefined) this.#segments.addReset(seq);
  }

  /** Our SYN is acknowledged, the peer's is known: datagrams may pass. */
  #establish(info: SegmentInfo): void {
    const { table, firstPayload } = this.#context;
    const { row } = this;
    const isSyn = (info.flags & SYN) !== 0;
    table.sndWnd[row] = isSyn ? info.window : info.window << table.sndScale[row];
    if ((Atomics.load(table.flags, row) & ConnectionFlag.TIMESTAMPS) !== 0 && info.hasTimestamps) {
      table.tsRecent[row] = info.tsVal;
    }
    advanceSeq(table.sndUna, row, info.ack);
    // At once and always: firewalls don't scale the windows of SYNs, so they have to see a scaled one before data comes.
    this.#segments.keepOnly(0);
    this.#segments.add(Pending.ACK);
    if (this.isDialled && firstPayload.length > 0 && firstPayload.length <= table.maxDatagramLen[row]) {
      // Its sequence numbers are taken before any lane may take some: it is the first.
      Atomics.add(table.sndNxt, row, firstPayload.length);
      this.#segments.add(Pending.FIRST_PAYLOAD);
    }
    this.#state = "ESTABLISHED";
    this.#punch = undefined;
    this.#watch = new StallWatch(table, row, this.#nowMs);
    this.#timerMs = this.#nextLookMs();
    Atomics.store(table.state, row, ConnectionState.OPEN);
    this.#events.push({ kind: "opened" });
  }

  #handleInEstablished(info: SegmentInfo): void {
    const { table } = this.#context;
    const isFirst = info.seq === table.irs[this.row];
    if ((info.flags & SYN) !== 0) {
      this.#challenge();
      // A repeated SYN or SYN-ACK only says that the peer didn't see ours.
      if (!isFirst) this.#doubt("SYN");
      return;
    }
    if ((info.flags & RST) !== 0) {
      if (this.#isNear(info.seq)) this.#doubt("RST");
      return;
    }
    // Data is the lanes' business, and what nobody could authenticate moves no column here.
    if ((info.flags & FIN) === 0 || !isAcceptable(table, this.row, info, this.#nowMs)) return;
    this.#peerFinEnd = seqAdd(info.seq, segmentLen(info));
    this.#challenge();
    this.#doubt("FIN");
  }

  /** We have said that we close, so a FIN, or a reset that isn't far off, is what we want to hear. */
  #handleInClosing(info: SegmentInfo): void {
    const { table } = this.#context;
    if ((info.flags & SYN) !== 0) return this.#challenge();
    if (!this.#isNear(info.seq)) return;
    if ((info.flags & RST) !== 0) return this.#finish("closed");
    if (seqDistance(info.ack, this.#segments.finSeq) > 0) {
      if (this.#state === "LAST-ACK") return this.#finish("closed");
      if (this.#state === "CLOSING") this.#waitAfterClose();
      if (this.#state === "FIN-WAIT-1") {
        this.#state = "FIN-WAIT-2";
        this.#segments.keepOnly(0);
        this.#timerMs = this.#nowMs + FIN_WAIT_2_MS;
      }
    }
    if ((info.flags & FIN) === 0) return;
    advanceSeq(table.rcvNxt, this.row, seqAdd(info.seq, segmentLen(info)));
    if (this.#state === "FIN-WAIT-1") this.#state = "CLOSING";
    else if (this.#state === "FIN-WAIT-2") this.#waitAfterClose();
    if (this.#state !== "LAST-ACK") this.#segments.add(Pending.ACK);
  }

  /** TIME-WAIT: for the owner the connection is gone. */
  #waitAfterClose(): void {
    this.#state = "TIME-WAIT";
    this.#segments.keepOnly(0);
    this.#timerMs = this.#nowMs + TIME_WAIT_MS;
    this.#events.push({ kind: "closed", why: "closed" });
  }

  #finish(why: CloseReason): void {
    const isKnown = this.#state !== "TIME-WAIT" && (this.isDialled || this.#state !== "SYN-RECEIVED");
    this.#withdraw();
    this.#state = "CLOSED";
    this.#segments.keepOnly(0);
    this.#timerMs = Infinity;
    if (isKnown) this.#events.push({ kind: "closed", why });
  }

  /** No datagram passes any more. */
  #withdraw(): void {
    Atomics.store(this.#context.table.state, this.row, ConnectionState.CLOSED);
  }

  /** Sends for the first time what is repeated until it is answered. */
  #sendRepeatedly(bit: number): void {
    if (this.#punch !== undefined) return this.#repeat(bit);
    this.#segments.add(bit);
    this.#tries = 1;
    this.#timerMs = this.#nowMs + this.#context.fingerprint.retransmitMs[0];
  }

  /** Sends once more, or gives up. Called late, it doesn't catch up: the next time is as far off as ever. */
  #repeat(bit: number): void {
    const nextMs = this.#punch === undefined ? this.#nextTryMs() : this.#punch.nextMs(this.#nowMs);
    if (nextMs === undefined) return this.#finish("timed out");
    this.#segments.add(bit);
    this.#timerMs = nextMs;
    this.#tries++;
  }

  #nextTryMs(): number | undefined {
    const { retransmitMs } = this.#context.fingerprint;
    if (this.#tries >= retransmitMs.length) return undefined;
    return this.#nowMs + retransmitMs[this.#tries] - retransmitMs[this.#tries - 1];
  }

  /** All connections are looked at at the same times, so that the owner isn't woken for each. */
  #nextLookMs(): number {
    return (Math.floor(this.#nowMs / LOOK_INTERVAL_MS) + 1) * LOOK_INTERVAL_MS;
  }

  /** Tells whether a sequence number lies within a window of what is expected: nothing is retransmitted, so behind it too. */
  #isNear(seq: number): boolean {
    const { table } = this.#context;
    const rcvWnd = table.rcvWnd[this.row];
    return seqInWindow(seq, seqAdd(Atomics.load(table.rcvNxt, this.row), -rcvWnd), 2 * rcvWnd);
  }

  /** Sends an acknowledgment of what we have (RFC 5961 §4), unless that was done just now. */
  #challenge(): void {
    if (this.#nowMs - this.#challengedMs < CHALLENGE_INTERVAL_MS) return;
    this.#challengedMs = this.#nowMs;
    this.#segments.add(Pending.ACK);
  }

  #doubt(cause: DoubtCause): void {
    if (this.#nowMs - (this.#doubtedMs.get(cause) ?? -Infinity) < DOUBT_INTERVAL_MS) return;
    this.#doubtedMs.set(cause, this.#nowMs);
    this.#events.push({ kind: "doubted", cause });
  }
}
